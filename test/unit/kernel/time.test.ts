// SC-*, SCHED-*: who runs, on whose time, and what becomes of time that was lent.
import { describe, expect, test } from "vitest";
import { ErrorCode, Invocation, Kind } from "../../../caps/abi/numbers.ts";
import { suspend } from "../../../core/kernel/cancel.ts";
import { isRunnable } from "../../../core/kernel/scheduler.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { answered, DONE, failed, KernelBed, retypeWord, Slot, slotWord, type ThreadOptions } from "../../support/kernel-bed.ts";
import type { Program } from "../../support/testbed.ts";
import { refuses } from "./refusal.ts";

const { SchedContextBind, SchedContextUnbind, SchedContextConsumed, SchedControlConfigure, UntypedRetype, CNodeDelete, TCBSuspend, TCBResume } = Invocation;
const CONTROL = 10, EP = 20, REPLY = 21;
/** Ticks in a millisecond. */
const MS = 10_000;

const setup = () => {
  const bed = new KernelBed();
  const boss = bed.thread("boss", { priority: 200 });
  bed.singleton(boss, CONTROL, Kind.SchedControl);
  /** A thread whose TCB and time are the boss's to use, from slot 50 on. */
  let next = 50;
  const worker = (name: string, options: ThreadOptions = {}, budget = 0, period = 0) => {
    const p = bed.thread(name, options);
    const slot = next;
    next += 2;
    bed.share(p, Slot.TCB, boss, slot);
    if (options.time !== false) bed.share(p, Slot.SC, boss, slot + 1);
    if (budget > 0) expect(bed.call(boss, CONTROL, SchedControlConfigure, slot + 1, budget, period)).toEqual(DONE);
    return Object.assign(p, { tcbSlot: slot, scSlot: slot + 1 });
  };
  const sc = (p: Program) => bed.k.schedContexts[bed.object(p.rows.sc)]!;
  /** A server's endpoint and reply, with a capability for each client in its slot 20 + n. */
  const serve = (server: Program, clients: readonly Program[], slot = EP) => {
    const ep = bed.hold(server, slot, Kind.Endpoint, 5);
    bed.hold(server, slot + 1, Kind.Reply, 5);
    clients.forEach((c) => bed.give(c, slot + 10, ep, 15, 7));
    return ep;
  };
  /** Takes a server's time away while it waits: it is passive then. */
  const passive = (server: Program & { scSlot: number }) => expect(bed.call(boss, server.scSlot, SchedContextUnbind)).toEqual(DONE);
  return { bed, boss, worker, sc, serve, passive, current: () => bed.k.tcbs[bed.k.current]?.label };
};

describe("SC-CONFIGURE", () => {
  test("001 sets budget and period in microseconds", () => {
    const { bed, boss, worker, sc } = setup();
    const a = worker("a", {}, 2000, 10_000);
    expect(sc(a)).toMatchObject({ budget: 20_000, period: 100_000, remaining: 20_000 });
    expect(bed.call(boss, CONTROL, SchedControlConfigure, a.scSlot, 10, 10)).toEqual(DONE);
  });
  test("002 10 <= budget <= period <= an hour, else a RangeError", () => {
    const { bed, boss, worker } = setup();
    const a = worker("a");
    for (const period of [0, 9, 3_600_000_001, 2n ** 64n - 1n]) refuses(bed, boss, [CONTROL, SchedControlConfigure, a.scSlot, 10, period], ErrorCode.RangeError, 2, 10, 3_600_000_000);
    for (const budget of [0, 9, 101, 2n ** 40n]) refuses(bed, boss, [CONTROL, SchedControlConfigure, a.scSlot, budget, 100], ErrorCode.RangeError, 1, 10, 100);
  });
  test("003 wants a SchedContext and three words; an unknown label is an IllegalOperation", () => {
    const { bed, boss } = setup();
    refuses(bed, boss, [CONTROL, SchedControlConfigure, Slot.TCB, 10, 10], ErrorCode.InvalidCapability, 0);
    refuses(bed, boss, [CONTROL, SchedControlConfigure, 999, 10, 10], ErrorCode.FailedLookup, 0, 32);
    refuses(bed, boss, [CONTROL, SchedControlConfigure, Slot.SC, 10], ErrorCode.TruncatedMessage);
    refuses(bed, boss, [CONTROL, SchedContextBind, Slot.SC, 10, 10], ErrorCode.IllegalOperation);
  });
  test("004 gives an exhausted thread its time at once", () => {
    const { bed, boss, worker, sc } = setup();
    const a = worker("a", {}, 1000, 100_000);
    bed.force(a.tcb);
    bed.pass(MS);
    expect(sc(a).exhausted).toBe(true);
    expect(bed.call(boss, CONTROL, SchedControlConfigure, a.scSlot, 1000, 100_000)).toEqual(DONE);
    expect(isRunnable(bed.k, a.tcb)).toBe(true);
    bed.force(a.tcb);
    bed.pass(MS);
    expect(sc(a).exhausted).toBe(true);
  });
});

