// How a benchmark runs an appliance whose component `client` is told how much to do, and says by the operator's log when each pattern begins and ends.
import { join } from "node:path";
import { SYSTEM_FILE } from "../../caps/image/system.ts";
import { boot, type BootOptions } from "../../core/boot.ts";
import { prepareAppliance, type Appliance } from "../../servers/operator/appliance.ts";
import { parseEvent } from "../../servers/operator/events.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { entryCounter, type Counted, type Entries } from "./entries.ts";

const LIMIT_MS = 120_000;

/** The appliance, with these arguments of component `client` in the place of the manifest's. */
export function withClientArgs(appliance: Appliance, args: object): Appliance {
  const components = appliance.system.components.map((each) => (each.name === "client" ? { ...each, args: { ...Object(each.args), ...args } } : each));
  const system = { ...appliance.system, components };
  return { ...appliance, system, files: [...appliance.files.filter(({ name }) => name !== SYSTEM_FILE), { name: SYSTEM_FILE, bytes: Buffer.from(JSON.stringify(system)) }] };
}

export interface ClientRun {
  /** In test/bench. */
  readonly folder: string;
  readonly args: object;
  /** What the machine has behind it. */
  readonly machine: Pick<BootOptions, "networks" | "display" | "unchecked">;
}

/** Nanoseconds of each pattern for one of `count`. @throws when one of `names` did not come to its end */
export async function timeClient<Name extends string>(run: ClientRun, names: readonly Name[], count: (name: Name) => number): Promise<Readonly<Record<Name, number>>> {
  const times: Partial<Record<Name, number>> = {};
  let from = 0n, pattern: Name | undefined;
  await runClient(run, {
    mark(text) {
      const now = process.hrtime.bigint();
      if (text === "end" && pattern !== undefined) times[pattern] = Number(now - from) / count(pattern);
      pattern = names.find((name) => name === text);
      from = process.hrtime.bigint();
    },
  });
  const missing = names.find((name) => times[name] === undefined);
  if (missing !== undefined) throw new Error(`${run.folder}: '${missing}' did not come to its end`);
  return times as Readonly<Record<Name, number>>;
}

/** In a run of its own. @param patterns all that the client says */
export async function countClient<Name extends string>(run: ClientRun, patterns: readonly (Counted & { readonly name: Name })[]): Promise<Readonly<Record<Name, Entries>>> {
  const counter = entryCounter(patterns);
  await runClient(run, { onTrace: counter.onTrace });
  return counter.result();
}

const prepared = new Map<string, Promise<Appliance>>();

async function runClient({ folder, args, machine }: ClientRun, { mark, onTrace }: { readonly mark?: (text: string) => void; readonly onTrace?: BootOptions["onTrace"] }): Promise<void> {
  const made = prepared.get(folder) ?? prepareAppliance(join(findPackage().root, "test", "bench", folder));
  prepared.set(folder, made);
  const appliance = withClientArgs(await made, args);
  let complaint: string | undefined, status: number | undefined;
  const system = await boot({
    ramBytes: appliance.system.memory, files: appliance.files, ...machine,
    console: { write() {}, ready: () => true, onDrained() {}, onInput() {} },
    ...(onTrace === undefined ? {} : { onTrace }),
    onEvent(line) {
      const event = parseEvent(line);
      if (event?.event === "log" && event.component === "client" && !event.text.startsWith("failed")) mark?.(event.text);
      else if ((event?.event === "log" && event.component === "client") || event?.event === "fault" || event?.event === "dma-fault") complaint ??= line;
      else if (event?.event === "end") {
        status = event.status;
        system.stop("end");
      }
    },
  });
  const limit = setTimeout(() => system.stop("limit"), LIMIT_MS);
  const ending = await system.run();
  clearTimeout(limit);
  if (status !== 0 || complaint !== undefined) throw new Error(`${folder}: status ${status}, ${JSON.stringify(ending)}, ${complaint ?? ""}`);
}
