// IO-*: what a device reaches: exactly what is mapped into its IOSpace, as long as the capability says so; and DMA-*, the IOMMU itself.
import { describe, expect, test } from "vitest";
import { ErrorCode, Invocation, Kind, MAP_EXECUTE, Right } from "../../../caps/abi/numbers.ts";
import { createIoSpace, IO_TOP, IOSPACE_MAPPINGS } from "../../../core/kernel/objects/iospace.ts";
import { install } from "../../../core/kernel/capabilities.ts";
import { takeInterrupts } from "../../../core/kernel/objects/irq.ts";
import { Iommu } from "../../../core/machine/iommu.ts";
import { answered, DONE, failed, KernelBed, pair, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import { refuses } from "./refusal.ts";

const { IOSpaceMap, IOSpaceUnmap, IOSpaceSetNotification, IOSpaceReadFault, FrameMap, FrameUnmap, CNodeDelete, CNodeCopy, CNodeRevoke, UntypedRetype } = Invocation;
const IO = 10, IO2 = 11, F = 20, BIG = 21, G = 22;
const R = Right.Read, W = Right.Write, RW = 3;

const setup = () => {
  const bed = new KernelBed();
  const a = bed.thread("a");
  [IO, IO2].forEach((slot, device) => install(bed.k, a.slots + slot, Kind.IOSpace, createIoSpace(bed.k, device), 15, 0));
  bed.hold(a, F, Kind.Frame, 12);
  bed.hold(a, BIG, Kind.Frame, 21);
  bed.hold(a, G, Kind.Frame, 12);
  const port = bed.machine.iommu.port(0);
  const at = (slot: number) => bed.physical(bed.k.objects.base[bed.slot(a, slot)!.object]!);
  return { bed, a, port, at, map: (frame: number, address: number, rights: number, io = IO) => bed.call(a, io, IOSpaceMap, frame, address, rights) };
};
const refused = (result: unknown) => result !== null && typeof result === "object" && "direction" in result;

describe("IO-MAP", () => {
  test("001 a device reaches nothing, then exactly the frame, with the rights given", () => {
    const { bed, port, at, map } = setup();
    expect(refused(port.read(0x4000, 1))).toBe(true);
    expect(map(F, 0x4000, R)).toEqual(DONE);
    at(F).setUint32(0, 0x1234_5678, true);
    expect(port.load32(0x4000)).toBe(0x1234_5678);
    expect(refused(port.store32(0x4000, 1))).toBe(true);
    expect(refused(port.read(0x3fff, 2))).toBe(true);
    expect(refused(port.read(0x4ffe, 3))).toBe(true);
    expect(refused(bed.machine.iommu.port(1).read(0x4000, 1))).toBe(true);
    expect(map(G, 0x8000, W)).toEqual(DONE);
    expect(port.write(0x8000, Uint8Array.of(5))).toBeNull();
    expect(refused(port.read(0x8000, 1))).toBe(true);
    expect(at(G).getUint8(0)).toBe(5);
  });
  test("002 large frames, and what overlaps", () => {
    const { bed, a, port, at, map } = setup();
    expect(map(BIG, 2 ** 21, RW)).toEqual(DONE);
    at(BIG).setUint8(2 ** 21 - 1, 9);
    expect(port.read(2 ** 22 - 1, 1)).toEqual(Uint8Array.of(9));
    refuseMapped(bed, a, 2 ** 21 + 4096);
    refuses(bed, a, [IO, IOSpaceMap, BIG, 2 ** 22, RW], ErrorCode.DeleteFirst);
    const { bed: other, a: b, map: place } = setup();
    expect(place(F, 2 ** 21 + 4096, RW)).toEqual(DONE);
    expect(other.call(b, IO, IOSpaceMap, BIG, 2 ** 21, RW)).toMatchObject({ error: ErrorCode.DeleteFirst });
  });
  /** A refusal by the IOMMU itself: the machine is asked, and nothing changes. */
  const refuseMapped = (bed: KernelBed, a: Parameters<KernelBed["call"]>[0], address: number) => {
    const before = bed.k.ioSpaces.map((io) => io?.mappings);
    expect(bed.call(a, IO, IOSpaceMap, G, address, RW)).toMatchObject({ error: ErrorCode.DeleteFirst });
    expect(bed.k.ioSpaces.map((io) => io?.mappings)).toEqual(before);
  };
  test("003 each argument is checked", () => {
    const { bed, a } = setup();
    refuses(bed, a, [IO, IOSpaceMap, Slot.TCB, 0, R], ErrorCode.InvalidCapability, 0);
    refuses(bed, a, [IO, IOSpaceMap, 999, 0, R], ErrorCode.FailedLookup, 0, 32);
    refuses(bed, a, [IO, IOSpaceMap, F, 0x4100, R], ErrorCode.AlignmentError, 1);
    refuses(bed, a, [IO, IOSpaceMap, BIG, 4096, R], ErrorCode.AlignmentError, 1);
    for (const address of [IO_TOP, 2n ** 64n - 4096n]) refuses(bed, a, [IO, IOSpaceMap, F, address, R], ErrorCode.RangeError, 1, 0, IO_TOP - 4096);
    for (const rights of [0, 4, R | MAP_EXECUTE, -1]) refuses(bed, a, [IO, IOSpaceMap, F, 0, rights], ErrorCode.InvalidArgument, 2);
    refuses(bed, a, [IO, IOSpaceMap, F, 0], ErrorCode.TruncatedMessage);
    refuses(bed, a, [IO, IOSpaceUnmap], ErrorCode.TruncatedMessage);
    refuses(bed, a, [IO, 0x1005, F, 0, R], ErrorCode.IllegalOperation);
  });
  test("004 a right the frame's capability lacks is not the device's", () => {
    const { bed, a } = setup();
    bed.share(a, F, a, 30, R);
    bed.share(a, F, a, 31, W);
    refuses(bed, a, [IO, IOSpaceMap, 30, 0, RW], ErrorCode.MissingRight, W);
    refuses(bed, a, [IO, IOSpaceMap, 31, 0, RW], ErrorCode.MissingRight, R);
  });
  test("005 a frame that is mapped, or is a device's own, is refused", () => {
    const { bed, a, map } = setup();
    expect(map(F, 0, R)).toEqual(DONE);
    refuses(bed, a, [IO2, IOSpaceMap, F, 0, R], ErrorCode.DeleteFirst);
    bed.k.objects.device[bed.slot(a, G)!.object] = 1;
    refuses(bed, a, [IO, IOSpaceMap, G, 4096, R], ErrorCode.InvalidCapability, 0);
  });
  test("006 a device does not write what a program executes, nor the other way round (WX-1)", () => {
    const { bed, a, map } = setup();
    bed.share(a, F, a, 30);
    expect(bed.call(a, 30, FrameMap, 0x2_4000, Slot.VSPACE, R | MAP_EXECUTE)).toEqual(DONE);
    refuses(bed, a, [IO, IOSpaceMap, F, 0, RW], ErrorCode.WriteXorExecute);
    expect(map(F, 0, R)).toEqual(DONE);
    expect(bed.call(a, 30, FrameUnmap)).toEqual(DONE);
    expect(bed.call(a, F, FrameUnmap)).toEqual(DONE);
    expect(map(F, 0, W)).toEqual(DONE);
    refuses(bed, a, [30, FrameMap, 0x2_4000, Slot.VSPACE, R | MAP_EXECUTE], ErrorCode.WriteXorExecute);
  });
  test("007 an IOSpace holds so many mappings and no more", () => {
    const { bed, a } = setup();
    bed.k.ioSpaces[bed.slot(a, IO)!.object]!.mappings = IOSPACE_MAPPINGS;
    expect(bed.k.ioSpaces[bed.slot(a, IO)!.object]!.mappings).toBe(1024);
    const before = bed.machine.log.length;
    expect(() => bed.call(a, IO, IOSpaceMap, F, 0, R)).toThrow("IOMMU-1");
    expect(bed.answer(a)).toMatchObject({ error: ErrorCode.MachineLimit });
    expect(bed.machine.log.length).toBe(before);
  });
});

describe("IO-UNMAP", () => {
  test("001 by invocation, FrameUnmap, deletion, revocation of the frame, and of its memory", () => {
    const ways: ((bed: KernelBed, a: ReturnType<typeof setup>["a"]) => unknown)[] = [
      (bed, a) => bed.call(a, IO, IOSpaceUnmap, 30),
      (bed, a) => bed.call(a, 30, FrameUnmap),
      (bed, a) => bed.finish(a, Slot.CNODE, CNodeDelete, slotWord(30)),
      (bed, a) => bed.finish(a, Slot.CNODE, CNodeRevoke, slotWord(29)),
      (bed, a) => bed.finish(a, Slot.CNODE, CNodeRevoke, slotWord(Slot.UNTYPED)),
    ];
    for (const way of ways) {
      const { bed, a, port, map } = setup();
      bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Frame, 12), Slot.CNODE, 29);
      bed.call(a, Slot.CNODE, CNodeCopy, slotWord(30), pair(29, 32 | (15 << 8)), Slot.CNODE);
      expect(map(30, 0x4000, RW)).toEqual(DONE);
      expect(refused(port.read(0x4000, 4))).toBe(false);
      expect(way(bed, a)).toEqual(DONE);
      expect(refused(port.read(0x4000, 4))).toBe(true);
      expect(map(G, 0x4000, RW)).toEqual(DONE);
    }
  });
  test("002 of a frame that is not mapped there is an InvalidCapability", () => {
    const { bed, a, map } = setup();
    refuses(bed, a, [IO, IOSpaceUnmap, F], ErrorCode.InvalidCapability, 0);
    expect(map(F, 0, R, IO2)).toEqual(DONE);
    refuses(bed, a, [IO, IOSpaceUnmap, F], ErrorCode.InvalidCapability, 0);
  });
  test("003 a deleted IOSpace leaves its device with nothing, and its frames can be unmapped", () => {
    const { bed, a, port, map } = setup();
    expect(map(F, 0x4000, RW)).toEqual(DONE);
    expect(bed.finish(a, Slot.CNODE, CNodeDelete, slotWord(IO))).toEqual(DONE);
    expect(refused(port.read(0x4000, 1))).toBe(true);
    expect(bed.call(a, F, FrameUnmap)).toEqual(DONE);
    expect(map(F, 0x4000, RW, IO2)).toEqual(DONE);
  });
});

