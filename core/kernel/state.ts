// All that changes in the kernel, as plain data: tables and ids, no closures. What an object is, is in objects/.
import { ObjectTable } from "../../caps/model/objects.ts";
import { SlotTable } from "../../caps/model/slots.ts";
import type { Debugger } from "./held.ts";
import type { Machine } from "./machine.ts";
import type { CNode, Endpoint, Notification, Reply, SchedContext, Tcb } from "./records.ts";
import type { Trace } from "./trace.ts";

export { CNode, Endpoint, Notification, Reply, SchedContext, Tcb, ThreadState } from "./records.ts";

/** Rows of a TCB's own slots, from Tcb.slots. */
export const TcbSlot = { CSpace: 0, VSpace: 1, Buffer: 2, Keeper: 3, TimeoutKeeper: 4, COUNT_BITS: 3 } as const;

export interface VSpace {
  readonly id: number;
  /** Never used again, so a mapping cannot be mistaken for one in a later space. */
  readonly serial: number;
  /** The machine's number of the address space. */
  readonly space: number;
  readonly root: number;
  /** Changes whenever a mapping is taken away or changed. */
  generation: number;
}

export interface VcpuRegion {
  readonly guestPhysical: number;
  readonly physical: number;
  bytes: number;
}

export interface Vcpu {
  readonly id: number;
  readonly serial: number;
  readonly index: number;
  /** The thread inside VCPURun, 0 for none. */
  tcb: number;
  /** Frames mapped one after the other make one region: the engine's cost grows with their number. */
  regions: VcpuRegion[];
  devices: { readonly guestPhysical: number; readonly bytes: number }[];
  /** It has run: from now on the engine holds its memory. */
  started: boolean;
  /** The VCPU whose guest it is a hart of: usually itself; 0 when that one is gone. */
  leader: number;
  /** Of a leader: the guest's harts by number, itself first; 0 for one that is gone. Of others: none. */
  harts: number[];
  /** So much was taken out of the middle of its memory that no engine could map the rest: it cannot run any more. */
  shattered: boolean;
}

export interface FrameObject {
  readonly id: number;
  /** Mappings that write (devices' included) and that execute: never both (WX-1). */
  writers: number;
  executors: number;
  /** Mappings as a guest's memory. */
  guests: number;
}

export interface IrqHandler {
  readonly line: number;
  notification: number;
  badgeLo: number;
  badgeHi: number;
}

/** SchedContext `sc` is due at `at`; void when it is not exhausted any more or due at another time. */
export interface Release {
  readonly at: number;
  readonly sc: number;
}

export interface IoSpace {
  readonly id: number;
  readonly serial: number;
  readonly device: number;
  mappings: number;
  /** What is signalled when the device is refused an access; 0 for nothing. */
  notification: number;
  badgeLo: number;
  badgeHi: number;
}

export const PRIORITIES = 256;

export class Kernel {
  readonly machine: Machine;
  /** Trap frames and RAM as signed 32-bit halves: BigInt costs 40-100 ns an operation, a pair of halves 2. */
  readonly frames32: Int32Array;
  readonly ram32: Int32Array;
  readonly ram8: Uint8Array;

  constructor(machine: Machine) {
    this.machine = machine;
    this.frames32 = new Int32Array(machine.frames);
    this.ram32 = new Int32Array(machine.ram);
    this.ram8 = new Uint8Array(machine.ram);
    // A table that grows is copied whole: so it begins with room for what fits into half the RAM, or for a million.
    const rows = Math.min(2 ** 20, machine.ram.byteLength / 64);
    this.objects = new ObjectTable(rows);
    this.slots = new SlotTable(rows);
    this.irqLines = Array.from({ length: machine.irq.lines }, () => 0);
    this.slots.onGrow = () => this.#share();
    this.objects.onGrow = () => {
      for (const table of [this.cnodes, this.endpoints, this.notifications, this.replies, this.schedContexts]) for (const o of table) if (o !== undefined) o.words = this.objects.words;
      this.#share();
    };
    this.#share();
  }

  #share(): void {
    const { kind, rights, object, badgeLo, badgeHi } = this.slots;
    this.machine.share?.({ kind, rights, object, badgeLo, badgeHi, words: this.objects.words, ready: this.readyBits });
  }

  readonly objects: ObjectTable;
  readonly slots: SlotTable;

  // One sparse table a kind, by object id.
  readonly cnodes: (CNode | undefined)[] = [];
  readonly tcbs: (Tcb | undefined)[] = [];
  readonly endpoints: (Endpoint | undefined)[] = [];
  readonly notifications: (Notification | undefined)[] = [];
  readonly replies: (Reply | undefined)[] = [];
  readonly schedContexts: (SchedContext | undefined)[] = [];
  readonly vspaces: (VSpace | undefined)[] = [];
  readonly vcpus: (Vcpu | undefined)[] = [];
  readonly pages: (FrameObject | undefined)[] = [];
  readonly ioSpaces: (IoSpace | undefined)[] = [];
  readonly irqHandlers: (IrqHandler | undefined)[] = [];
  /** By interrupt line: its handler, 0 for none. */
  readonly irqLines: number[];

  /** Mapping targets by serial number. */
  readonly spacesBySerial = new Map<number, number>();
  nextSerial = 1;
  readonly tcbOfFrame: (Tcb | undefined)[] = [];
  readonly freeFrames: number[] = [];
  readonly freeSpaces: number[] = [];
  framesUsed = 0;
  spacesUsed = 0;
  vcpusAlive = 0;

  /** The thread that has the CPU, 0 for none. Never in a ready queue (SCHED-1). */
  current = 0;
  /** The thread that direct switch chose, 0 for none: never while a machine thread runs. */
  chosen = 0;
  readonly readyHead = new Int32Array(PRIORITIES);
  readonly readyTail = new Int32Array(PRIORITIES);
  /** One bit a priority with a waiting thread. */
  readonly readyBits = new Int32Array(PRIORITIES / 32);
  /** SchedContext whose time runs, since when, and what is due when it is over. While a machine thread runs it is that one's. */
  runningSc = 0;
  runningSince = 0;
  /** Whether the machine may carry out calls itself: Machine.share. */
  fast = true;
  /** SchedContexts that wait for time to come back, soonest first (timers.ts); VCPUs whose guest waits for its timer: few, unsorted. */
  readonly releases: Release[] = [];
  readonly waitingVcpus: number[] = [];
  /** The earliest of their times, Infinity for none. */
  nextTimer = Infinity;
  /** The host wants the CPU back at this time. */
  hostDeadline = Infinity;
  /** The earliest time at which something is due: when a running thread is preempted. */
  deadline = Infinity;
  /** Set at hostDeadline: dispatch answers "leave". */
  leave = false;
  /** Objects whose last capability is gone and that are taken apart in pieces: which thread's deletion it was that brought them down, 0 for none. */
  readonly dying = new Map<number, number>();
  /** The thread on whose account deletions go now, 0: the current one. */
  payer = 0;
  nextTicket = 1;
  /** Capabilities that were handed over by messages, for whoever watches over who holds what: thread, kind, object, rights, badge (lo, hi) of each. null: nobody does. */
  grants: number[] | null = null;
  /** What is done is recorded there; null: nothing is. */
  trace: Trace | null = null;
  /** What the operator's debugger holds and wants to be told of; null: there is none. No part of what is saved. */
  debugger: Debugger | null = null;
}
