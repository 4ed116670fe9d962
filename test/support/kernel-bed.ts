// Drives the kernel thread by thread: a test says which ready thread makes which system call, and sees what came of it.
// After each step the invariants are checked.
import { Frame, Info, infoLabel, infoLength, infoCaps, IpcBuffer, Reg, toInfo } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, Kind, Syscall, type ErrorCode, type Kind as KindT } from "../../caps/abi/numbers.ts";
import { derive, install } from "../../core/kernel/capabilities.ts";
import { exception } from "../../core/kernel/fault.ts";
import { checkInvariants } from "../../core/kernel/invariants.ts";
import { takeInterrupts } from "../../core/kernel/objects/irq.ts";
import { isRunnable, unready, wake } from "../../core/kernel/scheduler.ts";
import { ThreadState, type Tcb } from "../../core/kernel/state.ts";
import { syscall } from "../../core/kernel/syscall.ts";
import { charge, schedule, tick } from "../../core/kernel/time.ts";
import { FakeMachine } from "./fake-machine.ts";
import { RADIX, Testbed, type Program } from "./testbed.ts";

export type Word = number | bigint;

/** How a system call ended; words are those of the answer, or the details of the error. */
export interface Answer {
  readonly error: ErrorCode | 0;
  readonly label: number;
  readonly badge: number;
  readonly caps: number;
  readonly unwrapped: number;
  readonly words: readonly number[];
}

/** "again": the kernel moved the thread's pc back, and the call is made once more. "fault": the thread stopped. */
export type Outcome = Answer | "blocked" | "again" | "fault" | "gone";

/** Slots that every thread of the bed has. */
export const Slot = { CNODE: 1, TCB: 2, VSPACE: 3, UNTYPED: 4, SC: 5, FIRST: 16 } as const;
/** log2 of a thread's Untyped, bytes. */
export const UNTYPED_BITS = 20;

/** A word of two halves. */
export const pair = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
/** The slot word of a plain slot in a CNode of 2^8 slots with its guard. */
export const slotWord = (slot: number, depth = 32): bigint => pair(slot, depth);
export const retypeWord = (kind: number, sizeBits = 0, count = 1): number => kind + sizeBits * 2 ** 8 + count * 2 ** 16;

export interface ThreadOptions {
  readonly priority?: number;
  /** false: it has no time of its own. */
  readonly time?: boolean;
  /** Left inactive. */
  readonly stopped?: boolean;
}

export class KernelBed extends Testbed {
  readonly machine: FakeMachine;
  /** Whether the invariants are checked after each step: a test that builds much before it begins does that once. */
  checks = true;

  constructor(machine = new FakeMachine()) {
    super(machine, 10);
    this.machine = machine;
  }

  /** A ready thread with capabilities to its own CNode, TCB, VSpace, an Untyped of 1 MiB and its time. */
  thread(name: string, { priority = 100, time = true, stopped = false }: ThreadOptions = {}): Program {
    const p = this.program(name, new Uint8Array(4), priority, time);
    this.give(p, Slot.CNODE, p.rows.cnode, ALL_RIGHTS, (32 - RADIX) * 2 ** 32);
    this.give(p, Slot.TCB, p.rows.tcb);
    this.give(p, Slot.VSPACE, p.rows.vspace);
    this.give(p, Slot.UNTYPED, this.make(Kind.Untyped, UNTYPED_BITS));
    if (time) this.give(p, Slot.SC, p.rows.sc);
    if (!stopped) {
      this.start(p);
      schedule(this.k);
    }
    return p;
  }

  /** Makes an object of the boot's and gives the thread a capability to it; the boot's row. */
  hold(p: Program, slot: number, kind: KindT, bits: number, rights: number = ALL_RIGHTS, badge = 0): number {
    const row = this.make(kind, bits);
    this.give(p, slot, row, rights, badge);
    return row;
  }

  /** Gives a thread the first capability to an object that only the boot makes. */
  singleton(p: Program, slot: number, kind: KindT): number {
    const id = this.k.objects.create(kind, 0, 0, 0);
    install(this.k, p.slots + slot, kind, id, ALL_RIGHTS, 0);
    return id;
  }

