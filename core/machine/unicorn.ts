/**
 * The native addon: its only loader and its types. How the memory is laid out that it shares stands in shared.ts.
 *
 * Two layers, each usable without what is above it: `openEngine` is an rv64 hart of the Unicorn engine and nothing else;
 * `createMachine` is RAM, a pool of harts for machine programs and virtual CPUs for guests. What they promise is written in
 * `native/engine.h`, `native/machine.h` and `native/vcpu.h`. Every argument is checked; a wrong one throws a RangeError that
 * names it. One host thread drives a machine; nothing here starts another.
 */
import { constants } from "node:buffer";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SharedTables } from "../kernel/machine.ts";

export interface UnicornVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly extra: number;
  readonly string: string;
}

export interface MachineOptions {
  /** A multiple of 2 MiB, at most 2^40. Reserved, not committed. */
  readonly ramBytes: number;
  /** Trap frames: 1..2^20. */
  readonly maxThreads: number;
  /** Address spaces: 1..2^20. */
  readonly maxSpaces: number;
  /** Harts that may be open at once, 1..1024: each costs about 3 MiB and a millisecond when it is first needed. */
  readonly maxEngines: number;
  /** 0..256. */
  readonly maxVcpus: number;
  /** "host": the monotonic clock, read every 512 blocks. "blocks": 16 blocks a tick, exact and repeatable. */
  readonly clock: "host" | "blocks";
  /** Whether the host is asked for RAM by 2 MiB at a time; by default it is. */
  readonly largePages?: boolean;
}

/** A device window answers a read with a number (or a BigInt) of `size` bytes: 1, 2, 4 or 8, naturally aligned. */
export type DeviceRead = (offset: number, size: number) => number | bigint;
/** `lo` and `hi` are the 32-bit halves of the value; `hi` is 0 for what is not 8 bytes wide. */
export type DeviceWrite = (offset: number, size: number, lo: number, hi: number) => void;

