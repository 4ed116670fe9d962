// The boot protocol: lays the boot files in RAM, makes the root server's thread and gives it a capability to everything
// there is, listed in bootinfo (caps/abi/bootinfo.ts). After this the kernel owns no memory that is not accounted for.
import { Reg } from "../../caps/abi/message.ts";
import {
  BOOTINFO_MAGIC, BOOTINFO_VERSION, BootInfo, FILE_NAME_BYTES, FILE_WORDS, IOSPACE_WORDS, UNTYPED_WORDS,
} from "../../caps/abi/bootinfo.ts";
import { ALL_RIGHTS, InitSlot, Kind, Right, type Kind as KindT } from "../../caps/abi/numbers.ts";
import { install } from "./capabilities.ts";
import { placeFrame } from "./objects/frame.ts";
import { createIoSpace } from "./objects/iospace.ts";
import { createObject } from "./objects/table.ts";
import { bookBuffer, resume, setTcbSlot, setVSpace } from "./objects/tcb.ts";
import { LARGE_PAGE, PAGE, Pte, setPte, walk } from "./objects/vspace.ts";
import { PRIORITIES, TcbSlot, type Kernel, type VSpace } from "./state.ts";

/** Addresses in the root server's VSpace. */
export const RootAddress = { BOOTINFO: 0x3000_0000, IPC_BUFFER: 0x4000_1000, FILES: 0x20_0000_0000 } as const;

/** log2 of the slots in the root CNode. */
const CNODE_BITS = 16;
const BOOTINFO_PAGES = 4;
/** The root server's turn, in ticks: 10 ms. */
const ROOT_BUDGET = 100_000;
/** Frames of 2 MiB from this size on; as caps/image/system.ts says, BIG_FILE_BYTES. */
const BIG_FILE = 2 ** 20;

export interface BootDevice {
  readonly physical: number;
  readonly bytes: number;
}

export interface RootImage {
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Name of the file that is the root server's program. */
  readonly program: string;
  readonly devices: readonly BootDevice[];
}

/** RAM from the bottom up, in aligned pieces. */
class Bump {
  #next: number;
  readonly #end: number;

  constructor(base: number, bytes: number) {
    this.#next = base;
    this.#end = base + bytes;
  }