describe("IO-RIGHTS", () => {
  test("001 a driver's capability maps and reads, its keeper's is told: each right is looked for", () => {
    const { bed, a } = setup();
    bed.give(a, 30, bed.make(Kind.Notification, 6), 15, 1);
    const without = (right: number) => {
      bed.share(a, IO, a, 40 + right, 15 - right);
      return 40 + right;
    };
    const unable = without(W);
    refuses(bed, a, [unable, IOSpaceMap, F, 0, R], ErrorCode.MissingRight, W);
    refuses(bed, a, [unable, IOSpaceUnmap, F], ErrorCode.MissingRight, W);
    refuses(bed, a, [without(Right.Grant), IOSpaceSetNotification, 30], ErrorCode.MissingRight, Right.Grant);
    const blind = without(R);
    refuses(bed, a, [blind, IOSpaceReadFault, 0], ErrorCode.MissingRight, R);
    expect(bed.call(a, blind, IOSpaceMap, F, 0, RW)).toEqual(DONE);
    expect(bed.call(a, blind, IOSpaceUnmap, F)).toEqual(DONE);
  });
});

describe("IO-FAULT", () => {
  const NTF = 30, BADGE = 2 ** 40 + 1;
  const told = () => {
    const all = setup(), { bed, a } = all;
    bed.give(a, NTF, bed.make(Kind.Notification, 6), 15, BADGE);
    expect(bed.call(a, IO, IOSpaceSetNotification, NTF)).toEqual(DONE);
    // The kernel looks at its lines when it chooses a thread.
    const poll = (notification = NTF) => {
      if (bed.machine.irq.pending) takeInterrupts(bed.k);
      return bed.poll(a, notification);
    };
    return { ...all, poll, read: (n: number | bigint) => bed.call(a, IO, IOSpaceReadFault, n) };
  };
  test("001 a refused access signals with the badge, once for several, and each can be read, more than once", () => {
    const { bed, port, poll, read, map } = told();
    expect(poll()).toEqual(failed(ErrorCode.WouldBlock));
    port.read(0x5008, 24);
    port.store16(0x1_2345_6000, 7);
    bed.machine.iommu.port(1).read(0, 1);
    expect(poll()).toEqual(answered(0, [], BADGE));
    expect(poll()).toEqual(failed(ErrorCode.WouldBlock));
    expect(read(0)).toEqual(answered(0, [2, 0x5008, 24]));
    expect(read(1)).toEqual(answered(0, [2, 0x1_2345_6000, 2 + 2 ** 32]));
    expect(read(0)).toEqual(answered(0, [2, 0x5008, 24]));
    expect(map(F, 0, R)).toEqual(DONE);
    port.read(0, 8);
    expect(poll()).toEqual(failed(ErrorCode.WouldBlock));
    port.read(4090, 8);
    expect(poll()).toEqual(answered(0, [], BADGE));
    expect(read(2)).toEqual(answered(0, [3, 4090, 8]));
  });
  test("002 what has not happened yet would block; what is too old is out of range, and the range is what is kept", () => {
    const { bed, a, port, read } = told();
    refuses(bed, a, [IO, IOSpaceReadFault, 0], ErrorCode.WouldBlock);
    for (let i = 0; i < 20; i++) port.read(4096 * i, 1);
    refuses(bed, a, [IO, IOSpaceReadFault, 3], ErrorCode.RangeError, 0, 4, 19);
    expect(read(4)).toEqual(answered(0, [20, 4 * 4096, 1]));
    refuses(bed, a, [IO, IOSpaceReadFault, 20], ErrorCode.WouldBlock);
    refuses(bed, a, [IO, IOSpaceReadFault, 2n ** 64n - 1n], ErrorCode.WouldBlock);
    port.read(2 ** 64, 8);
    expect(read(20)).toEqual(answered(0, [21, 2 ** 64 - 2048, 8]));
  });
  test("003 nobody is told after 0, nor after the notification is gone; and a later one is told of what comes then", () => {
    const { bed, a, port, poll } = told();
    expect(bed.call(a, IO, IOSpaceSetNotification, 0)).toEqual(DONE);
    port.read(0, 1);
    expect(poll()).toEqual(failed(ErrorCode.WouldBlock));
    expect(bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Notification), Slot.CNODE, 50)).toEqual(DONE);
    expect(bed.call(a, IO, IOSpaceSetNotification, 50)).toEqual(DONE);
    expect(bed.finish(a, Slot.CNODE, CNodeDelete, slotWord(50))).toEqual(DONE);
    expect(bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Notification), Slot.CNODE, 50)).toEqual(DONE);
    port.read(0, 1);
    expect(poll(50)).toEqual(failed(ErrorCode.WouldBlock));
    expect(bed.call(a, IO, IOSpaceSetNotification, NTF)).toEqual(DONE);
    expect(poll()).toEqual(failed(ErrorCode.WouldBlock));
    port.read(0, 1);
    expect(poll()).toEqual(answered(0, [], BADGE));
  });
  test("004 each argument is checked", () => {
    const { bed, a } = told();
    bed.share(a, NTF, a, 40, Right.Read);
    refuses(bed, a, [IO, IOSpaceSetNotification, 40], ErrorCode.MissingRight, W);
    refuses(bed, a, [IO, IOSpaceSetNotification, Slot.TCB], ErrorCode.InvalidCapability, 0);
    refuses(bed, a, [IO, IOSpaceSetNotification, 999], ErrorCode.FailedLookup, 0, 32);
    refuses(bed, a, [IO, IOSpaceSetNotification], ErrorCode.TruncatedMessage);
    refuses(bed, a, [IO, IOSpaceReadFault], ErrorCode.TruncatedMessage);
  });
});

