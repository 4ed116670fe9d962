// A picture as one page for a browser: it needs no server and no network, and can reach none (Content-Security-Policy). What the page knows of the system is
// data in it, and is only ever put in as text.
import { createHash } from "node:crypto";
import type { Picture } from "../../../caps/graph/picture.ts";
import { shownName, tellWire } from "./dot.ts";
import type { Layout } from "./layout.ts";
import { FAINT, INK, KIND_WORDS, RED } from "./look.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import { drawing, escaped, legend, STYLE } from "./svg.ts";

const PAGE_STYLE = `
${STYLE}
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body { display: grid; grid-template-columns: 1fr 360px; font: 13px/1.45 "DejaVu Sans", "Liberation Sans", Helvetica, Arial, sans-serif; color: ${INK}; background: #fff; }
main { position: relative; min-width: 0; overflow: hidden; }
main > svg { width: 100%; height: 100%; display: block; cursor: grab; touch-action: none; }
main > svg.dragged { cursor: grabbing; }
aside { border-left: 1px solid #d5dae0; background: #fafbfc; padding: 16px; overflow: auto; }
h1 { font-size: 17px; margin: 0 0 2px; overflow-wrap: anywhere; }
h2 { font-size: 13px; margin: 18px 0 6px; }
p { margin: 4px 0; }
.faint, .hint { color: ${FAINT}; }
input { width: 100%; font: inherit; padding: 6px 8px; border: 1px solid #b8c1ca; border-radius: 4px; margin-top: 10px; }
ol, ul { margin: 4px 0; padding-left: 1.4em; }
code { font-family: "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace; font-size: 12px; overflow-wrap: anywhere; }
button.claim { display: block; width: 100%; text-align: left; font: inherit; background: #fff; border: 1px solid #d5dae0; border-left: 4px solid #2e7d32; border-radius: 3px; padding: 6px 8px; margin: 5px 0; cursor: pointer; color: inherit; overflow-wrap: anywhere; }
button.claim.bad { border-left-color: ${RED}; }
button.claim.bad b { color: ${RED}; }
summary { cursor: pointer; color: #2e7d32; margin: 6px 0; }
button.claim[aria-pressed="true"] { background: #fff6d6; }
.box, .wire { cursor: pointer; }
.focused main .box, .focused main .wire, .focused main .class { opacity: 0.22; }
.focused main .could, .focused main .holds, .focused main .lit { opacity: 1; }
.could > .area { stroke-dasharray: 4 3; stroke: #a15c00; stroke-width: 2.2; }
.holds > .area { stroke: #a15c00; stroke-width: 3; }
.box.lit > .area { stroke: #111; stroke-width: 2.6; }
.focused .broken.lit > .area { stroke: ${RED}; }
.wire > path.hit { stroke: transparent; stroke-width: 12; stroke-dasharray: none; }
@media (max-width: 800px) { body { grid-template-columns: 1fr; grid-template-rows: 60% 40%; } aside { border-left: 0; border-top: 1px solid #d5dae0; } }
`;

const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

export function pageOf(picture: Picture, layout: Layout): string {
  const facts = factsOf(picture);
  const key = legend(picture, 320, true);
  const policy = `default-src 'none'; style-src ${hash(PAGE_STYLE)}; script-src ${hash(PAGE_SCRIPT)}; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<title>${escaped(picture.title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="-20 -20 ${Math.ceil(layout.width) + 40} ${Math.ceil(layout.height) + 40}">
${drawing(picture, layout)}
</svg>
</main>
<aside>
<h1>${escaped(picture.title)}</h1>
<p class="faint">${picture.boxes.filter(({ kind }) => kind !== "device" && kind !== "program").length} components. Wheel: nearer, farther. Drag: move. Click: keep. Escape: everything.</p>
<input type="search" placeholder="Find a component, an offer, a device" aria-label="Find">
<section id="told" aria-live="polite"></section>
<section id="claims"></section>
<h2>What it means</h2>
<svg width="326" height="${key.height}">${key.text}</svg>
</aside>
<script type="application/json" id="facts">${json(facts)}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

/** In a script element nothing ends the element but "</": no "<" is left. */
const json = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c");

/** What the script of the page reads. */
function factsOf({ boxes, wires, classes, claims }: Picture) {
  return {
    boxes: boxes.map((box) => ({ name: box.name, shown: shownName(box), what: KIND_WORDS[box.kind], component: box.kind !== "device" && box.kind !== "program", trusted: box.trusted })),
    wires: wires.map((wire) => ({ from: wire.from, to: wire.to, things: wire.items.map(({ thing, rights }) => ({ thing, rights })), tells: tellWire(wire), folded: wire.folded })),
    classes,
    claims: claims.map(({ says, broken }, index) => ({
      says,
      ...(broken === undefined ? {} : { instead: broken.says, steps: broken.path.map((step) => step.says), boxes: boxes.filter((box) => box.broken.includes(index)).map(({ name }) => name), wires: wires.flatMap((wire, i) => (wire.broken.includes(index) ? [i] : [])) }),
    })),
  };
}
