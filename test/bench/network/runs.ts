// What each contestant of `network` does in a round: all its patterns, over the same kind of cable.
import { join } from "node:path";
import type { NetBackend } from "../../../core/host/backend.ts";
import { countClient, timeClient, type ClientRun } from "../client-run.ts";
import type { Entries } from "../entries.ts";
import { End, FAR, MSS, NEAR } from "./end.ts";
import { openHostDriver } from "./host-driver.ts";
import { openHostEnd } from "./host-end.ts";
import { FRAMES, TALKS } from "./patterns.ts";

/** Appliances of the kit. `folder`: whose, with which patterns. unchecked: without translation. */
export const KITS = {
  driver: { folder: "frames", patterns: FRAMES, unchecked: false },
  identity: { folder: "frames", patterns: FRAMES, unchecked: true },
  stack: { folder: "stack", patterns: TALKS, unchecked: false },
  switched: { folder: "switched", patterns: TALKS, unchecked: false },
  "stack-identity": { folder: "stack", patterns: TALKS, unchecked: true },
} as const;
export type Kit = keyof typeof KITS;
/** host: the card worked by the host, all patterns. */
export const CONTESTANTS = ["host", ...(Object.keys(KITS) as Kit[])] as const;
export type Contestant = (typeof CONTESTANTS)[number];

/** Nanoseconds a frame, segment or datagram; where they come back, there and back. */
export type Times = Readonly<Record<string, number>>;

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

const runOf = (kit: Kit, count: number): ClientRun => ({ folder: join("network", KITS[kit].folder), args: { count }, machine: { networks: { net0: cableOf(KITS[kit].patterns, count) }, unchecked: KITS[kit].unchecked } });
const namesOf = (kit: Kit): readonly string[] => KITS[kit].patterns.map(({ name }) => name);

const byKit = (kit: Kit, count: number): Promise<Times> => timeClient(runOf(kit, count), namesOf(kit), () => count);

export function countEntries(kit: Kit, count: number): Promise<Readonly<Record<string, Entries>>> {
  const warm = Array.from({ length: WARM }, (_, i) => `warm ${i}`);
  return countClient(runOf(kit, count), [...warm, ...namesOf(kit)].map((name) => ({ name, count })));
}
