// CNODE-*: Copy, Mint, Move, Mutate, Delete, Revoke, and the walk through guarded CNodes.
import { describe, expect, test } from "vitest";
import { ErrorCode, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { answered, DONE, failed, KernelBed, pair, retypeWord, Slot, slotWord, type Word } from "../../support/kernel-bed.ts";
import { refuses } from "./refusal.ts";

const { CNodeCopy, CNodeMint, CNodeMove, CNodeMutate, CNodeDelete, CNodeRevoke, UntypedRetype, FrameMap, TCBSuspend } = Invocation;
const ALL = 15;
/** The word that names the source: slot, depth 32, rights. */
const source = (slot: number, rights = 0, depth = 32): bigint => pair(slot, depth | (rights << 8));

const setup = () => {
  const bed = new KernelBed();
  const a = bed.thread("a");
  bed.hold(a, 20, Kind.Endpoint, 5);
  bed.hold(a, 21, Kind.Notification, 6);
  const cnode = (label: number, ...words: Word[]) => bed.call(a, Slot.CNODE, label, ...words);
  return {
    bed, a,
    copy: (to: number, from: number, rights = ALL) => cnode(CNodeCopy, slotWord(to), source(from, rights), Slot.CNODE),
    mint: (to: number, from: number, badge: Word, rights = ALL) => cnode(CNodeMint, slotWord(to), source(from, rights), Slot.CNODE, badge),
    move: (to: number, from: number) => cnode(CNodeMove, slotWord(to), source(from), Slot.CNODE),
    mutate: (to: number, from: number, badge: Word) => cnode(CNodeMutate, slotWord(to), source(from), Slot.CNODE, badge),
    remove: (slot: number) => bed.finish(a, Slot.CNODE, CNodeDelete, slotWord(slot)),
    revoke: (slot: number) => bed.finish(a, Slot.CNODE, CNodeRevoke, slotWord(slot)),
    retype: (what: number, to: number) => bed.call(a, Slot.UNTYPED, UntypedRetype, what, Slot.CNODE, to),
  };
};

describe("CNODE-COPY", () => {
  test("001 makes a capability to the same object with the rights asked for", () => {
    const { bed, a, copy } = setup();
    expect(copy(30, 20, Right.Read | Right.Write)).toEqual(DONE);
    expect(bed.slot(a, 30)).toMatchObject({ kind: Kind.Endpoint, rights: 3, object: bed.slot(a, 20)!.object });
  });
  test("002 never gives a right that the source lacks", () => {
    const { bed, a, copy } = setup();
    expect(copy(30, 20, Right.Read)).toEqual(DONE);
    expect(copy(31, 30, ALL)).toEqual(DONE);
    expect(bed.slot(a, 31)!.rights).toBe(Right.Read);
    expect(copy(32, 31, 0)).toEqual(DONE);
    expect(bed.slot(a, 32)!.rights).toBe(0);
  });
  test("003 an occupied destination is refused with DeleteFirst", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(21), source(20, ALL), Slot.CNODE], ErrorCode.DeleteFirst);
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(20), source(20, ALL), Slot.CNODE], ErrorCode.DeleteFirst);
  });
  test("004 an empty source is an InvalidCapability", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(30), source(99, ALL), Slot.CNODE], ErrorCode.InvalidCapability, 1);
  });
  test("005 a source root that is no CNode is an InvalidCapability, one that is not there a failed lookup", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(30), source(20, ALL), 20], ErrorCode.InvalidCapability, 2);
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(30), source(20, ALL), 1000], ErrorCode.FailedLookup, 2, 32);
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(30), source(20, ALL), pair(1, -1)], ErrorCode.FailedLookup, 2, 32);
  });
  test("006 depths are 1..32 and must end at a slot", () => {
    const { bed, a } = setup();
    for (const depth of [0, 33, 255, 2 ** 31]) refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(30, depth), source(20, ALL), Slot.CNODE], ErrorCode.RangeError, 0, 1, 32);
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(30), source(20, ALL, 0), Slot.CNODE], ErrorCode.RangeError, 1, 1, 32);
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(30, 31), source(20, ALL), Slot.CNODE], ErrorCode.FailedLookup, 0, 31);
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(30 + 256), source(20, ALL), Slot.CNODE], ErrorCode.FailedLookup, 0, 32);
  });
  test("007 fewer than three words are a TruncatedMessage", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.CNODE, CNodeCopy], ErrorCode.TruncatedMessage);
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(30), source(20, ALL)], ErrorCode.TruncatedMessage);
  });
  test("008 reply objects, IRQControl and page tables cannot be copied", () => {
    const { bed, a, retype } = setup();
    bed.hold(a, 30, Kind.Reply, 5);
    expect(retype(retypeWord(Kind.PageTable), 31)).toEqual(DONE);
    for (const slot of [30, 31]) refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(40), source(slot, ALL), Slot.CNODE], ErrorCode.IllegalOperation);
  });
  test("009 an Untyped that something was made from is refused with RevokeFirst", () => {
    const { bed, a, retype } = setup();
    expect(retype(retypeWord(Kind.Endpoint), 30)).toEqual(DONE);
    refuses(bed, a, [Slot.CNODE, CNodeCopy, slotWord(40), source(Slot.UNTYPED, ALL), Slot.CNODE], ErrorCode.RevokeFirst);
  });
  test("010 a copy keeps badge and guard, but no mapping", () => {
    const { bed, a, copy, mint } = setup();
    expect(mint(30, 20, 77)).toEqual(DONE);
    expect(copy(31, 30)).toEqual(DONE);
    expect(bed.slot(a, 31)!.badge).toBe(77);
    expect(copy(32, Slot.CNODE)).toEqual(DONE);
    expect(bed.call(a, 32, CNodeCopy, slotWord(33), source(20, ALL), 32)).toEqual(DONE);
    bed.hold(a, 40, Kind.Frame, 12);
    expect(bed.call(a, 40, FrameMap, 0x2_4000, Slot.VSPACE, Right.Read)).toEqual(DONE);
    expect(copy(41, 40)).toEqual(DONE);
    expect(bed.k.slots.mapSpace[a.slots + 41]).toBe(0);
    expect(bed.slot(a, 41)!.badge).toBe(0);
  });
});

