// What gdb calls a process, as the stub sees it: a guest, whose threads are its harts, or a component's machine program. All of it is called between two slices.
import type { DebugStop, Watchpoint } from "../../../core/kernel/held.ts";
import type { Tcb, Vcpu } from "../../../core/kernel/state.ts";
import type { RegisterSet } from "./registers.ts";

/** What a thread is to do when a process goes on. */
export type Action = "go" | "step" | "stay";

export interface Target {
  /** gdb's numbers of processes and threads are 1 and more. */
  readonly pid: number;
  readonly name: string;
  readonly kind: "guest" | "component";
  readonly registers: RegisterSet;
  /** Whether there is something to be debugged now. */
  exists(): boolean;
  /** It is about to execute its first instruction, or has done so. */
  isEntered(): boolean;
  /** In order. */
  threads(): readonly number[];
  /** What a thread is doing, for people. */
  describe(tid: number): string;
  /** The thread of what the machine stopped; undefined: it is another process's. */
  threadOf(stop: DebugStop): number | undefined;

  /** All threads stop, and what becomes one later. @param anew gdb comes, and is told which registers they have */
  hold(anew?: boolean): void;
  resume(action: (tid: number) => Action): void;
  /** Everything goes on, and the breakpoints are out. */
  release(): void;
  /** All breakpoints, from now on. False: so many, or such, cannot be had, and those before stand. */
  setBreakpoints(addresses: ReadonlySet<bigint>): boolean;
  /** The same of all watchpoints: threads stop at an access. */
  setWatchpoints(watchpoints: readonly Watchpoint[]): boolean;
  /** Between two slices: threads that are new are stopped too, if the others are, and have the breakpoints. */
  refresh(): void;

  /** By number; undefined when there is no such thread. */
  read(tid: number): readonly bigint[] | undefined;
  /** False when it cannot be written now, or not with this value. */
  write(tid: number, register: number, value: bigint): boolean;
  /** Memory by the thread's virtual addresses, up to the first byte that cannot be reached. */
  readMemory(tid: number, address: bigint, bytes: number): Uint8Array;
  /** All of it or none. */
  writeMemory(tid: number, address: bigint, bytes: Uint8Array): boolean;
}

/** A component's objects, as they are now. */
export interface Members {
  readonly threads: () => readonly Tcb[];
  readonly vcpus: () => readonly Vcpu[];
}