describe("SC-BIND", () => {
  test("001 gives a thread without time its time", () => {
    const { bed, boss, worker } = setup();
    const a = worker("a", { time: false });
    expect(isRunnable(bed.k, a.tcb)).toBe(false);
    bed.call(boss, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.SchedContext), Slot.CNODE, 40);
    expect(bed.call(boss, 40, SchedContextBind, a.tcbSlot)).toEqual(DONE);
    expect(isRunnable(bed.k, a.tcb)).toBe(false);
    expect(bed.call(boss, CONTROL, SchedControlConfigure, 40, 100, 100)).toEqual(DONE);
    expect(isRunnable(bed.k, a.tcb)).toBe(true);
  });
  test("002 one thread, one SchedContext: else an IllegalOperation", () => {
    const { bed, boss, worker } = setup();
    const a = worker("a"), b = worker("b", { time: false });
    bed.call(boss, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.SchedContext), Slot.CNODE, 40);
    refuses(bed, boss, [40, SchedContextBind, a.tcbSlot], ErrorCode.IllegalOperation);
    refuses(bed, boss, [a.scSlot, SchedContextBind, b.tcbSlot], ErrorCode.IllegalOperation);
    refuses(bed, boss, [40, SchedContextBind, Slot.CNODE], ErrorCode.InvalidCapability, 0);
    refuses(bed, boss, [40, SchedContextBind], ErrorCode.TruncatedMessage);
    refuses(bed, boss, [40, 0x704, b.tcbSlot], ErrorCode.IllegalOperation);
  });
});

describe("SC-UNBIND", () => {
  test("001 stops a thread until it has time again", () => {
    const { bed, boss, worker, sc } = setup();
    const a = worker("a"), b = worker("b", { time: false });
    expect(bed.call(boss, a.scSlot, SchedContextUnbind)).toEqual(DONE);
    expect([isRunnable(bed.k, a.tcb), a.tcb.sc, a.tcb.homeSc, sc(a).tcb]).toEqual([false, 0, 0, 0]);
    expect(bed.call(boss, a.scSlot, SchedContextUnbind)).toEqual(DONE);
    expect(bed.call(boss, a.scSlot, SchedContextBind, b.tcbSlot)).toEqual(DONE);
    expect(isRunnable(bed.k, b.tcb)).toBe(true);
  });
  test("002 takes lent time back too: it does not come home to a thread that it left", () => {
    const { bed, boss, worker, serve, sc } = setup();
    const server = worker("server"), client = worker("client"), heir = worker("heir", { time: false });
    serve(server, [client]);
    bed.recv(server, EP, REPLY);
    bed.call(client, EP + 10, 1);
    expect(bed.call(boss, client.scSlot, SchedContextUnbind)).toEqual(DONE);
    expect([server.tcb.sc, sc(client).tcb]).toEqual([server.tcb.homeSc, 0]);
    bed.send(server, REPLY);
    expect([client.tcb.state, client.tcb.sc]).toEqual([ThreadState.Ready, 0]);
    expect(bed.call(boss, client.scSlot, SchedContextBind, heir.tcbSlot)).toEqual(DONE);
    expect(isRunnable(bed.k, heir.tcb)).toBe(true);
  });
});

