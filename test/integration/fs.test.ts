// The file server on the machine: a client in C, fs, block, blk, and a disk that the test holds. The store alone, killed at every write, is in fs-store.test.ts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test as always } from "vitest";
import type { BlockBackend } from "../../core/devices/virtio/block-backend.ts";
import { applianceFolder, runAppliance, type RunOptions } from "../support/appliance-run.ts";
import { hasSqlite } from "../support/fs-build.ts";
import { ramDisk } from "../../core/host/disk.ts";

const test = always.skipIf(!hasSqlite);
const HERE = join(import.meta.dirname, "fs");
/** The first run of all compiles SQLite. */
const LIMIT = 240_000;
const DISK_BYTES = 8 * 2 ** 20;

interface Told {
  readonly format?: 0 | 1;
  readonly records?: number;
}

function clientFolder(does: string, { format = 1, records = 20 }: Told = {}) {
  const manifest = readFileSync(join(HERE, "appliance.yaml"), "utf8").replace("DOES", does).replace("format: 1", `format: ${format}`).replace("records: 20", `records: ${records}`);
  return applianceFolder({ "appliance.yaml": manifest, "client.c": readFileSync(join(HERE, "client.c")) });
}

async function client(does: string, { format, records, ...options }: RunOptions & Told = {}) {
  using folder = clientFolder(does, { ...(format === undefined ? {} : { format }), ...(records === undefined ? {} : { records }) });
  return await runAppliance(folder.path, { limitMs: 60_000, ...options });
}

const lines = (text: string): string[] => text.trim().split("\n").map((line) => line.trim());

test("files: written, read, cut, appended to, by messages and by the window; what makes no sense is refused", { timeout: LIMIT }, async () => {
  const { output, status } = await client("files");
  expect(lines(output)).toEqual(lines(`
    not there: 4
    make: 0
    kind 1, 0 bytes, rights 7
    make only: 5
    write: 0
    read: 0
    60000 bytes, the same
    window: 0
    write by window: 0
    read by window: 0
    65536 bytes, zeros between, the same
    beyond the window: 1
    too long: 1
    too far: 1
    truncate: 0
    append: 0
    info: 0
    at 10, 13 bytes
    sync: 0
    close: 0`));
  expect(status).toBe(0);
});

test("directories: one name at a time and nothing above; moved, replaced, removed", { timeout: LIMIT }, async () => {
  const { output } = await client("directories");
  expect(lines(output.split("--")[1] ?? "")).toEqual(lines(`
    directory: 0
    in it: 0
    a path: 9
    above: 9
    itself: 9
    no name: 9
    read a directory: 7
    open in a file: 6
    not empty: 8
    move: 0
    move the directory into itself: 1
    onto another: 5
    replacing it: 0
    move to what is none: 2
    entry 1 a 0
    entry 2 d 0
    entry 2 small 0
    append to the moved one: 0
    remove: 0
    in what is removed: 4
    remove what is open: 0
    write to it: 4`));
});

test("rights: a view to look, a view to add, restricted further and never widened; what was closed never names another", { timeout: LIMIT }, async () => {
  const { output } = await client("rights");
  expect(lines(output)).toEqual(lines(`
    opened by who may look: 0
    its rights: 1
    write: 12
    append: 12
    truncate: 12
    read: 0
    make: 12
    remove: 12
    rename: 12
    move to it: 12
    set its quota: 12
    opened by who may add: 12
    listed: 12
    is it there: 5
    put in: 0
    its rights: 4
    append: 0
    write over it: 12
    read it: 12
    append-only, restricted: 0
    more again: 0
    read: 12
    append: 0
    close the one in between: 0
    append: 0
    close: 0
    a copy of what is closed: 1
    another in its place: 0
    the copy still: 1
    close an offer: 1
    too many: 3`));
});

test("lent: no window, as many as were said, and all of it ends with it, whoever closes it", { timeout: LIMIT }, async () => {
  const { output, status } = await client("lending");
  expect(lines(output)).toEqual(lines(`
    more than there are: 1
    lend: 0
    its window: 12
    the client's own: 0
    by what is lent: 1
    read by it: 1
    one: 0
    its window: 12
    of that one another: 0
    one too many: 3
    or lent: 3
    close the one in between: 0
    room for one: 0
    and no more: 3
    the client's own: 0
    taken back: 0
    made of it: 1
    made of that: 1
    not of it: 0
    lend a directory: 0
    make in it: 0
    lend that: 0
    made of it: 0
    as many as the first: 3
    that taken back: 0
    made of it: 1
    room for two: 0
    and: 0
    no more: 3
    the holder gives it back: 0
    made of it: 1
    made of that: 1
    the lender's: 0
    61 left`));
  expect(status).toBe(0);
});

