// What must hold of memory that programs, guests and devices reach: VS-1 and VS-3 (vspace.ts), WX-1 (frame.ts), OBJ-3 and UT-2 (caps/model/objects.ts) as
// far as RAM goes, and
//
// VS-4  An entry lets a program do what its Frame capability says that the mapping does, and is the user's.
//
// Walks every page table, as an engine would.
import { Kind, MAP_EXECUTE, Right } from "../../caps/abi/numbers.ts";
import { kassert } from "../../caps/model/panic.ts";
import { PAGE, Pte, pteTarget } from "./objects/vspace.ts";
import { TcbSlot, type Kernel, type VSpace } from "./state.ts";

export function checkMemory(k: Kernel): void {
  checkRam(k);
  /** By physical page: whether a program or device may write it, or execute it. */
  const found: Found = { places: mappedSlots(k), writable: new Set(), executable: new Set(), tables: new Set(), objects: tableObjects(k) };
  for (const v of k.vspaces) if (v !== undefined) checkTable(k, v, v.root, 2, 0, found);
  checkTablesAlive(k, found);
  addDevices(k, found.writable);
  for (const t of k.tcbs) {
    const frame = t === undefined ? 0 : k.slots.object[t.slots + TcbSlot.Buffer]!;
    if (t === undefined || (t.buffer < 0 && frame === 0)) continue;
    kassert(k.slots.kind[t.slots + TcbSlot.Buffer] === Kind.Frame && t.buffer >= 0, "VS-3", `thread ${t.id} has an IPC buffer without a capability to its frame, or the other way round`);
    const physical = t.buffer + k.machine.ramBase - (t.buffer % PAGE);
    kassert(physical === k.objects.base[frame] && k.objects.bits[frame] === 12 && t.buffer % 1024 === 0, "VS-3", `the IPC buffer of thread ${t.id} lies outside its frame`);
    found.writable.add(physical / PAGE);
  }
  for (const page of found.executable) kassert(!found.writable.has(page), "WX-1", `page 0x${(page * PAGE).toString(16)} is writable and executable`);
  checkCounts(k);
}

/** Objects lie in RAM, but for device memory; above the clean mark nothing was written. A look at one word of each page must do. */
function checkRam(k: Kernel): void {
  const o = k.objects, { ramBase } = k.machine, end = ramBase + k.ram8.length;
  for (let id = 1; id < o.count; id++) {
    if (o.kind[id] === Kind.Null || o.base[id] === 0 || o.device[id] === 1) continue;
    kassert(o.base[id]! >= ramBase && o.base[id]! + o.size(id) <= end, "OBJ-3", `object ${id} lies outside RAM`);
    if (o.kind[id] !== Kind.Untyped) continue;
    const top = o.base[id]! + o.size(id);
    for (let at = Math.ceil((o.base[id]! + o.clean[id]!) / PAGE) * PAGE; at < top; at += PAGE)
      if (k.ram32[(at - ramBase) / 4] !== 0) kassert(false, "UT-2", `memory at 0x${at.toString(16)} of Untyped ${id} is said to be clean, and was written`);
  }
}

const placeOf = (serial: number, page: number): string => `${serial}:${page}`;

/** Frames and PageTables by where their capabilities say they are mapped. */
function mappedSlots(k: Kernel): Map<string, number[]> {
  const s = k.slots, places = new Map<string, number[]>();
  for (let slot = 1; slot < s.end; slot++) {
    if (s.kind[slot] === Kind.Null || s.mapSpace[slot]! <= 0) continue;
    const place = placeOf(s.mapSpace[slot]!, s.mapPage[slot]!);
    places.set(place, [...(places.get(place) ?? []), slot]);
  }
  return places;
}

interface Found {
  readonly places: ReadonlyMap<string, readonly number[]>;
  readonly writable: Set<number>;
  readonly executable: Set<number>;
  readonly tables: Set<number>;
  /** Live VSpaces and PageTables by physical address. */
  readonly objects: ReadonlyMap<number, number>;
}

function tableObjects(k: Kernel): Map<number, number> {
  const objects = new Map<number, number>();
  for (let id = 1; id < k.objects.count; id++) if (k.objects.kind[id] === Kind.PageTable || k.objects.kind[id] === Kind.VSpace) objects.set(k.objects.base[id]!, id);
  return objects;
}

function checkTable(k: Kernel, v: VSpace, table: number, level: number, first: number, found: Found): void {
  kassert(!found.tables.has(table), "VS-3", `the page table at 0x${table.toString(16)} is in use twice`);
  found.tables.add(table);
  const at = (table - k.machine.ramBase) / 4;
  for (let i = 0; i < 512; i++) {
    const flags = k.ram32[at + 2 * i]!;
    if ((flags & Pte.V) === 0) continue;
    const target = pteTarget(k, at + 2 * i), page = first + i * 512 ** level;
    if ((flags & Pte.LEAF) !== 0) {
      checkLeaf(k, v, page, level, flags, target, found);
      continue;
    }
    kassert(level > 0, "VS-3", `page 0x${page.toString(16)} of space ${v.serial} is a table where a frame must be`);
    checkHeld(k, v, target, page, 512 ** level, found);
    checkTable(k, v, target, level - 1, page, found);
  }
}