  /** Another capability to what a thread has in a slot. */
  share(from: Program, slot: number, to: Program, at: number, rights: number = ALL_RIGHTS, badge?: number): void {
    const row = from.slots + slot, s = this.k.slots;
    const keep = s.kind[row] !== Kind.Frame && badge === undefined;
    derive(this.k, row, to.slots + at, rights, keep ? s.badgeLo[row]! : (badge ?? 0) | 0, keep ? s.badgeHi[row]! : Math.floor((badge ?? 0) / 2 ** 32));
  }

  set(t: Tcb, register: number, value: Word): void {
    const wide = BigInt.asUintN(64, BigInt(value));
    this.k.frames32[t.base + 2 * register] = Number(wide & 0xffff_ffffn) | 0;
    this.k.frames32[t.base + 2 * register + 1] = Number(wide >> 32n) | 0;
  }
  get(t: Tcb, register: number): number {
    return (this.k.frames32[t.base + 2 * register]! >>> 0) + (this.k.frames32[t.base + 2 * register + 1]! >>> 0) * 2 ** 32;
  }
  /** A 64-bit word of a thread's IPC buffer. */
  setBuffer(p: Program, index: number, value: Word): void {
    new DataView(this.machine.ram).setBigUint64(p.buffer + 8 * index, BigInt.asUintN(64, BigInt(value)), true);
  }
  buffer(p: Program, index: number): number {
    return Number(new DataView(this.machine.ram).getBigUint64(p.buffer + 8 * index, true));
  }
  /** Where the thread takes capabilities: `count` slots of its CNode from `first` on. */
  receiveAt(p: Program, first: number, count = 1): void {
    this.setBuffer(p, IpcBuffer.RECEIVE_COUNT, count);
    this.setBuffer(p, IpcBuffer.RECEIVE_CNODE, Slot.CNODE);
    this.setBuffer(p, IpcBuffer.RECEIVE_INDEX, first);
    this.setBuffer(p, IpcBuffer.RECEIVE_DEPTH, 32);
  }

  /** Makes a ready thread the current one, as if the scheduler had come to it. */
  force(t: Tcb): void {
    const k = this.k;
    if (!isRunnable(k, t)) throw new Error(`thread ${t.label} cannot run: state ${t.state}, SchedContext ${t.sc}`);
    if (k.current === t.id) return;
    const before = k.current === 0 ? undefined : k.tcbs[k.current];
    k.current = 0;
    unready(k, t);
    if (before !== undefined) wake(k, before);
    k.current = t.id;
    if (k.runningSc === t.sc) return;
    charge(k, this.machine.now);
    k.runningSc = t.sc;
  }

  /** The system call that stands in the thread's registers. */
  trap(p: Program): Outcome {
    const t = p.tcb, k = this.k;
    this.force(t);
    this.set(t, Frame.PC, this.get(t, Frame.PC) + 4);
    const pc = this.get(t, Frame.PC);
    syscall(k, t);
    if (k.tcbs[t.id] !== t) return this.#settled("gone");
    if (t.state === ThreadState.Ready && this.get(t, Frame.PC) === pc - 4) return this.#settled("again");
    if (t.faultLabel !== 0) return this.#settled("fault");
    const left = t.state !== ThreadState.Ready && t.state !== ThreadState.Inactive;
    return this.#settled(left ? "blocked" : this.answer(p));
  }

