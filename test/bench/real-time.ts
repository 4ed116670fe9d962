// The benchmark `latency`: how late a component of high priority wakes that wants to run every millisecond (examples/real-time), beside a Linux guest that forks, computes and uses its disk, against
// the same machine without the guest. A round is one window of five seconds of each, in turn: both at once would disturb each other.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { startSession } from "../../servers/operator/session.ts";
import { findLinux } from "../../guests/linux/installed.ts";
import type { Benchmark } from "./benchmark.ts";
import { findPinning } from "./cpu.ts";
import type { Figure } from "./figure.ts";
import { NO_LINUX } from "./guest-runs.ts";
import { startWorker, work } from "./workers.ts";

const CONTESTANTS = ["alone", "beside"] as const;
type Contestant = (typeof CONTESTANTS)[number];
const ROUNDS = 5;
const LIMIT_MS = 120_000;
const QUANTILES = ["min", "median", "99%", "99.9%", "max"] as const;
/** Microseconds. */
type Window = Readonly<Record<(typeof QUANTILES)[number], number>>;

const WINDOW = /^window: \d+ wakes, us late: min (\S+) median (\S+) 99% (\S+) 99\.9% (\S+) max (\S+); \d+ missed$/gm;
/** The guest has booted and is busy. */
const BUSY = "busy: round 2";

const role = (contestant: Contestant): string => `latency.${contestant}`;
const example = (...names: string[]): string => join(findPackage().root, "examples", "real-time", ...names);

/** The windows that were printed whole, and began when what is measured had begun: the one in which it begins is not among them. */
function windowsOf(text: string, contestant: Contestant): Window[] {
  const from = contestant === "alone" ? 0 : text.indexOf(BUSY);
  const found = from < 0 ? [] : [...text.slice(from).matchAll(WINDOW)].slice(1);
  return found.map(([, ...numbers]) => Object.fromEntries(QUANTILES.map((name, i) => [name, Number(numbers[i])])) as Window);
}

async function measure(contestant: Contestant): Promise<Window> {
  const appliance = await (contestant === "alone" ? prepareAppliance(example("alone.yaml")) : prepareAppliance(example(), { exec: { command: readFileSync(example("busy.sh"), "latin1") } }));
  let text = "", first: Window | undefined;
  const write = (bytes: Uint8Array): void => {
    text += Buffer.from(bytes).toString("latin1").replaceAll("\r", "");
    first ??= windowsOf(text, contestant)[0];
    if (first !== undefined) session.stop(0);
  };
  const session = await startSession(appliance, { console: { write, ready: () => true, onDrained() {}, onInput() {} }, timeoutMs: LIMIT_MS });
  const { why } = await session.outcome;
  if (first === undefined) throw new Error(`${role(contestant)}: no window was measured (${why}); the console: ${text.slice(-1000)}`);
  return first;
}

export const latencyRoles: ReadonlyMap<string, () => void> = new Map(CONTESTANTS.map((contestant) => [role(contestant), () => work<object, Window>(() => measure(contestant))]));

export const latency: Benchmark = {
  name: "latency",
  summary: "how late a real-time component wakes beside a busy Linux guest, against the same without the guest",
  async measure({ quick, say }) {
    const linux = findLinux(findPackage().record);
    if (!linux.ok || linux.value === undefined) return NO_LINUX;
    const pinning = findPinning(), windows: Record<Contestant, Window[]> = { alone: [], beside: [] };
    const workers = CONTESTANTS.map((contestant) => [contestant, startWorker<object, Window>(role(contestant), pinning)] as const);
    try {
      for (let round = 1, rounds = quick ? 1 : ROUNDS; round <= rounds; round++) {
        say(`latency: round ${round} of ${rounds}`);
        for (const [contestant, worker] of workers) windows[contestant].push(await worker.ask({}));
      }
    } finally {
      for (const [, worker] of workers) worker.close();
    }
    return QUANTILES.map((name): Figure => ({ name: `latency.${name}`, unit: "us", values: windows.beside.map((each) => each[name]), peers: windows.alone.map((each) => each[name]), against: "the same without the guest" }));
  },
};
