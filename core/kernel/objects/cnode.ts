// CNode: a table of slots. Its invocations move capabilities about. Source: seL4 manual, "CNode Methods".
import { Info, infoLength } from "../../../caps/abi/message.ts";
import { ALL_RIGHTS, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { accessTo } from "../../../caps/model/cspace.ts";
import { becomeOriginal, derivesOriginal, hasDescendants, moveSlot, swapSlots } from "../../../caps/model/derivation.ts";
import { capArgument, slotArgument } from "../arguments.ts";
import { copiedBadge, deleteSlot, derive, mayDerive, payDebts, revokePiece } from "../capabilities.ts";
import { lookup } from "../ipc.ts";
import { AGAIN, DELETE_FIRST, failedLookup, ILLEGAL, invalidArgument, invalidCapability, REVOKE_FIRST, TRUNCATED, type Outcome, type Refusal } from "../outcome.ts";
import { wordHi, wordLo } from "../registers.ts";
import { CNode, type Kernel, type Tcb } from "../state.ts";
import { note, TraceEvent } from "../trace.ts";
import { cancelBadgedSends } from "./endpoint.ts";

export function createCNode(k: Kernel, id: number): void {
  const radix = k.objects.bits[id]! - 5;
  k.cnodes[id] = new CNode(k.objects, id, k.slots.allocate(radix), radix);
}

/** Empty slots that are looked through in one step. */
const EMPTIES = 64;

/** Empties the next slot that is not; 0 when all are. */
export function emptyCNode(k: Kernel, id: number): number {
  const c = k.cnodes[id]!, size = 2 ** c.radix, end = Math.min(size, c.emptied + EMPTIES);
  while (c.emptied < end) {
    const slot = c.first + c.emptied++;
    if (k.slots.isEmpty(slot)) continue;
    return deleteSlot(k, slot);
  }
  return c.emptied < size ? 1 : 0;
}

export function destroyCNode(k: Kernel, id: number): void {
  const { first, radix } = k.cnodes[id]!;
  k.slots.release(first, radix);
  k.cnodes[id] = undefined;
}

export function invokeCNode(k: Kernel, t: Tcb, cnode: number, label: number, info: number): Outcome {
  const words = infoLength(info & ~Info.ERROR);
  if (words < 1) return TRUNCATED;
  const target = slotArgument(k, 0, cnode, wordLo(k, t, 0), wordHi(k, t, 0), label === Invocation.CNodeCancelBadgedSends ? Right.Read : Right.Write);
  if (typeof target !== "number") return target;
  switch (label) {
    case Invocation.CNodeDelete:
      deleteSlot(k, target);
      return payDebts(k, t) ? 0 : AGAIN;
    case Invocation.CNodeRevoke:
      return revokePiece(k, t, target) ? 0 : AGAIN;
    case Invocation.CNodeRotate:
      return words < 4 ? TRUNCATED : rotate(k, t, target);
    case Invocation.CNodeCancelBadgedSends:
      if (words < 3) return TRUNCATED;
      // To cancel is to act, and what could act is nothing in a weak CNode.
      if ((accessTo(k.slots, k.cnodes, cnode, wordLo(k, t, 0), wordHi(k, t, 0)) & Right.Weak) !== 0) return invalidCapability(0);
      return cancelBadgedSends(k, t, target);
    case Invocation.CNodeCopy:
    case Invocation.CNodeMint:
      return derived(k, t, target, label === Invocation.CNodeMint, words);
    case Invocation.CNodeMove:
    case Invocation.CNodeMutate:
      return moved(k, t, target, label === Invocation.CNodeMutate, words);
    default:
      return ILLEGAL;
  }
}

/** A place for a capability and one to take it from: both slots, and the access of the CNode in which the latter is. */
function sourceOf(k: Kernel, t: Tcb, target: number, needed: number): { readonly from: number; readonly access: number } | Refusal {
  if (!k.slots.isEmpty(target)) return DELETE_FIRST;
  const root = capArgument(k, t, 2, Kind.CNode);
  if (typeof root !== "number") return root;
  const index = wordLo(k, t, 1), depth = wordHi(k, t, 1) & 0xff;
  const from = slotArgument(k, 1, root, index, depth, needed);
  if (typeof from !== "number") return from;
  if (k.slots.isEmpty(from)) return invalidCapability(1);
  return { from, access: accessTo(k.slots, k.cnodes, root, index, depth) };
}

/** Copy and Mint. */
function derived(k: Kernel, t: Tcb, target: number, badged: boolean, words: number): Outcome {
  if (words < (badged ? 4 : 3)) return TRUNCATED;
  const source = sourceOf(k, t, target, Right.Read);
  if ("code" in source) return source;
  const { from, access } = source, s = k.slots;
  let rights = (wordHi(k, t, 1) >>> 8) & (ALL_RIGHTS | Right.Weak);
  const mayBeWeak = s.kind[from] === Kind.CNode || s.kind[from] === Kind.Frame;
  if ((access & Right.Weak) !== 0) {
    // What is not memory or a table, and could act, is nothing when it is fetched through a weak CNode.
    if (mayBeWeak) rights |= Right.Weak;
    else if (s.kind[from] !== Kind.Discrim) return invalidCapability(1);
  }
  if ((rights & Right.Weak) !== 0 && !mayBeWeak) return invalidArgument(1);
  let badge = copiedBadge(k, from);
  if (badged) {
    badge = { lo: wordLo(k, t, 3), hi: wordHi(k, t, 3) };
    if (!mayBadge(k, from, badge.lo, badge.hi)) return ILLEGAL;
  }
  if (!mayDerive(k, from)) return s.kind[from] === Kind.Untyped ? REVOKE_FIRST : ILLEGAL;
  derive(k, from, target, rights, badge.lo, badge.hi);
  return 0;
}

function moveNoted(k: Kernel, from: number, target: number): void {
  note(k, TraceEvent.Move, k.slots.kind[from]!, k.slots.object[from]!);
  moveSlot(k.slots, from, target);
}

/** Move and Mutate. */
function moved(k: Kernel, t: Tcb, target: number, badged: boolean, words: number): Outcome {
  if (words < (badged ? 4 : 3)) return TRUNCATED;
  const source = sourceOf(k, t, target, Right.Read | Right.Write);
  if ("code" in source) return source;
  const { from } = source, s = k.slots;
  if (!badged) {
    moveNoted(k, from, target);
    return 0;
  }
  const lo = wordLo(k, t, 3), hi = wordHi(k, t, 3);
  if (!mayBadge(k, from, lo, hi)) return ILLEGAL;
  // A new badge would change who descends from whom.
  if (hasDescendants(s, k.objects, from)) return REVOKE_FIRST;
  const original = derivesOriginal(s, from, lo, hi);
  moveNoted(k, from, target);
  if (original) becomeOriginal(s, target);
  s.badgeLo[target] = lo;
  s.badgeHi[target] = hi;
  return 0;
}

/** The pivot's capability to the target, the source's to the pivot. */
function rotate(k: Kernel, t: Tcb, target: number): Outcome {
  const s = k.slots, both = Right.Read | Right.Write;
  const [pivotRoot, sourceRoot] = [wordLo(k, t, 3), wordHi(k, t, 3)].map((cptr) => lookup(k, t, cptr, 0)) as [number, number];
  for (const root of [pivotRoot, sourceRoot]) {
    if (root < 0) return failedLookup(3, -1 - root);
    if (s.kind[root] !== Kind.CNode) return invalidCapability(3);
  }
  const pivot = slotArgument(k, 1, pivotRoot, wordLo(k, t, 1), wordHi(k, t, 1), both);
  if (typeof pivot !== "number") return pivot;
  const from = slotArgument(k, 2, sourceRoot, wordLo(k, t, 2), wordHi(k, t, 2), both);
  if (typeof from !== "number") return from;
  if (pivot === target || pivot === from) return invalidArgument(1);
  if (s.isEmpty(pivot)) return invalidCapability(1);
  if (s.isEmpty(from)) return invalidCapability(2);
  if (target === from) {
    swapSlots(s, pivot, target);
    return 0;
  }
  if (!s.isEmpty(target)) return DELETE_FIRST;
  moveNoted(k, pivot, target);
  moveNoted(k, from, pivot);
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
