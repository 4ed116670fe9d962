// Where everything in a picture goes. Graphviz (as WebAssembly, no program of the host's) lays out each island; the islands are then
// set side by side, so that a large system fills a page and is no ribbon. The same picture gives the same layout.
import { instance } from "@viz-js/viz";
import type { Picture } from "../../../caps/graph/picture.ts";
import { dotOf } from "./dot.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
}
/** Upper left corner. */
export interface Area extends Point {
  readonly width: number;
  readonly height: number;
}
/** A cubic Bézier curve, 3n + 1 points, and the tip of its arrow. */
export interface Curve {
  readonly points: readonly Point[];
  readonly tip: Point;
  /** The middle of its text. */
  readonly label?: Point;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: ReadonlyMap<string, Area>;
  /** By index in the picture; a folded wire has none. */
  readonly wires: ReadonlyMap<number, Curve>;
  /** By index in the picture. */
  readonly classes: ReadonlyMap<number, Area>;
  /** All wires have texts on them. */
  readonly labels: boolean;
}

/** In an island with more wires than this, texts beside them would cover the picture: they are told when they are asked for, but of broken ways. */
const MOST_LABELS = 60;
const GAP = 28, SHAPE = 1.6;

export async function layoutOf(picture: Picture): Promise<Layout> {
  const graphviz = await instance();
  const islands = picture.islands.map((names): Layout => {
    const part = new Set(names), labels = picture.wires.filter(({ folded, from }) => !folded && part.has(from)).length <= MOST_LABELS;
    return readLayout(picture, graphviz.renderString(dotOf(picture, part, labels), { format: "json0" }), labels);
  });
  const places = pack(islands);
  const boxes = new Map<string, Area>(), wires = new Map<number, Curve>(), classes = new Map<number, Area>();
  let width = 0, height = 0;
  islands.forEach((island, i) => {
    const { x: dx, y: dy } = places[i] ?? { x: 0, y: 0 };
    const moved = <P extends Point>(point: P): P => ({ ...point, x: point.x + dx, y: point.y + dy });
    for (const [name, area] of island.boxes) boxes.set(name, moved(area));
    for (const [index, area] of island.classes) classes.set(index, moved(area));
    for (const [index, { points, tip, label }] of island.wires) wires.set(index, { points: points.map(moved), tip: moved(tip), ...(label === undefined ? {} : { label: moved(label) }) });
    width = Math.max(width, dx + island.width);
    height = Math.max(height, dy + island.height);
  });
  return { width, height, boxes, wires, classes, labels: islands.every(({ labels }) => labels) };
}

interface GraphvizThing {
  readonly name?: string;
  readonly id?: string;
  readonly pos?: string;
  readonly lp?: string;
  readonly bb?: string;
  readonly width?: string;
  readonly height?: string;
}

/** Graphviz's answer: points from the lower left corner, sizes of boxes in inches, all as texts. */
function readLayout(picture: Picture, json: string, labels: boolean): Layout {
  const graph = JSON.parse(json) as { readonly bb: string; readonly objects?: readonly GraphvizThing[]; readonly edges?: readonly GraphvizThing[] };
  const [, , width = 0, height = 0] = graph.bb.split(",").map(Number);
  const point = (text: string): Point => {
    const [x = 0, y = 0] = text.split(",").map(Number);
    return { x, y: height - y };
  };
  const boxes = new Map<string, Area>(), wires = new Map<number, Curve>(), classes = new Map<number, Area>();
  for (const { name = "", id = "", pos, bb, width: w = "0", height: h = "0" } of graph.objects ?? []) {
    if (pos !== undefined) {
      const middle = point(pos), size = { width: Number(w) * 72, height: Number(h) * 72 };
      boxes.set(picture.boxes[Number(id.slice(1))]?.name ?? name, { x: middle.x - size.width / 2, y: middle.y - size.height / 2, ...size });
    } else if (bb !== undefined && name.startsWith("cluster_")) {
      const [left = 0, low = 0, right = 0, high = 0] = bb.split(",").map(Number);
      classes.set(Number(name.slice("cluster_".length)), { x: left, y: height - high, width: right - left, height: high - low });
    }
  }
  for (const { id = "", pos = "", lp } of graph.edges ?? []) {
    const parts = pos.split(" ");
    const end = parts.find((part) => part.startsWith("e,")), points = parts.filter((part) => !/^[es],/.test(part)).map(point);
    wires.set(Number(id.slice(1)), { points, tip: end === undefined ? (points.at(-1) ?? { x: 0, y: 0 }) : point(end.slice(2)), ...(lp === undefined ? {} : { label: point(lp) }) });
  }
  return { width, height, boxes, wires, classes, labels };
}

/** Shelves, the tallest first; where there is room below one on a shelf, the next smaller go there. */
function pack(islands: readonly Layout[]): readonly Point[] {
  const area = islands.reduce((sum, { width, height }) => sum + (width + GAP) * (height + GAP), 0);
  const most = Math.max(Math.sqrt(area * SHAPE), ...islands.map(({ width }) => width));
  const order = islands.map((island, index) => ({ ...island, index })).sort((a, b) => b.height - a.height || b.width - a.width || a.index - b.index);
  const places: Point[] = [];
  let shelf = 0, shelfHeight = 0, x = 0, column = { x: 0, y: 0, width: 0 };
  for (const { index, width, height } of order) {
    if (x > 0 && width <= column.width && column.y + height <= shelf + shelfHeight) {
      places[index] = { x: column.x, y: column.y };
      column.y += height + GAP;
      continue;
    }
    if (x > 0 && x + width > most) {
      shelf += shelfHeight + GAP;
      x = 0;
    }
    if (x === 0) shelfHeight = height;
    places[index] = { x, y: shelf };
    column = { x, y: shelf + height + GAP, width };
    x += width + GAP;
  }
  return places;
}
