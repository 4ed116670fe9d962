// NTF-*: Signal, Wait, Poll, and notifications bound to a thread.
import { describe, expect, test } from "vitest";
import { toInfo } from "../../../caps/abi/message.ts";
import { ErrorCode, Fault, Invocation, Kind, Right, Syscall } from "../../../caps/abi/numbers.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { answered, DONE, failed, KernelBed, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import { leavesAlone, refuses } from "./refusal.ts";

const { TCBBindNotification, UntypedRetype, CNodeDelete, TCBSuspend, TCBResume } = Invocation;
const NTF = 20, ONE = 21, HIGH = 22, EP = 23;

const setup = () => {
  const bed = new KernelBed();
  const a = bed.thread("a"), b = bed.thread("b"), c = bed.thread("c");
  const ntf = bed.hold(a, NTF, Kind.Notification, 6);
  for (const p of [b, c]) {
    bed.give(p, NTF, ntf);
    bed.give(p, ONE, ntf, Right.Write, 1);
    bed.give(p, HIGH, ntf, Right.Write, 4 + 2 ** 40);
  }
  bed.hold(a, EP, Kind.Endpoint, 5);
  return { bed, a, b, c };
};

describe("NTF-SIGNAL", () => {
  test("001 badges accumulate and one Wait takes them all", () => {
    const { bed, a, b } = setup();
    expect(bed.signal(b, ONE)).toEqual(DONE);
    expect(bed.signal(b, HIGH)).toEqual(DONE);
    expect(bed.signal(b, ONE)).toEqual(DONE);
    expect(bed.wait(a, NTF)).toEqual(answered(0, [], 5 + 2 ** 40));
    expect(bed.wait(a, NTF)).toBe("blocked");
  });
  test("002 the longest waiting thread takes the word, the next one the next", () => {
    const { bed, a, b, c } = setup();
    bed.wait(a, NTF);
    bed.wait(c, NTF);
    bed.signal(b, ONE);
    expect([a.tcb.state, c.tcb.state]).toEqual([ThreadState.Ready, ThreadState.BlockedOnNotification]);
    expect(bed.answer(a)).toEqual(answered(0, [], 1));
    bed.signal(b, HIGH);
    expect(bed.answer(c)).toEqual(answered(0, [], 4 + 2 ** 40));
  });
  test("003 needs Write and a notification", () => {
    const { bed, a, b } = setup();
    bed.share(a, NTF, a, 30, Right.Read);
    leavesAlone(bed, a, () => bed.signal(a, 30), failed(ErrorCode.MissingRight, Right.Write));
    for (const slot of [EP, Slot.TCB, 99]) leavesAlone(bed, a, () => bed.signal(a, slot), failed(ErrorCode.InvalidCapability, 0));
    leavesAlone(bed, b, () => bed.signal(b, 256), failed(ErrorCode.FailedLookup, 0, 32));
  });
  test("004 Send on a notification is a Signal, Recv a Wait, NBRecv a Poll", () => {
    const { bed, a, b } = setup();
    expect(bed.send(b, ONE, 5, 6, 7)).toEqual(DONE);
    expect(bed.recv(a, NTF)).toEqual(answered(0, [], 1));
    expect(bed.nbrecv(a, NTF)).toEqual(failed(ErrorCode.WouldBlock));
    expect(bed.nbsend(b, ONE)).toEqual(DONE);
    expect(bed.nbrecv(a, NTF)).toEqual(answered(0, [], 1));
  });
});

describe("NTF-WAIT", () => {
  test("001 Poll takes the word or answers WouldBlock, at once", () => {
    const { bed, a, b } = setup();
    expect(bed.poll(a, NTF)).toEqual(failed(ErrorCode.WouldBlock));
    bed.signal(b, ONE);
    expect(bed.poll(a, NTF)).toEqual(answered(0, [], 1));
    expect(bed.poll(a, NTF)).toEqual(failed(ErrorCode.WouldBlock));
  });
  test("002 on what is no notification, or without Read, is a capability fault", () => {
    for (const [slot, number] of [[ONE, Syscall.Wait], [EP, Syscall.Wait], [99, Syscall.Poll], [256, Syscall.Poll]] as const) {
      const { bed, b } = setup();
      expect(bed.sys(b, number, slot)).toBe("fault");
      expect([b.tcb.faultLabel, b.tcb.faultWords[2]]).toEqual([Fault.Capability, slot]);
    }
  });
  test("003 destroying the notification breaks those who wait", () => {
    const { bed, a, b } = setup();
    bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Notification), Slot.CNODE, 40);
    bed.share(a, 40, b, 40);
    bed.wait(b, 40);
    bed.finish(a, Slot.CNODE, Invocation.CNodeRevoke, slotWord(40));
    expect(b.tcb.state).toBe(ThreadState.BlockedOnNotification);
    bed.call(a, Slot.CNODE, CNodeDelete, slotWord(40));
    expect(bed.answer(b)).toEqual(failed(ErrorCode.Broken));
  });
});

