// TCB-*: threads: spaces, registers, priorities, stopping and going on in every state.
import { describe, expect, test } from "vitest";
import { Frame, Reg } from "../../../caps/abi/message.ts";
import { ErrorCode, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { moveSlot } from "../../../caps/model/derivation.ts";
import { USER_TOP } from "../../../core/kernel/objects/vspace.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { answered, DONE, failed, KernelBed, pair, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import { BUFFER } from "../../support/testbed.ts";
import { refuses } from "./refusal.ts";

const I = Invocation;
const T = 40, EP = 20, REPLY = 21;

/** `a` holds the TCB of `t` in slot 40. */
const setup = (stopped = false) => {
  const bed = new KernelBed();
  const a = bed.thread("a"), t = bed.thread("t", { stopped });
  bed.share(t, Slot.TCB, a, T);
  bed.share(t, Slot.CNODE, a, 41);
  bed.share(t, Slot.VSPACE, a, 42);
  bed.hold(t, EP, Kind.Endpoint, 5);
  bed.hold(t, REPLY, Kind.Reply, 5);
  bed.share(t, EP, a, EP);
  return { bed, a, t };
};

describe("TCB-SPACE", () => {
  test("001 a new thread runs once it has spaces, time and a resume", () => {
    const { bed, a } = setup();
    bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.TCB), Slot.CNODE, 50);
    refuses(bed, a, [50, I.TCBResume], ErrorCode.IllegalOperation);
    refuses(bed, a, [50, I.TCBWriteRegisters, pair(0, 1), 5], ErrorCode.IllegalOperation);
    expect(bed.call(a, 50, I.TCBSetSpace, 0, Slot.CNODE, Slot.VSPACE)).toEqual(DONE);
    expect(bed.call(a, 50, I.TCBWriteRegisters, pair(0, 1), 0x1_0000)).toEqual(DONE);
    const t = bed.k.tcbs[bed.slot(a, 50)!.object]!;
    expect([t.state, bed.get(t, Frame.PC), bed.get(t, Frame.SPACE)]).toEqual([ThreadState.Ready, 0x1_0000, a.vspace.space]);
  });
  test("002 wants an endpoint or none, a CNode and a VSpace, in three words", () => {
    const { bed, a } = setup();
    refuses(bed, a, [T, I.TCBSetSpace, Slot.TCB, 41, 42], ErrorCode.InvalidCapability, 0);
    refuses(bed, a, [T, I.TCBSetSpace, 99, 41, 42], ErrorCode.InvalidCapability, 0);
    refuses(bed, a, [T, I.TCBSetSpace, 2 ** 20, 41, 42], ErrorCode.FailedLookup, 0, 32);
    refuses(bed, a, [T, I.TCBSetSpace, 0, Slot.TCB, 42], ErrorCode.InvalidCapability, 1);
    refuses(bed, a, [T, I.TCBSetSpace, 0, 41, 41], ErrorCode.InvalidCapability, 2);
    refuses(bed, a, [T, I.TCBSetSpace, 0, 41], ErrorCode.TruncatedMessage);
    refuses(bed, a, [T, 0x399, 0, 0, 0, 0], ErrorCode.IllegalOperation);
  });
  test("003 on itself: it goes on", () => {
    const { bed, a } = setup();
    expect(bed.call(a, Slot.TCB, I.TCBSetSpace, 0, Slot.CNODE, Slot.VSPACE)).toEqual(DONE);
    expect(bed.call(a, Slot.TCB, I.TCBSetSpace, EP, Slot.CNODE, Slot.VSPACE)).toEqual(DONE);
  });
  test("004 a revoked VSpace stops its thread; what it waited for answers Cancelled when it goes on in another", () => {
    const { bed, a, t } = setup();
    bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.VSpace), Slot.CNODE, 50);
    expect(bed.call(a, T, I.TCBSetSpace, 0, 41, 50)).toEqual(DONE);
    expect(t.tcb.state).toBe(ThreadState.Ready);
    expect(bed.recv(t, EP, REPLY)).toBe("blocked");
    bed.finish(a, Slot.CNODE, I.CNodeRevoke, slotWord(Slot.UNTYPED));
    expect(t.tcb.state).toBe(ThreadState.Inactive);
    refuses(bed, a, [T, I.TCBResume], ErrorCode.IllegalOperation);
    bed.call(a, T, I.TCBSetSpace, 0, 41, 42);
    expect(bed.call(a, T, I.TCBResume)).toEqual(DONE);
    expect(bed.answer(t)).toEqual(failed(ErrorCode.Cancelled));
  });
});

