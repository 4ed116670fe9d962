// A system under attack: victims that go about their business, and hostile programs of several threads each, with an authority drawn from the seed. The real
// kernel on the real machine; its clock counts blocks, so a seed is a run. All that the world knows of itself is plain data: it can be saved and go on.
import { ALL_RIGHTS, Kind, Right } from "../../caps/abi/numbers.ts";
import { moveSlot } from "../../caps/model/derivation.ts";
import { KernelPanic } from "../../caps/model/panic.ts";
import { suspend } from "../../core/kernel/cancel.ts";
import { derive, install, reapOrphans, revokePiece } from "../../core/kernel/capabilities.ts";
import { checkInvariants } from "../../core/kernel/invariants.ts";
import { run } from "../../core/kernel/kernel.ts";
import type { Machine } from "../../core/kernel/machine.ts";
import { load, save } from "../../core/kernel/save.ts";
import { createIoSpace } from "../../core/kernel/objects/iospace.ts";
import { bookBuffer, resume, setTcbSlot, setVSpace } from "../../core/kernel/objects/tcb.ts";
import { configure } from "../../core/kernel/time.ts";
import { TcbSlot, ThreadState, type Kernel, type Tcb } from "../../core/kernel/state.ts";
import type { BoardMachine } from "../../core/machine/machine.ts";
import { Testbed, TEXT, BUFFER, type Program } from "../support/testbed.ts";
import { At, drawTable, Own } from "./calls.ts";
import { programs, Register, Signal, Victim } from "./program.ts";
import { Random } from "./random.ts";

const PAGE = 4096, TABLE_BITS = 21;
/** What a hostile program and all of its threads are made of, 2^bits bytes: a table of calls, Untypeds to spend, one for a VCPU, and two VCPUs. */
const PROGRAM_BITS = 24;
export const RAM_BYTES = 128 << 20;
const HOSTILES = 4, THREADS = 3;
/** Above the hostile threads, whatever they set: these have 140 as their maximum. */
const SERVER_PRIORITY = 200, CLIENT_PRIORITY = 190, WAITER_PRIORITY = 180, RECKONER_PRIORITY = 170, MOST_HOSTILE = 140;
/** A slice of the run, in ticks; the victim that reckons has a tenth of the time. */
const SLICE = 400;
/** Slices after which a thread that only waits is taken out of it, and programs are made anew. */
const PATIENCE = 3, EPOCH = 600;

interface Hostile {
  /** Row of the Untyped that all of it descends from. */
  readonly payer: number;
  threads: { readonly id: number; readonly frame: number; readonly buffer: number; waits: number }[];
}

/** Numbers of the tables, which must be the same each time the hostile programs are gone. */
type Census = readonly number[];

export class World {
  readonly bed: Testbed;
  readonly board: BoardMachine;
  readonly random: Random;
  readonly victims: Record<"client" | "server" | "waiter" | "reckoner", Program>;
  readonly hostiles: Hostile[] = [];
  readonly #rows: { readonly endpoint: number; readonly notification: number; readonly frame: number };
  #census: Census = [];
  slices = 0;
  epochs = 0;
  /** Rounds of each victim at the last look, and slices since it made one. */
  #rounds: Record<string, { at: number; still: number }> = {};

