// What a benchmark is to main.ts, and what it is given.
import type { Figure } from "./figure.ts";
import type { GuestRuns } from "./guest-runs.ts";

export interface Options {
  /** Fewer and shorter rounds: enough to see that everything works, not to quote. */
  readonly quick: boolean;
  /** What goes on, for whoever waits. */
  readonly say: (text: string) => void;
}

export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  /** How it runs guests; absent: not at all. */
  readonly guests?: GuestNeeds;
  /** @returns a text when this machine cannot measure it */
  measure(options: Options, guests: GuestRuns): Promise<readonly Figure[] | string>;
}

/** Who runs the guest: the whole kit; the VMM's models on the bare engine, without a kernel; QEMU. */
export type Contestant = "kit" | "bare" | "qemu";

export interface GuestNeeds {
  readonly peer: "bare" | "qemu";
  /** The BusyBox workload; else the boot alone. */
  readonly workload: boolean;
}
