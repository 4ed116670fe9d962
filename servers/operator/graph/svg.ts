// A picture as SVG: boxes, wires, what they mean, and the claims. Every text of the system's goes through `escaped`.
import type { Box, BoxKind, Picture, PicturedClaim, Wire } from "../../../caps/graph/picture.ts";
import { classWords, linesOf, NAME_SIZE, numbers, shownName, tellWire, TEXT_SIZE, WIRE_SIZE, wireLines } from "./dot.ts";
import type { Area, Curve, Layout, Point } from "./layout.ts";
import { COLOURS, FAINT, INK, KIND_WORDS, RED, WIRE } from "./look.ts";

/** For text and attributes of HTML and XML; what has no place in either, or turns text around, becomes U+FFFD. */
export const escaped = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu, "\ufffd").replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

const kinds = Object.entries(COLOURS).map(([kind, { fill, stroke }]) => `.${kind} > .area { fill: ${fill}; stroke: ${stroke}; }`);
/** Of the drawing alone: a page has its own beside it. */
export const STYLE = `
text { font-family: "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, "Courier New", monospace; font-size: ${TEXT_SIZE}px; fill: ${INK}; }
.prose { font-family: "DejaVu Sans", "Liberation Sans", Helvetica, Arial, sans-serif; font-size: 11px; }
.title { font-size: 17px; font-weight: bold; }
.name { font-size: ${NAME_SIZE}px; font-weight: bold; }
.what, .faint { fill: ${FAINT}; }
.area { stroke-width: 1.2; }
${kinds.join("\n")}
.class > .ground { fill: ${COLOURS.class.fill}; }
.class > text { fill: #8a7a3e; }
.wire > path { fill: none; stroke: ${WIRE}; stroke-width: 1.1; }
.wire > polygon { fill: ${WIRE}; }
.wire > text { font-size: ${WIRE_SIZE}px; fill: #323d47; }
.plate { fill: #fff; }
.toserver > path { stroke-width: 3; }
.toclient > path { stroke-dasharray: 7 4; stroke-width: 1.8; }
.toserver.toclient > path { stroke-width: 3; }
.shared > path { stroke-dasharray: 1.5 4; stroke-linecap: round; stroke-width: 2; }
.broken > .area { stroke: ${RED}; stroke-width: 2.4; }
.wire.broken > path { stroke: ${RED}; }
.wire.broken > polygon, .wire.broken > text, .bad { fill: ${RED}; }
.good { fill: #2e7d32; }
.strong { font-weight: bold; }
`.trim();

const MARGIN = 24, MIN_WIDTH = 760, LINE = 14, COLUMN = 366;