  #settled(outcome: Outcome): Outcome {
    schedule(this.k);
    if (this.checks) this.check();
    return outcome;
  }

  /** Every invariant holds, of the kernel's state and of what the machine was told. */
  check(): void {
    checkInvariants(this.k, this.machine);
  }

  sys(p: Program, number: number, cap: Word, info = 0, words: readonly Word[] = [], reply: Word = 0): Outcome {
    const t = p.tcb;
    this.set(t, Reg.a7, number);
    this.set(t, Reg.a0, cap);
    this.set(t, Reg.a1, info >>> 0);
    this.set(t, Reg.a6, reply);
    words.forEach((word, i) => (i < 4 ? this.set(t, Reg.a2 + i, word) : this.setBuffer(p, IpcBuffer.WORDS + i, word)));
    return this.trap(p);
  }

  call(p: Program, cap: Word, label: number, ...words: Word[]): Outcome {
    return this.sys(p, Syscall.Call, cap, toInfo(label, words.length), words);
  }
  /** Calls until the kernel is done with it. */
  finish(p: Program, cap: Word, label: number, ...words: Word[]): Outcome {
    let outcome = this.call(p, cap, label, ...words);
    for (let i = 0; outcome === "again"; i++) {
      if (i === 1000) throw new Error("the call never ends");
      outcome = this.trap(p);
    }
    return outcome;
  }
  send(p: Program, cap: Word, label = 0, ...words: Word[]): Outcome {
    return this.sys(p, Syscall.Send, cap, toInfo(label, words.length), words);
  }
  nbsend(p: Program, cap: Word, label = 0, ...words: Word[]): Outcome {
    return this.sys(p, Syscall.NBSend, cap, toInfo(label, words.length), words);
  }
  recv(p: Program, cap: Word, reply: Word = 0): Outcome {
    return this.sys(p, Syscall.Recv, cap, 0, [], reply);
  }
  nbrecv(p: Program, cap: Word, reply: Word = 0): Outcome {
    return this.sys(p, Syscall.NBRecv, cap, 0, [], reply);
  }
  replyRecv(p: Program, cap: Word, reply: Word, label = 0, ...words: Word[]): Outcome {
    return this.sys(p, Syscall.ReplyRecv, cap, toInfo(label, words.length), words, reply);
  }
  signal(p: Program, cap: Word): Outcome {
    return this.sys(p, Syscall.Signal, cap);
  }
  wait(p: Program, cap: Word): Outcome {
    return this.sys(p, Syscall.Wait, cap);
  }
  poll(p: Program, cap: Word): Outcome {
    return this.sys(p, Syscall.Poll, cap);
  }
  yield(p: Program): Outcome {
    return this.sys(p, Syscall.Yield, 0);
  }

  /** The thread runs into an exception. */
  except(p: Program, cause: number, tval = 0): void {
    this.force(p.tcb);
    exception(this.k, p.tcb, cause, tval | 0, Math.floor(tval / 2 ** 32));
    this.#settled("fault");
  }

  /** Time passes for the current thread: the clock's interrupt comes. */
  pass(ticks: number): void {
    this.machine.now += ticks;
    tick(this.k, this.machine.now);
    this.#settled("blocked");
  }

  interrupt(line: number): void {
    this.machine.irq.setLevel(line, true);
    takeInterrupts(this.k);
    this.#settled("blocked");
  }

  /** What stands in a thread's registers after its call. */
  answer(p: Program): Answer {
    const info = this.get(p.tcb, Reg.a1) | 0, length = infoLength(info);
    const words = Array.from({ length }, (_, i) => (i < 4 ? this.get(p.tcb, Reg.a2 + i) : this.buffer(p, IpcBuffer.WORDS + i)));
    const error = info < 0;
    return {
      error: error ? (infoLabel(info) as ErrorCode) : 0, label: error ? 0 : infoLabel(info), badge: this.get(p.tcb, Reg.a0),
      caps: infoCaps(info), unwrapped: (info >>> Info.UNWRAPPED_SHIFT) & 7, words,
    };
  }

  /** What is in a slot of a thread's CNode; null when it is empty. */
  slot(p: Program, slot: number): { kind: number; object: number; rights: number; badge: number; row: number } | null {
    const s = this.k.slots, row = p.slots + slot;
    if (s.isEmpty(row)) return null;
    return { kind: s.kind[row]!, object: s.object[row]!, rights: s.rights[row]!, badge: (s.badgeLo[row]! >>> 0) + (s.badgeHi[row]! >>> 0) * 2 ** 32, row };
  }

  /** RAM as 64-bit words at a physical address. */
  physical(address: number): DataView {
    return new DataView(this.machine.ram, address - this.machine.ramBase);
  }
}

/** An error as a test expects it. */
export const failed = (error: ErrorCode, ...words: number[]): Answer => ({ error, label: 0, badge: 0, caps: 0, unwrapped: 0, words });
/** A success as a test expects it. */
export const answered = (label = 0, words: readonly number[] = [], badge = 0): Answer => ({ error: 0, label, badge, caps: 0, unwrapped: 0, words });
export const DONE: Answer = answered();
