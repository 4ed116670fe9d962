// TRACE-*: the ring of what the kernel did: what is in it, in which order, what is lost, and that it changes nothing (TRACE-1).
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ErrorCode, Fault, Invocation, Kind, Right, Syscall } from "../../../caps/abi/numbers.ts";
import { Cause } from "../../../core/kernel/machine.ts";
import { run } from "../../../core/kernel/kernel.ts";
import { Trace, TraceEvent, TraceOutcome, traceSyscall, type TraceRecord } from "../../../core/kernel/trace.ts";
import { syscall } from "../../../core/kernel/syscall.ts";
import { schedule } from "../../../core/kernel/time.ts";
import { dump } from "../../support/kernel-dump.ts";
import { KernelBed, pair, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import type { Program } from "../../support/testbed.ts";
import { runs } from "../../model/runs.ts";

const I = Invocation;
const EP = 20;

const setup = (entries = 100) => {
  const bed = new KernelBed();
  const a = bed.thread("a");
  bed.hold(a, EP, Kind.Endpoint, 5);
  const trace = (bed.k.trace = new Trace(entries));
  const since = (from = 0): (readonly [string, string, ...number[]])[] =>
    trace.read(from).records.map(({ event, thread, values }) => [Object.entries(TraceEvent).find(([, code]) => code === event)![0], thread, ...values]);
  return { bed, a, trace, since };
};

describe("TRACE-RECORDS", () => {
  test("001 objects made, capabilities derived, moved and deleted, objects destroyed", () => {
    const { bed, a, since } = setup();
    bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Notification), Slot.CNODE, 30);
    const object = bed.slot(a, 30)!.object;
    bed.call(a, Slot.CNODE, I.CNodeCopy, slotWord(31), pair(30, 32 | (Right.Read << 8)), Slot.CNODE);
    bed.call(a, Slot.CNODE, I.CNodeMove, slotWord(32), slotWord(31), Slot.CNODE);
    bed.call(a, Slot.CNODE, I.CNodeDelete, slotWord(32));
    bed.call(a, Slot.CNODE, I.CNodeDelete, slotWord(30));
    const n = Kind.Notification;
    expect(since()).toEqual([
      ["Create", "a", n, object, 6, 0, 0, 0], ["Derive", "a", n, object, Right.Read, 0, 0, 0], ["Move", "a", n, object, 0, 0, 0, 0],
      ["Delete", "a", n, object, 0, 0, 0, 0], ["Delete", "a", n, object, 0, 0, 0, 0], ["Destroy", "a", n, object, 0, 0, 0, 0],
    ]);
  });
  test("002 faults and interrupts", () => {
    const { bed, a, since } = setup();
    bed.interrupt(3);
    expect(since()).toEqual([]);
    bed.singleton(a, 40, Kind.IRQControl);
    bed.call(a, 40, I.IRQControlGet, 3, Slot.CNODE, slotWord(41));
    bed.machine.irq.unmask(3);
    bed.interrupt(3);
    const pc = bed.get(a.tcb, 0);
    bed.except(a, Cause.LoadPage, 0x12_0000_1234);
    expect(since().slice(-2)).toEqual([["Interrupt", "a", 3, 0, 0, 0, 0, 0], ["Fault", "a", Fault.VMFault, pc, 0x12_0000_1234, 0, 0, 0]]);
  });
  test("003 a system call: number, CPtr, kind, label, how it ended, object", () => {
    const { bed, a, since } = setup();
    const object = bed.slot(a, EP)!.object;
    const call = (number: number, cap: number, info: number): void => {
      bed.force(a.tcb);
      bed.set(a.tcb, 17, number);
      bed.set(a.tcb, 10, cap);
      bed.set(a.tcb, 11, info);
      bed.set(a.tcb, 0, bed.get(a.tcb, 0) + 4);
      traceSyscall(bed.k, a.tcb, () => syscall(bed.k, a.tcb));
      schedule(bed.k);
    };
    call(Syscall.NBSend, EP, 5 << 12);
    call(Syscall.Call, 99, 7 << 12);
    call(Syscall.NBRecv, EP, 0);
    call(Syscall.Recv, EP, 0);
    expect(since()).toEqual([
      ["Syscall", "a", Syscall.NBSend, EP, Kind.Endpoint, 5, TraceOutcome.Done, object], ["Syscall", "a", Syscall.Call, 99, Kind.Null, 7, ErrorCode.InvalidCapability, 0],
      ["Syscall", "a", Syscall.NBRecv, EP, Kind.Endpoint, 0, ErrorCode.WouldBlock, object], ["Syscall", "a", Syscall.Recv, EP, Kind.Endpoint, 0, TraceOutcome.Waits, object],
    ]);
  });
  test("004 a thread is named as it was then, although it is gone and its number is somebody else's", () => {
    const { bed, a, trace } = setup();
    const b = bed.thread("b");
    bed.call(b, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, 30);
    b.tcb.label = "renamed";
    bed.call(b, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, 31);
    bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, 30);
    expect(trace.read(0).records.filter((r) => r.event === TraceEvent.Create).map((r) => r.thread)).toEqual(["b", "renamed", "a"]);
  });
});

