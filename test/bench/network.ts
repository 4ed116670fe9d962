// The benchmark `network`: frames through an untrusted driver and the IOMMU, against the same card worked by the host; and what translation costs.
import { findPinning } from "./cpu.ts";
import type { Benchmark } from "./benchmark.ts";
import type { Figure } from "./figure.ts";
import { CONTESTANTS, measure, PATTERNS, type Contestant, type Times } from "./network/runs.ts";
import { startWorker, work, type Worker } from "./workers.ts";

const COUNT = 16384;
const QUICK_COUNT = 1024;
const ROUNDS = 9;
const QUICK_ROUNDS = 2;

interface Question {
  readonly count: number;
}

const role = (contestant: Contestant): string => `network.${contestant}`;

export const networkRoles: ReadonlyMap<string, () => void> = new Map(CONTESTANTS.map((contestant) => [role(contestant), () => work<Question, Times>(({ count }) => measure(contestant, count))]));

export const network: Benchmark = {
  name: "network",
  summary: "frames through a card's driver and the IOMMU, against the card worked by the host",
  async measure({ quick, say }) {
    const [count, rounds] = quick ? [QUICK_COUNT, QUICK_ROUNDS] : [COUNT, ROUNDS];
    const pinning = findPinning();
    const workers = CONTESTANTS.map((contestant): [Contestant, Worker<Question, Times>] => [contestant, startWorker<Question, Times>(role(contestant), pinning)]);
    const times: Record<Contestant, Times[]> = { host: [], driver: [], identity: [] };
    try {
      for (const [, worker] of workers) await worker.ask({ count });
      for (let round = 1; round <= rounds; round++) {
        say(`network: round ${round} of ${rounds}`);
        for (const [contestant, worker] of workers) times[contestant].push(await worker.ask({ count }));
      }
    } finally {
      for (const [, worker] of workers) worker.close();
    }
    return PATTERNS.flatMap(({ name }): Figure[] => {
      const of = (contestant: Contestant): readonly number[] => times[contestant].map((each) => each[name] / 1000);
      return [
        { name: `network.${name}`, unit: "us", values: of("driver"), peers: of("host"), against: "the card worked by the host" },
        { name: `network.${name}.iommu`, unit: "us", values: of("driver"), peers: of("identity"), against: "layer: translation, against none" },
      ];
    });
  },
};
