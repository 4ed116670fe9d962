// A writer of flattened device trees. Source: Devicetree Specification v0.4, chapter 5 (structure version 17, compatible with 16).
// Values are the caller's; only their encoding is decided here.

/** Cells are 32-bit unsigned numbers; a string list is several strings, each ended by 0; `true` is a property without value. */
export type PropertyValue = true | number | readonly number[] | string | readonly string[] | Uint8Array;

export interface DeviceNode {
  /** "" for the root, else NAME or NAME@UNIT-ADDRESS. */
  readonly name: string;
  readonly properties: Readonly<Record<string, PropertyValue>>;
  readonly children?: readonly DeviceNode[];
}

/** An address or size of two cells. Numbers up to 2^53. */
export const cells64 = (value: number): readonly [number, number] => [Math.floor(value / 0x1_0000_0000), value % 0x1_0000_0000];

const MAGIC = 0xd00d_feed;
const VERSION = 17;
const COMPATIBLE = 16;
const HEADER_BYTES = 40;
/** The reserve map: one entry of zeros ends it. */
const RESERVE_BYTES = 16;
const Token = { BEGIN_NODE: 1, END_NODE: 2, PROP: 3, END: 9 } as const;

/** Big-endian bytes, growing. */
class Writer {
  #bytes = new Uint8Array(1024);
  length = 0;

  word(value: number): void {
    this.bytes(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
  }
  bytes(more: Uint8Array): void {
    if (this.length + more.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.length + more.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(more, this.length);
    this.length += more.length;
  }
  align(): void {
    this.bytes(new Uint8Array(-this.length & 3));
  }
  result(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }
}

/** The blob, a multiple of 4 bytes long. Deterministic: same tree, same bytes. */
export function writeDeviceTree(root: DeviceNode): Uint8Array {
  const structure = new Writer();
  const strings = new Writer();
  const offsets = new Map<string, number>();

  const nameOffset = (name: string): number => {
    const known = offsets.get(name);
    if (known !== undefined) return known;
    const offset = strings.length;
    strings.bytes(zeroEnded(name));
    offsets.set(name, offset);
    return offset;
  };
  const writeNode = (node: DeviceNode): void => {
    structure.word(Token.BEGIN_NODE);
    structure.bytes(zeroEnded(node.name));
    structure.align();
    for (const [name, value] of Object.entries(node.properties)) {
      const bytes = encode(value);
      structure.word(Token.PROP);
      structure.word(bytes.length);
      structure.word(nameOffset(name));
      structure.bytes(bytes);
      structure.align();
    }
    for (const child of node.children ?? []) writeNode(child);
    structure.word(Token.END_NODE);
  };
  writeNode(root);
  structure.word(Token.END);
  strings.align();

  const structureAt = HEADER_BYTES + RESERVE_BYTES;
  const stringsAt = structureAt + structure.length;
  const blob = new Writer();
  const bootHart = 0;
  for (const field of [MAGIC, stringsAt + strings.length, structureAt, stringsAt, HEADER_BYTES, VERSION, COMPATIBLE, bootHart, strings.length, structure.length]) blob.word(field);
  blob.bytes(new Uint8Array(RESERVE_BYTES));
  blob.bytes(structure.result());
  blob.bytes(strings.result());
  return blob.result();
}

function encode(value: PropertyValue): Uint8Array {
  if (value === true) return new Uint8Array(0);
  if (value instanceof Uint8Array) return value;
  if (typeof value === "number") return encode([value]);
  if (typeof value === "string") return zeroEnded(value);
  const writer = new Writer();
  for (const item of value) {
    if (typeof item === "number") writer.word(item);
    else writer.bytes(zeroEnded(item));
  }
  return writer.result();
}

/** Latin-1; what is beyond becomes "?", since there is no encoder in a hosted program and names and command lines are ASCII. */
function zeroEnded(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length + 1);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    bytes[i] = code > 0xff ? 0x3f : code;
  }
  return bytes;
}
