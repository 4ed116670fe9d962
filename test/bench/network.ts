// The benchmark `network`: frames through an untrusted driver and the IOMMU, and what a program sends and receives through the network server above them, against the same card worked by the
// host; what each layer costs, and what the kernel is entered for.
import type { Benchmark } from "./benchmark.ts";
import { findPinning } from "./cpu.ts";
import { ENTRY_WORDS, type Entries } from "./entries.ts";
import type { Figure } from "./figure.ts";
import { FRAMES, TALKS } from "./network/patterns.ts";
import { CONTESTANTS, countEntries, measure, type Contestant, type Kit, type Times } from "./network/runs.ts";
import { startWorker, work, type Worker } from "./workers.ts";

const COUNT = 8192;
const QUICK_COUNT = 1024;
/** So few that the trace keeps every record between two turns of the host. */
const COUNTED = 256;
const ROUNDS = 9;
const QUICK_ROUNDS = 2;
/** 0.9 of the peer's throughput. */
const AIM = 1 / 0.9;

interface Question {
  readonly count: number;
}
type Counts = Readonly<Record<string, Entries>>;

const role = (contestant: Contestant): string => `network.${contestant}`;
const ENTRIES = (kit: Kit): string => `network.entries.${kit}`;
const COUNTED_KITS = ["driver", "stack"] as const;

export const networkRoles: ReadonlyMap<string, () => void> = new Map([
  ...CONTESTANTS.map((contestant): [string, () => void] => [role(contestant), () => work<Question, Times>(({ count }) => measure(contestant, count))]),
  ...COUNTED_KITS.map((kit): [string, () => void] => [ENTRIES(kit), () => work<Question, Counts>(({ count }) => countEntries(kit, count))]),
]);

/** What is compared: patterns, the kit's contestant, its peer, under which name the peer did it, as which figure. */
interface Comparison {
  readonly name: string;
  readonly who: Kit;
  readonly peer: Contestant;
  readonly peerName: string;
  readonly figure: string;
  readonly against: string;
  readonly aim?: number;
}

const COMPARISONS: readonly Comparison[] = [
  ...FRAMES.flatMap(({ name, bytes, depth }): Comparison[] => [
    { name, who: "driver", peer: "host", peerName: name, figure: "", against: "the card worked by the host", ...(bytes === 1514 && depth > 1 ? { aim: AIM } : {}) },
    { name, who: "driver", peer: "identity", peerName: name, figure: ".iommu", against: "layer: translation, against none" },
  ]),
  ...TALKS.flatMap(({ name, bytes, frame }): Comparison[] => [
    { name, who: "stack", peer: "host", peerName: name, figure: "", against: "the card worked by the host, an end that copies nothing", ...(bytes >= 1460 ? { aim: AIM } : {}) },
    { name, who: "stack", peer: "driver", peerName: frame, figure: ".stack", against: `layer: stack and its client, against ${frame} through the driver alone` },
    { name, who: "switched", peer: "stack", peerName: name, figure: ".switch", against: "layer: a switch between stack and driver, against none" },
    { name, who: "stack", peer: "stack-identity", peerName: name, figure: ".iommu", against: "layer: translation, against none" },
  ]),
];

export const network: Benchmark = {
  name: "network",
  summary: "frames, datagrams and connections through stack, driver and IOMMU, against the card worked by the host",
  async measure({ quick, say }) {
    const [count, rounds] = quick ? [QUICK_COUNT, QUICK_ROUNDS] : [COUNT, ROUNDS];
    const pinning = findPinning();
    const workers = CONTESTANTS.map((contestant): [Contestant, Worker<Question, Times>] => [contestant, startWorker<Question, Times>(role(contestant), pinning)]);
    const times = new Map<Contestant, Times[]>(CONTESTANTS.map((contestant) => [contestant, []]));
    try {
      for (const [, worker] of workers) await worker.ask({ count });
      for (let round = 1; round <= rounds; round++) {
        say(`network: round ${round} of ${rounds}`);
        for (const [contestant, worker] of workers) times.get(contestant)!.push(await worker.ask({ count }));
      }
    } finally {
      for (const [, worker] of workers) worker.close();
    }
    const of = (contestant: Contestant, name: string): readonly number[] => times.get(contestant)!.map((each) => each[name]! / 1000);
    const counts: Counts = Object.assign({}, ...(await Promise.all(COUNTED_KITS.map(counted))));
    return COMPARISONS.flatMap(({ name, who, peer, peerName, figure, against, aim }): Figure[] => [
      { name: `network.${name}${figure}`, unit: "us", values: of(who, name), peers: of(peer, peerName), against, ...(aim === undefined ? {} : { aim }) },
      ...(figure === ".iommu" ? (["calls", "signals", "interrupts"] as const).map((what): Figure => ({ name: `network.${name}.${what}`, unit: "a packet", values: [counts[name]![what]], peers: null, against: ENTRY_WORDS[what] })) : []),
    ]);
  },
};

async function counted(kit: Kit): Promise<Counts> {
  const worker = startWorker<Question, Counts>(ENTRIES(kit), undefined);
  try {
    return await worker.ask({ count: COUNTED });
  } finally {
    worker.close();
  }
}
