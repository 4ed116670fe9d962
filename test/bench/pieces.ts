// Long operations of the kernel, entry by entry: each is made as a system call again and again until it is done, as a thread would, and each entry is timed.
import { Frame, Reg, toInfo } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, Invocation, Kind, Syscall } from "../../caps/abi/numbers.ts";
import { derive } from "../../core/kernel/capabilities.ts";
import { send } from "../../core/kernel/ipc.ts";
import { threadMemory } from "../../core/kernel/objects/vspace.ts";
import { ThreadState } from "../../core/kernel/state.ts";
import { syscall } from "../../core/kernel/syscall.ts";
import { schedule } from "../../core/kernel/time.ts";
import type { BoardMachine } from "../../core/machine/machine.ts";
import { RADIX, Testbed, type Program } from "../support/testbed.ts";
import { openQuietMachine } from "./pairs.ts";

const MIB = 2 ** 20;
const PC = 0x1_0004;
/** Slots of the calling thread: its CNode, and what is taken away. */
const CNODE = 1, TARGET = 20, BADGED = 21, BADGE = 5;
const at = (slot: number, depth = 32): number => slot + depth * 2 ** 32;

/** Nanoseconds of each entry into the kernel. */
export type Entries = readonly number[];

/** What can be long, by name: `count` capabilities, threads or MiB. */
export const OPERATIONS = { revoke: 100_000, delete: 100_000, endpoint: 10_000, cancel: 10_000, retype: 128 } as const;
export type Operation = keyof typeof OPERATIONS;

export interface Outcome {
  readonly entries: Entries;
  /** How long it took to make what was taken away. */
  readonly madeNs: number;
  /** Entries that do nothing, for as long as the operation took: what this host adds by itself. */
  readonly idle: Entries;
}

/** Sets one operation up in a kernel of its own and carries it out. */
export function carryOut(operation: Operation, count: number): Outcome {
  const board = openQuietMachine(512 * MIB);
  try {
    const bed = new Bed(board), done = bed[operation](count);
    return { ...done, idle: bed.nothing(done.entries.reduce((sum, ns) => sum + ns, 0)) };
  } finally {
    board.close();
  }
}

class Bed {
  readonly #testbed: Testbed;
  readonly #p: Program;

