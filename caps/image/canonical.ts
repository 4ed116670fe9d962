// Canonical JSON: one text for a value, so that the same image has the same bytes, and one value for a text, so that two readers cannot understand it differently.
//
//   CAN-1  Names in order of their UTF-16 units, no blanks, strings and numbers as JSON.stringify has them, UTF-8.
//   CAN-2  What parseCanonical lets through is what canonicalBytes makes of its value: so no name is there twice, nothing stands behind, and no number or string has another form.
// Source: RFC 8785, which this is for the values that we have.
import type { JsonValue } from "./system.ts";

const isNested = (value: JsonValue): value is readonly JsonValue[] | { readonly [name: string]: JsonValue } => typeof value === "object" && value !== null;

export function canonicalText(value: JsonValue): string {
  if (!isNested(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((entry: JsonValue) => canonicalText(entry)).join(",")}]`;
  const members = Object.entries(value as { readonly [name: string]: JsonValue }).filter(([, member]) => member !== undefined);
  return `{${members.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`).join(",")}}`;
}

export const canonicalBytes = (value: JsonValue): Uint8Array => new TextEncoder().encode(canonicalText(value));

/** Deeper than anything of ours; what is nested without end would be the parser's end. */
const MAX_DEPTH = 64;

/** The value, or undefined where the bytes are no canonical JSON (CAN-2). */
export const parseCanonical = (bytes: Uint8Array): JsonValue | undefined => parseWritten(bytes, canonicalText);

/** The value that `write` makes these bytes of, if there is one: CAN-2 for another form than the canonical. */
export function parseWritten(bytes: Uint8Array, write: (value: JsonValue) => string): JsonValue | undefined {
  let text: string, value: JsonValue;
  try {
    // Bytes that are no UTF-8 are an error, and so is a byte order mark: it would be swallowed.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (depthOf(text) > MAX_DEPTH) return undefined;
    value = JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
  return write(value) === text ? value : undefined;
}

/** How deep brackets stand in each other, those in strings left out. */
function depthOf(text: string): number {
  let depth = 0, deepest = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[{]|[\]}]/g)) {
    if (token === "[" || token === "{") deepest = Math.max(deepest, ++depth);
    else if (token === "]" || token === "}") depth--;
  }
  return deepest;
}
