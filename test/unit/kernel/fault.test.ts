// FAULT-*: a thread's mistake as a message to its keeper, and the keeper's repair.
import { describe, expect, test } from "vitest";
import { Frame, Reg } from "../../../caps/abi/message.ts";
import { ErrorCode, Fault, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { Cause } from "../../../core/kernel/machine.ts";
import { faultText } from "../../../core/kernel/names.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { answered, DONE, failed, KernelBed, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import { TEXT, type Program } from "../../support/testbed.ts";

const { TCBSetSpace, TCBResume, TCBSuspend, CNodeDelete, UntypedRetype } = Invocation;
const EP = 20, REPLY = 21, KEEPER_BADGE = 0x8000_0007;

const setup = () => {
  const bed = new KernelBed();
  const keeper = bed.thread("keeper"), t = bed.thread("t");
  const ep = bed.hold(keeper, EP, Kind.Endpoint, 5);
  bed.hold(keeper, REPLY, Kind.Reply, 5);
  bed.give(t, 22, ep, Right.Write | Right.GrantReply, KEEPER_BADGE);
  bed.share(t, Slot.TCB, keeper, 30);
  expect(bed.call(t, Slot.TCB, TCBSetSpace, 22, Slot.CNODE, Slot.VSPACE)).toEqual(DONE);
  return { bed, keeper, t, pc: bed.get(t.tcb, Frame.PC) };
};
/** What the thread's registers hold beside those of results. */
const registers = (bed: KernelBed, p: Program) => Array.from({ length: 32 }, (_, i) => bed.get(p.tcb, i));

describe("FAULT-MESSAGE", () => {
  test("001 page faults: pc, address, kind of access", () => {
    for (const [cause, access] of [[Cause.FetchPage, 0], [Cause.LoadPage, 1], [Cause.StorePage, 2], [Cause.FetchAccess, 0], [Cause.LoadAccess, 1], [Cause.StoreAccess, 2]] as const) {
      const { bed, keeper, t, pc } = setup();
      bed.recv(keeper, EP, REPLY);
      bed.except(t, cause, 0x12_3456_7000);
      expect(bed.answer(keeper)).toEqual(answered(Fault.VMFault, [pc, 0x12_3456_7000, access], KEEPER_BADGE));
    }
  });
  test("002 illegal instruction and misaligned access: pc, cause, tval", () => {
    for (const cause of [Cause.IllegalInstruction, Cause.FetchMisaligned, 4, 6, Cause.EngineError]) {
      const { bed, keeper, t, pc } = setup();
      bed.except(t, cause, 0xbad);
      expect(bed.recv(keeper, EP, REPLY)).toEqual(answered(Fault.UserException, [pc, cause, 0xbad], KEEPER_BADGE));
    }
  });
  test("003 ebreak: pc", () => {
    const { bed, keeper, t, pc } = setup();
    bed.except(t, Cause.Breakpoint, 5);
    expect(bed.recv(keeper, EP, REPLY)).toEqual(answered(Fault.Breakpoint, [pc, 0], KEEPER_BADGE));
  });
  test("004 an unknown system call: pc after the ecall, number, a0", () => {
    for (const number of [0, 11, 93, 2 ** 32 + 1, 2n ** 63n]) {
      const { bed, keeper, t, pc } = setup();
      bed.set(t.tcb, Reg.a7, number);
      bed.set(t.tcb, Reg.a0, 77);
      expect(bed.trap(t)).toBe("fault");
      expect(bed.recv(keeper, EP, REPLY)).toEqual(answered(Fault.UnknownSyscall, [pc + 4, Number(number), 77], KEEPER_BADGE));
    }
  });
  test("005 the keeper runs on the faulting thread's time, and gives it back", () => {
    const { bed, keeper, t } = setup();
    bed.recv(keeper, EP, REPLY);
    bed.except(t, Cause.LoadPage, 8);
    expect([keeper.tcb.sc, t.tcb.sc]).toEqual([t.tcb.homeSc, 0]);
    bed.replyRecv(keeper, EP, REPLY);
    expect([keeper.tcb.sc, t.tcb.sc]).toEqual([keeper.tcb.homeSc, t.tcb.homeSc]);
  });
});

describe("FAULT-REPAIR", () => {
  test("001 label 0 without words: the thread goes on where it was, registers untouched", () => {
    const { bed, keeper, t } = setup();
    bed.set(t.tcb, Reg.a0, 1234);
    const before = registers(bed, t);
    bed.except(t, Cause.LoadPage, 8);
    bed.recv(keeper, EP, REPLY);
    bed.send(keeper, REPLY, 0);
    expect([t.tcb.state, t.tcb.faultLabel, registers(bed, t)]).toEqual([ThreadState.Ready, 0, before]);
  });
  test("002 label 0 with a word: it goes on there", () => {
    const { bed, keeper, t } = setup();
    bed.except(t, Cause.IllegalInstruction, 0);
    bed.recv(keeper, EP, REPLY);
    bed.send(keeper, REPLY, 0, 0x12_0001_0040);
    expect([t.tcb.state, bed.get(t.tcb, Frame.PC)]).toEqual([ThreadState.Ready, 0x12_0001_0040]);
  });
  test("003 another label: it stays stopped until it is resumed", () => {
    const { bed, keeper, t } = setup();
    bed.except(t, Cause.Breakpoint);
    bed.recv(keeper, EP, REPLY);
    bed.send(keeper, REPLY, 1);
    expect(t.tcb.state).toBe(ThreadState.Faulted);
    expect(t.tcb.sc).toBe(t.tcb.homeSc);
    expect(faultText(t.tcb)).toBe(`Breakpoint (0x${(TEXT + 4).toString(16)}, 0x0)`);
    expect(bed.call(keeper, 30, TCBResume)).toEqual(DONE);
    expect([t.tcb.state, faultText(t.tcb)]).toEqual([ThreadState.Ready, null]);
  });
});

describe("FAULT-KEEPER", () => {
  test("001 without a keeper the thread stops, and its time stays its own", () => {
    const bed = new KernelBed();
    const t = bed.thread("t");
    bed.except(t, Cause.LoadPage, 64);
    expect([t.tcb.state, t.tcb.sc, faultText(t.tcb)]).toEqual([ThreadState.Faulted, t.tcb.homeSc, "VMFault (0x10000, 0x40, 0x1)"]);
  });
  test("002 a keeper that faults has its own keeper", () => {
    const { bed, keeper, t } = setup();
    const chief = bed.thread("chief");
    const ep = bed.hold(chief, EP, Kind.Endpoint, 5);
    bed.hold(chief, REPLY, Kind.Reply, 5);
    bed.give(keeper, 40, ep, 15, 99);
    bed.call(keeper, Slot.TCB, TCBSetSpace, 40, Slot.CNODE, Slot.VSPACE);
    bed.recv(chief, EP, REPLY);
    bed.recv(keeper, EP, REPLY);
    bed.except(t, Cause.LoadPage, 8);
    bed.except(keeper, Cause.StorePage, 16);
    expect(bed.answer(chief)).toMatchObject({ label: Fault.VMFault, badge: 99 });
    expect(chief.tcb.sc).toBe(t.tcb.homeSc);
    bed.replyRecv(chief, EP, REPLY, 0);
    bed.replyRecv(keeper, EP, REPLY, 0);
    expect([t.tcb.state, t.tcb.sc]).toEqual([ThreadState.Ready, t.tcb.homeSc]);
  });
  test("003 the keeper's endpoint is destroyed while the fault waits: the thread stays stopped", () => {
    const bed = new KernelBed();
    const boss = bed.thread("boss"), t = bed.thread("t");
    bed.call(boss, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, 40);
    bed.share(boss, 40, t, 40);
    bed.share(t, Slot.TCB, boss, 41);
    bed.call(t, Slot.TCB, TCBSetSpace, 40, Slot.CNODE, Slot.VSPACE);
    bed.except(t, Cause.LoadPage, 8);
    expect(t.tcb.state).toBe(ThreadState.BlockedOnSend);
    bed.finish(boss, Slot.CNODE, Invocation.CNodeRevoke, slotWord(Slot.UNTYPED));
    expect([t.tcb.state, t.tcb.faultLabel]).toEqual([ThreadState.Faulted, Fault.VMFault]);
    expect(bed.call(boss, 41, TCBResume)).toEqual(DONE);
  });
  test("004 the keeper drops the reply object: the thread stays stopped with its time", () => {
    const { bed, keeper, t } = setup();
    bed.recv(keeper, EP, REPLY);
    bed.except(t, Cause.LoadPage, 8);
    bed.recv(keeper, EP, REPLY);
    expect([t.tcb.state, t.tcb.sc, keeper.tcb.sc]).toEqual([ThreadState.Faulted, t.tcb.homeSc, keeper.tcb.homeSc]);
  });
  test("005 a keeper that receives without a reply object leaves it stopped", () => {
    const { bed, keeper, t } = setup();
    bed.except(t, Cause.LoadPage, 8);
    expect(bed.recv(keeper, EP)).toMatchObject({ label: Fault.VMFault });
    expect([t.tcb.state, t.tcb.faultLabel]).toEqual([ThreadState.Faulted, Fault.VMFault]);
  });
  test("006 suspended while its fault waits, or is being looked at, and resumed: it goes on at its pc, registers as they were", () => {
    for (const looked of [false, true]) {
      const { bed, keeper, t, pc } = setup();
      bed.set(t.tcb, Reg.a1, 4321);
      bed.except(t, Cause.LoadPage, 8);
      if (looked) bed.recv(keeper, EP, REPLY);
      bed.call(keeper, 30, TCBSuspend);
      expect([t.tcb.state, t.tcb.sc]).toEqual([ThreadState.Inactive, t.tcb.homeSc]);
      bed.call(keeper, 30, TCBResume);
      expect([t.tcb.state, bed.get(t.tcb, Frame.PC), bed.get(t.tcb, Reg.a1)]).toEqual([ThreadState.Ready, pc, 4321]);
      expect(bed.send(keeper, REPLY, 0, 1)).toEqual(DONE);
      expect(bed.get(t.tcb, Frame.PC)).toBe(pc);
    }
  });
  test("007 the faulting thread is destroyed: its keeper answers nobody", () => {
    const { bed, keeper, t } = setup();
    bed.call(keeper, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.TCB), Slot.CNODE, 40);
    bed.call(keeper, 40, TCBSetSpace, 0, Slot.CNODE, Slot.VSPACE);
    expect(t.tcb.state).toBe(ThreadState.Ready);
    bed.call(keeper, Slot.CNODE, CNodeDelete, slotWord(40));
    expect(bed.send(keeper, REPLY)).toEqual(DONE);
  });
  test("008 a keeper's capability needs Write and a right to reply", () => {
    const { bed, keeper, t } = setup();
    for (const rights of [0, Right.Write, Right.Read | Right.GrantReply]) {
      bed.share(keeper, EP, t, 50, rights);
      expect(bed.call(t, Slot.TCB, TCBSetSpace, 50, Slot.CNODE, Slot.VSPACE)).toEqual(failed(ErrorCode.MissingRight, Right.Write | Right.GrantReply));
      bed.call(t, Slot.CNODE, CNodeDelete, slotWord(50));
    }
  });
});

