// A piece of the benchmark `confinement`: what it takes to have a confined server built by its constructor, to ask it once, and to be rid of it, against what it takes a
// shell in the kit's Linux guest to fork, to execute BusyBox's `true`, and to wait for it. Both on the same engine.
import { join } from "node:path";
import { SYSTEM_FILE } from "../../../caps/image/system.ts";
import { InitSlot, Invocation, Kind, Syscall } from "../../../caps/abi/numbers.ts";
import { TraceEvent, type TraceRecord } from "../../../core/kernel/trace.ts";
import { prepareAppliance, type Appliance } from "../../../servers/operator/appliance.ts";
import { findPackage } from "../../../servers/operator/package.ts";
import { startSession } from "../../../servers/operator/session.ts";
import type { Options } from "../benchmark.ts";
import type { Figure } from "../figure.ts";
import { guestParts } from "../contestants.ts";

export interface Counts {
  readonly rounds: number;
  /** Products, or processes, in each round. */
  readonly count: number;
}

const COUNTS: Counts = { rounds: 9, count: 300 };
const QUICK: Counts = { rounds: 2, count: 40 };
const LIMIT_MS = 180_000;
const NO_LINUX = "no peer: Debian's kernel is not on this machine (the set-up says why)";

/** The figures, in microseconds a product and a process. */
export async function constructFigures({ quick, say }: Options): Promise<readonly Figure[]> {
  const counts = quick ? QUICK : COUNTS;
  // One after the other, and again: what disturbs this machine for longer falls on both.
  const values: number[] = [], peers: number[] = [];
  const half = { ...counts, rounds: Math.ceil(counts.rounds / 2) };
  for (let part = 1; part <= 2; part++) {
    say(`confinement: construct, part ${part} of 2, products`);
    values.push(...(await constructions(half)));
    say(`confinement: construct, part ${part} of 2, processes in the guest`);
    peers.push(...((await processes(half)) ?? []));
  }
  const compared = peers.length === values.length;
  return [{ name: "confinement.construct", unit: "us", values, peers: compared ? peers : null, against: compared ? "fork, exec and wait of BusyBox's true in the kit's Linux guest" : NO_LINUX }];
}

/** Microseconds a product, of each round. */
export async function constructions(counts: Counts): Promise<readonly number[]> {
  const times: number[] = [];
  let from = 0n;
  await runClient(counts, (text) => {
    const now = process.hrtime.bigint();
    if (text === "ended") times.push(Number(now - from) / 1000 / counts.count);
    from = process.hrtime.bigint();
  });
  if (times.length !== counts.rounds) throw new Error(`construct: ${times.length} of ${counts.rounds} rounds came to their end`);
  return times;
}

/** System calls a product by thread and kind, from the kernel's own trace: for counting, not for timing. */
export async function countConstruction(): Promise<ReadonlyMap<string, number>> {
  const counts = { rounds: 2, count: 5 }, found = new Map<string, number>();
  let marks = 0, lost = 0;
  const names = new Map<number, string>(Object.entries(Invocation).map(([name, label]) => [label, name]));
  const record = ({ event, thread, values: [call = 0, slot = 0, kind = 0, label = 0] }: TraceRecord): void => {
    if (event !== TraceEvent.Syscall) return;
    if (thread === "client" && call === Syscall.Call && slot === InitSlot.Parent) return void marks++;
    // The second round: all code is there.
    if (marks !== 3) return;
    const key = `${thread} ${call !== Syscall.Call ? `system call ${call}` : kind === Kind.Endpoint ? `Call ${label}` : names.get(label)}`;
    found.set(key, (found.get(key) ?? 0) + 1 / counts.count);
  };
  await runClient(counts, () => undefined, (records, dropped) => {
    lost += dropped;
    records.forEach(record);
  });
  if (lost > 0) throw new Error(`the trace is not whole: ${lost} records lost`);
  return found;
}

const prepared = new Map<string, Promise<Appliance>>();

async function runClient(counts: Counts, mark: (text: string) => void, onTrace?: (records: readonly TraceRecord[], lost: number) => void): Promise<void> {
  const path = join(findPackage().root, "test", "bench", "confinement", "construct.yaml");
  const made = prepared.get(path) ?? prepareAppliance(path);
  prepared.set(path, made);
  const { system, files, ...rest } = await made;
  const counted = { ...system, components: system.components.map((each) => (each.name === "client" ? { ...each, args: { ...counts } } : each)) };
  let complaint: string | undefined;
  const session = await startSession(
    { ...rest, system: counted, files: [...files.filter(({ name }) => name !== SYSTEM_FILE), { name: SYSTEM_FILE, bytes: Buffer.from(JSON.stringify(counted)) }] },
    {
      console: { write() {}, ready: () => true, onDrained() {}, onInput() {} },
      timeoutMs: LIMIT_MS,
      onEvent: (event) => {
        if (event?.event === "log" && event.component === "client" && !event.text.startsWith("failed")) mark(event.text);
        else if (event?.event === "log" || event?.event === "fault") complaint ??= JSON.stringify(event);
      },
      ...(onTrace === undefined ? {} : { onTrace }),
    },
  );
  const { status, why } = await session.outcome;
  if (status !== 0 || complaint !== undefined) throw new Error(`construct: status ${status} ${why ?? ""} ${complaint ?? ""}`);
}

/** Microseconds a process of the guest's, of each round, by the host's clock between what the shell prints. null: there is no Linux here. */
export async function processes({ rounds, count }: Counts): Promise<readonly number[] | null> {
  // The first round warms up. `true` alone would be the shell's own.
  const command = `for r in $(seq 0 ${rounds}); do echo begins; i=0; while [ $i -lt ${count} ]; do /bin/busybox true; i=$((i+1)); done; echo ended; done`;
  const appliance = await prepareAppliance(join(findPackage().root, "examples", "linux"), { exec: { command }, deterministic: true });
  if (guestParts(appliance) === undefined) return null;
  const times: number[] = [];
  let text = "", from = 0;
  const session = await startSession(appliance, {
    console: {
      write(bytes) {
        text += Buffer.from(bytes).toString("latin1");
        for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
          const line = text.slice(0, end).trim();
          text = text.slice(end + 1);
          if (line === "begins") from = performance.now();
          else if (line === "ended") times.push(((performance.now() - from) * 1000) / count);
        }
      },
      ready: () => true, onDrained() {}, onInput() {},
    },
    timeoutMs: LIMIT_MS,
  });
  const { status, why } = await session.outcome;
  if (status !== 0 || times.length !== rounds + 1) throw new Error(`construct: the guest's script did not end: status ${status}${why === undefined ? "" : `, ${why}`}`);
  return times.slice(1);
}