describe("CNODE-MINT", () => {
  test("001 puts a badge of 64 bits on endpoints and notifications", () => {
    const { bed, a, mint } = setup();
    expect(mint(30, 20, pair(5, 0x1234))).toEqual(DONE);
    expect(bed.slot(a, 30)).toMatchObject({ kind: Kind.Endpoint, badge: 5 + 0x1234 * 2 ** 32, rights: ALL });
    expect(mint(31, 21, 1, Right.Write)).toEqual(DONE);
    expect(bed.slot(a, 31)).toMatchObject({ kind: Kind.Notification, badge: 1, rights: Right.Write });
  });
  test("002 a badge is given once", () => {
    const { bed, a, mint } = setup();
    expect(mint(30, 20, 5)).toEqual(DONE);
    for (const badge of [5, 6, 0]) refuses(bed, a, [Slot.CNODE, CNodeMint, slotWord(31), source(30, ALL), Slot.CNODE, badge], ErrorCode.IllegalOperation);
  });
  test("003 nothing but endpoints, notifications and CNodes can be minted", () => {
    const { bed, a } = setup();
    bed.hold(a, 30, Kind.Frame, 12);
    for (const slot of [Slot.TCB, Slot.VSPACE, Slot.UNTYPED, Slot.SC, 30]) refuses(bed, a, [Slot.CNODE, CNodeMint, slotWord(40), source(slot, ALL), Slot.CNODE, 1], ErrorCode.IllegalOperation);
  });
  test("004 fewer than four words are a TruncatedMessage", () => {
    const { bed, a } = setup();
    refuses(bed, a, [Slot.CNODE, CNodeMint, slotWord(30), source(20, ALL), Slot.CNODE], ErrorCode.TruncatedMessage);
  });
  test("005 a CNode's guard must fit beside its radix and hold no bits beyond its size", () => {
    const { bed, a, mint, retype } = setup();
    expect(retype(retypeWord(Kind.CNode, 4), 30)).toEqual(DONE);
    for (const guard of [pair(0, 29), pair(0, 32), pair(0, -1), pair(4, 2), pair(1, 0)])
      refuses(bed, a, [Slot.CNODE, CNodeMint, slotWord(40), source(30, ALL), Slot.CNODE, guard], ErrorCode.IllegalOperation);
    expect(mint(40, 30, pair(0xabc_def0 | 0, 28))).toEqual(DONE);
    expect(bed.call(a, 40, CNodeCopy, slotWord(0xabcd_ef03), source(20, ALL), Slot.CNODE)).toEqual(DONE);
    expect(bed.k.slots.kind[bed.k.cnodes[bed.slot(a, 30)!.object]!.first + 3]).toBe(Kind.Endpoint);
    refuses(bed, a, [40, CNodeCopy, slotWord(0xabcd_ee04), source(20, ALL), Slot.CNODE], ErrorCode.FailedLookup, 0, 32);
  });
});