  /** A piece of 2^bits bytes, aligned to its size. Throws RangeError when RAM is used up. */
  take(bits: number, what: string): number {
    const size = 2 ** bits;
    const at = Math.ceil(this.#next / size) * size;
    if (at + size > this.#end) throw new RangeError(`the boot image does not fit into RAM: no room for ${what}; give the platform more memory`);
    this.#next = at + size;
    return at;
  }

  /** What is left, as aligned powers of two of at least a page, largest alignment first come. */
  rest(): { base: number; bits: number }[] {
    const pieces = [];
    let at = Math.ceil(this.#next / PAGE) * PAGE;
    while (at + PAGE <= this.#end) {
      let bits = 12;
      while (bits < 38 && at % 2 ** (bits + 1) === 0 && at + 2 ** (bits + 1) <= this.#end) bits++;
      pieces.push({ base: at, bits });
      at += 2 ** bits;
    }
    return pieces;
  }
}

/** Starts the root server. Throws RangeError when the image does not fit or its program is missing or not a program. */
export function startRoot(k: Kernel, image: RootImage): void {
  const program = image.files.find((f) => f.name === image.program);
  if (program === undefined) throw new RangeError(`the boot image has no file ${image.program}: there is no root server to start`);
  const memory = new Bump(k.machine.ramBase, k.machine.ram.byteLength);
  const make = (kind: KindT, bits: number, what: string): number => createObject(k, kind, memory.take(bits, what), bits, 0);

  const cnode = make(Kind.CNode, CNODE_BITS + 5, "the root CNode");
  const first = k.cnodes[cnode]!.first;
  const grant = (slot: number, kind: KindT, object: number, rights: number = ALL_RIGHTS): number => {
    install(k, first + slot, kind, object, rights, 0);
    return first + slot;
  };
  const root = grant(InitSlot.CNode, Kind.CNode, cnode);
  // The guard makes a CPtr a plain slot number.
  k.slots.badgeHi[root] = 32 - CNODE_BITS;
  const vspaceSlot = grant(InitSlot.VSpace, Kind.VSpace, make(Kind.VSpace, 12, "the root VSpace"));
  const v = k.vspaces[k.slots.object[vspaceSlot]!]!;
  const tcbSlot = grant(InitSlot.TCB, Kind.TCB, make(Kind.TCB, 11, "the root TCB"));
  grant(InitSlot.Reply, Kind.Reply, make(Kind.Reply, 5, "a reply object"));
  grant(InitSlot.Service, Kind.Endpoint, make(Kind.Endpoint, 5, "an endpoint"));
  const notification = grant(InitSlot.Notification, Kind.Notification, make(Kind.Notification, 6, "a notification"));
  const sc = grant(InitSlot.SchedContext, Kind.SchedContext, make(Kind.SchedContext, 8, "a scheduling context"));
  for (const [slot, kind] of [
    [InitSlot.IRQControl, Kind.IRQControl], [InitSlot.SchedControl, Kind.SchedControl], [InitSlot.HostedControl, Kind.HostedControl],
    [InitSlot.Discrim, Kind.Discrim],
  ] as const) grant(slot, kind, k.objects.create(kind, 0, 0, 0));

  /** Makes a frame, maps it for the root server and puts its capability into `slot`. */
  const map = (slot: number, address: number, bits: number, rights: number, what: string): number => {
    const frame = grant(slot, Kind.Frame, make(Kind.Frame, bits, what), rights);
    tablesFor(k, v, address, bits === 12 ? 0 : 1, memory);
    placeFrame(k, frame, v, address / PAGE, rights);
    return k.objects.base[k.slots.object[frame]!]! - k.machine.ramBase;
  };
  const RW = Right.Read | Right.Write;
  const buffer = map(InitSlot.IPCBuffer, RootAddress.IPC_BUFFER, 12, RW, "the root IPC buffer");

  let nextSlot: number = InitSlot.First;
  const infoOffset: number[] = [];
  for (let i = 0; i < BOOTINFO_PAGES; i++) infoOffset.push(map(i === 0 ? InitSlot.BootInfo : nextSlot++, RootAddress.BOOTINFO + i * PAGE, 12, Right.Read, "bootinfo"));
  const ioSpaces = k.machine.iommu.devices.map((name, device) => {
    const slot = nextSlot++;
    grant(slot, Kind.IOSpace, createIoSpace(k, device));
    return { slot, name };
  });
  let address: number = RootAddress.FILES;
  const files = image.files.map(({ name, bytes }) => {
    const bits = bytes.length >= BIG_FILE ? 21 : 12;
    const frames = Math.max(1, Math.ceil(bytes.length / 2 ** bits));
    const file = { name, address, bytes: bytes.length, slot: nextSlot, frames, bits };
    for (let i = 0; i < frames; i++) {
      if (nextSlot >= 2 ** CNODE_BITS) throw new RangeError(`the boot image has too many frames: ${name} does not fit into the root CNode`);
      const at = map(nextSlot++, address + i * 2 ** bits, bits, Right.Read, `the file ${name}`);
      k.ram8.set(bytes.subarray(i * 2 ** bits, (i + 1) * 2 ** bits), at);
    }
    address += Math.ceil((frames * 2 ** bits) / LARGE_PAGE) * LARGE_PAGE;
    return file;
  });
  const untypeds = [];
  const devices = image.devices.map((d) => ({ base: d.physical, bits: Math.log2(d.bytes), device: 1 }));
  for (const piece of [...memory.rest().map((rest) => ({ ...rest, device: 0 })), ...devices]) {
    const object = k.objects.create(Kind.Untyped, piece.base, piece.bits, 0);
    k.objects.device[object] = piece.device;
    grant(nextSlot, Kind.Untyped, object);
    untypeds.push({ slot: nextSlot++, ...piece });
  }

  const info = new InfoWriter(k, infoOffset);
  info.put(BootInfo.MAGIC, BOOTINFO_MAGIC);
  info.put(BootInfo.VERSION, BOOTINFO_VERSION);
  info.put(BootInfo.CNODE_BITS, CNODE_BITS);
  info.put(BootInfo.EMPTY_FIRST, nextSlot);
  info.put(BootInfo.EMPTY_COUNT, 2 ** CNODE_BITS - nextSlot);
  info.put(BootInfo.UNTYPED_COUNT, untypeds.length);
  info.put(BootInfo.FILE_COUNT, files.length);
  info.put(BootInfo.IOSPACE_COUNT, ioSpaces.length);
  info.put(BootInfo.TIMEBASE, 10_000_000);
  let at: number = BootInfo.ENTRIES;
  for (const u of untypeds) at = info.entry(at, UNTYPED_WORDS, [u.slot, u.base, u.bits, u.device]);
  for (const f of files) {
    info.text(at + 5, FILE_NAME_BYTES, f.name);
    at = info.entry(at, FILE_WORDS, [f.address, f.bytes, f.slot, f.frames, f.bits]);
  }
  for (const s of ioSpaces) {
    info.text(at + 1, 24, s.name);
    at = info.entry(at, IOSPACE_WORDS, [s.slot]);
  }

  const t = k.tcbs[k.slots.object[tcbSlot]!]!;
  t.label = "root";
  t.priority = PRIORITIES - 1;
  t.maxPriority = PRIORITIES - 1;
  setTcbSlot(k, t, TcbSlot.CSpace, root);
  setVSpace(k, t, vspaceSlot);
  setTcbSlot(k, t, TcbSlot.Buffer, first + InitSlot.IPCBuffer);
  bookBuffer(k, t);
  t.buffer = buffer;
  t.bufferAddress = RootAddress.IPC_BUFFER;
  t.boundNotification = k.slots.object[notification]!;
  k.notifications[t.boundNotification]!.boundTcb = t.id;
  const time = k.schedContexts[k.slots.object[sc]!]!;
  Object.assign(time, { budget: ROOT_BUDGET, period: ROOT_BUDGET, remaining: ROOT_BUDGET, tcb: t.id, home: t.id });
  t.sc = time.id;
  t.homeSc = time.id;
  const problem = k.machine.hosted.load(t.frame, program.bytes);
  if (problem !== null) throw new RangeError(`the root server (${image.program}) is not a program: ${problem}`);
  t.hosted = true;
  k.frames32[t.base + 2 * Reg.a0] = RootAddress.BOOTINFO;
  resume(k, t);
}

/** Page tables down to `level`, out of the boot's memory: they are the root VSpace's for ever. */
function tablesFor(k: Kernel, v: VSpace, address: number, level: number, memory: Bump): void {
  for (;;) {
    const found = walk(k, v, address / PAGE, level);
    if (found >= 0) return;
    const entry = walk(k, v, address / PAGE, -1 - found + 1);
    setPte(k, entry, memory.take(12, "a page table"), Pte.V);
  }
}

/** Writes 64-bit words into the pages of bootinfo. */
class InfoWriter {
  readonly #k: Kernel;
  readonly #pages: readonly number[];

  constructor(k: Kernel, pages: readonly number[]) {
    this.#k = k;
    this.#pages = pages;
  }

  #at(word: number): number {
    const page = this.#pages[Math.floor((word * 8) / PAGE)];
    if (page === undefined) throw new RangeError("the boot image has too many files for bootinfo");
    return page + ((word * 8) % PAGE);
  }

  put(word: number, value: number): void {
    const at = this.#at(word) >> 2;
    this.#k.ram32[at] = value | 0;
    this.#k.ram32[at + 1] = Math.floor(value / 2 ** 32);
  }

  /** Writes the first words of an entry; where the next begins. */
  entry(at: number, words: number, values: readonly number[]): number {
    values.forEach((value, i) => this.put(at + i, value));
    return at + words;
  }

  text(word: number, most: number, text: string): void {
    if (text.length > most) throw new RangeError(`the boot file's name "${text}" is longer than ${most} bytes`);
    for (let i = 0; i < text.length; i++) this.#k.ram8[this.#at(word + (i >> 3)) + (i & 7)] = text.charCodeAt(i);
  }
}