describe("FAULT-STRANDED", () => {
  const told = (bed: KernelBed): string[] => bed.machine.log.filter((line) => line.startsWith("stranded"));
  test("001 a fault without a keeper is told to the operator by the thread's name, once, and the thread stays stopped", () => {
    const bed = new KernelBed();
    const t = bed.thread("lonely");
    bed.except(t, Cause.LoadPage, 0x1234);
    expect(told(bed)).toEqual([`stranded(lonely: VMFault (0x${TEXT.toString(16)}, 0x1234, 0x1))`]);
    expect(t.tcb.state).toBe(ThreadState.Faulted);
  });
  test("002 so is one whose keeper's endpoint goes while it waits, or whose keeper drops it", () => {
    for (const held of [false, true]) {
      const bed = new KernelBed();
      const keeper = bed.thread("keeper"), t = bed.thread("t");
      bed.share(t, Slot.TCB, keeper, 30);
      expect(bed.call(keeper, Slot.UNTYPED, Invocation.UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, 40)).toEqual(DONE);
      expect(bed.call(keeper, Slot.UNTYPED, Invocation.UntypedRetype, retypeWord(Kind.Reply), Slot.CNODE, 41)).toEqual(DONE);
      bed.share(t, Slot.CNODE, keeper, 31);
      bed.share(t, Slot.VSPACE, keeper, 32);
      expect(bed.call(keeper, 30, Invocation.TCBSetSpace, 40, 31, 32)).toEqual(DONE);
      bed.except(t, Cause.Breakpoint);
      if (held) bed.recv(keeper, 40, 41);
      expect(told(bed)).toEqual([]);
      expect(bed.finish(keeper, Slot.CNODE, Invocation.CNodeRevoke, slotWord(Slot.UNTYPED))).toEqual(DONE);
      expect(told(bed).length).toBe(1);
      expect(t.tcb.state).toBe(ThreadState.Faulted);
    }
  });
  test("003 a thread that nobody has named is called after its maker and the slot it was put in", () => {
    const bed = new KernelBed();
    const a = bed.thread("maker");
    expect(bed.call(a, Slot.UNTYPED, Invocation.UntypedRetype, retypeWord(Kind.TCB, 0, 2), Slot.CNODE, 50)).toEqual(DONE);
    expect([50, 51].map((slot) => bed.k.tcbs[bed.slot(a, slot)!.object]!.label)).toEqual(["maker/50", "maker/51"]);
  });
});