describe("CNODE-MOVE", () => {
  test("001 carries capability, mapping and place in the derivation order", () => {
    const { bed, a, copy, move, revoke, remove } = setup();
    expect(copy(30, 20)).toEqual(DONE);
    expect(move(31, 20)).toEqual(DONE);
    expect(bed.slot(a, 20)).toBeNull();
    bed.hold(a, 40, Kind.Frame, 12);
    expect(bed.call(a, 40, FrameMap, 0x2_4000, Slot.VSPACE, Right.Read)).toEqual(DONE);
    expect(move(41, 40)).toEqual(DONE);
    expect(remove(41)).toEqual(DONE);
    expect(revoke(31)).toEqual(DONE);
    expect(bed.slot(a, 31)).not.toBeNull();
  });
  test("002 what was derived from it can still be revoked", () => {
    const { bed, a, move, revoke, retype, copy } = setup();
    expect(retype(retypeWord(Kind.Endpoint), 30)).toEqual(DONE);
    expect(copy(31, 30)).toEqual(DONE);
    expect(move(32, 30)).toEqual(DONE);
    expect(move(33, 31)).toEqual(DONE);
    expect(revoke(32)).toEqual(DONE);
    expect(bed.slot(a, 33)).toBeNull();
    expect(bed.slot(a, 32)).not.toBeNull();
  });
  test("003 refuses as Copy does, and moves what Copy may not copy", () => {
    const { bed, a, move } = setup();
    refuses(bed, a, [Slot.CNODE, CNodeMove, slotWord(21), source(20), Slot.CNODE], ErrorCode.DeleteFirst);
    refuses(bed, a, [Slot.CNODE, CNodeMove, slotWord(30), source(99), Slot.CNODE], ErrorCode.InvalidCapability, 1);
    refuses(bed, a, [Slot.CNODE, CNodeMove, slotWord(30), source(20)], ErrorCode.TruncatedMessage);
    bed.hold(a, 30, Kind.Reply, 5);
    expect(move(31, 30)).toEqual(DONE);
    expect(bed.slot(a, 31)!.kind).toBe(Kind.Reply);
  });
});

