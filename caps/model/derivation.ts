// Who was derived from whom, without a tree: the slots of one family stand in one list in preorder, and whether a slot
// descends from an earlier one is computed from what the two capabilities are.
//
// CDT-1  next and prev agree.
// CDT-2  All descendants of a slot follow it directly in the list.
// CDT-3  No capability has a right its ancestor lacks, and what descends from a weak one is weak.
// CDT-4  What may have descendants is the first of its badge.
// Source: seL4 manual, "Capability Derivation Tree"; the rules for badges are its table of parent and child.
import { ALL_RIGHTS, Kind, Right } from "../abi/numbers.ts";
import type { ObjectTable } from "./objects.ts";
import type { SlotTable } from "./slots.ts";

/** Bits of SlotTable.original: it may have descendants; one badge's line of copies begins here (seL4's mdbRevocable, mdbFirstBadged). */
const ORIGINAL = 1;
const FIRST_OF_BADGE = 2;

/** The rights of a capability derived from one that has `has`, when `asked` is asked for. Weakness is passed on, and takes the right to write. */
export function attenuate(has: number, asked: number): number {
  const rights = has & asked & ALL_RIGHTS;
  return ((has | asked) & Right.Weak) === 0 ? rights : (rights & ~Right.Write) | Right.Weak;
}

/** Whether revoking the capability in `a` deletes the one in `b`. */
export function isAncestor(slots: SlotTable, objects: ObjectTable, a: number, b: number): boolean {
  if ((slots.original[a]! & ORIGINAL) === 0 || !sameRegion(slots, objects, a, b)) return false;
  const kind = slots.kind[a];
  if (kind !== Kind.Endpoint && kind !== Kind.Notification) return true;
  if (slots.badgeLo[a] === 0 && slots.badgeHi[a] === 0) return true;
  return slots.badgeLo[a] === slots.badgeLo[b] && slots.badgeHi[a] === slots.badgeHi[b] && (slots.original[b]! & FIRST_OF_BADGE) === 0;
}

function sameRegion(slots: SlotTable, objects: ObjectTable, a: number, b: number): boolean {
  const kind = slots.kind[a];
  const x = slots.object[a]!, y = slots.object[b]!;
  if (x === y) return slots.kind[b] === kind;
  if (kind === Kind.IRQControl) return slots.kind[b] === Kind.IRQHandler;
  if (kind !== Kind.Untyped || objects.parent[y] === 0) return false;
  return objects.base[x]! <= objects.base[y]! && objects.base[y]! < objects.base[x]! + objects.size(x);
}

/** Whether any capability descends from the one in `slot`. */
export function hasDescendants(slots: SlotTable, objects: ObjectTable, slot: number): boolean {
  const next = slots.next[slot]!;
  return next !== 0 && isAncestor(slots, objects, slot, next);
}

/** Puts a filled slot into the order directly after `parent`; `original` tells whether it may have descendants of its own. */
export function insertAfter(slots: SlotTable, parent: number, slot: number, original: boolean): void {
  const next = slots.next[parent]!;
  slots.original[slot] = original ? ORIGINAL | FIRST_OF_BADGE : 0;
  slots.prev[slot] = parent;
  slots.next[slot] = next;
  slots.next[parent] = slot;
  if (next !== 0) slots.prev[next] = slot;
}

/** Begins a family of its own: objects of the boot. */
export function insertRoot(slots: SlotTable, slot: number): void {
  slots.original[slot] = ORIGINAL | FIRST_OF_BADGE;
  slots.prev[slot] = 0;
  slots.next[slot] = 0;
}

export function unlink(slots: SlotTable, slot: number): void {
  const prev = slots.prev[slot]!, next = slots.next[slot]!;
  // Copies of a badge that lose their original must not fall to the one of the same badge that stands before it.
  if (next !== 0) slots.original[next]! |= slots.original[slot]! & FIRST_OF_BADGE;
  if (prev !== 0) slots.next[prev] = next;
  if (next !== 0) slots.prev[next] = prev;
  slots.prev[slot] = 0;
  slots.next[slot] = 0;
}

/** A badge was put on the capability in `slot`: its copies are its own from now on. */
export function becomeOriginal(slots: SlotTable, slot: number): void {
  slots.original[slot] = ORIGINAL | FIRST_OF_BADGE;
}

/** Moves a capability, its place in the order and its mapping to an empty slot. */
export function moveSlot(slots: SlotTable, from: number, to: number): void {
  slots.copyFields(from, to);
  slots.original[to] = slots.original[from]!;
  slots.mapSpace[to] = slots.mapSpace[from]!;
  slots.mapPage[to] = slots.mapPage[from]!;
  const prev = slots.prev[from]!, next = slots.next[from]!;
  slots.prev[to] = prev;
  slots.next[to] = next;
  if (prev !== 0) slots.next[prev] = to;
  if (next !== 0) slots.prev[next] = to;
  slots.prev[from] = 0;
  slots.next[from] = 0;
  slots.clear(from);
}

/**
 * Whether a capability derived with this badge is an original: as in seL4, a badged capability minted from an unbadged
 * one is; a plain copy is not.
 */
export function derivesOriginal(slots: SlotTable, from: number, badgeLo: number, badgeHi: number): boolean {
  const kind = slots.kind[from];
  if (kind === Kind.Untyped) return true;
  if (kind !== Kind.Endpoint && kind !== Kind.Notification) return false;
  return slots.badgeLo[from] !== badgeLo || slots.badgeHi[from] !== badgeHi;
}

/** Two capabilities change places: their slots, their places in the order and their mappings. */
export function swapSlots(slots: SlotTable, a: number, b: number): void {
  moveSlot(slots, a, slots.spare);
  moveSlot(slots, b, a);
  moveSlot(slots, slots.spare, b);
}
