// PIECE-*, CNODE-CANCEL-*: what grows with the number of capabilities, waiting threads or bytes goes in pieces, and others run in between.
import { describe, expect, test } from "vitest";
import { Reg } from "../../../caps/abi/message.ts";
import { ErrorCode, Invocation, Kind } from "../../../caps/abi/numbers.ts";
import { cancelWait } from "../../../core/kernel/cancel.ts";
import { deleteSlot, derive, PIECE } from "../../../core/kernel/capabilities.ts";
import { send } from "../../../core/kernel/ipc.ts";
import { run } from "../../../core/kernel/kernel.ts";
import { checkInvariants } from "../../../core/kernel/invariants.ts";
import { setVSpace } from "../../../core/kernel/objects/tcb.ts";
import { CLEAR_PIECE } from "../../../core/kernel/objects/untyped.ts";
import { ThreadState, type Tcb } from "../../../core/kernel/state.ts";
import { FakeMachine } from "../../support/fake-machine.ts";
import { DONE, failed, KernelBed, pair, retypeWord, Slot, slotWord, type Outcome } from "../../support/kernel-bed.ts";
import type { Program } from "../../support/testbed.ts";
import { refuses } from "./refusal.ts";

const I = Invocation;
const EP = 20, BIG = 30, COUNT = 3 * PIECE + 10;

/** A thread without time in a's address space. */
const bare = (bed: KernelBed, a: Program): Tcb => {
  const t = bed.k.tcbs[bed.object(bed.make(Kind.TCB, 11))]!;
  setVSpace(bed.k, t, a.rows.vspace);
  return t;
};

const setup = () => {
  const bed = new KernelBed(new FakeMachine(32 << 20, 400));
  const a = bed.thread("a");
  expect(bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, EP)).toEqual(DONE);
  const ep = bed.slot(a, EP)!.object;
  /** Threads that wait to send on the endpoint, the nth with the badge that `badge` says. */
  const crowd = (count: number, badge: (n: number) => number = () => 0, call = true): Tcb[] =>
    Array.from({ length: count }, (_, n) => {
      const t = bare(bed, a);
      t.state = ThreadState.Ready;
      send(bed.k, t, bed.k.endpoints[ep]!, badge(n), 0, 15, call, true);
      expect(t.state).toBe(ThreadState.BlockedOnSend);
      return t;
    });
  /** Fills a CNode of the thread's with copies of its endpoint. */
  const copies = (count: number, slot = BIG) => {
    expect(bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.CNode, 8), Slot.CNODE, slot)).toEqual(DONE);
    const { first } = bed.k.cnodes[bed.slot(a, slot)!.object]!;
    for (let i = 0; i < count; i++) derive(bed.k, a.slots + EP, first + i, 15, 0, 0);
    return first;
  };
  /** Makes a call until it is done; how often. */
  const pieces = (p: Program, cap: number, label: number, ...words: (number | bigint)[]): number => {
    let outcome: Outcome = bed.call(p, cap, label, ...words), times = 1;
    for (; outcome === "again"; times++) outcome = bed.trap(p);
    expect(outcome).toEqual(DONE);
    return times;
  };
  return { bed, a, ep, crowd, copies, pieces };
};
const broken = (bed: KernelBed, t: Tcb): boolean => t.state === ThreadState.Ready && bed.answer({ tcb: t } as Program).error === ErrorCode.Broken;
const cancelled = (bed: KernelBed, t: Tcb): boolean => t.state === ThreadState.Ready && bed.answer({ tcb: t } as Program).error === ErrorCode.Cancelled;

