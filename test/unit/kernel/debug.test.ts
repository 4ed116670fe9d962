// TCB-STEP-*, TCB-BREAKPOINT-*: what a debugger asks of a thread, and what its keeper is told.
import { describe, expect, test } from "vitest";
import { DebugBit, Frame, Reg } from "../../../caps/abi/message.ts";
import { ErrorCode, Fault, Invocation, Kind, Right, Syscall } from "../../../caps/abi/numbers.ts";
import { run } from "../../../core/kernel/kernel.ts";
import { Cause } from "../../../core/kernel/machine.ts";
import { USER_TOP } from "../../../core/kernel/objects/vspace.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { DONE, KernelBed, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import { refuses } from "./refusal.ts";

const { TCBSetSingleStep, TCBSetBreakpoint, TCBSetSpace, TCBWriteRegisters, CNodeDelete, TCBSuspend, UntypedRetype } = Invocation;
const T = 40, EP = 20, REPLY = 21;

/** `debugger` is the keeper of `t` and holds its TCB. */
const setup = () => {
  const bed = new KernelBed();
  const debug = bed.thread("debugger", { priority: 150 }), t = bed.thread("t");
  const ep = bed.hold(debug, EP, Kind.Endpoint, 5);
  bed.hold(debug, REPLY, Kind.Reply, 5);
  bed.share(t, Slot.TCB, debug, T);
  bed.give(t, EP, ep, Right.Write | Right.GrantReply, 9);
  expect(bed.call(t, Slot.TCB, TCBSetSpace, EP, Slot.CNODE, Slot.VSPACE)).toEqual(DONE);
  const word = (): number => bed.get(t.tcb, Frame.DEBUG);
  /** Lets the machine run until nothing can; the thread does what the steps say. */
  const go = (...steps: readonly (() => number)[]): void => {
    const left = [...steps];
    bed.machine.steps.set(t.tcb.frame, () => left.shift()?.() ?? Cause.IllegalInstruction);
    run(bed.k, bed.machine.now + 100_000);
  };
  const ecall = (number: number, cap: number) => (): number => {
    bed.set(t.tcb, Reg.a7, number);
    bed.set(t.tcb, Reg.a0, cap);
    bed.set(t.tcb, Reg.a1, 0);
    bed.set(t.tcb, Reg.a6, 0);
    bed.set(t.tcb, 0, bed.get(t.tcb, 0) + 4);
    return Cause.Ecall;
  };
  return { bed, debug, t, word, go, ecall };
};

describe("TCB-STEP", () => {
  test("001 the machine is told to step the thread, and the keeper after each instruction", () => {
    const { bed, debug, t, word, go } = setup();
    expect(bed.call(debug, T, TCBSetSingleStep, 1)).toEqual(DONE);
    expect(word()).toBe(DebugBit.Step);
    bed.recv(debug, EP, REPLY);
    go(() => Cause.Stepped);
    expect(bed.answer(debug)).toMatchObject({ label: Fault.Breakpoint, badge: 9, words: [bed.get(t.tcb, 0), 2] });
    expect(bed.call(debug, T, TCBSetSingleStep, 0)).toEqual(DONE);
    expect(word()).toBe(0);
  });
  test("002 a system call is one instruction: told when the thread would go on, with its answer", () => {
    const { bed, debug, t, go, ecall } = setup();
    bed.call(debug, T, TCBSetSingleStep, 1);
    bed.recv(debug, EP, REPLY);
    const pc = bed.get(t.tcb, 0);
    go(ecall(Syscall.Signal, 99));
    expect(bed.answer(debug)).toMatchObject({ label: Fault.Breakpoint, words: [pc + 4, 2] });
    expect(bed.answer(t).error).toBe(ErrorCode.InvalidCapability);
  });
  test("003 one that waits is told when the wait is over", () => {
    const { bed, debug, t, go, ecall } = setup();
    bed.hold(t, 50, Kind.Notification, 6);
    bed.share(t, 50, debug, 50, 15, 8);
    bed.call(debug, T, TCBSetSingleStep, 1);
    bed.recv(debug, EP, REPLY);
    const other = bed.thread("other");
    bed.share(debug, 50, other, 50, 15, 8);
    go(ecall(Syscall.Wait, 50));
    expect([t.tcb.state, debug.tcb.state]).toEqual([ThreadState.BlockedOnNotification, ThreadState.BlockedOnReceive]);
    bed.signal(other, 50);
    bed.call(other, Slot.TCB, TCBSuspend);
    go();
    expect(bed.answer(debug)).toMatchObject({ label: Fault.Breakpoint, words: [bed.get(t.tcb, 0), 2] });
    expect(bed.answer(t)).toMatchObject({ error: 0, badge: 8 });
  });
  test("004 a fault is told as itself; the step comes after the repair", () => {
    const { bed, debug, go } = setup();
    bed.call(debug, T, TCBSetSingleStep, 1);
    bed.recv(debug, EP, REPLY);
    go(() => Cause.LoadPage);
    expect(bed.answer(debug).label).toBe(Fault.VMFault);
    bed.replyRecv(debug, EP, REPLY);
    go(() => Cause.Stepped);
    expect(bed.answer(debug).label).toBe(Fault.Breakpoint);
  });
  test("005 on is 0 or 1, in a word; a hosted program has no instructions", () => {
    const { bed, debug, t } = setup();
    refuses(bed, debug, [T, TCBSetSingleStep], ErrorCode.TruncatedMessage);
    for (const on of [2, 2n ** 32n, 2n ** 32n + 1n]) refuses(bed, debug, [T, TCBSetSingleStep, on], ErrorCode.InvalidArgument, 0);
    t.tcb.hosted = true;
    refuses(bed, debug, [T, TCBSetSingleStep, 1], ErrorCode.IllegalOperation);
  });
  test("006 a thread may step itself: its next instruction is told", () => {
    const { bed, debug, t, go } = setup();
    bed.recv(debug, EP, REPLY);
    expect(bed.call(t, Slot.TCB, TCBSetSingleStep, 1)).toEqual(DONE);
    go(() => Cause.Stepped);
    expect(bed.answer(debug)).toMatchObject({ label: Fault.Breakpoint, words: [bed.get(t.tcb, 0), 2] });
  });
});

