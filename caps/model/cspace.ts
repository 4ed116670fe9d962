// CPtr → slot: a capability address walked through guarded CNodes like a page table. CPtrs are 32 bits.
// A walk may begin at a weak CNode, but does not go on through one: what is in a weak CNode is fetched by Copy, which diminishes it.
// Source: seL4 manual, "Capability Address Lookup" (there 64 bits); EROS, "weak".
import { Kind, Right } from "../abi/numbers.ts";
import type { SlotTable } from "./slots.ts";

export const CPTR_BITS = 32;

/** The shape of a CNode: its rows, and log2 of their number. */
export interface CNodeShape {
  readonly first: number;
  readonly radix: number;
}

/**
 * Resolves `depth` bits (1..32) of `cptr` from the CNode capability in `root`. The slot's row, or a negative number:
 * -1 - (bits that were left) when the walk ended early, a guard did not match, or bits are left over.
 */
export function resolve(slots: SlotTable, shapes: readonly (CNodeShape | undefined)[], root: number, cptr: number, depth: number): number {
  let at = root;
  let bits = depth;
  for (;;) {
    if (slots.kind[at] !== Kind.CNode || (at !== root && (slots.rights[at]! & Right.Weak) !== 0)) return -1 - bits;
    const shape = shapes[slots.object[at]!]!;
    const guardBits = slots.badgeHi[at]!;
    if (guardBits + shape.radix > bits) return -1 - bits;
    if (guardBits > 0) {
      // Shifts count modulo 32, so a guard of all 32 bits needs no mask.
      const found = (cptr >>> (bits - guardBits)) & (guardBits === 32 ? -1 : (1 << guardBits) - 1);
      if (found !== slots.badgeLo[at]) return -1 - bits;
    }
    bits -= guardBits + shape.radix;
    const within = at;
    at = shape.first + ((cptr >>> bits) & ((1 << shape.radix) - 1));
    if (bits === 0) return at;
    // What is below a weak CNode would be reached with its own rights.
    if ((slots.rights[within]! & Right.Weak) !== 0) return -1 - bits;
  }
}

/** The rights of the CNode capability in whose slots a walk ends that `resolve` has found possible. */
export function accessTo(slots: SlotTable, shapes: readonly (CNodeShape | undefined)[], root: number, cptr: number, depth: number): number {
  for (let at = root, bits = depth; ; ) {
    const shape = shapes[slots.object[at]!]!;
    bits -= slots.badgeHi[at]! + shape.radix;
    if (bits === 0) return slots.rights[at]!;
    at = shape.first + ((cptr >>> bits) & ((1 << shape.radix) - 1));
  }
}