export interface NativeMachine {
  /** The RAM, at physical address RAM_BASE. Detached by close(), like the three below. */
  readonly ram: ArrayBuffer;
  /** `maxThreads` trap frames, see FRAME. A frame is valid while its thread is not on a hart: during onTrap and outside run(). */
  readonly frames: ArrayBuffer;
  /** See CONTROL and CONTROL_KICK. `deadline` starts at Infinity; NaN counts as passed. */
  readonly control: ArrayBuffer;
  /** `maxVcpus` records, see VCPU_RECORD. */
  readonly vcpus: ArrayBuffer;
  /** Gives an address space its Sv39 root table, a page of RAM; replaces what the id meant before. */
  bindSpace(space: number, rootPhys: number): void;
  dropSpace(space: number): void;
  /** After any change of a page table entry that was valid: forgets what harts remember of the space. Free if it is on none. */
  flushSpace(space: number): void;
  /** RAM was written by someone other than a hart (loader, DMA), or becomes executable: forgets its translations everywhere. */
  invalidate(phys: number, bytes: number): void;
  /**
   * A device window, outside RAM, in whole pages; not while running. The callbacks run inside the access; when one throws,
   * run() ends with that error and the access has not happened. Integer loads and stores only: an atomic, floating-point or
   * misaligned access to a device is an access fault.
   */
  mapDevice(phys: number, bytes: number, read: DeviceRead, write: DeviceWrite): void;
  /** Breakpoint `number` (0..47) of the thread with this frame; it holds while the frame's debug word says so. */
  setBreakpoint(frame: number, number: number, address: number, on: boolean): void;
  /** The memory that is watched for the thread with this frame, from its next run on, while the frame's debug word says so: threes of a virtual address, 1..4096 bytes, and 1 (loads), 2 (stores) or 3. */
  setWatchpoints(frame: number, watchpoints: BigUint64Array): void;
  /**
   * Shows the kernel's tables: all of one length but `words` (8 for each object) and `ready` (8). Also inside onTrap.
   */
  share(tables: SharedTables): void;
  /**
   * Runs threads until onTrap returns -1. onTrap gets the frame that trapped and its cause, and returns the frame to run
   * next. What it throws ends run() and is thrown by it. `fast`: a plain Call or ReplyRecv is carried out here, with the tables that were shared, and never
   * comes to onTrap (native/fastpath.h). For a call, pc is after the instruction; else at the one that trapped.
   */
  run(frame: number, onTrap: (frame: number, cause: number) => number, fast?: boolean): void;
  /** Ticks of 100 ns since creation. */
  clock(): number;
  /** Before the first run: the clock of a machine that was saved. */
  setClock(ticks: number, blocks: number): void;
  /** Lets idle time pass. Clock "blocks" only; ticks is a non-negative integer. */
  advanceClock(ticks: number): void;
  /**
   * Writes an image of a range of RAM (byte offset, whole pages) to a file open for writing, as it is now: by a process of its own, so this returns at once. `done` is told what went wrong, or "".
   * @param backed it was placed from an image, whose file is as it was then
   * @param changes only what was changed since
   */
  saveRam(offset: number, bytes: number, fd: number, backed: boolean, changes: boolean, done: (failure: string) => void): void;
  /** Makes a range what an image has from byte `from` on: a whole one as a private mapping of the file, which must stay as it is. Not while running. @throws Error what is wrong with the file */
  placeRam(offset: number, bytes: number, fd: number, from?: number): void;
  /** Bytes of a range that are this process's own, and that it shares with an image's file. */
  ramUse(offset: number, bytes: number): { readonly own: number; readonly shared: number };
  /** -1: any number that is free. */
  createVcpu(at?: number): number;
  destroyVcpu(vcpu: number): void;
  /**
   * Makes a VCPU hart `at` (1..7, more than any before) of another's guest: it shares the guest's memory, windows and engine, and runs by runVcpu of the other, the leader, whose record says
   * in `hart` whose exit it was: that hart's own record tells the rest, and takes the answer. It has no memory and no harts of its own, and keeps its registers.
   */
  addHart(leader: number, vcpu: number, at: number): void;
  /** 0 started, 1 stopped, 4 suspended until an interrupt: from the next run on. A hart that is stopped has no timer and no interrupt pending. */
  setVcpuState(vcpu: number, state: number): void;
  /**
   * Gives a VCPU that has none a machine mode, for good, and puts it there: firmware runs in it as on hardware, with a CLINT at 0x0200_0000; `priv` may be 3, and bit 11 of `lines` is the
   * level of MEIP. Calls from supervisor mode are traps to it and no longer leave runVcpu.
   */
  addMachineMode(vcpu: number): void;
  /**
   * Shows machine RAM (by its offset in `ram`) at a guest-physical address. Whole pages that overlap nothing. Frames mapped
   * one after the other become one window; more than 8 separate runs make runVcpu throw.
   */
  mapVcpuRam(vcpu: number, guestPhys: number, ramOffset: number, bytes: number): void;
  /** Any range that is mapped throughout. */
  unmapVcpuRam(vcpu: number, guestPhys: number, bytes: number): void;
  /** Accesses here leave runVcpu as EXIT.mmio; as for mapDevice, integer loads and stores only. */
  mapVcpuDevice(vcpu: number, guestPhys: number, bytes: number): void;
  unmapVcpuDevice(vcpu: number, guestPhys: number, bytes: number): void;
  /** Runs the guest until it exits; the record says why. Also allowed inside onTrap. */
  runVcpu(vcpu: number): number;
  /** A new engine takes the place of the guest's, so that what that knew of all code it ever ran is the host's memory again; it is translated again as it runs. The guest notices nothing. A leader's; not inside run. */
  forgetVcpu(vcpu: number): void;
  /** Does at once what the next runVcpu would do first: the exit before is completed by what the record says. A leader's. */
  settleVcpu(vcpu: number): void;
  /**
   * For a debugger, from the next run on. held: the hart has no turns. steps: it leaves as EXIT.debug after an instruction, `data` of its record being 2, `address` where it is now.
   * passes: it executes the instruction where it is once, though that is watched.
   */
  holdVcpu(vcpu: number, held: boolean, steps: boolean, passes: boolean): void;
  /**
   * A guest's harts leave as EXIT.debug before an instruction at one of these virtual addresses: `data` of the record is 1. And at one that accesses this memory (threes as for setWatchpoints), as CAUSE.accessed says: `data` is 3,
   * `a` the first byte of it; after holdVcpu it makes the access. Nothing of it is in the guest's memory. A leader's; not inside run.
   */
  watchVcpu(vcpu: number, addresses: BigUint64Array, watchpoints: BigUint64Array): void;
  /** Ends what the two above ask for, of a leader and all its harts. */
  stopWatchingVcpu(vcpu: number): void;
  readVcpu(vcpu: number): void;
  writeVcpu(vcpu: number): void;
  /** A VCPU that has not run takes its record's registers, and goes on in the middle of the exit that the record tells of. */
  restoreVcpu(vcpu: number): void;
  /** Frees everything and detaches the buffers. Not while running. */
  close(): void;
}

