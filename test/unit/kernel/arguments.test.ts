// ARG-*: what the tests of the objects leave out: every argument of every operation that may be refused, is, and nothing changes.
import { describe, expect, test } from "vitest";
import { ErrorCode, Fault, Invocation, Kind, RetypeSize, Right, Syscall } from "../../../caps/abi/numbers.ts";
import { Limit } from "../../../caps/abi/reference/limits.ts";
import { createIoSpace } from "../../../core/kernel/objects/iospace.ts";
import { install } from "../../../core/kernel/capabilities.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { DONE, failed, KernelBed, pair, retypeWord, Slot, slotWord, type Word } from "../../support/kernel-bed.ts";
import { leavesAlone, refuses } from "./refusal.ts";

const I = Invocation;
const EP = 20, NTF = 21, EMPTY = 30, FRAME = 31, INNER = 32, CONTROL = 40;
/** A CPtr that leads to no slot of a CSpace of 256. */
const NOWHERE = 999;
const { CNodeCopy, CNodeMint, CNodeMove, CNodeMutate, CNodeDelete, CNodeRevoke } = I;
const source = (slot: number, rights = 0, depth = 32): bigint => pair(slot, depth | (rights << 8));

const setup = () => {
  const bed = new KernelBed();
  const a = bed.thread("a");
  bed.hold(a, EP, Kind.Endpoint, 5);
  bed.hold(a, NTF, Kind.Notification, 6);
  bed.hold(a, FRAME, Kind.Frame, 12);
  /** A capability to `a`'s own CNode with these rights, as a root from which plain slots are resolved. */
  const root = (slot: number, rights: number) => bed.share(a, Slot.CNODE, a, slot, rights);
  /** Copy, Mint, Move and Mutate of a slot to another, from the CNode in `from`, through the one in `to`. */
  const fills = (label: number, to: Word, where: Word, from: Word, through: number = Slot.CNODE): readonly [number, number, ...Word[]] =>
    label === CNodeMint || label === CNodeMutate ? [through, label, to, where, from, 5] : [through, label, to, where, from];
  return { bed, a, root, fills };
};
const FILLING = [CNodeCopy, CNodeMint, CNodeMove, CNodeMutate];