  constructor(board: BoardMachine) {
    this.#testbed = new Testbed(board, 18);
    board.attach(threadMemory(this.#testbed.k));
    this.#p = this.#testbed.program("caller", new Uint8Array(4), 100);
    this.#testbed.give(this.#p, CNODE, this.#p.rows.cnode, ALL_RIGHTS, (32 - RADIX) * 2 ** 32);
    this.#testbed.start(this.#p);
    schedule(this.#testbed.k);
  }

  #set(register: number, value: number): void {
    const { frames32 } = this.#testbed.k, word = this.#p.tcb.base + 2 * register;
    frames32[word] = value | 0;
    frames32[word + 1] = Math.floor(value / 2 ** 32);
  }

  /** Makes a call until the kernel is done with it. */
  #call(cap: number, label: number, words: readonly number[]): Entries {
    const { k } = this.#testbed, { tcb } = this.#p, entries: number[] = [];
    this.#set(Reg.a7, Syscall.Call);
    this.#set(Reg.a0, cap);
    this.#set(Reg.a1, toInfo(label, words.length));
    words.forEach((word, i) => this.#set(Reg.a2 + i, word));
    for (;;) {
      this.#set(Frame.PC, PC);
      const from = process.hrtime.bigint();
      syscall(k, tcb);
      entries.push(Number(process.hrtime.bigint() - from));
      if (k.frames32[tcb.base] === PC) break;
    }
    if (k.frames32[tcb.base + 2 * Reg.a1]! < 0) throw new Error(`invocation 0x${label.toString(16)} was refused`);
    return entries;
  }

  /** An endpoint that the caller holds the first capability to. */
  #endpoint(): number {
    this.#testbed.give(this.#p, TARGET + 10, this.#testbed.make(Kind.Untyped, 12));
    this.#call(TARGET + 10, Invocation.UntypedRetype, [Kind.Endpoint + 2 ** 16, CNODE, TARGET]);
    return this.#p.slots + TARGET;
  }

  /** So many copies of the endpoint in a CNode; nanoseconds it took. */
  #copies(count: number): { readonly cnode: number; readonly madeNs: number } {
    const { k } = this.#testbed, endpoint = this.#endpoint();
    const bits = Math.ceil(Math.log2(count));
    this.#testbed.give(this.#p, TARGET + 11, this.#testbed.make(Kind.Untyped, bits + 6));
    this.#call(TARGET + 11, Invocation.UntypedRetype, [Kind.CNode + bits * 2 ** 8 + 2 ** 16, CNODE, TARGET + 12]);
    const { first } = k.cnodes[k.slots.object[this.#p.slots + TARGET + 12]!]!;
    const from = process.hrtime.bigint();
    for (let i = 0; i < count; i++) derive(k, endpoint, first + i, ALL_RIGHTS, 0, 0);
    return { cnode: TARGET + 12, madeNs: Number(process.hrtime.bigint() - from) };
  }

  /** So many threads that wait to send on the endpoint with the badge. */
  #crowd(count: number): number {
    const { k } = this.#testbed, ep = k.endpoints[k.slots.object[this.#endpoint()]!]!;
    const from = process.hrtime.bigint();
    for (let i = 0; i < count; i++) {
      const t = k.tcbs[this.#testbed.object(this.#testbed.make(Kind.TCB, 11))]!;
      t.state = ThreadState.Ready;
      send(k, t, ep, BADGE, 0, ALL_RIGHTS, true, true);
    }
    return Number(process.hrtime.bigint() - from);
  }

  revoke(count: number) {
    const { madeNs } = this.#copies(count);
    return { madeNs, entries: this.#call(CNODE, Invocation.CNodeRevoke, [at(TARGET)]) };
  }
  delete(count: number) {
    const { cnode, madeNs } = this.#copies(count);
    return { madeNs, entries: this.#call(CNODE, Invocation.CNodeDelete, [at(cnode)]) };
  }
  endpoint(count: number) {
    const madeNs = this.#crowd(count);
    return { madeNs, entries: this.#call(CNODE, Invocation.CNodeDelete, [at(TARGET)]) };
  }
  cancel(count: number) {
    const madeNs = this.#crowd(count);
    this.#call(CNODE, Invocation.CNodeMint, [at(BADGED), TARGET + (32 + ALL_RIGHTS * 256) * 2 ** 32, CNODE, BADGE]);
    return { madeNs, entries: this.#call(CNODE, Invocation.CNodeCancelBadgedSends, [at(BADGED), 0, 0]) };
  }
  /** Memory that was all used, in 2 MiB frames again. */
  retype(mib: number) {
    const { k } = this.#testbed, frames = mib / 2;
    this.#testbed.give(this.#p, TARGET, this.#testbed.make(Kind.Untyped, 20 + Math.log2(mib)));
    const make = (): Entries => this.#call(TARGET, Invocation.UntypedRetype, [Kind.Frame + 21 * 2 ** 8 + frames * 2 ** 16, CNODE, 100]);
    make();
    const base = k.objects.base[k.slots.object[this.#p.slots + 100]!]! - k.machine.ramBase;
    const from = process.hrtime.bigint();
    k.ram8.fill(0xaa, base, base + mib * MIB);
    const madeNs = Number(process.hrtime.bigint() - from);
    this.#call(CNODE, Invocation.CNodeRevoke, [at(TARGET)]);
    return { madeNs, entries: make() };
  }
  /** Entries that do nothing but fail, for so long. */
  nothing(ns: number): Entries {
    const { k } = this.#testbed, entries: number[] = [];
    this.#set(Reg.a7, Syscall.Call);
    for (let left = ns; left > 0; left -= entries.at(-1)!) {
      this.#set(Reg.a0, 99);
      this.#set(Reg.a1, 0);
      const from = process.hrtime.bigint();
      syscall(k, this.#p.tcb);
      entries.push(Number(process.hrtime.bigint() - from));
    }
    return entries;
  }
}
