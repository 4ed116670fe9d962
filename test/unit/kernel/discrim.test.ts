// DISCRIM-*: what a capability is, whether it is discreet, whether two are the same.
import { describe, expect, test } from "vitest";
import { ErrorCode, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { answered, DONE, KernelBed, pair, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import { refuses } from "./refusal.ts";

const I = Invocation;
const D = 10, EP = 20, FRAME = 21;
const source = (slot: number, rights = 15): bigint => pair(slot, 32 | (rights << 8));

const setup = () => {
  const bed = new KernelBed();
  const a = bed.thread("a");
  bed.singleton(a, D, Kind.Discrim);
  bed.hold(a, EP, Kind.Endpoint, 5);
  bed.hold(a, FRAME, Kind.Frame, 12);
  const copy = (to: number, from: number, rights: number) => expect(bed.call(a, Slot.CNODE, I.CNodeCopy, slotWord(to), source(from, rights), Slot.CNODE)).toEqual(DONE);
  const mint = (to: number, badge: number) => expect(bed.call(a, Slot.CNODE, I.CNodeMint, slotWord(to), source(EP), Slot.CNODE, badge)).toEqual(DONE);
  const ask = (label: number, ...caps: number[]) => bed.call(a, D, label, ...caps);
  return { bed, a, copy, mint, ask };
};

describe("DISCRIM-CLASSIFY", () => {
  test("001 tells kind and rights of anything, also of an empty slot", () => {
    const { ask, copy } = setup();
    copy(30, EP, Right.Write);
    expect(ask(I.DiscrimClassify, 30)).toEqual(answered(0, [Kind.Endpoint, Right.Write, 0]));
    expect(ask(I.DiscrimClassify, Slot.TCB)).toEqual(answered(0, [Kind.TCB, 15, 0]));
    expect(ask(I.DiscrimClassify, D)).toEqual(answered(0, [Kind.Discrim, 15, 0]));
    expect(ask(I.DiscrimClassify, 99)).toEqual(answered(0, [Kind.Null, 0, 0]));
    copy(31, FRAME, 15 | Right.Weak);
    expect(ask(I.DiscrimClassify, 31)).toEqual(answered(0, [Kind.Frame, 14 | Right.Weak, 0]));
  });
  test("002 wants a word, and a CPtr that leads to a slot", () => {
    const { bed, a } = setup();
    refuses(bed, a, [D, I.DiscrimClassify], ErrorCode.TruncatedMessage);
    refuses(bed, a, [D, I.DiscrimClassify, 2 ** 20], ErrorCode.FailedLookup, 0, 32);
    refuses(bed, a, [D, I.CNodeCopy, EP], ErrorCode.IllegalOperation);
  });
  test("003 tells of a CNode how many bits its slots and its guard take, whatever its rights, and the sum leads to its slots", () => {
    const { bed, a, ask } = setup();
    // The thread's own: 2^8 slots, and a guard of all that is left.
    expect(ask(I.DiscrimClassify, Slot.CNODE)).toEqual(answered(0, [Kind.CNode, 15, 8 + 24 * 256]));
    const guarded = (to: number, from: number, rights: number, bits: number, size: number) =>
      expect(bed.call(a, Slot.CNODE, I.CNodeMint, slotWord(to), source(from, rights), Slot.CNODE, pair(bits, size))).toEqual(DONE);
    for (const [i, [bits, guard, size]] of ([[1, 0, 0], [4, 0, 0], [4, 5, 3], [12, 0, 20], [1, 0x7fff_ffff, 31]] as const).entries()) {
      const [plain, minted, weak, got] = [40 + 4 * i, 41 + 4 * i, 42 + 4 * i, 43 + 4 * i];
      expect(bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.CNode, bits), Slot.CNODE, plain)).toEqual(DONE);
      guarded(minted, plain, 15, guard, size);
      guarded(weak, plain, Right.Read | Right.Weak, guard, size);
      expect(ask(I.DiscrimClassify, plain)).toEqual(answered(0, [Kind.CNode, 15, bits]));
      expect(ask(I.DiscrimClassify, minted)).toEqual(answered(0, [Kind.CNode, 15, bits + size * 256]));
      expect(ask(I.DiscrimClassify, weak)).toEqual(answered(0, [Kind.CNode, Right.Read | Right.Weak, bits + size * 256]));
      // A frame in its last slot is found by that depth, and by no other.
      expect(bed.call(a, plain, I.CNodeCopy, pair(2 ** bits - 1, bits), source(FRAME), Slot.CNODE)).toEqual(DONE);
      const at = guard * 2 ** bits + 2 ** bits - 1;
      expect(bed.call(a, Slot.CNODE, I.CNodeCopy, slotWord(got), pair(at, (bits + size) | (15 << 8)), minted)).toEqual(DONE);
      expect(ask(I.DiscrimSame, FRAME, got)).toEqual(answered(0, [3]));
    }
  });
});