describe("CNODE-MUTATE", () => {
  test("001 moves and puts on a badge", () => {
    const { bed, a, mutate } = setup();
    expect(mutate(30, 20, 9)).toEqual(DONE);
    expect(bed.slot(a, 20)).toBeNull();
    expect(bed.slot(a, 30)).toMatchObject({ badge: 9, rights: ALL });
  });
  test("002 a capability with descendants keeps its badge: RevokeFirst", () => {
    const { bed, a, copy, retype } = setup();
    expect(retype(retypeWord(Kind.Endpoint), 30)).toEqual(DONE);
    expect(copy(31, 30)).toEqual(DONE);
    refuses(bed, a, [Slot.CNODE, CNodeMutate, slotWord(40), source(30), Slot.CNODE, 9], ErrorCode.RevokeFirst);
  });
  test("003 a badge that is there cannot be changed, nor a kind without one", () => {
    const { bed, a, mint } = setup();
    expect(mint(30, 20, 5)).toEqual(DONE);
    refuses(bed, a, [Slot.CNODE, CNodeMutate, slotWord(40), source(30), Slot.CNODE, 6], ErrorCode.IllegalOperation);
    refuses(bed, a, [Slot.CNODE, CNodeMutate, slotWord(40), source(Slot.TCB), Slot.CNODE, 6], ErrorCode.IllegalOperation);
    refuses(bed, a, [Slot.CNODE, CNodeMutate, slotWord(40), source(20), Slot.CNODE], ErrorCode.TruncatedMessage);
  });
  test("004 a mutated copy does not fall to another capability with that badge", () => {
    const { bed, a, retype, copy, mint, mutate, revoke } = setup();
    expect(retype(retypeWord(Kind.Endpoint), 30)).toEqual(DONE);
    expect(copy(31, 30)).toEqual(DONE);
    expect(mint(32, 30, 5)).toEqual(DONE);
    expect(mutate(33, 31, 5)).toEqual(DONE);
    expect(revoke(32)).toEqual(DONE);
    expect(bed.slot(a, 33)).not.toBeNull();
    expect(revoke(30)).toEqual(DONE);
    expect(bed.slot(a, 33)).toBeNull();
  });
});

describe("CNODE-REVOKE", () => {
  test("001 deletes copies, mints and copies of copies, not the capability itself nor its siblings", () => {
    const { bed, a, retype, copy, mint, revoke } = setup();
    expect(retype(retypeWord(Kind.Endpoint, 0, 2), 30)).toEqual(DONE);
    expect(copy(32, 30)).toEqual(DONE);
    expect(copy(33, 32)).toEqual(DONE);
    expect(mint(34, 33, 7)).toEqual(DONE);
    expect(copy(35, 34)).toEqual(DONE);
    expect(copy(36, 31)).toEqual(DONE);
    expect(revoke(34)).toEqual(DONE);
    expect(bed.slot(a, 35)).toBeNull();
    expect(revoke(30)).toEqual(DONE);
    expect([30, 31, 32, 33, 34, 36].map((s) => bed.slot(a, s) !== null)).toEqual([true, true, false, false, false, true]);
  });
  test("002 of a copy deletes nothing", () => {
    const { bed, a, retype, copy, revoke } = setup();
    expect(retype(retypeWord(Kind.Endpoint), 30)).toEqual(DONE);
    expect(copy(31, 30)).toEqual(DONE);
    expect(copy(32, 31)).toEqual(DONE);
    expect(revoke(31)).toEqual(DONE);
    expect(bed.slot(a, 32)).not.toBeNull();
  });
  test("003 of an Untyped takes away everything made from it, and its memory is whole again", () => {
    const { bed, a, retype, revoke } = setup();
    expect(retype(retypeWord(Kind.CNode, 4), 30)).toEqual(DONE);
    expect(retype(retypeWord(Kind.Untyped, 16), 31)).toEqual(DONE);
    expect(bed.call(a, 31, UntypedRetype, retypeWord(Kind.TCB, 0, 3), 30, 2)).toEqual(DONE);
    expect(bed.call(a, 31, UntypedRetype, retypeWord(Kind.Frame, 12, 3), Slot.CNODE, 50)).toEqual(DONE);
    expect(revoke(Slot.UNTYPED)).toEqual(DONE);
    for (const slot of [30, 31, 50, 51, 52]) expect(bed.slot(a, slot)).toBeNull();
    expect(retype(retypeWord(Kind.Untyped, 20), 30)).toEqual(DONE);
  });
  test("004 goes in pieces: the call is restarted, with its arguments, until all are gone", () => {
    const { bed, a, retype, revoke } = setup();
    expect(retype(retypeWord(Kind.Endpoint, 0, 150), 50)).toEqual(DONE);
    expect(bed.call(a, Slot.CNODE, CNodeRevoke, slotWord(Slot.UNTYPED))).toBe("again");
    const left = Array.from({ length: 150 }, (_, i) => bed.slot(a, 50 + i)).filter((s) => s !== null).length;
    expect(left).toBe(150 - 64);
    expect(bed.trap(a)).toBe("again");
    expect(bed.trap(a)).toEqual(DONE);
    expect(Array.from({ length: 150 }, (_, i) => bed.slot(a, 50 + i)).every((s) => s === null)).toBe(true);
    expect(revoke(Slot.UNTYPED)).toEqual(DONE);
  });
  test("005 two families of one badge stay apart when an original goes", () => {
    const { bed, a, retype, copy, mint, revoke, remove } = setup();
    expect(retype(retypeWord(Kind.Endpoint), 30)).toEqual(DONE);
    expect(mint(31, 30, 5)).toEqual(DONE);
    expect(copy(32, 31)).toEqual(DONE);
    expect(copy(33, 31)).toEqual(DONE);
    expect(mint(34, 30, 5)).toEqual(DONE);
    expect(remove(31)).toEqual(DONE);
    expect(revoke(34)).toEqual(DONE);
    expect(bed.slot(a, 32)).not.toBeNull();
    expect(bed.slot(a, 33)).not.toBeNull();
  });
  test("006 an empty slot has nothing to revoke", () => {
    const { revoke } = setup();
    expect(revoke(99)).toEqual(DONE);
  });
});

