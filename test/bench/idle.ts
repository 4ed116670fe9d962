// The benchmark `idle`: many Linux guests on one machine that all wait at their prompts: what they take of the host's CPU together, and of its memory each, beside their RAM.
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { VCPU_RECORD } from "../../core/machine/shared.ts";
import type { System } from "../../core/boot.ts";
import { applianceFolder, manifestWith, pause, runAppliance, until } from "../support/appliance-run.ts";
import type { Benchmark } from "./benchmark.ts";
import type { Figure } from "./figure.ts";
import { residents } from "./footprint.ts";
import { NO_LINUX } from "./guest-runs.ts";
import { startWorker, work } from "./workers.ts";

const ROLE = "idle.kit";
/** What the 4 GiB have room for that Node 20 can show of a machine's RAM: Debian's kernel does not boot in much less than it is given here. */
const MANY = 40, QUICK_MANY = 6, FEW = 2;
const GUEST_MIB = 96;
/** For each guest its VMM; for all of them the kernel, root server, console and boot files. */
const VMM_MIB = 4, SHARED_MIB = 96;
/** Half a minute after it was last busy, a guest gives its translations back, one guest a second; what its kernel does once after a boot is over by then. */
const SETTLE_MS = 40_000, SETTLE_MS_A_GUEST = 1_500;
/** All guests boot at once, on one CPU. */
const BOOT_MS_A_GUEST = 12_000;
/** Percent of a CPU a guest: 5 for 50. */
const LIMIT_CPU = 0.1, LIMIT_KIB = 8 * 1024;

interface Question {
  readonly guests: number;
  readonly seconds: number;
}

interface Idle {
  /** Of one CPU of the host's, for all guests together. */
  readonly percent: number;
  /** How often a guest's hart was entered, a second and guest. */
  readonly entries: number;
  /** Blocks of translated code that ran for each of these. */
  readonly blocks: number;
  /** KiB of this process that are there: all but the machine's RAM, the part of that which is translated code, and which is JavaScript's. */
  readonly beside: number;
  readonly code: number;
  readonly heap: number;
}

export const idleRoles: ReadonlyMap<string, () => void> = new Map([[ROLE, () => work<Question, Idle>(measure)]]);

const manifestOf = (guests: number): string => {
  const each = Array.from({ length: guests }, (_, i) => `  guest${i}: { image: linux, memory: ${GUEST_MIB}MiB, console: console.console }\n`);
  return `${manifestWith({}, `${guests * (GUEST_MIB + VMM_MIB) + SHARED_MIB}MiB`)}guests:\n${each.join("")}`;
};

/** KiB of memory that the process may both write and execute: only engines' translations are such. @param smaps text of /proc/self/smaps */
export function translatedCode(smaps: string): number {
  return [...smaps.matchAll(/^[\da-f]+-[\da-f]+ rwxp [^]*?^Rss: +(\d+) kB$/gm)].reduce((sum, [, rss]) => sum + Number(rss), 0);
}

function entriesOf({ kernel }: System): number {
  const { words } = kernel.machine.vcpu;
  return kernel.vcpus.reduce((sum, vcpu) => sum + (vcpu === undefined ? 0 : words[kernel.machine.vcpu.record(vcpu.index) + 2 * VCPU_RECORD.exits]!), 0);
}

async function measure({ guests, seconds }: Question): Promise<Idle> {
  using folder = applianceFolder({ "appliance.yaml": manifestOf(guests) });
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let ready = 0, idle: Idle | undefined, ramKiB = 0;
  const limitMs = 60_000 + guests * BOOT_MS_A_GUEST, settleMs = SETTLE_MS + guests * SETTLE_MS_A_GUEST;
  await runAppliance(folder.path, {
    limitMs: limitMs + settleMs + 1000 * seconds,
    onEvent: ({ event, state }) => void (event === "guest" && state === "ready" && ready++),
    async during(system) {
      ramKiB = system.kernel.machine.ram.byteLength / 1024;
      await until("all guests are at their prompts", () => ready === guests, limitMs);
      await pause(settleMs);
      // No collection of garbage here: V8 makes some more by itself in the half minute after one that was asked for, which is more than the guests take.
      const before = entriesOf(system), blocks = system.stats().blocks, from = performance.now(), cpu = process.cpuUsage();
      await pause(1000 * seconds);
      const { user, system: kernel } = process.cpuUsage(cpu), took = performance.now() - from;
      const entered = entriesOf(system) - before, ran = system.stats().blocks - blocks;
      collect();
      const smaps = readFileSync("/proc/self/smaps", "utf8"), { all, ram } = residents(smaps, ramKiB);
      idle = { percent: (user + kernel) / 10 / took, entries: entered / (took / 1000) / guests, blocks: ran / entered, beside: all - ram, code: translatedCode(smaps), heap: process.memoryUsage().heapUsed / 1024 };
    },
  });
  if (idle === undefined) throw new Error("the machine ended before it could be looked at");
  return idle;
}

async function ask(question: Question): Promise<Idle> {
  const worker = startWorker<Question, Idle>(ROLE);
  try {
    return await worker.ask(question);
  } finally {
    worker.close();
  }
}

export const idle: Benchmark = {
  name: "idle",
  summary: "many Linux guests that wait at their prompts: CPU of all, memory of each",
  async measure({ quick, say }) {
    const linux = findLinux(findPackage().record);
    if (!linux.ok || linux.value === undefined) return NO_LINUX;
    const many = quick ? QUICK_MANY : MANY, seconds = quick ? 5 : 20;
    say(`idle: ${FEW} guests`);
    const few = await ask({ guests: FEW, seconds });
    say(`idle: ${many} guests`);
    const all = await ask({ guests: many, seconds });
    const alone = (name: string, unit: Figure["unit"], value: number, against: string, limit?: number): Figure => ({ name: `idle.${name}`, unit, values: [value], peers: null, against, ...(limit === undefined ? {} : { limit }) });
    const each = (part: "beside" | "code" | "heap"): number => (all[part] - few[part]) / (many - FEW);
    return [
      alone("cpu", "%", all.percent, `of one CPU, ${many} guests together`, LIMIT_CPU * many),
      alone("entries", "a second", all.entries, "how often a guest goes on"),
      alone("blocks", "an entry", all.blocks, "blocks of translated code that it runs then"),
      alone("memory", "KiB", each("beside"), `a guest, outside the machine's RAM: between ${FEW} and ${many}`, LIMIT_KIB),
      alone("memory.code", "KiB", each("code"), "of that, translated code"),
      alone("memory.heap", "KiB", each("heap"), "of that, JavaScript's objects"),
    ];
  },
};
