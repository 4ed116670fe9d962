// VSpace: the root of a Sv39 page table in RAM, and the PageTables below it. The engines walk the same tables.
//
// VS-1  A page-table entry is never both writable and executable.
// VS-2  What is taken out of a table is flushed from the engine bound to the space before the kernel returns.
// VS-3  Every leaf is held by a Frame capability that says it is mapped there, every table is in use once; a table that
//       is taken out is emptied, so it brings nothing along to where it is mapped next.
// Source: RISC-V Privileged Architecture 1.12, "Sv39".
import { infoLength } from "../../../caps/abi/message.ts";
import { Invocation, Kind } from "../../../caps/abi/numbers.ts";
import { capArgument } from "../arguments.ts";
import { DELETE_FIRST, ILLEGAL, misaligned, outOfRange, TRUNCATED, type Outcome } from "../outcome.ts";
import { wordNumber } from "../registers.ts";
import { TcbSlot, type Kernel, type Tcb, type VSpace } from "../state.ts";

export const PAGE = 4096;
export const LARGE_PAGE = 2 ** 21;
/** Programs have the low half of Sv39: 256 GiB. */
export const USER_TOP = 2 ** 38;

export const Pte = { V: 1, R: 2, W: 4, X: 8, U: 16, A: 64, D: 128, LEAF: 14 } as const;

export function createVSpace(k: Kernel, id: number): void {
  const space = k.freeSpaces.pop() ?? k.spacesUsed++;
  const serial = k.nextSerial++;
  const root = k.objects.base[id]!;
  k.vspaces[id] = { id, serial, space, root, generation: 0 };
  k.spacesBySerial.set(serial, id);
  k.machine.bindSpace(space, root);
}

export function destroyVSpace(k: Kernel, id: number): void {
  const v = k.vspaces[id]!;
  k.spacesBySerial.delete(v.serial);
  k.machine.dropSpace(v.space);
  k.freeSpaces.push(v.space);
  k.vspaces[id] = undefined;
}

/** Mappings were taken away or weakened. */
export function flushSpace(k: Kernel, v: VSpace): void {
  v.generation++;
  k.machine.flushSpace(v.space);
}

/** Index in ram32 of entry `index` of the table at this physical address. */
const entryAt = (k: Kernel, table: number, index: number): number => (table - k.machine.ramBase) / 4 + 2 * index;

/** Physical address an entry points to. */
export function pteTarget(k: Kernel, entry: number): number {
  const lo = k.ram32[entry]!, hi = k.ram32[entry + 1]!;
  return ((lo >>> 10) + (hi & 0x3fffff) * 2 ** 22) * PAGE;
}

export function setPte(k: Kernel, entry: number, physical: number, flags: number): void {
  const ppn = physical / PAGE;
  k.ram32[entry] = ((ppn % 2 ** 22) << 10) | flags;
  k.ram32[entry + 1] = Math.floor(ppn / 2 ** 22);
}

/** Index of the page number's entry at a level: 2 root, 1 (2 MiB), 0 (4 KiB). */
const indexAt = (page: number, level: number): number => (page >>> (9 * level)) & 511;

/**
 * Walks down to the entry for `page` (address / 4096) at `level`. Answers its index in ram32, or -1 - l when the
 * table for level l (0 or 1) is missing or a large page is in the way.
 */
export function walk(k: Kernel, v: VSpace, page: number, level: number): number {
  let table = v.root;
  for (let at = 2; ; at--) {
    const entry = entryAt(k, table, indexAt(page, at));
    if (at === level) return entry;
    if ((k.ram32[entry]! & (Pte.V | Pte.LEAF)) !== Pte.V) return -1 - (at - 1);
    table = pteTarget(k, entry);
  }
}