describe("TCB-BUFFER", () => {
  test("001 words from the fourth on go through the frame, which need not stay mapped", () => {
    const { bed, a, t } = setup();
    bed.hold(a, 50, Kind.Frame, 12);
    expect(bed.call(a, Slot.TCB, I.TCBSetIPCBuffer, 0x5000_0400, 50)).toEqual(DONE);
    const base = bed.k.objects.base[bed.slot(a, 50)!.object]! - bed.machine.ramBase;
    const moved = { ...a, buffer: base + 0x400 };
    bed.recv(t, EP, REPLY);
    bed.call(moved, EP, 1, 1, 2, 3, 4, 5);
    expect(bed.answer(t)).toMatchObject({ words: [1, 2, 3, 4, 5] });
  });
  test("002 addresses are multiples of 1024 below 256 GiB; the frame is one of 4 KiB of RAM that may be read and written", () => {
    const { bed, a } = setup();
    bed.hold(a, 50, Kind.Frame, 12);
    bed.hold(a, 51, Kind.Frame, 21);
    bed.hold(a, 52, Kind.Frame, 12, Right.Read);
    bed.hold(a, 53, Kind.Frame, 12, Right.Write);
    const device = bed.hold(a, 54, Kind.Frame, 12);
    bed.k.objects.device[bed.k.slots.object[device]!] = 1;
    refuses(bed, a, [T, I.TCBSetIPCBuffer, BUFFER + 512, 50], ErrorCode.AlignmentError, 0);
    refuses(bed, a, [T, I.TCBSetIPCBuffer, USER_TOP, 50], ErrorCode.RangeError, 0, 0, USER_TOP - 1024);
    for (const slot of [51, 54, Slot.TCB]) refuses(bed, a, [T, I.TCBSetIPCBuffer, BUFFER, slot], ErrorCode.InvalidCapability, 1);
    for (const slot of [52, 53]) refuses(bed, a, [T, I.TCBSetIPCBuffer, BUFFER, slot], ErrorCode.MissingRight, 3);
    refuses(bed, a, [T, I.TCBSetIPCBuffer, BUFFER], ErrorCode.TruncatedMessage);
  });
  test("003 when the frame goes, so does the buffer: no message reaches memory that is somebody else's now", () => {
    const { bed, a, t } = setup();
    bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Frame, 12), Slot.CNODE, 50);
    bed.call(a, T, I.TCBSetIPCBuffer, 0, 50);
    bed.recv(t, EP, REPLY);
    bed.finish(a, Slot.CNODE, I.CNodeRevoke, slotWord(Slot.UNTYPED));
    expect(t.tcb.buffer).toBe(-1);
    bed.call(a, EP, 1, 1, 2, 3, 4, 5);
    expect(bed.answer(t)).toMatchObject({ words: [1, 2, 3, 4] });
  });
});