describe("PIECE-REVOKE", () => {
  test("001 at most 64 capabilities go in one entry into the kernel", () => {
    const { bed, a, copies, pieces } = setup();
    const first = copies(COUNT);
    const left = (): number => Array.from({ length: COUNT }, (_, i) => first + i).filter((slot) => !bed.k.slots.isEmpty(slot)).length;
    expect(bed.call(a, Slot.CNODE, I.CNodeRevoke, slotWord(EP))).toBe("again");
    expect(left()).toBe(COUNT - PIECE);
    expect(bed.trap(a)).toBe("again");
    expect(left()).toBe(COUNT - 2 * PIECE);
    expect(pieces(a, Slot.CNODE, I.CNodeRevoke, slotWord(EP))).toBe(2);
    expect(left()).toBe(0);
  });
  test("002 an Untyped is free for use again when its revocation has answered, also of what somebody else deleted and has not yet taken apart", () => {
    const { bed, a, pieces } = setup();
    const b = bed.thread("b");
    expect(bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Untyped, 15), Slot.CNODE, 40)).toEqual(DONE);
    expect(bed.call(a, 40, I.UntypedRetype, retypeWord(Kind.CNode, 8), Slot.CNODE, 41)).toEqual(DONE);
    const { first } = bed.k.cnodes[bed.slot(a, 41)!.object]!;
    for (let i = 0; i < 200; i++) derive(bed.k, a.slots + EP, first + i, 15, 0, 0);
    bed.share(a, Slot.CNODE, b, 50);
    // b deletes the CNode and is stopped in the middle of it.
    expect(bed.call(b, 50, I.CNodeDelete, slotWord(41))).toBe("again");
    expect(bed.k.dying.size).toBe(1);
    expect(pieces(a, Slot.CNODE, I.CNodeRevoke, slotWord(40))).toBeGreaterThan(1);
    expect([bed.k.dying.size, bed.k.objects.children[bed.slot(a, 40)!.object]]).toEqual([0, 0]);
    expect(bed.call(a, 40, I.UntypedRetype, retypeWord(Kind.Frame, 12, 8), Slot.CNODE, 60)).toEqual(DONE);
    // And b, going on, finds nothing left to do.
    expect(bed.trap(b)).toEqual(DONE);
  });
});