/** Registers of a bare engine beside x0..x31 (0..31) and f0..f31 (64..95). */
export const ENGINE_REGISTER = { pc: 32, privilege: 33, faultingAddress: 34, f: 64 } as const;

export interface EngineStop {
  /** wfi: pc is after it. trap: onTrap returned false. breakpoint: an ebreak, pc at it. blocks: the limit was reached. */
  readonly reason: "wfi" | "trap" | "breakpoint" | "blocks" | "error";
  /** RISC-V cause of a trap, else 0. The engine reports every call as 8 and every pc 4 bytes after the trapped instruction. */
  readonly cause: number;
  readonly error: string;
}

/** One rv64gc hart in machine mode, with no memory. */
export interface NativeEngine {
  /** Maps part of a buffer made by hostMemory. Addresses are below 2^48; whole pages that overlap nothing. */
  mapMemory(phys: number, buffer: ArrayBuffer, offset: number, bytes: number): void;
  /** A window by the engine's own means: 8 bytes arrive as 4 and 4. When a callback throws, registers and pc are lost on 2.1.1. */
  mapDevice(phys: number, bytes: number, read: DeviceRead, write: DeviceWrite): void;
  unmap(phys: number, bytes: number): void;
  /** See ENGINE_REGISTER. */
  read(register: number): bigint;
  write(register: number, value: bigint): void;
  /** By CSR address, whatever the current privilege. */
  readCsr(address: number): bigint;
  writeCsr(address: number, value: bigint): void;
  flushTlb(): void;
  invalidate(phys: number, bytes: number): void;
  /** Runs from pc for at most that many blocks. onTrap gets the cause and returns whether to go on (with the registers as it left them). */
  start(blocks: number, onTrap: (cause: number) => boolean): EngineStop;
  close(): void;
}

