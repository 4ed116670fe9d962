// PT-*, FRAME-*: page tables and frames. A mapping is there exactly as long as the capability that made it says so; what is taken away is flushed (VS-2).
import { describe, expect, test } from "vitest";
import { ErrorCode, Invocation, Kind, MAP_EXECUTE, Right } from "../../../caps/abi/numbers.ts";
import { translate, USER_TOP } from "../../../core/kernel/objects/vspace.ts";
import { DONE, KernelBed, pair, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import { BUFFER, type Program } from "../../support/testbed.ts";
import { refuses } from "./refusal.ts";

const { FrameMap, FrameUnmap, PageTableMap, PageTableUnmap, UntypedRetype, CNodeCopy, CNodeDelete, CNodeRevoke, TCBSetIPCBuffer } = Invocation;
const R = Right.Read, RW = Right.Read | Right.Write, RX = Right.Read | MAP_EXECUTE;
const GIB = 2 ** 30, MIB2 = 2 ** 21;
/** An address without tables. */
const FAR = 5 * GIB;

const setup = () => {
  const bed = new KernelBed();
  const a = bed.thread("a");
  /** Slots 20, 21: page tables. 22, 23: frames of 4 KiB. */
  bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.PageTable, 0, 2), Slot.CNODE, 20);
  bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Frame, 12, 2), Slot.CNODE, 22);
  const base = (slot: number, p: Program = a) => bed.k.objects.base[bed.slot(p, slot)!.object]!;
  const flushes = () => bed.machine.log.filter((l) => l === `flushSpace(${a.vspace.space})`).length;
  return {
    bed, a, base, flushes,
    map: (slot: number, address: number, rights: number, vspace: number = Slot.VSPACE) => bed.call(a, slot, FrameMap, address, vspace, rights),
    unmap: (slot: number) => bed.call(a, slot, FrameUnmap),
    table: (slot: number, address: number, vspace: number = Slot.VSPACE) => bed.call(a, slot, PageTableMap, address, vspace),
    copy: (to: number, from: number, rights = 15) => bed.call(a, Slot.CNODE, CNodeCopy, slotWord(to), pair(from, 32 | (rights << 8)), Slot.CNODE),
    remove: (slot: number) => bed.finish(a, Slot.CNODE, CNodeDelete, slotWord(slot)),
    at: (address: number, access: 0 | 1 | 2, v = a.vspace) => translate(bed.k, v, address, access),
  };
};

describe("PT-MAP", () => {
  test("001 goes in at the highest level that is missing: first 1 GiB, then 2 MiB", () => {
    const { bed, a, table, map, at, base } = setup();
    refuses(bed, a, [22, FrameMap, FAR, Slot.VSPACE, RW], ErrorCode.FailedLookup, 0, 30);
    expect(table(20, FAR)).toEqual(DONE);
    refuses(bed, a, [22, FrameMap, FAR, Slot.VSPACE, RW], ErrorCode.FailedLookup, 0, 21);
    expect(table(21, FAR)).toEqual(DONE);
    expect(map(22, FAR + 4096, RW)).toEqual(DONE);
    expect(at(FAR + 4096 + 8, 2)).toBe(base(22) + 8);
  });
  test("002 a table that is mapped, and a place that has one, are refused with DeleteFirst", () => {
    const { bed, a, table } = setup();
    refuses(bed, a, [20, PageTableMap, 0, Slot.VSPACE], ErrorCode.DeleteFirst);
    expect(table(20, FAR)).toEqual(DONE);
    refuses(bed, a, [20, PageTableMap, FAR + GIB, Slot.VSPACE], ErrorCode.DeleteFirst);
  });
  test("003 addresses are multiples of 2 MiB below 256 GiB", () => {
    const { bed, a } = setup();
    refuses(bed, a, [20, PageTableMap, FAR + 4096, Slot.VSPACE], ErrorCode.AlignmentError, 0);
    for (const address of [USER_TOP, 2n ** 39n, 2n ** 64n - BigInt(MIB2)]) refuses(bed, a, [20, PageTableMap, address, Slot.VSPACE], ErrorCode.RangeError, 0, 0, USER_TOP - MIB2);
  });
  test("004 wants a VSpace and two words; an unknown label is an IllegalOperation", () => {
    const { bed, a } = setup();
    refuses(bed, a, [20, PageTableMap, FAR, Slot.CNODE], ErrorCode.InvalidCapability, 1);
    refuses(bed, a, [20, PageTableMap, FAR, 4000], ErrorCode.FailedLookup, 1, 32);
    refuses(bed, a, [20, PageTableMap, FAR], ErrorCode.TruncatedMessage);
    refuses(bed, a, [20, FrameMap, FAR, Slot.VSPACE, RW], ErrorCode.IllegalOperation);
    refuses(bed, a, [Slot.VSPACE, PageTableMap, FAR, Slot.VSPACE], ErrorCode.IllegalOperation);
  });
  test("005 a large frame in the way is DeleteFirst", () => {
    const { bed, a, table, map } = setup();
    bed.hold(a, 30, Kind.Frame, 21);
    expect(table(20, FAR)).toEqual(DONE);
    expect(map(30, FAR, RW)).toEqual(DONE);
    refuses(bed, a, [21, PageTableMap, FAR, Slot.VSPACE], ErrorCode.DeleteFirst);
    refuses(bed, a, [22, FrameMap, FAR, Slot.VSPACE, RW], ErrorCode.FailedLookup, 0, 21);
  });
});