describe("PIECE-DELETE", () => {
  test("001 a CNode is emptied 64 slots at a time, and CNodes inside it after it", () => {
    const { bed, a, copies, pieces } = setup();
    copies(COUNT, 31);
    copies(COUNT, 32);
    const before = bed.k.objects.refs[bed.slot(a, EP)!.object];
    expect(bed.call(a, 31, I.CNodeMove, slotWord(255, 8), pair(32, 32), Slot.CNODE)).toEqual(DONE);
    expect(pieces(a, Slot.CNODE, I.CNodeDelete, slotWord(31))).toBeGreaterThanOrEqual(Math.floor((2 * COUNT) / PIECE));
    expect(bed.k.objects.refs[bed.slot(a, EP)!.object]).toBe(before! - 2 * COUNT);
    expect(bed.k.dying.size).toBe(0);
  });
  test("002 who waits on a destroyed endpoint gets Broken, 64 at a time, the first first; a faulted thread stays stopped", () => {
    const { bed, a, crowd } = setup();
    const threads = crowd(COUNT);
    threads[5]!.faultLabel = 4;
    threads[5]!.faultLength = 1;
    expect(bed.call(a, Slot.CNODE, I.CNodeDelete, slotWord(EP))).toBe("again");
    expect(threads.filter((t) => t.state === ThreadState.BlockedOnSend).length).toBe(COUNT - PIECE);
    expect(threads.slice(0, PIECE).every((t, i) => i === 5 || broken(bed, t))).toBe(true);
    expect(threads[5]!.state).toBe(ThreadState.Faulted);
    for (let outcome: Outcome = "again"; outcome === "again"; ) outcome = bed.trap(a);
    expect(threads.every((t, i) => i === 5 || broken(bed, t))).toBe(true);
  });
  test("003 nobody pays for another's deletions", () => {
    const { bed, a, copies, pieces } = setup();
    const b = bed.thread("b");
    copies(COUNT, 31);
    expect(bed.call(a, Slot.CNODE, I.CNodeDelete, slotWord(31))).toBe("again");
    bed.hold(b, 40, Kind.Notification, 6);
    expect(pieces(b, Slot.CNODE, I.CNodeDelete, slotWord(40))).toBe(1);
    expect(bed.k.dying.size).toBe(1);
  });
  test("004 what a stopped or dead thread left is taken apart by the loop: nobody waits for ever", () => {
    const { bed, a, crowd } = setup();
    const threads = crowd(COUNT);
    const boss = bed.thread("boss", { priority: 200 });
    bed.share(a, Slot.TCB, boss, 40);
    expect(bed.call(a, Slot.CNODE, I.CNodeDelete, slotWord(EP))).toBe("again");
    expect(bed.call(boss, 40, I.TCBSuspend)).toEqual(DONE);
    expect(bed.call(boss, Slot.TCB, I.TCBSuspend)).toEqual(DONE);
    expect(run(bed.k, bed.machine.now + 1000)).toBe("idle");
    checkInvariants(bed.k);
    expect(bed.k.dying.size).toBe(0);
    expect(threads.every((t) => broken(bed, t))).toBe(true);
  });
  test("005 a long chain of Untypeds that nobody names goes one by one", () => {
    const { bed, a, pieces } = setup();
    // Each is made from the one before, whose capability is deleted.
    let from = Slot.UNTYPED as number;
    for (let i = 0; i < 2 * PIECE; i++) {
      const to = 50 + (i % 2);
      expect(bed.call(a, from, I.UntypedRetype, retypeWord(Kind.Untyped, 12), Slot.CNODE, to)).toEqual(DONE);
      if (from !== Slot.UNTYPED) expect(bed.call(a, Slot.CNODE, I.CNodeDelete, slotWord(from))).toEqual(DONE);
      from = to;
    }
    const { object } = bed.slot(a, Slot.UNTYPED)!;
    const made = bed.k.objects.children[object]!;
    expect(pieces(a, Slot.CNODE, I.CNodeDelete, slotWord(from))).toBeGreaterThan(1);
    expect(bed.k.objects.children[object]).toBe(made - 1);
  });
  test("006 threads that wait for a destroyed notification get Broken, 64 at a time", () => {
    const { bed, a } = setup();
    expect(bed.call(a, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Notification), Slot.CNODE, 40)).toEqual(DONE);
    const n = bed.k.notifications[bed.slot(a, 40)!.object]!;
    const threads = Array.from({ length: COUNT }, () => {
      const t = bare(bed, a);
      t.state = ThreadState.BlockedOnNotification;
      t.prev = n.tail;
      if (n.tail === 0) n.head = t.id;
      else bed.k.tcbs[n.tail]!.next = t.id;
      n.tail = t.id;
      t.blockedOn = n.id;
      return t;
    });
    expect(bed.call(a, Slot.CNODE, I.CNodeDelete, slotWord(40))).toBe("again");
    expect(threads.filter((t) => broken(bed, t)).length).toBe(PIECE);
    for (let outcome: Outcome = "again"; outcome === "again"; ) outcome = bed.trap(a);
    expect(threads.every((t) => broken(bed, t))).toBe(true);
  });
  test("007 what a dead thread left is nobody's account: not that of the thread which has its number next", () => {
    const { bed, a, copies } = setup();
    const b = bed.thread("b"), { id } = a.tcb;
    copies(COUNT);
    expect(bed.call(a, Slot.CNODE, I.CNodeDelete, slotWord(BIG))).toBe("again");
    for (const row of [a.rows.tcb, a.slots + Slot.TCB]) deleteSlot(bed.k, row);
    expect(bed.call(b, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.TCB), Slot.CNODE, 40)).toEqual(DONE);
    expect(bed.slot(b, 40)!.object).toBe(id);
    expect([...bed.k.dying.values()]).toEqual([0]);
  });
});