interface Addon {
  version(): UnicornVersion & { readonly problem: string | null };
  hostMemory(bytes: number): ArrayBuffer;
  readCached(fd: number, position: number, into: Uint8Array): number;
  verifyRamImage(fd: number, done: (failure: string) => void): void;
  writeWithin(fd: number, position: number, bytes: Uint8Array, patience: number, done: (result: number) => void): number | undefined;
  engineOpen(codeBytes: number): number;
  engineClose(engine: number): void;
  engineMapMemory(engine: number, phys: number, offset: number, bytes: number, buffer: ArrayBuffer): void;
  engineMapDevice(engine: number, phys: number, bytes: number, read: DeviceRead, write: DeviceWrite): void;
  engineUnmap(engine: number, phys: number, bytes: number): void;
  engineRead(engine: number, register: number): bigint;
  engineWrite(engine: number, register: number, value: bigint): void;
  engineCsr(engine: number, address: number, ...value: bigint[]): bigint;
  engineFlushTlb(engine: number): void;
  engineInvalidate(engine: number, phys: number, bytes: number): void;
  engineStart(engine: number, blocks: number, onTrap: (cause: number) => boolean): EngineStop;
  machineCreate(ramBytes: number, maxThreads: number, maxSpaces: number, maxEngines: number, maxVcpus: number, blockClock: boolean, largePages: boolean): {
    handle: number;
    ram: ArrayBuffer;
    frames: ArrayBuffer;
    control: ArrayBuffer;
    vcpus: ArrayBuffer;
  };
  machineClose(machine: number): void;
  bindSpace(machine: number, space: number, rootPhys: number): void;
  dropSpace(machine: number, space: number): void;
  flushSpace(machine: number, space: number): void;
  invalidate(machine: number, phys: number, bytes: number): void;
  mapDevice(machine: number, phys: number, bytes: number, read: DeviceRead, write: DeviceWrite): void;
  setBreakpoint(machine: number, frame: number, number: number, address: number, on: boolean): void;
  setWatchpoints(machine: number, frame: number, watchpoints: BigUint64Array): void;
  share(machine: number, kind: Uint8Array, rights: Uint8Array, object: Int32Array, badgeLo: Int32Array, badgeHi: Int32Array, words: Int32Array, ready: Int32Array): void;
  run(machine: number, frame: number, onTrap: (frame: number, cause: number) => number, fast: boolean): void;
  clock(machine: number): number;
  setClock(machine: number, ticks: number, blocks: number): void;
  advanceClock(machine: number, ticks: number): void;
  saveRam(machine: number, offset: number, bytes: number, fd: number, backed: boolean, changes: boolean, done: (failure: string) => void): void;
  placeRam(machine: number, offset: number, bytes: number, fd: number, from: number): void;
  ramUse(machine: number, offset: number, bytes: number): { readonly own: number; readonly shared: number };
  createVcpu(machine: number, at: number): number;
  destroyVcpu(machine: number, vcpu: number): void;
  addHart(machine: number, leader: number, vcpu: number, at: number): void;
  setVcpuState(machine: number, vcpu: number, state: number): void;
  addMachineMode(machine: number, vcpu: number): void;
  mapVcpuRam(machine: number, vcpu: number, guestPhys: number, ramOffset: number, bytes: number): void;
  unmapVcpuRam(machine: number, vcpu: number, guestPhys: number, bytes: number): void;
  mapVcpuDevice(machine: number, vcpu: number, guestPhys: number, bytes: number): void;
  unmapVcpuDevice(machine: number, vcpu: number, guestPhys: number, bytes: number): void;
  runVcpu(machine: number, vcpu: number): number;
  forgetVcpu(machine: number, vcpu: number): void;
  settleVcpu(machine: number, vcpu: number): void;
  holdVcpu(machine: number, vcpu: number, held: boolean, steps: boolean, passes: boolean): void;
  watchVcpu(machine: number, vcpu: number, addresses: BigUint64Array, watchpoints: BigUint64Array): void;
  stopWatchingVcpu(machine: number, vcpu: number): void;
  readVcpu(machine: number, vcpu: number): void;
  writeVcpu(machine: number, vcpu: number): void;
  restoreVcpu(machine: number, vcpu: number): void;
}

/** The addon could not be loaded; the message lists what to do. */
export class AddonError extends Error {
  override readonly name = "AddonError";
}

const BUILT = join("core", "machine", "native", "build", "Release", "bailiwick.node");

/** The addon's file: BAILIWICK_ADDON if set, else the one built in the package this module belongs to. */
export function addonPath(): string {
  const named = process.env["BAILIWICK_ADDON"];
  if (named) return named;
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, BUILT);
    if (existsSync(path)) return path;
    if (dirname(folder) === folder) throw new AddonError(`The native addon is not built (no ${BUILT} above ${fileURLToPath(import.meta.url)}). Run \`npm run setup\`, or \`npx bailiwick setup\` where Bailiwick is installed as a package.`);
  }
}

