// servers/lib/ts/ring.ts without a machine: against a plain queue, with the two sides running in between each other's accesses, and with another side
// that writes what it likes at any time. FUZZ_RUNS=N for longer; a failure names its seed.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isRingShape, RING_FIRST, RING_MOST_BYTES, RING_MOST_MESSAGES, ringBytes, RingLayout, RingResult, type RingResultName, type RingShape } from "../../caps/abi/ring.ts";
import type { Op } from "../../servers/lib/ts/sdk.ts";
import { below, runs } from "../model/runs.ts";
import { BIT, finish, RECEIVER_BELL, RingBed, SENDER_BELL } from "../support/ring-bed.ts";

const capacities = fc.integer({ min: 0, max: 5 }).map((bits) => 2 ** bits);
const shapes: fc.Arbitrary<RingShape> = fc.record({ capacity: capacities, bytes: fc.integer({ min: 1, max: 5 }).map((units) => 8 * units) });
const FIELDS = Object.keys(RingLayout).filter((name) => name !== "MESSAGES") as (keyof typeof RingLayout)[];

describe("shapes", () => {
  test("a power of two of messages, whole words of bytes, within limits", () => {
    for (const shape of [{ capacity: 1, bytes: 8 }, { capacity: RING_MOST_MESSAGES, bytes: RING_MOST_BYTES }]) expect(isRingShape(shape)).toBe(true);
    const wrong = [[0, 8], [3, 8], [-1, 8], [2 * RING_MOST_MESSAGES, 8], [8, 0], [8, 4], [8, 12], [8, RING_MOST_BYTES + 8], [1.5, 8], [Number.NaN, 8], [8, Number.NaN], [2 ** 32, 8], [2 ** 53, 8]];
    for (const [capacity, bytes] of wrong) expect(isRingShape({ capacity: capacity!, bytes: bytes! }), `${capacity} ${bytes}`).toBe(false);
  });
  test("a ring takes its fields and messages, up to a cache line; none takes nothing", () => {
    expect(ringBytes({ capacity: 1, bytes: 8 })).toBe(192);
    expect(ringBytes({ capacity: 8, bytes: 8 })).toBe(192);
    expect(ringBytes({ capacity: 16, bytes: 8 })).toBe(256);
    expect(ringBytes({ capacity: 0, bytes: 0 })).toBe(0);
  });
  test("an end of no shape is the caller's mistake, a message of another length too", () => {
    expect(() => new RingBed({ capacity: 3, bytes: 8 })).toThrow(RangeError);
    const bed = new RingBed({ capacity: 2, bytes: 16 });
    expect(() => finish(bed.sender.trySend(new Uint8Array(8)))).toThrow(RangeError);
    expect(bed.field("SENT")).toBe(RING_FIRST);
  });
});

