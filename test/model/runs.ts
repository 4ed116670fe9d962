// How long the model-based tests look: a few seconds by default, longer with FUZZ_RUNS (runs of each property).
// FUZZ_SEED repeats a run that failed: the seed stands in the failure's message.
import fc from "fast-check";

export function runs(byDefault: number): { numRuns: number; seed?: number } {
  const { FUZZ_RUNS, FUZZ_SEED } = process.env;
  return { numRuns: FUZZ_RUNS === undefined ? byDefault : Number(FUZZ_RUNS), ...(FUZZ_SEED === undefined ? {} : { seed: Number(FUZZ_SEED) }) };
}

/** An integer below n. */
export const below = (n: number): fc.Arbitrary<number> => fc.nat({ max: n - 1 });
