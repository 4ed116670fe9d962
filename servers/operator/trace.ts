// What the kernel's trace says, in words: threads by their labels, capabilities by what the manifest calls them; and the file it is written to, a JSON
// object a line, never longer than its limit. A file that cannot be written any more ends the trace, not the run.
import { closeSync, openSync, writeSync } from "node:fs";
import { ErrorCode, Fault, InitSlot, Invocation, Kind, Syscall } from "../../caps/abi/numbers.ts";
import type { ResolvedSystem, ResolvedUse } from "../../caps/image/system.ts";
import { formatSize } from "../../caps/manifest/units.ts";
import { TraceEvent, TraceOutcome, type TraceRecord } from "../../core/kernel/trace.ts";
import { FailureCode, failure, textOf } from "./failure.ts";

/** What may be asked for, by the name of its event. */
export const TRACE_KINDS: Readonly<Record<string, readonly TraceEvent[]>> = {
  syscall: [TraceEvent.Syscall],
  switch: [TraceEvent.Switch],
  fault: [TraceEvent.Fault],
  irq: [TraceEvent.Interrupt],
  capability: [TraceEvent.Create, TraceEvent.Derive, TraceEvent.Move, TraceEvent.Delete, TraceEvent.Destroy],
};

const byCode = (table: Readonly<Record<string, number>>): ReadonlyMap<number, string> => new Map(Object.entries(table).map(([name, code]) => [code, name]));
const SYSCALLS = byCode(Syscall), KINDS = byCode(Kind), INVOCATIONS = byCode(Invocation), ERRORS = byCode(ErrorCode), FAULTS = byCode(Fault);
const SLOTS = new Map(Object.entries(InitSlot).filter(([name]) => name !== "First").map(([name, slot]) => [slot as number, name]));
const EVENTS = new Map(Object.entries(TraceEvent).map(([name, code]) => [code as number, name.toLowerCase()]));
const OUTCOMES = new Map<number, string>([[TraceOutcome.Done, "ok"], [TraceOutcome.Waits, "waits"], [TraceOutcome.Again, "again"], [TraceOutcome.Faulted, "fault"]]);
/** Kinds whose messages have labels of their own; a Call on any other is an invocation. */
const MESSAGES: ReadonlySet<number> = new Set([Kind.Endpoint, Kind.Notification, Kind.Null]);
/** Calls that name a capability. */
const WITHOUT_CAP: ReadonlySet<number> = new Set([Syscall.Yield]);

const sourceOf = (use: ResolvedUse): string => (use.kind === "endpoint" ? use.from : "device" in use ? `${use.device}.${use.kind === "device" ? "regs" : use.kind}` : use.kind);

/** Records as objects for a line of JSON each. */
export function traceWords(system: ResolvedSystem): (record: TraceRecord) => object {
  const components = new Map(system.components.map((component) => [component.name, component]));

  /** What a thread calls the capability in a slot: a thread that a component made shares its names. */
  const capOf = (thread: string, slot: number): string => {
    const init = SLOTS.get(slot);
    if (thread === "root") return init ?? `slot ${slot}`;
    const component = components.get(thread) ?? components.get(thread.split("/")[0] ?? "");
    const use = component?.uses[slot - InitSlot.First];
    if (use !== undefined) return `${use.name} (${sourceOf(use)})`;
    return init !== undefined && component !== undefined ? init : `slot ${slot}`;
  };
  const kindOf = (code: number): string => KINDS.get(code) ?? `kind ${code}`;

  return ({ sequence, time, event, thread, values }) => {
    const head = { n: sequence, us: time / 10, event: EVENTS.get(event) ?? "?", thread };
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = values;
    switch (event) {
      case TraceEvent.Syscall: {
        const named = WITHOUT_CAP.has(a) ? {} : { cap: capOf(thread, b), slot: b, kind: kindOf(c), object: f };
        const invocation = a === Syscall.Call && !MESSAGES.has(c) ? { invocation: INVOCATIONS.get(d) ?? d } : { label: d };
        return { ...head, call: SYSCALLS.get(a) ?? a, ...named, ...invocation, outcome: OUTCOMES.get(e) ?? ERRORS.get(e) ?? e };
      }
      case TraceEvent.Switch:
        return head;
      case TraceEvent.Fault:
        return { ...head, fault: FAULTS.get(a) ?? a, pc: `0x${b.toString(16)}`, detail: `0x${c.toString(16)}` };
      case TraceEvent.Interrupt:
        return { ...head, line: a };
      case TraceEvent.Create:
        return { ...head, kind: kindOf(a), object: b, bytes: 2 ** c };
      case TraceEvent.Derive:
        return { ...head, kind: kindOf(a), object: b, rights: c };
      default:
        return { ...head, kind: kindOf(a), object: b };
    }
  };
}

export interface TraceFile {
  /** Writes those of the kinds that were asked for. */
  write(records: readonly TraceRecord[], lost: number): void;
  close(): void;
}

/** @throws Failure when the file cannot be opened. `onEnd`: one line, when the trace ends before the run does. */
export function openTraceFile(path: string, options: { readonly system: ResolvedSystem; readonly kinds: readonly string[]; readonly limit: number; readonly onEnd: (text: string) => void }): TraceFile {
  const wanted = new Set(options.kinds.flatMap((kind) => TRACE_KINDS[kind] ?? []));
  const words = traceWords(options.system);
  let file: number | undefined;
  try {
    file = openSync(path, "w");
  } catch (error) {
    throw failure(FailureCode.trace, `the trace cannot be written to ${path}`, { cause: textOf(error), fix: "name a file in a folder that exists and that you may write to" });
  }
  let room = options.limit;
  const end = (why: string): void => {
    if (file === undefined) return;
    closeSync(file);
    file = undefined;
    options.onEnd(`the trace ends: ${why}`);
  };
  const put = (lines: readonly object[]): void => {
    if (file === undefined || lines.length === 0) return;
    const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const fits = bytes.length <= room ? bytes.length : bytes.subarray(0, room).lastIndexOf(0x0a) + 1;
    try {
      for (let done = 0; done < fits; ) done += writeSync(file, bytes, done, fits - done);
    } catch (error) {
      return end(textOf(error));
    }
    room -= fits;
    if (fits < bytes.length) end(`${path} has reached its limit of ${formatSize(options.limit)} (--trace-limit)`);
  };
  return {
    write(records, lost) {
      put([...(lost > 0 ? [{ event: "lost", records: lost }] : []), ...records.filter(({ event }) => wanted.has(event)).map(words)]);
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}