describe("one thing after the other", () => {
  type Step = "trySend" | "tryReceive" | "sendable" | "receivable" | "senderSleeps" | "receiverSleeps" | "closeSender" | "closeReceiver";
  const steps = fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom<Step>("trySend", "tryReceive") },
    { weight: 10, arbitrary: fc.constantFrom<Step>("sendable", "receivable", "senderSleeps", "receiverSleeps") },
    { weight: 1, arbitrary: fc.constantFrom<Step>("closeSender", "closeReceiver") },
  );

  test("a ring is a queue of so many messages, closed or not", () => {
    fc.assert(
      fc.property(shapes, fc.array(steps, { maxLength: 300 }), (shape, script) => {
        const bed = new RingBed(shape);
        const { sender, receiver } = bed;
        const queue: number[] = [];
        let next = 1, senderClosed = false, receiverClosed = false, senderOver = false, receiverOver = false;
        for (const step of script) {
          switch (step) {
            case "trySend": {
              const result = finish(sender.trySend(bed.encode(next)));
              if (receiverClosed) senderOver = true;
              expect(result).toBe(senderClosed || senderOver ? "Closed" : queue.length === shape.capacity ? "Full" : "Done");
              if (result === "Done") queue.push(next++);
              break;
            }
            case "tryReceive": {
              const result = finish(receiver.tryReceive());
              const first = queue[0];
              if (receiverClosed || receiverOver) expect(result).toBe("Closed");
              else if (first !== undefined) expect(result).toEqual(bed.encode(first));
              else expect(result).toBe(senderClosed ? "Closed" : "Empty");
              if (typeof result !== "string") queue.shift();
              else receiverOver ||= result === "Closed";
              break;
            }
            case "sendable":
              expect(sender.sendable()).toBe(senderClosed || senderOver ? 0 : shape.capacity - queue.length);
              break;
            case "receivable":
              expect(receiver.receivable()).toBe(receiverClosed || receiverOver ? 0 : queue.length);
              break;
            case "senderSleeps":
              expect(sender.sleeps()).toBe(senderClosed || senderOver || queue.length === shape.capacity);
              break;
            case "receiverSleeps":
              expect(receiver.sleeps()).toBe(receiverClosed || receiverOver || queue.length === 0);
              break;
            case "closeSender":
              finish(sender.close());
              senderClosed = true;
              break;
            case "closeReceiver":
              finish(receiver.close());
              receiverClosed = true;
              break;
          }
        }
      }),
      runs(500),
    );
  });

  test("numbers go through the wrap-around at 2^32, whatever the capacity", () => {
    for (const capacity of [1, 2, 64, RING_MOST_MESSAGES]) {
      const bed = new RingBed({ capacity, bytes: 8 });
      const rounds = Math.ceil(5000 / capacity);
      let sent = 0, taken = 0;
      for (let round = 0; round < rounds; round++) {
        while (finish(bed.sender.trySend(bed.encode(sent))) === "Done") sent++;
        expect(bed.receiver.receivable()).toBe(capacity);
        for (let got = finish(bed.receiver.tryReceive()); typeof got !== "string"; got = finish(bed.receiver.tryReceive())) expect(new DataView(got.buffer).getUint32(0, true)).toBe(taken++);
        expect(bed.sender.sendable()).toBe(capacity);
      }
      expect([sent, taken]).toEqual([rounds * capacity, rounds * capacity]);
      expect(bed.field("SENT")).toBe((RING_FIRST + sent) >>> 0);
      expect(bed.field("SENT")).toBeLessThan(RING_FIRST);
    }
  });

  test("a bell is rung for who sleeps, once, and for nobody else", () => {
    const bed = new RingBed({ capacity: 8, bytes: 8 });
    const rings = (cap: number): number => bed.bells.get(cap)!.rings;
    const send = (n: number): void => { for (let i = 0; i < n; i++) expect(finish(bed.sender.trySend(bed.encode(i)))).toBe("Done"); };
    const take = (n: number): void => { for (let i = 0; i < n; i++) expect(finish(bed.receiver.tryReceive())).not.toBeTypeOf("string"); };
    send(8);
    // A receiver sleeps from the start, and has not said so again.
    expect(rings(RECEIVER_BELL)).toBe(1);
    expect(bed.sender.sleeps()).toBe(true);
    take(3);
    expect(rings(SENDER_BELL)).toBe(0);
    take(1);
    expect(rings(SENDER_BELL)).toBe(1);
    take(4);
    expect(rings(SENDER_BELL)).toBe(1);
    expect(bed.receiver.sleeps()).toBe(true);
    send(2);
    expect(rings(RECEIVER_BELL)).toBe(2);
    bed.sender.batch = 1;
    send(6);
    expect(bed.sender.sleeps()).toBe(true);
    take(1);
    expect(rings(SENDER_BELL)).toBe(2);
    expect([bed.sender.rung, bed.receiver.rung]).toEqual([2, 2]);
  });

  test("the last message before a close is taken; the other's bell is rung once for it", () => {
    const bed = new RingBed({ capacity: 4, bytes: 8 });
    finish(bed.sender.trySend(bed.encode(5)));
    finish(bed.sender.close());
    finish(bed.sender.close());
    expect(finish(bed.sender.trySend(bed.encode(6)))).toBe("Closed");
    expect(finish(bed.receiver.receive())).toEqual(bed.encode(5));
    expect(finish(bed.receiver.receive())).toBe("Closed");
    expect(bed.bells.get(RECEIVER_BELL)!.rings).toBe(2);
  });
});

