// The benchmark `scale`: the same with two processes and with thousands, more than there are engines; what an idle one costs; and how long one takes to start.
import type { Benchmark, Options } from "./benchmark.ts";
import { findPinning, type Pinning } from "./cpu.ts";
import { Crowd, type Work } from "./crowd.ts";
import type { Figure } from "./figure.ts";
import { footprint, type Footprint } from "./footprint.ts";
import { buildPeers, PEERS, type Peers } from "./peers.ts";
import { processStart } from "./start.ts";
import { startWorker, work, type Worker } from "./workers.ts";

const SIZES = [2, 100, 1000, 10_000] as const;
const [TWO, ...MANY] = SIZES;
const MOST = 10_000;
const ROUNDS = 9, QUICK_ROUNDS = 3, FOOTPRINTS = 3;
/** Times a round, by all together; processes started a round. */
const TIMES = 200_000, STARTS = 500;
const QUICK = 5;
const AIM = 5, MEMORY_LIMIT = 16, START_LIMIT_US = 1000;

/** How the processes of a crowd are to each other, and what is measured in it. */
const CROWDS = { apart: ["switch", "server"], paired: ["pairs", "alone"] } as const satisfies Record<string, readonly Work[]>;
type CrowdName = keyof typeof CROWDS;

/** What the figures of each work are called, and what they are compared with: that of two processes, who do not even give way, for there is nobody else. */
const FIGURES: readonly { readonly name: string; readonly work: Work; readonly crowd: CrowdName; readonly two: Work; readonly against: string }[] = [
  { name: "switch", work: "switch", crowd: "apart", two: "switch", against: "two threads that give way to each other" },
  { name: "ipc", work: "pairs", crowd: "paired", two: "alone", against: "two processes, one calling the other" },
  { name: "ipc.server", work: "server", crowd: "apart", two: "alone", against: "two processes, one calling the other" },
  { name: "ipc.idle", work: "alone", crowd: "paired", two: "alone", against: "two processes, one calling the other" },
];

interface Question {
  readonly work: Work;
  readonly times: number;
}
const roleOf = (crowd: CrowdName, size: number): string => `scale.${crowd}.${size}`;

export const scaleRoles: ReadonlyMap<string, () => void> = new Map([
  ...SIZES.flatMap((size) =>
    (Object.keys(CROWDS) as CrowdName[]).map((name): [string, () => void] => [roleOf(name, size), () => workCrowd(size, name)]),
  ),
  ["scale.memory", () => work<object, Footprint>(() => footprint(MOST))],
  ["scale.start", () => {
    let made: ReturnType<typeof processStart> | undefined;
    work<{ readonly times: number }, number>(({ times }) => (made ??= processStart()).round(times));
  }],
]);

function workCrowd(size: number, name: CrowdName): void {
  let made: Crowd | undefined;
  work<Question, number>(({ work: what, times }) => {
    if (made === undefined) {
      made = new Crowd({ most: size, paired: name === "paired", shared: true });
      made.grow(size);
    }
    const clients = what === "alone" ? 1 : made.clients;
    return made.work(what, clients, Math.max(1, Math.round(times / clients)));
  });
}

export const scale: Benchmark = {
  name: "scale",
  summary: "switches, messages, memory and starts with two to ten thousand processes",
  async measure(options) {
    const pinning = findPinning(), peers = buildPeers();
    try {
      return [...(await measureCrowds(options, pinning)), ...(await measureMemory(options)), await measureStart(options, peers, pinning)];
    } finally {
      if (typeof peers !== "string") peers.close();
    }
  },
};

/** All crowds live at once and take turns. */
async function measureCrowds({ quick, say }: Options, pinning: Pinning | undefined): Promise<Figure[]> {
  const times = quick ? TIMES / QUICK : TIMES, rounds = quick ? QUICK_ROUNDS : ROUNDS;
  const workers = new Map<string, Worker<Question, number>>();
  const values = new Map<string, number[]>();
  const key = (what: Work, size: number): string => `${what} ${size}`;
  try {
    for (const size of SIZES) for (const name of Object.keys(CROWDS) as CrowdName[]) workers.set(roleOf(name, size), startWorker(roleOf(name, size), pinning));
    for (let round = 0; round <= rounds; round++) {
      say(round === 0 ? "scale: the crowds are made" : `scale: round ${round} of ${rounds}`);
      for (const size of SIZES) {
        for (const [name, works] of Object.entries(CROWDS)) {
          for (const what of works) {
            const ns = await workers.get(roleOf(name as CrowdName, size))!.ask({ work: what, times });
            if (round > 0) values.set(key(what, size), [...(values.get(key(what, size)) ?? []), ns]);
          }
        }
      }
    }
  } finally {
    for (const worker of workers.values()) worker.close();
  }
  return FIGURES.flatMap(({ name, work: what, two, against }): Figure[] => {
    const peers = values.get(key(two, TWO))!;
    const many = MANY.map((size): Figure => ({ name: `scale.${name}.${size}`, unit: "ns", values: values.get(key(what, size))!, peers, against, aim: AIM }));
    return what === two ? [{ name: `scale.${name}.${TWO}`, unit: "ns", values: peers, peers: null, against }, ...many] : many;
  });
}

async function measureMemory({ quick, say }: Options): Promise<Figure[]> {
  const all: Footprint[] = [];
  for (let round = 1; round <= (quick ? 1 : FOOTPRINTS); round++) {
    say(`scale: memory, round ${round}`);
    const worker = startWorker<object, Footprint>("scale.memory");
    try {
      all.push(await worker.ask({}));
    } finally {
      worker.close();
    }
  }
  return [
    { name: "scale.memory", unit: "KiB", values: all.map(({ beside }) => beside), peers: null, against: "an idle process, beside the machine's RAM", limit: MEMORY_LIMIT },
    { name: "scale.memory.ram", unit: "KiB", values: all.map(({ ram }) => ram), peers: null, against: "its pages, page tables and objects in the machine's RAM" },
  ];
}

async function measureStart({ quick, say }: Options, peers: Peers | string, pinning: Pinning | undefined): Promise<Figure> {
  const times = quick ? STARTS / QUICK : STARTS, rounds = quick ? QUICK_ROUNDS : ROUNDS;
  const worker = startWorker<{ readonly times: number }, number>("scale.start", pinning), values: number[] = [], native: number[] = [];
  try {
    // JavaScript's compiler is done with a process's start after some thousands.
    for (let round = 0; round < 4; round++) await worker.ask({ times: STARTS });
    for (let round = 1; round <= rounds; round++) {
      say(`scale: start, round ${round} of ${rounds}`);
      values.push((await worker.ask({ times })) / 1e3);
      if (typeof peers !== "string") native.push(peers.round("spawn", times) / 1e3);
    }
  } finally {
    worker.close();
  }
  const figure = { name: "scale.start", unit: "us", values, limit: START_LIMIT_US } as const;
  return typeof peers === "string" ? { ...figure, peers: null, against: peers } : { ...figure, peers: native, against: PEERS.spawn };
}