describe("DMA", () => {
  const iommu = (unchecked = false) => {
    const ram = new ArrayBuffer(2 ** 20), written: [number, number][] = [], levels: boolean[] = [];
    const io = new Iommu(["d", "e"], { ram, ramBase: 0x8000_0000, written: (...w) => written.push(w) }, (level) => levels.push(level), unchecked);
    return { ram, written, levels, io };
  };
  test("001 an access across frames is one access: all of it is allowed, or nothing is done", () => {
    const { io, ram, written } = iommu();
    io.map(0, 0x1000, 0x8000_4000, 4096, RW);
    io.map(0, 0x2000, 0x8000_2000, 4096, RW);
    io.map(0, 0x3000, 0x8000_8000, 4096, R);
    const port = io.port(0), bytes = new Uint8Array(ram);
    expect(port.write(0x1ffe, Uint8Array.of(1, 2, 3, 4))).toBeNull();
    expect([bytes[0x4ffe], bytes[0x4fff], bytes[0x2000], bytes[0x2001]]).toEqual([1, 2, 3, 4]);
    expect(written).toEqual([[0x8000_4ffe, 2], [0x8000_2000, 2]]);
    expect(port.load32(0x1ffe)).toBe(0x0403_0201);
    expect(port.write(0x2ffe, Uint8Array.of(7, 7, 7))).toEqual({ address: 0x2ffe, bytes: 3, direction: "write" });
    expect([bytes[0x2ffe], bytes[0x2fff]]).toEqual([0, 0]);
    expect(port.store16(0x1fff, 0xbbaa)).toBeNull();
    expect([bytes[0x4fff], bytes[0x2000]]).toEqual([0xaa, 0xbb]);
  });
  test("002 faults have address, length and direction; the newest 16 of each device are kept, all are counted, and the line is high until each device was named", () => {
    const { io, levels } = iommu();
    for (let i = 0; i < 20; i++) io.port(1).read(i * 4096, 8);
    io.port(0).write(12, Uint8Array.of(1));
    expect([io.faultCount(0), io.faultCount(1)]).toEqual([1, 20]);
    expect([io.fault(1, 3), io.fault(1, 20), io.fault(0, 0)]).toEqual([null, null, { address: 12, bytes: 1, direction: "write" }]);
    expect(io.fault(1, 19)).toEqual({ address: 19 * 4096, bytes: 8, direction: "read" });
    expect(levels.every((level) => level)).toBe(true);
    expect([io.takeFaulted(), io.takeFaulted(), levels.at(-1), io.takeFaulted(), levels.at(-1)]).toEqual([0, 1, true, -1, false]);
    const other = iommu().io;
    other.faults = structuredClone(io.faults);
    expect([other.fault(1, 4), other.faultCount(1), other.takeFaulted()]).toEqual([io.fault(1, 4), 20, -1]);
  });
  test("003 addresses far out, or that no number holds, are refused", () => {
    const { io } = iommu();
    io.map(0, 0, 0x8000_0000, 4096, RW);
    for (const address of [2 ** 39, 2 ** 53, 2 ** 63, Infinity]) {
      expect(refused(io.port(0).read(address, 4))).toBe(true);
      expect(refused(io.port(0).load32(address))).toBe(true);
      expect(refused(io.port(0).store32(address, 1))).toBe(true);
    }
    expect(io.port(0).read(5, 0)).toEqual(new Uint8Array(0));
  });
  test("004 without translation what no mapping covers is RAM as it is, and nothing beyond it", () => {
    const { io, ram } = iommu(true);
    io.map(0, 0, 0x8000_1000, 4096, R);
    new Uint8Array(ram)[0x5000] = 9;
    expect(io.port(0).read(0x8000_5000, 1)).toEqual(Uint8Array.of(9));
    expect(io.port(0).write(0x8000_4ffe, Uint8Array.of(1, 2, 3))).toBeNull();
    expect(new Uint8Array(ram)[0x5000]).toBe(3);
    for (const address of [0x7fff_ffff, 0x800f_ffff, 0x4000]) expect(refused(io.port(0).read(address, 2))).toBe(true);
    expect(refused(io.port(0).write(0, Uint8Array.of(1)))).toBe(true);
  });
});
