// The benchmark `ipc`: what two programs do with each other through the kernel, against what two native processes do through Linux; and what it is made of.
import { join } from "node:path";
import { bundleProgram } from "../../servers/operator/bundle.ts";
import { findPackage } from "../../servers/operator/package.ts";
import type { Benchmark } from "./benchmark.ts";
import { crossing, refill } from "./crossing.ts";
import { findPinning } from "./cpu.ts";
import type { Figure } from "./figure.ts";
import { interrupts } from "./interrupts.ts";
import { hostedPair, kernelAlonePair, machinePair, samePair, slowPair } from "./pairs.ts";
import { buildPeers, PEERS, type PeerKind, type Peers } from "./peers.ts";
import { signalPair } from "./signals.ts";
import { capsPair, keptCapsPair, longPair } from "./transfers.ts";
import { startWorker, work, type Worker } from "./workers.ts";

/** A quarter of a second or so: long against the first passes of the JavaScript compiler, short against this machine's moods. */
const ROUND = 250_000;
const PEER_ROUND = 50_000;
const ROUNDS = 11;
const QUICK_ROUNDS = 3;
const AIM = 0.16;
/** Address spaces in turn: so many that hardly one of them still has an engine when its turn comes. */
const REBOUND = 320;

/** Something that can be done many times. */
interface Repeated {
  /** @returns nanoseconds each, of so many */
  round(times: number): number;
}

interface Measured {
  readonly name: string;
  /** What it is compared with; or what it is a part of. */
  readonly against: PeerKind | { readonly partOf: string };
  readonly aim?: number;
  readonly open: () => Repeated | Promise<Repeated>;
}

const PART = { partOf: "part of ipc.slow" };

/** The figures and what each of them repeats. */
const KIT: readonly Measured[] = [
  { name: "ipc.machine", against: "pipe", aim: AIM, open: machinePair },
  { name: "ipc.hosted", against: "pipe", open: async () => hostedPair(await bundleEcho()) },
  { name: "ipc.same", against: "pipe", open: samePair },
  { name: "ipc.long", against: "long", open: longPair },
  { name: "ipc.caps", against: "rights", open: capsPair },
  { name: "ipc.caps.kept", against: { partOf: "part of ipc.caps: without the deletions" }, open: keptCapsPair },
  { name: "ipc.signal", against: "signal", open: signalPair },
  { name: "ipc.irq", against: "signal", open: () => interrupts("all") },
  { name: "ipc.irq.first", against: { partOf: "part of ipc.irq" }, open: () => interrupts("first") },
  { name: "ipc.slow", against: { partOf: "ipc.machine when the kernel makes every call itself" }, open: slowPair },
  { name: "ipc.ecall", against: PART, open: () => crossing(1) },
  { name: "ipc.switch", against: PART, open: () => crossing(2) },
  { name: "ipc.kernel", against: PART, open: kernelAlonePair },
  { name: "ipc.rebind", against: { partOf: "ipc.switch with more address spaces than engines" }, open: () => crossing(REBOUND) },
  { name: "ipc.refill", against: { partOf: "part of ipc.rebind, for each page" }, open: refill },
];

interface Question {
  readonly times: number;
}

export const ipcRoles: ReadonlyMap<string, () => void> = new Map(
  KIT.map(({ name, open }) => [
    name,
    () => {
      let opened: Promise<Repeated> | undefined;
      work<Question, number>(async ({ times }) => (await (opened ??= Promise.resolve(open()))).round(times));
    },
  ]),
);

export const ipc: Benchmark = {
  name: "ipc",
  summary: "messages, signals and interrupts between two programs, against Linux's",
  async measure({ quick, say }) {
    const [times, rounds] = quick ? [ROUND / 5, QUICK_ROUNDS] : [ROUND, ROUNDS];
    const peers = buildPeers();
    const pinning = findPinning();
    if (pinning === undefined) say("ipc: no taskset here, so the kit is not bound to the peers' CPU");
    const measured = KIT.map((each) => ({ ...each, worker: startWorker<Question, number>(each.name, pinning), values: [] as number[] }));
    try {
      const native = await alternate(measured, peers, { times, rounds, say });
      return measured.map(({ name, against, aim, values }): Figure => {
        const figure = { name, unit: "ns", values } as const;
        if (typeof against !== "string") return { ...figure, peers: null, against: against.partOf };
        if (typeof peers === "string") return { ...figure, peers: null, against: peers };
        return { ...figure, peers: native.get(against)!, against: PEERS[against], ...(aim === undefined ? {} : { aim }) };
      });
    } finally {
      for (const { worker } of measured) worker.close();
      if (typeof peers !== "string") peers.close();
    }
  },
};

interface Plan {
  readonly times: number;
  readonly rounds: number;
  readonly say: (text: string) => void;
}

/** Everything once a round. @returns the peers' rounds, by kind */
async function alternate(
  measured: readonly (Measured & { readonly worker: Worker<Question, number>; readonly values: number[] })[],
  peers: Peers | string,
  { times, rounds, say }: Plan,
): Promise<Map<PeerKind, number[]>> {
  const kinds = new Set(measured.flatMap(({ against }) => (typeof against === "string" ? [against] : [])));
  const native = new Map([...kinds].map((kind) => [kind, [] as number[]]));
  for (const { worker } of measured) await worker.ask({ times });
  for (let round = 1; round <= rounds; round++) {
    say(`ipc: round ${round} of ${rounds}`);
    for (const { worker, values } of measured) values.push(await worker.ask({ times }));
    if (typeof peers !== "string") for (const [kind, values] of native) values.push(peers.round(kind, PEER_ROUND));
  }
  return native;
}

async function bundleEcho(): Promise<string> {
  const { root } = findPackage();
  const bundle = await bundleProgram({ entry: join(root, "test", "bench", "echo.ts"), root });
  if (!bundle.ok) throw new Error(bundle.error);
  return bundle.text;
}
