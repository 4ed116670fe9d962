// CNODE-ROTATE-*: two moves at once.
import { describe, expect, test } from "vitest";
import { ErrorCode, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { DONE, KernelBed, pair, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import { refuses } from "./refusal.ts";

const I = Invocation;
const A = 20, B = 21, FREE = 22;
const HERE = pair(Slot.CNODE, Slot.CNODE);

const setup = () => {
  const bed = new KernelBed();
  const a = bed.thread("a");
  expect(bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, A)).toEqual(DONE);
  bed.hold(a, B, Kind.Frame, 12);
  const rotate = (to: number, pivot: number, from: number) => bed.call(a, Slot.CNODE, I.CNodeRotate, slotWord(to), slotWord(pivot), slotWord(from), HERE);
  return { bed, a, rotate };
};

describe("CNODE-ROTATE", () => {
  test("001 pivot to the destination, source to the pivot", () => {
    const { bed, a, rotate } = setup();
    const [endpoint, frame] = [bed.slot(a, A)!.object, bed.slot(a, B)!.object];
    expect(rotate(FREE, A, B)).toEqual(DONE);
    expect([bed.slot(a, FREE)!.object, bed.slot(a, A)!.object, bed.slot(a, B)]).toEqual([endpoint, frame, null]);
  });
  test("002 with the source as destination the two change places, also when one stands next to the other in the derivation order", () => {
    const { bed, a, rotate } = setup();
    const [endpoint, frame] = [bed.slot(a, A)!.object, bed.slot(a, B)!.object];
    expect(rotate(B, A, B)).toEqual(DONE);
    expect([bed.slot(a, A)!.object, bed.slot(a, B)!.object]).toEqual([frame, endpoint]);
    expect(bed.call(a, Slot.CNODE, I.CNodeMint, slotWord(30), pair(B, 32 | (15 << 8)), Slot.CNODE, 5)).toEqual(DONE);
    expect(rotate(30, B, 30)).toEqual(DONE);
    expect(bed.slot(a, B)).toMatchObject({ object: endpoint, badge: 5 });
    // The badged one still descends from the other, wherever they stand.
    expect(bed.finish(a, Slot.CNODE, I.CNodeRevoke, slotWord(30))).toEqual(DONE);
    expect(bed.slot(a, B)).toBeNull();
  });
  test("003 mappings go along", () => {
    const { bed, a, rotate } = setup();
    expect(bed.call(a, B, I.FrameMap, 0x2_4000, Slot.VSPACE, Right.Read)).toEqual(DONE);
    expect(rotate(FREE, B, A)).toEqual(DONE);
    expect(bed.call(a, FREE, I.FrameUnmap)).toEqual(DONE);
  });
  test("004 across CNodes", () => {
    const { bed, a } = setup();
    expect(bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.CNode, 4), Slot.CNODE, 40)).toEqual(DONE);
    expect(bed.call(a, 40, I.CNodeRotate, slotWord(3, 4), slotWord(A), slotWord(B), HERE)).toEqual(DONE);
    expect(bed.slot(a, A)!.kind).toBe(Kind.Frame);
    expect(bed.call(a, Slot.CNODE, I.CNodeRotate, slotWord(B), slotWord(3, 4), slotWord(A), pair(40, Slot.CNODE))).toEqual(DONE);
    expect([bed.slot(a, B)!.kind, bed.slot(a, A)]).toEqual([Kind.Endpoint, null]);
  });
  test("005 pivot and source hold something, the destination nothing: InvalidCapability, DeleteFirst", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(FREE), slotWord(99), slotWord(B), HERE], ErrorCode.InvalidCapability, 1);
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(FREE), slotWord(A), slotWord(99), HERE], ErrorCode.InvalidCapability, 2);
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(Slot.TCB), slotWord(A), slotWord(B), HERE], ErrorCode.DeleteFirst);
  });
  test("006 the pivot is a slot of its own: InvalidArgument", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(A), slotWord(A), slotWord(B), HERE], ErrorCode.InvalidArgument, 1);
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(FREE), slotWord(A), slotWord(A), HERE], ErrorCode.InvalidArgument, 1);
  });
  test("007 wants four words, CNodes that are there, and places in them", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(FREE), slotWord(A), slotWord(B)], ErrorCode.TruncatedMessage);
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(FREE), slotWord(A), slotWord(B), pair(Slot.TCB, Slot.CNODE)], ErrorCode.InvalidCapability, 3);
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(FREE), slotWord(A), slotWord(B), pair(Slot.CNODE, 99)], ErrorCode.InvalidCapability, 3);
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(FREE), slotWord(A), slotWord(B), pair(2 ** 20, Slot.CNODE)], ErrorCode.FailedLookup, 3, 32);
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(FREE), slotWord(A, 33), slotWord(B), HERE], ErrorCode.RangeError, 1, 1, 32);
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(FREE), slotWord(A), slotWord(B, 31), HERE], ErrorCode.FailedLookup, 2, 31);
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(400), slotWord(A), slotWord(B), HERE], ErrorCode.FailedLookup, 0, 32);
  });
  test("008 pivot and source must be in CNodes that may be read and written", () => {
    const { bed, a } = setup();
    expect(bed.call(a, Slot.CNODE, I.CNodeCopy, slotWord(40), pair(Slot.CNODE, 32 | (Right.Read << 8)), Slot.CNODE)).toEqual(DONE);
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(FREE), slotWord(A), slotWord(B), pair(40, Slot.CNODE)], ErrorCode.MissingRight, Right.Write);
    refuses(bed, a, [Slot.CNODE, I.CNodeRotate, slotWord(FREE), slotWord(A), slotWord(B), pair(Slot.CNODE, 40)], ErrorCode.MissingRight, Right.Write);
  });
});
