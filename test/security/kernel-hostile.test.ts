// A hostile thread: random system calls with random registers, in a CSpace that holds one of everything, its own and what others share with it. The kernel
// never throws, every invariant holds after each call, and a client and a server beside it go on getting right answers.
import fc from "fast-check";
import { expect, test } from "vitest";
import { IpcBuffer, Reg } from "../../caps/abi/message.ts";
import { Invocation, Kind, RetypeSize, Right } from "../../caps/abi/numbers.ts";
import { install } from "../../core/kernel/capabilities.ts";
import { Cause, VcpuRecord, VcpuStop } from "../../core/kernel/machine.ts";
import { createIoSpace } from "../../core/kernel/objects/iospace.ts";
import { isRunnable } from "../../core/kernel/scheduler.ts";
import { suspend } from "../../core/kernel/cancel.ts";
import { TcbSlot, ThreadState, type Tcb } from "../../core/kernel/state.ts";
import { run } from "../../core/kernel/kernel.ts";
import { FakeMachine } from "../support/fake-machine.ts";
import { DONE, KernelBed, retypeWord, Slot, type Word } from "../support/kernel-bed.ts";
import type { Program } from "../support/testbed.ts";
import { below, LIMIT, runs, wasLong } from "../model/runs.ts";

/** An address without page tables of the thread's own start. */
const FAR = 5 * 2 ** 30;
const LABELS = Object.values(Invocation), LAST = 60;

class World {
  readonly bed = new KernelBed(new FakeMachine(2 ** 24));
  readonly client = this.bed.thread("client");
  readonly server = this.bed.thread("server");
  readonly hostile = this.bed.thread("hostile");
  readonly good: ReadonlySet<number> = new Set([this.client.tcb.id, this.server.tcb.id]);
  #asked = 0;

  constructor() {
    const { bed, client, server, hostile } = this;
    const ep = bed.hold(server, 20, Kind.Endpoint, 5);
    bed.hold(server, 21, Kind.Reply, 5);
    bed.give(client, 20, ep, 15, 1);
    // What the hostile thread shares with the good: it may call the server, and signal it.
    bed.give(hostile, 20, ep, Right.Write | Right.GrantReply, 666);
    const ntf = bed.hold(server, 22, Kind.Notification, 6);
    bed.give(hostile, 21, ntf, Right.Write, 2);
    // What it has of its own: one of everything that the boot can make.
    [Kind.IRQControl, Kind.SchedControl, Kind.HostedControl].forEach((kind, i) => bed.singleton(hostile, 10 + i, kind));
    bed.singleton(hostile, DISCRIM, Kind.Discrim);
    install(bed.k, hostile.slots + 13, Kind.IOSpace, createIoSpace(bed.k, 0), 15, 0);
    // A record to be read.
    bed.machine.iommu.port(0).read(0, 1);
    const retype = (kind: number, sizeBits: number, count: number, first: number): void =>
      expect(bed.call(hostile, Slot.UNTYPED, Invocation.UntypedRetype, retypeWord(kind, sizeBits, count), Slot.CNODE, first)).toEqual(DONE);
    retype(Kind.TCB, 0, 2, 22);
    retype(Kind.Endpoint, 0, 2, 24);
    retype(Kind.Notification, 0, 2, 26);
    retype(Kind.Reply, 0, 2, 28);
    retype(Kind.SchedContext, 0, 2, 30);
    retype(Kind.CNode, 3, 2, 32);
    retype(Kind.Untyped, 16, 2, 34);
    retype(Kind.VSpace, 0, 1, 36);
    bed.give(hostile, 48, bed.make(Kind.Untyped, 21));
    expect(bed.call(hostile, 48, Invocation.UntypedRetype, retypeWord(Kind.VCPU), Slot.CNODE, 37)).toEqual(DONE);
    // One VCPU takes all of an Untyped of this size; the other is to be its further hart.
    bed.give(hostile, 59, bed.make(Kind.Untyped, 21));
    expect(bed.call(hostile, 59, Invocation.UntypedRetype, retypeWord(Kind.VCPU), Slot.CNODE, 49)).toEqual(DONE);
    retype(Kind.PageTable, 0, 4, 38);
    retype(Kind.Frame, 12, 6, 42);
    // Something to take apart: a mapped page below two tables, an object within a small Untyped, a CNode that holds things, a badge.
    const done = (...call: Parameters<KernelBed["call"]>): void => expect(bed.call(...call)).toEqual(DONE);
    for (const table of [38, 39]) done(hostile, table, Invocation.PageTableMap, FAR, Slot.VSPACE);
    done(hostile, 42, Invocation.FrameMap, FAR, Slot.VSPACE, 3);
    done(hostile, 34, Invocation.UntypedRetype, retypeWord(Kind.Endpoint, 0, 3), 32, 0);
    done(hostile, 34, Invocation.UntypedRetype, retypeWord(Kind.Frame, 12, 1), Slot.CNODE, 50);
    done(hostile, CNODE, Invocation.CNodeMint, 51 + 32 * 2 ** 32, 24 + (32 + 256 * 15) * 2 ** 32, CNODE, 5);
    bed.recv(server, 20, 21);
  }