describe("SC-CONSUMED", () => {
  test("001 tells the microseconds used since the last question", () => {
    const { bed, boss, worker } = setup();
    const a = worker("a");
    bed.force(a.tcb);
    bed.pass(2500);
    expect(bed.call(boss, a.scSlot, SchedContextConsumed)).toEqual(answered(0, [250]));
    expect(bed.call(boss, a.scSlot, SchedContextConsumed)).toEqual(answered(0, [0]));
  });
});

describe("SC-DESTROY", () => {
  test("001 the thread on it stops; one that had it on loan falls back on its own", () => {
    const { bed, boss, worker, serve } = setup();
    const server = worker("server"), a = worker("a", { time: false });
    bed.call(boss, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.SchedContext), Slot.CNODE, 40);
    bed.call(boss, CONTROL, SchedControlConfigure, 40, 100, 100);
    bed.call(boss, 40, SchedContextBind, a.tcbSlot);
    serve(server, [a]);
    bed.recv(server, EP, REPLY);
    bed.call(a, EP + 10, 1);
    expect(bed.call(boss, Slot.CNODE, CNodeDelete, slotWord(40))).toEqual(DONE);
    expect([server.tcb.sc, isRunnable(bed.k, server.tcb)]).toEqual([server.tcb.homeSc, true]);
    bed.send(server, REPLY, 3);
    expect([a.tcb.state, a.tcb.sc, bed.answer(a).label]).toEqual([ThreadState.Ready, 0, 3]);
  });
});

