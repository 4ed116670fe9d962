// The kernel's whole state as bytes, and a kernel that goes on from them exactly: its tables, the threads' registers, the RAM, and what the machine
// remembers of clock, interrupt lines and guests. State is plain data, so this is writing it down; what can be told again is not (which space has which
// table, what the IOMMU maps, breakpoints).
//
// SAVE-1  A kernel that was loaded goes through the same states as the one that was saved, as long as both are told the same by the host.
//
// Not in it: what a hosted program's generator remembers (a kernel with hosted programs cannot be saved), the registers of devices, translations that an
// engine made: a guest that changed its page tables without a fence may see that sooner.
import { Frame } from "../../caps/abi/message.ts";
import { Kind } from "../../caps/abi/numbers.ts";
import { OBJECT_WORDS } from "../../caps/model/objects.ts";
import { pack, SavedStateError, unpack } from "./container.ts";
import { checkInvariants } from "./invariants.ts";
import type { Machine, MachineState } from "./machine.ts";
import { threadName } from "./names.ts";
import { CNode, Endpoint, Notification, Reply, SchedContext, Tcb } from "./records.ts";
import { Kernel, type FrameObject, type IoSpace, type IrqHandler, type Release, type Vcpu, type VSpace } from "./state.ts";

export { SavedStateError };

const FORMAT = 4;
const PAGE = 4096;
const SLOT_COLUMNS = ["kind", "rights", "original", "object", "badgeLo", "badgeHi", "mapSpace", "mapPage", "next", "prev"] as const;
const OBJECT_COLUMNS = ["kind", "base", "bits", "refs", "parent", "watermark", "clean", "children", "device"] as const;
const FRAME_BYTES = Frame.WORDS * 8;
const RECORD_BYTES = 1280;

const THREAD_FIELDS = [
  "maxPriority", "queued", "buffer", "bufferAddress", "sendBadgeLo", "sendBadgeHi", "sendRights", "sendCall", "ticket", "faultLength", "interrupted", "vcpu", "label",
] as const;
const TIME_FIELDS = ["budget", "period", "remaining", "consumed", "wordLo", "wordHi", "releaseAt"] as const;
const NUMBERS = ["nextSerial", "framesUsed", "spacesUsed", "vcpusAlive", "current", "chosen", "runningSc", "runningSince", "payer", "nextTicket"] as const;

type Fields<K extends string> = Record<K, number | boolean | string>;
const pick = <K extends string>(from: Record<K, number | boolean | string>, names: readonly K[]): Fields<K> => Object.fromEntries(names.map((name) => [name, from[name]])) as Fields<K>;

/** What is saved as JSON. Infinity, which JSON has not, is null. */
interface Data {
  readonly machine: { readonly ramBytes: number; readonly maxThreads: number; readonly maxSpaces: number; readonly maxVcpus: number; readonly state: MachineState };
  readonly objects: { readonly count: number; readonly free: number };
  readonly slots: { readonly end: number; readonly free: readonly (readonly number[] | null)[] };
  readonly cnodes: readonly number[];
  readonly endpoints: readonly number[];
  readonly notifications: readonly number[];
  readonly replies: readonly number[];
  readonly tcbs: readonly ({ readonly id: number; readonly frame: number; readonly slots: number; readonly breakpoints: readonly (number | null)[]; readonly debts: readonly number[] } & Fields<(typeof THREAD_FIELDS)[number]>)[];
  readonly schedContexts: readonly ({ readonly id: number; readonly refills: readonly { amount: number; at: number }[]; readonly farLoans: readonly number[] } & Fields<(typeof TIME_FIELDS)[number]>)[];
  readonly vspaces: readonly VSpace[];
  readonly vcpus: readonly Vcpu[];
  readonly pages: readonly FrameObject[];
  readonly ioSpaces: readonly IoSpace[];
  readonly irqHandlers: readonly (IrqHandler & { readonly id: number })[];
  readonly irqLines: readonly number[];
  readonly spacesBySerial: readonly (readonly [number, number])[];
  readonly freeFrames: readonly number[];
  readonly freeSpaces: readonly number[];
  readonly releases: readonly Release[];
  readonly waitingVcpus: readonly number[];
  readonly dying: readonly (readonly [number, number])[];
  readonly nextTimer: number | null;
  readonly numbers: Fields<(typeof NUMBERS)[number]>;
}

