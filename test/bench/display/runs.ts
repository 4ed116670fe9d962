// What each contestant of `display` does in a round: updates of all of a client's surface, and of a part as large as a short line of text.
import { createPicture } from "../../../core/host/picture.ts";
import { countClient, timeClient, type ClientRun } from "../client-run.ts";
import type { Entries } from "../entries.ts";
import { openHostGpu } from "./host-gpu.ts";

export const PATTERNS = ["full", "small"] as const;
export type Pattern = (typeof PATTERNS)[number];
/** host: the GPU worked by the host. display: client, display server, driver, GPU. identity: that without translation. */
export const CONTESTANTS = ["host", "display", "identity"] as const;
export type Contestant = (typeof CONTESTANTS)[number];
/** Updates of each kind. */
export type Counts = Readonly<Record<Pattern, number>>;
/** Nanoseconds an update. */
export type Times = Readonly<Record<Pattern, number>>;

/** As in appliance.yaml; the display server keeps the uppermost 24 rows, and a single window is full. */
const WIDTH = 640, HEIGHT = 480, BAR = 24;
const SIZES: Readonly<Record<Pattern, readonly [number, number]>> = { full: [WIDTH, HEIGHT - BAR], small: [64, 16] };

const runOf = (counts: Counts, unchecked: boolean): ClientRun => ({ folder: "display", args: counts, machine: { display: { picture: createPicture(WIDTH, HEIGHT) }, unchecked } });

export async function measure(contestant: Contestant, counts: Counts): Promise<Times> {
  return contestant === "host" ? byHost(counts) : await timeClient(runOf(counts, contestant === "identity"), PATTERNS, (name) => counts[name]);
}

function byHost(counts: Counts): Times {
  const update = openHostGpu(createPicture(WIDTH, HEIGHT));
  const time = (name: Pattern): number => {
    const from = process.hrtime.bigint();
    for (let i = 0; i < counts[name]; i++) update(...SIZES[name]);
    return Number(process.hrtime.bigint() - from) / counts[name];
  };
  time("full");
  return { full: time("full"), small: time("small") };
}

export const countEntries = (counts: Counts): Promise<Readonly<Record<string, Entries>>> => countClient(runOf(counts, false), ["warm", ...PATTERNS].map((name) => ({ name, count: name === "small" ? counts.small : counts.full })));
