// The benchmark `ipc`: Call + ReplyRecv round trips with four words, against a native Linux pipe; and what they are made of.
import { join } from "node:path";
import { bundleProgram } from "../../servers/operator/bundle.ts";
import { findPackage } from "../../servers/operator/package.ts";
import type { Benchmark } from "./benchmark.ts";
import { crossing } from "./crossing.ts";
import { findPinning } from "./cpu.ts";
import type { Figure } from "./figure.ts";
import { hostedPair, kernelAlonePair, machinePair, samePair } from "./pairs.ts";
import { buildPipe, type Pipe } from "./pipe.ts";
import { startWorker, work, type Worker } from "./workers.ts";

/** A quarter of a second or so: long against the first passes of the JavaScript compiler, short against this machine's moods. */
const ROUND = 250_000;
const PIPE_ROUND = 50_000;
const ROUNDS = 11;
const QUICK_ROUNDS = 3;
const AIM = 0.25;

/** Something that can be done many times. */
interface Repeated {
  /** @returns nanoseconds each, of so many */
  round(times: number): number;
}

/** The figures and what each of them repeats. A round trip of two threads is compared with the pipe; the others are parts of one. */
const KIT: readonly { readonly name: string; readonly compared: boolean; readonly aim?: number; readonly open: () => Repeated | Promise<Repeated> }[] = [
  { name: "ipc.machine", compared: true, aim: AIM, open: machinePair },
  { name: "ipc.hosted", compared: true, open: async () => hostedPair(await bundleEcho()) },
  { name: "ipc.same", compared: true, open: samePair },
  { name: "ipc.ecall", compared: false, open: () => crossing(1) },
  { name: "ipc.switch", compared: false, open: () => crossing(2) },
  { name: "ipc.kernel", compared: false, open: kernelAlonePair },
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
  summary: "Call + ReplyRecv between two programs, against a Linux pipe",
  async measure({ quick, say }) {
    const [times, rounds] = quick ? [ROUND / 5, QUICK_ROUNDS] : [ROUND, ROUNDS];
    const pipe = buildPipe(join(findPackage().root, "test", "bench", "pipe.c"));
    const pinning = findPinning();
    if (pinning === undefined) say("ipc: no taskset here, so the kit is not bound to the pipe's CPU");
    const measured = KIT.map((each) => ({ ...each, worker: startWorker<Question, number>(each.name, pinning), values: [] as number[] }));
    try {
      const peers = await alternate(measured, pipe, { times, rounds, say });
      return measured.map(({ name, compared, aim, values }): Figure => {
        const figure = { name, unit: "ns", values } as const;
        if (!compared) return { ...figure, peers: null, against: "part of ipc.machine" };
        if (typeof pipe === "string") return { ...figure, peers: null, against: pipe };
        return { ...figure, peers, against: "Linux pipe, two processes on one CPU", ...(aim === undefined ? {} : { aim }) };
      });
    } finally {
      for (const { worker } of measured) worker.close();
      if (typeof pipe !== "string") pipe.close();
    }
  },
};

interface Plan {
  readonly times: number;
  readonly rounds: number;
  readonly say: (text: string) => void;
}

/** Everything once a round. @returns the pipe's rounds */
async function alternate(measured: readonly { readonly worker: Worker<Question, number>; readonly values: number[] }[], pipe: Pipe | string, { times, rounds, say }: Plan): Promise<number[]> {
  for (const { worker } of measured) await worker.ask({ times });
  const peers: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    say(`ipc: round ${round} of ${rounds}`);
    for (const { worker, values } of measured) values.push(await worker.ask({ times }));
    if (typeof pipe !== "string") peers.push(pipe.round(PIPE_ROUND));
  }
  return peers;
}

async function bundleEcho(): Promise<string> {
  const { root } = findPackage();
  const bundle = await bundleProgram({ entry: join(root, "test", "bench", "echo.ts"), root });
  if (!bundle.ok) throw new Error(bundle.error);
  return bundle.text;
}