/** The whole: a document of its own. */
export function svgOf(picture: Picture, layout: Layout): string {
  const width = Math.ceil(Math.max(layout.width, MIN_WIDTH) + 2 * MARGIN);
  const key = legend(picture, width - 2 * MARGIN, layout.labels);
  const claims = claimsText(picture.claims, width - 2 * MARGIN);
  const top = MARGIN + 34, below = top + Math.ceil(layout.height) + MARGIN;
  const height = below + key.height + claims.height + MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>${escaped(picture.title)}</title>
<style>${STYLE}</style>
<rect width="100%" height="100%" fill="#fff"/>
<text class="prose title" x="${MARGIN}" y="${MARGIN + 12}">${escaped(picture.title)}</text>
${moved({ x: MARGIN, y: top }, drawing(picture, layout))}
<path d="M${MARGIN} ${below - 8}H${width - MARGIN}" stroke="#d5dae0"/>
${moved({ x: MARGIN, y: below }, key.text)}
${moved({ x: MARGIN, y: below + key.height }, claims.text)}
</svg>
`;
}

const moved = ({ x, y }: Point, inside: string): string => `<g transform="translate(${x} ${y})">\n${inside}\n</g>`;

/** Boxes and wires, from 0, 0 to the layout's size. */
export function drawing(picture: Picture, layout: Layout): string {
  const pieces: string[] = [], titles: string[] = [];
  for (const [index, area] of [...layout.classes].sort(([a], [b]) => a - b)) {
    const members = picture.classes[index] ?? [];
    pieces.push(`<g class="class" data-class="${index}">${rect(area, 8)}</g>`);
    const words = classWords(members.length), at = { x: area.x + 8, y: area.y + 4 };
    titles.push(`<g class="class" data-class="${index}"><rect class="ground" x="${round(at.x - 2)}" y="${round(at.y)}" width="${round(words.length * TEXT_SIZE * 0.61 + 6)}" height="14"/><text x="${round(at.x + 2)}" y="${round(at.y + 10)}">${words}</text></g>`);
  }
  const wires = picture.wires.map((wire, index) => ({ wire, index })).sort((a, b) => Number(a.wire.broken.length > 0) - Number(b.wire.broken.length > 0));
  for (const { wire, index } of wires) {
    const curve = layout.wires.get(index);
    if (curve !== undefined) pieces.push(drawWire(wire, index, curve));
  }
  pieces.push(...titles);
  for (const box of picture.boxes) {
    const area = layout.boxes.get(box.name);
    if (area !== undefined) pieces.push(drawBox(box, area, linesOf(box, picture)));
  }
  return pieces.join("\n");
}

function drawWire(wire: Wire, index: number, { points, tip, label }: Curve): string {
  const [first = tip, ...rest] = points, last = points.at(-1) ?? tip;
  const classes = ["wire", ...(wire.toServer ? ["toserver"] : []), ...(wire.toClient ? ["toclient"] : []), ...(wire.items.length === 0 ? ["shared"] : []), ...(wire.broken.length > 0 ? ["broken"] : [])];
  const lines = wireLines(wire);
  return [
    `<g class="${classes.join(" ")}" data-wire="${index}" data-from="${escaped(wire.from)}" data-to="${escaped(wire.to)}">`,
    `<title>${escaped(tellWire(wire).join("; "))}</title>`,
    `<path d="M${at(first)}C${rest.map(at).join(" ")}"/>`,
    arrow(last, tip),
    ...(label === undefined || lines.length === 0 ? [] : [plate(onCurve(points, label), lines)]),
    "</g>",
  ].join("");
}

/** A wire's text, on the wire. */
function plate({ x, y }: Point, lines: readonly string[]): string {
  const width = Math.max(...lines.map((line) => line.length)) * WIRE_SIZE * 0.61 + 6, height = lines.length * 11 + 2;
  const texts = lines.map((line, i) => `<text x="${round(x)}" y="${round(y - height / 2 + 9.5 + i * 11)}" text-anchor="middle">${escaped(line)}</text>`);
  return `<rect class="plate" x="${round(x - width / 2)}" y="${round(y - height / 2)}" width="${round(width)}" height="${height}" rx="3"/>${texts.join("")}`;
}

/** The point of a curve that is nearest to one beside it, where Graphviz has made room for a text. */
function onCurve(points: readonly Point[], near: Point): Point {
  const STEPS = 24;
  let best = near, least = Infinity;
  for (let i = 0; i + 3 < points.length; i += 3) {
    const [a = near, b = near, c = near, d = near] = points.slice(i, i + 4);
    for (let step = 0; step <= STEPS; step++) {
      const t = step / STEPS, u = 1 - t;
      const blend = (axis: "x" | "y"): number => u * u * u * a[axis] + 3 * u * u * t * b[axis] + 3 * u * t * t * c[axis] + t * t * t * d[axis];
      const point = { x: blend("x"), y: blend("y") }, distance = Math.hypot(2 * (point.x - near.x), point.y - near.y);
      if (distance < least) [best, least] = [point, distance];
    }
  }
  return best;
}

function arrow(from: Point, tip: Point): string {
  const length = Math.hypot(tip.x - from.x, tip.y - from.y);
  if (length === 0) return "";
  const x = (tip.x - from.x) / length, y = (tip.y - from.y) / length, half = 3.4;
  return `<polygon points="${at(tip)} ${at({ x: from.x - y * half, y: from.y + x * half })} ${at({ x: from.x + y * half, y: from.y - x * half })}"/>`;
}

function drawBox(box: Box, area: Area, lines: readonly string[]): string {
  const middle = round(area.x + area.width / 2), height = 16 + lines.length * 12, top = area.y + (area.height - height) / 2 + 12;
  const inner = { x: area.x + 3, y: area.y + 3, width: area.width - 6, height: area.height - 6 };
  return [
    `<g class="box ${box.kind}${box.broken.length > 0 ? " broken" : ""}" data-box="${escaped(box.name)}">`,
    rect(area, box.kind === "device" ? 10 : box.kind === "program" ? 0 : 3),
    ...(box.trusted ? [rect(inner, 2)] : []),
    `<text class="name" x="${middle}" y="${round(top)}" text-anchor="middle">${escaped(shownName(box))}</text>`,
    ...lines.map((line, i) => `<text class="${line.startsWith("→") ? "held" : line.startsWith("⇒") ? "held strong" : "what"}" x="${middle}" y="${round(top + 13 + i * 12)}" text-anchor="middle">${escaped(line)}</text>`),
    "</g>",
  ].join("");
}

const round = (value: number): number => Math.round(value * 10) / 10;
const at = ({ x, y }: Point): string => `${round(x)},${round(y)}`;
const rect = ({ x, y, width, height }: Area, radius: number): string => `<rect class="area" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="${radius}"/>`;

interface Block {
  readonly text: string;
  readonly height: number;
}

/** What is in the picture, and what it means; what is not in it is not explained. */
export function legend({ boxes, wires, classes }: Picture, width: number, labels: boolean): Block {
  const swatch = (kind: BoxKind, extra = ""): string => `<g class="${kind}">${rect({ x: 0, y: -11, width: 34, height: 15 }, kind === "device" ? 7 : 2)}${extra}</g>`;
  const line = (kind: string): string => `<g class="wire ${kind}"><path d="M0,-4L28,-4"/>${arrow({ x: 27, y: -4 }, { x: 34, y: -4 })}</g>`;
  const has = (test: (wire: Wire) => boolean): boolean => wires.some((wire) => !wire.folded && test(wire));
  const entries: (readonly [there: boolean, sign: string, words: string])[] = [
    ...(Object.keys(KIND_WORDS) as BoxKind[]).map((kind) => [boxes.some((box) => box.kind === kind), swatch(kind), kind === "device" ? "of the platform: device, time, secret" : KIND_WORDS[kind]] as const),
    [boxes.some(({ trusted }) => trusted), swatch("machine", rect({ x: 3, y: -8, width: 28, height: 9 }, 1)), "trusted: hands on only what is its own"],
    [classes.length > 0, `<g class="class">${rect({ x: 0, y: -11, width: 34, height: 15 }, 4)}</g>`, "worst-case class: may come to hold the same"],
    [has(({ toServer, toClient, items }) => !toServer && !toClient && items.length > 0), line(""), "holds a capability; messages are data alone"],
    [has(({ toServer, toClient }) => toServer && !toClient), line("toserver"), "capabilities can go along"],
    [has(({ toServer, toClient }) => !toServer && toClient), line("toclient"), "answers can bring capabilities"],
    [has(({ toServer, toClient }) => toServer && toClient), line("toserver toclient"), "capabilities can go and come"],
    [has(({ items }) => items.length === 0), line("shared"), "could come to share what they have"],
    [boxes.some(({ broken }) => broken.length > 0), line("broken"), "✗ the way that breaks a claim, with its number"],
    [wires.some(({ folded }) => folded), `<text x="0" y="0">→ a.b</text>`, "holds it too: told, not drawn"],
    [wires.some(({ folded, toServer, toClient }) => folded && (toServer || toClient)), `<text class="strong" x="0" y="0">⇒ a.b</text>`, "so too; capabilities can go or come"],
    [!labels, "", "Rights are told when the pointer is on a wire"],
  ];
  const shown = entries.filter(([there]) => there);
  const columns = Math.max(1, Math.floor(width / COLUMN)), rows = Math.ceil(shown.length / columns);
  const text = shown.map(([, sign, words], i) => `<g transform="translate(${Math.floor(i / rows) * COLUMN} ${14 + (i % rows) * 22})">${sign}<text class="prose" x="${sign === "" ? 0 : 44}" y="0">${words}</text></g>`);
  return { text: text.join("\n"), height: rows * 22 + 12 };
}

const MOST_BROKEN = 40, MOST_HOLDING = 12;

/** Broken ones first, with their ways. */
function claimsText(claims: readonly PicturedClaim[], width: number): Block {
  const lines: { readonly text: string; readonly look: string; readonly indent: number }[] = [];
  const say = (text: string, look: string, indent = 0): void => {
    for (const piece of wrapped(text, Math.floor((width - indent) / 6.6))) lines.push({ text: piece, look, indent });
  };
  const numbered = claims.map((claim, index) => ({ ...claim, number: numbers([index]) }));
  const broken = numbered.filter((claim) => claim.broken !== undefined), holding = numbered.filter((claim) => claim.broken === undefined);
  for (const claim of broken.slice(0, MOST_BROKEN)) {
    say(`✗ ${claim.number}  does not hold: ${claim.says}`, "bad strong");
    say(`${claim.broken?.says}`, "bad", 24);
    for (const step of claim.broken?.path ?? []) say(step.says, "faint", 36);
  }
  if (broken.length > MOST_BROKEN) say(`and ${broken.length - MOST_BROKEN} more do not hold`, "bad strong");
  for (const claim of holding.slice(0, MOST_HOLDING)) say(`✓ ${claim.number}  ${claim.says}`, "good");
  if (holding.length > MOST_HOLDING) say(`and ${holding.length - MOST_HOLDING} more hold`, "good");
  return { text: lines.map(({ text, look, indent }, i) => `<text class="prose ${look}" x="${indent}" y="${16 + i * LINE}">${escaped(text)}</text>`).join("\n"), height: lines.length === 0 ? 0 : lines.length * LINE + 14 };
}

function wrapped(text: string, letters: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length >= letters) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
