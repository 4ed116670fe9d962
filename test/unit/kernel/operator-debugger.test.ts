// DEBUGGER-*: what the operator's debugger stops, and that nobody else can tell.
import { describe, expect, test } from "vitest";
import { DebugBit, Frame, Reg } from "../../../caps/abi/message.ts";
import { Exit, Fault, Invocation, Kind, Right, Syscall } from "../../../caps/abi/numbers.ts";
import { attachDebugger, detachDebugger, holdHart, holdThread, letThread, MOST_OPERATOR_BREAKPOINTS, resumeHart, resumeThread, setThreadBreakpoints, setThreadWatchpoints } from "../../../core/kernel/debugger.ts";
import { deleteSlot } from "../../../core/kernel/capabilities.ts";
import { WatchKind } from "../../../core/kernel/held.ts";
import { checkInvariants } from "../../../core/kernel/invariants.ts";
import { run } from "../../../core/kernel/kernel.ts";
import { Cause, VcpuRecord, VcpuStop } from "../../../core/kernel/machine.ts";
import { save } from "../../../core/kernel/save.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { DONE, KernelBed, retypeWord, Slot } from "../../support/kernel-bed.ts";
import type { GuestRecord } from "../../support/fake-machine.ts";
import type { Program } from "../../support/testbed.ts";

const I = Invocation;
const T = 40, EP = 20, REPLY = 21;

const runFor = (bed: KernelBed, ticks: number): string => {
  const pause = run(bed.k, bed.machine.now + ticks);
  checkInvariants(bed.k);
  return pause;
};
/** A thread that plays these steps and then faults for ever. */
const plays = (bed: KernelBed, p: Program, ...steps: readonly (() => number)[]): void => {
  const left = [...steps];
  bed.machine.steps.set(p.tcb.frame, () => left.shift()?.() ?? Cause.Preempted);
};

describe("DEBUGGER-HOLD", () => {
  test("001 a thread that is held does not run, and goes on when it is let go", () => {
    const bed = new KernelBed(), a = bed.thread("a"), b = bed.thread("b");
    attachDebugger(bed.k);
    holdThread(bed.k, a.tcb);
    expect(a.tcb.state).toBe(ThreadState.Ready);
    runFor(bed, 1000);
    bed.machine.ran.length = 0;
    runFor(bed, 1000);
    expect(new Set(bed.machine.ran)).toEqual(new Set([b.tcb.frame]));
    resumeThread(bed.k, a.tcb, false);
    holdThread(bed.k, b.tcb);
    bed.machine.ran.length = 0;
    runFor(bed, 1000);
    expect(new Set(bed.machine.ran)).toEqual(new Set([a.tcb.frame]));
  });
  test("002 a message reaches a server that is held, and is answered when it goes on", () => {
    const bed = new KernelBed(), server = bed.thread("server"), client = bed.thread("client");
    const ep = bed.hold(server, EP, Kind.Endpoint, 5);
    bed.hold(server, REPLY, Kind.Reply, 5);
    bed.give(client, EP, ep, Right.Write | Right.GrantReply);
    bed.recv(server, EP, REPLY);
    attachDebugger(bed.k);
    holdThread(bed.k, server.tcb);
    expect(bed.call(client, EP, 7)).toBe("blocked");
    expect([server.tcb.state, client.tcb.state]).toEqual([ThreadState.Ready, ThreadState.BlockedOnReply]);
    expect(runFor(bed, 1000)).toBe("idle");
    bed.machine.ran.length = 0;
    detachDebugger(bed.k);
    expect(bed.k.debugger).toBeNull();
    runFor(bed, 1000);
    expect(bed.machine.ran).toContain(server.tcb.frame);
  });
  test("003 what is destroyed is forgotten; a saved state holds nobody", () => {
    const bed = new KernelBed(), a = bed.thread("a"), b = bed.thread("b");
    bed.share(a, Slot.TCB, b, T);
    const d = attachDebugger(bed.k);
    setThreadBreakpoints(bed.k, a.tcb, [0x1_0000]);
    holdThread(bed.k, a.tcb);
    expect(() => save(bed.k)).toThrow(/debugger/);
    const { kind, object, end } = bed.k.slots;
    for (let row = 1; row < end; row++) if (kind[row] === Kind.TCB && object[row] === a.tcb.id) deleteSlot(bed.k, row);
    expect(bed.k.tcbs[a.tcb.id]).toBeUndefined();
    expect([d.threads.size, d.breakpoints.size]).toEqual([0, 0]);
    detachDebugger(bed.k);
    expect(() => save(bed.k)).not.toThrow();
  });
});