/** The state as bytes. Between two runs only. @throws SavedStateError when there are hosted programs, or a debugger */
export function save(k: Kernel): Uint8Array {
  if (k.debugger !== null) throw new SavedStateError("a debugger has stopped, or may stop, what is to be saved: let it go first");
  const hosted = k.tcbs.find((t) => t?.hosted === true);
  if (hosted !== undefined) throw new SavedStateError(`'${threadName(hosted)}' is a hosted program: what it remembers is in its generator, and cannot be written down`);
  return pack(FORMAT, { data: dataOf(k), arrays: { ...tablesOf(k), ...memoryOf(k) } });
}

/** The same bytes, also when there are hosted programs: to compare two runs. */
export function fingerprint(k: Kernel): Uint8Array {
  return pack(FORMAT, { data: dataOf(k), arrays: { ...tablesOf(k), ...memoryOf(k) } });
}

const bytesOf = (a: Uint8Array | Int32Array | Float64Array): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
const alive = <T>(table: readonly (T | undefined)[]): T[] => table.filter((o): o is T => o !== undefined);
const finite = (n: number): number | null => (n === Infinity ? null : n);

function dataOf(k: Kernel): Data {
  const m = k.machine;
  return {
    machine: { ramBytes: m.ram.byteLength, maxThreads: m.maxThreads, maxSpaces: m.maxSpaces, maxVcpus: m.maxVcpus, state: m.state() },
    objects: { count: k.objects.count, free: k.objects.free },
    slots: { end: k.slots.end, free: Array.from(k.slots.free, (runs) => runs ?? null) },
    cnodes: ids(k.cnodes), endpoints: ids(k.endpoints), notifications: ids(k.notifications), replies: ids(k.replies),
    tcbs: alive(k.tcbs).map((t) => ({ ...pick(t, THREAD_FIELDS), id: t.id, frame: t.frame, slots: t.slots, breakpoints: Array.from(t.breakpoints, (at) => at ?? null), debts: t.debts })),
    schedContexts: alive(k.schedContexts).map((sc) => ({ ...pick(sc, TIME_FIELDS), id: sc.id, refills: sc.refills, farLoans: sc.farLoans })),
    vspaces: alive(k.vspaces), vcpus: alive(k.vcpus), pages: alive(k.pages), ioSpaces: alive(k.ioSpaces),
    irqHandlers: k.irqHandlers.flatMap((h, id) => (h === undefined ? [] : [{ ...h, id }])), irqLines: k.irqLines,
    spacesBySerial: [...k.spacesBySerial], freeFrames: k.freeFrames, freeSpaces: k.freeSpaces, releases: k.releases, waitingVcpus: k.waitingVcpus, dying: [...k.dying],
    nextTimer: finite(k.nextTimer), numbers: pick(k, NUMBERS),
  };
}
const ids = (table: readonly ({ readonly id: number } | undefined)[]): number[] => alive(table).map(({ id }) => id);

function tablesOf(k: Kernel): Record<string, Uint8Array> {
  const { slots: s, objects: o } = k, tables: Record<string, Uint8Array> = {};
  for (const name of SLOT_COLUMNS) tables[`slots.${name}`] = bytesOf(s[name].subarray(0, s.end));
  for (const name of OBJECT_COLUMNS) tables[`objects.${name}`] = bytesOf(o[name].subarray(0, o.count));
  tables["objects.words"] = bytesOf(o.words.subarray(0, o.count * OBJECT_WORDS));
  tables["ready.heads"] = bytesOf(k.readyHead);
  tables["ready.tails"] = bytesOf(k.readyTail);
  tables["ready.bits"] = bytesOf(k.readyBits);
  return tables;
}