describe("PT-UNMAP", () => {
  test("001 takes all below it out of the space, and flushes it", () => {
    const { bed, a, table, map, at, flushes } = setup();
    table(20, FAR);
    table(21, FAR);
    map(22, FAR, RW);
    const before = flushes();
    expect(bed.call(a, 21, PageTableUnmap)).toEqual(DONE);
    expect(at(FAR, 1)).toBe(-1);
    expect(flushes()).toBe(before + 1);
    expect(bed.call(a, 21, PageTableUnmap)).toEqual(DONE);
  });
  test("002 a table that is mapped again brings nothing back: its old entries are gone", () => {
    const { bed, a, table, map, at, remove } = setup();
    table(20, FAR);
    table(21, FAR);
    map(22, FAR, RW);
    expect(bed.call(a, 21, PageTableUnmap)).toEqual(DONE);
    expect(table(21, FAR + MIB2)).toEqual(DONE);
    expect(at(FAR + MIB2, 1)).toBe(-1);
    expect(remove(22)).toEqual(DONE);
    expect(at(FAR + MIB2, 1)).toBe(-1);
  });
  test("003 an upper table that is mapped again does not lead to a lower one that may be gone", () => {
    const { bed, a, table, map, at, remove } = setup();
    table(20, FAR);
    table(21, FAR);
    map(22, FAR, RW);
    expect(bed.call(a, 20, PageTableUnmap)).toEqual(DONE);
    expect(remove(21)).toEqual(DONE);
    expect(table(20, FAR + GIB)).toEqual(DONE);
    expect(at(FAR + GIB, 1)).toBe(-1);
  });
  test("004 a table of a VSpace that is gone brings nothing into another", () => {
    const { bed, a, table, map, at, remove } = setup();
    bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.VSpace), Slot.CNODE, 30);
    table(20, FAR, 30);
    table(21, FAR, 30);
    map(22, FAR, RW, 30);
    expect(remove(30)).toEqual(DONE);
    for (const slot of [20, 21]) expect(bed.call(a, slot, PageTableUnmap)).toEqual(DONE);
    expect(table(20, FAR)).toEqual(DONE);
    expect(at(FAR, 1)).toBe(-1);
    expect(table(21, FAR)).toEqual(DONE);
    expect(at(FAR, 1)).toBe(-1);
  });
  test("005 a table has one place: it cannot be copied to have another", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(40), pair(20, 32 | (15 << 8)), Slot.CNODE], ErrorCode.IllegalOperation);
  });
  test("006 deleting a mapped table unmaps it", () => {
    const { table, map, at, remove } = setup();
    table(20, FAR);
    table(21, FAR);
    map(22, FAR, RW);
    expect(remove(20)).toEqual(DONE);
    expect(at(FAR, 1)).toBe(-1);
  });
});