describe("CNODE-DELETE", () => {
  test("001 empties a slot; the last capability destroys the object and gives its number back", () => {
    const { bed, a, retype, copy, remove } = setup();
    expect(retype(retypeWord(Kind.Endpoint), 30)).toEqual(DONE);
    const id = bed.slot(a, 30)!.object;
    expect(copy(31, 30)).toEqual(DONE);
    expect(remove(30)).toEqual(DONE);
    expect(bed.k.endpoints[id]).toBeDefined();
    expect(remove(31)).toEqual(DONE);
    expect(bed.k.endpoints[id]).toBeUndefined();
    expect(remove(31)).toEqual(DONE);
  });
  test("002 of a CNode goes in pieces, and its memory is free only at the end", () => {
    const { bed, a, retype } = setup();
    expect(retype(retypeWord(Kind.CNode, 8), 30)).toEqual(DONE);
    expect(bed.call(a, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Endpoint, 0, 200), 30, 0)).toEqual(DONE);
    const untyped = bed.slot(a, Slot.UNTYPED)!.object;
    expect(bed.call(a, Slot.CNODE, CNodeDelete, slotWord(30))).toBe("again");
    expect(bed.slot(a, 30)).toBeNull();
    expect(bed.k.objects.children[untyped]).toBe(201 - 64);
    let outcome = bed.trap(a);
    for (; outcome === "again"; outcome = bed.trap(a));
    expect(outcome).toEqual(DONE);
    expect(bed.k.objects.children[untyped]).toBe(0);
  });
  test("003 CNodes within CNodes, and one that holds itself, are taken apart", () => {
    const { bed, a, retype, revoke } = setup();
    expect(retype(retypeWord(Kind.CNode, 2), 30)).toEqual(DONE);
    expect(retype(retypeWord(Kind.CNode, 2), 31)).toEqual(DONE);
    expect(bed.call(a, 30, CNodeMove, slotWord(0, 2), source(31), Slot.CNODE)).toEqual(DONE);
    expect(bed.call(a, 30, CNodeCopy, slotWord(1, 2), source(30, ALL), Slot.CNODE)).toEqual(DONE);
    expect(bed.finish(a, Slot.CNODE, CNodeDelete, slotWord(30))).toEqual(DONE);
    // It names itself: it lives until its Untyped is revoked.
    expect(bed.k.objects.children[bed.slot(a, Slot.UNTYPED)!.object]).toBe(2);
    expect(revoke(Slot.UNTYPED)).toEqual(DONE);
    expect(bed.k.objects.children[bed.slot(a, Slot.UNTYPED)!.object]).toBe(0);
  });
  test("004 an unknown label is an IllegalOperation, no words a TruncatedMessage", () => {
    const { bed, a } = setup();
    for (const label of [0, 0x209, UntypedRetype, TCBSuspend]) refuses(bed, a, [Slot.CNODE, label, slotWord(30), 0, 0, 0], ErrorCode.IllegalOperation);
    refuses(bed, a, [Slot.CNODE, CNodeDelete], ErrorCode.TruncatedMessage);
    refuses(bed, a, [Slot.CNODE, CNodeRevoke], ErrorCode.TruncatedMessage);
  });
  test("005 a program may give up its capabilities to itself, and then has none", () => {
    const { bed, a, remove } = setup();
    expect(remove(Slot.TCB)).toEqual(DONE);
    refuses(bed, a, [Slot.TCB, TCBSuspend], ErrorCode.InvalidCapability, 0);
    expect(remove(Slot.CNODE)).toEqual(DONE);
    refuses(bed, a, [Slot.CNODE, CNodeDelete, slotWord(20)], ErrorCode.InvalidCapability, 0);
  });
  test("006 a revoked CSpace root leaves its thread with nothing, not with what it held", () => {
    const { bed, a, retype } = setup();
    const b = bed.thread("b", { stopped: true });
    bed.share(b, Slot.TCB, a, 30);
    expect(retype(retypeWord(Kind.CNode, 8), 31)).toEqual(DONE);
    expect(bed.call(a, 31, CNodeCopy, slotWord(5, 8), source(20, ALL), Slot.CNODE)).toEqual(DONE);
    expect(bed.call(a, Slot.CNODE, CNodeMint, slotWord(32), source(31, ALL), Slot.CNODE, pair(0, 24))).toEqual(DONE);
    bed.share(b, Slot.VSPACE, a, 33);
    expect(bed.call(a, 30, Invocation.TCBSetSpace, 0, 32, 33)).toEqual(DONE);
    bed.start(b);
    expect(bed.nbsend(b, 5)).toEqual(DONE);
    expect(bed.finish(a, Slot.CNODE, CNodeRevoke, slotWord(Slot.UNTYPED))).toEqual(DONE);
    expect(bed.nbsend(b, 5)).toEqual(failed(ErrorCode.FailedLookup, 0, 32));
  });
});