/** Trap frames, the guests' records and registers, and the pages of RAM that are not zero. */
function memoryOf(k: Kernel): Record<string, Uint8Array> {
  for (const v of alive(k.vcpus)) k.machine.vcpu.readRegisters(v.index);
  const numbers: number[] = [];
  for (let page = 0, words = PAGE / 4; page < k.machine.ram.byteLength / PAGE; page++) {
    let at = page * words;
    const end = at + words;
    while (at < end && k.ram32[at] === 0) at++;
    if (at < end) numbers.push(page);
  }
  const content = new Uint8Array(numbers.length * PAGE);
  numbers.forEach((page, i) => content.set(k.ram8.subarray(page * PAGE, (page + 1) * PAGE), i * PAGE));
  return {
    frames: new Uint8Array(k.machine.frames, 0, k.framesUsed * FRAME_BYTES),
    guests: bytesOf(k.machine.vcpu.words.subarray(0, (Math.max(-1, ...alive(k.vcpus).map((v) => v.index)) + 1) * (RECORD_BYTES / 4))),
    "ram.pages": bytesOf(Int32Array.from(numbers)), "ram.content": content,
  };
}

/**
 * A kernel on a machine that has not run yet and is as large as the one that was saved.
 * @throws SavedStateError when the bytes are damaged or another machine's
 */