describe("DISCRIM-DISCREET", () => {
  test("001 nothing, memory that can only be read, weak CNodes and Discrims are; all that can act is not", () => {
    const { bed, a, ask, copy } = setup();
    copy(30, FRAME, Right.Read);
    copy(31, FRAME, 15 | Right.Weak);
    copy(32, Slot.CNODE, 15 | Right.Weak);
    copy(33, Slot.CNODE, Right.Read);
    copy(34, EP, 0);
    for (const cap of [99, D, 30, 31, 32]) expect(ask(I.DiscrimIsDiscreet, cap)).toEqual(answered(0, [1]));
    for (const cap of [EP, FRAME, 33, 34, Slot.CNODE, Slot.TCB, Slot.VSPACE, Slot.UNTYPED, Slot.SC]) expect(ask(I.DiscrimIsDiscreet, cap)).toEqual(answered(0, [0]));
    // Reading a device may change it.
    bed.k.objects.device[bed.slot(a, 30)!.object] = 1;
    expect(ask(I.DiscrimIsDiscreet, 30)).toEqual(answered(0, [0]));
  });
  test("002 wants a word, and a CPtr that leads to a slot", () => {
    const { bed, a } = setup();
    refuses(bed, a, [D, I.DiscrimIsDiscreet], ErrorCode.TruncatedMessage);
    refuses(bed, a, [D, I.DiscrimIsDiscreet, pair(EP, 1)], ErrorCode.FailedLookup, 0, 32);
  });
});

describe("DISCRIM-SAME", () => {
  test("001 3 for the same object and badge, whatever the rights; 1 for another badge; 0 for another object", () => {
    const { bed, a, ask, copy, mint } = setup();
    copy(30, EP, Right.Write);
    mint(31, 5);
    mint(32, 5);
    mint(33, 6);
    expect(bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, 40)).toEqual(DONE);
    for (const [x, y, same] of [[EP, EP, 3], [EP, 30, 3], [31, 32, 3], [31, 33, 1], [EP, 31, 1], [EP, 40, 0], [EP, Slot.TCB, 0], [EP, 99, 0], [98, 99, 3]] as const) {
      expect(ask(I.DiscrimSame, x, y)).toEqual(answered(0, [same]));
      expect(ask(I.DiscrimSame, y, x)).toEqual(answered(0, [same]));
    }
  });
  test("002 a frame is the same wherever its capabilities are mapped", () => {
    const { bed, a, ask, copy } = setup();
    copy(30, FRAME, 15);
    expect(bed.call(a, FRAME, I.FrameMap, 0x2_4000, Slot.VSPACE, Right.Read)).toEqual(DONE);
    expect(ask(I.DiscrimSame, FRAME, 30)).toEqual(answered(0, [3]));
  });
  test("003 wants two words, and CPtrs that lead to slots", () => {
    const { bed, a } = setup();
    refuses(bed, a, [D, I.DiscrimSame, EP], ErrorCode.TruncatedMessage);
    refuses(bed, a, [D, I.DiscrimSame, 2 ** 20, EP], ErrorCode.FailedLookup, 0, 32);
    refuses(bed, a, [D, I.DiscrimSame, EP, 2 ** 20], ErrorCode.FailedLookup, 1, 32);
  });
});