describe("FRAME-MAP", () => {
  const ADDRESS = 0x2_4000;
  test("001 maps 4 KiB with the rights asked for", () => {
    const { map, at, base } = setup();
    expect(map(22, ADDRESS, R)).toEqual(DONE);
    expect([at(ADDRESS + 4095, 1), at(ADDRESS, 2), at(ADDRESS, 0)]).toEqual([base(22) + 4095, -1, -1]);
    expect(map(23, ADDRESS + 4096, RX)).toEqual(DONE);
    expect([at(ADDRESS + 4096, 1), at(ADDRESS + 4096, 2), at(ADDRESS + 4096, 0)]).toEqual([base(23), -1, base(23)]);
  });
  test("002 maps 2 MiB at once", () => {
    const { bed, a, table, map, at, base } = setup();
    bed.hold(a, 30, Kind.Frame, 21);
    table(20, FAR);
    expect(map(30, FAR + MIB2, RW)).toEqual(DONE);
    expect(at(FAR + 2 * MIB2 - 1, 2)).toBe(base(30) + MIB2 - 1);
    expect(at(FAR + 2 * MIB2, 1)).toBe(-1);
    refuses(bed, a, [30, FrameMap, FAR + 4096, Slot.VSPACE, RW], ErrorCode.AlignmentError, 0);
  });
  test("003 again at the same address changes the rights, and flushes", () => {
    const { bed, a, map, at, flushes, base } = setup();
    map(22, ADDRESS, RW);
    const before = flushes();
    expect(map(22, ADDRESS, R)).toEqual(DONE);
    expect(at(ADDRESS, 2)).toBe(-1);
    expect(flushes()).toBe(before + 1);
    expect(map(22, ADDRESS, RX)).toEqual(DONE);
    expect(at(ADDRESS, 0)).toBe(base(22));
    refuses(bed, a, [22, FrameMap, ADDRESS + 4096, Slot.VSPACE, R], ErrorCode.DeleteFirst);
  });
  test("004 a page that is mapped is not replaced: DeleteFirst", () => {
    const { bed, a, map } = setup();
    map(22, ADDRESS, RW);
    refuses(bed, a, [23, FrameMap, ADDRESS, Slot.VSPACE, RW], ErrorCode.DeleteFirst);
  });
  test("005 writable and executable is refused, in one mapping and across mappings (WX-1)", () => {
    const { bed, a, map, copy, unmap } = setup();
    refuses(bed, a, [22, FrameMap, ADDRESS, Slot.VSPACE, RW | MAP_EXECUTE], ErrorCode.WriteXorExecute);
    map(22, ADDRESS, RW);
    copy(30, 22);
    refuses(bed, a, [30, FrameMap, ADDRESS + 4096, Slot.VSPACE, RX], ErrorCode.WriteXorExecute);
    expect(unmap(22)).toEqual(DONE);
    expect(map(30, ADDRESS + 4096, RX)).toEqual(DONE);
    refuses(bed, a, [22, FrameMap, ADDRESS, Slot.VSPACE, RW], ErrorCode.WriteXorExecute);
    expect(map(22, ADDRESS, R)).toEqual(DONE);
    refuses(bed, a, [22, FrameMap, ADDRESS, Slot.VSPACE, RW], ErrorCode.WriteXorExecute);
  });
  test("006 across VSpaces too", () => {
    const { bed, a, map } = setup();
    const b = bed.thread("b");
    bed.share(a, 22, b, 22);
    map(22, ADDRESS, RW);
    refuses(bed, b, [22, FrameMap, ADDRESS, Slot.VSPACE, RX], ErrorCode.WriteXorExecute);
  });
  test("007 a capability without a right gives no mapping with it", () => {
    const { bed, a, copy, map } = setup();
    copy(30, 22, R);
    copy(31, 22, Right.Write);
    copy(32, 22, 0);
    refuses(bed, a, [30, FrameMap, ADDRESS, Slot.VSPACE, RW], ErrorCode.MissingRight, Right.Write);
    refuses(bed, a, [31, FrameMap, ADDRESS, Slot.VSPACE, RW], ErrorCode.MissingRight, Right.Read);
    // What may be executed is read by it.
    for (const slot of [31, 32]) refuses(bed, a, [slot, FrameMap, ADDRESS, Slot.VSPACE, MAP_EXECUTE], ErrorCode.MissingRight, Right.Read);
    expect(map(30, ADDRESS, RX)).toEqual(DONE);
  });
  test("008 rights are Read, Write and Execute, and something of them", () => {
    const { bed, a } = setup();
    for (const rights of [0, Right.Write, 4, 64, R | 16, -1]) refuses(bed, a, [22, FrameMap, ADDRESS, Slot.VSPACE, rights], ErrorCode.InvalidArgument, 2);
  });
  test("009 addresses are multiples of the frame's size below 256 GiB", () => {
    const { bed, a } = setup();
    refuses(bed, a, [22, FrameMap, ADDRESS + 8, Slot.VSPACE, R], ErrorCode.AlignmentError, 0);
    for (const address of [USER_TOP, 2n ** 63n]) refuses(bed, a, [22, FrameMap, address, Slot.VSPACE, R], ErrorCode.RangeError, 0, 0, USER_TOP - 4096);
  });
  test("010 wants a VSpace and three words; an unknown label is an IllegalOperation", () => {
    const { bed, a } = setup();
    refuses(bed, a, [22, FrameMap, ADDRESS, 20, R], ErrorCode.InvalidCapability, 1);
    refuses(bed, a, [22, FrameMap, ADDRESS, Slot.VSPACE], ErrorCode.TruncatedMessage);
    refuses(bed, a, [22, PageTableMap, ADDRESS, Slot.VSPACE], ErrorCode.IllegalOperation);
  });
  test("011 device memory cannot be executed", () => {
    const { bed, a, map } = setup();
    bed.k.objects.device[bed.slot(a, 22)!.object] = 1;
    refuses(bed, a, [22, FrameMap, ADDRESS, Slot.VSPACE, RX], ErrorCode.InvalidArgument, 2);
    expect(map(22, ADDRESS, RW)).toEqual(DONE);
  });
  test("012 what an engine knows of the memory is dropped before it is executed", () => {
    const { bed, map, base } = setup();
    bed.machine.log.length = 0;
    map(22, ADDRESS, RX);
    expect(bed.machine.log).toContain(`invalidate(${base(22).toString(16)},4096)`);
  });
  test("014 while it is executable somewhere it is not dropped again: nobody can have written to it", () => {
    const { bed, a, map, unmap, base } = setup();
    const dropped = (): number => bed.machine.log.filter((line) => line === `invalidate(${base(22).toString(16)},4096)`).length;
    expect(bed.call(a, Slot.CNODE, CNodeCopy, slotWord(40), pair(22, 32 | (15 << 8)), Slot.CNODE)).toEqual(DONE);
    bed.machine.log.length = 0;
    map(22, ADDRESS, RX);
    expect(dropped()).toBe(1);
    expect(map(40, ADDRESS + 0x1000, RX)).toEqual(DONE);
    expect(dropped()).toBe(1);
    unmap(22);
    expect(map(22, ADDRESS, RX)).toEqual(DONE);
    expect(dropped()).toBe(1);
    // A guest may have written, whatever is executable.
    const page = bed.k.pages[bed.slot(a, 22)!.object]!;
    page.guests = 1;
    unmap(22);
    map(22, ADDRESS, RX);
    expect(dropped()).toBe(2);
    page.guests = 0;
    unmap(22);
    unmap(40);
    expect(map(40, ADDRESS, RW)).toEqual(DONE);
    unmap(40);
    map(22, ADDRESS, RX);
    expect(dropped()).toBe(3);
  });
  test("013 through a weak capability nothing is executed: whoever may write elsewhere could tell", () => {
    const { bed, a, map } = setup();
    expect(bed.call(a, Slot.CNODE, CNodeCopy, slotWord(40), pair(22, 32 | ((15 | Right.Weak) << 8)), Slot.CNODE)).toEqual(DONE);
    refuses(bed, a, [40, FrameMap, ADDRESS, Slot.VSPACE, RX], ErrorCode.InvalidArgument, 2);
    expect(map(22, ADDRESS, RW)).toEqual(DONE);
    refuses(bed, a, [40, FrameMap, ADDRESS + 0x1000, Slot.VSPACE, RX], ErrorCode.InvalidArgument, 2);
    expect(bed.call(a, 40, FrameMap, ADDRESS + 0x1000, Slot.VSPACE, Right.Read)).toEqual(DONE);
  });
});