export function load(machine: Machine, bytes: Uint8Array): Kernel {
  const vcpus: number[] = [];
  try {
    return rebuild(machine, bytes, vcpus);
  } catch (error) {
    // A state that is refused takes none of the machine's VCPUs: another can be loaded. All else is overwritten by that.
    for (const index of vcpus.reverse()) machine.vcpu.destroy(index);
    if (error instanceof SavedStateError) throw error;
    throw new SavedStateError(`the saved state is not one that a kernel can be in: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** @param vcpus filled with those that were made */
function rebuild(machine: Machine, bytes: Uint8Array, vcpus: number[]): Kernel {
  const { data, arrays } = unpack(FORMAT, bytes), saved = data as Data;
  const differs = (["maxThreads", "maxSpaces", "maxVcpus"] as const).find((name) => machine[name] !== saved.machine[name]);
  if (machine.ram.byteLength !== saved.machine.ramBytes) throw new SavedStateError(`the state is of a machine with ${saved.machine.ramBytes} bytes of RAM; this one has ${machine.ram.byteLength}`);
  if (differs !== undefined) throw new SavedStateError(`the state is of a machine whose ${differs} is ${saved.machine[differs]}; here it is ${machine[differs]}`);
  const k = new Kernel(machine);
  loadTables(k, saved, arrays);
  loadObjects(k, saved);
  loadMemory(k, arrays);
  loadMachine(k, saved, vcpus);
  checkInvariants(k);
  return k;
}

/** Copies a saved array to the front of one in memory. */
function put(to: Uint8Array | Int32Array | Float64Array, from: Uint8Array | undefined): void {
  if (from === undefined || from.length > to.byteLength) throw new SavedStateError("the saved state is damaged: a table is missing or too long");
  bytesOf(to).set(from);
}

function loadTables(k: Kernel, saved: Data, arrays: Readonly<Record<string, Uint8Array>>): void {
  k.slots.restore(saved.slots.end, saved.slots.free);
  k.objects.restore(saved.objects.count, saved.objects.free);
  for (const name of SLOT_COLUMNS) put(k.slots[name], arrays[`slots.${name}`]);
  for (const name of OBJECT_COLUMNS) put(k.objects[name], arrays[`objects.${name}`]);
  put(k.readyHead, arrays["ready.heads"]);
  put(k.readyTail, arrays["ready.tails"]);
  put(k.readyBits, arrays["ready.bits"]);
  // The objects' words come after the objects that stand for them are made: some write their own.
  const words = arrays["objects.words"];
  for (const id of saved.cnodes) k.cnodes[id] = new CNode(k.objects, id, 0, 0);
  for (const id of saved.endpoints) k.endpoints[id] = new Endpoint(k.objects, id);
  for (const id of saved.notifications) k.notifications[id] = new Notification(k.objects, id);
  for (const id of saved.replies) k.replies[id] = new Reply(k.objects, id);
  for (const { id, refills, farLoans, ...fields } of saved.schedContexts) {
    const sc = (k.schedContexts[id] = Object.assign(new SchedContext(k.objects, id), fields));
    sc.refills.push(...refills);
    sc.farLoans.push(...farLoans);
  }
  put(k.objects.words, words);
}

function loadObjects(k: Kernel, saved: Data): void {
  for (const { id, frame, slots, breakpoints, debts, ...fields } of saved.tcbs) {
    const t = Object.assign(new Tcb(k.frames32, frame, id, slots), fields);
    breakpoints.forEach((at, n) => void (at !== null && (t.breakpoints[n] = at)));
    t.debts.push(...debts);
    k.tcbs[id] = t;
    k.tcbOfFrame[frame] = t;
  }
  for (const v of saved.vspaces) k.vspaces[v.id] = v;
  for (const v of saved.vcpus) k.vcpus[v.id] = v;
  for (const p of saved.pages) k.pages[p.id] = p;
  for (const io of saved.ioSpaces) k.ioSpaces[io.id] = io;
  for (const { id, ...handler } of saved.irqHandlers) k.irqHandlers[id] = handler;
  k.irqLines.splice(0, Infinity, ...saved.irqLines);
  for (const [serial, id] of saved.spacesBySerial) k.spacesBySerial.set(serial, id);
  for (const [object, payer] of saved.dying) k.dying.set(object, payer);
  k.freeFrames.push(...saved.freeFrames);
  k.freeSpaces.push(...saved.freeSpaces);
  k.releases.push(...saved.releases);
  k.waitingVcpus.push(...saved.waitingVcpus);
  k.nextTimer = saved.nextTimer ?? Infinity;
  Object.assign(k, saved.numbers);
}

function loadMemory(k: Kernel, arrays: Readonly<Record<string, Uint8Array>>): void {
  put(new Uint8Array(k.machine.frames), arrays["frames"]);
  put(k.machine.vcpu.words, arrays["guests"]);
  const numbers = new Int32Array((arrays["ram.pages"] ?? new Uint8Array()).slice().buffer), content = arrays["ram.content"];
  if (content?.length !== numbers.length * PAGE) throw new SavedStateError("the saved state is damaged: pages of RAM are missing");
  numbers.forEach((page, i) => {
    if (page < 0 || (page + 1) * PAGE > k.ram8.length) throw new SavedStateError("the saved state is damaged: it has a page outside the RAM");
    k.ram8.set(content.subarray(i * PAGE, (i + 1) * PAGE), page * PAGE);
  });
}

/** Tells the machine again what the kernel had told it. */
function loadMachine(k: Kernel, saved: Data, vcpus: number[]): void {
  const m = k.machine, s = k.slots;
  m.restore(saved.machine.state);
  for (const v of alive(k.vspaces)) m.bindSpace(v.space, v.root);
  for (const t of alive(k.tcbs)) t.breakpoints.forEach((at, n) => void (at >= 0 && m.setBreakpoint(t.frame, n, at, true)));
  const records = m.vcpu.words.slice();
  for (const v of alive(k.vcpus)) vcpus.push(m.vcpu.create(v.index));
  for (const v of alive(k.vcpus)) v.harts.forEach((id, number) => void (number > 0 && id !== 0 && m.vcpu.addHart(v.index, k.vcpus[id]!.index, number)));
  m.vcpu.words.set(records);
  for (const v of alive(k.vcpus)) {
    for (const d of v.devices) m.vcpu.mapDevice(v.index, d.guestPhysical, d.bytes);
    if (v.started) for (const r of v.regions) m.vcpu.mapRam(v.index, r.guestPhysical, r.physical, r.bytes);
    m.vcpu.restore(v.index);
  }
  for (let slot = 1; slot < s.end; slot++) {
    const io = s.kind[slot] === Kind.Frame && s.mapSpace[slot]! > 0 ? k.ioSpaces[k.spacesBySerial.get(s.mapSpace[slot]!) ?? 0] : undefined;
    if (io !== undefined) m.iommu.map(io.device, s.mapPage[slot]! * PAGE, k.objects.base[s.object[slot]!]!, k.objects.size(s.object[slot]!), s.badgeLo[slot]!);
  }
}
