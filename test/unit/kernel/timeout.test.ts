// TIMEOUT-*, SPORADIC-*, SC-YIELD-*: budgets that come back as they were used, keepers that are told when one is used up, turns given to another.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ErrorCode, Fault, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { isRunnable } from "../../../core/kernel/scheduler.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { MOST_REFILLS } from "../../../core/kernel/time.ts";
import { answered, DONE, KernelBed, pair, Slot, type ThreadOptions } from "../../support/kernel-bed.ts";
import type { Program } from "../../support/testbed.ts";
import { runs } from "../../model/runs.ts";
import { refuses } from "./refusal.ts";

const I = Invocation;
const CONTROL = 10, EP = 20, REPLY = 21, WORD = pair(0x1234, 7);
const MS = 10_000;

const setup = () => {
  const bed = new KernelBed();
  const boss = bed.thread("boss", { priority: 200 });
  bed.singleton(boss, CONTROL, Kind.SchedControl);
  bed.hold(boss, EP, Kind.Endpoint, 5);
  bed.hold(boss, REPLY, Kind.Reply, 5);
  let next = 50;
  /** A thread with a budget in every period (microseconds), whose TCB and time are the boss's to use. */
  const worker = (name: string, budget: number, period: number, options: ThreadOptions = {}) => {
    const p = bed.thread(name, options);
    const slot = next;
    next += 2;
    bed.share(p, Slot.TCB, boss, slot);
    bed.share(p, Slot.SC, boss, slot + 1);
    expect(bed.call(boss, CONTROL, I.SchedControlConfigure, slot + 1, budget, period, WORD)).toEqual(DONE);
    return Object.assign(p, { tcbSlot: slot, scSlot: slot + 1 });
  };
  const sc = (p: Program) => bed.k.schedContexts[bed.object(p.rows.sc)]!;
  /** The boss is the keeper of the thread's time. */
  const keep = (p: { tcbSlot: number }) => expect(bed.call(boss, p.tcbSlot, I.TCBSetTimeoutKeeper, EP)).toEqual(DONE);
  return { bed, boss, worker, sc, keep };
};