test("a quota holds, and more is given by who may", { timeout: LIMIT }, async () => {
  const { output } = await client("quotas");
  expect(lines(output)).toEqual(["full: 11", "within of 65536", "more: 0", "append: 0", "remove: 0"]);
});

test("a client's own quota is beside its directory's, whoever writes in its name; its neighbour in the same directory fills that up", { timeout: LIMIT }, async () => {
  const writer = (lend: string) => `#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/file.h>
#include <bailiwick/file-protocol.h>
BW_USE(console);
BW_USE(small);
static uint8_t bytes[936];
int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_cptr in = bw_use_small.cap;
    ${lend}
    uint32_t pieces = 0, result = bw_file_open(in, bw_name(), BW_FILE_ALL, BW_MAKE_FILE, 140, NULL);
    for (; result == 0 && pieces < 1000; pieces++) result = bw_file_append(140, bytes, 936, NULL);
    const struct bw_msg before = bw_call(bw_use_small.cap, bw_info(FILE_USAGE, 0, 0), 0, 0, 0, 0);
    const struct bw_msg more = bw_call(bw_use_small.cap, bw_info(FILE_SET_QUOTA, 1, 0), 65536, 0, 0, 0);
    result = bw_file_append(140, bytes, 936, NULL);
    bw_printf("%s: %u, full at %lu of %lu, more %lu, %u\\n", bw_name(), pieces, before.w[0], before.w[1], (unsigned long)bw_label(&more), result);
    return 0;
}
`;
  const base = readFileSync(join(HERE, "appliance.yaml"), "utf8"), head = base.slice(0, base.indexOf("  client:")).replace("      essential: true\n", "");
  // One after the other: the greedy one, the one that was lent something, the neighbour.
  const part = (name: string, priority: number, quota: string) => `  ${name}: { image: { c: ${name}.c }, memory: 2MiB, cpu: { priority: ${priority} }, use: { console: console.console, small: ${quota} } }\n`;
  const manifest = `${head}${part("greedy", 103, "{ from: fs.small, quota: 16KiB }")}${part("lent", 102, "{ from: fs.small, quota: 32KiB }")}${part("neighbour", 101, "fs.small")}  last: { image: { c: last.c }, cpu: { priority: 10 }, essential: true }\n`;
  using folder = applianceFolder({
    "appliance.yaml": manifest, "last.c": "int main(void) { return 0; }\n", "greedy.c": writer(""), "neighbour.c": writer(""),
    "lent.c": writer("bw_receive_slots(150, 1);\n    (void)bw_call(in, bw_info(FILE_LEND, 2, 0), BW_FILE_ALL, 4, 0, 0);\n    in = 150;"),
  });
  const { output } = await runAppliance(folder.path, { limitMs: 60_000 });
  const said = Object.fromEntries(lines(output).map((line) => [line.split(":")[0], line.split(": ")[1]]));
  // 1 KiB for each node, the directory's too, and 4 KiB at a time.
  expect(said).toEqual({ greedy: "14, full at 14336 of 16384, more 0, 11", lent: "18, full at 31744 of 32768, more 0, 11", neighbour: "36, full at 65536 of 65536, more 0, 11" });
});

test("a full disk is an error to the writer: what was written stays, and there is room again", { timeout: LIMIT }, async () => {
  const { output } = await client("full");
  expect(lines(output)).toEqual(["full: 10", "sync: 0", "wrong: 0", "remove: 0", "sync: 0", "room again: 0"]);
});

const syncedIn = (output: string): number => Math.max(0, ...[...output.matchAll(/synced (\d+)/g)].map(([, n]) => Number(n)));

