// Arithmetic of memory: which of the boot's Untypeds each part of the system is carved from, and what is left of a component's own. Pure.
//
//   MEM-1  Blocks are powers of two, naturally aligned. Taken in descending size they leave no gaps, so a plan made here cannot fail later.
import { RetypeSize, type RetypeName } from "../../caps/abi/numbers.ts";

/** An Untyped of RAM and how much of it is taken. Mirrors the kernel's watermark (UT-1). */
export interface Piece {
  readonly slot: number;
  readonly bits: number;
  readonly taken: number;
}

/** A block of 2^bits bytes, and the slot of the Untyped to carve it from. Blocks of one piece are carved in the order planned. */
export interface Block {
  readonly bits: number;
  readonly from: number;
}

/** log2 of the least power of two that is at least `bytes`. */
export const bitsFor = (bytes: number): number => Math.max(0, Math.ceil(Math.log2(bytes)));

/** A length as a sum of powers of two, largest first: 384 MiB is 256 and 128. */
export function powersOf(bytes: number): number[] {
  const bits: number[] = [];
  for (let left = bytes; left > 0; ) {
    const most = Math.floor(Math.log2(left));
    bits.push(most);
    left -= 2 ** most;
  }
  return bits;
}

/**
 * A block for each request, all or none: largest first, each from the smallest piece that has room.
 * @returns the blocks in the order of the requests, or the index of the first request that does not fit and the largest block there was (bits, -1 for none).
 */
export function planBlocks(untypeds: readonly Piece[], requests: readonly number[]): Block[] | { failed: number; largest: number } {
  const pieces = untypeds.map((piece) => ({ ...piece })).sort((a, b) => a.bits - b.bits);
  const blocks: Block[] = new Array<Block>(requests.length);
  const order = requests.map((bits, index) => ({ bits, index })).sort((a, b) => b.bits - a.bits || a.index - b.index);
  for (const { bits, index } of order) {
    const size = 2 ** bits;
    const start = (piece: Piece): number => Math.ceil(piece.taken / size) * size;
    const piece = pieces.find((p) => start(p) + size <= 2 ** p.bits);
    if (piece === undefined) {
      const left = Math.max(0, ...pieces.map((p) => 2 ** p.bits - p.taken));
      return { failed: index, largest: left === 0 ? -1 : Math.floor(Math.log2(left)) };
    }
    piece.taken = start(piece) + size;
    blocks[index] = { bits, from: piece.slot };
  }
  return blocks;
}

/** Objects of one kind to make. */
export interface Need {
  readonly kind: RetypeName;
  readonly sizeBits: number;
  readonly count: number;
}

/** log2 of one object's bytes. */
export const objectBits = ({ kind, sizeBits }: Need): number => RetypeSize[kind].bits + (RetypeSize[kind].sized ? sizeBits : 0);

export const needBytes = (needs: readonly Need[]): number => needs.reduce((sum, need) => sum + need.count * 2 ** objectBits(need), 0);

/**
 * The needs in the order to retype them from an Untyped of 2^bits bytes, with one more: the largest Untyped that still fits, the program's own.
 * A number is the bytes that are missing.
 */
export function planUntyped(bits: number, needs: readonly Need[]): Need[] | number {
  const left = 2 ** bits - needBytes(needs);
  if (left < 0) return -left;
  const all = needs.filter((need) => need.count > 0);
  const own = left > 0 ? Math.floor(Math.log2(left)) : 0;
  if (own >= RetypeSize.Untyped.min) all.push({ kind: "Untyped", sizeBits: own, count: 1 });
  return all.sort((a, b) => objectBits(b) - objectBits(a));
}
