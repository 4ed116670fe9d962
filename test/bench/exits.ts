// The benchmark `exits`: what it costs a guest to leave its hart, by what it leaves for, under the kit and under the bare loop. The guest (exits/exits.c) makes each kind of exit many
// times and times itself.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { startSession } from "../../servers/operator/session.ts";
import { manifestWith } from "../support/appliance-run.ts";
import { runBare } from "../support/bare-host.ts";
import { compileGuest } from "../support/hostile-guest.ts";
import type { Benchmark } from "./benchmark.ts";
import { findPinning } from "./cpu.ts";
import type { Figure } from "./figure.ts";
import { startWorker, work, type Worker } from "./workers.ts";

const KIT = "exits.kit", BARE = "exits.bare";
const ROUNDS = 7;
const LIMIT_MS = 120_000;
const RAM_BYTES = 16 * 2 ** 20;
/** The guest's first round is not counted: in it the host's code is compiled. */
const GUEST_ROUNDS = 2;
const NS_A_TICK = 100;

interface Question {
  /** Of each kind, in each of the guest's rounds. */
  readonly exits: number;
}
/** Nanoseconds of one, by kind; `loop` is what the loop around each takes. */
type Times = Readonly<Record<string, number>>;

export const exitsRoles: ReadonlyMap<string, () => void> = new Map([
  [KIT, () => work<Question, Times>(timeKit)],
  [BARE, () => work<Question, Times>(timeBare)],
]);

const compile = ({ exits }: Question): Uint8Array => compileGuest("exits", { EXITS: exits, ROUNDS: GUEST_ROUNDS }, join(findPackage().root, "test", "bench", "exits"));

/** By what the guest said, of its last round. Throws when an exit had a wrong result, or the guest did not come to its end. */
export function timesOf(output: string): Times {
  const wrong = /^.*WRONG.*$/m.exec(output);
  if (wrong !== null) throw new Error(`the guest says: ${wrong[0]}`);
  const said = [...output.matchAll(/^exits: ([\w.]+) (\d+) (\d+)\r?$/gm)].map(([, kind = "", ticks, times]): [string, number] => [kind, (Number(ticks) * NS_A_TICK) / Number(times)]);
  const kinds = new Map(said);
  if (kinds.size === 0 || said.length !== GUEST_ROUNDS * kinds.size) throw new Error(`the guest did not come to its end; it said:\n${output.slice(-1000)}`);
  return Object.fromEntries(kinds);
}

async function timeKit(question: Question): Promise<Times> {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-exits-"));
  try {
    writeFileSync(join(folder, "exits.image"), compile(question));
    writeFileSync(join(folder, "appliance.yaml"), `${manifestWith({})}guests:\n  guest: { image: { kernel: exits.image }, memory: 16MiB, console: console.console, input: false, essential: true }\n`);
    let output = "";
    const console = { write: (bytes: Uint8Array) => void (output += Buffer.from(bytes).toString("latin1")), ready: () => true, onDrained() {}, onInput() {} };
    const session = await startSession(await prepareAppliance(folder), { console, timeoutMs: LIMIT_MS });
    const { status, why } = await session.outcome;
    if (status !== 0) throw new Error(`status ${status}${why === undefined ? "" : `, ${why}`}`);
    return timesOf(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const timeBare = (question: Question): Times => timesOf(runBare({ ramBytes: RAM_BYTES, cmdline: "", kernel: compile(question), limit: LIMIT_MS }).output);

export const exits: Benchmark = {
  name: "exits",
  summary: "what a guest's exits cost, by kind, against the bare engine loop",
  async measure({ quick, say }) {
    const pinning = findPinning();
    const workers: readonly Worker<Question, Times>[] = [KIT, BARE].map((role) => startWorker<Question, Times>(role, pinning));
    try {
      const rounds: Times[][] = [[], []];
      for (let round = 1, all = quick ? 1 : ROUNDS; round <= all; round++) {
        for (const [i, worker] of workers.entries()) {
          say(`exits: round ${round} of ${all}, ${i === 0 ? "kit" : "bare"}`);
          rounds[i]!.push(await worker.ask({ exits: quick ? 2_000 : 20_000 }));
        }
      }
      const [kit = [], bare = []] = rounds;
      return Object.keys(kit[0]!).map((kind): Figure => ({ name: `exits.${kind}`, unit: "ns", values: kit.map((times) => times[kind]!), peers: bare.map((times) => times[kind]!), against: "bare engine loop, same device models" }));
    } finally {
      for (const worker of workers) worker.close();
    }
  },
};
