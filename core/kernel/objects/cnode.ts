// CNode: a table of slots. Its invocations move capabilities about. Source: seL4 manual, "CNode Methods".
import { Info, infoLength } from "../../../caps/abi/message.ts";
import { ALL_RIGHTS, Invocation, Kind } from "../../../caps/abi/numbers.ts";
import { becomeOriginal, derivesOriginal, hasDescendants, moveSlot } from "../../../caps/model/derivation.ts";
import { capArgument, slotArgument } from "../arguments.ts";
import { copiedBadge, deleteSlot, derive, mayDerive, reap, revokePiece } from "../capabilities.ts";
import { AGAIN, DELETE_FIRST, ILLEGAL, invalidCapability, REVOKE_FIRST, TRUNCATED, type Outcome } from "../outcome.ts";
import { wordHi, wordLo } from "../registers.ts";
import type { Kernel, Tcb } from "../state.ts";

export function createCNode(k: Kernel, id: number): void {
  const radix = k.objects.bits[id]! - 5;
  k.cnodes[id] = { first: k.slots.allocate(radix), radix };
}

/** The slots are emptied in pieces by `reap`; the memory is free when that is done. */
export function destroyCNode(k: Kernel, id: number): void {
  const { first, radix } = k.cnodes[id]!;
  k.cnodes[id] = undefined;
  k.dying.push({ first, radix, at: 0, base: k.objects.base[id]!, object: id });
}

export function invokeCNode(k: Kernel, t: Tcb, cnode: number, label: number, info: number): Outcome {
  const words = infoLength(info & ~Info.ERROR);
  if (words < 1) return TRUNCATED;
  const target = slotArgument(k, 0, cnode, wordLo(k, t, 0), wordHi(k, t, 0));
  if (typeof target !== "number") return target;
  switch (label) {
    case Invocation.CNodeDelete:
      deleteSlot(k, target);
      return reap(k) ? 0 : AGAIN;
    case Invocation.CNodeRevoke:
      return revokePiece(k, target) ? 0 : AGAIN;
    case Invocation.CNodeCopy:
    case Invocation.CNodeMint:
    case Invocation.CNodeMove:
    case Invocation.CNodeMutate:
      return fill(k, t, target, label, words);
    default:
      return ILLEGAL;
  }
}

function fill(k: Kernel, t: Tcb, target: number, label: number, words: number): Outcome {
  const s = k.slots;
  const badged = label === Invocation.CNodeMint || label === Invocation.CNodeMutate;
  const moving = label === Invocation.CNodeMove || label === Invocation.CNodeMutate;
  if (words < (badged ? 4 : 3)) return TRUNCATED;
  if (!s.isEmpty(target)) return DELETE_FIRST;
  const root = capArgument(k, t, 2, Kind.CNode);
  if (typeof root !== "number") return root;
  const from = slotArgument(k, 1, root, wordLo(k, t, 1), wordHi(k, t, 1) & 0xff);
  if (typeof from !== "number") return from;
  if (s.isEmpty(from)) return invalidCapability(1);
  let badge = copiedBadge(k, from);
  if (badged) {
    const asked = { lo: wordLo(k, t, 3), hi: wordHi(k, t, 3) };
    if (!mayBadge(k, from, asked.lo, asked.hi)) return ILLEGAL;
    badge = asked;
  }
  if (moving) {
    // A new badge would change who descends from whom.
    if (badged && hasDescendants(s, k.objects, from)) return REVOKE_FIRST;
    const original = badged && derivesOriginal(s, from, badge.lo, badge.hi);
    moveSlot(s, from, target);
    if (original) becomeOriginal(s, target);
    if (badged) {
      s.badgeLo[target] = badge.lo;
      s.badgeHi[target] = badge.hi;
    }
    return 0;
  }
  if (!mayDerive(k, from)) return s.kind[from] === Kind.Untyped ? REVOKE_FIRST : ILLEGAL;
  derive(k, from, target, (wordHi(k, t, 1) >>> 8) & ALL_RIGHTS, badge.lo, badge.hi);
  return 0;
}

/** A badge is given once, to an endpoint or notification without one; a guard must fit the CNode. */
function mayBadge(k: Kernel, from: number, lo: number, hi: number): boolean {
  const s = k.slots;
  switch (s.kind[from]) {
    case Kind.Endpoint:
    case Kind.Notification:
      return s.badgeLo[from] === 0 && s.badgeHi[from] === 0;
    case Kind.CNode: {
      const bits = hi >>> 0;
      return bits + k.cnodes[s.object[from]!]!.radix <= 32 && (bits === 32 || lo >>> 0 < 2 ** bits);
    }
    default:
      return false;
  }
}