function remedy(path: string, cause: string): string {
  if (/libunicorn/.test(cause)) return "The engine's library is missing or was moved: run `npm run setup`, or install libunicorn-dev of Debian 13 and then run it.";
  if (/NODE_MODULE_VERSION|napi|node_api/i.test(cause)) return `This is Node ${process.version}; the addon was built for another, or Node is older than 20.19: run \`npm run setup\` with the Node you use.`;
  if (/GLIBC|GLIBCXX/.test(cause)) return "The addon was built on a newer system: run `npm run setup` here.";
  if (/invalid ELF|wrong ELF|file too short/i.test(cause)) return "The file is damaged or for another processor: run `npm run setup`.";
  return existsSync(path) ? "Run `npm run setup` to build it again." : "The file does not exist: run `npm run setup`, or correct BAILIWICK_ADDON.";
}

let loaded: Addon | undefined;

function addon(): Addon {
  if (loaded) return loaded;
  const path = addonPath();
  let found: Addon;
  try {
    found = createRequire(import.meta.url)(path) as Addon;
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new AddonError(`The native addon ${path} does not load: ${cause}\n${remedy(path, cause)}`, { cause: error });
  }
  const { problem } = found.version();
  if (problem) throw new AddonError(problem);
  return (loaded = found);
}

/** Version of the engine that is loaded. Throws AddonError when it cannot be, or is not between 2.1.1 and 3. */
export function version(): UnicornVersion {
  const { major, minor, patch, extra, string } = addon().version();
  return { major, minor, patch, extra, string };
}

/** Zeroed, page-aligned memory that engines can map. `bytes` is at least 4096. */
export function hostMemory(bytes: number): ArrayBuffer {
  return addon().hostMemory(bytes);
}

/**
 * Reads what of a file the host holds in its page cache, without waiting. Bytes read into `into`, from its start; -1: nothing can be had so, and a
 * usual read says why. Source: preadv2(2), RWF_NOWAIT.
 */
export function readCached(fd: number, position: number, into: Uint8Array): number {
  return addon().readCached(fd, position, into);
}

/** Reads all of an image of RAM, beside this thread. Resolves to what is wrong with it, or "". */
export function verifyRamImage(fd: number): Promise<string> {
  return new Promise((resolve) => addon().verifyRamImage(fd, resolve));
}

/**
 * Writes to a file by another thread, and waits for that so many microseconds at most, 0..1000000. Bytes written, or the negative number of an error of the host's; undefined: it
 * goes on, and `done` is called with that later. Until then the bytes are the file's.
 */
export function writeWithin(fd: number, position: number, bytes: Uint8Array, patience: number, done: (result: number) => void): number | undefined {
  return addon().writeWithin(fd, position, bytes, patience, done);
}

/** Opens a bare engine. `codeBytes` is the size of its translation buffer, 2^20..2^30. */
export function openEngine(codeBytes = 16 << 20): NativeEngine {
  const native = addon();
  const engine = native.engineOpen(codeBytes);
  return {
    mapMemory: (phys, buffer, offset, bytes) => native.engineMapMemory(engine, phys, offset, bytes, buffer),
    mapDevice: (phys, bytes, read, write) => native.engineMapDevice(engine, phys, bytes, read, write),
    unmap: (phys, bytes) => native.engineUnmap(engine, phys, bytes),
    read: (register) => native.engineRead(engine, register),
    write: (register, value) => native.engineWrite(engine, register, value),
    readCsr: (address) => native.engineCsr(engine, address),
    writeCsr: (address, value) => void native.engineCsr(engine, address, value),
    flushTlb: () => native.engineFlushTlb(engine),
    invalidate: (phys, bytes) => native.engineInvalidate(engine, phys, bytes),
    start: (blocks, onTrap) => native.engineStart(engine, blocks, onTrap),
    close: () => native.engineClose(engine),
  };
}

