// A guest that takes all it can has its share and no more: CPU time by the kernel's own books, and bytes, requests and frames as they come out at the other side of each server, in every window
// of time. By counted blocks, so that neither this machine's load nor the length of a turn of the host's is in it. The appliance is the benchmark's (test/bench/noisy).
import { describe, expect, test } from "vitest";
import type { BlockBackend } from "../../core/devices/virtio/block-backend.ts";
import { ramDisk } from "../../core/host/disk.ts";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { consumedBy, filesOf, type Neighbour } from "../bench/noisy/runs.ts";
import { applianceFolder, Line, runAppliance, until } from "../support/appliance-run.ts";
import { tap } from "../support/cable.ts";

const LIMIT = { timeout: 180_000 };
const LIMIT_MS = 90_000;
/** Ticks of 100 ns. */
const SECOND = 10_000_000, PERIOD = 100_000;
/** A deadline is looked at every 512 blocks, of which 16 are a tick: so late is the end of a turn at most, in blocks counted. */
const LATE = 512 / 16;
/** Half a second of work. */
const TIMES = 10_000;
const DISK_BYTES = 64 * 2 ** 20, PART = DISK_BYTES / 2;

/** Something that came out, by the kernel's clock. */
interface Event {
  readonly at: number;
  readonly bytes: number;
}
interface Seen {
  /** From the worker's first measured piece of work to its last. */
  readonly ticks: number;
  readonly worker: number;
  readonly neighbour: number;
  /** The neighbour's, since the machine was started. */
  readonly written: readonly Event[];
  readonly requested: readonly Event[];
  readonly sent: readonly Event[];
  readonly output: string;
  readonly faults: number;
}

/** The disk, the cable and the console tell when what came. */
async function watch(neighbour: Neighbour, edit: (manifest: string) => string = (manifest) => manifest, more: Readonly<Record<string, string>> = {}): Promise<Seen> {
  const written: Event[] = [], requested: Event[] = [], sent: Event[] = [];
  let now = (): number => 0, seen: Omit<Seen, "output" | "faults"> | undefined, begin: readonly [number, number, number] | undefined;
  const inner = ramDisk(new Uint8Array(DISK_BYTES), "blk0");
  const note = (offset: number, bytes: number): void => void (offset >= PART && requested.push({ at: now(), bytes }));
  const blk0: BlockBackend = {
    sectors: inner.sectors, readOnly: inner.readOnly, id: inner.id,
    read: (offset, into, done) => (note(offset, into.length), inner.read(offset, into, done)),
    write: (offset, bytes, done) => (note(offset, bytes.length), inner.write(offset, bytes, done)),
    flush: (done) => inner.flush(done),
  };
  const net0 = tap();
  net0.onSent = (frame) => void (frame[12] === 0x88 && frame[13] === 0xb6 && sent.push({ at: now(), bytes: frame.length }));
  class Watched extends Line {
    override write(bytes: Uint8Array): void {
      super.write(bytes);
      const noise = bytes.reduce((sum, byte) => sum + Number(byte === NOISE), 0);
      if (noise > 0) written.push({ at: now(), bytes: noise });
    }
  }
  const line = new Watched();
  const given = filesOf({ work: "compute", times: TIMES, neighbour });
  using folder = applianceFolder({ ...given, ...more, "appliance.yaml": edit(withUplink(String(given["appliance.yaml"]))) });
  const { events } = await runAppliance(folder.path, {
    line, deterministic: true, limitMs: LIMIT_MS, disks: { blk0 }, networks: { net0 },
    onTurn(system) {
      now = () => system.kernel.machine.clock();
      const books = [now(), consumedBy(system, "worker"), consumedBy(system, "neighbour")] as const;
      if (begin === undefined && line.output.includes("worker: begin\n")) begin = books;
      if (seen === undefined && begin !== undefined && /worker: took \d+\n/.test(line.output)) seen = { ticks: books[0] - begin[0], worker: books[1] - begin[1], neighbour: books[2] - begin[2], written, requested, sent };
    },
    during: () => until("the worker is done", () => seen !== undefined, LIMIT_MS),
  });
  return { ...seen!, output: line.output, faults: events.filter(({ event }) => event === "fault").length };
}

const NOISE = "!".charCodeAt(0);
const withUplink = (manifest: string): string =>
  manifest
    .replace("  disks: {", "  networks: { net0: { user: {} } }\n  disks: {")
    .replace("  mirror:\n", "  nic: { image: { server: nic }, cpu: { priority: 190 }, use: { regs: platform.net0.regs, irq: platform.net0.irq, iospace: platform.net0.iospace }, offer: { card: NicDriver } }\n  mirror:\n")
    .replace("use: { timer: timer.timer, time:", "use: { uplink: nic.card, timer: timer.timer, time:");

/** The most that came within a second, of what `of` counts. */
function mostInASecond(events: readonly Event[], of: (event: Event) => number): number {
  let most = 0, sum = 0, first = 0;
  for (const event of events) {
    sum += of(event);
    while (events[first]!.at <= event.at - SECOND) sum -= of(events[first++]!);
    most = Math.max(most, sum);
  }
  return most;
}
const bytes = (event: Event): number => event.bytes, one = (): number => 1;
/** Of a quota, in any second: a second's worth, and an eighth or the largest that goes at once. */
const share = (aSecond: number, largest: number): number => aSecond + Math.max(aSecond / 8, largest);