describe("FRAME-UNMAP", () => {
  const ADDRESS = 0x2_4000;
  test("001 by invocation, by deletion and by revocation; each flushes", () => {
    const { bed, a, map, unmap, at, copy, remove, flushes } = setup();
    const ways = [() => unmap(30), () => remove(30), () => bed.finish(a, Slot.CNODE, CNodeRevoke, slotWord(22))];
    for (const way of ways) {
      if (bed.slot(a, 30) === null) copy(30, 22);
      expect(map(30, ADDRESS, RW)).toEqual(DONE);
      const before = flushes();
      expect(way()).toEqual(DONE);
      expect(at(ADDRESS, 1)).toBe(-1);
      expect(flushes()).toBe(before + 1);
    }
  });
  test("002 takes away its own mapping only", () => {
    const { map, unmap, at, copy, base } = setup();
    copy(30, 22);
    map(22, ADDRESS, RW);
    map(30, ADDRESS + 4096, R);
    unmap(22);
    expect([at(ADDRESS, 1), at(ADDRESS + 4096, 1)]).toEqual([-1, base(22)]);
  });
  test("003 of a frame whose VSpace is gone, and whose place another space has, leaves that alone", () => {
    const { bed, a, table, map, unmap, remove, at, base } = setup();
    bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.VSpace), Slot.CNODE, 30);
    table(20, FAR, 30);
    table(21, FAR, 30);
    map(22, FAR, RW, 30);
    expect(remove(30)).toEqual(DONE);
    bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.VSpace), Slot.CNODE, 31);
    bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.PageTable, 0, 2), Slot.CNODE, 32);
    table(32, FAR, 31);
    table(33, FAR, 31);
    map(23, FAR, RW, 31);
    expect(unmap(22)).toEqual(DONE);
    expect(at(FAR, 1, bed.k.vspaces[bed.slot(a, 31)!.object]!)).toBe(base(23));
    expect(map(22, ADDRESS, RW)).toEqual(DONE);
  });
  test("004 of what is mapped nowhere is done already", () => {
    const { unmap } = setup();
    expect(unmap(22)).toEqual(DONE);
  });
});

describe("BUFFER-WX", () => {
  test("001 the kernel writes messages into an IPC buffer, so its frame is not executable (WX-1)", () => {
    const { bed, a, map, copy } = setup();
    copy(30, 22);
    map(30, 0x2_4000, RX);
    refuses(bed, a, [Slot.TCB, TCBSetIPCBuffer, 0x2_5000, 22], ErrorCode.WriteXorExecute);
    expect(bed.call(a, 30, FrameUnmap)).toEqual(DONE);
    expect(bed.call(a, Slot.TCB, TCBSetIPCBuffer, 0x2_5000, 22)).toEqual(DONE);
    refuses(bed, a, [30, FrameMap, 0x2_4000, Slot.VSPACE, RX], ErrorCode.WriteXorExecute);
    expect(bed.call(a, Slot.TCB, TCBSetIPCBuffer, BUFFER, 0)).toEqual(DONE);
    expect(map(30, 0x2_4000, RX)).toEqual(DONE);
  });
});