describe("TCB-BREAKPOINT", () => {
  test("001 the machine is told of it; the keeper when it is hit; going on, the instruction there is passed", () => {
    const { bed, debug, t, word, go } = setup();
    expect(bed.call(debug, T, TCBSetBreakpoint, 3, 0x1_0010, 1)).toEqual(DONE);
    expect(bed.machine.log.at(-1)).toBe(`setBreakpoint(${t.tcb.frame},3,10010,true)`);
    expect(word()).toBe(DebugBit.Breakpoints);
    bed.recv(debug, EP, REPLY);
    go(() => Cause.BreakpointHit);
    expect(bed.answer(debug)).toMatchObject({ label: Fault.Breakpoint, words: [bed.get(t.tcb, 0), 1] });
    expect(word()).toBe(DebugBit.Breakpoints | DebugBit.Pass);
    expect(bed.call(debug, T, TCBSetBreakpoint, 4, 0x1_0020, 1)).toEqual(DONE);
    expect(word() & DebugBit.Pass).toBe(DebugBit.Pass);
    expect(bed.call(debug, T, TCBSetBreakpoint, 3, 0, 0)).toEqual(DONE);
    expect(bed.call(debug, T, TCBSetBreakpoint, 4, 0, 0)).toEqual(DONE);
    expect(word() & DebugBit.Breakpoints).toBe(0);
  });
  test("002 a thread that is sent elsewhere passes nothing", () => {
    for (const how of ["reply", "registers"] as const) {
      const { bed, debug, word, go } = setup();
      bed.call(debug, T, TCBSetBreakpoint, 0, 0x1_0010, 1);
      bed.recv(debug, EP, REPLY);
      go(() => Cause.BreakpointHit);
      if (how === "reply") bed.send(debug, REPLY, 0, 0x1_0010);
      else expect(bed.call(debug, T, TCBWriteRegisters, 0, 0x1_0010)).toEqual(DONE);
      expect(word()).toBe(DebugBit.Breakpoints);
    }
  });
  test("003 number 0..15, an address of a program's, 0 or 1, three words; not for hosted programs", () => {
    const { bed, debug, t } = setup();
    refuses(bed, debug, [T, TCBSetBreakpoint, 0, 0], ErrorCode.TruncatedMessage);
    for (const number of [16, 2n ** 32n, -1]) refuses(bed, debug, [T, TCBSetBreakpoint, number, 0, 1], ErrorCode.RangeError, 0, 0, 15);
    refuses(bed, debug, [T, TCBSetBreakpoint, 0, USER_TOP, 1], ErrorCode.RangeError, 1, 0, USER_TOP - 1);
    refuses(bed, debug, [T, TCBSetBreakpoint, 0, 0, 2], ErrorCode.InvalidArgument, 2);
    t.tcb.hosted = true;
    refuses(bed, debug, [T, TCBSetBreakpoint, 0, 0, 1], ErrorCode.IllegalOperation);
  });
  test("004 a thread that ends takes its breakpoints with it: whoever has its frame next has none", () => {
    const { bed, debug, t } = setup();
    bed.call(debug, T, TCBSetBreakpoint, 2, 0x1_0010, 1);
    expect(bed.call(debug, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.TCB), Slot.CNODE, 50)).toEqual(DONE);
    expect(bed.call(debug, 50, TCBSetBreakpoint, 2, 0x1_0010, 1)).toEqual(DONE);
    const { frame } = bed.k.tcbs[bed.slot(debug, 50)!.object]!;
    bed.machine.log.length = 0;
    expect(bed.finish(debug, Slot.CNODE, CNodeDelete, slotWord(50))).toEqual(DONE);
    expect(bed.machine.log).toEqual([`setBreakpoint(${frame},2,0,false)`]);
    expect(bed.call(debug, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.TCB), Slot.CNODE, 50)).toEqual(DONE);
    const next = bed.k.tcbs[bed.slot(debug, 50)!.object]!;
    expect([next.frame, bed.get(next, Frame.DEBUG)]).toEqual([frame, 0]);
    expect(t.tcb.breakpoints[2]).toBe(0x1_0010);
  });
});
