// What each contestant of `drivers` does in a round: every pattern, over one kind of disk.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TraceRecord } from "../../../core/kernel/trace.ts";
import { prepareAppliance, type Appliance } from "../../../servers/operator/appliance.ts";
import { openDisks } from "../../../servers/operator/disks.ts";
import { findPackage } from "../../../servers/operator/package.ts";
import { startSession } from "../../../servers/operator/session.ts";
import { withClientArgs } from "../client-run.ts";
import { entryCounter, type Entries } from "../entries.ts";
import { openHostDriver, places } from "./host-driver.ts";

export const PATTERNS = [
  { name: "write.seq.64k", write: true, random: false, bytes: 65536, depth: 8 },
  { name: "read.seq.64k", write: false, random: false, bytes: 65536, depth: 8 },
  { name: "write.random.64k", write: true, random: true, bytes: 65536, depth: 8 },
  { name: "read.random.64k", write: false, random: true, bytes: 65536, depth: 8 },
  { name: "write.random.4k", write: true, random: true, bytes: 4096, depth: 8 },
  { name: "read.random.4k", write: false, random: true, bytes: 4096, depth: 8 },
  { name: "read.alone.4k", write: false, random: true, bytes: 4096, depth: 1 },
] as const;
export type Pattern = (typeof PATTERNS)[number]["name"];

/** host: the device model worked by the host. driver: client, driver, device. block: with the block server between. identity: that without translation. */
export const CONTESTANTS = ["host", "driver", "block", "identity"] as const;
export type Contestant = (typeof CONTESTANTS)[number];
/** memory: bytes of this process. file: an image on the host's disk, or its cache. */
export const DISKS = ["memory", "file"] as const;
export type DiskKind = (typeof DISKS)[number];

export interface Counts {
  /** Requests of 64 KiB in each pattern, and of 4 KiB. */
  readonly large: number;
  readonly small: number;
}

/** Nanoseconds a request. */
export type Times = Readonly<Record<Pattern, number>>;

const SIZE = 64 * 2 ** 20;
const LIMIT_MS = 120_000;

const countOf = (bytes: number, { large, small }: Counts): number => (bytes === 65536 ? large : small);

interface Images {
  readonly order: (device: string) => Appliance["disks"];
  readonly remove: () => void;
}

function images(kind: DiskKind): Images {
  if (kind === "memory") return { order: (device) => [{ device, file: "", mode: "memory", bytes: SIZE }], remove() {} };
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-bench-"));
  return { order: (device) => [{ device, file: join(folder, "disk"), mode: "rw", bytes: SIZE }], remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** One round of a contestant. */
export async function measure(contestant: Contestant, kind: DiskKind, counts: Counts): Promise<Times> {
  const image = images(kind);
  try {
    return contestant === "host" ? await byHost(image, counts) : await byKit(contestant, image, counts);
  } finally {
    image.remove();
  }
}

async function byHost({ order }: Images, counts: Counts): Promise<Times> {
  const disks = await openDisks(order("blk0"));
  const times: Partial<Record<Pattern, number>> = {};
  try {
    const backend = disks.behind["blk0"]!;
    const driver = openHostDriver(backend);
    for (const { name, bytes, random, ...load } of PATTERNS) {
      const count = countOf(bytes, counts);
      times[name] = (await driver({ ...load, bytes, count, place: places(backend.sectors, bytes, random) })) / count;
    }
  } finally {
    await disks.close();
  }
  return times as Times;
}

async function byKit(contestant: Exclude<Contestant, "host">, image: Images, counts: Counts): Promise<Times> {
  const times: Partial<Record<Pattern, number>> = {};
  let from = 0n, pattern: Pattern | undefined;
  await runClient(contestant, image, counts, {
    mark(text) {
      const now = process.hrtime.bigint();
      const begun = PATTERNS.find(({ name }) => name === text);
      if (begun === undefined && pattern !== undefined) times[pattern] = Number(now - from) / countOf(PATTERNS.find(({ name }) => name === pattern)!.bytes, counts);
      pattern = begun?.name;
      from = process.hrtime.bigint();
    },
  });
  const missing = PATTERNS.find(({ name }) => times[name] === undefined);
  if (missing !== undefined) throw new Error(`${contestant}: '${missing.name}' did not come to its end`);
  return times as Times;
}

/** In a run of its own. */
export async function countEntries(contestant: Exclude<Contestant, "host">, kind: DiskKind, counts: Counts): Promise<Readonly<Record<Pattern, Entries>>> {
  const image = images(kind);
  const counter = entryCounter(PATTERNS.map(({ name, bytes }) => ({ name, count: countOf(bytes, counts) })));
  try {
    await runClient(contestant, image, counts, { onTrace: counter.onTrace });
  } finally {
    image.remove();
  }
  return counter.result();
}

interface Ears {
  readonly mark?: (text: string) => void;
  readonly onTrace?: (records: readonly TraceRecord[], lost: number) => void;
}

const prepared = new Map<string, Promise<Appliance>>();

async function runClient(contestant: Exclude<Contestant, "host">, { order }: Images, counts: Counts, { mark, onTrace }: Ears): Promise<void> {
  const manifest = contestant === "driver" ? "driver.yaml" : "block.yaml";
  const path = join(findPackage().root, "test", "bench", "drivers", manifest);
  const made = prepared.get(path) ?? prepareAppliance(path);
  prepared.set(path, made);
  const appliance = withClientArgs(await made, counts);
  let complaint: string | undefined;
  const session = await startSession(
    { ...appliance, disks: order("blk0") },
    {
      console: { write() {}, ready: () => true, onDrained() {}, onInput() {} },
      timeoutMs: LIMIT_MS,
      unchecked: contestant === "identity",
      onEvent: (event) => {
        if (event?.event === "log" && event.component === "client" && !event.text.startsWith("failed")) mark?.(event.text);
        else if (event?.event === "log" || event?.event === "fault" || event?.event === "dma-fault") complaint ??= JSON.stringify(event);
      },
      ...(onTrace === undefined ? {} : { onTrace }),
    },
  );
  const { status, why } = await session.outcome;
  if (status !== 0 || complaint !== undefined) throw new Error(`${contestant}: status ${status} ${why ?? ""} ${complaint ?? ""}`);
}
