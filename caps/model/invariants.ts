// What must hold of the capabilities and objects between any two system calls, as code. The numbers are those of the file
// heads: SLOT-1, SLOT-2 (slots), CDT-1..3 (derivation), OBJ-1, OBJ-2, UT-1 (objects), and CAP-1 (the kernel's capabilities.ts).
// Slow and plain on purpose; the tests ask after each step.
import { Kind } from "../abi/numbers.ts";
import { attenuate, isAncestor } from "./derivation.ts";
import type { ObjectTable } from "./objects.ts";
import { kassert } from "./panic.ts";
import type { SlotTable } from "./slots.ts";

/** Throws KernelPanic. `dying`: objects that no capability names any more and that are not taken apart yet. */
export function checkCapabilities(slots: SlotTable, objects: ObjectTable, dying: ReadonlySet<number>): void {
  checkSlots(slots);
  checkOrder(slots, objects);
  checkReferences(slots, objects, dying);
  checkMemory(objects);
}

function checkSlots(s: SlotTable): void {
  kassert(s.kind[0] === Kind.Null && s.next[0] === 0 && s.prev[0] === 0, "SLOT-1", "row 0 is in use");
  for (let slot = 1; slot < s.end; slot++) {
    if (s.kind[slot] !== Kind.Null) continue;
    const empty = s.next[slot] === 0 && s.prev[slot] === 0 && s.object[slot] === 0 && s.rights[slot] === 0 && s.original[slot] === 0
      && s.mapSpace[slot] === 0 && s.mapPage[slot] === 0 && s.badgeLo[slot] === 0 && s.badgeHi[slot] === 0;
    kassert(empty, "SLOT-2", `the empty row ${slot} is in a list or remembers something`);
  }
}

function checkOrder(s: SlotTable, objects: ObjectTable): void {
  let listed = 0, filled = 0;
  for (let head = 1; head < s.end; head++) {
    if (s.kind[head] === Kind.Null) continue;
    filled++;
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
    kassert(next === 0 || s.prev[next] === slot, "CDT-1", `row ${slot} names ${next} as the next, which names ${s.prev[next]} as the one before`);
  }
  kassert(listed === filled, "CDT-1", `${filled} rows are filled, ${listed} stand in the order`);
}

/** The descendants of family[at] follow it directly, and none has a right that it lacks. */
function checkDescendants(s: SlotTable, objects: ObjectTable, family: readonly number[], at: number): void {
  const slot = family[at]!;
  // Two mints of one badge are told apart by where they stand, not by what they are.
  const badged = (s.kind[slot] === Kind.Endpoint || s.kind[slot] === Kind.Notification) && (s.badgeLo[slot] !== 0 || s.badgeHi[slot] !== 0);
  let inRun = true;
  for (let i = at + 1; i < family.length; i++) {
    const later = family[i]!;
    const descends = isAncestor(s, objects, slot, later);
    if (!descends && badged) return;
    kassert(inRun || !descends, "CDT-2", `row ${later} descends from ${slot}, but rows between them do not`);
    inRun &&= descends;
    if (inRun && s.object[later] === s.object[slot])
      kassert(attenuate(s.rights[slot]!, s.rights[later]!) === s.rights[later], "CDT-3", `row ${later} has rights ${s.rights[later]}, its ancestor ${slot} has ${s.rights[slot]}`);
  }
}

function checkReferences(s: SlotTable, objects: ObjectTable, dying: ReadonlySet<number>): void {
  const refs = new Int32Array(objects.count);
  for (let slot = 1; slot < s.end; slot++) {
    if (s.kind[slot] === Kind.Null) continue;
    const object = s.object[slot]!;
    kassert(object > 0 && object < objects.count && objects.kind[object] === s.kind[slot], "CAP-1", `row ${slot} (kind ${s.kind[slot]}) names object ${object}, which is not of that kind`);
    refs[object]!++;
  }
  const children = new Int32Array(objects.count);
  for (let id = 1; id < objects.count; id++) {
    if (objects.kind[id] === Kind.Null) continue;
    const parent = objects.parent[id]!;
    if (parent === 0) continue;
    kassert(objects.kind[parent] === Kind.Untyped, "OBJ-1", `object ${id} was made from ${parent}, which is no Untyped`);
    children[parent]!++;
  }
  for (let id = 1; id < objects.count; id++) {
    const kind = objects.kind[id];
    if (kind === Kind.Null) continue;
    kassert(objects.refs[id] === refs[id], "CAP-1", `object ${id} counts ${objects.refs[id]} capabilities, ${refs[id]} name it`);
    if (kind === Kind.Untyped) kassert(objects.children[id] === children[id], "OBJ-1", `Untyped ${id} counts ${objects.children[id]} objects, ${children[id]} were made from it`);
    const held = refs[id]! > 0 || dying.has(id) || (kind === Kind.Untyped && children[id]! > 0);
    kassert(held, "OBJ-1", `object ${id} (kind ${kind}) is alive, but nothing names it`);
  }
}

/** Live objects by the Untyped they were made from: none overlaps another, and all lie below the watermark. */
function checkMemory(o: ObjectTable): void {
  const families = new Map<number, number[]>();
  for (let id = 1; id < o.count; id++) {
    if (o.kind[id] === Kind.Null || o.base[id] === 0) continue;
    const family = families.get(o.parent[id]!);
    if (family === undefined) families.set(o.parent[id]!, [id]);
    else family.push(id);
  }
  for (const [parent, family] of families) {
    family.sort((a, b) => o.base[a]! - o.base[b]!);
    family.forEach((id, i) => {
      const end = o.base[id]! + o.size(id), next = family[i + 1];
      kassert(next === undefined || end <= o.base[next]!, "OBJ-2", `objects ${id} and ${next} overlap`);
      if (parent === 0) return;
      kassert(o.base[id]! >= o.base[parent]! && end <= o.base[parent]! + o.size(parent), "OBJ-2", `object ${id} lies outside Untyped ${parent}`);
      kassert(end <= o.base[parent]! + o.watermark[parent]!, "UT-1", `object ${id} lies above the watermark of Untyped ${parent}`);
    });
  }
}
