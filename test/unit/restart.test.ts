// When a component is started again, in ticks of 10 ms.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RestartPolicy, TICK_US } from "../../servers/root/policy.ts";

const SECOND = 1_000_000;
const policy = (given: Partial<ConstructorParameters<typeof RestartPolicy>[0]> = {}): RestartPolicy => new RestartPolicy({ on: "fault", max: 3, window: SECOND, backoff: 20_000, ...given });

const started = (next: ReturnType<RestartPolicy["next"]>): number | undefined => (typeof next === "object" ? next.count : undefined);

describe("a restart policy", () => {
  test("answers to the end that it is for", () => {
    const answers = (["fault", "exit", "always"] as const).map((on) => (["fault", "exit"] as const).map((how) => policy({ on }).next(how, 0) !== undefined));
    expect(answers).toEqual([[true, false], [false, true], [true, true]]);
  });

  test("waits twice as long each time, but no longer than its window, and never less than it says", () => {
    const it = policy({ max: 9 });
    expect(Array.from({ length: 8 }, (_, i) => it.next("fault", i))).toEqual([3, 5, 9, 17, 33, 65, 101, 101].map((wait, i) => ({ wait, count: i + 1 })));
  });

  test("ends after so many in its window, and forgets those before it", () => {
    const it = policy();
    expect([0, 40, 80].map((now) => started(it.next("fault", now)))).toEqual([1, 2, 3]);
    expect(it.next("fault", 99)).toBe("spent");
    expect(started(it.next("fault", 100))).toBe(3);
    expect(it.next("fault", 139)).toBe("spent");
    expect([it.isOpen(199), it.isOpen(200)]).toEqual([true, false]);
    expect(started(it.next("fault", 1000))).toBe(1);
  });

  test("never lets more than max begin in any window, whatever happens when", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 50 }), fc.array(fc.integer({ min: 0, max: 30 })), (max, windowTicks, steps) => {
        const it = policy({ max, window: windowTicks * TICK_US, backoff: TICK_US });
        const begun: number[] = [];
        let now = 0;
        for (const step of steps) {
          now += step;
          if (started(it.next("fault", now)) !== undefined) begun.push(now);
        }
        return begun.every((time) => begun.filter((other) => other >= time && other < time + windowTicks).length <= max);
      }),
    );
  });
});
