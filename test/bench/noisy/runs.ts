// One run of a worker beside a neighbour (appliance.yaml): what the worker's work took by its own clock, and whose CPU time went by meanwhile, by the kernel's books.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { System } from "../../../core/boot.ts";
import { threadName } from "../../../core/kernel/names.ts";
import { findPackage } from "../../../servers/operator/package.ts";
import { applianceFolder, Line, runAppliance, until } from "../../support/appliance-run.ts";
import { compileGuest } from "../../support/hostile-guest.ts";

/** As worker.c and noise.c number them. */
export const WORKS = ["compute", "disk", "net", "console"] as const;
export const NOISES = ["idle", "loop", "storm", "console", "disk", "net"] as const;
export type Work = (typeof WORKS)[number];
/** none: it is left out; fair: it does a worker's work, for ever. */
export type Neighbour = (typeof NOISES)[number] | "none" | `fair.${Work}`;

export interface Question {
  readonly work: Work;
  readonly times: number;
  readonly neighbour: Neighbour;
}
export interface Answer {
  readonly ms: number;
  /** Percent of a CPU while the work went on. */
  readonly worker: number;
  readonly neighbour: number;
}

/** Percent of a CPU, as the manifest says. */
export const NEIGHBOUR_BUDGET = 40;
const LIMIT_MS = 30_000;
const MS_A_TICK = 1e-4;
const FOLDER = join(findPackage().root, "test", "bench", "noisy");
const file = (name: string): string => readFileSync(join(FOLDER, name), "utf8");

function neighbourImage(neighbour: Neighbour): Uint8Array {
  const noise = (NOISES as readonly string[]).indexOf(neighbour), work = (WORKS as readonly string[]).indexOf(neighbour.slice("fair.".length));
  return noise < 0 ? compileGuest("worker", { WORK: Math.max(0, work), TIMES: 1, ENDLESS: 1 }, FOLDER) : compileGuest("noise", { KIND: noise }, FOLDER);
}

/** The kernel's books: ticks of CPU that each of these has used, and what time it is. */
interface Books {
  readonly worker: number;
  readonly neighbour: number;
  readonly now: number;
}
/** Ticks of 100 ns that a component's own SchedContext has given; 0 when there is none of that name. */
export function consumedBy({ kernel }: System, component: string): number {
  const tcb = kernel.tcbs.find((each) => each !== undefined && threadName(each) === component);
  return tcb === undefined ? 0 : (kernel.schedContexts[tcb.homeSc]?.consumed ?? 0);
}
const booksOf = (system: System): Books => ({ worker: consumedBy(system, "worker"), neighbour: consumedBy(system, "neighbour"), now: system.kernel.machine.clock() });

export function filesOf({ work, times, neighbour }: Question): Readonly<Record<string, string | Uint8Array>> {
  const manifest = file("appliance.yaml");
  return {
    "appliance.yaml": neighbour === "none" ? manifest.slice(0, manifest.indexOf("  neighbour:\n    image")) : manifest,
    "mirror.c": file("mirror.c"),
    "worker.image": compileGuest("worker", { WORK: WORKS.indexOf(work), TIMES: times, ENDLESS: 0 }, FOLDER),
    "neighbour.image": neighbourImage(neighbour),
  };
}

/** Throws when the work came out wrong, or did not come to its end. */
export async function runBeside(question: Question): Promise<Answer> {
  using folder = applianceFolder(filesOf(question));
  const line = new Line();
  let begin: Books | undefined, end: Books | undefined;
  const said = (what: RegExp): RegExpExecArray | null => what.exec(line.output);
  await runAppliance(folder.path, {
    line, limitMs: LIMIT_MS,
    onTurn(system) {
      if (begin === undefined && said(/worker: begin\n/) !== null) begin = booksOf(system);
      if (end === undefined && said(/worker: took \d+\n/) !== null) end = booksOf(system);
    },
    during: () => until("the work is done", () => end !== undefined, LIMIT_MS),
  });
  const ticks = Number(said(/worker: took (\d+)\n/)?.[1]);
  if (begin === undefined || end === undefined || !(ticks > 0) || line.output.includes("WRONG")) throw new Error(`the worker did not come to its end; the console: ${line.output.slice(-1000)}`);
  const { now } = begin, took = end.now - now, percent = (who: "worker" | "neighbour"): number => (100 * (end![who] - begin![who])) / took;
  return { ms: ticks * MS_A_TICK, worker: percent("worker"), neighbour: percent("neighbour") };
}
