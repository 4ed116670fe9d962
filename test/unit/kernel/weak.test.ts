// CNODE-RIGHTS-*, WEAK-*: what a CNode allows whoever names it, and weak capabilities: through them everything is read-only, all the way down.
import { describe, expect, test } from "vitest";
import { ErrorCode, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { DONE, failed, KernelBed, pair, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import { refuses } from "./refusal.ts";

const I = Invocation;
const ALL = 15, READ = Right.Read, WEAK = Right.Weak;
const EP = 20, FRAME = 21, INNER = 22, DISCRIM = 23, OUTER = 30, VIEW = 31;
/** The word that names the source: slot, depth, rights asked for. */
const source = (slot: number, rights = ALL, depth = 32): bigint => pair(slot, depth | (rights << 8));

/** `a` has a CNode of 16 slots in OUTER that holds an endpoint (0), a frame (1), a CNode (2) with a frame in its slot 0, and a Discrim (3). */
const setup = () => {
  const bed = new KernelBed();
  const a = bed.thread("a");
  bed.hold(a, EP, Kind.Endpoint, 5);
  bed.hold(a, FRAME, Kind.Frame, 12);
  bed.singleton(a, DISCRIM, Kind.Discrim);
  const retype = (what: number, to: number) => expect(bed.call(a, Slot.UNTYPED, I.UntypedRetype, what, Slot.CNODE, to)).toEqual(DONE);
  retype(retypeWord(Kind.CNode, 4), INNER);
  retype(retypeWord(Kind.CNode, 4), OUTER);
  const put = (cnode: number, index: number, slot: number) => expect(bed.call(a, cnode, I.CNodeCopy, slotWord(index, 4), source(slot), Slot.CNODE)).toEqual(DONE);
  put(INNER, 0, FRAME);
  [EP, FRAME, INNER, DISCRIM].forEach((slot, index) => put(OUTER, index, slot));
  const view = (rights: number, of = OUTER, to = VIEW) => expect(bed.call(a, Slot.CNODE, I.CNodeCopy, slotWord(to), source(of, rights), Slot.CNODE)).toEqual(DONE);
  /** Copies slot `index` of the CNode in `from` to slot `to`. */
  const fetch = (from: number, index: number, to: number, rights = ALL) => bed.call(a, Slot.CNODE, I.CNodeCopy, slotWord(to), source(index, rights, 4), from);
  return { bed, a, retype, view, fetch };
};

describe("CNODE-RIGHTS", () => {
  test("001 without Write nothing is put into it, taken out of it, deleted or revoked in it", () => {
    const { bed, a, view } = setup();
    view(READ);
    const denied = (label: number, ...words: (number | bigint)[]) => refuses(bed, a, [VIEW, label, ...words], ErrorCode.MissingRight, Right.Write);
    denied(I.CNodeCopy, slotWord(5, 4), source(EP), Slot.CNODE);
    denied(I.CNodeMint, slotWord(5, 4), source(EP), Slot.CNODE, 1);
    denied(I.CNodeMove, slotWord(5, 4), source(EP), Slot.CNODE);
    denied(I.CNodeMutate, slotWord(5, 4), source(EP), Slot.CNODE, 1);
    denied(I.CNodeDelete, slotWord(0, 4));
    denied(I.CNodeRevoke, slotWord(0, 4));
    denied(I.CNodeRotate, slotWord(5, 4), slotWord(0, 4), slotWord(1, 4), pair(VIEW, VIEW));
    refuses(bed, a, [Slot.CNODE, I.CNodeMove, slotWord(40), source(0, 0, 4), VIEW], ErrorCode.MissingRight, Right.Write);
    refuses(bed, a, [Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Endpoint), VIEW, 5], ErrorCode.MissingRight, Right.Write);
    bed.singleton(a, 10, Kind.IRQControl);
    refuses(bed, a, [10, I.IRQControlGet, 3, VIEW, slotWord(5, 4)], ErrorCode.MissingRight, Right.Write);
  });
  test("002 without Read nothing is copied out of it", () => {
    const { bed, a, view } = setup();
    view(Right.Write);
    refuses(bed, a, [Slot.CNODE, I.CNodeCopy, slotWord(40), source(0, ALL, 4), VIEW], ErrorCode.MissingRight, READ);
    expect(bed.call(a, VIEW, I.CNodeCopy, slotWord(5, 4), source(EP), Slot.CNODE)).toEqual(DONE);
    refuses(bed, a, [VIEW, I.CNodeCancelBadgedSends, slotWord(5, 4), 0, 0], ErrorCode.MissingRight, READ);
  });
  test("003 what is copied out of a CNode that can only be read has all its rights, and can be named through it", () => {
    const { bed, a, view, fetch } = setup();
    view(READ);
    expect(fetch(VIEW, 0, 40)).toEqual(DONE);
    expect(bed.slot(a, 40)!.rights).toBe(ALL);
    // The CNode's guard makes (slot, index) a CPtr of two levels.
    expect(bed.call(a, Slot.CNODE, I.CNodeMint, slotWord(41), source(VIEW), Slot.CNODE, 0)).toEqual(DONE);
  });
  test("004 a right that is gone does not come back by copying", () => {
    const { bed, a, view } = setup();
    view(READ);
    view(ALL, VIEW, 32);
    expect(bed.slot(a, 32)!.rights).toBe(READ);
  });
  test("005 received capabilities go into a CNode that may be written, or not at all", () => {
    const { bed, a, view } = setup();
    const b = bed.thread("b");
    bed.share(a, EP, b, EP);
    bed.hold(a, 60, Kind.Reply, 5);
    view(READ);
    bed.receiveAt(a, 8);
    bed.setBuffer(a, 125, VIEW);
    bed.setBuffer(a, 127, 4);
    bed.recv(a, EP, 60);
    bed.hold(b, 25, Kind.Notification, 6);
    bed.setBuffer(b, 122, 25);
    bed.sys(b, 1, EP, (1 << 12) | (1 << 7));
    expect(bed.answer(a)).toMatchObject({ label: 1, caps: 0 });
  });
});

describe("WEAK", () => {
  test("001 a weak copy has Weak and never Write; so have its copies", () => {
    const { bed, a, view } = setup();
    view(ALL | WEAK);
    expect(bed.slot(a, VIEW)!.rights).toBe((ALL & ~Right.Write) | WEAK);
    view(ALL, VIEW, 32);
    expect(bed.slot(a, 32)!.rights).toBe((ALL & ~Right.Write) | WEAK);
    view(ALL | WEAK, FRAME, 33);
    expect(bed.slot(a, 33)!.rights & (Right.Write | WEAK)).toBe(WEAK);
  });
  test("002 a frame or CNode fetched through a weak CNode is weak, and so on down", () => {
    const { bed, a, view, fetch } = setup();
    view(ALL | WEAK);
    expect(fetch(VIEW, 1, 40)).toEqual(DONE);
    expect(bed.slot(a, 40)!.rights & (Right.Write | WEAK)).toBe(WEAK);
    expect(fetch(VIEW, 2, 41)).toEqual(DONE);
    expect(bed.slot(a, 41)!.rights & (Right.Write | WEAK)).toBe(WEAK);
    expect(fetch(41, 0, 42)).toEqual(DONE);
    expect(bed.slot(a, 42)!.rights & (Right.Write | WEAK)).toBe(WEAK);
    expect(bed.call(a, 42, I.FrameMap, 0x2_4000, Slot.VSPACE, READ | Right.Write)).toEqual(failed(ErrorCode.MissingRight, Right.Write));
    expect(bed.call(a, 42, I.FrameMap, 0x2_4000, Slot.VSPACE, READ)).toEqual(DONE);
  });
  test("003 whatever could act is nothing when it is fetched through a weak CNode; a Discrim is harmless", () => {
    const { bed, a, retype, view, fetch } = setup();
    view(ALL | WEAK);
    refuses(bed, a, [Slot.CNODE, I.CNodeCopy, slotWord(40), source(0, ALL, 4), VIEW], ErrorCode.InvalidCapability, 1);
    expect(fetch(VIEW, 3, 40)).toEqual(DONE);
    const others = [Kind.TCB, Kind.Notification, Kind.SchedContext, Kind.VSpace];
    others.forEach((kind, i) => {
      retype(retypeWord(kind), 50 + i);
      expect(bed.call(a, OUTER, I.CNodeCopy, slotWord(4 + i, 4), source(50 + i), Slot.CNODE)).toEqual(DONE);
      refuses(bed, a, [Slot.CNODE, I.CNodeCopy, slotWord(41), source(4 + i, ALL, 4), VIEW], ErrorCode.InvalidCapability, 1);
    });
  });
  test("004 only CNodes and Frames can be made weak: InvalidArgument", () => {
    const { bed, a, view } = setup();
    for (const slot of [EP, Slot.TCB, Slot.SC, DISCRIM]) refuses(bed, a, [Slot.CNODE, I.CNodeCopy, slotWord(40), source(slot, ALL | WEAK), Slot.CNODE], ErrorCode.InvalidArgument, 1);
    // A Discrim that may be fetched through a weak CNode is not made weak there either.
    view(ALL | WEAK);
    refuses(bed, a, [Slot.CNODE, I.CNodeCopy, slotWord(40), source(3, ALL | WEAK, 4), VIEW], ErrorCode.InvalidArgument, 1);
  });
  test("005 a weak CNode can neither be changed nor be moved out of", () => {
    const { bed, a, view } = setup();
    view(ALL | WEAK);
    refuses(bed, a, [VIEW, I.CNodeCopy, slotWord(5, 4), source(EP), Slot.CNODE], ErrorCode.MissingRight, Right.Write);
    refuses(bed, a, [Slot.CNODE, I.CNodeMove, slotWord(40), source(1, 0, 4), VIEW], ErrorCode.MissingRight, Right.Write);
  });
  test("006 a walk ends at a weak CNode: nothing is invoked or named through it", () => {
    const { bed, a, retype } = setup();
    // A CNode of two slots whose guard makes (slot 0: the weak CNode) the first level of a CPtr.
    retype(retypeWord(Kind.CNode, 1), 60);
    expect(bed.call(a, 60, I.CNodeCopy, slotWord(0, 1), source(OUTER, ALL | WEAK), Slot.CNODE)).toEqual(DONE);
    refuses(bed, a, [Slot.CNODE, I.CNodeCopy, slotWord(40), source(0, ALL, 5), 60], ErrorCode.FailedLookup, 1, 4);
    refuses(bed, a, [60, I.CNodeDelete, slotWord(0, 5)], ErrorCode.FailedLookup, 0, 4);
    // The same through a CNode that is not weak: it goes on.
    expect(bed.call(a, 60, I.CNodeCopy, slotWord(1, 1), source(OUTER, READ), Slot.CNODE)).toEqual(DONE);
    expect(bed.call(a, Slot.CNODE, I.CNodeCopy, slotWord(40), source(16, ALL, 5), 60)).toEqual(DONE);
  });
  test("010 a walk that begins at a weak CNode does not leave it: what is below is fetched step by step, and is weak", () => {
    const { bed, a, view } = setup();
    view(ALL | WEAK);
    refuses(bed, a, [Slot.CNODE, I.CNodeCopy, slotWord(40), source(2 << 4, ALL, 8), VIEW], ErrorCode.FailedLookup, 1, 4);
    refuses(bed, a, [VIEW, I.CNodeCopy, slotWord((2 << 4) | 5, 8), source(EP), Slot.CNODE], ErrorCode.FailedLookup, 0, 4);
    refuses(bed, a, [VIEW, I.CNodeDelete, slotWord(2 << 4, 8)], ErrorCode.FailedLookup, 0, 4);
  });
  test("011 through a weak CNode nobody's Sends are cancelled", () => {
    const { bed, a, view } = setup();
    const b = bed.thread("b");
    bed.share(a, EP, b, EP, ALL, 5);
    expect(bed.call(a, OUTER, I.CNodeMint, slotWord(7, 4), source(EP), Slot.CNODE, 5)).toEqual(DONE);
    view(ALL | WEAK);
    expect(bed.send(b, EP)).toBe("blocked");
    refuses(bed, a, [VIEW, I.CNodeCancelBadgedSends, slotWord(7, 4), 0, 0], ErrorCode.InvalidCapability, 0);
    expect(bed.call(a, OUTER, I.CNodeCancelBadgedSends, slotWord(7, 4), 0, 0)).toEqual(DONE);
    expect(bed.answer(b).error).toBe(ErrorCode.Cancelled);
  });
  test("007 a weak CNode is no CSpace", () => {
    const { bed, a, view } = setup();
    view(ALL | WEAK);
    refuses(bed, a, [Slot.TCB, I.TCBSetSpace, 0, VIEW, Slot.VSPACE], ErrorCode.InvalidCapability, 1);
  });
  test("008 a weak capability stays weak when it is sent", () => {
    const { bed, a, view } = setup();
    const b = bed.thread("b");
    bed.share(a, EP, b, EP);
    bed.hold(b, 60, Kind.Reply, 5);
    view(ALL | WEAK, FRAME, 33);
    bed.receiveAt(b, 70);
    bed.recv(b, EP, 60);
    bed.setBuffer(a, 122, 33);
    bed.sys(a, 1, EP, (1 << 12) | (1 << 7));
    expect(bed.slot(b, 70)!.rights & (Right.Write | WEAK)).toBe(WEAK);
  });
  test("009 minting does not undo it", () => {
    const { bed, a, view } = setup();
    view(ALL | WEAK);
    expect(bed.call(a, Slot.CNODE, I.CNodeMint, slotWord(40), source(VIEW), Slot.CNODE, pair(0, 4))).toEqual(DONE);
    expect(bed.slot(a, 40)!.rights & (Right.Write | WEAK)).toBe(WEAK);
  });
});