describe("ARG-CNODE", () => {
  test("001 the source's slot word: a depth of 1..32 that ends at a slot", () => {
    const { bed, a, fills } = setup();
    for (const label of FILLING) {
      for (const depth of [0, 33, 255]) refuses(bed, a, fills(label, slotWord(50), source(EP, 15, depth), Slot.CNODE), ErrorCode.RangeError, 1, 1, 32);
      refuses(bed, a, fills(label, slotWord(50), source(EP, 15, 31), Slot.CNODE), ErrorCode.FailedLookup, 1, 31);
      refuses(bed, a, fills(label, slotWord(50), source(EP + 256, 15), Slot.CNODE), ErrorCode.FailedLookup, 1, 32);
    }
  });
  test("002 the source's CNode: a CNode that is there", () => {
    const { bed, a, fills } = setup();
    for (const label of FILLING) {
      for (const wrong of [NTF, 99]) refuses(bed, a, fills(label, slotWord(50), source(EP, 15), wrong), ErrorCode.InvalidCapability, 2);
      refuses(bed, a, fills(label, slotWord(50), source(EP, 15), NOWHERE), ErrorCode.FailedLookup, 2, 32);
      refuses(bed, a, fills(label, slotWord(50), source(EP, 15), pair(Slot.CNODE, 1)), ErrorCode.FailedLookup, 2, 32);
    }
  });
  test("003 an occupied destination is DeleteFirst, an empty source an InvalidCapability", () => {
    const { bed, a, fills } = setup();
    for (const label of FILLING) {
      refuses(bed, a, fills(label, slotWord(NTF), source(EP, 15), Slot.CNODE), ErrorCode.DeleteFirst);
      refuses(bed, a, fills(label, slotWord(50), source(99, 15), Slot.CNODE), ErrorCode.InvalidCapability, 1);
    }
  });
  test("004 the destination's slot word: a depth of 1..32 that ends at a slot", () => {
    const { bed, a, fills } = setup();
    const call = (label: number, to: Word) => (FILLING.some((f) => f === label) ? fills(label, to, source(EP, 15), Slot.CNODE) : ([Slot.CNODE, label, to] as const));
    for (const label of [...FILLING, CNodeDelete, CNodeRevoke]) {
      for (const depth of [0, 33, 2 ** 31]) refuses(bed, a, call(label, slotWord(50, depth)), ErrorCode.RangeError, 0, 1, 32);
      refuses(bed, a, call(label, slotWord(50, 31)), ErrorCode.FailedLookup, 0, 31);
      refuses(bed, a, call(label, slotWord(50 + 256)), ErrorCode.FailedLookup, 0, 32);
    }
  });
  test("005 an Untyped that has a copy is not copied again: RevokeFirst", () => {
    const { bed, a } = setup();
    expect(bed.call(a, Slot.CNODE, CNodeCopy, slotWord(50), source(Slot.UNTYPED, 15), Slot.CNODE)).toEqual(DONE);
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(51), source(Slot.UNTYPED, 15), Slot.CNODE], ErrorCode.RevokeFirst);
  });
  test("006 the slot words of Rotate and CancelBadgedSends", () => {
    const { bed, a } = setup();
    const here = pair(Slot.CNODE, Slot.CNODE), places = [slotWord(50), slotWord(EP), slotWord(NTF)];
    const bad = [[ErrorCode.RangeError, slotWord(50, 33), 1, 32], [ErrorCode.FailedLookup, slotWord(50, 31), 31], [ErrorCode.FailedLookup, slotWord(50 + 256), 32]] as const;
    for (const [error, word, ...details] of bad) {
      for (const i of [0, 1, 2]) refuses(bed, a, [Slot.CNODE, I.CNodeRotate, ...places.with(i, word), here], error, i, ...details);
      refuses(bed, a, [Slot.CNODE, I.CNodeCancelBadgedSends, word, 0, 0], error, 0, ...details);
    }
  });
  test("007 nothing is copied from a CNode without Read, nor moved from one without Read and Write", () => {
    const { bed, a, root, fills } = setup();
    root(50, Right.Write);
    root(51, Right.Read);
    for (const label of FILLING) refuses(bed, a, fills(label, slotWord(60), source(EP, 15), 50), ErrorCode.MissingRight, Right.Read);
    for (const label of [CNodeMove, CNodeMutate]) refuses(bed, a, fills(label, slotWord(60), source(EP, 15), 51), ErrorCode.MissingRight, Right.Write);
    expect(bed.call(a, ...fills(CNodeCopy, slotWord(60), source(EP, 15), 51))).toEqual(DONE);
    expect(bed.call(a, ...fills(CNodeMint, slotWord(61), source(EP, 15), 51))).toEqual(DONE);
  });
  test("008 only Frames and CNodes are made weak: else an InvalidArgument", () => {
    const { bed, a, fills } = setup();
    for (const slot of [EP, NTF, Slot.TCB, Slot.UNTYPED, Slot.SC, Slot.VSPACE]) {
      refuses(bed, a, fills(CNodeCopy, slotWord(50), source(slot, 15 | Right.Weak), Slot.CNODE), ErrorCode.InvalidArgument, 1);
      refuses(bed, a, fills(CNodeMint, slotWord(50), source(slot, 15 | Right.Weak), Slot.CNODE), ErrorCode.InvalidArgument, 1);
    }
    expect(bed.call(a, ...fills(CNodeCopy, slotWord(50), source(FRAME, 15 | Right.Weak), Slot.CNODE))).toEqual(DONE);
    expect(bed.slot(a, 50)!.rights).toBe((15 & ~Right.Write) | Right.Weak);
  });
  test("009 through a weak CNode come Frames and CNodes, weak, and Discrims; what could act does not", () => {
    const { bed, a, root, fills } = setup();
    root(50, 15 | Right.Weak);
    bed.singleton(a, CONTROL, Kind.Discrim);
    for (const slot of [EP, NTF, Slot.TCB, Slot.UNTYPED, Slot.SC, Slot.VSPACE])
      for (const label of [CNodeCopy, CNodeMint]) refuses(bed, a, fills(label, slotWord(60), source(slot, 15), 50), ErrorCode.InvalidCapability, 1);
    for (const [to, from, rights] of [[60, FRAME, (15 & ~Right.Write) | Right.Weak], [61, Slot.CNODE, (15 & ~Right.Write) | Right.Weak], [62, CONTROL, 15]] as const) {
      expect(bed.call(a, ...fills(CNodeCopy, slotWord(to), source(from, 15), 50))).toEqual(DONE);
      expect(bed.slot(a, to)!.rights).toBe(rights);
    }
  });
});

