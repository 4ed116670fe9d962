// What the hostile threads asked, and what came of it: counted between the machine and the kernel, of which it changes nothing. Calls that the addon
// carries out itself do not pass here.
import { Info, infoLabel, Reg } from "../../caps/abi/message.ts";
import { ErrorCode, Fault, Invocation, Kind, Syscall } from "../../caps/abi/numbers.ts";
import { lookup } from "../../core/kernel/ipc.ts";
import { Cause, type Machine } from "../../core/kernel/machine.ts";
import { ThreadState, type Kernel } from "../../core/kernel/state.ts";

const nameIn = (table: Readonly<Record<string, number>>): ((n: number) => string | undefined) => {
  const names = new Map(Object.entries(table).map(([name, n]) => [n, name]));
  return (n) => names.get(n);
};
const syscallName = nameIn(Syscall), errorName = nameIn(ErrorCode), faultName = nameIn(Fault), invocationName = nameIn(Invocation);

export class Tally {
  /** System calls of hostile threads. */
  calls = 0;
  exceptions = 0;
  readonly carriedOut: Record<string, number> = {};
  readonly refused: Record<string, number> = {};
  readonly errors: Record<string, number> = {};
  readonly faults: Record<string, number> = {};
  readonly syscalls: Record<string, number> = {};
  mostThreads = 0;
  kernel: Kernel | undefined;
  /** Frames of threads that are not hostile. */
  bystanders: ReadonlySet<number> = new Set();

  watch(machine: Machine): Machine {
    const run: Machine["run"] = (frame, trap, fast) =>
      machine.run(frame, (trapped, cause) => {
        if (this.kernel === undefined || this.bystanders.has(trapped)) return trap(trapped, cause);
        return this.#count(this.kernel, trapped, cause, trap);
      }, fast);
    return Object.assign(Object.create(machine) as Machine, { run });
  }

  #count(k: Kernel, frame: number, cause: number, trap: (frame: number, cause: number) => number): number {
    const t = k.tcbOfFrame[frame]!, f = k.frames32, at = t.base;
    const number = f[at + 2 * Reg.a7]!, label = infoLabel(f[at + 2 * Reg.a1]!), slot = lookup(k, t, f[at + 2 * Reg.a0]!, f[at + 2 * Reg.a0 + 1]!);
    const message = slot >= 0 && k.slots.kind[slot] === Kind.Endpoint;
    if (cause === Cause.Ecall) this.calls++;
    else if (cause < Cause.Preempted) this.exceptions++;
    const next = trap(frame, cause);
    this.mostThreads = Math.max(this.mostThreads, k.framesUsed - k.freeFrames.length - this.bystanders.size);
    if (k.tcbOfFrame[frame] !== t) {
      add(this.carriedOut, "the end of itself");
      return next;
    }
    if (t.faultLabel !== 0) add(this.faults, faultName(t.faultLabel) ?? `fault ${t.faultLabel}`);
    if (cause !== Cause.Ecall) return next;
    const info = f[at + 2 * Reg.a1]!, error = t.state === ThreadState.Ready && (info & Info.ERROR) !== 0 ? infoLabel(info) : 0;
    const name = syscallName(number) ?? "unknown";
    add(this.syscalls, name);
    const what = name === "Call" && !message ? (invocationName(label) ?? "no invocation") : name;
    if (error === 0) add(this.carriedOut, what);
    else {
      add(this.refused, what);
      add(this.errors, errorName(error) ?? `error ${error}`);
    }
    return next;
  }

  /** Invocations and errors that never came about. */
  missing(): { readonly invocations: readonly string[]; readonly errors: readonly string[]; readonly syscalls: readonly string[]; readonly faults: readonly string[] } {
    const not = (all: object, seen: Record<string, number>): string[] => Object.keys(all).filter((name) => seen[name] === undefined);
    return { invocations: not(Invocation, this.carriedOut), errors: not(ErrorCode, this.errors), syscalls: not(Syscall, this.syscalls), faults: not(Fault, this.faults) };
  }
}

function add(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
