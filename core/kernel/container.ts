// A file of named parts: plain data as JSON, and arrays of numbers as they stand in memory (little-endian). What is in the parts, save.ts says.
//
// "BWKERNEL", format, length of the JSON, checksum of all that follows (32 bits each), the JSON, then the arrays one after the other, each begun at a
// multiple of 8. The JSON lists their names and lengths.

/** The saved state is damaged, of another version or of another machine; the message says which. */
export class SavedStateError extends Error {
  override readonly name = "SavedStateError";
}

const MAGIC = "BWKERNEL";
const HEADER = 24;

export interface Parts {
  readonly data: unknown;
  readonly arrays: Readonly<Record<string, Uint8Array>>;
}

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

export function pack(format: number, { data, arrays }: Parts): Uint8Array {
  const list = Object.entries(arrays);
  const text = new TextEncoder().encode(JSON.stringify({ data, arrays: list.map(([name, bytes]) => [name, bytes.length]) }));
  const out = new Uint8Array(list.reduce((sum, [, bytes]) => sum + padded(bytes.length), HEADER + padded(text.length)));
  const head = new DataView(out.buffer);
  out.set(new TextEncoder().encode(MAGIC));
  head.setUint32(8, format, true);
  head.setUint32(12, text.length, true);
  out.set(text, HEADER);
  let at = HEADER + padded(text.length);
  for (const [, bytes] of list) {
    out.set(bytes, at);
    at += padded(bytes.length);
  }
  head.setUint32(16, checksum(out), true);
  return out;
}

/** @throws SavedStateError */
export function unpack(format: number, bytes: Uint8Array): Parts {
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER || new TextDecoder().decode(bytes.subarray(0, 8)) !== MAGIC) throw new SavedStateError("this is no saved state of a kernel");
  const version = head.getUint32(8, true);
  if (version !== format) throw new SavedStateError(`the state was saved in format ${version}; this version reads format ${format}`);
  if (bytes.length % 8 !== 0 || head.getUint32(16, true) !== checksum(bytes)) throw new SavedStateError("the saved state is damaged: it does not match its checksum");
  const length = head.getUint32(12, true);
  const { data, arrays } = JSON.parse(new TextDecoder().decode(bytes.subarray(HEADER, HEADER + length))) as { data: unknown; arrays: [string, number][] };
  const found: Record<string, Uint8Array> = {};
  let at = HEADER + padded(length);
  for (const [name, size] of arrays) {
    found[name] = bytes.subarray(at, at + size);
    at += padded(size);
  }
  return { data, arrays: found };
}

/** Against accidents, not against forgers (FNV-1a by words). */
function checksum(bytes: Uint8Array): number {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = 0x811c9dc5;
  for (let at = HEADER; at + 4 <= bytes.length; at += 4) sum = Math.imul(sum ^ words.getInt32(at, true), 0x01000193);
  return sum >>> 0;
}
