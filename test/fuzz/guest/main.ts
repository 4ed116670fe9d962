// npm run fuzz-guest: a hostile guest against its VMM and all that stands behind its devices, for as many exits as one likes.
import "../../../servers/operator/tuning.ts";
import { parseArgs } from "node:util";
import { attackFromGuest, type GuestAttackResult } from "./attack.ts";

const HELP = `Usage: npm run fuzz-guest [-- [--exits N] [--seed S] [--json]]

A guest makes random and structured accesses to its devices, calls of its firmware and resets, with queues full of nonsense that it changes while they are in use; it shares
a disk and a switch with a Linux guest that checks what it reads. A pair of programs checks its own messages beside them.

  --exits N   exits of the hostile guest (1000000)
  --seed S    which order: the same seed makes the same guest (drawn and printed without it)
  --json      the result as one line of JSON

Exit status: 0 when nothing broke; 1 when a component or a neighbour did, or memory grew; 2 usage.`;

/** The process may have that much more resident memory in the last quarter of the run than in the second. */
const SLACK = 32 * 2 ** 20;
const ENOUGH = 12;
/** Each exit takes some microseconds; on a machine that does something else, more. */
const MS_AN_EXIT = 0.2;

class UsageError extends Error {}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { exits: { type: "string", default: "1000000" }, seed: { type: "string" }, json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } } });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const number = (name: string, text: string, least: number): number => {
    const n = Number(text);
    if (!Number.isSafeInteger(n) || n < least) throw new UsageError(`--${name} must be an integer from ${least} on`);
    return n;
  };
  const exits = number("exits", values.exits, 1000), seed = number("seed", values.seed ?? String(Math.floor(Math.random() * 2 ** 31)), 0);
  process.stderr.write(`fuzz-guest: seed ${seed}\n`);
  const result = await attackFromGuest({
    exits, seed, limitMs: 120_000 + exits * MS_AN_EXIT,
    onProgress: (done, seconds) => process.stderr.write(`fuzz-guest: ${done} of ${exits} exits, ${Math.round(done / Math.max(seconds, 1))} a second\n`),
  });
  const grown = growth(result.memory);
  process.stdout.write(values.json ? `${JSON.stringify({ seed, ...result, grown })}\n` : `${report(result, grown)}\nrepeat: npm run fuzz-guest -- --exits ${exits} --seed ${seed}\n`);
  if (result.failure !== null) process.stderr.write(`fuzz-guest: FAILED: ${result.failure}\n`);
  else if (grown > SLACK) process.stderr.write(`fuzz-guest: FAILED: resident memory grew by ${mib(grown)} from the second quarter of the run to the last\n`);
  return result.failure !== null || grown > SLACK ? 1 : 0;
}

/** Of the medians, from the second quarter to the last; 0 when the run is too short to say. */
function growth(memory: readonly number[]): number {
  if (memory.length < ENOUGH) return 0;
  const quarter = Math.floor(memory.length / 4);
  const middle = (part: readonly number[]): number => [...part].sort((a, b) => a - b)[Math.floor(part.length / 2)]!;
  return middle(memory.slice(-quarter)) - middle(memory.slice(quarter, 2 * quarter));
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const report = ({ exits, devices, seconds, neighbour, pair, memory, complaints }: GuestAttackResult, grown: number): string =>
  [
    `${exits} exits of a guest with ${devices} virtio devices in ${seconds.toFixed(0)} s: ${Math.round(exits / seconds)} a second, its neighbours' work among them`,
    `neighbours, all right: ${neighbour === null ? "no Linux here" : `${neighbour} rounds of Linux with its disk`}, ${pair} rounds of a pair of programs`,
    `resident memory ${mib(memory.at(-1) ?? 0)}, ${memory.length < ENOUGH ? "the run is too short to say whether it grows" : `${mib(grown)} more in the last quarter than in the second`}`,
    `the VMM said: ${complaints.join("; ") || "nothing"}`,
  ].join("\n");

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError) && !(error instanceof TypeError && "code" in error)) throw error;
  process.stderr.write(`fuzz-guest: ${error.message}\n\n${HELP}\n`);
  process.exitCode = 2;
}
