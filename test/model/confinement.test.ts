// CONFINE-*: whatever a set of programs does, each reaches no more than could come of what they were given. What that is, is worked out apart from the
// kernel, before anything is done (confinement-closure.ts). And what those do who share nothing, the others do not see.
import fc from "fast-check";
import { expect, test } from "vitest";
import { goesUnseen, sameAlone, staysWithin } from "./confinement-properties.ts";
import { LIMIT, runs, wasLong } from "./runs.ts";

test("CONFINE-001 what programs reach stays within what could come of what they were given", () => {
  const seen = { steps: 0, carriedOut: 0, travelled: 0, confined: 0, worlds: 0, kinds: new Set<string>() };
  fc.assert(
    staysWithin((world, steps) => {
      world.bed.check();
      seen.worlds++;
      seen.steps += steps;
      seen.travelled += world.travelled;
      for (const [kind, times] of world.done) {
        seen.kinds.add(kind);
        seen.carriedOut += times;
      }
      const sizes = world.programs.map((_, i) => new Set(world.closure.reach(`p${i}.TCB`).map((cap) => cap.object)).size);
      seen.confined += Number(Math.min(...sizes) < world.names.size);
    }),
    runs(60),
  );
  if (!wasLong(60)) return;
  // The commands are no noise: they are carried out, of nearly every kind, and capabilities go from program to program.
  expect(seen.carriedOut).toBeGreaterThan(seen.steps / 5);
  expect(seen.kinds.size).toBeGreaterThan(22);
  expect(seen.travelled).toBeGreaterThan(seen.worlds / 2);
  // And the closure says something: mostly there is a program that can never reach all there is.
  expect(seen.confined).toBeGreaterThan(seen.worlds / 2);
}, LIMIT);

test("CONFINE-002 no step of those who share nothing with others changes anything that the others have", () => {
  fc.assert(goesUnseen(), runs(15));
}, LIMIT);

test("CONFINE-003 a group that acts among strangers comes to the same as alone", () => {
  fc.assert(sameAlone(), runs(15));
}, LIMIT);
