// IRQ-*: interrupt lines as signals, one driver a line, masked until it acknowledges.
import { describe, expect, test } from "vitest";
import { ErrorCode, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { IOMMU_LINE } from "../../../core/machine/board.ts";
import { answered, DONE, failed, KernelBed, pair, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import { refuses } from "./refusal.ts";

const { IRQControlGet, IRQHandlerAck, IRQHandlerSetNotification, IRQHandlerClear, CNodeDelete, CNodeRevoke, CNodeCopy, UntypedRetype } = Invocation;
const CONTROL = 10, NTF = 20, HANDLER = 30, LINE = 7;

const setup = (handled = true) => {
  const bed = new KernelBed();
  const a = bed.thread("a");
  bed.singleton(a, CONTROL, Kind.IRQControl);
  bed.give(a, NTF, bed.make(Kind.Notification, 6), 15, 2 ** 33);
  const get = (line: number, slot = HANDLER) => bed.call(a, CONTROL, IRQControlGet, line, Slot.CNODE, slotWord(slot));
  if (handled) {
    expect(get(LINE)).toEqual(DONE);
    expect(bed.call(a, HANDLER, IRQHandlerSetNotification, NTF)).toEqual(DONE);
  }
  return { bed, a, get };
};

describe("IRQ-CONTROL", () => {
  test("001 hands out one handler for each line", () => {
    const { bed, a, get } = setup(false);
    expect(get(1)).toEqual(DONE);
    expect(get(30, 31)).toEqual(DONE);
    expect([bed.slot(a, 30)!.kind, bed.slot(a, 31)!.kind]).toEqual([Kind.IRQHandler, Kind.IRQHandler]);
    for (const line of [1, IOMMU_LINE]) refuses(bed, a, [CONTROL, IRQControlGet, line, Slot.CNODE, slotWord(40)], ErrorCode.IllegalOperation);
  });
  test("002 lines are 1..31, the destination an empty slot of a CNode", () => {
    const { bed, a } = setup(false);
    refuses(bed, a, [CONTROL, IRQControlGet, pair(1, 2), Slot.CNODE, slotWord(40)], ErrorCode.InvalidArgument, 0);
    for (const line of [0, 32, -1, pair(32, 1)]) refuses(bed, a, [CONTROL, IRQControlGet, line, Slot.CNODE, slotWord(40)], ErrorCode.RangeError, 0, 1, 31);
    refuses(bed, a, [CONTROL, IRQControlGet, 1, NTF, slotWord(40)], ErrorCode.InvalidCapability, 1);
    refuses(bed, a, [CONTROL, IRQControlGet, 1, Slot.CNODE, slotWord(40, 0)], ErrorCode.RangeError, 2, 1, 32);
    refuses(bed, a, [CONTROL, IRQControlGet, 1, Slot.CNODE, slotWord(400)], ErrorCode.FailedLookup, 2, 32);
    refuses(bed, a, [CONTROL, IRQControlGet, 1, Slot.CNODE, slotWord(NTF)], ErrorCode.DeleteFirst);
    refuses(bed, a, [CONTROL, IRQControlGet, 1, Slot.CNODE], ErrorCode.TruncatedMessage);
    refuses(bed, a, [CONTROL, IRQHandlerAck, 1, 2, 3], ErrorCode.IllegalOperation);
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(40), slotWord(CONTROL), Slot.CNODE], ErrorCode.IllegalOperation);
  });
  test("003 revoking it takes all handlers back, copies too, and their lines are masked and free", () => {
    const { bed, a, get } = setup();
    expect(get(3, 31)).toEqual(DONE);
    bed.share(a, HANDLER, a, 32);
    bed.finish(a, Slot.CNODE, CNodeRevoke, slotWord(CONTROL));
    expect([30, 31, 32].map((s) => bed.slot(a, s))).toEqual([null, null, null]);
    bed.interrupt(LINE);
    expect(bed.machine.irq.pending).toBe(false);
    expect(get(LINE)).toEqual(DONE);
  });
});

