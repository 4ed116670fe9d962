// A run of the fuzz: one world after the other, each for some epochs, until so many calls have been made. Panics of the kernel, of an invariant and of a
// victim end it with what is needed to see them again.
import { createHash } from "node:crypto";
import { KernelPanic } from "../../caps/model/panic.ts";
import { fingerprint } from "../../core/kernel/save.ts";
import { CONTROL } from "../../core/machine/shared.ts";
import { openQuietMachine } from "../bench/pairs.ts";
import { Random } from "./random.ts";
import { Tally } from "./tally.ts";
import { RAM_BYTES, World } from "./world.ts";

export interface Plan {
  readonly calls: number;
  readonly seed: number;
  /** Slices between two checks of all invariants. */
  readonly check: number;
  /** From this slice of the run on, every slice is checked. */
  readonly from: number;
  /** Whether the addon may carry out plain calls. */
  readonly fast: boolean;
  /** Called every second or so; true ends the run. */
  readonly onProgress?: (soFar: Result) => boolean;
}

export interface Memory {
  readonly rss: number;
  readonly heap: number;
  readonly external: number;
}

export interface Result {
  readonly tally: Tally;
  readonly failure: { readonly message: string; readonly slice: number } | null;
  readonly slices: number;
  readonly worlds: number;
  readonly epochs: number;
  readonly checks: number;
  /** Plain calls that the addon carried out, hostile ones and victims'. */
  readonly fastCalls: number;
  readonly rounds: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** After each machine was closed and its memory given back. */
  readonly memory: readonly Memory[];
  /** SHA-256 over the states at the ends of all worlds: the same for the same seed and number of calls. */
  readonly digest: string;
}

/** A world is left after so many slices, with its machine: a new one has another seed. */
const SLICES = 6000;

export async function attack(plan: Plan): Promise<Result> {
  const tally = new Tally(), seeds = new Random(plan.seed), digest = createHash("sha256"), began = performance.now();
  const total: Record<string, number> = {};
  let slices = 0, worlds = 0, epochs = 0, checks = 0, fastCalls = 0, said = began, ended = false;
  let failure: Result["failure"] = null;
  const samples: Memory[] = [];
  const result = (): Result => ({
    tally, failure, slices, worlds, epochs, checks, fastCalls, rounds: total, seconds: (performance.now() - began) / 1000, memory: samples, digest: digest.copy().digest("hex"),
  });
  while (!ended && failure === null && tally.calls < plan.calls) {
    const board = openQuietMachine(RAM_BYTES, "blocks");
    worlds++;
    try {
      tally.kernel = undefined;
      const world = new World(board, seeds.next(), (machine) => tally.watch(machine));
      tally.kernel = world.k;
      tally.bystanders = new Set(Object.values(world.victims).map(({ tcb }) => tcb.frame));
      world.k.fast = plan.fast;
      for (let n = 0; n < SLICES && tally.calls < plan.calls && !ended; n++) {
        world.slice();
        slices++;
        if (slices % plan.check === 0 || slices >= plan.from) {
          world.check();
          checks++;
        }
        if (n % 64 === 0 && performance.now() - said > 1000) {
          said = performance.now();
          ended = plan.onProgress?.(result()) ?? false;
        }
      }
      epochs += world.epochs;
      fastCalls += new Float64Array(board.control, 0, 8)[CONTROL.fastCalls]!;
      for (const [name, n] of Object.entries(world.rounds())) total[name] = (total[name] ?? 0) + n;
      digest.update(fingerprint(world.k));
    } catch (error) {
      if (!(error instanceof KernelPanic || error instanceof TypeError || error instanceof RangeError)) throw error;
      failure = { message: error instanceof KernelPanic ? error.message : (error.stack ?? error.message), slice: slices };
    } finally {
      board.close();
    }
    tally.kernel = undefined;
    samples.push(await memory());
  }
  return result();
}

/** With --expose-gc what is garbage does not count; the host gives a machine's memory back in turns of its own. */
async function memory(): Promise<Memory> {
  for (let i = 0; i < 3; i++) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { rss, heap: heapUsed, external: external + arrayBuffers };
}
