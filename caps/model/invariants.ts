// What must hold of the capabilities between any two system calls, as code: SLOT-1..3 (slots.ts), CDT-1..4 (derivation.ts), and
//
// CAP-2  A capability has no right that there is not, is weak only if its kind can be (and then does not write), has a badge only if its kind can; a
//        guard fits its CNode, and a mapping does no more than its Frame capability allows.
//
// Those of objects are in invariants-objects.ts. Slow and plain on purpose; the tests ask after each step. Where a loop goes over all rows, what is
// said of a broken one is put together only then.
import { ALL_RIGHTS, Kind, MAP_EXECUTE, Right } from "../abi/numbers.ts";
import { attenuate, isAncestor } from "./derivation.ts";
import { checkIds, checkMemory, checkReferences } from "./invariants-objects.ts";
import type { ObjectTable } from "./objects.ts";
import { kassert } from "./panic.ts";
import type { SlotTable } from "./slots.ts";

/** A run of 2^bits rows. */
export interface Run {
  readonly first: number;
  readonly bits: number;
}

/** Throws KernelPanic. `dying`: objects that no capability names any more and that are not taken apart yet; `runs`: whose rows are in use. */
export function checkCapabilities(slots: SlotTable, objects: ObjectTable, dying: ReadonlySet<number>, runs: readonly Run[]): void {
  checkSlots(slots);
  checkRuns(slots, runs);
  checkIds(objects);
  checkReferences(slots, objects, dying);
  checkMemory(objects);
  checkFields(slots, objects);
  checkOrder(slots, objects);
  checkFamilies(slots, objects);
}

function checkSlots(s: SlotTable): void {
  kassert(s.kind[0] === Kind.Null && s.next[0] === 0 && s.prev[0] === 0, "SLOT-1", "row 0 is in use");
  for (let slot = 1; slot < s.end; slot++) {
    if (s.kind[slot] !== Kind.Null) continue;
    const empty = s.next[slot] === 0 && s.prev[slot] === 0 && s.object[slot] === 0 && s.rights[slot] === 0 && s.original[slot] === 0
      && s.mapSpace[slot] === 0 && s.mapPage[slot] === 0 && s.badgeLo[slot] === 0 && s.badgeHi[slot] === 0;
    if (!empty) kassert(false, "SLOT-2", `the empty row ${slot} is in a list or remembers something`);
  }
}

function checkRuns(s: SlotTable, used: readonly Run[]): void {
  const taken = new Uint8Array(s.end);
  const take = ({ first, bits }: Run, free: boolean): void => {
    const end = first + 2 ** bits;
    kassert(first >= 1 && end <= s.end, "SLOT-3", `the run from row ${first} to ${end} leaves the table`);
    for (let slot = first; slot < end; slot++) {
      if (taken[slot] !== 0) kassert(false, "SLOT-3", `row ${slot} is in two runs`);
      if (free && s.kind[slot] !== Kind.Null) kassert(false, "SLOT-3", `row ${slot} is free and filled`);
      taken[slot] = 1;
    }
  };
  for (const run of used) take(run, false);
  for (const run of s.freeRuns()) take(run, true);
  take({ first: s.spare, bits: 0 }, true);
  for (let slot = 1; slot < s.end; slot++) {
    if (taken[slot] === 0 && s.prev[slot] !== 0) kassert(false, "SLOT-3", `row ${slot} is in no CNode, and holds what was derived`);
  }
}

function checkOrder(s: SlotTable, objects: ObjectTable): void {
  let listed = 0, filled = 0;
  for (let head = 1; head < s.end; head++) {
    if (s.kind[head] === Kind.Null) continue;
    filled++;
    if (s.original[head] === 1 || s.original[head]! > 3) kassert(false, "CDT-4", `row ${head} may have descendants, but is not the first of its badge (${s.original[head]})`);
    if (s.prev[head] !== 0) continue;
    const family: number[] = [];
    for (let slot = head, before = 0; slot !== 0; before = slot, slot = s.next[slot]!) {
      kassert(s.kind[slot] !== Kind.Null, "SLOT-2", `the empty row ${slot} follows ${before} in the order`);
      kassert(s.prev[slot] === before, "CDT-1", `row ${slot} follows ${before} but names ${s.prev[slot]} as the one before`);
      kassert(family.length < s.end, "CDT-1", `the order from row ${head} on goes round`);
      family.push(slot);
    }
    listed += family.length;
    for (let at = 0; at < family.length; at++) checkDescendants(s, objects, family, at);
  }
  for (let slot = 1; slot < s.end; slot++) {
    const next = s.next[slot]!;
    if (next !== 0) kassert(s.prev[next] === slot, "CDT-1", `row ${slot} names ${next} as the next, which names ${s.prev[next]} as the one before`);
  }
  kassert(listed === filled, "CDT-1", `${filled} rows are filled, ${listed} stand in the order`);
}