describe("PIECE-RETYPE", () => {
  test("001 memory that was used is cleared 256 KiB at a time, and is zero when it is handed out", () => {
    const { bed, a, pieces } = setup();
    const MIB = 2 ** 20;
    expect(bed.give(a, 40, bed.make(Kind.Untyped, 22))).toBe(40);
    const base = bed.k.objects.base[bed.slot(a, 40)!.object]! - bed.machine.ramBase;
    expect(pieces(a, 40, I.UntypedRetype, retypeWord(Kind.Frame, 21, 2), Slot.CNODE, 50)).toBe(1);
    bed.k.ram8.fill(0xaa, base, base + 4 * MIB);
    expect(bed.finish(a, Slot.CNODE, I.CNodeRevoke, slotWord(40))).toEqual(DONE);
    expect(pieces(a, 40, I.UntypedRetype, retypeWord(Kind.Frame, 21, 2), Slot.CNODE, 50)).toBe((4 * MIB) / CLEAR_PIECE);
    expect(bed.k.ram8.subarray(base, base + 4 * MIB).every((byte) => byte === 0)).toBe(true);
  });
  test("002 what is alive below stays as it is, and what lies above is cleared once", () => {
    const { bed, a, pieces } = setup();
    expect(bed.give(a, 40, bed.make(Kind.Untyped, 22))).toBe(40);
    const base = bed.k.objects.base[bed.slot(a, 40)!.object]! - bed.machine.ramBase;
    expect(pieces(a, 40, I.UntypedRetype, retypeWord(Kind.Frame, 21, 2), Slot.CNODE, 50)).toBe(1);
    bed.k.ram8.fill(0xaa, base, base + 2 ** 22);
    expect(bed.finish(a, Slot.CNODE, I.CNodeRevoke, slotWord(40))).toEqual(DONE);
    expect(pieces(a, 40, I.UntypedRetype, retypeWord(Kind.Frame, 12), Slot.CNODE, 50)).toBe(1);
    bed.k.ram8.fill(0xbb, base, base + 4096);
    expect(pieces(a, 40, I.UntypedRetype, retypeWord(Kind.Frame, 21), Slot.CNODE, 51)).toBeGreaterThan(1);
    expect(bed.k.ram8.subarray(base, base + 4096).every((byte) => byte === 0xbb)).toBe(true);
    expect(bed.k.ram8.subarray(base + 2 ** 21, base + 2 ** 22).every((byte) => byte === 0)).toBe(true);
  });
  test("003 a refusal comes before any clearing", () => {
    const { bed, a } = setup();
    bed.give(a, 40, bed.make(Kind.Untyped, 22));
    expect(bed.call(a, 40, I.UntypedRetype, retypeWord(Kind.Frame, 21, 2), Slot.CNODE, 50)).toEqual(DONE);
    bed.finish(a, Slot.CNODE, I.CNodeRevoke, slotWord(40));
    refuses(bed, a, [40, I.UntypedRetype, retypeWord(Kind.Frame, 21, 3), Slot.CNODE, 50], ErrorCode.NotEnoughMemory, 2 ** 22);
  });
});

describe("PIECE-RECEIVE", () => {
  test("001 a passive server that finds a crowd of Sends, which it does not take, refuses 64 of them and receives again", () => {
    const { bed, a, crowd } = setup();
    const client = bed.thread("client"), boss = bed.thread("boss", { priority: 200 });
    bed.share(a, EP, client, EP);
    bed.share(a, Slot.SC, boss, 40);
    bed.hold(a, 41, Kind.Reply, 5);
    bed.recv(a, EP, 41);
    expect(bed.call(boss, 40, I.SchedContextUnbind)).toEqual(DONE);
    bed.call(client, EP, 1);
    // It works on its client's time now, and nobody's Send is taken.
    const threads = crowd(COUNT, () => 0, false);
    const refused = (): number => threads.filter((t) => t.state === ThreadState.Ready).length;
    expect(bed.recv(a, EP)).toBe("again");
    expect(refused()).toBe(PIECE);
    expect(bed.answer({ tcb: threads[0]! } as Program)).toEqual(failed(ErrorCode.PassiveServer));
    for (let outcome: Outcome = "again"; outcome === "again"; ) outcome = bed.trap(a);
    expect([refused(), a.tcb.state]).toEqual([COUNT, ThreadState.BlockedOnReceive]);
  });
});