describe("DONATION", () => {
  /** client → a → b, each in a call to the next. */
  const chain = (times: { a?: boolean; b?: boolean } = {}) => {
    const all = setup();
    const { bed, worker, serve, passive } = all;
    const b = worker("b"), a = worker("a"), client = worker("client");
    serve(b, [a], 30);
    serve(a, [client]);
    bed.recv(b, 30, 31);
    bed.recv(a, EP, REPLY);
    if (times.b === false) passive(b);
    if (times.a === false) passive(a);
    bed.call(client, EP + 10, 1);
    bed.call(a, 40, 2);
    return { ...all, a, b, client, home: all.sc(client).id };
  };
  test("001 a server works on its caller's time, down a chain, and it comes back the same way", () => {
    for (const [pa, pb] of [[true, true], [false, false], [true, false], [false, true]]) {
      const { bed, a, b, client, home } = chain({ a: pa!, b: pb! });
      expect([client.tcb.sc, a.tcb.sc, b.tcb.sc]).toEqual([0, 0, home]);
      bed.replyRecv(b, 30, 31);
      expect([client.tcb.sc, a.tcb.sc, b.tcb.sc]).toEqual([0, home, b.tcb.homeSc]);
      bed.replyRecv(a, EP, REPLY);
      expect([client.tcb.sc, a.tcb.sc, b.tcb.sc]).toEqual([home, a.tcb.homeSc, b.tcb.homeSc]);
    }
  });
  test("002 the first caller is suspended: it has its time back, and an answer between the others does not take it away again", () => {
    for (const times of [{}, { a: false, b: false }]) {
      const { bed, boss, a, b, client, home } = chain(times);
      expect(bed.call(boss, client.tcbSlot, TCBSuspend)).toEqual(DONE);
      expect(client.tcb.sc).toBe(home);
      expect(b.tcb.sc).toBe(b.tcb.homeSc);
      expect(bed.call(boss, client.tcbSlot, TCBResume)).toEqual(DONE);
      expect(bed.answer(client)).toEqual(failed(ErrorCode.Cancelled));
      if (b.tcb.homeSc === 0) continue;
      bed.replyRecv(b, 30, 31, 5);
      expect(client.tcb.sc).toBe(home);
      expect([a.tcb.sc, isRunnable(bed.k, a.tcb), bed.answer(a).label]).toEqual([a.tcb.homeSc, true, 5]);
    }
  });
  test("003 the one in the middle is suspended: time goes back to where it called from", () => {
    const { bed, boss, a, b, client, home } = chain();
    expect(bed.call(boss, a.tcbSlot, TCBSuspend)).toEqual(DONE);
    expect([a.tcb.sc, b.tcb.sc]).toEqual([home, b.tcb.homeSc]);
    bed.replyRecv(b, 30, 31, 5);
    expect(a.tcb.sc).toBe(home);
    bed.send(boss, 99);
    expect(bed.call(boss, a.tcbSlot, TCBResume)).toEqual(DONE);
    bed.replyRecv(a, EP, REPLY, 6);
    expect([client.tcb.sc, bed.answer(client).label]).toEqual([home, 6]);
  });
  test("004 a server that is destroyed gives back what it was lent", () => {
    const { bed, boss, worker, serve, sc } = setup();
    const client = worker("client"), server = worker("server");
    serve(server, [client]);
    bed.share(server, REPLY, boss, 30);
    bed.recv(server, EP, REPLY);
    bed.call(client, EP + 10, 1);
    for (const slot of [Slot.TCB]) bed.finish(server, Slot.CNODE, CNodeDelete, slotWord(slot));
    expect(sc(client).tcb).toBe(server.tcb.id);
    bed.send(boss, 30, 4);
    expect([client.tcb.sc, server.tcb.sc]).toEqual([client.tcb.homeSc, server.tcb.homeSc]);
  });
  test("005 a budget that ends inside a server with time of its own: the server goes on with that, the client waits for its refill", () => {
    const { bed, worker, serve, sc } = setup();
    const server = worker("server"), client = worker("client", {}, 1000, 100_000);
    serve(server, [client]);
    bed.recv(server, EP, REPLY);
    bed.call(client, EP + 10, 1);
    bed.force(server.tcb);
    bed.pass(MS);
    expect([sc(client).exhausted, server.tcb.sc, isRunnable(bed.k, server.tcb)]).toEqual([true, server.tcb.homeSc, true]);
    bed.send(server, REPLY, 2);
    expect([client.tcb.state, isRunnable(bed.k, client.tcb)]).toEqual([ThreadState.Ready, false]);
    bed.pass(100 * MS);
    expect([isRunnable(bed.k, client.tcb), bed.answer(client).label]).toEqual([true, 2]);
  });
  test("006 a budget that ends inside a passive server stops it until the refill", () => {
    const { bed, worker, serve, passive, sc } = setup();
    const server = worker("server"), client = worker("client", {}, 1000, 100_000);
    serve(server, [client]);
    bed.recv(server, EP, REPLY);
    passive(server);
    bed.call(client, EP + 10, 1);
    bed.force(server.tcb);
    bed.pass(MS);
    expect([sc(client).exhausted, server.tcb.sc, isRunnable(bed.k, server.tcb)]).toEqual([true, sc(client).id, false]);
    bed.pass(100 * MS);
    expect(isRunnable(bed.k, server.tcb)).toBe(true);
    bed.replyRecv(server, EP, REPLY, 2);
    expect([client.tcb.sc, server.tcb.sc, bed.answer(client).label]).toEqual([sc(client).id, 0, 2]);
  });
  test("007 a budget that ends two calls deep: the middle, with time of its own, goes on with that after its answer", () => {
    const { bed, worker, serve, sc } = setup();
    const b = worker("b"), a = worker("a"), client = worker("client", {}, 1000, 100_000);
    serve(b, [a], 30);
    serve(a, [client]);
    bed.recv(b, 30, 31);
    bed.recv(a, EP, REPLY);
    bed.call(client, EP + 10, 1);
    bed.call(a, 40, 2);
    bed.force(b.tcb);
    bed.pass(MS);
    expect([sc(client).exhausted, b.tcb.sc]).toEqual([true, b.tcb.homeSc]);
    bed.replyRecv(b, 30, 31);
    expect([a.tcb.sc, isRunnable(bed.k, a.tcb)]).toEqual([a.tcb.homeSc, true]);
    bed.replyRecv(a, EP, REPLY);
    expect(client.tcb.sc).toBe(client.tcb.homeSc);
  });
  test("008 a server with two callers' time has one, and each gets its own back", () => {
    const { bed, worker, serve, sc } = setup();
    const server = worker("server"), one = worker("one"), two = worker("two");
    serve(server, [one, two]);
    bed.hold(server, 25, Kind.Reply, 5);
    bed.recv(server, EP, REPLY);
    bed.call(one, EP + 10, 1);
    bed.recv(server, EP, 25);
    bed.call(two, EP + 10, 2);
    expect([server.tcb.sc, sc(one).tcb]).toEqual([sc(two).id, 0]);
    bed.send(server, REPLY, 1);
    expect([one.tcb.sc, server.tcb.sc]).toEqual([sc(one).id, sc(two).id]);
    bed.send(server, 25, 2);
    expect([two.tcb.sc, server.tcb.sc]).toEqual([sc(two).id, server.tcb.homeSc]);
  });
});