describe("DEBUGGER-STOP", () => {
  const setup = () => {
    const bed = new KernelBed(), keeper = bed.thread("keeper", { priority: 150 }), t = bed.thread("t");
    const ep = bed.hold(keeper, EP, Kind.Endpoint, 5);
    bed.hold(keeper, REPLY, Kind.Reply, 5);
    bed.share(t, Slot.TCB, keeper, T);
    bed.give(t, EP, ep, Right.Write | Right.GrantReply, 9);
    expect(bed.call(t, Slot.TCB, I.TCBSetSpace, EP, Slot.CNODE, Slot.VSPACE)).toEqual(DONE);
    bed.recv(keeper, EP, REPLY);
    return { bed, keeper, t, pc: bed.get(t.tcb, Frame.PC), d: attachDebugger(bed.k), word: () => bed.get(t.tcb, Frame.DEBUG) };
  };
  test("001 a breakpoint stops the thread before its keeper is asked, and is passed when it goes on", () => {
    const { bed, keeper, t, pc, d, word } = setup();
    setThreadBreakpoints(bed.k, t.tcb, [pc]);
    expect(word()).toBe(DebugBit.Breakpoints);
    expect(bed.machine.log.at(-1)).toBe(`setBreakpoint(${t.tcb.frame},16,${pc.toString(16)},true)`);
    plays(bed, t, () => Cause.BreakpointHit);
    runFor(bed, 1000);
    expect(d.stops).toEqual([{ kind: "thread", id: t.tcb.id, why: "breakpoint" }]);
    expect([d.threads.has(t.tcb.id), t.tcb.faultLabel, keeper.tcb.state]).toEqual([true, 0, ThreadState.BlockedOnReceive]);
    resumeThread(bed.k, t.tcb, false);
    plays(bed, t, () => Cause.BreakpointHit, () => (bed.set(t.tcb, Frame.PC, pc + 4), Cause.Preempted), () => (bed.set(t.tcb, Frame.PC, pc), Cause.BreakpointHit));
    runFor(bed, 1000);
    expect(d.stops).toHaveLength(2);
    expect(keeper.tcb.state).toBe(ThreadState.BlockedOnReceive);
    letThread(bed.k, t.tcb);
    expect(word() & ~DebugBit.Pass).toBe(0);
  });
  test("002 at one of the thread's own debugger's as well, that is told afterwards", () => {
    const { bed, keeper, t, pc, d } = setup();
    expect(bed.call(t, Slot.TCB, I.TCBSetBreakpoint, 0, pc, 1)).toEqual(DONE);
    setThreadBreakpoints(bed.k, t.tcb, [pc]);
    bed.set(t.tcb, Frame.PC, pc);
    plays(bed, t, () => Cause.BreakpointHit);
    runFor(bed, 1000);
    expect([d.stops.length, t.tcb.faultLabel]).toEqual([1, 0]);
    resumeThread(bed.k, t.tcb, false);
    plays(bed, t, () => Cause.BreakpointHit);
    runFor(bed, 1000);
    expect(d.stops).toHaveLength(1);
    expect(bed.answer(keeper)).toMatchObject({ label: Fault.Breakpoint, words: [pc, 1] });
  });
  test("003 a step is told to the operator; of a system call when it is done", () => {
    const { bed, keeper, t, d, word } = setup();
    holdThread(bed.k, t.tcb);
    resumeThread(bed.k, t.tcb, true);
    expect(word()).toBe(DebugBit.Step);
    plays(bed, t, () => Cause.Stepped);
    runFor(bed, 1000);
    expect([d.stops.length, word()]).toEqual([1, 0]);
    resumeThread(bed.k, t.tcb, true);
    plays(bed, t, () => {
      for (const [register, value] of [[Reg.a7, Syscall.Signal], [Reg.a0, 99], [Reg.a1, 0], [Reg.a6, 0], [Frame.PC, bed.get(t.tcb, Frame.PC) + 4]] as const) bed.set(t.tcb, register, value);
      return Cause.Ecall;
    });
    runFor(bed, 1000);
    expect(d.stops.at(-1)).toEqual({ kind: "thread", id: t.tcb.id, why: "step" });
    expect([d.stops.length, keeper.tcb.state]).toEqual([2, ThreadState.BlockedOnReceive]);
  });
  test("004 a thread has room for so many", () => {
    const { bed, t, d } = setup();
    setThreadBreakpoints(bed.k, t.tcb, Array.from({ length: 50 }, (_, i) => 4 * i));
    expect(d.breakpoints.get(t.tcb.id)).toHaveLength(MOST_OPERATOR_BREAKPOINTS);
    setThreadBreakpoints(bed.k, t.tcb, []);
    expect(bed.machine.log.filter((line) => /setBreakpoint.*false/.test(line))).toHaveLength(MOST_OPERATOR_BREAKPOINTS);
    checkInvariants(bed.k);
  });
  test("005 at an access to memory that is watched it stops before its keeper is asked; its own debugger's step is another; who watches no more is not told", () => {
    const { bed, keeper, t, d, word } = setup();
    expect(bed.call(t, Slot.TCB, I.TCBSetSingleStep, 1)).toEqual(DONE);
    t.tcb.stepped = false;
    setThreadWatchpoints(bed.k, t.tcb, [{ address: 0x2_0000n, bytes: 8, kinds: WatchKind.stores }]);
    expect(word()).toBe(DebugBit.Step | DebugBit.Watch);
    expect(bed.machine.log.at(-1)).toBe(`setWatchpoints(${t.tcb.frame},${0x2_0000},8,2)`);
    plays(bed, t, () => (bed.set(t.tcb, Frame.TVAL, 0x2_0004), Cause.Accessed));
    runFor(bed, 1000);
    expect(d.stops).toEqual([{ kind: "thread", id: t.tcb.id, why: "access", address: 0x2_0004n }]);
    expect([d.threads.has(t.tcb.id), t.tcb.faultLabel, keeper.tcb.state]).toEqual([true, 0, ThreadState.BlockedOnReceive]);
    resumeThread(bed.k, t.tcb, false);
    plays(bed, t, () => Cause.Stepped);
    runFor(bed, 1000);
    expect([d.stops.length, bed.answer(keeper)]).toMatchObject([1, { label: Fault.Breakpoint, words: [expect.any(Number), 2] }]);
    letThread(bed.k, t.tcb);
    expect([word(), d.watchpoints.size, bed.machine.log.includes(`setWatchpoints(${t.tcb.frame})`)]).toEqual([DebugBit.Step, 0, true]);
  });
});

