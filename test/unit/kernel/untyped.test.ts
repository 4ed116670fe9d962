// UNTYPED-*: Untyped.Retype.
import { describe, expect, test } from "vitest";
import { ErrorCode, Invocation, Kind, RetypeSize, type RetypeName } from "../../../caps/abi/numbers.ts";
import { DONE, KernelBed, pair, retypeWord, Slot, slotWord, UNTYPED_BITS } from "../../support/kernel-bed.ts";
import { refuses } from "./refusal.ts";

const { UntypedRetype, CNodeDelete, CNodeRevoke, CNodeCopy } = Invocation;
const setup = () => {
  const bed = new KernelBed();
  const a = bed.thread("a");
  const retype = (what: number, first: number, cnode: number = Slot.CNODE, from: number = Slot.UNTYPED) => bed.call(a, from, UntypedRetype, what, cnode, first);
  const left = (from: number = Slot.UNTYPED) => {
    const id = bed.slot(a, from)!.object, o = bed.k.objects;
    return o.size(id) - (o.children[id] === 0 ? 0 : o.watermark[id]!);
  };
  return { bed, a, retype, left };
};

describe("UNTYPED-RETYPE", () => {
  test("001 makes every kind of object, of its size, with all rights, from the Untyped's memory", () => {
    const { bed, a } = setup();
    bed.give(a, 10, bed.make(Kind.Untyped, 23));
    const retype = (what: number, first: number) => bed.call(a, 10, UntypedRetype, what, Slot.CNODE, first);
    const names = Object.keys(RetypeSize) as RetypeName[];
    names.forEach((name, i) => {
      const size = RetypeSize[name];
      const sizeBits = size.sized ? Math.max(size.min, 5) : 0;
      expect(retype(retypeWord(Kind[name], sizeBits), Slot.FIRST + i)).toEqual(DONE);
      const made = bed.slot(a, Slot.FIRST + i)!;
      expect(made).toMatchObject({ kind: Kind[name], rights: 15, badge: 0 });
      expect(bed.k.objects.bits[made.object]).toBe(size.bits + (size.sized ? sizeBits : 0));
      expect(bed.k.objects.parent[made.object]).toBe(bed.slot(a, 10)!.object);
      expect(bed.k.objects.base[made.object]! % 2 ** bed.k.objects.bits[made.object]!).toBe(0);
    });
  });
  test("002 makes up to 256 objects at once, in consecutive slots", () => {
    const { bed, a, retype } = setup();
    expect(retype(retypeWord(Kind.CNode, 9), 20)).toEqual(DONE);
    expect(retype(retypeWord(Kind.Endpoint, 0, 256), 100, 20)).toEqual(DONE);
    const first = bed.k.cnodes[bed.slot(a, 20)!.object]!.first;
    const made = new Set(Array.from({ length: 256 }, (_, i) => bed.k.slots.object[first + 100 + i]));
    expect(made.size).toBe(256);
  });
  test("003 a size in bits that the kind does not have is an InvalidArgument", () => {
    const { bed, a } = setup();
    for (const what of [retypeWord(Kind.Null), retypeWord(99), retypeWord(Kind.IRQControl), retypeWord(Kind.IRQHandler), retypeWord(Kind.IOSpace), retypeWord(Kind.SchedControl),
      retypeWord(Kind.Untyped, 4), retypeWord(Kind.Untyped, 39), retypeWord(Kind.CNode, 0), retypeWord(Kind.CNode, 21), retypeWord(Kind.Frame, 11), retypeWord(Kind.Frame, 13), retypeWord(Kind.Frame, 22)])
      refuses(bed, a, [Slot.UNTYPED, UntypedRetype, what, Slot.CNODE, 20], ErrorCode.InvalidArgument, 0);
  });
  test("004 a count of 0 or more than 256 is a RangeError", () => {
    const { bed, a } = setup();
    for (const count of [0, 257, 65535]) refuses(bed, a, [Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Endpoint, 0, count), Slot.CNODE, 20], ErrorCode.RangeError, 0, 1, 256);
  });
  test("005 fewer than three words are a TruncatedMessage", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE], ErrorCode.TruncatedMessage);
  });
  test("006 another label is an IllegalOperation", () => {
    const { bed, a } = setup();
    for (const label of [0, 1, 0x102, CNodeCopy, 0x7ffff]) refuses(bed, a, [Slot.UNTYPED, label, 0, 0, 0, 0], ErrorCode.IllegalOperation);
  });
  test("007 the destination must be a CNode that is there", () => {
    const { bed, a } = setup();
    const what = retypeWord(Kind.Endpoint);
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, what, Slot.TCB, 20], ErrorCode.InvalidCapability, 1);
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, what, 99, 20], ErrorCode.InvalidCapability, 1);
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, what, 999, 20], ErrorCode.FailedLookup, 1, 32);
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, what, pair(Slot.CNODE, 1), 20], ErrorCode.FailedLookup, 1, 32);
  });
  test("008 slots beyond the CNode are a RangeError, occupied ones DeleteFirst, and then none is made", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Endpoint, 0, 8), Slot.CNODE, 249], ErrorCode.RangeError, 2, 0, 248);
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, 2n ** 64n - 1n], ErrorCode.RangeError, 2, 0, 255);
    bed.hold(a, 23, Kind.Endpoint, 5);
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Endpoint, 0, 8), Slot.CNODE, 20], ErrorCode.DeleteFirst);
  });
  test("009 too little memory is refused with what is left, to the payer only", () => {
    const { bed, a, retype, left } = setup();
    const b = bed.thread("b");
    expect(retype(retypeWord(Kind.Frame, 12, 200), 20)).toEqual(DONE);
    const bytes = left();
    expect(bytes).toBe(2 ** UNTYPED_BITS - 200 * 4096);
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Untyped, 19), Slot.CNODE, 230], ErrorCode.NotEnoughMemory, bytes);
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Untyped, 38), Slot.CNODE, 230], ErrorCode.NotEnoughMemory, bytes);
    expect(bed.call(b, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Frame, 12, 200), Slot.CNODE, 20)).toEqual(DONE);
  });
  test("010 the machine's tables are finite: MachineLimit, and memory stays", () => {
    const { bed, a, retype, left } = setup();
    const before = left();
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, retypeWord(Kind.TCB, 0, bed.machine.maxThreads), Slot.CNODE, 20], ErrorCode.MachineLimit);
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, retypeWord(Kind.VSpace, 0, bed.machine.maxSpaces), Slot.CNODE, 20], ErrorCode.MachineLimit);
    expect(left()).toBe(before);
    bed.give(a, 10, bed.make(Kind.Untyped, 23));
    const vcpu = retypeWord(Kind.VCPU);
    for (let i = 0; i < bed.machine.maxVcpus; i++) expect(bed.call(a, 10, UntypedRetype, vcpu, Slot.CNODE, 20 + i)).toEqual(DONE);
    refuses(bed, a, [10, UntypedRetype, vcpu, Slot.CNODE, 29], ErrorCode.MachineLimit);
    expect(retype(retypeWord(Kind.TCB, 0, bed.machine.maxThreads - 1), 30)).toEqual(DONE);
    expect(retype(retypeWord(Kind.VSpace, 0, bed.machine.maxSpaces - 1), 80)).toEqual(DONE);
  });
  test("011 frames and tables start as zeros whatever the memory held before", () => {
    const { bed, a, retype } = setup();
    for (const kind of [Kind.Frame, Kind.PageTable, Kind.VSpace]) {
      expect(retype(retypeWord(Kind.Frame, 12), 20)).toEqual(DONE);
      const base = bed.k.objects.base[bed.slot(a, 20)!.object]!;
      bed.physical(base).setBigUint64(8, 0x1234_5678_9abc_def0n, true);
      expect(bed.call(a, Slot.CNODE, CNodeDelete, slotWord(20))).toEqual(DONE);
      expect(retype(retypeWord(kind, kind === Kind.Frame ? 12 : 0), 20)).toEqual(DONE);
      expect(bed.k.objects.base[bed.slot(a, 20)!.object]).toBe(base);
      expect(bed.physical(base).getBigUint64(8, true)).toBe(0n);
      expect(bed.call(a, Slot.CNODE, CNodeDelete, slotWord(20))).toEqual(DONE);
    }
  });
  test("012 a child Untyped hands out cleared memory too", () => {
    const { bed, a, retype } = setup();
    expect(retype(retypeWord(Kind.Frame, 12), 20)).toEqual(DONE);
    const base = bed.k.objects.base[bed.slot(a, 20)!.object]!;
    bed.physical(base).setUint8(0, 7);
    expect(bed.call(a, Slot.CNODE, CNodeDelete, slotWord(20))).toEqual(DONE);
    expect(retype(retypeWord(Kind.Untyped, 14), 20)).toEqual(DONE);
    expect(retype(retypeWord(Kind.Frame, 12), 21, Slot.CNODE, 20)).toEqual(DONE);
    expect(bed.k.objects.base[bed.slot(a, 21)!.object]).toBe(base);
    expect(bed.physical(base).getUint8(0)).toBe(0);
  });
  test("013 memory comes back only when nothing made from the Untyped is alive", () => {
    const { bed, a, retype, left } = setup();
    expect(retype(retypeWord(Kind.Frame, 12, 2), 20)).toEqual(DONE);
    expect(bed.call(a, Slot.CNODE, CNodeDelete, slotWord(21))).toEqual(DONE);
    expect(left()).toBe(2 ** UNTYPED_BITS - 8192);
    expect(bed.call(a, Slot.CNODE, CNodeDelete, slotWord(20))).toEqual(DONE);
    expect(left()).toBe(2 ** UNTYPED_BITS);
  });
  test("014 deleting an Untyped in the middle does not free memory that its objects still are (UT-1, OBJ-2)", () => {
    const { bed, a, retype, left } = setup();
    expect(retype(retypeWord(Kind.Untyped, 14), 20)).toEqual(DONE);
    expect(retype(retypeWord(Kind.Frame, 12), 21, Slot.CNODE, 20)).toEqual(DONE);
    expect(bed.call(a, Slot.CNODE, CNodeDelete, slotWord(20))).toEqual(DONE);
    expect(left()).toBe(2 ** UNTYPED_BITS - 2 ** 14);
    // Ids and memory may be used again: not those of the Untyped whose frame lives.
    expect(retype(retypeWord(Kind.Untyped, 14), 22)).toEqual(DONE);
    expect(retype(retypeWord(Kind.Endpoint), 23, Slot.CNODE, 22)).toEqual(DONE);
    expect(bed.call(a, Slot.CNODE, CNodeDelete, slotWord(21))).toEqual(DONE);
    expect(left(22)).toBe(2 ** 14 - 32);
    expect(bed.call(a, Slot.CNODE, CNodeDelete, slotWord(23))).toEqual(DONE);
    expect(bed.call(a, Slot.CNODE, CNodeDelete, slotWord(22))).toEqual(DONE);
    expect(left()).toBe(2 ** UNTYPED_BITS);
  });
  test("015 an Untyped with a copy is refused with RevokeFirst: two capabilities never hand out of one memory", () => {
    const { bed, a, retype } = setup();
    expect(bed.call(a, Slot.CNODE, CNodeCopy, slotWord(20), pair(Slot.UNTYPED, 32 | (15 << 8)), Slot.CNODE)).toEqual(DONE);
    refuses(bed, a, [Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, 30], ErrorCode.RevokeFirst);
    expect(retype(retypeWord(Kind.Endpoint), 30, Slot.CNODE, 20)).toEqual(DONE);
    expect(bed.finish(a, Slot.CNODE, CNodeRevoke, slotWord(Slot.UNTYPED))).toEqual(DONE);
    expect(bed.slot(a, 20)).toBeNull();
    expect(bed.slot(a, 30)).toBeNull();
    expect(retype(retypeWord(Kind.Endpoint), 30)).toEqual(DONE);
  });
  test("016 an Untyped that fills its parent from the bottom cannot revoke a copy of the parent", () => {
    const { bed, a, retype } = setup();
    expect(retype(retypeWord(Kind.Untyped, 15), 20)).toEqual(DONE);
    expect(bed.call(a, Slot.CNODE, CNodeCopy, slotWord(23), pair(20, 32 | (15 << 8)), Slot.CNODE)).toEqual(DONE);
    expect(retype(retypeWord(Kind.Untyped, 15), 21, Slot.CNODE, 23)).toEqual(DONE);
    expect(retype(retypeWord(Kind.Untyped, 14), 22, Slot.CNODE, 21)).toEqual(DONE);
    for (const slot of [22, 21]) {
      expect(bed.finish(a, Slot.CNODE, CNodeRevoke, slotWord(slot))).toEqual(DONE);
      expect(bed.slot(a, 20)).not.toBeNull();
      expect(bed.slot(a, 23)).not.toBeNull();
    }
    expect(bed.slot(a, 22)).toBeNull();
    expect(bed.slot(a, 21)).not.toBeNull();
  });
  test("017 device memory becomes Frames and Untypeds only, and is not cleared", () => {
    const { bed, a, retype } = setup();
    const row = bed.hold(a, 20, Kind.Untyped, 13);
    const id = bed.k.slots.object[row]!;
    bed.k.objects.device[id] = 1;
    bed.k.objects.clean[id] = 8192;
    bed.physical(bed.k.objects.base[id]!).setUint8(5, 9);
    for (const name of Object.keys(RetypeSize) as RetypeName[]) {
      if (name === "Frame" || name === "Untyped") continue;
      refuses(bed, a, [20, UntypedRetype, retypeWord(Kind[name], name === "CNode" ? 2 : 0), Slot.CNODE, 30], ErrorCode.IllegalOperation);
    }
    expect(retype(retypeWord(Kind.Untyped, 12), 30, Slot.CNODE, 20)).toEqual(DONE);
    expect(retype(retypeWord(Kind.Frame, 12), 31, Slot.CNODE, 30)).toEqual(DONE);
    expect(bed.k.objects.device[bed.slot(a, 31)!.object]).toBe(1);
    expect(bed.physical(bed.k.objects.base[id]!).getUint8(5)).toBe(9);
    refuses(bed, a, [30, UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, 32], ErrorCode.IllegalOperation);
  });
});