describe("both at once", () => {
  /**
   * Both sides run send and receive to the end. `turns` says whose turn it is after each system call; and before an access to the shared memory the
   * other side may make its way to its next system call, as a preempted machine program's other side may. A lost wake-up is two sides that wait for ever.
   */
  function runBoth(shape: RingShape, messages: number, batch: number, turns: readonly number[]): { order: number[]; steps: number } {
    const bed = new RingBed(shape);
    bed.sender.batch = batch;
    const order: number[] = [];
    function* sends(): Op<void> {
      for (let i = 0; i < messages; i++) if ((yield* bed.sender.send(bed.encode(i))) !== "Done") throw new Error("not sent");
      yield* bed.sender.close();
    }
    function* takes(): Op<void> {
      for (;;) {
        const got = yield* bed.receiver.receive();
        if (got === "Closed") return;
        if (typeof got === "string") throw new Error(got);
        expect(got).toEqual(bed.encode(order.length));
        order.push(new DataView(got.buffer).getUint32(0, true));
      }
    }
    const sides = [{ op: sends(), done: false, inside: false }, { op: takes(), done: false, inside: false }];
    let at = 0, steps = 0;
    const choice = (): number => turns[at++ % turns.length]!;
    const step = (i: number): void => {
      const side = sides[i]!;
      if (side.done || side.inside) return;
      side.inside = true;
      side.done = side.op.next().done === true;
      side.inside = false;
    };
    bed.before = () => {
      const [first, second] = [sides[0]!.inside, sides[1]!.inside];
      if (first !== second && choice() >= 2) step(first ? 1 : 0);
    };
    for (let idle = 0; !(sides[0]!.done && sides[1]!.done); steps++) {
      const before = bed.accesses;
      step(choice() % 2);
      // A side that waits makes no access: when neither makes one any more, both sleep.
      idle = bed.accesses === before ? idle + 1 : 0;
      if (idle > 1000) throw new Error(`both sleep after ${order.length} messages`);
    }
    return { order, steps };
  }

  test("every message arrives, in order, whole, and nobody sleeps for ever", () => {
    fc.assert(
      fc.property(shapes, below(80), below(40), fc.array(below(4), { minLength: 7, maxLength: 200 }), (shape, messages, batch, turns) => {
        // Both must have a turn now and then.
        expect(runBoth(shape, messages, batch, [...turns, 0, 1]).order).toEqual(Array.from({ length: messages }, (_, i) => i));
      }),
      runs(1500),
    );
  });

  test("a ring that does not look again after it has said that it sleeps is found by this", () => {
    const bed = new RingBed({ capacity: 1, bytes: 8 });
    // The mistake, made by hand: empty, then a message comes, then WAKE, and no second look.
    expect(finish(bed.receiver.tryReceive())).not.toBe("Done");
    bed.set("RECEIVER_WAKE", RING_FIRST - 1);
    expect(finish(bed.sender.trySend(bed.encode(1)))).toBe("Done");
    expect(bed.bells.get(RECEIVER_BELL)!.rings).toBe(0);
    // The library's way: it says so.
    expect(bed.receiver.sleeps()).toBe(false);
  });
});