describe("SCHED", () => {
  test("001 a call switches directly to the server; nobody of the same priority comes between", () => {
    const { bed, worker, serve, current } = setup();
    const server = worker("server"), client = worker("client");
    worker("bystander");
    serve(server, [client]);
    bed.recv(server, EP, REPLY);
    bed.call(client, EP + 10, 1);
    expect(current()).not.toBe("bystander");
  });
  test("002 a thread of higher priority runs as soon as it is ready", () => {
    const { bed, boss, worker, current } = setup();
    const low = worker("low", { priority: 10 }), high = worker("high", { priority: 150 });
    bed.hold(high, EP, Kind.Notification, 6);
    bed.share(high, EP, low, EP, 15, 1);
    bed.call(boss, Slot.TCB, TCBSuspend);
    bed.wait(high, EP);
    expect(current()).toBe("low");
    bed.signal(low, EP);
    expect(current()).toBe("high");
  });
  test("003 Yield goes round the threads of one priority", () => {
    const { bed, boss, worker, current } = setup();
    const threads = ["a", "b", "c"].map((name) => worker(name));
    bed.call(boss, Slot.TCB, TCBSuspend);
    const order = [];
    for (let i = 0; i < 6; i++) {
      const name = current();
      order.push(name);
      expect(bed.yield(threads.find((t) => t.tcb.label === name)!)).toEqual(DONE);
    }
    expect(order.slice(0, 3).sort()).toEqual(["a", "b", "c"]);
    expect(order.slice(3)).toEqual(order.slice(0, 3));
  });
  test("004 full SchedContexts take turns of their budget", () => {
    const { bed, boss, worker, current } = setup();
    worker("a", {}, 1000, 1000);
    worker("b", {}, 1000, 1000);
    bed.call(boss, Slot.TCB, TCBSuspend);
    const order = [];
    for (let i = 0; i < 4; i++) {
      order.push(current());
      bed.pass(MS);
    }
    expect(order).toEqual([order[0], order[1], order[0], order[1]]);
    expect(order[0]).not.toBe(order[1]);
  });
  test("005 a partial budget runs once in its period, and leaves the rest to lower priorities", () => {
    const { bed, boss, worker, current } = setup();
    worker("high", { priority: 150 }, 2000, 10_000);
    worker("low", { priority: 10 });
    bed.call(boss, Slot.TCB, TCBSuspend);
    const used = { high: 0, low: 0 };
    for (let i = 0; i < 100; i++) {
      used[current() as "high" | "low"]++;
      bed.pass(MS);
    }
    expect(used).toEqual({ high: 20, low: 80 });
  });
  test("006 with nobody ready nothing is current, and a refill brings the thread back", () => {
    const { bed, boss, worker, current } = setup();
    worker("only", {}, 1000, 10_000);
    bed.call(boss, Slot.TCB, TCBSuspend);
    bed.pass(MS);
    expect([current(), bed.k.nextTimer]).toEqual([undefined, 100_000]);
    bed.pass(8 * MS);
    expect(current()).toBeUndefined();
    bed.pass(MS);
    expect(current()).toBe("only");
  });
  test("007 turns are as long when a more urgent thread interrupts them: nobody of the same priority starves", () => {
    const { bed, boss, worker, current } = setup();
    worker("a", { priority: 100 }, 3000, 3000);
    worker("b", { priority: 100 }, 3000, 3000);
    worker("urgent", { priority: 120 }, 1000, 2000);
    bed.call(boss, Slot.TCB, TCBSuspend);
    const used = { a: 0, b: 0, urgent: 0 };
    for (let i = 0; i < 120; i++) {
      used[current() as "a" | "b" | "urgent"]++;
      bed.pass(MS);
    }
    expect(used).toEqual({ a: 30, b: 30, urgent: 60 });
  });
  /** Threads of these priorities, each on turns of 2 ms inside a call to the next, and before them one for each of `idle` that only computes. */
  const inside = (priorities: readonly number[], idle: readonly number[]) => {
    const all = setup(), { bed, boss, worker, serve } = all;
    const callers = priorities.map((priority, i) => worker(`caller${i}`, { priority }, 2000, 2000));
    for (const priority of idle) worker(`idle${priority}`, { priority }, 2000, 2000);
    for (let i = callers.length - 1; i > 0; i--) {
      serve(callers[i]!, [callers[i - 1]!], 20 * i);
      bed.recv(callers[i]!, 20 * i, 20 * i + 1);
    }
    bed.call(boss, Slot.TCB, TCBSuspend);
    for (let i = 1; i < callers.length; i++) bed.call(callers[i - 1]!, 20 * i + 10, 1);
    return { ...all, callers, answer: (i: number) => bed.replyRecv(callers[i]!, 20 * i, 20 * i + 1) };
  };
  test("008 a turn that ends inside a more urgent server is over for the caller: one that only calls does not starve its equals", () => {
    const { bed, sc, callers, current, answer } = inside([100, 120], [100]);
    bed.pass(2 * MS);
    expect(current()).toBe("caller1");
    answer(1);
    expect([current(), sc(callers[0]!).turnOver]).toEqual(["idle100", 0]);
    bed.pass(2 * MS);
    expect(current()).toBe("caller0");
    bed.call(callers[0]!, 30, 1);
    answer(1);
    expect(current()).toBe("caller0");
  });
  test("009 a turn that a server of the caller's own priority gave up is not given up again", () => {
    const { bed, current, answer } = inside([100, 100], [100]);
    bed.pass(2 * MS);
    expect(current()).toBe("idle100");
    bed.pass(2 * MS);
    expect(current()).toBe("caller1");
    answer(1);
    expect(current()).toBe("caller0");
  });
  test("010 down a chain of calls each gives way once, at its own priority", () => {
    const { bed, current, answer } = inside([80, 100, 100, 120], [80, 100]);
    bed.pass(2 * MS);
    expect(current()).toBe("caller3");
    answer(3);
    expect(current()).toBe("idle100");
    bed.pass(2 * MS);
    expect(current()).toBe("caller2");
    answer(2);
    expect(current()).toBe("caller1");
    answer(1);
    const { k } = bed;
    expect([current(), k.tcbs[k.readyHead[80]!]!.label, k.tcbs[k.readyTail[80]!]!.label]).toEqual(["idle100", "idle80", "caller0"]);
  });
  test("011 a caller that is stopped, or calls on before its turn was given up, changes nothing of that", () => {
    const { bed, callers, sc, current, answer } = inside([80, 100, 120], [80]);
    bed.pass(2 * MS);
    answer(2);
    expect([current(), sc(callers[0]!).turnOver]).toEqual(["caller1", 100]);
    bed.call(callers[1]!, 50, 1);
    answer(2);
    answer(1);
    expect(current()).toBe("idle80");
    bed.pass(2 * MS);
    bed.call(callers[0]!, 30, 1);
    bed.pass(2 * MS);
    suspend(bed.k, callers[0]!.tcb);
    expect([current(), sc(callers[0]!).turnOver]).toEqual(["caller1", 0]);
  });
});