describe("CSPACE-WALK", () => {
  test("001 goes through several CNodes, each with its guard", () => {
    const { bed, a, retype, mint } = setup();
    expect(retype(retypeWord(Kind.CNode, 8), 30)).toEqual(DONE);
    expect(retype(retypeWord(Kind.CNode, 8), 31)).toEqual(DONE);
    // 32 bits: 8 (radix of the first) + guard of 8 bits 0x5a and radix 8, + guard of 0 and radix 8.
    expect(bed.call(a, 30, CNodeMint, slotWord(7, 8), source(31, ALL), Slot.CNODE, pair(0x5a, 16))).toEqual(DONE);
    expect(mint(32, 30, pair(0, 0))).toEqual(DONE);
    expect(bed.call(a, 32, CNodeCopy, slotWord(0x0700_5a09, 32), source(20, ALL), Slot.CNODE)).toEqual(DONE);
    expect(bed.k.slots.kind[bed.k.cnodes[bed.slot(a, 31)!.object]!.first + 9]).toBe(Kind.Endpoint);
    refuses(bed, a, [32, CNodeCopy, slotWord(0x0700_5b0a, 32), source(20, ALL), Slot.CNODE], ErrorCode.FailedLookup, 0, 24);
    refuses(bed, a, [32, CNodeCopy, slotWord(0x0800_5a0a, 32), source(20, ALL), Slot.CNODE], ErrorCode.FailedLookup, 0, 24);
  });
  test("002 a CPtr above 32 bits names nothing", () => {
    const { bed, a } = setup();
    refuses(bed, a, [pair(Slot.TCB, 1), TCBSuspend], ErrorCode.FailedLookup, 0, 32);
    expect(bed.call(a, Slot.TCB, Invocation.TCBReadRegisters, pair(2, 1))).toEqual(answered(0, [0x2_0000]));
  });
});