  /** The client asks the server, and gets its answer. */
  ask(): void {
    const { bed, client, server } = this;
    const question = ++this.#asked;
    for (let other = 0; ; other++) {
      if (other > 50) throw new Error("the server never came to the client's question");
      if (other === 0) expect(bed.call(client, 20, 7, question, 1, 2, 3, 4, 5)).toBe("blocked");
      const got = bed.answer(server);
      const mine = got.badge === 1 && got.words[0] === question;
      // A signal has no sender to answer; a hostile caller gets an answer too.
      const next = bed.replyRecv(server, 20, 21, mine ? 8 : 9, mine ? question + 1 : 0);
      if (mine) {
        if (next !== "blocked") this.drain();
        break;
      }
      if (next === "blocked") expect(client.tcb.reply).toBe(0);
    }
    expect(bed.answer(client)).toMatchObject({ error: 0, label: 8, words: [question + 1] });
  }

  /** The server answers whoever else there is, until it waits. */
  drain(): void {
    for (let i = 0; i < 50; i++) if (this.bed.replyRecv(this.server, 20, 21, 9) === "blocked") return;
    throw new Error("the server never comes to rest");
  }

  /** Its keeper lets the hostile thread go on, whatever stopped it. */
  revive(): void {
    const { tcb } = this.hostile, { k } = this.bed;
    if (k.tcbs[tcb.id] !== tcb || k.slots.kind[tcb.slots + TcbSlot.VSpace] !== Kind.VSpace) return;
    suspend(k, tcb);
    this.bed.start(this.hostile);
  }

  /** Threads that are the hostile one's: itself and what it made. */
  bad(): Tcb[] {
    return this.bed.k.tcbs.filter((t): t is Tcb => t !== undefined && !this.good.has(t.id) && t.state === ThreadState.Ready && isRunnable(this.bed.k, t));
  }
}

const slot = fc.oneof({ weight: 8, arbitrary: below(LAST) }, { weight: 1, arbitrary: below(300) });
const numbers = fc.constantFrom(0, 1, 2, 3, 15, 32, 34, 35, 4096, 0x1_0000, 0x2_4000, 0x3_0000, 0x4000_0000, 2 ** 21, 2 ** 30, 2 ** 32 + 1, 2 ** 38, 2 ** 53, -1, -4096);
const object = fc.constantFrom(...Object.keys(RetypeSize)).chain((name) =>
  fc.tuple(fc.constantFrom(0, 2, 3, 12, 13), fc.integer({ min: 0, max: 3 })).map(([bits, count]) => retypeWord(Kind[name as keyof typeof RetypeSize], bits, count)));
