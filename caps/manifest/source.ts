// Where in the text of a manifest a thing stands: from a path of keys to line, column and length.
import { isAlias, isMap, isPair, isScalar, isSeq, type Document, type LineCounter, type Node, type Pair } from "yaml";
import type { Span } from "./diagnostic.ts";

export type Path = readonly PropertyKey[];

export interface Source {
  readonly file: string;
  /** The key or the value at `path`; the nearest that exists above it when it does not. */
  locate(path: Path, part: "key" | "value"): Span;
  /** Offsets in UTF-16 units. */
  span(from: number, to: number): Span;
}

export function createSource(text: string, file: string, document: Document, lines: LineCounter): Source {
  const span = (from: number, to: number): Span => {
    const start = Math.min(from, text.length);
    const { line, col } = text === "" ? { line: 1, col: 1 } : lines.linePos(start);
    const begin = start - (col - 1);
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    return { file, line, column: col, length: Math.max(1, Math.min(to, end) - start), text: text.slice(begin, end).replace(/\r$/, "") };
  };
  const locate = (path: Path, part: "key" | "value"): Span => {
    let value: Node | null = document.contents;
    let key: Node | null = null;
    for (const step of path) {
      const parent = resolve(value, document);
      const next = child(parent, step);
      if (next === undefined) return range(part === "value" ? (firstLine(value) ?? key ?? value) : (key ?? value), span);
      [key, value] = next;
    }
    return range(part === "key" ? (key ?? value) : (firstLine(value) ?? key), span);
  };
  return { file, locate, span };
}

/** A whole map or list would put carets under its first line only: its key says more. */
const firstLine = (value: Node | null): Node | null => (isScalar(value) || isAlias(value) || ((isMap(value) || isSeq(value)) && value.flow === true) ? value : null);

const resolve = (node: Node | null, document: Document): Node | null => (isAlias(node) ? (node.resolve(document) ?? null) : node);

function child(parent: Node | null, step: PropertyKey): [key: Node | null, value: Node | null] | undefined {
  if (isMap(parent)) {
    const pair = parent.items.find((item: Pair) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step));
    return pair === undefined ? undefined : [pair.key as Node, pair.value as Node | null];
  }
  if (isSeq(parent) && typeof step === "number") {
    const item = parent.items[step] as Node | undefined;
    return item === undefined ? undefined : [item, item];
  }
  return undefined;
}

function range(node: Node | null, span: Source["span"]): Span {
  const found = node?.range;
  return found ? span(found[0], found[1]) : span(0, 0);
}