describe("TIMEOUT", () => {
  test("001 the keeper is told pc, microseconds used and the SchedContext's word; answered, the thread goes on when it has time", () => {
    const { bed, boss, worker, sc, keep } = setup();
    const a = worker("a", 1000, 10_000);
    keep(a);
    expect(bed.recv(boss, EP, REPLY)).toBe("blocked");
    bed.force(a.tcb);
    bed.pass(MS);
    const pc = bed.get(a.tcb, 0);
    expect(bed.answer(boss)).toEqual(answered(Fault.Timeout, [pc, 1000, 0x1234 + 7 * 2 ** 32]));
    expect([a.tcb.state, sc(a).exhausted]).toEqual([ThreadState.BlockedOnReply, true]);
    bed.send(boss, REPLY);
    expect([a.tcb.state, isRunnable(bed.k, a.tcb)]).toEqual([ThreadState.Ready, false]);
    bed.pass(9 * MS);
    expect(isRunnable(bed.k, a.tcb)).toBe(true);
  });
  test("002 a full SchedContext's thread is kept at the end of each turn, and goes on at once", () => {
    const { bed, boss, worker, keep } = setup();
    const a = worker("a", 1000, 1000);
    keep(a);
    expect(bed.recv(boss, EP, REPLY)).toBe("blocked");
    for (let turn = 0; turn < 3; turn++) {
      bed.force(a.tcb);
      bed.pass(MS);
      expect(bed.answer(boss)).toMatchObject({ label: Fault.Timeout });
      expect(a.tcb.state).toBe(ThreadState.BlockedOnReply);
      bed.replyRecv(boss, EP, REPLY);
      expect(isRunnable(bed.k, a.tcb)).toBe(true);
    }
  });
  test("003 without a keeper the thread waits for its time in silence", () => {
    const { bed, worker } = setup();
    const a = worker("a", 1000, 10_000);
    bed.force(a.tcb);
    bed.pass(MS);
    expect([a.tcb.state, a.tcb.faultLabel, isRunnable(bed.k, a.tcb)]).toEqual([ThreadState.Ready, 0, false]);
  });
  test("004 the keeper may give more: configured anew, the thread goes on with the answer", () => {
    const { bed, boss, worker, keep } = setup();
    const a = worker("a", 1000, 10_000);
    keep(a);
    bed.recv(boss, EP, REPLY);
    bed.force(a.tcb);
    bed.pass(MS);
    expect(bed.call(boss, CONTROL, I.SchedControlConfigure, a.scSlot, 2000, 10_000)).toEqual(DONE);
    bed.send(boss, REPLY);
    expect(isRunnable(bed.k, a.tcb)).toBe(true);
  });
  test("005 a passive server at work on its caller's time is kept by its own timeout keeper; one with time of its own goes on with that", () => {
    for (const passive of [true, false]) {
      const { bed, boss, worker, keep } = setup();
      const client = worker("client", 1000, 10_000), server = worker("server", 5000, 10_000);
      keep(server);
      const ep = bed.hold(server, 30, Kind.Endpoint, 5);
      bed.hold(server, 31, Kind.Reply, 5);
      bed.give(client, 30, ep, 15, 1);
      bed.recv(server, 30, 31);
      if (passive) expect(bed.call(boss, server.scSlot, I.SchedContextUnbind)).toEqual(DONE);
      bed.call(client, 30, 1);
      bed.recv(boss, EP, REPLY);
      bed.force(server.tcb);
      bed.pass(MS);
      expect(server.tcb.state).toBe(passive ? ThreadState.BlockedOnReply : ThreadState.Ready);
      expect(bed.answer(boss).label).toBe(passive ? Fault.Timeout : 0);
      expect(isRunnable(bed.k, server.tcb)).toBe(!passive);
    }
  });
  test("006 when the keeper's endpoint or reply object goes, the thread goes on: it did nothing wrong", () => {
    for (const held of [true, false]) {
      const { bed, boss, worker } = setup();
      const a = worker("a", 1000, 10_000);
      expect(bed.call(boss, Slot.UNTYPED, I.UntypedRetype, Kind.Endpoint + 2 ** 16, Slot.CNODE, 40)).toEqual(DONE);
      expect(bed.call(boss, Slot.UNTYPED, I.UntypedRetype, Kind.Reply + 2 ** 16, Slot.CNODE, 41)).toEqual(DONE);
      expect(bed.call(boss, a.tcbSlot, I.TCBSetTimeoutKeeper, 40)).toEqual(DONE);
      if (held) bed.recv(boss, 40, 41);
      bed.force(a.tcb);
      bed.pass(MS);
      expect(a.tcb.faultLabel).toBe(Fault.Timeout);
      expect(bed.finish(boss, Slot.CNODE, I.CNodeRevoke, pair(Slot.UNTYPED, 32))).toEqual(DONE);
      expect([a.tcb.state, a.tcb.faultLabel]).toEqual([ThreadState.Ready, 0]);
      bed.pass(10 * MS);
      expect(isRunnable(bed.k, a.tcb)).toBe(true);
    }
  });
  test("007 another label as the answer leaves it stopped", () => {
    const { bed, boss, worker, keep } = setup();
    const a = worker("a", 1000, 10_000);
    keep(a);
    bed.recv(boss, EP, REPLY);
    bed.force(a.tcb);
    bed.pass(MS);
    bed.send(boss, REPLY, 1);
    expect(a.tcb.state).toBe(ThreadState.Faulted);
    expect(bed.call(boss, a.tcbSlot, I.TCBResume)).toEqual(DONE);
    expect([a.tcb.state, a.tcb.faultLabel]).toEqual([ThreadState.Ready, 0]);
  });
});

describe("TCB-TIMEOUT", () => {
  test("001 sets and removes the keeper", () => {
    const { bed, boss, worker, keep } = setup();
    const a = worker("a", 1000, 10_000);
    keep(a);
    expect(bed.call(boss, a.tcbSlot, I.TCBSetTimeoutKeeper, 0)).toEqual(DONE);
    bed.recv(boss, EP, REPLY);
    bed.force(a.tcb);
    bed.pass(MS);
    expect(boss.tcb.state).toBe(ThreadState.BlockedOnReceive);
  });
  test("002 wants an endpoint through which can be called, in one word", () => {
    const { bed, boss, worker } = setup();
    const a = worker("a", 1000, 10_000);
    bed.share(boss, EP, boss, 40, Right.Read | Right.GrantReply);
    bed.share(boss, EP, boss, 41, Right.Write);
    refuses(bed, boss, [a.tcbSlot, I.TCBSetTimeoutKeeper], ErrorCode.TruncatedMessage);
    refuses(bed, boss, [a.tcbSlot, I.TCBSetTimeoutKeeper, REPLY], ErrorCode.InvalidCapability, 0);
    refuses(bed, boss, [a.tcbSlot, I.TCBSetTimeoutKeeper, 2 ** 20], ErrorCode.FailedLookup, 0, 32);
    for (const slot of [40, 41]) refuses(bed, boss, [a.tcbSlot, I.TCBSetTimeoutKeeper, slot], ErrorCode.MissingRight, Right.Write | Right.GrantReply);
  });
});