test("whatever was synced is there after the disk was taken away at any write", { timeout: LIMIT }, async () => {
  const bytes = new Uint8Array(DISK_BYTES);
  const base = ramDisk(bytes);
  /** Every write, and how many records the client knew to be safe when it was asked for. */
  const writes: { readonly offset: number; readonly data: Uint8Array; readonly synced: number }[] = [];
  let output = (): string => "";
  const recording: BlockBackend = {
    ...base,
    write(offset, data, done) {
      writes.push({ offset, data: data.slice(), synced: syncedIn(output()) });
      base.write(offset, data, done);
    },
  };
  const run = await client("records", { disks: { blk0: recording }, during: async (_system, line, ended) => ((output = () => line.output), ended()) });
  expect(lines(run.output).at(-1)).toBe("result 0");
  expect(syncedIn(run.output)).toBe(20);
  // The first ones make the store itself; from then on every twentieth.
  const first = writes.findIndex(({ synced }) => synced > 0);
  const at = writes.map((_, n) => n).filter((n) => n >= first && n % 20 === 0);
  expect(at.length).toBeGreaterThan(5);
  let before = 0;
  using verifying = clientFolder("verify", { format: 0 });
  for (const n of at) {
    const image = new Uint8Array(DISK_BYTES);
    for (const { offset, data } of writes.slice(0, n)) image.set(data, offset);
    // Half of the write that it died in.
    const torn = writes[n]!;
    image.set(torn.data.subarray(0, Math.floor(torn.data.length / 1024) * 512), torn.offset);
    const { output: said } = await runAppliance(verifying.path, { disks: { blk0: ramDisk(image) } });
    const [, whole, result] = /whole (\d+), result (\d+)/.exec(said) ?? [];
    expect(result, `write ${n}: ${said}`).toBe("0");
    expect(Number(whole), `write ${n}`).toBeGreaterThanOrEqual(torn.synced);
    expect(Number(whole), `write ${n}`).toBeGreaterThanOrEqual(before);
    before = Number(whole);
  }
});

test("a disk that fails is an error to who changes something; the server goes on", { timeout: LIMIT }, async () => {
  const base = ramDisk(new Uint8Array(DISK_BYTES));
  let writes = 0;
  const dying: BlockBackend = { ...base, write: (offset, data, done) => (++writes > 300 ? done("it is broken") : base.write(offset, data, done)) };
  const { output, events } = await client("records", { disks: { blk0: dying }, records: 1000 });
  expect(lines(output).at(-1)).toMatch(/^result (13|16)$/);
  expect(syncedIn(output)).toBeGreaterThan(0);
  expect(events.filter(({ event }) => event === "fault")).toEqual([]);
});

test("what is lost is told to each who changed something, once: to the client, to whom it lent, and to it again what came back", { timeout: LIMIT }, async () => {
  const base = ramDisk(new Uint8Array(DISK_BYTES));
  let armed = (): boolean => false, failed = false;
  const failing: BlockBackend = {
    ...base,
    write(offset, data, done) {
      if (failed || !armed()) return base.write(offset, data, done);
      failed = true;
      done("it failed, this once");
    },
  };
  const { output } = await client("losses", { disks: { blk0: failing }, during: async (_system, line, ended) => ((armed = () => line.output.includes("armed: 0")), ended()) });
  expect(failed).toBe(true);
  expect(lines(output)).toEqual(["armed: 0", "the client: 16", "again: 0", "who was lent it: 16", "again: 0", "who changed nothing: 0", "given back: 0", "the client, for it: 16", "again: 0"]);
});

test("a disk without a store is not written over unasked, and one that is too small is named", { timeout: LIMIT }, async () => {
  const blank = new Uint8Array(DISK_BYTES);
  const run = async (disk: Uint8Array, format: 0 | 1) => (await client("files", { format, disks: { blk0: ramDisk(disk) }, limitMs: 3000 })).events.filter(({ event, component }) => event === "log" && component === "fs").map(({ text }) => text);
  expect(await run(blank, 0)).toEqual(["there is no store on the disk; with 'args: { format: 1 }' one is made where there is none"]);
  expect(blank.every((byte) => byte === 0)).toBe(true);
  expect(await run(new Uint8Array(2 ** 20), 1)).toEqual(["the disk, or its part, is too small for a store: it takes 2052 KiB"]);
});

test("a client that asks nonsense without pause harms itself only", { timeout: LIMIT }, async () => {
  const manifest = readFileSync(join(HERE, "appliance.yaml"), "utf8")
    .replace("DOES", "directories")
    .replace("small: File }", "small: File, mine: File }")
    .replace("small: { directory", "mine: { directory: mine, quota: 262144 }, small: { directory")
    .concat("  hostile:\n    image: { c: hostile.c }\n    memory: 8MiB\n    cpu: { budget: 2ms, period: 10ms }\n    use: { mine: fs.mine }\n");
  using folder = applianceFolder({ "appliance.yaml": manifest, "client.c": readFileSync(join(HERE, "client.c")), "hostile.c": readFileSync(join(HERE, "hostile.c")) });
  const { output, status, events } = await runAppliance(folder.path, { limitMs: 120_000 });
  expect(lines(output).at(-1)).toBe("write to it: 4");
  expect(output).toContain("65536 bytes, zeros between, the same");
  expect(status).toBe(0);
  expect(events.filter(({ event }) => event === "fault" || event === "log")).toEqual([]);
});