/** The descendants of family[at] follow it directly, and none has a right that it lacks. */
function checkDescendants(s: SlotTable, objects: ObjectTable, family: readonly number[], at: number): void {
  const slot = family[at]!;
  // Two mints of one badge are told apart by where they stand, not by what they are.
  const badged = hasBadge(s, slot);
  let inRun = true;
  for (let i = at + 1; i < family.length; i++) {
    const later = family[i]!;
    const descends = isAncestor(s, objects, slot, later);
    if (!descends && outranks(s, objects, later, slot)) kassert(false, "CDT-2", `row ${slot} descends from ${later}, but stands before it`);
    if (!descends && badged) return;
    if (!inRun && descends) kassert(false, "CDT-2", `row ${later} descends from ${slot}, but rows between them do not`);
    inRun &&= descends;
    if (inRun && s.object[later] === s.object[slot] && attenuate(s.rights[slot]!, s.rights[later]!) !== s.rights[later])
      kassert(false, "CDT-3", `row ${later} has rights ${s.rights[later]}, its ancestor ${slot} has ${s.rights[slot]}`);
  }
}

const hasBadge = (s: SlotTable, slot: number): boolean => isBadged(s.kind[slot]!) && (s.badgeLo[slot] !== 0 || s.badgeHi[slot] !== 0);

/** Whether the one in `b` descends from the one in `a` by what they are: of two that are the same only the order says which was first. */
function outranks(s: SlotTable, objects: ObjectTable, a: number, b: number): boolean {
  const differ = s.object[a] !== s.object[b] || (hasBadge(s, b) && !hasBadge(s, a));
  return differ && isAncestor(s, objects, a, b);
}

/** Nothing descends from what stands in another list. */
function checkFamilies(s: SlotTable, objects: ObjectTable): void {
  const byObject = new Map<number, number[]>(), family = new Int32Array(s.end);
  for (let slot = 1; slot < s.end; slot++) {
    if (s.kind[slot] === Kind.Null) continue;
    const rows = byObject.get(s.object[slot]!);
    if (rows === undefined) byObject.set(s.object[slot]!, [slot]);
    else rows.push(slot);
    if (s.prev[slot] === 0) for (let later = slot; later !== 0; later = s.next[later]!) family[later] = slot;
  }
  for (let slot = 1; slot < s.end; slot++) {
    if (s.kind[slot] === Kind.Null) continue;
    for (let object = s.object[slot]!; object !== 0; object = objects.parent[object]!)
      for (const other of byObject.get(object) ?? [])
        if (family[other] !== family[slot] && outranks(s, objects, other, slot)) kassert(false, "CDT-2", `row ${slot} descends from ${other}, and stands in another list`);
  }
}

const isBadged = (kind: number): boolean => kind === Kind.Endpoint || kind === Kind.Notification;

/** The greatest rights and mapping attributes that a Frame capability with these rights can be mapped with. */
const mappable = (rights: number): number => (rights & (Right.Read | Right.Write)) | ((rights & Right.Read) === 0 ? 0 : MAP_EXECUTE);

function checkFields(s: SlotTable, o: ObjectTable): void {
  for (let slot = 1; slot < s.end; slot++) {
    const kind = s.kind[slot]!, rights = s.rights[slot]!, lo = s.badgeLo[slot]!, hi = s.badgeHi[slot]!;
    if (kind === Kind.Null) continue;
    const weak = (rights & Right.Weak) !== 0;
    const sound = (rights & ~(ALL_RIGHTS | Right.Weak)) === 0 && (!weak || ((kind === Kind.CNode || kind === Kind.Frame) && (rights & Right.Write) === 0));
    kassert(sound, "CAP-2", `row ${slot} (kind ${kind}) has rights ${rights}, which it cannot have`);
    if (kind === Kind.CNode) {
      const guard = hi >>> 0, radix = o.bits[s.object[slot]!]! - 5;
      kassert(guard + radix <= 32 && (guard === 32 || lo >>> 0 < 2 ** guard), "CAP-2", `row ${slot} has a guard of ${guard} bits (0x${(lo >>> 0).toString(16)}) before ${radix}`);
    } else if (kind === Kind.Frame) {
      kassert(hi === 0 && (lo & ~mappable(rights)) === 0 && (lo === 0 || s.mapSpace[slot] !== 0), "CAP-2", `row ${slot} is a frame with rights ${rights}, mapped with ${lo}`);
    } else kassert(isBadged(kind) || (lo === 0 && hi === 0), "CAP-2", `row ${slot} (kind ${kind}) has a badge`);
  }
}
