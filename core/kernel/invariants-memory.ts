// What must hold of memory that programs, guests and devices reach: VS-1, VS-3 (vspace.ts), WX-1 (frame.ts), IOMMU-1 as far as the
// kernel's side goes. Walks every page table, as an engine would.
import { Kind, MAP_EXECUTE, Right } from "../../caps/abi/numbers.ts";
import { kassert } from "../../caps/model/panic.ts";
import { PAGE, Pte, pteTarget } from "./objects/vspace.ts";
import { TcbSlot, type Kernel, type VSpace } from "./state.ts";

export function checkMappings(k: Kernel): void {
  const places = mappedSlots(k);
  /** By physical page: whether a program or device may write it, or execute it. */
  const writable = new Set<number>(), executable = new Set<number>(), tables = new Set<number>();
  for (const v of k.vspaces) if (v !== undefined) checkTable(k, v, v.root, 2, 0, places, { writable, executable, tables });
  checkTablesAlive(k, tables);
  checkIoSpaces(k, writable);
  for (const t of k.tcbs) {
    if (t === undefined || t.buffer < 0) continue;
    const frame = k.slots.object[t.slots + TcbSlot.Buffer]!;
    kassert(k.slots.kind[t.slots + TcbSlot.Buffer] === Kind.Frame, "VS-3", `thread ${t.id} has an IPC buffer without a capability to its frame`);
    kassert(t.buffer + k.machine.ramBase - (t.buffer % PAGE) === k.objects.base[frame], "VS-3", `the IPC buffer of thread ${t.id} lies outside its frame`);
    writable.add((t.buffer + k.machine.ramBase - (t.buffer % PAGE)) / PAGE);
  }
  for (const page of executable) kassert(!writable.has(page), "WX-1", `page 0x${(page * PAGE).toString(16)} is writable and executable`);
  checkCounts(k);
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
  readonly writable: Set<number>;
  readonly executable: Set<number>;
  readonly tables: Set<number>;
}

function checkTable(k: Kernel, v: VSpace, table: number, level: number, first: number, places: ReadonlyMap<string, readonly number[]>, found: Found): void {
  kassert(!found.tables.has(table), "VS-3", `the page table at 0x${table.toString(16)} is in use twice`);
  found.tables.add(table);
  const s = k.slots, at = (table - k.machine.ramBase) / 4;
  for (let i = 0; i < 512; i++) {
    const flags = k.ram32[at + 2 * i]!;
    if ((flags & Pte.V) === 0) continue;
    const target = pteTarget(k, at + 2 * i), page = first + i * 512 ** level;
    const where = `page 0x${page.toString(16)} of space ${v.serial}`;
    if ((flags & Pte.LEAF) === 0) {
      kassert(level > 0, "VS-3", `${where} is a table where a frame must be`);
      checkTable(k, v, target, level - 1, page, places, found);
      continue;
    }
    kassert((flags & (Pte.W | Pte.X)) !== (Pte.W | Pte.X), "VS-1", `${where} is writable and executable`);
    const bits = 12 + 9 * level;
    const owner = (places.get(placeOf(v.serial, page)) ?? []).find((slot) => s.kind[slot] === Kind.Frame && k.objects.base[s.object[slot]!] === target && k.objects.bits[s.object[slot]!] === bits);
    kassert(owner !== undefined, "VS-3", `${where} maps 0x${target.toString(16)}, and no capability says so`);
    for (let p = target / PAGE, end = p + 2 ** (bits - 12); p < end; p++) {
      if ((flags & Pte.W) !== 0) found.writable.add(p);
      if ((flags & Pte.X) !== 0) found.executable.add(p);
    }
  }
}

/** Tables are live objects of their kind, or the boot's, which lie outside every Untyped. */
function checkTablesAlive(k: Kernel, tables: ReadonlySet<number>): void {
  const o = k.objects, alive = new Set<number>(), untypeds: number[] = [];
  for (let id = 1; id < o.count; id++) {
    if (o.kind[id] === Kind.PageTable || o.kind[id] === Kind.VSpace) alive.add(o.base[id]!);
    else if (o.kind[id] === Kind.Untyped && o.parent[id] === 0) untypeds.push(id);
  }
  for (const table of tables) {
    const boots = !untypeds.some((id) => o.base[id]! <= table && table < o.base[id]! + o.size(id));
    kassert(boots || alive.has(table), "VS-3", `the page table at 0x${table.toString(16)} is in use and no longer a page table`);
  }
}

/** Every mapping of a device is held by a capability, and the IOSpace has counted it. */
function checkIoSpaces(k: Kernel, writable: Set<number>): void {
  const s = k.slots, counts = new Map<number, number>();
  for (let slot = 1; slot < s.end; slot++) {
    const io = s.kind[slot] === Kind.Frame && s.mapSpace[slot]! > 0 ? k.ioSpaces[k.spacesBySerial.get(s.mapSpace[slot]!) ?? 0] : undefined;
    if (io === undefined) continue;
    counts.set(io.id, (counts.get(io.id) ?? 0) + 1);
    if ((s.badgeLo[slot]! & Right.Write) === 0) continue;
    const base = k.objects.base[s.object[slot]!]! / PAGE;
    for (let p = base; p < base + k.objects.size(s.object[slot]!) / PAGE; p++) writable.add(p);
  }
  for (const io of k.ioSpaces) if (io !== undefined) kassert(io.mappings === (counts.get(io.id) ?? 0), "IOMMU-1", `IOSpace ${io.id} counts ${io.mappings} mappings, capabilities hold ${counts.get(io.id) ?? 0}`);
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
