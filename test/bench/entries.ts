// What the kernel is entered for while a client works, by all programs together: counted in its own trace, which takes every call the slow way, so never in a run that is timed.
import { InitSlot, Syscall } from "../../caps/abi/numbers.ts";
import { TraceEvent, type TraceRecord } from "../../core/kernel/trace.ts";

/** For each request. */
export interface Entries {
  readonly calls: number;
  readonly signals: number;
  readonly interrupts: number;
}
export const ENTRY_WORDS: Readonly<Record<keyof Entries, string>> = { calls: "system calls of all programs together", signals: "of these, signals", interrupts: "interrupts" };

export interface Counted {
  readonly name: string;
  /** Requests. */
  readonly count: number;
}

/** @param patterns in the order in which the client says their beginnings and ends to the root server */
export function entryCounter<Name extends string>(patterns: readonly (Counted & { readonly name: Name })[]) {
  const found: Partial<Record<Name, Entries>> = {};
  let calls = 0, signals = 0, interrupts = 0, marks = 0, lost = 0;
  const record = ({ event, thread, values: [call, slot] }: TraceRecord): void => {
    // Between two of the client's messages to the root server: every second one ends a pattern.
    if (event === TraceEvent.Syscall && thread === "client" && call === Syscall.Call && slot === InitSlot.Parent) {
      const ended = marks % 2 === 1 ? patterns[(marks - 1) / 2] : undefined;
      if (ended !== undefined) found[ended.name] = { calls: calls / ended.count, signals: signals / ended.count, interrupts: interrupts / ended.count };
      marks++;
      calls = signals = interrupts = 0;
    } else if (event === TraceEvent.Syscall) {
      calls++;
      if (call === Syscall.Signal) signals++;
    } else if (event === TraceEvent.Interrupt) interrupts++;
  };
  return {
    onTrace(records: readonly TraceRecord[], dropped: number): void {
      lost += dropped;
      records.forEach(record);
    },
    /** @throws when a record was lost, or a pattern did not end */
    result(): Readonly<Record<Name, Entries>> {
      if (lost > 0 || patterns.some(({ name }) => found[name] === undefined)) throw new Error(`the trace is not whole: ${lost} records lost, ${marks} marks`);
      return found as Readonly<Record<Name, Entries>>;
    },
  };
}