describe("TCB-REGISTERS", () => {
  test("001 written and read back, pc and x1 to x31", () => {
    const { bed, a } = setup();
    const values = Array.from({ length: 32 }, (_, i) => 1_000_000_007 * (i + 1));
    expect(bed.call(a, T, I.TCBWriteRegisters, pair(0, 0), ...values)).toEqual(DONE);
    expect(bed.call(a, T, I.TCBReadRegisters, pair(0, 32))).toEqual(answered(0, values));
    expect(bed.call(a, T, I.TCBReadRegisters, pair(30, 2))).toEqual(answered(0, values.slice(30)));
  });
  test("002 no others can be named, nor flags but resume", () => {
    const { bed, a } = setup();
    refuses(bed, a, [T, I.TCBWriteRegisters, pair(65, 0), 1], ErrorCode.RangeError, 0, 0, 64);
    refuses(bed, a, [T, I.TCBWriteRegisters, pair(64, 0), 1, 2], ErrorCode.RangeError, 0, 0, 64);
    refuses(bed, a, [T, I.TCBWriteRegisters, pair(-1, 0), 1], ErrorCode.RangeError, 0, 0, 64);
    refuses(bed, a, [T, I.TCBWriteRegisters, pair(1, 2), 1], ErrorCode.InvalidArgument, 0);
    refuses(bed, a, [T, I.TCBWriteRegisters], ErrorCode.TruncatedMessage);
    for (const [first, count] of [[65, 1], [0, 66], [64, 2], [0, 0], [-1, 1], [0, -1]] as const) refuses(bed, a, [T, I.TCBReadRegisters, pair(first, count)], ErrorCode.RangeError, 0, 0, 64);
    refuses(bed, a, [T, I.TCBReadRegisters], ErrorCode.TruncatedMessage);
  });
  test("006 floating-point registers are 32 to 63, fcsr is 64 and has eight bits", () => {
    const { bed, a } = setup();
    expect(bed.call(a, T, I.TCBWriteRegisters, pair(32, 0), 5, 6, 7)).toEqual(DONE);
    expect(bed.call(a, T, I.TCBWriteRegisters, pair(63, 0), 8, pair(0x1ff, 3))).toEqual(DONE);
    expect(bed.call(a, T, I.TCBReadRegisters, pair(33, 2))).toEqual(answered(0, [6, 7]));
    expect(bed.call(a, T, I.TCBReadRegisters, pair(63, 2))).toEqual(answered(0, [8, 0xff]));
  });
  test("003 a thread cannot write its own while it is in the call", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.TCB, I.TCBWriteRegisters, pair(1, 0), 1], ErrorCode.IllegalOperation);
  });
  test("004 more than four cannot be read without an IPC buffer", () => {
    const { bed, a } = setup();
    bed.call(a, Slot.TCB, I.TCBSetIPCBuffer, 0, 0);
    expect(bed.call(a, T, I.TCBReadRegisters, pair(0, 5))).toEqual(failed(ErrorCode.TruncatedMessage));
    expect(bed.call(a, T, I.TCBReadRegisters, pair(0, 4))).toMatchObject({ error: 0 });
  });
  test("005 the thread pointer, and the name", () => {
    const { bed, a, t } = setup();
    expect(bed.call(a, T, I.TCBSetTLS, pair(5, 6))).toEqual(DONE);
    expect(bed.get(t.tcb, Reg.tp)).toBe(5 + 6 * 2 ** 32);
    refuses(bed, a, [T, I.TCBSetTLS], ErrorCode.TruncatedMessage);
    const text = new TextEncoder().encode("a thread of nine");
    const view = new DataView(text.buffer);
    expect(bed.call(a, T, I.TCBSetLabel, view.getBigUint64(0, true), view.getBigUint64(8, true))).toEqual(DONE);
    expect(t.tcb.label).toBe("a thread of nine");
    bed.call(a, T, I.TCBSetLabel, 0x0a41);
    expect(t.tcb.label).toBe("A");
  });
});

describe("TCB-PRIORITY", () => {
  test("001 up to what the authorising thread may give", () => {
    const { bed, a, t } = setup();
    a.tcb.maxPriority = 120;
    expect(bed.call(a, T, I.TCBSetPriority, pair(110, 120), Slot.TCB)).toEqual(DONE);
    expect([t.tcb.priority, t.tcb.maxPriority]).toEqual([110, 120]);
    for (const word of [pair(121, 0), pair(0, 121), pair(256, 0), pair(-1, 0), pair(0, -1)]) refuses(bed, a, [T, I.TCBSetPriority, word, Slot.TCB], ErrorCode.RangeError, 0, 0, 120);
    refuses(bed, a, [T, I.TCBSetPriority, pair(1, 1), Slot.CNODE], ErrorCode.InvalidCapability, 1);
    refuses(bed, a, [T, I.TCBSetPriority, pair(1, 1)], ErrorCode.TruncatedMessage);
  });
  test("002 takes effect at once, for others and for itself", () => {
    const { bed, a, t } = setup();
    bed.call(a, T, I.TCBSetPriority, pair(101, 255), Slot.TCB);
    expect(bed.k.current).toBe(t.tcb.id);
    bed.call(a, T, I.TCBSetPriority, pair(100, 255), Slot.TCB);
    bed.call(t, Slot.TCB, I.TCBSetPriority, pair(99, 255), Slot.TCB);
    expect(bed.k.current).toBe(a.tcb.id);
  });
});