describe("ARG-UNTYPED", () => {
  test("001 VCPUs are made one at a time: else a RangeError", () => {
    const { bed, a } = setup();
    for (const count of [0, 2, 256]) refuses(bed, a, [Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.VCPU, 0, count), Slot.CNODE, 60], ErrorCode.RangeError, 0, 1, 1);
  });
});

describe("ARG-TCB", () => {
  test("001 SetSpace: CSpace and VSpace are there", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.TCB, I.TCBSetSpace, 0, NOWHERE, Slot.VSPACE], ErrorCode.FailedLookup, 1, 32);
    refuses(bed, a, [Slot.TCB, I.TCBSetSpace, 0, Slot.CNODE, NOWHERE], ErrorCode.FailedLookup, 2, 32);
  });
  test("002 SetIPCBuffer: the frame is there", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.TCB, I.TCBSetIPCBuffer, 0x5000_0000, NOWHERE], ErrorCode.FailedLookup, 1, 32);
  });
  test("003 SetPriority: the authority is there", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.TCB, I.TCBSetPriority, pair(1, 1), NOWHERE], ErrorCode.FailedLookup, 1, 32);
    refuses(bed, a, [Slot.TCB, I.TCBSetPriority, pair(1, 1), 99], ErrorCode.InvalidCapability, 1);
  });
  test("004 BindNotification: the notification is there", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.TCB, I.TCBBindNotification, NOWHERE], ErrorCode.FailedLookup, 0, 32);
    refuses(bed, a, [Slot.TCB, I.TCBBindNotification, pair(NTF, 1)], ErrorCode.FailedLookup, 0, 32);
  });
  test("005 Resume and Restart of a thread without VSpace are IllegalOperations", () => {
    const { bed, a } = setup();
    expect(bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.TCB), Slot.CNODE, 50)).toEqual(DONE);
    for (const label of [I.TCBResume, I.TCBRestart]) refuses(bed, a, [50, label], ErrorCode.IllegalOperation);
  });
  test("006 SetSpace of a thread that waits leaves it waiting; it goes on in the new spaces", () => {
    const { bed, a } = setup();
    const t = bed.thread("t");
    ([[Slot.TCB, 50], [Slot.CNODE, 51], [Slot.VSPACE, 52]] as const).forEach(([from, to]) => bed.share(t, from, a, to));
    bed.share(a, NTF, t, NTF);
    expect(bed.wait(t, NTF)).toBe("blocked");
    expect(bed.call(a, 50, I.TCBSetSpace, 0, 51, 52)).toEqual(DONE);
    expect(t.tcb.state).toBe(ThreadState.BlockedOnNotification);
    bed.signal(a, NTF);
    expect([t.tcb.state, bed.answer(t).error]).toEqual([ThreadState.Ready, 0]);
  });
});

describe("ARG-SC", () => {
  test("001 Bind: the thread is there", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.SC, I.SchedContextBind, NOWHERE], ErrorCode.FailedLookup, 0, 32);
    refuses(bed, a, [Slot.SC, I.SchedContextBind, 99], ErrorCode.InvalidCapability, 0);
  });
  test("002 another label is an IllegalOperation", () => {
    const { bed, a } = setup();
    for (const label of [0, I.SchedContextYieldTo + 1, I.SchedControlConfigure]) refuses(bed, a, [Slot.SC, label, Slot.TCB, 10, 10], ErrorCode.IllegalOperation);
  });
});

describe("ARG-FRAME", () => {
  test("001 FrameMap: the VSpace is there", () => {
    const { bed, a } = setup();
    refuses(bed, a, [FRAME, I.FrameMap, 0x2_4000, NOWHERE, Right.Read], ErrorCode.FailedLookup, 1, 32);
    refuses(bed, a, [FRAME, I.FrameMap, 0x2_4000, 99, Right.Read], ErrorCode.InvalidCapability, 1);
  });
});

