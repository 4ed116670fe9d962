// What each contestant of `network` does in a round: all its patterns, over the same kind of cable.
import { join } from "node:path";
import { boot } from "../../../core/boot.ts";
import type { NetBackend } from "../../../core/host/backend.ts";
import type { TraceRecord } from "../../../core/kernel/trace.ts";
import { prepareAppliance, type Appliance } from "../../../servers/operator/appliance.ts";
import { parseEvent } from "../../../servers/operator/events.ts";
import { findPackage } from "../../../servers/operator/package.ts";
import { withClientArgs } from "../client-args.ts";
import { entryCounter, type Entries } from "../entries.ts";
import { End, FAR, MSS, NEAR } from "./end.ts";
import { openHostDriver } from "./host-driver.ts";
import { openHostEnd } from "./host-end.ts";
import { FRAMES, TALKS } from "./patterns.ts";

/** Appliances of the kit. `folder`: whose, with which patterns. unchecked: without translation. */
export const KITS = {
  driver: { folder: "frames", patterns: FRAMES, unchecked: false },
  identity: { folder: "frames", patterns: FRAMES, unchecked: true },
  stack: { folder: "stack", patterns: TALKS, unchecked: false },
  "stack-identity": { folder: "stack", patterns: TALKS, unchecked: true },
} as const;
export type Kit = keyof typeof KITS;
/** host: the card worked by the host, all patterns. */
export const CONTESTANTS = ["host", ...(Object.keys(KITS) as Kit[])] as const;
export type Contestant = (typeof CONTESTANTS)[number];

/** Nanoseconds a frame, segment or datagram; where they come back, there and back. */
export type Times = Readonly<Record<string, number>>;

const LIMIT_MS = 120_000;
/** What a client does first and nobody measures. */
const WARM = 2;

/** A cable whose far end gives back what begins with a 1, at once, and swallows the rest. */
function mirror(): NetBackend {
  let callback = (_frame: Uint8Array): void => {};
  return {
    send(frame) {
      if (frame[0] === 1) callback(frame.slice());
    },
    onFrame: (given) => void (callback = given),
    close: () => Promise.resolve(),
  };
}

/** A cable with a far end that speaks TCP and UDP, and answers at once. */
function farEnd(count: number): NetBackend {
  let callback = (_frame: Uint8Array): void => {};
  const end = new End(FAR, NEAR, (frame) => callback(frame.slice()));
  end.amount = count * MSS;
  return { send: (frame) => end.receive(frame), onFrame: (given) => void (callback = given), close: () => Promise.resolve() };
}

const cableOf = (patterns: (typeof KITS)[Kit]["patterns"], count: number): NetBackend => (patterns === TALKS ? farEnd(count) : mirror());

/** One round of a contestant, of `count` in each pattern. */
export async function measure(contestant: Contestant, count: number): Promise<Times> {
  return contestant === "host" ? byHost(count) : await byKit(contestant, count);
}

function byHost(count: number): Times {
  const driver = openHostDriver(mirror()), talk = openHostEnd(farEnd(count));
  for (const echo of [false, true]) driver({ echo, bytes: 1514, depth: 32, count });
  for (const pattern of TALKS) talk(pattern, count);
  return Object.fromEntries([...FRAMES.map(({ name, ...load }) => [name, driver({ ...load, count }) / count]), ...TALKS.map((pattern) => [pattern.name, talk(pattern, count) / count])]) as Times;
}

async function byKit(kit: Kit, count: number): Promise<Times> {
  const times: Record<string, number> = {};
  let from = 0n, pattern: string | undefined;
  await runClient(kit, count, {
    mark(text) {
      const now = process.hrtime.bigint();
      if (text === "end" && pattern !== undefined) times[pattern] = Number(now - from) / count;
      pattern = text === "end" ? undefined : text;
      from = process.hrtime.bigint();
    },
  });
  const missing = KITS[kit].patterns.find(({ name }) => times[name] === undefined);
  if (missing !== undefined) throw new Error(`${kit}: '${missing.name}' did not come to its end`);
  return times;
}

/** In a run of its own. */
export async function countEntries(kit: Kit, count: number): Promise<Readonly<Record<string, Entries>>> {
  const warm = Array.from({ length: WARM }, (_, i) => ({ name: `warm ${i}`, count }));
  const counter = entryCounter([...warm, ...KITS[kit].patterns.map(({ name }) => ({ name, count }))]);
  await runClient(kit, count, { onTrace: counter.onTrace });
  return counter.result();
}

interface Ears {
  readonly mark?: (text: string) => void;
  readonly onTrace?: (records: readonly TraceRecord[], lost: number) => void;
}

const prepared = new Map<string, Promise<Appliance>>();

export async function runClient(kit: Kit, count: number, { mark, onTrace }: Ears): Promise<void> {
  const { folder, patterns, unchecked } = KITS[kit];
  const made = prepared.get(folder) ?? prepareAppliance(join(findPackage().root, "test", "bench", "network", folder));
  prepared.set(folder, made);
  const appliance = withClientArgs(await made, { count });
  let complaint: string | undefined, status: number | undefined;
  const system = await boot({
    ramBytes: appliance.system.memory, files: appliance.files, networks: { net0: cableOf(patterns, count) }, unchecked,
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
  if (status !== 0 || complaint !== undefined) throw new Error(`${kit}: status ${status}, ${JSON.stringify(ending)}, ${complaint ?? ""}`);
}
