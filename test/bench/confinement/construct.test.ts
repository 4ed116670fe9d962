// The piece of the benchmark measures what it says: products are built and answer, and the kernel is entered for what it was thought to be.
import { expect, test } from "vitest";
import { constructions, countConstruction } from "./construct.ts";

test("products are built, in rounds", { timeout: 240_000 }, async () => {
  const times = await constructions({ rounds: 3, count: 20 });
  expect(times).toHaveLength(3);
  for (const us of times) expect(us).toBeGreaterThan(1);
  const calls = await countConstruction();
  // A product of eight pages: each is mapped, and its capability put away.
  expect(calls.get("constructor FrameMap")).toBeGreaterThan(5);
  expect(calls.get("server system call 5")).toBeCloseTo(1);
  expect([...calls.values()].reduce((sum, count) => sum + count)).toBeLessThan(130);
});
