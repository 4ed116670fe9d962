// The benchmark `revoke`: how long the kernel stays in one entry of a long operation, however long that is in all, and what somebody urgent notices of it.
import type { Benchmark, Options } from "./benchmark.ts";
import type { Figure } from "./figure.ts";
import { measureLatency, type Latencies } from "./latency.ts";
import { carryOut, OPERATIONS, type Operation, type Outcome } from "./pieces.ts";
import { startWorker, work, type Worker } from "./workers.ts";

/** The first rounds are the JavaScript compiler's. */
const WARM_UPS = 4, ROUNDS = 9, QUICK_ROUNDS = 2;
/** An interrupt at each so many pieces. */
const EVERY = 4;
const OPERATION_NAMES = Object.keys(OPERATIONS) as Operation[];
const IDLE = "as many entries that do nothing, for as long", MADE = "making them";

type Question = { readonly operation: Operation | "latency" };
type Answer = Outcome | Latencies;

export const revokeRoles: ReadonlyMap<string, () => void> = new Map(
  [...OPERATION_NAMES, "latency" as const].map((name) => [
    `revoke.${name}`,
    () => work<Question, Answer>(({ operation }) => (operation === "latency" ? measureLatency(OPERATIONS.revoke, EVERY) : carryOut(operation, OPERATIONS[operation]))),
  ]),
);

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
/** The value that so great a part of all is not above. */
function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

/** Rounds of one operation as figures. */
function toFigures(name: Operation, rounds: readonly Outcome[]): Figure[] {
  const of = (what: string, unit: Figure["unit"], value: (entries: readonly number[]) => number, peers: readonly number[], against: string): Figure =>
    ({ name: `revoke.${name}.${what}`, unit, values: rounds.map(({ entries }) => value(entries)), peers, against });
  const made = rounds.map(({ madeNs }) => madeNs / 1e6);
  return [
    of("total", "ms", (entries) => sum(entries) / 1e6, made, name === "retype" ? "filling it" : MADE),
    of("piece", "ns", (entries) => quantile(entries, 0.5), rounds.map(({ idle }) => quantile(idle, 0.5)), IDLE),
    of("p99", "ns", (entries) => quantile(entries, 0.99), rounds.map(({ idle }) => quantile(idle, 0.99)), IDLE),
    of("longest", "ns", (entries) => Math.max(...entries), rounds.map(({ idle }) => idle.reduce((most, ns) => Math.max(most, ns), 0)), IDLE),
  ];
}

async function rounds<A extends Answer>(worker: Worker<Question, Answer>, operation: Question["operation"], { quick, say }: Options): Promise<A[]> {
  const all: A[] = [];
  for (let round = quick ? WARM_UPS - 1 : 0; round < WARM_UPS; round++) await worker.ask({ operation });
  const count = quick ? QUICK_ROUNDS : ROUNDS;
  for (let round = 1; round <= count; round++) {
    say(`revoke: ${operation}, round ${round} of ${count}`);
    all.push((await worker.ask({ operation })) as A);
  }
  return all;
}

export const revoke: Benchmark = {
  name: "revoke",
  summary: "long operations of the kernel, the longest piece of each, and IPC meanwhile",
  async measure(options) {
    const figures: Figure[] = [];
    for (const operation of [...OPERATION_NAMES, "latency" as const]) {
      // Not bound to one CPU: the threads of JavaScript's compiler and collector would take turns with what is timed, of milliseconds each.
      const worker = startWorker<Question, Answer>(`revoke.${operation}`);
      try {
        if (operation !== "latency") {
          figures.push(...toFigures(operation, await rounds<Outcome>(worker, operation, options)));
          continue;
        }
        const all = await rounds<Latencies>(worker, operation, options);
        for (const [what, part] of [["median", 0.5], ["p99", 0.99], ["worst", 1]] as const)
          figures.push({ name: `revoke.ipc.${what}`, unit: "ns", values: all.map((l) => quantile(l.revoking, part)), peers: all.map((l) => quantile(l.idle, part)), against: "the same while nothing is revoked" });
      } finally {
        worker.close();
      }
    }
    return figures;
  },
};