describe("TCB-SUSPEND", () => {
  /** Ways to bring `t` into each state; `a` can reach it. */
  const states = {
    Ready: () => {},
    BlockedOnSend: ({ bed, t }) => void bed.call(t, EP, 1),
    BlockedOnReceive: ({ bed, t }) => void bed.recv(t, EP, REPLY),
    BlockedOnReply: ({ bed, a, t }) => {
      bed.share(t, EP, a, 60);
      bed.share(t, REPLY, a, 61);
      bed.recv(a, 60, 61);
      bed.call(t, EP, 1);
    },
    BlockedOnNotification: ({ bed, t }) => {
      bed.hold(t, 60, Kind.Notification, 6);
      bed.wait(t, 60);
    },
    Faulted: ({ bed, t }) => bed.except(t, 13, 8),
    Inactive: ({ bed, a }) => void bed.call(a, T, I.TCBSuspend),
  } satisfies Partial<Record<keyof typeof ThreadState, (s: ReturnType<typeof setup>) => void>>;

  for (const [name, enter] of Object.entries(states)) {
    test(`001 ${name}: it stops, waits for nothing, has its time; resumed, it goes on and knows`, () => {
      const s = setup();
      enter(s);
      const { bed, a, t } = s;
      expect(t.tcb.state).toBe(ThreadState[name as keyof typeof ThreadState]);
      const registers = [Reg.a0, Reg.a1].map((r) => bed.get(t.tcb, r));
      expect(bed.call(a, T, I.TCBSuspend)).toEqual(DONE);
      expect([t.tcb.state, t.tcb.sc, t.tcb.blockedOn, t.tcb.reply]).toEqual([ThreadState.Inactive, t.tcb.homeSc, 0, 0]);
      expect(bed.call(a, T, I.TCBSuspend)).toEqual(DONE);
      expect(bed.call(a, T, I.TCBResume)).toEqual(DONE);
      expect(t.tcb.state).toBe(ThreadState.Ready);
      if (name.startsWith("Blocked")) expect(bed.answer(t)).toEqual(failed(ErrorCode.Cancelled));
      else expect([Reg.a0, Reg.a1].map((r) => bed.get(t.tcb, r))).toEqual(registers);
    });
    test(`002 ${name}: it is destroyed and leaves no trace in anything that it waited for`, () => {
      const s = setup();
      enter(s);
      const { bed, a, t } = s;
      const id = t.tcb.id;
      // All capabilities to the TCB descend from the boot's.
      for (const [p, slot] of [[t, Slot.TCB], [a, T]] as const) {
        if (bed.k.slots.isEmpty(p.slots + slot)) continue;
        bed.finish(a, slot === T ? Slot.CNODE : 41, I.CNodeDelete, slotWord(slot));
      }
      moveSlot(bed.k.slots, t.rows.tcb, a.slots + 72);
      expect(bed.finish(a, Slot.CNODE, I.CNodeDelete, slotWord(72))).toEqual(DONE);
      expect(bed.k.tcbs[id]).toBeUndefined();
      expect(bed.nbsend(a, EP, 1)).toEqual(DONE);
    });
  }
  test("003 itself: it stops, and the next resume answers the call", () => {
    const { bed, a, t } = setup();
    expect(bed.call(t, Slot.TCB, I.TCBSuspend)).toEqual(DONE);
    expect(t.tcb.state).toBe(ThreadState.Inactive);
    bed.call(a, T, I.TCBResume);
    expect(t.tcb.state).toBe(ThreadState.Ready);
  });
  test("004 a resume of a thread that runs or waits changes nothing", () => {
    for (const enter of [states.Ready, states.BlockedOnReceive, states.BlockedOnReply]) {
      const s = setup();
      enter(s);
      const before = s.t.tcb.state;
      expect(s.bed.call(s.a, T, I.TCBResume)).toEqual(DONE);
      expect(s.t.tcb.state).toBe(before);
    }
  });
  test("005 a new thread in an old one's trap frame starts with nothing of it", () => {
    const { bed, a } = setup();
    bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.TCB), Slot.CNODE, 50);
    bed.call(a, 50, I.TCBWriteRegisters, pair(0, 0), 1, 2, 3, 4, 5);
    const frame = bed.k.tcbs[bed.slot(a, 50)!.object]!.frame;
    bed.finish(a, Slot.CNODE, I.CNodeDelete, slotWord(50));
    bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.TCB), Slot.CNODE, 50);
    expect(bed.k.tcbs[bed.slot(a, 50)!.object]!.frame).toBe(frame);
    expect(bed.call(a, 50, I.TCBReadRegisters, pair(0, 5))).toEqual(answered(0, [0, 0, 0, 0, 0]));
  });
});
