// npm run fuzz: hostile machine programs against the kernel, for as many calls as one likes.
import "../../servers/operator/tuning.ts";
import { parseArgs } from "node:util";
import { attack, type Result } from "./attack.ts";

const HELP = `Usage: npm run fuzz [-- [--calls N] [--seed S] [--check M] [--from SLICE] [--no-fast] [--json]]

Hostile machine programs, several threads each, with an authority drawn from the seed, make random and structured system calls beside programs that check
whatever they get. All invariants are checked every M slices and whenever everything hostile has been revoked.

  --calls N      system calls of the hostile threads (1000000)
  --seed S       which run: the same seed makes the same calls (drawn and printed without it)
  --check M      slices of the machine's time between two checks of the invariants (16)
  --from SLICE   from this slice of the run on, check after each: to narrow down a failure
  --no-fast      no call is carried out in the addon
  --json         the result as one line of JSON

Exit status: 0 when nothing broke; 1 when an invariant or a victim did, or memory grew; 2 usage.`;

/** From so many machines on, one after the other, memory can be judged: it may be that much more in the last quarter of the run than in the second. */
const ENOUGH = 12, SLACK = 32 * 2 ** 20;

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      calls: { type: "string", default: "1000000" }, seed: { type: "string" }, check: { type: "string", default: "16" }, from: { type: "string" },
      "no-fast": { type: "boolean", default: false }, json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return process.stdout.write(`${HELP}\n`), 0;
  const number = (name: string, text: string | undefined, otherwise: number, least: number): number => {
    const n = text === undefined ? otherwise : Number(text);
    if (!Number.isSafeInteger(n) || n < least) throw new UsageError(`--${name} must be an integer from ${least} on`);
    return n;
  };
  const seed = number("seed", values.seed, Math.floor(Math.random() * 2 ** 31), 0), calls = number("calls", values.calls, 0, 1), check = number("check", values.check, 0, 1);
  const from = number("from", values.from, Number.MAX_SAFE_INTEGER, 0);
  let stop = false;
  process.once("SIGINT", () => (stop = true));
  process.stderr.write(`fuzz: seed ${seed}\n`);
  const result = await attack({
    calls, seed, check, from, fast: !values["no-fast"],
    onProgress: ({ tally, epochs, seconds }) => {
      process.stderr.write(`fuzz: ${tally.calls} of ${calls} calls, ${epochs} epochs, ${Math.round(tally.calls / seconds)} calls/s\n`);
      return stop;
    },
  });
  const grown = growth(result.memory), repeat = `npm run fuzz -- --calls ${calls} --seed ${seed} --check ${check}${values["no-fast"] ? " --no-fast" : ""}`;
  if (values.json) process.stdout.write(`${JSON.stringify({ seed, ...result, tally: { ...result.tally, kernel: undefined, bystanders: undefined }, grown })}\n`);
  else process.stdout.write(`${report(result)}\nrepeat: ${repeat}\n`);
  if (result.failure !== null) {
    process.stderr.write(`fuzz: FAILED in slice ${result.failure.slice}: ${result.failure.message}\nrepeat: ${repeat}\nnarrow: ${repeat} --from ${Math.max(0, result.failure.slice - check)}\n`);
    return 1;
  }
  if (grown > SLACK) {
    process.stderr.write(`fuzz: FAILED: the host's memory grew by ${mib(grown)} from the second quarter of the run to the last\n`);
    return 1;
  }
  return 0;
}

/** Of the resident memory between two machines, from the second quarter of the run to the last; 0 when the run is too short to say. */
function growth(memory: Result["memory"]): number {
  if (memory.length < ENOUGH) return 0;
  const quarter = Math.floor(memory.length / 4);
  const middle = (part: Result["memory"]): number => part.map(({ rss }) => rss).sort((a, b) => a - b)[Math.floor(part.length / 2)]!;
  return middle(memory.slice(-quarter)) - middle(memory.slice(quarter, 2 * quarter));
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const counts = (of: Readonly<Record<string, number>>): string => Object.entries(of).sort(([, a], [, b]) => b - a).map(([name, n]) => `${name} ${n}`).join(", ");

function growthText(memory: Result["memory"]): string {
  if (memory.length < ENOUGH) return `a run of fewer than ${ENOUGH} machines is too short to say`;
  const at = (where: number): Result["memory"][number] => memory[Math.min(memory.length - 1, Math.floor(memory.length * where))]!;
  return (["rss", "heap", "external"] as const).map((name) => `${name} ${mib(at(0.375)[name])} → ${mib(at(0.875)[name])}`).join(", ");
}

function report(r: Result): string {
  const { tally: t } = r, missing = t.missing();
  const invocations = [...new Set([...Object.keys(t.carriedOut), ...Object.keys(t.refused)])].sort();
  return [
    `${t.calls} system calls of hostile threads (at most ${t.mostThreads} at once) in ${r.seconds.toFixed(1)} s: ${Math.round(t.calls / r.seconds)} a second; ${t.exceptions} exceptions`,
    `beside them the addon carried out ${r.fastCalls} plain calls, hostile ones and victims'`,
    `${r.worlds} machines, ${r.epochs} times everything hostile revoked and its memory found whole, ${r.checks} checks of all invariants`,
    `victims' rounds, all right: ${counts(r.rounds)}`,
    `system calls: ${counts(t.syscalls)}`,
    `carried out / refused: ${invocations.map((name) => `${name} ${t.carriedOut[name] ?? 0}/${t.refused[name] ?? 0}`).join(", ")}`,
    `errors: ${counts(t.errors)}`,
    `faults: ${counts(t.faults)}`,
    `never: ${[...missing.invocations, ...missing.errors, ...missing.syscalls, ...missing.faults].join(", ") || "nothing"}`,
    `host memory between two machines, in the second quarter and in the last: ${growthText(r.memory)}`,
    `state: ${r.digest}`,
  ].join("\n");
}

class UsageError extends Error {}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError) && !(error instanceof TypeError && "code" in error)) throw error;
  process.stderr.write(`fuzz: ${error.message}\n\n${HELP}\n`);
  process.exitCode = 2;
}
