// Making and unmaking capabilities: every slot is filled by `install` or `derive` and emptied by `deleteSlot`.
// Revocation, the emptying of dead CNodes and the release of those who wait on dead endpoints go in pieces of PIECE steps; between pieces others run.
//
// CAP-1  objects.refs counts the slots that name the object; at 0 the object is destroyed, or dying: taken apart step by step.
import { Kind, type Kind as KindT } from "../../caps/abi/numbers.ts";
import { attenuate, derivesOriginal, hasDescendants, insertAfter, insertRoot, unlink } from "../../caps/model/derivation.ts";
import { unmake } from "./objects/table.ts";
import { unmapSlot } from "./objects/mapping.ts";
import { TcbSlot, type Kernel, type Tcb } from "./state.ts";
import { note, TraceEvent } from "./trace.ts";

/** Most slots emptied, or waiting threads released, in one entry into the kernel. */
export const PIECE = 64;

/** Fills an empty slot with the first capability to an object, below `parent` in the derivation order (0: of the boot). */
export function install(k: Kernel, slot: number, kind: KindT, object: number, rights: number, parent: number): void {
  const s = k.slots;
  s.kind[slot] = kind;
  s.rights[slot] = rights;
  s.object[slot] = object;
  k.objects.refs[object]!++;
  if (parent === 0) insertRoot(s, slot);
  else insertAfter(s, parent, slot, true);
}

/** Fills the empty slot `to` with a capability derived from the one in `from`. The caller has checked that it may be. */
export function derive(k: Kernel, from: number, to: number, rights: number, badgeLo: number, badgeHi: number): void {
  const s = k.slots;
  const original = derivesOriginal(s, from, badgeLo, badgeHi);
  s.copyFields(from, to);
  s.rights[to] = attenuate(s.rights[from]!, rights);
  s.badgeLo[to] = badgeLo;
  s.badgeHi[to] = badgeHi;
  insertAfter(s, from, to, original);
  k.objects.refs[s.object[to]!]!++;
  note(k, TraceEvent.Derive, s.kind[to]!, s.object[to]!, s.rights[to]!);
}

/**
 * Whether a capability may be copied at all: Untypeds only while nothing has come of them (else two would hand out the
 * same memory), reply objects and IRQControl never, and a page table not either, for it has one place in one space.
 */
export function mayDerive(k: Kernel, slot: number): boolean {
  switch (k.slots.kind[slot]) {
    case Kind.Untyped:
      return k.objects.children[k.slots.object[slot]!] === 0 && !hasDescendants(k.slots, k.objects, slot);
    case Kind.Reply:
    case Kind.IRQControl:
    case Kind.PageTable:
      return false;
    default:
      return true;
  }
}

/** The badge a plain copy has: its own, but a copied Frame is not mapped anywhere. */
export function copiedBadge(k: Kernel, slot: number): { lo: number; hi: number } {
  if (k.slots.kind[slot] === Kind.Frame) return { lo: 0, hi: 0 };
  return { lo: k.slots.badgeLo[slot]!, hi: k.slots.badgeHi[slot]! };
}

/** Empties a slot. The last capability to an object destroys it, or has it taken apart in pieces. How many steps of a piece that was. */
export function deleteSlot(k: Kernel, slot: number): number {
  const s = k.slots;
  const kind = s.kind[slot]!;
  if (kind === Kind.Null) return 1;
  const object = s.object[slot]!;
  note(k, TraceEvent.Delete, kind, object);
  if (s.mapSpace[slot] !== 0) unmapSlot(k, slot);
  unlink(s, slot);
  s.clear(slot);
  // An Untyped stays while anything made from it is alive: that memory is still taken.
  if (--k.objects.refs[object]! > 0 || k.objects.children[object]! > 0) return 1;
  bury(k, object);
  return stepsOf(kind);
}

/** What it is to unmake an object: closing an engine is a whole piece, a TCB has slots of its own. */
function stepsOf(kind: number): number {
  return kind === Kind.VCPU ? PIECE : kind === Kind.TCB ? 2 ** TcbSlot.COUNT_BITS : 1;
}

/** Nothing names the object any more: it goes at once if that is little work, else it is dying, on the account of the thread that brought it down. */
function bury(k: Kernel, object: number): void {
  if (unmake(k, object, false) === 0) {
    const parent = k.objects.destroy(object);
    if (parent === 0) return;
    object = parent;
  }
  const payer = k.payer === 0 ? k.current : k.payer;
  k.dying.set(object, payer);
  k.tcbs[payer]?.debts.push(object);
}

/** A little of the work of taking a dying object apart: how many steps that was, at least one. */
function dismantle(k: Kernel, object: number): number {
  const payer = k.dying.get(object)!;
  k.payer = payer;
  const steps = unmake(k, object, true);
  if (steps === 0) {
    k.dying.delete(object);
    const parent = k.objects.destroy(object);
    if (parent !== 0) {
      k.dying.set(parent, payer);
      k.tcbs[payer]?.debts.push(parent);
    }
  }
  k.payer = 0;
  return Math.max(steps, 1);
}

/** Up to `steps` steps of what the thread's own deletions brought down; true when nothing of it is left. */
export function payDebts(k: Kernel, t: Tcb, steps: number = PIECE): boolean {
  for (let n = 0; n < steps; ) {
    const object = t.debts[t.debts.length - 1];
    if (object === undefined) return true;
    // It may be gone by now: see `reapOrphans`.
    if (k.dying.get(object) === t.id) n += dismantle(k, object);
    else {
      t.debts.pop();
      n++;
    }
  }
  return t.debts.length === 0;
}

/**
 * A piece of whatever is dying, the oldest first. Who deleted it is doing the same, unless he was stopped: so that nobody waits for ever for a thread
 * that will not go on, the loop does a piece now and then, and all when there is nothing else to do.
 */
export function reapOrphans(k: Kernel): void {
  for (let n = 0; n < PIECE; ) {
    const next = k.dying.keys().next();
    if (next.done === true) return;
    n += dismantle(k, next.value);
  }
}

/** A piece of the revocation of the capability in `slot`; true when nothing derived from it is left. */
export function revokePiece(k: Kernel, t: Tcb, slot: number): boolean {
  let n = 0;
  while (hasDescendants(k.slots, k.objects, slot)) {
    if (n >= PIECE) return false;
    n += deleteSlot(k, k.slots.next[slot]!);
  }
  if (!payDebts(k, t, PIECE - n)) return false;
  // An Untyped is free again when all that was made from it is gone, also what somebody else has deleted and not yet taken apart.
  if (k.slots.kind[slot] !== Kind.Untyped || k.objects.children[k.slots.object[slot]!] === 0 || k.dying.size === 0) return true;
  reapOrphans(k);
  return false;
}
