// What the operator's debugger holds. Beside the kernel's state, as the trace is: programs cannot tell, and a saved kernel holds nobody.
import { ThreadState, type Tcb } from "./records.ts";
import type { Kernel, Vcpu } from "./state.ts";

/** Why something stopped for the operator's debugger. */
export type StopReason = "breakpoint" | "step" | "access";

/** Which accesses to memory are watched. */
export const WatchKind = { loads: 1, stores: 2, both: 3 } as const;
export type WatchKind = (typeof WatchKind)[keyof typeof WatchKind];
/** Memory that is watched, by virtual address: 1 to MOST_WATCHED_BYTES of it. */
export interface Watchpoint {
  readonly address: bigint;
  readonly bytes: number;
  readonly kinds: WatchKind;
}
export const MOST_WATCHED_BYTES = 4096;
/** As machines take them. */
export const watchpointWords = (watchpoints: readonly Watchpoint[]): BigUint64Array => BigUint64Array.from(watchpoints.flatMap(({ address, bytes, kinds }) => [address, BigInt(bytes), BigInt(kinds)]));
export interface DebugStop {
  /** A machine thread's id, or that of a VCPU. */
  readonly kind: "thread" | "hart";
  readonly id: number;
  readonly why: StopReason;
  /** Of an access: its first byte that is watched. */
  readonly address?: bigint;
}

/** All sets and maps are by the ids of live objects. */
export class Debugger {
  /** Threads that do not run their own code, and harts of guests that have no turns. */
  readonly threads = new Set<number>();
  readonly harts = new Set<number>();
  /** Threads that stop after an instruction, and those of them whose instruction was a system call that is done. */
  readonly steps = new Set<number>();
  readonly called = new Set<number>();
  /** Addresses by thread. */
  readonly breakpoints = new Map<number, readonly number[]>();
  readonly watchpoints = new Map<number, readonly Watchpoint[]>();
  /** The breakpoint at which a thread was stopped last: it goes on there. */
  readonly passed = new Map<number, number>();
  /** By a guest's leader: since when all harts are held. Its clock stands still then. */
  readonly still = new Map<number, number>();
  /** What stopped since the host has looked. */
  readonly stops: DebugStop[] = [];

  get holds(): boolean {
    return this.threads.size > 0 || this.harts.size > 0;
  }
}

export const someHeld = (k: Kernel, leader: Vcpu): boolean => k.debugger !== null && leader.harts.some((id) => k.debugger!.harts.has(id));
export const allHeld = (k: Kernel, leader: Vcpu): boolean => k.debugger !== null && leader.harts.every((id) => id === 0 || k.debugger!.harts.has(id));

/** Whether a thread that wants the CPU is not to have it: a VMM only while it is inside a guest all of whose harts are held. */
export function isHeld(k: Kernel, d: Debugger, t: Tcb): boolean {
  if (t.state !== ThreadState.RunningVcpu) return d.threads.has(t.id);
  const leader = k.vcpus[t.vcpu];
  return leader !== undefined && allHeld(k, leader);
}