describe("TRACE-RING", () => {
  test("001 the oldest records are overwritten, and the reader knows how many", () => {
    const { bed, a, trace } = setup(10);
    for (let i = 0; i < 25; i++) bed.call(a, Slot.CNODE, I.CNodeCopy, slotWord(30 + i), pair(EP, 32 | (15 << 8)), Slot.CNODE);
    const { records, lost } = trace.read(0);
    expect([records.length, lost, records[0]!.sequence, records.at(-1)!.sequence]).toEqual([10, 15, 15, 24]);
    expect(trace.read(20)).toMatchObject({ lost: 0, records: { length: 5 } });
    expect(trace.read(25)).toEqual({ records: [], lost: 0 });
  });
  test("002 names are bounded: further ones are '?'", () => {
    const { bed, a, trace } = setup(6000);
    for (let i = 0; i < 5000; i++) {
      a.tcb.label = `name ${i}`;
      bed.signal(a, 99);
      bed.k.trace!.nameOf(a.tcb);
    }
    expect(trace.names.length).toBe(4096);
    bed.call(a, Slot.CNODE, I.CNodeCopy, slotWord(30), pair(EP, 32 | (15 << 8)), Slot.CNODE);
    expect(trace.read(0).records.at(-1)!.thread).toBe("?");
  });
});

describe("TRACE-OFF", () => {
  test("001 without a trace nothing is recorded; with one the kernel goes through the same states", () => {
    const steps = fc.array(fc.record({ what: fc.integer({ min: 0, max: 5 }), slot: fc.integer({ min: 30, max: 40 }) }), { minLength: 5, maxLength: 40 });
    const play = (traced: boolean, all: readonly { readonly what: number; readonly slot: number }[]): { readonly state: string; readonly records: readonly TraceRecord[] } => {
      const bed = new KernelBed();
      const a = bed.thread("a"), b = bed.thread("b");
      bed.hold(a, EP, Kind.Endpoint, 5);
      bed.share(a, EP, b, EP);
      if (traced) bed.k.trace = new Trace(1000);
      for (const { what, slot } of all) act(bed, a, what, slot);
      run(bed.k, bed.machine.now + 5000);
      const records = bed.k.trace?.read(0).records ?? [];
      bed.k.trace = null;
      return { state: dump(bed.k), records };
    };
    const act = (bed: KernelBed, a: Program, what: number, slot: number): void => {
      if (what === 0) bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, slot);
      else if (what === 1) bed.call(a, Slot.CNODE, I.CNodeCopy, slotWord(slot), pair(EP, 32 | (15 << 8)), Slot.CNODE);
      else if (what === 2) bed.finish(a, Slot.CNODE, I.CNodeDelete, slotWord(slot));
      else if (what === 3) bed.pass(100);
      else if (what === 4) bed.yield(a);
      else bed.nbsend(a, slot);
    };
    fc.assert(
      fc.property(steps, (all) => {
        const plain = play(false, all), traced = play(true, all);
        expect(traced.state).toBe(plain.state);
        expect(plain.records).toEqual([]);
        expect(traced.records.length).toBeGreaterThan(0);
      }),
      runs(40),
    );
  }, 180_000);
});
