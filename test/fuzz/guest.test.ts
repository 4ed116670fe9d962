// A short run of the hostile guest in each test run; the long one is `npm run fuzz-guest`.
import { expect, test } from "vitest";
import { attackFromGuest } from "./guest/attack.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 20261201);
const LIMIT_MS = 100_000;

test(`a guest that does anything at all to its devices and its firmware breaks nothing and nobody (seed ${seed})`, { timeout: 2 * LIMIT_MS }, async () => {
  const result = await attackFromGuest({ exits: 100_000, seed, limitMs: LIMIT_MS });
  expect(result.failure).toBeNull();
  expect(result.exits).toBeGreaterThanOrEqual(100_000);
  // Consoles, entropy, a disk, a network card: all were there to be attacked, and met what stops a queue.
  expect(result.devices).toBeGreaterThanOrEqual(5);
  expect(result.complaints.length).toBeGreaterThan(3);
  expect(result.pair).toBeGreaterThan(0);
});
