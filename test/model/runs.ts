// How long the properties look, and how a failure is told. A few seconds by default; `npm run models` (run.mjs) sets FUZZ_RUNS, how often each property is
// tried, and FUZZ_SEED and FUZZ_PATH, which repeat a failure.
import { inspect } from "node:util";
import fc from "fast-check";

const { FUZZ_RUNS, FUZZ_SEED, FUZZ_PATH } = process.env;

/** For `test`, in ms: none when somebody asked for more runs than the default. */
export const LIMIT = FUZZ_RUNS === undefined ? 600_000 : 0;

/** Parameters for `fc.assert` of any property. */
export function runs<T>(byDefault: number): fc.Parameters<T> {
  return {
    numRuns: FUZZ_RUNS === undefined ? byDefault : Number(FUZZ_RUNS), reporter: tell,
    ...(FUZZ_SEED === undefined ? {} : { seed: Number(FUZZ_SEED) }), ...(FUZZ_PATH === undefined ? {} : { path: FUZZ_PATH }),
  };
}

/** Whether a test may ask what its runs have come to: not of fewer than the default, and not when a failure is repeated. */
export const wasLong = (byDefault: number): boolean => FUZZ_PATH === undefined && (FUZZ_RUNS === undefined || Number(FUZZ_RUNS) >= byDefault);

/** Throws what a property that failed has to say: how to repeat it, and the least that makes it fail, a command a line. */
function tell<T>(out: fc.RunDetails<T>): void {
  if (!out.failed) return;
  const cause = out.errorInstance;
  const found = Array.isArray(out.counterexample) ? (out.counterexample as unknown[]) : [];
  const lines = [
    `failed in run ${out.numRuns} of ${out.runConfiguration.numRuns ?? "?"}, made smaller ${out.numShrinks} times: ${cause instanceof Error ? cause.message : String(cause)}`,
    `again, all of it:      FUZZ_SEED=${out.seed}`,
    `again, only the least: FUZZ_SEED=${out.seed} FUZZ_PATH=${out.counterexamplePath}`,
    "the least that fails:", ...found.flatMap((part) => shown(part, "  ")),
  ];
  throw new Error(lines.join("\n"), { cause });
}

/** A list an element a line, anything else as it is. */
function shown(part: unknown, indent: string): string[] {
  const nested = Array.isArray(part) && part.some((element) => typeof element === "object" && element !== null);
  return nested ? part.flatMap((element) => [...shown(element, `${indent}  `)]) : [indent + inspect(part, { breakLength: Infinity, depth: 6 })];
}

/** An integer below n. */
export const below = (n: number): fc.Arbitrary<number> => fc.nat({ max: n - 1 });
