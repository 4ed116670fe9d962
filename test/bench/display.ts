// The benchmark `display`: updates of a client's surface through display server, driver and IOMMU, against the same GPU worked by the host.
import type { Benchmark } from "./benchmark.ts";
import { findPinning } from "./cpu.ts";
import { CONTESTANTS, countEntries, measure, PATTERNS, type Contestant, type Counts, type Times } from "./display/runs.ts";
import { ENTRY_WORDS, type Entries } from "./entries.ts";
import type { Figure } from "./figure.ts";
import { startWorker, work, type Worker } from "./workers.ts";

const COUNTS: Counts = { full: 64, small: 4096 };
const QUICK: Counts = { full: 8, small: 256 };
/** So few that the trace keeps every record between two turns of the host. */
const COUNTED: Counts = { full: 16, small: 256 };
const ROUNDS = 9;
const QUICK_ROUNDS = 2;
const ENTRIES = "display.entries";

const role = (contestant: Contestant): string => `display.${contestant}`;

export const displayRoles: ReadonlyMap<string, () => void> = new Map([
  ...CONTESTANTS.map((contestant): [string, () => void] => [role(contestant), () => work<Counts, Times>((counts) => measure(contestant, counts))]),
  [ENTRIES, () => work<Counts, Readonly<Record<string, Entries>>>(countEntries)] as [string, () => void],
]);

export const display: Benchmark = {
  name: "display",
  summary: "updates of a surface through display server, driver and IOMMU, against the GPU worked by the host",
  async measure({ quick, say }) {
    const [counts, rounds] = quick ? [QUICK, QUICK_ROUNDS] : [COUNTS, ROUNDS];
    const pinning = findPinning();
    const workers = CONTESTANTS.map((contestant): [Contestant, Worker<Counts, Times>] => [contestant, startWorker<Counts, Times>(role(contestant), pinning)]);
    const times: Record<Contestant, Times[]> = { host: [], display: [], identity: [] };
    const counter = startWorker<Counts, Readonly<Record<string, Entries>>>(ENTRIES);
    try {
      for (const [, worker] of workers) await worker.ask(counts);
      for (let round = 1; round <= rounds; round++) {
        say(`display: round ${round} of ${rounds}`);
        for (const [contestant, worker] of workers) times[contestant].push(await worker.ask(counts));
      }
      const entries = await counter.ask(COUNTED);
      return PATTERNS.flatMap((name): Figure[] => {
        const of = (contestant: Contestant): readonly number[] => times[contestant].map((each) => each[name] / 1000);
        return [
          { name: `display.${name}`, unit: "us", values: of("display"), peers: of("host"), against: "the GPU worked by the host" },
          { name: `display.${name}.iommu`, unit: "us", values: of("display"), peers: of("identity"), against: "layer: translation, against none" },
          ...(["calls", "signals", "interrupts"] as const).map((what): Figure => ({ name: `display.${name}.${what}`, unit: "an update", values: [entries[name]![what]], peers: null, against: ENTRY_WORDS[what] })),
        ];
      });
    } finally {
      for (const worker of [...workers.map(([, each]) => each), counter]) worker.close();
    }
  },
};
