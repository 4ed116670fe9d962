// What the page of a picture (page.ts) does in the browser. It is the same for every system, and puts nothing of the system's in but as text.

export const PAGE_SCRIPT = String.raw`
"use strict";
const facts = JSON.parse(document.getElementById("facts").textContent);
const svg = document.querySelector("main > svg"), told = document.getElementById("told"), search = document.querySelector("input");
const boxes = new Map([...svg.querySelectorAll(".box")].map((e) => [e.dataset.box, e]));
const wires = new Map([...svg.querySelectorAll(".wire")].map((e) => [Number(e.dataset.wire), e]));
const byName = new Map(facts.boxes.map((box) => [box.name, box]));
const classOf = new Map();
for (const members of facts.classes) for (const name of members) classOf.set(name, members);
const mates = (name) => classOf.get(name) ?? [name];

const element = (tag, text, ...children) => {
  const made = document.createElement(tag);
  if (text !== "") made.textContent = text;
  made.append(...children);
  return made;
};
const list = (texts) => element("ul", "", ...texts.map((text) => element("li", "", element("code", text))));
const part = (title, texts) => (texts.length === 0 ? [] : [element("h2", title + " (" + texts.length + ")"), list(texts)]);
const numbers = facts.claims.map((claim, i) => i).sort((a, b) => ("instead" in facts.claims[b] ? 1 : 0) - ("instead" in facts.claims[a] ? 1 : 0) || a - b);

// What is looked at: nothing, or a text about it with the boxes and wires that it is about.
const HINT = { tell: [element("p", "With the pointer on a box: who holds it (a thick frame), who could come to hold it (dashed), and what it could come to hold itself.")], boxes: [], could: [], wires: [] };
HINT.tell[0].className = "hint";
let kept;
function show(view) {
  const { tell, boxes: holds, could, lit = [], wires: on } = view ?? HINT;
  document.body.classList.toggle("focused", view !== undefined);
  for (const [name, e] of boxes) {
    e.classList.toggle("lit", lit.includes(name));
    e.classList.toggle("holds", holds.includes(name));
    e.classList.toggle("could", could.includes(name) && !holds.includes(name));
  }
  for (const [index, e] of wires) e.classList.toggle("lit", on.includes(index));
  told.replaceChildren(...tell);
}
const back = () => show(kept);

// Who can come to hold something of a box: its holders, and all who may share what those have. A server has its own.
function aboutBox(name) {
  const box = byName.get(name);
  const own = facts.wires.map((wire, i) => ({ ...wire, i })).filter((wire) => wire.things.length > 0);
  const to = own.filter((wire) => wire.to === name), from = own.filter((wire) => wire.from === name);
  const holders = [...new Set(to.map((wire) => wire.from))];
  const could = [...new Set([...holders, ...(box.component ? [name] : [])].flatMap(mates))].filter((other) => other !== name && !holders.includes(other));
  const starts = new Set(from.flatMap((wire) => wire.things.map(({ thing }) => thing)));
  const comes = [...new Set(own.filter((wire) => wire.from !== name && mates(name).includes(wire.from)).flatMap((wire) => wire.things.map(({ thing }) => thing)))].filter((thing) => !starts.has(thing) && thing.split(".")[0] !== name);
  const served = mates(name).filter((other) => other !== name && own.some((wire) => wire.to === other)).map((other) => other + ": all that it serves");
  const withRights = (wire) => wire.things.map(({ thing, rights }) => (rights === "" ? thing : thing + " " + rights));
  const title = element("p", "", element("b", box.shown), " " + box.what + (box.trusted ? ", trusted" : ""));
  return {
    tell: [title, ...part("Hold it", to.map((wire) => wire.from + ": " + withRights(wire).join(", "))), ...part("Could come to hold it", could), ...part("It holds", from.flatMap(withRights)), ...part("It could come to hold", box.component ? [...comes, ...served] : [])],
    boxes: holders, could, lit: [name, ...from.map((wire) => wire.to)], wires: [...to, ...from].map((wire) => wire.i),
  };
}
const aboutWire = (i) => ({ tell: facts.wires[i].tells.map((text) => element("p", "", element("code", text))), boxes: [], could: [], lit: [facts.wires[i].from, facts.wires[i].to], wires: [i] });
const aboutClaim = (i) => {
  const claim = facts.claims[i];
  const tell = [element("p", "", element("b", "Claim " + (i + 1) + ("instead" in claim ? " does not hold" : " holds"))), element("p", claim.says)];
  if (!("instead" in claim)) return { tell, boxes: [], could: [], lit: [...boxes.keys()], wires: [...wires.keys()] };
  return { tell: [...tell, element("p", claim.instead), element("ol", "", ...claim.steps.map((step) => element("li", step)))], boxes: [], could: [], lit: claim.boxes, wires: claim.wires };
};
const aboutFound = (text) => {
  const found = facts.boxes.filter((box) => box.name.includes(text)).map((box) => box.name);
  const through = facts.wires.flatMap((wire, i) => (wire.things.some(({ thing }) => thing.includes(text)) ? [i] : []));
  const near = through.flatMap((i) => [facts.wires[i].from, facts.wires[i].to]);
  return { tell: [element("p", found.length + " found, " + through.length + " wires to them"), list(found.slice(0, 40))], boxes: [], could: [], lit: found.length > 0 ? found : near, wires: found.length > 0 ? [] : through };
};

// Claims, the broken ones first.
const claimList = document.getElementById("claims");
if (facts.claims.length > 0) claimList.append(element("h2", "Claims"));
const hold = facts.claims.filter((claim) => !("instead" in claim)).length;
const holding = element("details", "", element("summary", "✓ " + hold + (hold === 1 ? " holds" : " hold")));
holding.open = hold <= 8;
for (const i of numbers) {
  const claim = facts.claims[i], bad = "instead" in claim;
  const button = element("button", "", element("b", (bad ? "✗ " : "✓ ") + (i + 1) + " "), claim.says);
  button.className = bad ? "claim bad" : "claim";
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    const off = button.getAttribute("aria-pressed") === "true", view = off ? undefined : aboutClaim(i);
    keep(view, button);
    if (bad) reach(off ? [] : view.lit);
  });
  (bad ? claimList : holding).append(button);
}
if (holding.childElementCount > 1) claimList.append(holding);
function keep(view, button) {
  for (const other of claimList.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button && view !== undefined));
  kept = view;
  back();
}

for (const [name, e] of boxes) {
  e.addEventListener("pointerenter", () => { if (!moving && kept === undefined) show(aboutBox(name)); });
  e.addEventListener("pointerleave", () => { if (!moving) back(); });
  e.addEventListener("click", (event) => { if (!moved) keep(aboutBox(name)); event.stopPropagation(); });
}
for (const [i, e] of wires) {
  // A line is too thin to be met with the pointer.
  const hit = e.querySelector("path").cloneNode();
  hit.setAttribute("class", "hit");
  e.append(hit);
  e.addEventListener("pointerenter", () => { if (!moving && kept === undefined) show(aboutWire(i)); });
  e.addEventListener("pointerleave", () => { if (!moving) back(); });
  e.addEventListener("click", (event) => { if (!moved) keep(aboutWire(i)); event.stopPropagation(); });
}
svg.addEventListener("click", () => { if (!moved) keep(undefined); });
addEventListener("keydown", (event) => {
  if (event.key === "Escape") { search.value = ""; keep(undefined); look(all); }
  if (event.key === "/" && document.activeElement !== search) { search.focus(); event.preventDefault(); }
});
search.addEventListener("input", () => keep(search.value === "" ? undefined : aboutFound(search.value)));
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && search.value !== "") reach(aboutFound(search.value).lit);
});

// Nearer, farther, and aside.
const { x, y, width, height } = svg.viewBox.baseVal, all = { x, y, width, height };
let seen = all, moving, moved = false;
function look(area) {
  seen = area;
  svg.setAttribute("viewBox", [area.x, area.y, area.width, area.height].join(" "));
}
// All of these in sight, and near enough to be read; everything, when that is so from where it all is.
function reach(names) {
  const areas = names.map((name) => boxes.get(name).getBBox()), screen = svg.getBoundingClientRect();
  if (areas.length === 0 || all.width <= screen.width * 1.5) return look(all);
  const left = Math.min(...areas.map((area) => area.x)), right = Math.max(...areas.map((area) => area.x + area.width));
  const top = Math.min(...areas.map((area) => area.y)), low = Math.max(...areas.map((area) => area.y + area.height));
  const by = Math.max((right - left + 80) / screen.width, (low - top + 80) / screen.height, 0.8);
  const size = { width: screen.width * by, height: screen.height * by };
  look({ x: (left + right - size.width) / 2, y: (top + low - size.height) / 2, ...size });
}
function at(event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return { x: point.x, y: point.y };
}
svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  const by = Math.exp(Math.max(-100, Math.min(100, event.deltaY)) / 400), to = at(event);
  if (seen.width * by > all.width * 3 || seen.width * by < 60) return;
  look({ x: to.x - (to.x - seen.x) * by, y: to.y - (to.y - seen.y) * by, width: seen.width * by, height: seen.height * by });
}, { passive: false });
svg.addEventListener("pointerdown", (event) => { moving = at(event); moved = false; });
addEventListener("pointermove", (event) => {
  if (moving === undefined) return;
  const to = at(event);
  if (!moved && Math.hypot(to.x - moving.x, to.y - moving.y) * svg.getScreenCTM().a < 4) return;
  moved = true;
  svg.classList.add("dragged");
  look({ ...seen, x: seen.x - to.x + moving.x, y: seen.y - to.y + moving.y });
});
addEventListener("pointerup", () => { moving = undefined; svg.classList.remove("dragged"); });

const firstBroken = claimList.querySelector("button.bad");
if (firstBroken === null) back(); else firstBroken.click();
`;