/** The physical address an access by the thread's own rights reaches, or -1. access: 0 fetch, 1 load, 2 store. */
export function translate(k: Kernel, v: VSpace, address: number, access: 0 | 1 | 2): number {
  if (!(address >= 0 && address < USER_TOP)) return -1;
  const page = Math.floor(address / PAGE);
  let table = v.root;
  for (let level = 2; level >= 0; level--) {
    const entry = entryAt(k, table, indexAt(page, level));
    const lo = k.ram32[entry]!;
    if ((lo & Pte.V) === 0) return -1;
    if ((lo & Pte.LEAF) !== 0) {
      if ((lo & [Pte.X, Pte.R, Pte.W][access]!) === 0) return -1;
      return pteTarget(k, entry) + (address % 2 ** (12 + 9 * level));
    }
    table = pteTarget(k, entry);
  }
  return -1;
}

/** How the engine of hosted programs sees memory: through the VSpace of the thread with this trap frame. */
export function threadMemory(k: Kernel): {
  /** Physical address, -1 if the thread may not access it so. */
  translate(frame: number, address: number, access: 0 | 1 | 2): number;
  /** Changes when a mapping is taken away or weakened, or the thread gets another VSpace. */
  generation(frame: number): number;
} {
  const space = (frame: number): VSpace | undefined => {
    const t = k.tcbOfFrame[frame]!;
    return k.vspaces[k.slots.object[t.slots + TcbSlot.VSpace]!];
  };
  return {
    translate(frame, address, access) {
      const v = space(frame);
      return v === undefined ? -1 : translate(k, v, address, access);
    },
    generation(frame) {
      const v = space(frame);
      return v === undefined ? -1 : v.serial * 2 ** 32 + v.generation;
    },
  };
}

export function invokePageTable(k: Kernel, t: Tcb, slot: number, label: number, info: number): Outcome {
  const s = k.slots;
  switch (label) {
    case Invocation.PageTableMap: {
      if (infoLength(info) < 2) return TRUNCATED;
      if (s.mapSpace[slot] !== 0) return DELETE_FIRST;
      const address = wordNumber(k, t, 0);
      if (address >= USER_TOP) return outOfRange(0, 0, USER_TOP - LARGE_PAGE);
      if (address % LARGE_PAGE !== 0) return misaligned(0);
      const arg = capArgument(k, t, 1, Kind.VSpace);
      if (typeof arg !== "number") return arg;
      const v = k.vspaces[s.object[arg]!]!;
      const page = address / PAGE;
      // The table goes in at the highest level that is missing, as seL4 does: 1 GiB first, then 2 MiB.
      const missing = walk(k, v, page, 0);
      if (missing >= 0) return DELETE_FIRST;
      const level = -1 - missing + 1;
      const entry = walk(k, v, page, level);
      if ((k.ram32[entry]! & Pte.V) !== 0) return DELETE_FIRST;
      setPte(k, entry, k.objects.base[s.object[slot]!]!, Pte.V);
      s.mapSpace[slot] = v.serial;
      s.mapPage[slot] = page;
      return 0;
    }
    case Invocation.PageTableUnmap:
      if (s.mapSpace[slot] !== 0) unmapPageTable(k, slot);
      return 0;
    default:
      return ILLEGAL;
  }
}

export function unmapPageTable(k: Kernel, slot: number): void {
  const s = k.slots;
  const id = k.spacesBySerial.get(s.mapSpace[slot]!);
  const page = s.mapPage[slot]!;
  const table = k.objects.base[s.object[slot]!]!;
  s.mapSpace[slot] = 0;
  s.mapPage[slot] = 0;
  k.ram32.fill(0, entryAt(k, table, 0), entryAt(k, table, 512));
  if (id === undefined) return;
  const v = k.vspaces[id]!;
  for (const level of [2, 1]) {
    const entry = walk(k, v, page, level);
    if (entry < 0) return;
    if ((k.ram32[entry]! & (Pte.V | Pte.LEAF)) === Pte.V && pteTarget(k, entry) === table) {
      setPte(k, entry, 0, 0);
      flushSpace(k, v);
      return;
    }
  }
}
