// The benchmark `noisy`: what a guest that behaves has of its share beside one that does not (noisy/appliance.yaml), against the same work beside a neighbour with the same share that uses
// it as a worker does: one that computes, for a hostile one that takes the processor, one that reads its disk for one that floods it, and so on. A round is one run beside each, in turn.
import type { Benchmark } from "./benchmark.ts";
import { findPinning } from "./cpu.ts";
import type { Figure } from "./figure.ts";
import { NEIGHBOUR_BUDGET, runBeside, WORKS, type Answer, type Neighbour, type Question, type Work } from "./noisy/runs.ts";
import { startWorker, work } from "./workers.ts";

const ROLE = "noisy.kit";
const ROUNDS = 3;
/** About half a second of each, so that the host's hiccups are few of its parts. */
const TIMES: Readonly<Record<Work, number>> = { compute: 30_000, disk: 3_000, net: 2_000, console: 3_000 };
const QUICK = 4;
/** The hostile ones, and the fair one that each is compared with. */
const HOSTILE = { loop: "compute", storm: "compute", console: "console", disk: "disk", net: "net" } as const satisfies Partial<Record<Neighbour, Work>>;
const HOSTILES = Object.keys(HOSTILE) as (keyof typeof HOSTILE)[];
const NEIGHBOURS: readonly Neighbour[] = ["none", "idle", ...WORKS.flatMap((each): Neighbour[] => [`fair.${each}`, ...HOSTILES.filter((hostile) => HOSTILE[hostile] === each)])];
/** A tenth more than beside a fair one; and as much of its budget as may be late when a turn ends. */
const AIM = 1.1;
const LATE_PERCENT = 1;

export const noisyRoles: ReadonlyMap<string, () => void> = new Map([[ROLE, () => work<Question, Answer>(runBeside)]]);

type Answers = Record<Work, Record<Neighbour, Answer[]>>;
const empty = (): Answers => Object.fromEntries(WORKS.map((each) => [each, Object.fromEntries(NEIGHBOURS.map((neighbour) => [neighbour, []]))])) as unknown as Answers;

function figuresOf(answers: Answers): Figure[] {
  const figures: Figure[] = [];
  for (const each of WORKS) {
    const ms = (neighbour: Neighbour): number[] => answers[each][neighbour].map((answer) => answer.ms);
    figures.push({ name: `noisy.${each}.alone`, unit: "ms", values: ms("none"), peers: null, against: "without a neighbour" });
    figures.push({ name: `noisy.${each}.idle`, unit: "ms", values: ms("idle"), peers: ms("none"), against: "without a neighbour" });
    for (const hostile of HOSTILES) {
      const fair = HOSTILE[hostile];
      figures.push({ name: `noisy.${each}.${hostile}`, unit: "ms", values: ms(hostile), peers: ms(`fair.${fair}`), against: `a neighbour with the same share that does its ${fair} work`, aim: AIM });
    }
  }
  // By the work that lasts: all the while nothing but the neighbour is going on beside it.
  for (const hostile of HOSTILES) {
    figures.push({ name: `noisy.cpu.${hostile}`, unit: "%", values: answers.compute[hostile].map((answer) => answer.neighbour), peers: null, against: "its CPU time by the kernel's books", limit: NEIGHBOUR_BUDGET + LATE_PERCENT });
  }
  return figures;
}

export const noisy: Benchmark = {
  name: "noisy",
  summary: "a guest that behaves, beside one that loops, storms or floods, against a fair neighbour",
  async measure({ quick, say }) {
    const answers = empty(), worker = startWorker<Question, Answer>(ROLE, findPinning());
    try {
      for (let round = 1, rounds = quick ? 1 : ROUNDS; round <= rounds; round++) {
        for (const each of WORKS) {
          for (const neighbour of NEIGHBOURS) {
            say(`noisy: round ${round} of ${rounds}, ${each} beside ${neighbour}`);
            answers[each][neighbour].push(await worker.ask({ work: each, times: quick ? TIMES[each] / QUICK : TIMES[each], neighbour }));
          }
        }
      }
    } finally {
      worker.close();
    }
    return figuresOf(answers);
  },
};