describe("NTF-BIND", () => {
  test("001 a bound thread gets signals where it receives messages: info 0, badge the word", () => {
    const { bed, a, b } = setup();
    expect(bed.call(a, Slot.TCB, TCBBindNotification, NTF)).toEqual(DONE);
    bed.recv(a, EP);
    bed.signal(b, ONE);
    expect(bed.answer(a)).toEqual(answered(0, [], 1));
    bed.signal(b, HIGH);
    expect(bed.recv(a, EP)).toEqual(answered(0, [], 4 + 2 ** 40));
    bed.signal(b, ONE);
    expect(bed.nbrecv(a, EP)).toEqual(answered(0, [], 1));
  });
  test("002 a signal comes before messages, and the reply object stays free", () => {
    const { bed, a, b, c } = setup();
    bed.hold(a, 30, Kind.Reply, 5);
    bed.share(a, EP, c, EP, 15, 9);
    bed.call(a, Slot.TCB, TCBBindNotification, NTF);
    bed.recv(a, EP, 30);
    bed.signal(b, ONE);
    bed.call(c, EP, 3);
    bed.signal(b, ONE);
    expect(bed.recv(a, EP, 30)).toEqual(answered(0, [], 1));
    expect(bed.recv(a, EP, 30)).toEqual(answered(3, [], 9));
    expect(bed.sys(a, Syscall.Send, 30, toInfo(4, 0))).toEqual(DONE);
    expect(bed.answer(c)).toEqual(answered(4));
  });
  test("003 one thread, one notification, none that waits for it: else an IllegalOperation", () => {
    const { bed, a, b, c } = setup();
    bed.hold(a, 30, Kind.Notification, 6);
    bed.call(a, Slot.TCB, TCBBindNotification, NTF);
    refuses(bed, a, [Slot.TCB, TCBBindNotification, 30], ErrorCode.IllegalOperation);
    refuses(bed, b, [Slot.TCB, TCBBindNotification, NTF], ErrorCode.IllegalOperation);
    bed.hold(b, 30, Kind.Notification, 6);
    bed.share(b, 30, c, 30);
    bed.wait(c, 30);
    refuses(bed, b, [Slot.TCB, TCBBindNotification, 30], ErrorCode.IllegalOperation);
  });
  test("004 needs Read, a notification and a word; 0 unbinds", () => {
    const { bed, a, b } = setup();
    refuses(bed, b, [Slot.TCB, TCBBindNotification, ONE], ErrorCode.MissingRight, Right.Read);
    refuses(bed, b, [Slot.TCB, TCBBindNotification, Slot.TCB], ErrorCode.InvalidCapability, 0);
    refuses(bed, b, [Slot.TCB, TCBBindNotification], ErrorCode.TruncatedMessage);
    bed.call(a, Slot.TCB, TCBBindNotification, NTF);
    expect(bed.call(a, Slot.TCB, TCBBindNotification, 0)).toEqual(DONE);
    expect(bed.call(b, Slot.TCB, TCBBindNotification, NTF)).toEqual(DONE);
  });
  test("005 either may be destroyed first", () => {
    for (const first of [40, 41]) {
      const { bed, a } = setup();
      bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Notification), Slot.CNODE, 40);
      bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.TCB), Slot.CNODE, 41);
      expect(bed.call(a, 41, TCBBindNotification, 40)).toEqual(DONE);
      expect(bed.call(a, Slot.CNODE, CNodeDelete, slotWord(first))).toEqual(DONE);
      expect(bed.call(a, Slot.CNODE, CNodeDelete, slotWord(first === 40 ? 41 : 40))).toEqual(DONE);
    }
  });
  test("006 a suspended thread keeps its binding; the signal waits for it", () => {
    const { bed, a, b } = setup();
    bed.call(a, Slot.TCB, TCBBindNotification, NTF);
    bed.share(a, Slot.TCB, b, 30);
    bed.recv(a, EP);
    bed.call(b, 30, TCBSuspend);
    bed.signal(b, ONE);
    bed.call(b, 30, TCBResume);
    expect(bed.answer(a)).toEqual(failed(ErrorCode.Cancelled));
    expect(bed.recv(a, EP)).toEqual(answered(0, [], 1));
  });
  test("007 binding one that was signalled already wakes a thread that waits for messages", () => {
    const { bed, a, b } = setup();
    bed.share(a, Slot.TCB, b, 30);
    bed.share(a, NTF, b, 31, 15);
    bed.signal(b, ONE);
    expect(bed.recv(a, EP)).toBe("blocked");
    expect(bed.call(b, 30, TCBBindNotification, 31)).toEqual(DONE);
    expect(bed.answer(a)).toEqual(answered(0, [], 1));
    expect(bed.poll(a, NTF)).toEqual(failed(ErrorCode.WouldBlock));
  });
});
