// What must hold of the objects between any two system calls, as code: CAP-1 (the kernel's capabilities.ts), OBJ-1..4, UT-1 and UT-2 (objects.ts).
import { Kind, RetypeSize, type RetypeName } from "../abi/numbers.ts";
import type { ObjectTable } from "./objects.ts";
import { kassert } from "./panic.ts";
import type { SlotTable } from "./slots.ts";

/** Ids by the one list of those that are free. */
export function checkIds(o: ObjectTable): void {
  const free = new Set<number>();
  for (const id of o.freeIds()) {
    kassert(id > 0 && id < o.count && !free.has(id), "OBJ-4", `the list of free ids comes to ${id}, which there is not, or again`);
    kassert(o.kind[id] === Kind.Null, "OBJ-4", `object ${id} is alive and its id is free`);
    free.add(id);
  }
  for (let id = 1; id < o.count; id++) kassert(o.kind[id] !== Kind.Null || free.has(id), "OBJ-4", `the id ${id} is lost: no object has it, and it is not free`);
}

export function checkReferences(s: SlotTable, objects: ObjectTable, dying: ReadonlySet<number>): void {
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
    kassert(objects.children[id] === children[id], "OBJ-1", `object ${id} counts ${objects.children[id]} objects, ${children[id]} were made from it`);
    const held = refs[id]! > 0 || dying.has(id) || (kind === Kind.Untyped && children[id]! > 0);
    kassert(held, "OBJ-1", `object ${id} (kind ${kind}) is alive, but nothing names it`);
  }
}

/** By kind: the sizes that its objects may have. */
const SIZES = new Map<number, (typeof RetypeSize)[RetypeName]>((Object.keys(RetypeSize) as RetypeName[]).map((name) => [Kind[name], RetypeSize[name]]));

function isSizeOf(kind: number, bits: number): boolean {
  const size = SIZES.get(kind);
  if (size === undefined) return bits === 0;
  if (kind === Kind.Frame) return bits === size.min || bits === size.max;
  return bits >= size.bits + size.min && bits <= size.bits + size.max;
}

/** Live objects by the Untyped they were made from: none overlaps another, and all lie below the watermark. */
export function checkMemory(o: ObjectTable): void {
  const families = new Map<number, number[]>();
  for (let id = 1; id < o.count; id++) {
    if (o.kind[id] === Kind.Null) continue;
    checkObject(o, id);
    if (o.base[id] === 0) continue;
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
      kassert(end <= o.base[parent]! + o.clean[parent]!, "UT-2", `object ${id} lies above the clean mark of Untyped ${parent}`);
    });
  }
}

function checkObject(o: ObjectTable, id: number): void {
  const kind = o.kind[id]!, parent = o.parent[id]!;
  kassert(isSizeOf(kind, o.bits[id]!), "OBJ-3", `object ${id} (kind ${kind}) has 2^${o.bits[id]} bytes`);
  kassert(o.base[id]! % o.size(id) === 0, "OBJ-3", `object ${id} at 0x${o.base[id]!.toString(16)} is not at a multiple of its size`);
  kassert(parent === 0 || o.device[id]! >= o.device[parent]!, "OBJ-3", `object ${id} is made of device memory, and not said to be`);
  kassert(o.device[id] === 0 || kind === Kind.Frame || kind === Kind.Untyped, "OBJ-3", `object ${id} (kind ${kind}) is made of device memory`);
  const marks = kind === Kind.Untyped ? o.size(id) : 0;
  kassert(o.watermark[id]! <= marks, "UT-1", `object ${id} has handed out ${o.watermark[id]} of its ${marks} bytes`);
  kassert(o.clean[id]! <= marks, "UT-2", `object ${id} has a clean mark at ${o.clean[id]}, beyond its ${marks} bytes`);
}