/** Opens a machine. Throws RangeError for an option out of its range, or when the host has not the memory. */
export function createMachine(options: MachineOptions): NativeMachine {
  const native = addon();
  if (options.clock !== "host" && options.clock !== "blocks") throw new RangeError('clock must be "host" or "blocks"');
  if (options.ramBytes > constants.MAX_LENGTH) throw new RangeError(`the host refused the machine's memory: give the machine less RAM; this Node.js shows at most ${constants.MAX_LENGTH / 2 ** 20} MiB at once`);
  const { handle: m, ram, frames, control, vcpus } = native.machineCreate(
    options.ramBytes,
    options.maxThreads,
    options.maxSpaces,
    options.maxEngines,
    options.maxVcpus,
    options.clock === "blocks",
    options.largePages ?? true,
  );
  return {
    ram,
    frames,
    control,
    vcpus,
    bindSpace: (space, rootPhys) => native.bindSpace(m, space, rootPhys),
    dropSpace: (space) => native.dropSpace(m, space),
    flushSpace: (space) => native.flushSpace(m, space),
    invalidate: (phys, bytes) => native.invalidate(m, phys, bytes),
    mapDevice: (phys, bytes, read, write) => native.mapDevice(m, phys, bytes, read, write),
    setBreakpoint: (frame, number, address, on) => native.setBreakpoint(m, frame, number, address, on),
    setWatchpoints: (frame, watchpoints) => native.setWatchpoints(m, frame, watchpoints),
    share: (t) => native.share(m, t.kind, t.rights, t.object, t.badgeLo, t.badgeHi, t.words, t.ready),
    run: (frame, onTrap, fast = false) => native.run(m, frame, onTrap, fast),
    clock: () => native.clock(m),
    advanceClock: (ticks) => native.advanceClock(m, ticks),
    setClock: (ticks, blocks) => native.setClock(m, ticks, blocks),
    saveRam: (offset, bytes, fd, backed, changes, done) => native.saveRam(m, offset, bytes, fd, backed, changes, done),
    placeRam: (offset, bytes, fd, from = 0) => native.placeRam(m, offset, bytes, fd, from),
    ramUse: (offset, bytes) => native.ramUse(m, offset, bytes),
    createVcpu: (at = -1) => native.createVcpu(m, at),
    destroyVcpu: (vcpu) => native.destroyVcpu(m, vcpu),
    addHart: (leader, vcpu, at) => native.addHart(m, leader, vcpu, at),
    setVcpuState: (vcpu, state) => native.setVcpuState(m, vcpu, state),
    addMachineMode: (vcpu) => native.addMachineMode(m, vcpu),
    mapVcpuRam: (vcpu, guestPhys, ramOffset, bytes) => native.mapVcpuRam(m, vcpu, guestPhys, ramOffset, bytes),
    unmapVcpuRam: (vcpu, guestPhys, bytes) => native.unmapVcpuRam(m, vcpu, guestPhys, bytes),
    mapVcpuDevice: (vcpu, guestPhys, bytes) => native.mapVcpuDevice(m, vcpu, guestPhys, bytes),
    unmapVcpuDevice: (vcpu, guestPhys, bytes) => native.unmapVcpuDevice(m, vcpu, guestPhys, bytes),
    runVcpu: (vcpu) => native.runVcpu(m, vcpu),
    forgetVcpu: (vcpu) => native.forgetVcpu(m, vcpu),
    settleVcpu: (vcpu) => native.settleVcpu(m, vcpu),
    holdVcpu: (vcpu, held, steps, passes) => native.holdVcpu(m, vcpu, held, steps, passes),
    watchVcpu: (vcpu, addresses, watchpoints) => native.watchVcpu(m, vcpu, addresses, watchpoints),
    stopWatchingVcpu: (vcpu) => native.stopWatchingVcpu(m, vcpu),
    readVcpu: (vcpu) => native.readVcpu(m, vcpu),
    writeVcpu: (vcpu) => native.writeVcpu(m, vcpu),
    restoreVcpu: (vcpu) => native.restoreVcpu(m, vcpu),
    close: () => native.machineClose(m),
  };
}
