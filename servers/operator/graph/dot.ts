// A picture as a text for Graphviz, which lays it out. What `bailiwick graph --dot` prints is what our own pictures are laid out from.
// Every text of the system's goes through `quoted` or `label`: it can be no more than a text there.
import type { Box, BoxKind, Picture, Wire } from "../../../caps/graph/picture.ts";
import { BOX_WORDS, COLOURS, RED } from "./look.ts";

/** Point sizes; the letters of both are of one width, so that what is measured here is true of any such font. */
export const NAME_SIZE = 12, TEXT_SIZE = 10, WIRE_SIZE = 9;
/** Of all lines of a box, for Graphviz: its margin has room for what the name takes more. */
const BOX_SIZE = 11;

/** Graphviz's strings end at a zero, and are UTF-8. */
const quoted = (text: string): string =>
  `"${text.replace(/[\p{Cc}\p{Cs}]/gu, (letter) => `U+${letter.charCodeAt(0).toString(16)}`).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
/** In a label Graphviz knows HTML's entities too; what is between lines is an escape of its. */
const label = (lines: readonly string[]): string => `"${lines.map((line) => quoted(line.replaceAll("&", "&amp;")).slice(1, -1)).join("\\n")}"`;

/** What stands in a box below its name: the first line says what it is, the others are its folded wires. */
export function linesOf(box: Box, picture: Picture): readonly string[] {
  const trust = box.trusted ? ["trusted"] : box.trustedBy.length === 0 ? [] : [`trusted by ${box.trustedBy.length === 1 ? "claim" : "claims"} ${numbers(box.trustedBy)}`];
  const folded = picture.wires.filter((wire) => wire.folded && wire.from === box.name);
  const many = picture.wires.filter((wire) => wire.folded && wire.to === box.name).length;
  return [
    `${BOX_WORDS[box.kind]}${box.essential ? ", essential" : ""}`,
    ...trust,
    ...(many === 0 ? [] : [`${many} more hold it`]),
    ...folded.flatMap((wire) => wire.items.map((item) => `${wire.toServer || wire.toClient ? "⇒" : "→"} ${item.thing}${item.rights === "" ? "" : ` ${item.rights}`}`)),
  ];
}

/** Claims are counted from 1 where people read it; more than a few would fill the picture. */
export const numbers = (indices: readonly number[]): string => indices.slice(0, 3).map((index) => index + 1).join(", ") + (indices.length > 3 ? ", …" : "");

/** What stands at a wire; of a device the parts in one line, for they have no rights to tell. */
export function wireLines({ items, broken }: Wire): readonly string[] {
  const says = items.length === 0 ? ["share what they have"] : items.every(({ rights }) => rights === "") ? [items.map(({ short }) => short).filter((short) => short !== "").join(", ")] : items.map(({ short, rights }) => `${short} ${rights}`);
  return [...(broken.length === 0 ? [] : [`✗ ${numbers(broken)}`]), ...says].filter((line) => line !== "");
}

const SHAPES: Readonly<Record<BoxKind, string>> = { machine: "box", hosted: "box", guest: "box", device: "box", program: "note" };

/** @param part boxes to be in it; all by default @param labels whether wires have their texts beside them */
export function dotOf(picture: Picture, part: ReadonlySet<string> = new Set(picture.boxes.map(({ name }) => name)), labels = true): string {
  const boxes = picture.boxes.filter(({ name }) => part.has(name));
  const numbered = new Map(picture.boxes.map(({ name }, index) => [name, index]));
  const box = (each: Box): string => {
    const { fill, stroke } = COLOURS[each.kind];
    const style = each.kind === "device" ? "filled,rounded" : "filled";
    return `${quoted(each.name)} [id="b${numbered.get(each.name)}", label=${label([shownName(each), ...linesOf(each, picture)])}, shape=${SHAPES[each.kind]}, style=${quoted(style)}, fillcolor="${fill}", color="${each.broken.length > 0 ? RED : stroke}"${each.trusted ? ", peripheries=2" : ""}]`;
  };
  // Servers stand beside their clients rather than beside their devices: that makes columns.
  const components = new Set(boxes.filter(({ kind }) => kind !== "device" && kind !== "program").map(({ name }) => name));
  const wire = (each: Wire, index: number): string => {
    const red = each.broken.length > 0 ? `, color="${RED}", fontcolor="${RED}"` : "";
    const styles = [each.toServer ? "bold" : "", each.items.length === 0 ? "dotted" : each.toClient ? "dashed" : ""].filter((style) => style !== "");
    const style = styles.length === 0 ? "" : `, style=${quoted(styles.join(","))}`;
    const text = labels || each.broken.length > 0 ? `, label=${label(wireLines(each))}` : "";
    return `${quoted(each.from)} -> ${quoted(each.to)} [id="w${index}", tooltip=${label(tellWire(each))}${text}${style}${red}${each.items.length === 0 ? ", constraint=false" : components.has(each.to) ? ", weight=3" : ""}]`;
  };
  const drawn = picture.wires.flatMap((each, index) => (!each.folded && part.has(each.from) && part.has(each.to) ? [wire(each, index)] : []));
  const classes = picture.classes.flatMap((members, index) => {
    const names = members.filter((name) => part.has(name));
    return names.length === 0 ? [] : [`subgraph cluster_${index} { label=${label([classWords(members.length)])}; labeljust=l; style="filled,rounded"; fillcolor="${COLOURS.class.fill}"; color="${COLOURS.class.stroke}"; margin=14; ${names.map(quoted).join("; ")} }`];
  });
  // Who speaks to nobody stands before the edge all the same.
  const speakers = new Set(picture.wires.flatMap(({ from, folded }) => (folded ? [] : [from])));
  const ends = [...components].filter((name) => !speakers.has(name));
  const edge = boxes.filter(({ kind }) => kind === "device" || kind === "program").map(({ name }) => quoted(name));
  return [
    `digraph ${quoted(picture.title)} {`,
    `rankdir=LR; newrank=true; nodesep=0.22; ranksep=${labels ? 0.35 : 0.6}; fontname="Courier"; fontsize=${TEXT_SIZE};`,
    `node [fontname="Courier", fontsize=${BOX_SIZE}, margin="0.12,0.06", height=0.3];`,
    `edge [fontname="Courier", fontsize=${WIRE_SIZE}, arrowsize=0.7];`,
    ...boxes.map(box),
    ...classes,
    ...(edge.length === 0 ? [] : [`{ rank=max; ${edge.join("; ")} }`, ...ends.map((name) => `${quoted(name)} -> ${edge[0]} [style=invis, weight=0]`)]),
    ...drawn,
    "}",
    "",
  ].join("\n");
}

export const shownName = ({ name, kind }: Box): string => (kind === "device" || kind === "program" ? name.slice(name.indexOf(".") + 1) : name);

export const classWords = (members: number): string => `in the worst case these ${members} hold the same`;

/** A wire in full: a line for each capability. */
export function tellWire({ from, to, items, toServer, toClient }: Wire): readonly string[] {
  if (items.length === 0) return [`${from} and ${to} can come to share what they have`];
  const along = [...(toServer ? [`${from} can send capabilities along`] : []), ...(toClient ? ["answers can bring capabilities"] : [])];
  return [...items.map(({ thing, rights }) => `${from} holds ${thing}${rights === "" ? "" : ` ${rights}`}`), ...along];
}
