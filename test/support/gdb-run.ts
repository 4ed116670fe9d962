// Runs an appliance with a port for gdb, in this process.
import { startSession, type Outcome } from "../../servers/operator/session.ts";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { openGdb } from "../../servers/operator/gdb/server.ts";
import type { SystemEvent } from "../../servers/operator/events.ts";
import { Line } from "./appliance-run.ts";

export interface Debugged {
  readonly port: number;
  readonly line: Line;
  readonly events: readonly SystemEvent[];
  /** Lines for the operator. */
  readonly notes: readonly string[];
  readonly outcome: Promise<Outcome>;
  stop(): void;
}

/** @param body what is done with the run, which is stopped afterwards */
export async function withGdb<T>(folder: string, { wait, exec, limitMs = 60_000 }: { readonly wait?: string; readonly exec?: string; readonly limitMs?: number }, body: (run: Debugged) => Promise<T>): Promise<T> {
  const appliance = await prepareAppliance(folder, exec === undefined ? {} : { exec: { command: exec } });
  const notes: string[] = [], events: SystemEvent[] = [], line = new Line();
  const gdb = await openGdb({ port: 0, wait, note: (text) => notes.push(text) });
  const session = await startSession(appliance, { console: line, gdb, timeoutMs: limitMs, onEvent: (event) => void (event !== undefined && events.push(event)) });
  try {
    return await body({ port: gdb.port, line, events, notes, outcome: session.outcome, stop: () => session.stop(0) });
  } finally {
    session.stop(0);
    await session.outcome;
  }
}