describe("DEBUGGER-GUEST", () => {
  const V = 30, W = 31, NTF = 25, MEMORY = 250;
  const setup = (harts = 1, bound = true) => {
    const bed = new KernelBed(), vmm = bed.thread("vmm"), other = bed.thread("other");
    bed.give(vmm, MEMORY, bed.make(Kind.Untyped, 22));
    for (const slot of [V, W].slice(0, harts)) expect(bed.call(vmm, MEMORY, I.UntypedRetype, retypeWord(Kind.VCPU), Slot.CNODE, slot)).toEqual(DONE);
    if (harts > 1) bed.call(vmm, V, I.VCPUAddHart, W);
    const ntf = bed.hold(vmm, NTF, Kind.Notification, 6);
    bed.give(other, NTF, ntf, Right.Write, 6);
    if (bound) bed.call(vmm, Slot.TCB, I.TCBBindNotification, NTF);
    const leader = bed.k.vcpus[bed.slot(vmm, V)!.object]!;
    let entries = 0;
    const guest = (act: (r: GuestRecord) => number): void => void bed.machine.guests.set(leader.index, (r) => (entries++, act(r)));
    const offset = (): number => bed.machine.vcpu.floats[(bed.machine.vcpu.record(leader.index) >> 1) + VcpuRecord.TIME_OFFSET]!;
    const timer = (at: number): void => void (bed.machine.vcpu.floats[(bed.machine.vcpu.record(leader.index) >> 1) + VcpuRecord.TIMECMP] = at);
    expect(bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0)).toBe("blocked");
    return { bed, vmm, other, leader, guest, offset, timer, entries: () => entries };
  };
  test("001 a guest that is held does not run, its VMM waits inside, and no time passes for it", () => {
    const { bed, vmm, leader, guest, offset, entries } = setup();
    guest(() => VcpuStop.Broken);
    attachDebugger(bed.k);
    holdHart(bed.k, leader);
    bed.k.tcbs.forEach((t) => t !== undefined && t !== vmm.tcb && holdThread(bed.k, t));
    expect(runFor(bed, 1000)).toBe("idle");
    expect([entries(), vmm.tcb.state]).toEqual([0, ThreadState.RunningVcpu]);
    bed.machine.now += 5000;
    resumeHart(bed.k, leader, false, false);
    expect(offset()).toBe(-5000);
    runFor(bed, 1000);
    expect([entries(), bed.answer(vmm).label]).toEqual([1, Exit.Broken]);
  });
  test("002 a stop of a hart holds the guest, for the operator alone", () => {
    const { bed, vmm, leader, guest, entries } = setup(2);
    const d = attachDebugger(bed.k);
    guest((r) => (r.set(VcpuRecord.HART, 0).set(VcpuRecord.DATA, 1), VcpuStop.Debug));
    runFor(bed, 1000);
    expect(d.stops).toEqual([{ kind: "hart", id: leader.id, why: "breakpoint" }]);
    expect([entries(), vmm.tcb.state, [...d.harts]]).toEqual([1, ThreadState.RunningVcpu, leader.harts]);
    guest((r) => (r.set(VcpuRecord.HART, 0).set(VcpuRecord.DATA, 2), VcpuStop.Debug));
    resumeHart(bed.k, leader, true, false);
    runFor(bed, 1000);
    expect(d.stops.at(-1)).toMatchObject({ why: "step" });
  });
  test("003 the VMM hears its notification all the same", () => {
    const { bed, vmm, other, leader } = setup();
    attachDebugger(bed.k);
    holdHart(bed.k, leader);
    bed.signal(other, NTF);
    expect(bed.answer(vmm)).toMatchObject({ label: Exit.Notified, words: [6] });
    expect(bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0)).toBe("blocked");
    checkInvariants(bed.k);
  });
  test("004 a hart that waits while another is held, with a timer that is due, is neither stuck nor asked for ever", () => {
    const { bed, vmm, other, leader, guest, timer, entries } = setup(2, false);
    attachDebugger(bed.k);
    holdThread(bed.k, other.tcb);
    holdHart(bed.k, leader);
    timer(0);
    guest(() => VcpuStop.WFI);
    expect(runFor(bed, 1000)).toBe("idle");
    expect([entries(), vmm.tcb.state]).toEqual([1, ThreadState.WaitingVcpu]);
    guest(() => VcpuStop.Broken);
    resumeHart(bed.k, leader, false, false);
    runFor(bed, 1000);
    expect([entries(), bed.answer(vmm).label]).toEqual([2, Exit.Broken]);
  });
  test("005 when the debugger goes, all that it asked of the machine ends", () => {
    const { bed, leader } = setup();
    attachDebugger(bed.k);
    holdHart(bed.k, leader);
    detachDebugger(bed.k);
    expect(bed.machine.log.slice(-2)).toEqual([`vcpu.hold(${leader.index},false,false,false)`, `vcpu.stopWatching(${leader.index})`]);
    expect(bed.k.debugger).toBeNull();
    checkInvariants(bed.k);
  });
});
