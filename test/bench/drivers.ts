// The benchmark `drivers`: requests to a disk through an untrusted driver, the IOMMU and the block server, against the same device model worked by the
// host; what each layer costs; and what the kernel is entered for.
import { countEntries, CONTESTANTS, DISKS, measure, PATTERNS, type Contestant, type Counts, type DiskKind, type Pattern, type Times } from "./drivers/runs.ts";
import type { Benchmark } from "./benchmark.ts";
import { findPinning } from "./cpu.ts";
import { ENTRY_WORDS, type Entries } from "./entries.ts";
import type { Figure } from "./figure.ts";
import { startWorker, work, type Worker } from "./workers.ts";

const COUNTS: Counts = { large: 4096, small: 16384 };
const QUICK: Counts = { large: 256, small: 1024 };
/** So few that the trace keeps every record between two turns of the host. */
const COUNTED: Counts = { large: 256, small: 256 };
const ROUNDS = 9;
const QUICK_ROUNDS = 2;
/** 0.9 of the peer's throughput. */
const AIM = 1 / 0.9;

const role = (contestant: Contestant, disk: DiskKind): string => `drivers.${contestant}.${disk}`;
const ENTRIES = (disk: DiskKind): string => `drivers.entries.${disk}`;

export const driversRoles: ReadonlyMap<string, () => void> = new Map(
  DISKS.flatMap((disk): [string, () => void][] => [
    ...CONTESTANTS.map((contestant): [string, () => void] => [role(contestant, disk), () => work<Counts, Times>((counts) => measure(contestant, disk, counts))]),
    [ENTRIES(disk), () => work<Counts, Readonly<Record<Pattern, Entries>>>((counts) => countEntries("block", disk, counts))],
  ]),
);

export const drivers: Benchmark = {
  name: "drivers",
  summary: "a disk through driver, IOMMU and block server, against its device worked by the host",
  async measure({ quick, say }) {
    const figures: Figure[] = [];
    for (const disk of DISKS) figures.push(...(await measureDisk(disk, quick, say)));
    return figures;
  },
};

async function measureDisk(disk: DiskKind, quick: boolean, say: (text: string) => void): Promise<readonly Figure[]> {
  const [counts, rounds] = quick ? [QUICK, QUICK_ROUNDS] : [COUNTS, ROUNDS];
  const pinning = findPinning();
  const workers = CONTESTANTS.map((contestant): [Contestant, Worker<Counts, Times>] => [contestant, startWorker<Counts, Times>(role(contestant, disk), pinning)]);
  const times: Record<Contestant, Times[]> = { host: [], driver: [], block: [], identity: [] };
  try {
    for (const [, worker] of workers) await worker.ask(counts);
    for (let round = 1; round <= rounds; round++) {
      say(`drivers: disk in ${disk}, round ${round} of ${rounds}`);
      for (const [contestant, worker] of workers) times[contestant].push(await worker.ask(counts));
    }
  } finally {
    for (const [, worker] of workers) worker.close();
  }
  const of = (contestant: Contestant, pattern: Pattern): readonly number[] => times[contestant].map((each) => each[pattern] / 1000);
  const compared = (name: string, pattern: Pattern, who: Contestant, peer: Contestant, against: string, aim?: number): Figure => ({
    name, unit: "us", values: of(who, pattern), peers: of(peer, pattern), against, ...(aim === undefined ? {} : { aim }),
  });
  const entries = await counted(disk);
  return PATTERNS.flatMap(({ name, bytes }): Figure[] => {
    const figure = `drivers.${disk}.${name}`;
    return [
      compared(figure, name, "block", "host", "the device worked by the host", bytes === 65536 ? AIM : undefined),
      compared(`${figure}.driver`, name, "driver", "host", "layer: without the block server, against the host"),
      compared(`${figure}.block`, name, "block", "driver", "layer: the block server, against none"),
      compared(`${figure}.iommu`, name, "block", "identity", "layer: translation, against none"),
      ...(["calls", "signals", "interrupts"] as const).map((what): Figure => ({ name: `${figure}.${what}`, unit: "a request", values: [entries[name][what]], peers: null, against: ENTRY_WORDS[what] })),
    ];
  });
}

async function counted(disk: DiskKind): Promise<Readonly<Record<Pattern, Entries>>> {
  const worker = startWorker<Counts, Readonly<Record<Pattern, Entries>>>(ENTRIES(disk), undefined);
  try {
    return await worker.ask(COUNTED);
  } finally {
    worker.close();
  }
}