describe("ARG-VCPU", () => {
  const vcpu = () => {
    const all = setup();
    all.bed.hold(all.a, INNER, Kind.VCPU, RetypeSize.VCPU.bits);
    return all;
  };
  test("001 windows of devices are limited: MachineLimit", () => {
    const { bed, a } = vcpu();
    for (let i = 0; i < Limit.MAX_DEVICES; i++) expect(bed.call(a, INNER, I.VCPUMapDevice, 0x1000_0000 + 8192 * i, 4096)).toEqual(DONE);
    refuses(bed, a, [INNER, I.VCPUMapDevice, 0x2000_0000, 4096], ErrorCode.MachineLimit);
  });
  test("002 more than four registers are not read without an IPC buffer: TruncatedMessage", () => {
    const { bed, a } = vcpu();
    expect(bed.call(a, Slot.TCB, I.TCBSetIPCBuffer, 0, 0)).toEqual(DONE);
    refuses(bed, a, [INNER, I.VCPUReadRegisters, pair(0, 5)], ErrorCode.TruncatedMessage);
    expect(bed.call(a, INNER, I.VCPUReadRegisters, pair(0, 4))).toMatchObject({ error: 0 });
  });
});

describe("ARG-IRQ", () => {
  const control = () => {
    const all = setup();
    all.bed.singleton(all.a, CONTROL, Kind.IRQControl);
    return all;
  };
  test("001 Get: the destination CNode is there", () => {
    const { bed, a } = control();
    refuses(bed, a, [CONTROL, I.IRQControlGet, 1, NOWHERE, slotWord(60)], ErrorCode.FailedLookup, 1, 32);
  });
  test("002 SetNotification: the notification is there", () => {
    const { bed, a } = control();
    expect(bed.call(a, CONTROL, I.IRQControlGet, 1, Slot.CNODE, slotWord(60))).toEqual(DONE);
    refuses(bed, a, [60, I.IRQHandlerSetNotification, NOWHERE], ErrorCode.FailedLookup, 0, 32);
  });
});

describe("ARG-HOSTED", () => {
  test("001 Bind: the thread is there", () => {
    const { bed, a } = setup();
    bed.singleton(a, CONTROL, Kind.HostedControl);
    refuses(bed, a, [CONTROL, I.HostedControlBind, NOWHERE, 0x1_0000, 4], ErrorCode.FailedLookup, 0, 32);
  });
});

describe("ARG-IO", () => {
  test("001 Unmap: the frame is there", () => {
    const { bed, a } = setup();
    install(bed.k, a.slots + CONTROL, Kind.IOSpace, createIoSpace(bed.k, 0), 15, 0);
    refuses(bed, a, [CONTROL, I.IOSpaceUnmap, NOWHERE], ErrorCode.FailedLookup, 0, 32);
  });
});

describe("ARG-CALL", () => {
  test("001 NBSend on what is not there, or is neither endpoint, reply nor notification", () => {
    const { bed, a } = setup();
    leavesAlone(bed, a, () => bed.nbsend(a, NOWHERE), failed(ErrorCode.FailedLookup, 0, 32));
    leavesAlone(bed, a, () => bed.nbsend(a, 99), failed(ErrorCode.InvalidCapability, 0));
    for (const slot of [Slot.TCB, Slot.CNODE, Slot.UNTYPED, Slot.VSPACE]) leavesAlone(bed, a, () => bed.nbsend(a, slot), failed(ErrorCode.IllegalOperation));
  });
  test("002 NBRecv and ReplyRecv on what cannot be received on, or with what is no free reply object, are capability faults", () => {
    for (const number of [Syscall.NBRecv, Syscall.ReplyRecv])
      for (const [slot, reply] of [[EMPTY, 0], [NOWHERE, 0], [Slot.TCB, 0], [33, 0], [EP, NTF], [EP, NOWHERE], [EP, 34]] as const) {
        const { bed, a } = setup();
        const b = bed.thread("b");
        bed.share(a, EP, a, 33, Right.Write);
        bed.hold(a, 34, Kind.Reply, 5);
        bed.share(a, EP, b, EP);
        bed.share(a, 34, b, 34);
        bed.recv(b, EP, 34);
        expect(bed.sys(a, number, slot, 0, [], reply)).toBe("fault");
        expect([a.tcb.faultLabel, a.tcb.faultWords[2]]).toEqual([Fault.Capability, slot]);
      }
  });
  test("003 a Signal without a badge adds nothing: it wakes who waits, with 0, and is gone when nobody does", () => {
    const { bed, a } = setup();
    const b = bed.thread("b");
    bed.share(a, NTF, b, NTF);
    expect(bed.signal(a, NTF)).toEqual(DONE);
    expect(bed.poll(a, NTF)).toEqual(failed(ErrorCode.WouldBlock));
    expect(bed.wait(b, NTF)).toBe("blocked");
    expect(bed.signal(a, NTF)).toEqual(DONE);
    expect([b.tcb.state, bed.answer(b)]).toEqual([ThreadState.Ready, DONE]);
  });
});