function checkLeaf(k: Kernel, v: VSpace, page: number, level: number, flags: number, target: number, found: Found): void {
  const s = k.slots, where = `page 0x${page.toString(16)} of space ${v.serial}`, bits = 12 + 9 * level;
  kassert((flags & (Pte.W | Pte.X)) !== (Pte.W | Pte.X), "VS-1", `${where} is writable and executable`);
  const owner = (found.places.get(placeOf(v.serial, page)) ?? []).find((slot) => s.kind[slot] === Kind.Frame && k.objects.base[s.object[slot]!] === target && k.objects.bits[s.object[slot]!] === bits);
  kassert(owner !== undefined, "VS-3", `${where} maps 0x${target.toString(16)}, and no capability says so`);
  const rights = s.badgeLo[owner]!;
  const right = ((rights & Right.Write) !== 0) === ((flags & Pte.W) !== 0) && ((rights & MAP_EXECUTE) !== 0) === ((flags & Pte.X) !== 0)
    && ((rights & (Right.Read | Right.Write)) !== 0) === ((flags & Pte.R) !== 0) && (flags & Pte.U) !== 0;
  kassert(right, "VS-4", `${where} has flags 0x${flags.toString(16)}, its capability maps it with ${rights}`);
  for (let p = target / PAGE, end = p + 2 ** (bits - 12); p < end; p++) {
    if ((flags & Pte.W) !== 0) found.writable.add(p);
    if ((flags & Pte.X) !== 0) found.executable.add(p);
  }
}

/** A table that is an object is in use where its capability says, somewhere in what it covers. */
function checkHeld(k: Kernel, v: VSpace, table: number, page: number, pages: number, found: Found): void {
  const id = found.objects.get(table);
  if (id === undefined) return;
  const s = k.slots;
  for (let slot = 1; slot < s.end; slot++)
    if (s.object[slot] === id && s.kind[slot] === Kind.PageTable && s.mapSpace[slot] === v.serial && s.mapPage[slot]! >= page && s.mapPage[slot]! < page + pages) return;
  kassert(false, "VS-3", `the page table at 0x${table.toString(16)} is in use for page 0x${page.toString(16)} of space ${v.serial}, and no capability says so`);
}

/** Tables are live objects of their kind, or the boot's, which lie outside every Untyped. */
function checkTablesAlive(k: Kernel, found: Found): void {
  const o = k.objects, untypeds: number[] = [];
  for (let id = 1; id < o.count; id++) if (o.kind[id] === Kind.Untyped && o.parent[id] === 0) untypeds.push(id);
  for (const table of found.tables) {
    const boots = !untypeds.some((id) => o.base[id]! <= table && table < o.base[id]! + o.size(id));
    kassert(boots || found.objects.has(table), "VS-3", `the page table at 0x${table.toString(16)} is in use and no longer a page table`);
  }
}

/** What devices may write. */
function addDevices(k: Kernel, writable: Set<number>): void {
  const s = k.slots;
  for (let slot = 1; slot < s.end; slot++) {
    if (s.kind[slot] !== Kind.Frame || s.mapSpace[slot]! <= 0 || (s.badgeLo[slot]! & Right.Write) === 0) continue;
    if (k.ioSpaces[k.spacesBySerial.get(s.mapSpace[slot]!) ?? 0] === undefined) continue;
    const base = k.objects.base[s.object[slot]!]! / PAGE;
    for (let p = base; p < base + k.objects.size(s.object[slot]!) / PAGE; p++) writable.add(p);
  }
}

/** A frame has counted its mappings: WX-1 is decided by the counts. */
function checkCounts(k: Kernel): void {
  const s = k.slots, writers = new Int32Array(k.objects.count), executors = new Int32Array(k.objects.count);
  for (let slot = 1; slot < s.end; slot++) {
    if (s.kind[slot] !== Kind.Frame || s.mapSpace[slot] === 0) continue;
    if ((s.badgeLo[slot]! & Right.Write) !== 0) writers[s.object[slot]!]!++;
    if ((s.badgeLo[slot]! & MAP_EXECUTE) !== 0) executors[s.object[slot]!]!++;
  }
  for (const page of k.pages) {
    if (page === undefined) continue;
    const right = page.writers === writers[page.id] && page.executors === executors[page.id];
    kassert(right, "WX-1", `frame ${page.id} counts ${page.writers} writers and ${page.executors} executors, capabilities hold ${writers[page.id]} and ${executors[page.id]}`);
  }
}