describe("beside a neighbour with a budget", () => {
  // An exit takes the host a microsecond and no blocks: of a storm's there are very many in little time.
  test.each([["loop", 4000], ["storm", 200], ["console", 4000], ["disk", 4000], ["net", 4000]] as const)("that is hostile by %s, that has %d us in 10 ms and no more, the worker has its own share, and nobody faults", LIMIT, async (neighbour, us) => {
    const seen = await watch(neighbour, (manifest) => manifest.replace("budget: 4ms", `budget: ${us}us`)), budget = 10 * us;
    const periods = Math.ceil(seen.ticks / PERIOD) + 1;
    // What a turn was late by is paid for by the next: it does not add up.
    expect(seen.neighbour).toBeLessThanOrEqual(periods * budget + LATE);
    // Those take all that they can get.
    if (neighbour === "loop" || neighbour === "storm") expect(seen.neighbour).toBeGreaterThan((periods - 3) * budget * 0.9);
    // 5 ms in 10.
    expect(seen.worker / seen.ticks).toBeGreaterThan(0.45);
    expect(seen.output).not.toContain("WRONG");
    expect(seen.faults).toBe(0);
  });
});

describe("a quota of a guest's, in any second", () => {
  test("of its console: 16 KiB", LIMIT, async () => {
    const { written } = await watch("console");
    // Line ends, one of 64, are not counted.
    expect(mostInASecond(written, bytes)).toBeLessThanOrEqual(share(16 * 1024, 944));
    expect(mostInASecond(written, bytes)).toBeGreaterThan(4 * 1024);
  });
  test("of its disk: 8 MiB", LIMIT, async () => {
    const { requested } = await watch("disk");
    expect(mostInASecond(requested, bytes)).toBeLessThanOrEqual(share(8 * 2 ** 20, 512 * 1024));
    expect(mostInASecond(requested, bytes)).toBeGreaterThan(2 * 2 ** 20);
  });
  test("of its disk: 20 requests", LIMIT, async () => {
    const { requested } = await watch("disk", (manifest) => manifest.replace("[8MiB/s, 500/s]", "[1GiB/s, 20/s]"));
    // A request of the guest's goes in parts of 512 KiB, and what the driver makes of one is no less than that.
    expect(mostInASecond(requested, one)).toBeLessThanOrEqual(share(20, 1) + 1);
    expect(mostInASecond(requested, one)).toBeGreaterThan(5);
  });
  test("of its network: 1 MiB", LIMIT, async () => {
    const { sent } = await watch("net");
    expect(mostInASecond(sent, bytes)).toBeLessThanOrEqual(share(2 ** 20, 1514));
    expect(mostInASecond(sent, bytes)).toBeGreaterThan(2 ** 18);
  });
  test("of its network: 200 frames", LIMIT, async () => {
    const { sent } = await watch("net", (manifest) => manifest.replace("[1MiB/s, 2000/s]", "200/s"));
    expect(mostInASecond(sent, one)).toBeLessThanOrEqual(share(200, 1));
    expect(mostInASecond(sent, one)).toBeGreaterThan(50);
  });
});

/** Makes a lesser capability of its port and floods through that. */
const RESTRICTED = `#include <bailiwick.h>
#include <bailiwick/nic.h>
#include <bailiwick/switch.h>
BW_USE(port);
enum { SLOT_LESS = 200 };
int main(void) {
    static struct bw_nic nic;
    static uint8_t frame[BW_NIC_MOST_FRAME], came[BW_NIC_MOST_FRAME];
    if (bw_switch_restrict(bw_use_port.cap, "isolated", SLOT_LESS) != 0 || bw_nic_open(&nic, SLOT_LESS, 128, BW_ADDRESS_OWN, 1UL << 52) != 0) return 1;
    memset(frame, 255, 6);
    memcpy(frame + 6, nic.mac, 6);
    frame[12] = 0x88, frame[13] = 0xb6;
    for (;;) {
        while (bw_nic_receive(&nic, came) > 0) {}
        while (bw_nic_send(&nic, frame, sizeof frame)) {}
        if (bw_nic_sleeps(&nic)) (void)bw_wait(BW_SLOT_NOTIFICATION);
    }
}
`;

test("a capability that was made from a port's uses up its maker's quota", LIMIT, async () => {
  const flooder = "  flooder: { image: { c: flooder.c }, memory: 16MiB, use: { port: { from: switch.neighbour, quota: 200/s } } }\n";
  const { sent } = await watch("idle", (manifest) => manifest.replace("    ports: { lan: { from: switch.neighbour, quota: [1MiB/s, 2000/s] } }\n", "").replace("  mirror:\n", `${flooder}  mirror:\n`), { "flooder.c": RESTRICTED });
  expect(mostInASecond(sent, one)).toBeLessThanOrEqual(share(200, 1));
  expect(mostInASecond(sent, one)).toBeGreaterThan(50);
});

test("a card's driver keeps no quota for a guest, and the word of that says who does", async () => {
  const given = filesOf({ work: "compute", times: 1, neighbour: "idle" });
  using folder = applianceFolder({ ...given, "appliance.yaml": withUplink(String(given["appliance.yaml"])).replace("uplink: nic.card, ", "").replace("{ from: switch.neighbour, quota: [1MiB/s, 2000/s] }", "{ from: nic.card, quota: 1MiB/s }") });
  await expect(prepareAppliance(folder.path)).rejects.toThrow(/BW0220.*'nic\.card' keeps no quota[^]*switch/);
});
