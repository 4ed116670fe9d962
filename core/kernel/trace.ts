// What the kernel did last, for whoever looks for a reason: a bounded ring of records, plain data like all its state. Off (k.trace is null) it costs
// the hot path nothing, because the loop chooses between two handlers once; and a look at null where capabilities are made and unmade.
//
// TRACE-1  What is recorded changes nothing: a traced run goes through the same states.
import { infoIsError, infoLabel, Reg } from "../../caps/abi/message.ts";
import { Kind } from "../../caps/abi/numbers.ts";
import { lookup } from "./ipc.ts";
import { threadName } from "./names.ts";
import { ThreadState, type Kernel, type Tcb } from "./state.ts";

/** What a record is about, and its numbers. `object` is the kernel's number of an object. */
export const TraceEvent = {
  /** number, CPtr, kind of what it named, label, outcome (TraceOutcome, or an ErrorCode), object. */
  Syscall: 1,
  /** The thread runs from now on; 0 is nobody. */
  Switch: 2,
  /** Fault label, pc, address or number. */
  Fault: 3,
  /** Line. */
  Interrupt: 4,
  /** Kind, object, log2 of its bytes. */
  Create: 5,
  /** Kind, object, rights of the new capability. */
  Derive: 6,
  /** Kind, object. */
  Move: 7,
  /** Kind, object. */
  Delete: 8,
  /** Kind, object. */
  Destroy: 9,
} as const;
export type TraceEvent = (typeof TraceEvent)[keyof typeof TraceEvent];

/** How a system call ended, beside the error codes. */
export const TraceOutcome = { Done: 0, Waits: -1, Again: -2, Faulted: -3 } as const;

/** Numbers of a record: time in ticks, event, thread (a name's number), then six of the event's own. */
const WIDTH = 9;
/** Names that are kept; threads with further ones are called "?". */
const MOST_NAMES = 4096;

export interface TraceRecord {
  readonly sequence: number;
  /** Ticks of 100 ns. */
  readonly time: number;
  readonly event: TraceEvent;
  readonly thread: string;
  readonly values: readonly number[];
}

export class Trace {
  readonly entries: number;
  readonly words: Float64Array;
  /** Records ever written: the next one's sequence number. */
  written = 0;
  readonly names: string[] = ["?"];
  readonly #numbers = new Map<string, number>();
  lastThread = 0;

  /** @param entries records that are kept: at least one */
  constructor(entries: number) {
    this.entries = entries;
    this.words = new Float64Array(entries * WIDTH);
  }

  nameOf(t: Tcb | undefined): number {
    const name = t === undefined ? "" : threadName(t);
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    if (this.names.length === MOST_NAMES) return 0;
    this.#numbers.set(name, this.names.length);
    return this.names.push(name) - 1;
  }

  /** The records from number `from` on that are still there; how many of them were lost. */
  read(from: number): { readonly records: readonly TraceRecord[]; readonly lost: number } {
    const first = Math.max(from, this.written - this.entries);
    const records = Array.from({ length: this.written - first }, (_, i): TraceRecord => {
      const at = ((first + i) % this.entries) * WIDTH;
      const [time, event, name, ...values] = this.words.subarray(at, at + WIDTH);
      return { sequence: first + i, time: time!, event: event as TraceEvent, thread: this.names[name!]!, values };
    });
    return { records, lost: first - from };
  }
}

/** Records an event of the current thread, if there is a trace. */
export function note(k: Kernel, event: TraceEvent, ...values: number[]): void {
  if (k.trace !== null) write(k, k.trace, k.current === 0 ? undefined : k.tcbs[k.current], event, values);
}

/** Records a thread's fault, whoever has the CPU: its pc and the fault's second word, rounded above 2^53. */
export function noteFault(k: Kernel, t: Tcb, label: number, lo: number, hi: number): void {
  if (k.trace !== null) write(k, k.trace, t, TraceEvent.Fault, [label, wide(k.frames32[t.base]!, k.frames32[t.base + 1]!), wide(lo, hi)]);
}
const wide = (lo: number, hi: number): number => (lo >>> 0) + 2 ** 32 * (hi >>> 0);

function write(k: Kernel, trace: Trace, t: Tcb | undefined, event: TraceEvent, values: readonly number[]): void {
  const at = (trace.written++ % trace.entries) * WIDTH, { words } = trace;
  words[at] = k.machine.clock();
  words[at + 1] = event;
  words[at + 2] = trace.nameOf(t);
  for (let i = 0; i < WIDTH - 3; i++) words[at + 3 + i] = values[i] ?? 0;
}

/** A system call, as `handle` carries it out. */
export function traceSyscall(k: Kernel, t: Tcb, handle: () => void): void {
  const f = k.frames32, b = t.base, at = (register: number): number => f[b + 2 * register]!;
  const number = at(Reg.a7), cptr = at(Reg.a0) >>> 0, label = infoLabel(at(Reg.a1)), pc = f[b]!;
  const slot = lookup(k, t, at(Reg.a0), f[b + 2 * Reg.a0 + 1]!);
  const [kind, object] = slot < 0 ? [Kind.Null, 0] : [k.slots.kind[slot]!, k.slots.object[slot]!];
  handle();
  const trace = k.trace;
  if (trace !== null) write(k, trace, t, TraceEvent.Syscall, [number, cptr, kind, label, outcomeOf(t, at(Reg.a1), pc !== f[b]), object]);
}

function outcomeOf(t: Tcb, info: number, restarts: boolean): number {
  if (t.faultLabel !== 0) return TraceOutcome.Faulted;
  if (t.state !== ThreadState.Ready && t.state !== ThreadState.Inactive) return TraceOutcome.Waits;
  if (restarts) return TraceOutcome.Again;
  return infoIsError(info) ? infoLabel(info) : TraceOutcome.Done;
}

/** Another thread has the CPU than before, or nobody. */
export function traceSwitch(k: Kernel): void {
  if (k.trace === null || k.trace.lastThread === k.current) return;
  k.trace.lastThread = k.current;
  note(k, TraceEvent.Switch, k.current);
}
