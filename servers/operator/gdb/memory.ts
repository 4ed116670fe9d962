// Memory of what is debugged, by virtual addresses, wherever its pages lie.
import type { Kernel } from "../../../core/kernel/state.ts";

/** Offset in RAM of a virtual address; undefined: it is not memory. */
export type Locate = (virtual: bigint) => number | undefined;

const PAGE = 4096n;

/** The pieces of a range of virtual addresses, page by page, as offsets in RAM, up to the first that cannot be reached. Addresses wrap at 2^64. */
function* pieces(address: bigint, bytes: number, locate: Locate): Generator<{ readonly offset: number; readonly bytes: number }> {
  for (let done = 0; done < bytes; ) {
    const virtual = BigInt.asUintN(64, address + BigInt(done)), offset = locate(virtual);
    if (offset === undefined) return;
    const piece = Math.min(bytes - done, Number(PAGE - (virtual % PAGE)));
    yield { offset, bytes: piece };
    done += piece;
  }
}

/** Of a thread's memory, up to the first byte that cannot be reached. */
export function readPieces(k: Kernel, address: bigint, bytes: number, locate: Locate): Uint8Array {
  return Buffer.concat([...pieces(address, bytes, locate)].map((p) => k.ram8.slice(p.offset, p.offset + p.bytes)));
}

/** All of it, or false and none. */
export function writePieces(k: Kernel, address: bigint, bytes: Uint8Array, locate: Locate): boolean {
  const parts = [...pieces(address, bytes.length, locate)];
  let done = 0;
  if (parts.reduce((sum, p) => sum + p.bytes, 0) !== bytes.length) return false;
  for (const { offset, bytes: length } of parts) {
    k.ram8.set(bytes.subarray(done, (done += length)), offset);
    k.machine.invalidate(k.machine.ramBase + offset, length);
  }
  return true;
}