/** Slot words: a small index, and a depth that is mostly right. */
const place = fc.tuple(below(LAST), fc.constantFrom(32, 32, 32, 3, 8, 0, 33)).map(([index, depth]): Word => index + depth * 2 ** 32);
const source = fc.tuple(below(LAST), fc.constantFrom(32, 32, 3), below(32)).map(([index, depth, rights]): Word => index + (depth + rights * 256) * 2 ** 32);
const word: fc.Arbitrary<Word> = fc.oneof({ weight: 6, arbitrary: slot }, { weight: 2, arbitrary: numbers }, { weight: 2, arbitrary: place }, { weight: 2, arbitrary: source }, { weight: 1, arbitrary: object },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) });

const trap = fc.record({
  do: fc.constant("trap" as const), who: below(8), number: fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, { weight: 3, arbitrary: fc.integer({ min: 1, max: 10 }) }, { weight: 1, arbitrary: numbers }), cap: slot,
  label: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...LABELS) }, { weight: 1, arbitrary: below(2 ** 19) }), length: fc.oneof(below(6), below(128)), caps: below(4), words: fc.array(word, { minLength: 4, maxLength: 7 }), reply: slot,
  buffer: fc.array(fc.tuple(below(128), word), { maxLength: 3 }),
});
/** Slots where the hostile thread began with one of each kind. Whatever has come to stand there since is called all the same. */
const HAD = { tcb: [22, 23], ep: [24, 25, 20], ntf: [26, 27], reply: [28, 29], sc: [30, 31, Slot.SC], cnode: [32, 33], untyped: [34, 35, Slot.UNTYPED], vspace: [36, Slot.VSPACE], pt: [38, 39, 40, 41], frame: [42, 43, 44, 45, 46, 47], any: [22, 24, 26, 42, 50, 51] };
const CNODE = Slot.CNODE, VCPU = 37, FURTHER = 49, IO = 13, DISCRIM = 14;
const I = Invocation;
/** Invocations that fit their objects: label, capability, words; a list is a choice. */
const FITTING: readonly (readonly [label: number, cap: number | readonly number[], ...words: (number | readonly number[] | fc.Arbitrary<Word>)[]])[] = [
  [I.UntypedRetype, HAD.untyped, object, CNODE, [50, 52, 54]],
  [I.CNodeCopy, CNODE, empty(), from(), CNODE], [I.CNodeMint, CNODE, empty(), from(), CNODE, [0, 5]], [I.CNodeMove, CNODE, empty(), from(), CNODE], [I.CNodeMutate, CNODE, empty(), from(), CNODE, [0, 5]],
  [I.CNodeDelete, CNODE, from(50)], [I.CNodeDelete, CNODE, from(22)], [I.CNodeRevoke, CNODE, from(22)],
  [I.CNodeRotate, CNODE, empty(), from(), from(), CNODE + CNODE * 2 ** 32], [I.CNodeRotate, CNODE, 22 + 32 * 2 ** 32, from(), 22 + 32 * 2 ** 32, CNODE + CNODE * 2 ** 32], [I.CNodeCancelBadgedSends, CNODE, from(), 0, 0], [I.CNodeCancelBadgedSends, CNODE, empty(), 0, 0],
  [I.CNodeMint, CNODE, empty(), 24 + (32 + 256 * 15) * 2 ** 32, CNODE, [5, 6]], [I.ReplySave, HAD.reply, HAD.reply],
  [I.TCBSetSpace, HAD.tcb, [0, 24], CNODE, HAD.vspace], [I.TCBSetIPCBuffer, HAD.tcb, 0x2_5000, HAD.frame], [I.TCBSetIPCBuffer, Slot.TCB, 0x2_5000, HAD.frame], [I.TCBSetPriority, HAD.tcb, 100 + 100 * 2 ** 32, Slot.TCB],
  [I.TCBWriteRegisters, HAD.tcb, [0, 2 ** 32], 0x1_0000], [I.TCBReadRegisters, HAD.tcb, [4 * 2 ** 32, 32 * 2 ** 32]], [I.TCBResume, HAD.tcb], [I.TCBSuspend, HAD.tcb], [I.TCBBindNotification, [...HAD.tcb, Slot.TCB], [0, 26, 27]],
  [I.TCBRestart, HAD.tcb], [I.TCBSetTimeoutKeeper, [...HAD.tcb, Slot.TCB], [0, 24, 25]], [I.TCBSetSingleStep, HAD.tcb, [0, 1]], [I.TCBSetBreakpoint, HAD.tcb, [0, 15], 0x1_0000, [0, 1]],
  [I.DiscrimClassify, DISCRIM, from()], [I.DiscrimClassify, DISCRIM, HAD.any], [I.DiscrimIsDiscreet, DISCRIM, HAD.any], [I.DiscrimSame, DISCRIM, HAD.any, HAD.any],
  [I.TCBSetLabel, HAD.tcb, 0x41], [I.TCBSetTLS, HAD.tcb, 5],
  [I.SchedContextBind, HAD.sc, HAD.tcb], [I.SchedContextUnbind, [30, 31]], [I.SchedContextConsumed, HAD.sc], [I.SchedContextYieldTo, HAD.sc], [I.SchedControlConfigure, 11, HAD.sc, 100, [100, 1000]],
  [I.PageTableMap, HAD.pt, [0, FAR, FAR + 2 ** 21, FAR + 2 ** 30], HAD.vspace], [I.PageTableMap, HAD.pt, FAR, HAD.vspace], [I.PageTableUnmap, HAD.pt],
  [I.FrameMap, HAD.frame, [0x2_4000, FAR, FAR + 4096], HAD.vspace, [2, 3, 34, 35]], [I.FrameUnmap, HAD.frame],
  [I.VCPUMapFrame, VCPU, HAD.frame, [0, 4096, 8192, 2 ** 31]], [I.VCPUMapDevice, VCPU, [2 ** 28, 2 ** 29], 4096], [I.VCPURun, VCPU, [0, 1, 2], 0, 0, 0], [I.VCPUReadRegisters, VCPU, 4 * 2 ** 32], [I.VCPUWriteRegisters, VCPU, 0, 5], [I.VCPUGetTime, VCPU], [I.VCPUSetTime, VCPU, [0, 2 ** 40, -1]],
  [I.VCPUAddHart, [VCPU, FURTHER], [VCPU, FURTHER]], [I.VCPUGetState, [VCPU, FURTHER]], [I.VCPUSetState, [VCPU, FURTHER], [0, 1, 4, 5]], [I.VCPUAddMachineMode, [VCPU, FURTHER]],
  [I.IRQControlGet, 10, [5, 6], CNODE, 56 + 32 * 2 ** 32], [I.IRQHandlerSetNotification, 56, HAD.ntf], [I.IRQHandlerAck, 56], [I.IRQHandlerClear, 56],
  [I.HostedControlBind, 12, HAD.tcb, 0x1_0000, 4], [I.IOSpaceMap, IO, HAD.frame, [0, 4096, 8192], [1, 2, 3]], [I.IOSpaceUnmap, IO, HAD.frame], [I.IOSpaceSetNotification, IO, HAD.ntf],
  [I.IOSpaceReadFault, IO, [0, 1]],
];
/** Slot words: an empty slot, mostly; a source with rights. */
function empty(): fc.Arbitrary<Word> {
  return fc.integer({ min: 50, max: 59 }).map((index) => index + 32 * 2 ** 32);
}
function from(only?: number): fc.Arbitrary<Word> {
  return fc.tuple(only === undefined ? fc.constantFrom(...HAD.any, ...HAD.frame, ...HAD.cnode, ...HAD.untyped) : fc.integer({ min: only, max: only + 25 }), fc.constantFrom(15, 15, 3, 0, 31, 18)).map(([index, rights]) => index + (32 + 256 * rights) * 2 ** 32);
}
const choice = (w: number | readonly number[] | fc.Arbitrary<Word>): fc.Arbitrary<Word> => (typeof w === "number" ? fc.constant(w) : w instanceof fc.Arbitrary ? w : fc.constantFrom(...w));
const fitting = fc.tuple(trap, fc.constantFrom(...FITTING)).chain(([t, [label, cap, ...words]]) =>
  fc.tuple(choice(cap), ...words.map(choice)).map(([at, ...chosen]) => ({ ...t, number: 1, caps: 0, label, cap: Number(at), words: chosen, length: chosen.length })),
);
const event = fc.oneof(
  { weight: 24, arbitrary: fitting },
  { weight: 6, arbitrary: trap },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("exception" as const), who: below(8), cause: fc.constantFrom(Cause.IllegalInstruction, Cause.Breakpoint, Cause.LoadPage, Cause.StorePage, Cause.FetchPage, Cause.EngineError), tval: below(2 ** 30) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("time" as const), ticks: below(20_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("interrupt" as const), line: fc.integer({ min: 1, max: 31 }), high: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("run" as const), stop: fc.constantFrom(...Object.values(VcpuStop)), due: fc.constantFrom(0, 5000, Infinity) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("ask" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("revive" as const) }) },
);

