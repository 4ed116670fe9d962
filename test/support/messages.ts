// Messages and memory as a hosted program sees them, for tests that play the kernel's part.
import { IpcBuffer, REGISTER_WORDS } from "../../caps/abi/message.ts";
import { IPC_BUFFER, type Memory, type Message, type Word } from "../../servers/lib/ts/sdk.ts";

/** A message as the kernel would answer it. */
export class Answer implements Message {
  readonly badge = 0;
  readonly info: number;
  readonly caps = 0;
  readonly label: number;
  readonly error: boolean;
  readonly length: number;
  readonly #words: readonly bigint[];
  constructor(label: number, words: readonly Word[] = [], error = false) {
    this.label = label;
    this.error = error;
    this.length = words.length;
    this.info = (error ? 0x8000_0000 : 0) | (label << 12) | words.length;
    this.#words = words.map((word) => BigInt.asUintN(64, BigInt(word)));
  }
  /** As the kernel does it: words 4 and up go to the receiver's IPC buffer. */
  deliver(mem: Memory): this {
    this.#words.slice(REGISTER_WORDS).forEach((word, i) => mem.store64(IPC_BUFFER + 8 * (IpcBuffer.WORDS + REGISTER_WORDS + i), word));
    return this;
  }
  big(i: number): bigint {
    return this.#words[i] ?? 0n;
  }
  word(i: number): number {
    return Number(this.big(i));
  }
  lo(i: number): number {
    return Number(BigInt.asIntN(32, this.big(i)));
  }
  hi(i: number): number {
    return Number(BigInt.asIntN(32, this.big(i) >> 32n));
  }
}

export interface Area {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** Address ranges backed by host memory, and an IPC buffer. Throws for what is outside, as a VM fault of the program would end it. */
export function memoryOf(areas: readonly Area[]): Memory {
  const mapped = [...areas, { address: IPC_BUFFER, bytes: new Uint8Array(IpcBuffer.BYTES) }].map(({ address, bytes }) => ({ address, bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) }));
  const at = (address: number, size: number): { view: DataView; bytes: Uint8Array; offset: number } => {
    for (const { address: base, bytes, view } of mapped) {
      if (address >= base && address + size <= base + bytes.length) return { view, bytes, offset: address - base };
    }
    throw new RangeError(`the VMM touched 0x${address.toString(16)}, ${size} bytes`);
  };
  const load = <T>(get: (view: DataView, offset: number) => T, size: number) => (address: number): T => {
    const { view, offset } = at(address, size);
    return get(view, offset);
  };
  const store = <T>(set: (view: DataView, offset: number, value: T) => void, size: number) => (address: number, value: T): void => {
    const { view, offset } = at(address, size);
    set(view, offset, value);
  };
  const read = (address: number, bytes: number): Uint8Array => {
    const area = at(address, bytes);
    return area.bytes.slice(area.offset, area.offset + bytes);
  };
  const write = (address: number, bytes: Uint8Array): void => {
    const area = at(address, bytes.length);
    area.bytes.set(bytes, area.offset);
  };
  return {
    load8: load((view, offset) => view.getUint8(offset), 1),
    load16: load((view, offset) => view.getUint16(offset, true), 2),
    load32: load((view, offset) => view.getUint32(offset, true), 4),
    load64: load((view, offset) => view.getBigUint64(offset, true), 8),
    store8: store((view, offset, value: number) => view.setUint8(offset, value), 1),
    store16: store((view, offset, value: number) => view.setUint16(offset, value, true), 2),
    store32: store((view, offset, value: number) => view.setUint32(offset, value, true), 4),
    store64: store((view, offset, value: bigint) => view.setBigUint64(offset, value, true), 8),
    read,
    write,
    copy: (to, from, bytes) => write(to, read(from, bytes)),
    fill: (address, bytes, value) => write(address, new Uint8Array(bytes).fill(value)),
  };
}

/** The bytes behind a message's first word. */
export function counted(words: readonly Word[]): Uint8Array {
  const bytes = new Uint8Array(8 * (words.length - 1));
  const view = new DataView(bytes.buffer);
  words.slice(1).forEach((word, i) => view.setBigUint64(8 * i, BigInt.asUintN(64, BigInt(word)), true));
  return bytes.subarray(0, Number(words[0] ?? 0));
}

/** An answer with a count and the bytes behind it. */
export function countedAnswer(bytes: Uint8Array): Answer {
  const packed = new BigUint64Array(Math.ceil(bytes.length / 8));
  new Uint8Array(packed.buffer).set(bytes);
  return new Answer(0, [bytes.length, ...packed]);
}