describe("SPORADIC", () => {
  /** Runs the thread for so many ticks, then lets others run for so many. */
  const use = (bed: KernelBed, p: Program, ticks: number, pause: number): void => {
    bed.force(p.tcb);
    bed.pass(ticks);
    if (pause > 0) bed.pass(0);
    const boss = bed.k.tcbs.find((t) => t?.label === "boss")!;
    bed.force(boss);
    bed.pass(pause);
  };
  test("001 what was used comes back a period after it was begun to be used, not sooner", () => {
    const { bed, worker, sc } = setup();
    const a = worker("a", 2000, 10_000);
    use(bed, a, MS, 3 * MS);
    expect([sc(a).remaining, sc(a).refills]).toEqual([MS, [{ amount: MS, at: 10 * MS }]]);
    use(bed, a, MS, 0);
    expect([sc(a).exhausted, sc(a).releaseAt]).toEqual([true, 10 * MS]);
    bed.pass(5 * MS);
    expect(sc(a).exhausted).toBe(false);
    // The second piece began at 4 ms: it is not back yet.
    expect(sc(a).remaining).toBe(MS);
    use(bed, a, MS, 0);
    expect([sc(a).exhausted, sc(a).releaseAt]).toEqual([true, 14 * MS]);
  });
  test("002 a thread that waits for the end of a period does not get its budget twice in a row", () => {
    const { bed, worker, sc } = setup();
    const a = worker("a", 2000, 10_000);
    // Idle until just before the period ends, then all the budget: the next comes a whole period later.
    const boss = bed.k.tcbs.find((t) => t?.label === "boss")!;
    bed.force(boss);
    bed.pass(9 * MS);
    use(bed, a, 2 * MS, 0);
    expect(sc(a).exhausted).toBe(true);
    expect(sc(a).releaseAt).toBe(19 * MS);
  });
  test("003 more pieces than there is room for come back together, at the later time", () => {
    const { bed, worker, sc } = setup();
    const a = worker("a", 5000, 100_000);
    for (let i = 0; i < 2 * MOST_REFILLS; i++) use(bed, a, 100, 200);
    expect(sc(a).refills.length).toBe(MOST_REFILLS);
    expect(sc(a).refills.reduce((sum, r) => sum + r.amount, 0)).toBe(2 * MOST_REFILLS * 100);
  });
  test("004 no window of a period ever sees more than the budget, whatever it does", () => {
    const steps = fc.array(fc.record({ run: fc.integer({ min: 1, max: 3000 }), rest: fc.integer({ min: 0, max: 9000 }) }), { minLength: 5, maxLength: 60 });
    fc.assert(
      fc.property(steps, (all) => {
        const { bed, worker, sc } = setup();
        const a = worker("a", 300, 1000), boss = bed.k.tcbs.find((t) => t?.label === "boss")!;
        const budget = 3000, period = 10_000, used: { from: number; to: number }[] = [];
        for (const { run, rest } of all) {
          if (isRunnable(bed.k, a.tcb)) {
            bed.force(a.tcb);
            bed.k.machine.setDeadline(Infinity);
            // Preempted at the latest when its time is up, as the machine would do it.
            const from = bed.machine.now, ticks = Math.min(run, sc(a).remaining);
            bed.pass(ticks);
            used.push({ from, to: from + ticks });
          }
          if (isRunnable(bed.k, boss)) bed.force(boss);
          bed.pass(rest);
        }
        for (const { from } of used) {
          const seen = used.reduce((sum, u) => sum + Math.max(0, Math.min(u.to, from + period) - Math.max(u.from, from)), 0);
          expect(seen).toBeLessThanOrEqual(budget);
        }
      }),
      runs(100),
    );
  }, 180_000);
  test("005 a turn that ended late is paid for: what it used comes back as much later as the share takes to earn what was too much", () => {
    const { bed, worker, sc } = setup();
    const a = worker("a", 2000, 10_000);
    use(bed, a, 2 * MS + MS / 2, 0);
    expect([sc(a).remaining, sc(a).refills, sc(a).releaseAt]).toEqual([-MS / 2, [{ amount: 2.5 * MS, at: 12.5 * MS }], 12.5 * MS]);
    // All of a budget and more at once is no doing of the thread's: it waits a period longer, and not for ever.
    const b = worker("b", 2000, 10_000), from = bed.machine.now;
    use(bed, b, 7 * MS, 0);
    expect([sc(b).remaining, sc(b).refills, sc(b).releaseAt]).toEqual([-5 * MS, [{ amount: 7 * MS, at: from + 20 * MS }], from + 20 * MS]);
  });
  test("006 however late its turns end, over the time it has its share", () => {
    // Up to a fifth of the budget late; now and then another's turn comes between.
    const turns = fc.array(fc.record({ late: fc.integer({ min: 0, max: 600 }), stop: fc.integer({ min: 1, max: 9000 }) }), { minLength: 60, maxLength: 80 });
    fc.assert(
      fc.property(turns, (all) => {
        const { bed, worker, sc } = setup();
        const a = worker("a", 300, 1000), boss = bed.k.tcbs.find((t) => t?.label === "boss")!;
        const begin = bed.machine.now;
        let used = 0;
        for (const { late, stop } of all) {
          bed.force(isRunnable(bed.k, a.tcb) ? a.tcb : boss);
          bed.k.machine.setDeadline(Infinity);
          if (bed.k.current === a.tcb.id) {
            const ticks = Math.min(stop, sc(a).remaining + late);
            bed.pass(ticks);
            used += ticks;
            if (sc(a).exhausted) continue;
            bed.force(boss);
            bed.pass(100);
          } else bed.pass(sc(a).releaseAt - bed.machine.now);
        }
        const passed = bed.machine.now - begin;
        // At the end it may have its budget, and what it was late by, before its time.
        expect(used - 0.3 * passed).toBeLessThanOrEqual(3000 + 600);
        expect(used / passed).toBeGreaterThan(0.27);
      }),
      runs(100),
    );
  }, 180_000);
  test("007 many that are due at one time are woken 64 at a time", () => {
    const { bed, boss, worker } = setup();
    const workers = Array.from({ length: 5 }, (_, i) => worker(`w${i}`, 1000, 10_000));
    workers.forEach((w) => {
      bed.force(w.tcb);
      bed.pass(MS);
    });
    // Void entries of SchedContexts that were configured anew count too.
    for (let i = 0; i < 3; i++) expect(bed.call(boss, CONTROL, I.SchedControlConfigure, workers[i]!.scSlot, 1000, 10_000)).toEqual(DONE);
    bed.pass(20 * MS);
    expect(workers.every((w) => isRunnable(bed.k, w.tcb))).toBe(true);
    expect([bed.k.releases.length, bed.k.nextTimer]).toEqual([0, Infinity]);
  });
});