describe("another side that means harm", () => {
  const absurd = [RING_FIRST + 3, RING_FIRST - 1, 0, 2 ** 31, 2 ** 32 - 1];
  test.each(absurd)("SENT %i of a receiver that has 2 places is Corrupt, for good, and not one byte is read", (number) => {
    const bed = new RingBed({ capacity: 2, bytes: 8 });
    bed.set("SENT", number);
    expect(bed.receiver.sleeps()).toBe(false);
    expect(finish(bed.receiver.tryReceive())).toBe("Corrupt");
    bed.set("SENT", RING_FIRST + 1);
    bed.accesses = 0;
    expect(finish(bed.receiver.receive())).toBe("Corrupt");
    expect(bed.receiver.receivable()).toBe(0);
    expect(bed.receiver.sleeps()).toBe(true);
    expect(bed.accesses).toBe(0);
    expect(bed.receiver.over).toBe("Corrupt");
  });
  test.each(absurd)("TAKEN %i of a sender that has sent 2 is Corrupt, for good", (number) => {
    const bed = new RingBed({ capacity: 2, bytes: 8 });
    for (let i = 0; i < 2; i++) finish(bed.sender.trySend(bed.encode(i)));
    bed.set("TAKEN", number);
    expect(finish(bed.sender.trySend(bed.encode(2)))).toBe("Corrupt");
    bed.set("TAKEN", RING_FIRST + 1);
    expect(finish(bed.sender.send(bed.encode(2)))).toBe("Corrupt");
    expect(bed.sender.sendable()).toBe(0);
  });
  test("a number that goes back is Corrupt", () => {
    const bed = new RingBed({ capacity: 4, bytes: 8 });
    for (let i = 0; i < 3; i++) finish(bed.sender.trySend(bed.encode(i)));
    expect(bed.receiver.receivable()).toBe(3);
    bed.set("SENT", RING_FIRST + 2);
    expect(bed.receiver.receivable()).toBe(0);
    expect(bed.receiver.over).toBe("Corrupt");
  });
  test("no capacity, length or number of one's own is read back from the memory", () => {
    const bed = new RingBed({ capacity: 4, bytes: 16 });
    const loads = new Set<number>();
    bed.before = (offset, _, store) => void (store || loads.add(offset));
    for (let i = 0; i < 6; i++) finish(bed.sender.trySend(bed.encode(i)));
    bed.sender.sleeps();
    bed.sender.sendable();
    finish(bed.sender.close());
    expect([...loads].sort((a, b) => a - b)).toEqual([RingLayout.TAKEN, RingLayout.RECEIVER_WAKE, RingLayout.RECEIVER_CLOSED]);
  });

  const written = fc.record({
    field: fc.constantFrom(...FIELDS),
    value: fc.oneof(fc.integer({ min: -40, max: 40 }).map((d) => (RING_FIRST + d) >>> 0), fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1)),
    noise: below(256),
  });
  const tries = fc.constantFrom("try", "count", "sleeps", "close" as const);

  test("whatever it writes between any two accesses: a named result, few accesses, none outside the ring, at most one bell", () => {
    const results = Object.keys(RingResult) as RingResultName[];
    const seen = new Set<string>();
    fc.assert(
      fc.property(shapes, fc.array(written, { minLength: 1, maxLength: 60 }), fc.array(fc.tuple(fc.boolean(), tries), { maxLength: 120 }), below(4), (shape, writes, script, rarely) => {
        const bed = new RingBed(shape);
        let at = 0;
        bed.before = () => {
          const now = at++;
          if (now % (rarely + 1) !== 0) return;
          const { field, value, noise } = writes[now % writes.length]!;
          bed.set(field, value);
          bed.bytes.fill(noise, RingLayout.MESSAGES);
        };
        let accesses = 0;
        for (const [sends, what] of script) {
          // A close is rare: after it there is nothing to try.
          if (what === "close" && accesses % 17 !== 0) continue;
          bed.accesses = 0;
          const before = bed.sender.rung + bed.receiver.rung;
          if (what === "try") {
            const result = sends ? finish(bed.sender.trySend(bed.encode(1)), 3) : finish(bed.receiver.tryReceive(), 3);
            if (typeof result === "string") expect(results).toContain(result);
            else expect(result.length).toBe(shape.bytes);
            seen.add(typeof result === "string" ? result : "message");
          } else if (what === "count") {
            const count = sends ? bed.sender.sendable() : bed.receiver.receivable();
            expect(count >= 0 && count <= shape.capacity).toBe(true);
          } else if (what === "sleeps") void (sends ? bed.sender.sleeps() : bed.receiver.sleeps());
          else finish(sends ? bed.sender.close() : bed.receiver.close(), 3);
          expect(bed.accesses).toBeLessThanOrEqual(5);
          expect(bed.sender.rung + bed.receiver.rung - before).toBeLessThanOrEqual(1);
          accesses += bed.accesses;
        }
      }),
      runs(3000),
    );
    expect([...seen].sort()).toEqual(["Closed", "Corrupt", "Done", "Empty", "Full", "message"]);
  });

  test("it never rings: who waits, waits; it rings without end: each time costs one look", () => {
    const bed = new RingBed({ capacity: 2, bytes: 8 });
    const waiting = bed.receiver.receive();
    for (let i = 0; i < 50; i++) expect(waiting.next().done).toBe(false);
    expect(bed.receiver.waited).toBe(1);
    for (let i = 0; i < 50; i++) {
      bed.bells.get(RECEIVER_BELL)!.word = BIT;
      bed.accesses = 0;
      expect(waiting.next().done).toBe(false);
      expect(bed.accesses).toBeLessThanOrEqual(5);
      waiting.next();
    }
  });

  test("it ends: a sender is told Gone when it would ring; a receiver takes what is there first", () => {
    const bed = new RingBed({ capacity: 4, bytes: 8 });
    finish(bed.sender.trySend(bed.encode(1)));
    finish(bed.sender.trySend(bed.encode(2)));
    for (const bell of bed.bells.values()) bell.there = false;
    bed.set("SENDER_WAKE", RING_FIRST);
    expect(finish(bed.receiver.tryReceive())).toEqual(bed.encode(1));
    expect(finish(bed.receiver.receive())).toEqual(bed.encode(2));
    expect(finish(bed.receiver.receive())).toBe("Gone");
    expect(bed.receiver.sleeps()).toBe(true);
    bed.set("RECEIVER_WAKE", RING_FIRST + 2);
    expect(finish(bed.sender.trySend(bed.encode(3)))).toBe("Gone");
    expect(finish(bed.sender.send(bed.encode(4)))).toBe("Gone");
    expect(bed.sender.sendable()).toBe(0);
  });
  test("it has ended before: nobody begins to wait", () => {
    for (const end of ["send", "receive"] as const) {
      const bed = new RingBed({ capacity: 1, bytes: 8 });
      if (end === "send") finish(bed.sender.trySend(bed.encode(1)));
      for (const bell of bed.bells.values()) bell.there = false;
      expect(finish<unknown>(end === "send" ? bed.sender.send(bed.encode(2)) : bed.receiver.receive())).toBe("Gone");
      expect(bed.sender.waited + bed.receiver.waited).toBe(0);
    }
  });
  test("bits of others that a wait takes are kept", () => {
    const bed = new RingBed({ capacity: 1, bytes: 8 });
    const waiting = bed.receiver.receive();
    waiting.next();
    waiting.next();
    bed.bells.get(RECEIVER_BELL)!.word = BIT + 2 ** 33;
    waiting.next();
    waiting.next();
    bed.bells.get(RECEIVER_BELL)!.word = 2 ** 40;
    waiting.next();
    expect(bed.receiver.heard).toBe(2 ** 33 + 2 ** 40);
  });
});