describe("CNODE-CANCEL", () => {
  /** The endpoint with a badge, all rights, in slot 25 + badge. */
  const badged = ({ bed, a }: ReturnType<typeof setup>, badge: number): number => {
    expect(bed.call(a, Slot.CNODE, I.CNodeMint, slotWord(25 + badge), pair(EP, 32 | (15 << 8)), Slot.CNODE, badge)).toEqual(DONE);
    return 25 + badge;
  };
  test("001 ends the Sends and Calls that wait with that badge, and no others, 64 looked at in one entry", () => {
    const all = setup();
    const { bed, a, crowd, pieces } = all;
    const threads = crowd(COUNT, (n) => 1 + (n % 3));
    const at = badged(all, 2);
    expect(pieces(a, Slot.CNODE, I.CNodeCancelBadgedSends, slotWord(at), 0, 0)).toBe(Math.ceil(COUNT / PIECE));
    threads.forEach((t, n) => expect(cancelled(bed, t)).toBe(n % 3 === 1));
    expect(pieces(a, Slot.CNODE, I.CNodeCancelBadgedSends, slotWord(at), 0, 0)).toBe(Math.ceil(threads.filter((_, n) => n % 3 !== 1).length / PIECE));
  });
  test("002 who comes to wait while it goes on is not meant", () => {
    const all = setup();
    const { bed, a, crowd } = all;
    const before = crowd(PIECE + 10, () => 2), at = badged(all, 2);
    expect(bed.call(a, Slot.CNODE, I.CNodeCancelBadgedSends, slotWord(at), 0, 0)).toBe("again");
    const after = crowd(5, () => 2);
    for (let outcome: Outcome = "again"; outcome === "again"; ) outcome = bed.trap(a);
    expect(before.every((t) => cancelled(bed, t))).toBe(true);
    expect(after.every((t) => t.state === ThreadState.BlockedOnSend)).toBe(true);
  });
  test("003 it ends although the thread at which it goes on leaves each time", () => {
    const all = setup();
    const { bed, a, crowd } = all;
    const threads = crowd(COUNT, (n) => (n === COUNT - 1 ? 2 : 1)), at = badged(all, 2);
    let outcome: Outcome = bed.call(a, Slot.CNODE, I.CNodeCancelBadgedSends, slotWord(at), 0, 0), times = 0;
    for (; outcome === "again" && times < 1000; times++) {
      // Where it goes on stands in its word 1.
      const next = bed.k.tcbs[bed.get(a.tcb, Reg.a2 + 1)]!;
      if (next !== threads[COUNT - 1]) cancelWait(bed.k, next);
      outcome = bed.trap(a);
    }
    expect(outcome).toEqual(DONE);
    expect(times).toBeGreaterThan(2);
    expect(cancelled(bed, threads[COUNT - 1]!)).toBe(true);
  });
  test("004 a faulting thread that waits for its keeper with that badge stays stopped", () => {
    const all = setup();
    const { bed, a, crowd, pieces } = all;
    const [t] = crowd(1, () => 2), at = badged(all, 2);
    t!.faultLabel = 4;
    t!.faultLength = 1;
    pieces(a, Slot.CNODE, I.CNodeCancelBadgedSends, slotWord(at), 0, 0);
    expect([t!.state, bed.k.endpoints[all.ep]!.head]).toEqual([ThreadState.Faulted, 0]);
  });
  test("005 with receivers or nobody in line there is nothing to do", () => {
    const all = setup();
    const { bed, a, pieces } = all;
    const b = bed.thread("b"), at = badged(all, 2);
    expect(pieces(a, Slot.CNODE, I.CNodeCancelBadgedSends, slotWord(at), 0, 0)).toBe(1);
    bed.share(a, EP, b, EP);
    expect(bed.recv(b, EP)).toBe("blocked");
    expect(pieces(a, Slot.CNODE, I.CNodeCancelBadgedSends, slotWord(at), 0, 0)).toBe(1);
    expect(b.tcb.state).toBe(ThreadState.BlockedOnReceive);
  });
  test("006 wants an endpoint with a badge and all rights, in three words", () => {
    const all = setup();
    const { bed, a } = all;
    const at = badged(all, 2);
    refuses(bed, a, [Slot.CNODE, I.CNodeCancelBadgedSends, slotWord(EP), 0, 0], ErrorCode.IllegalOperation);
    refuses(bed, a, [Slot.CNODE, I.CNodeCancelBadgedSends, slotWord(Slot.TCB), 0, 0], ErrorCode.InvalidCapability, 0);
    refuses(bed, a, [Slot.CNODE, I.CNodeCancelBadgedSends, slotWord(99), 0, 0], ErrorCode.InvalidCapability, 0);
    refuses(bed, a, [Slot.CNODE, I.CNodeCancelBadgedSends, slotWord(at)], ErrorCode.TruncatedMessage);
    expect(bed.call(a, Slot.CNODE, I.CNodeCopy, slotWord(40), pair(at, 32 | (7 << 8)), Slot.CNODE)).toEqual(DONE);
    refuses(bed, a, [Slot.CNODE, I.CNodeCancelBadgedSends, slotWord(40), 0, 0], ErrorCode.MissingRight, 15);
  });
});