describe("SC-YIELD", () => {
  test("001 its thread is the next of its priority to run, and answers what was used", () => {
    const { bed, boss, worker } = setup();
    const [a, b] = [worker("a", 1000, 1000), worker("b", 1000, 1000)];
    bed.force(b.tcb);
    bed.pass(500);
    bed.force(boss.tcb);
    expect(bed.call(boss, b.scSlot, I.SchedContextYieldTo)).toEqual(answered(0, [50]));
    expect(bed.call(boss, Slot.TCB, I.TCBSuspend)).toEqual(DONE);
    expect(bed.k.current).toBe(b.tcb.id);
    expect(isRunnable(bed.k, a.tcb)).toBe(true);
  });
  test("002 of the caller's own priority, it runs before the caller does", () => {
    const { bed, boss, worker } = setup();
    worker("a", 1000, 1000, { priority: 200 });
    const b = worker("b", 1000, 1000, { priority: 200 });
    expect(bed.call(boss, b.scSlot, I.SchedContextYieldTo)).toMatchObject({ error: 0 });
    expect(bed.k.current).toBe(b.tcb.id);
    bed.call(b, Slot.TCB, I.TCBSuspend);
    expect(bed.k.current).toBe(boss.tcb.id);
  });
  test("003 nothing changes for one that waits or has no time left", () => {
    const { bed, boss, worker } = setup();
    const a = worker("a", 1000, 10_000), b = worker("b", 1000, 10_000);
    bed.force(a.tcb);
    bed.pass(MS);
    bed.hold(b, 40, Kind.Notification, 6);
    bed.wait(b, 40);
    for (const w of [a, b]) expect(bed.call(boss, w.scSlot, I.SchedContextYieldTo)).toMatchObject({ error: 0 });
    expect(bed.k.current).toBe(boss.tcb.id);
  });
  test("004 not to oneself, nor to nobody, nor above one's maximum priority: IllegalOperation", () => {
    const { bed, boss, worker } = setup();
    const a = worker("a", 1000, 1000), high = worker("high", 1000, 1000, { priority: 220 });
    bed.call(high, Slot.TCB, I.TCBSuspend);
    refuses(bed, boss, [Slot.SC, I.SchedContextYieldTo], ErrorCode.IllegalOperation);
    boss.tcb.maxPriority = 210;
    refuses(bed, boss, [high.scSlot, I.SchedContextYieldTo], ErrorCode.IllegalOperation);
    expect(bed.call(boss, a.scSlot, I.SchedContextUnbind)).toEqual(DONE);
    refuses(bed, boss, [a.scSlot, I.SchedContextYieldTo], ErrorCode.IllegalOperation);
  });
});