describe("IRQ-HANDLER", () => {
  test("001 an interrupt signals the notification with the badge of the capability it was set with", () => {
    const { bed, a } = setup();
    expect(bed.wait(a, NTF)).toBe("blocked");
    bed.interrupt(LINE);
    expect(a.tcb.state).toBe(ThreadState.Ready);
    expect(bed.answer(a)).toEqual(answered(0, [], 2 ** 33));
  });
  test("002 a line that stays high interrupts once for each acknowledgement", () => {
    const { bed, a } = setup();
    bed.interrupt(LINE);
    expect(bed.poll(a, NTF)).toEqual(answered(0, [], 2 ** 33));
    bed.interrupt(LINE);
    expect(bed.machine.irq.pending).toBe(false);
    expect(bed.poll(a, NTF)).toEqual(failed(ErrorCode.WouldBlock));
    expect(bed.call(a, HANDLER, IRQHandlerAck)).toEqual(DONE);
    expect(bed.machine.irq.pending).toBe(true);
    bed.interrupt(LINE);
    expect(bed.poll(a, NTF)).toEqual(answered(0, [], 2 ** 33));
    bed.machine.irq.setLevel(LINE, false);
    bed.call(a, HANDLER, IRQHandlerAck);
    expect(bed.machine.irq.pending).toBe(false);
  });
  test("003 a line without handler stays masked; an acknowledgement without notification wakes nobody", () => {
    const { bed, a, get } = setup(false);
    bed.interrupt(LINE);
    expect(bed.machine.irq.pending).toBe(false);
    expect(get(LINE)).toEqual(DONE);
    expect(bed.call(a, HANDLER, IRQHandlerAck)).toEqual(DONE);
    bed.interrupt(LINE);
    expect(bed.poll(a, NTF)).toEqual(failed(ErrorCode.WouldBlock));
    expect(bed.machine.irq.pending).toBe(false);
  });
  test("004 Clear masks; setting the notification again unmasks", () => {
    const { bed, a } = setup();
    expect(bed.call(a, HANDLER, IRQHandlerClear)).toEqual(DONE);
    bed.interrupt(LINE);
    expect(bed.poll(a, NTF)).toEqual(failed(ErrorCode.WouldBlock));
    expect(bed.call(a, HANDLER, IRQHandlerSetNotification, NTF)).toEqual(DONE);
    bed.interrupt(LINE);
    expect(bed.poll(a, NTF)).toEqual(answered(0, [], 2 ** 33));
  });
  test("005 the notification needs Write", () => {
    const { bed, a } = setup();
    bed.share(a, NTF, a, 40, Right.Read);
    refuses(bed, a, [HANDLER, IRQHandlerSetNotification, 40], ErrorCode.MissingRight, Right.Write);
    refuses(bed, a, [HANDLER, IRQHandlerSetNotification, Slot.TCB], ErrorCode.InvalidCapability, 0);
    refuses(bed, a, [HANDLER, IRQHandlerSetNotification], ErrorCode.TruncatedMessage);
    refuses(bed, a, [HANDLER, IRQControlGet], ErrorCode.IllegalOperation);
  });
  test("006 a destroyed notification is forgotten: whatever has its number next is not signalled", () => {
    const { bed, a } = setup();
    bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Notification), Slot.CNODE, 40);
    const id = bed.slot(a, 40)!.object;
    bed.call(a, HANDLER, IRQHandlerSetNotification, 40);
    bed.call(a, Slot.CNODE, CNodeDelete, slotWord(40));
    bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Notification), Slot.CNODE, 40);
    expect(bed.slot(a, 40)!.object).toBe(id);
    bed.interrupt(LINE);
    expect(bed.poll(a, 40)).toEqual(failed(ErrorCode.WouldBlock));
  });
  test("007 the last handler of a line is deleted: masked, and nobody is signalled", () => {
    const { bed, a } = setup();
    bed.call(a, Slot.CNODE, CNodeDelete, slotWord(HANDLER));
    bed.interrupt(LINE);
    expect(bed.poll(a, NTF)).toEqual(failed(ErrorCode.WouldBlock));
  });
});

describe("IRQ-EDGE", () => {
  const edge = () => {
    const all = setup(false);
    expect(all.bed.call(all.a, CONTROL, IRQControlGet, pair(LINE, 1), Slot.CNODE, slotWord(HANDLER))).toEqual(DONE);
    expect(all.bed.call(all.a, HANDLER, IRQHandlerSetNotification, NTF)).toEqual(DONE);
    const { bed, a } = all;
    const fell = () => bed.machine.irq.setLevel(LINE, false);
    const signalled = () => bed.poll(a, NTF) !== "fault" && bed.answer(a).error === 0;
    return { ...all, fell, signalled };
  };
  test("001 a line interrupts when it rises, and not again while it is high", () => {
    const { bed, a, signalled } = edge();
    bed.interrupt(LINE);
    expect(signalled()).toBe(true);
    expect(bed.call(a, HANDLER, IRQHandlerAck)).toEqual(DONE);
    expect(bed.machine.irq.pending).toBe(false);
    bed.interrupt(LINE);
    expect(signalled()).toBe(false);
  });
  test("002 an edge that comes before the acknowledgement is kept, once", () => {
    const { bed, a, fell, signalled } = edge();
    bed.interrupt(LINE);
    expect(signalled()).toBe(true);
    for (let i = 0; i < 3; i++) {
      fell();
      bed.interrupt(LINE);
    }
    expect(signalled()).toBe(false);
    expect(bed.call(a, HANDLER, IRQHandlerAck)).toEqual(DONE);
    expect(bed.machine.irq.pending).toBe(true);
    bed.interrupt(LINE);
    expect(signalled()).toBe(true);
    expect(bed.call(a, HANDLER, IRQHandlerAck)).toEqual(DONE);
    expect(bed.machine.irq.pending).toBe(false);
  });
  test("003 an edge is not lost when the line falls before anybody looks", () => {
    const { bed, fell, signalled } = edge();
    bed.machine.irq.setLevel(LINE, true);
    fell();
    bed.interrupt(30);
    expect(signalled()).toBe(true);
  });
  test("004 the next handler of the line says anew how it interrupts, and finds no old edge", () => {
    const { bed, a, get, signalled } = edge();
    bed.machine.irq.setLevel(LINE, true);
    bed.machine.irq.setLevel(LINE, false);
    expect(bed.finish(a, Slot.CNODE, CNodeDelete, slotWord(HANDLER))).toEqual(DONE);
    expect(get(LINE)).toEqual(DONE);
    expect(bed.call(a, HANDLER, IRQHandlerSetNotification, NTF)).toEqual(DONE);
    expect(bed.machine.irq.pending).toBe(false);
    bed.interrupt(LINE);
    expect(signalled()).toBe(true);
    expect(bed.call(a, HANDLER, IRQHandlerAck)).toEqual(DONE);
    expect(bed.machine.irq.pending).toBe(true);
  });
});