  /**
   * @param watch wraps the machine that the kernel sees: to count
   * @param of another world, to go on from where it is now: its kernel is saved, and loaded on this machine
   */
  constructor(board: BoardMachine, seed: number, watch: (machine: Machine) => Machine = (machine) => machine, of?: World) {
    this.board = board;
    this.random = new Random(of?.random.state ?? seed);
    if (of !== undefined) {
      const kernel = load(watch(board), save(of.k));
      this.bed = new Testbed(board, 8, { kernel, of: of.bed });
      const again = (p: Program): Program => ({ ...p, tcb: kernel.tcbs[p.tcb.id]!, vspace: kernel.vspaces[p.vspace.id]! });
      this.victims = { client: again(of.victims.client), server: again(of.victims.server), waiter: again(of.victims.waiter), reckoner: again(of.victims.reckoner) };
      this.#rows = of.#rows;
      this.#census = of.#census;
      this.slices = of.slices;
      this.epochs = of.epochs;
      this.#rounds = structuredClone(of.#rounds);
      this.hostiles.push(...structuredClone(of.hostiles));
      return;
    }
    const bed = (this.bed = new Testbed(watch(board), 8));
    bed.keepInCNode(12);
    const text = programs(), victim = (name: keyof World["victims"], priority: number): Program => {
      const p = bed.program(name, text.bytes, priority);
      bed.k.frames32[p.tcb.base] = text.label(name);
      return p;
    };
    this.victims = {
      server: victim("server", SERVER_PRIORITY), client: victim("client", CLIENT_PRIORITY), waiter: victim("waiter", WAITER_PRIORITY), reckoner: victim("reckoner", RECKONER_PRIORITY),
    };
    const { client, server, waiter, reckoner } = this.victims;
    this.#rows = { endpoint: bed.make(Kind.Endpoint, 5), notification: bed.make(Kind.Notification, 6), frame: bed.make(Kind.Frame, 12) };
    bed.give(server, Victim.SERVICE, this.#rows.endpoint);
    bed.give(client, Victim.SERVICE, this.#rows.endpoint, Right.Write | Right.GrantReply, 1);
    moveSlot(bed.k.slots, bed.make(Kind.Reply, 5), server.slots + Victim.REPLY);
    bed.give(waiter, Victim.NOTIFICATION, this.#rows.notification, Right.Read);
    bed.give(client, Victim.PARTNER, this.#rows.notification, Right.Write, Signal.PARTNER);
    // The client must not have the CPU to itself, and the reckoner neither.
    const time = (p: Program, budget: number): void => configure(bed.k, bed.k.schedContexts[p.tcb.homeSc]!, budget, 10_000);
    time(client, 200);
    time(reckoner, 300);
    for (const p of [server, waiter, client, reckoner]) bed.start(p);
    for (let i = 0; i < HOSTILES; i++) this.hostiles.push({ payer: bed.make(Kind.Untyped, PROGRAM_BITS), threads: [] });
    this.slice();
    this.#census = this.census();
    this.#populate();
  }

  get k(): Kernel {
    return this.bed.k;
  }

  /** One slice of time, and what the host does between two: interrupts, dead threads raised, now and then everything made anew. */
  slice(): void {
    const { k, board, random } = this;
    if (run(k, board.clock() + SLICE) === "idle") board.advanceClock(SLICE);
    this.slices++;
    this.#checkVictims();
    if (this.hostiles[0]!.threads.length === 0) return;
    board.irq.setLevel(5 + random.below(3), random.once(2));
    // A device that reads all over the place; it writes nowhere, for what hostile programs map for it may be a victim's to read.
    board.iommu.port(0).read(random.pick([0, 4096, 8192]), 1 + random.below(5000));
    if (this.slices % EPOCH === 0) return this.#renew();
    for (const hostile of this.hostiles) for (const thread of hostile.threads) this.#raise(thread);
  }

  check(): void {
    checkInvariants(this.k);
  }

  /** Kernel objects by kind, filled slots, frames, spaces and VCPUs in use. */
  census(): Census {
    const { k } = this, kinds: number[] = Object.values(Kind).map(() => 0);
    for (let id = 1; id < k.objects.count; id++) kinds[k.objects.kind[id]!]!++;
    kinds[Kind.Null] = 0;
    let filled = 0;
    for (let slot = 1; slot < k.slots.end; slot++) filled += Number(!k.slots.isEmpty(slot));
    return [...kinds, filled, k.framesUsed - k.freeFrames.length, k.spacesUsed - k.freeSpaces.length, k.vcpusAlive, k.spacesBySerial.size, k.dying.size];
  }

  /** How often each victim has done what it does. */
  rounds(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.victims).map(([name, { tcb }]) => [name, this.k.frames32[tcb.base + 2 * Register.ROUNDS]! >>> 0]));
  }

  /** Nothing came back wrong (a victim would be stopped at its ebreak), and none stands still. */
  #checkVictims(): void {
    for (const [name, at] of Object.entries(this.rounds())) {
      const { tcb } = this.victims[name as keyof World["victims"]], before = this.#rounds[name];
      if (tcb.state === ThreadState.Faulted || tcb.faultLabel !== 0) throw new KernelPanic("VICTIM-1", `the ${name} got something wrong: fault ${tcb.faultLabel} at 0x${(this.k.frames32[tcb.base]! >>> 0).toString(16)} after ${at} rounds`);
      const still = before === undefined || before.at !== at ? 0 : before.still + 1;
      // Its own budget is a tenth of the time, so many slices without a round are common, so many are not.
      if (still > 250) throw new KernelPanic("VICTIM-2", `the ${name} has stood still for ${still} slices after ${at} rounds (state ${tcb.state})`);
      this.#rounds[name] = { at, still };
    }
  }

  /** The hostile programs go, with all that they made, and nothing of them is left; then others come. */
  #renew(): void {
    const { k } = this;
    for (const { payer } of this.hostiles) for (let n = 0; !revokePiece(k, this.victims.reckoner.tcb, payer); n++) if (n > 10_000) throw new KernelPanic("RENEW-1", "a revocation never ends");
    while (k.dying.size > 0) reapOrphans(k);
    const now = this.census();
    if (now.some((n, i) => n !== this.#census[i])) throw new KernelPanic("RENEW-2", `after everything was revoked the tables hold ${now.join(" ")}, at the beginning ${this.#census.join(" ")}`);
    this.check();
    this.epochs++;
    this.#populate();
  }

  #populate(): void {
    const { bed, random } = this;
    // What two neighbours share.
    const made = this.hostiles.map((hostile) => {
      bed.payer = hostile.payer;
      return { endpoint: bed.make(Kind.Endpoint, 5), notification: bed.make(Kind.Notification, 6), frame: bed.make(Kind.Frame, 12), table: bed.make(Kind.CNode, 8) };
    });
    this.hostiles.forEach((hostile, i) => {
      bed.payer = hostile.payer;
      this.#makeHostile(hostile, i, random.once(3) ? made[i]! : made[(i + 1) % HOSTILES]!);
    });
    bed.payer = 0;
  }

  #makeHostile(hostile: Hostile, number: number, shared: { readonly endpoint: number; readonly notification: number; readonly frame: number; readonly table: number }): void {
    const { bed, random, k } = this, text = programs(), prudent = (): number => 100 + random.below(MOST_HOSTILE - 100);
    const first = bed.program(`hostile ${number}`, text.bytes, prudent()), { slots } = first;
    first.tcb.maxPriority = MOST_HOSTILE;
    const rows = { cnode: first.rows.cnode, vspace: first.rows.vspace };
    const own = (slot: number, kind: (typeof Kind)[keyof typeof Kind], bits: number): void => moveSlot(k.slots, bed.make(kind, bits), slots + slot);
    const give = (slot: number, row: number, rights: number = ALL_RIGHTS, badge = 0): void => void bed.give(first, slot, row, rights, badge);
    const rights = (): number => random.pick([ALL_RIGHTS, ALL_RIGHTS, Right.Write | Right.Grant, Right.Read, Right.Write | Right.GrantReply, Right.Read | Right.Write]);
    // Authority over itself.
    derive(k, rows.cnode, slots + Own.CNODE, ALL_RIGHTS, k.slots.badgeLo[rows.cnode]!, k.slots.badgeHi[rows.cnode]!);
    give(Own.VSPACE, rows.vspace);
    const programText = bed.mapFrame(first.vspace, At.TABLE, Right.Read, TABLE_BITS), table = drawTable(random);
    k.ram8.set(new Uint8Array(table.buffer), k.objects.base[bed.object(programText)]! - k.machine.ramBase);
    const threads = [first.tcb, ...Array.from({ length: THREADS - 1 }, () => this.#anotherThread(first, rows, prudent()))];
    hostile.threads = threads.map((t, i) => {
      give(Own.TCB[i]!, this.#rowOf(Kind.TCB, t.id));
      if (random.once(2)) give(Own.SC[i]!, this.#rowOf(Kind.SchedContext, t.homeSc));
      configure(k, k.schedContexts[t.homeSc]!, 500 + random.below(3000), 4000);
      // Some have a keeper of their own kind.
      return { id: t.id, frame: t.frame, buffer: BUFFER + i * PAGE, waits: 0 };
    });
    // What it may spend, and things to play with.
    for (const slot of Own.UNTYPED) own(slot, Kind.Untyped, 16);
    if (random.once(4)) {
      own(Own.BIG_UNTYPED, Kind.Untyped, 21);
      for (const slot of Own.VCPU) own(slot, Kind.VCPU, 21);
    }
    for (const slot of Own.ENDPOINT) own(slot, Kind.Endpoint, 5);
    for (const slot of Own.NOTIFICATION) own(slot, Kind.Notification, 6);
    for (const slot of Own.REPLY) own(slot, Kind.Reply, 5);
    for (const slot of Own.TABLE) own(slot, Kind.CNode, 8);
    for (const slot of Own.FRAME) own(slot, Kind.Frame, 12);
    for (const slot of Own.PAGE_TABLE) own(slot, Kind.PageTable, 12);
    for (const slot of Own.TIME) own(slot, Kind.SchedContext, 8);
    for (const slot of Own.THREAD) own(slot, Kind.TCB, 11);
    // What it shares, with rights of chance; of the victims' no more than a client has.
    give(Own.SHARED_ENDPOINT, shared.endpoint, rights(), random.below(3));
    give(Own.SHARED_NOTIFICATION, shared.notification, rights(), 1 << random.below(8));
    give(Own.SHARED_FRAME, shared.frame, random.pick([ALL_RIGHTS, Right.Read]));
    derive(k, shared.table, slots + Own.SHARED_TABLE, random.pick([ALL_RIGHTS, Right.Read, Right.Read | Right.Weak]), 0, 0);
    give(Own.SERVER, this.#rows.endpoint, Right.Write | Right.GrantReply, 2 + number);
    give(Own.VICTIM, this.#rows.notification, Right.Write, Signal.HOSTILE);
    give(Own.VICTIM_FRAME, this.#rows.frame, Right.Read);
    for (const [slot, kind] of [[Own.IRQ_CONTROL, Kind.IRQControl], [Own.SCHED_CONTROL, Kind.SchedControl], [Own.DISCRIM, Kind.Discrim]] as const) {
      if (!random.once(3)) install(k, slots + slot, kind, k.objects.create(kind, 0, 0, 0), ALL_RIGHTS, 0);
    }
    // One device, one IOSpace.
    if (number === 0) install(k, slots + Own.IO_SPACE, Kind.IOSpace, createIoSpace(k, 0), ALL_RIGHTS, 0);
    for (const thread of hostile.threads) this.#raise(thread);
  }

  /** The testbed's row that names an object. */
  #rowOf(kind: number, id: number): number {
    const { first, count } = this.bed.rows, s = this.k.slots;
    for (let row = first; row < first + count; row++) if (s.kind[row] === kind && s.object[row] === id) return row;
    throw new RangeError(`the testbed has no capability to object ${id}`);
  }

  #anotherThread(p: Program, rows: { readonly cnode: number; readonly vspace: number }, priority: number): Tcb {
    const { bed, k } = this, t = k.tcbs[bed.object(bed.make(Kind.TCB, 11))]!;
    setTcbSlot(k, t, TcbSlot.CSpace, rows.cnode);
    setVSpace(k, t, rows.vspace);
    const number = this.#buffersOf(p), frame = bed.mapFrame(p.vspace, BUFFER + number * PAGE, Right.Read | Right.Write);
    setTcbSlot(k, t, TcbSlot.Buffer, frame);
    bookBuffer(k, t);
    t.buffer = k.objects.base[bed.object(frame)]! - k.machine.ramBase;
    t.bufferAddress = BUFFER + number * PAGE;
    t.priority = priority;
    t.maxPriority = MOST_HOSTILE;
    t.label = `${p.tcb.label}/${number}`;
    const sc = k.schedContexts[bed.object(bed.make(Kind.SchedContext, 8))]!;
    Object.assign(sc, { budget: 1000, period: 1000, remaining: 1000, tcb: t.id, home: t.id });
    t.sc = t.homeSc = sc.id;
    return t;
  }

  /** How many threads the program has by now. */
  #buffersOf(p: Program): number {
    return this.k.tcbs.filter((t) => t !== undefined && t.label.startsWith(p.tcb.label)).length;
  }

  /** A keeper of last resort: whoever stands still or has waited too long goes on at the beginning, as long as he has a VSpace. */
  #raise(thread: Hostile["threads"][number]): void {
    const { k, random } = this, t = k.tcbs[thread.id];
    if (t === undefined || t.frame !== thread.frame || k.slots.kind[t.slots + TcbSlot.VSpace] !== Kind.VSpace) return;
    const stopped = t.state === ThreadState.Inactive || t.state === ThreadState.Faulted;
    thread.waits = stopped || t.state === ThreadState.Ready ? 0 : thread.waits + 1;
    if (!stopped && thread.waits < PATIENCE) return;
    thread.waits = 0;
    suspend(k, t);
    k.frames32.fill(0, t.base, t.base + 64);
    k.frames32[t.base] = TEXT;
    k.frames32[t.base + 2 * Register.RANDOM] = random.next() | 1;
    k.frames32[t.base + 2 * Register.RANDOM + 1] = random.next();
    k.frames32[t.base + 2 * Register.BUFFER] = t.buffer < 0 ? 0 : thread.buffer;
    resume(k, t);
  }
}

