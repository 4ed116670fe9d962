// What each contestant of `network` does in a round: every pattern, over the same kind of cable.
import { join } from "node:path";
import { SYSTEM_FILE } from "../../../caps/image/system.ts";
import { boot } from "../../../core/boot.ts";
import type { NetBackend } from "../../../core/host/backend.ts";
import { prepareAppliance, type Appliance } from "../../../servers/operator/appliance.ts";
import { parseEvent } from "../../../servers/operator/events.ts";
import { findPackage } from "../../../servers/operator/package.ts";
import { openHostDriver } from "./host-driver.ts";

export const PATTERNS = [
  { name: "send.1514", echo: false, bytes: 1514, depth: 32 },
  { name: "send.64", echo: false, bytes: 64, depth: 32 },
  { name: "echo.1514", echo: true, bytes: 1514, depth: 32 },
  { name: "echo.64", echo: true, bytes: 64, depth: 32 },
  { name: "echo.alone.64", echo: true, bytes: 64, depth: 1 },
] as const;
export type Pattern = (typeof PATTERNS)[number]["name"];

/** host: the card worked by the host. driver: client, driver, card. identity: that without translation. */
export const CONTESTANTS = ["host", "driver", "identity"] as const;
export type Contestant = (typeof CONTESTANTS)[number];

/** Nanoseconds a frame; of an echo, there and back. */
export type Times = Readonly<Record<Pattern, number>>;

const LIMIT_MS = 120_000;

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

/** One round of a contestant, of `count` frames in each pattern. */
export async function measure(contestant: Contestant, count: number): Promise<Times> {
  return contestant === "host" ? byHost(count) : await byKit(contestant, count);
}

function byHost(count: number): Times {
  const driver = openHostDriver(mirror());
  for (const echo of [false, true]) driver({ echo, bytes: 1514, depth: 32, count });
  return Object.fromEntries(PATTERNS.map(({ name, ...load }) => [name, driver({ ...load, count }) / count])) as Times;
}

let prepared: Promise<Appliance> | undefined;

async function byKit(contestant: Exclude<Contestant, "host">, count: number): Promise<Times> {
  const appliance = withCount(await (prepared ??= prepareAppliance(join(findPackage().root, "test", "bench", "network", "appliance.yaml"))), count);
  const times: Partial<Record<Pattern, number>> = {};
  let from = 0n, pattern: Pattern | undefined, complaint: string | undefined, status: number | undefined;
  const mark = (text: string): void => {
    const now = process.hrtime.bigint();
    if (text === "end" && pattern !== undefined) times[pattern] = Number(now - from) / count;
    pattern = PATTERNS.find(({ name }) => name === text)?.name;
    from = process.hrtime.bigint();
  };
  const system = await boot({
    ramBytes: appliance.system.memory, files: appliance.files, networks: { net0: mirror() }, unchecked: contestant === "identity",
    console: { write() {}, ready: () => true, onDrained() {}, onInput() {} },
    onEvent(line) {
      const event = parseEvent(line);
      if (event?.event === "log" && event.component === "client" && !event.text.startsWith("failed")) mark(event.text);
      else if (event?.event === "log" || event?.event === "fault" || event?.event === "dma-fault") complaint ??= line;
      else if (event?.event === "end") {
        status = event.status;
        system.stop("end");
      }
    },
  });
  const limit = setTimeout(() => system.stop("limit"), LIMIT_MS);
  const ending = await system.run();
  clearTimeout(limit);
  const missing = PATTERNS.find(({ name }) => times[name] === undefined);
  if (status !== 0 || complaint !== undefined || missing !== undefined) throw new Error(`${contestant}: status ${status}, ${JSON.stringify(ending)}, ${complaint ?? ""}; not measured: ${missing?.name ?? "nothing"}`);
  return times as Times;
}

function withCount(appliance: Appliance, count: number): Appliance {
  const components = appliance.system.components.map((each) => (each.name === "client" ? { ...each, args: { ...Object(each.args), count } } : each));
  const system = { ...appliance.system, components };
  return { ...appliance, system, files: [...appliance.files.filter(({ name }) => name !== SYSTEM_FILE), { name: SYSTEM_FILE, bytes: Buffer.from(JSON.stringify(system)) }] };
}