type Event = typeof event extends fc.Arbitrary<infer E> ? E : never;

function happen(world: World, e: Event): void {
  const { bed, hostile } = world;
  switch (e.do) {
    case "time":
      return bed.pass(e.ticks);
    case "interrupt":
      return e.high ? bed.interrupt(e.line) : bed.machine.irq.setLevel(e.line, false);
    case "ask":
      return world.ask();
    case "revive":
      return world.revive();
    case "run": {
      for (let vcpu = 0; vcpu < bed.machine.maxVcpus; vcpu++) bed.machine.guests.set(vcpu, (r) => {
        r.setTicks(VcpuRecord.TIMECMP, bed.machine.now + e.due);
        // One exit, then it computes until it is preempted.
        bed.machine.guests.clear();
        return e.stop;
      });
      run(bed.k, bed.machine.now + 100);
      return bed.check();
    }
  }
  const able = world.bad(), t = able[e.who % able.length];
  if (t === undefined) return;
  const p: Program = { ...hostile, tcb: t, buffer: Math.max(t.buffer, 0) };
  if (e.do === "exception") return bed.except(p, e.cause, e.tval);
  bed.set(t, Reg.a7, e.number);
  bed.set(t, Reg.a0, e.cap);
  bed.set(t, Reg.a6, e.reply);
  bed.set(t, Reg.a1, ((e.label << 12) | (e.caps << 7) | e.length) >>> 0);
  e.words.forEach((w, i) => (i < 4 ? bed.set(t, Reg.a2 + i, w) : t.buffer >= 0 && bed.setBuffer(p, IpcBuffer.WORDS + i, w)));
  if (t.buffer >= 0) for (const [i, w] of e.buffer) bed.setBuffer(p, i, w);
  const outcome = bed.trap(p);
  // Not all is noise: calls that were carried out, by label.
  if (e.number === 1 && (typeof outcome === "string" ? outcome === "blocked" : outcome.error === 0)) carriedOut.add(e.label);
}
const carriedOut = new Set<number>();

test("HOSTILE whatever a thread asks of the kernel, it neither breaks nor lets a bystander feel it", () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 20, maxLength: 120, size: "max" }), (events) => {
      const world = new World();
      for (const e of events) happen(world, e);
      world.ask();
    }),
    runs(120),
  );
  if (!wasLong(120)) return;
  const never = Object.entries(Invocation).filter(([, label]) => !carriedOut.has(label));
  expect(never.length, `never carried out: ${never.map(([name]) => name).join(", ")}`).toBeLessThanOrEqual(3);
}, LIMIT);
