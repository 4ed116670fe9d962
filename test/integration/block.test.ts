// The block server on the real machine: parts of a disk as capabilities, and clients that mean harm to each other.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { BlockBackend } from "../../core/devices/virtio/block-backend.ts";
import { ramDisk } from "../../core/host/disk.ts";
import { applianceFolder, runAppliance, until } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const FOLDER = "test/integration/block";
const client = readFileSync(`${FOLDER}/client.c`), manifest = readFileSync(`${FOLDER}/appliance.yaml`, "utf8");
const lines = (name: string, sectors: number) => [
  `${name}: ${sectors} sectors, 0 writes failed, flush 0, 0 words wrong`, `${name}: beyond its part 2 2 2`,
  `${name}: part of 16 sectors read-only: read 0 right, write 3, beyond 2`, `${name}: more than it has: 1`,
];
/** Both clients have said their last line. */
const done = (output: string, ...names: string[]) => names.every((name) => output.includes(`${name}: more than it has`));
const bytes = new Uint8Array(2 ** 23);
const word = (sector: number, i: number, badge: number): bigint => BigInt.asUintN(64, BigInt(sector + 1) * 0x9e37_79b9_7f4a_7c15n + BigInt(i) + (BigInt(badge) << 32n));

test("two clients have their parts and nothing of the other's, and each can make less of its own", LIMIT, async () => {
  const { output } = await runAppliance(FOLDER, { disks: { blk0: ramDisk(bytes) }, limitMs: 60_000, during: (_system, line) => until("both are done", () => done(line.output, "left", "right"), 30_000) });
  const said = output.trimEnd().split("\n");
  for (const name of ["left", "right"]) expect(said.filter((line) => line.startsWith(name))).toEqual(lines(name, 8192));
  const view = new DataView(bytes.buffer);
  // Badges: offer << 16 | client.
  for (const sector of [0, 1, 4000, 8191]) expect(view.getBigUint64(512 * sector + 8, true)).toBe(word(sector, 1, 1));
  for (const sector of [0, 1, 4000, 8191]) expect(view.getBigUint64(512 * (8192 + sector) + 8, true)).toBe(word(sector, 1, 0x1_0002));
});

test("a part that is to be read only is; one that is not on the disk keeps the server from starting", LIMIT, async () => {
  using folder = applianceFolder({ "client.c": client, "appliance.yaml": manifest.replaceAll("disk: block.right", "disk: block.look") });
  const { output } = await runAppliance(folder.path, { during: (_system, line) => until("both are done", () => done(line.output, "left", "right"), 30_000) });
  expect(output).toContain("right: 16384 sectors read-only, 128 writes failed, flush 0, 0 words wrong\n");
  expect(output).toContain("left: 8192 sectors, 0 writes failed, flush 0, 0 words wrong\n");
  using wrong = applianceFolder({ "client.c": client, "appliance.yaml": manifest.replace("first: 8192", "first: 8192, sectors: 8193") });
  const { events, output: said } = await runAppliance(wrong.path, { during: (_system, line) => until("both give up", () => line.output.includes("right: not opened") && line.output.includes("left: not opened")) });
  expect(events).toContainEqual(expect.objectContaining({ event: "log", component: "block", text: expect.stringContaining("a part of the disk is not on it") }));
  expect(said).toMatch(/left: not opened: (Broken|InvalidCapability)/);
});

/** What a client does to its channel instead of using it. */
const HOSTILE: Readonly<Record<string, string>> = {
  "floods, and never takes an answer": `for (uint32_t i = 0; ; i++) { const struct bw_block_request r = {.operation = i % 9, .id = i, .bytes = 65536}; if (bw_try_send(&b.channel.out, &r) == BW_RING_FULL) bw_syscall_yield(); }`,
  "opens, and never asks": `for (;;) bw_wait(BW_SLOT_NOTIFICATION);`,
  "writes nonsense into its rings": `for (uint32_t i = 0; ; i++) { uint32_t *m = (uint32_t *)BW_ADDRESS_OWN; m[i % 1024] = i * 0x9e3779b9U; bw_signal(b.channel.out.end.bells.theirs); }`,
  "ends in the middle": `for (uint32_t i = 0; i < 20; i++) { const struct bw_block_request r = {.operation = BW_BLOCK_WRITE, .id = i, .bytes = 65536}; (void)bw_try_send(&b.channel.out, &r); }`,
  "dies of a fault in the middle": `for (uint32_t i = 0; i < 20; i++) { const struct bw_block_request r = {.operation = BW_BLOCK_READ, .id = i, .bytes = 65536}; (void)bw_try_send(&b.channel.out, &r); } __builtin_trap();`,
  "opens its channel again and again": `for (;;) { struct bw_block_request r = {.operation = BW_BLOCK_READ, .bytes = 512}; (void)bw_try_send(&b.channel.out, &r); bw_channel_close(&b.channel); (void)bw_channel_open(&b.channel, bw_use_disk.cap, &wish, &refusal); }`,
};

for (const [what, body] of Object.entries(HOSTILE)) {
  test(`a client that ${what} harms itself only`, LIMIT, async () => {
    using folder = applianceFolder({
      "client.c": client,
      "hostile.c": `#include <bailiwick.h>\n#include <bailiwick/block.h>\nBW_USE(disk);\nint main(void) {
        static struct bw_block b; uint32_t refusal = 0; (void)refusal;
        const struct bw_channel_wish wish = {.to_server = {32, 32}, .from_server = {32, 16}, .slots = 130, .address = BW_ADDRESS_OWN, .bit = 1UL << 52}; (void)wish;
        if (bw_block_open(&b, bw_use_disk.cap, 128, BW_ADDRESS_OWN, 1UL << 52) != 0) return 1;
        ${body.replace("bw_syscall_yield()", "bw_yield()")}\nreturn 0;\n}\n`,
      "appliance.yaml": manifest.replace("image: { c: client.c }\n    memory: 4MiB\n    use: { console: console.console, disk: block.right }", "image: { c: hostile.c }\n    memory: 4MiB\n    use: { disk: block.right }\n    cpu: { budget: 500us, period: 10ms }"),
    });
    const disk: BlockBackend = ramDisk(new Uint8Array(2 ** 23));
    const { output } = await runAppliance(folder.path, { disks: { blk0: disk }, limitMs: 60_000, during: (_system, line) => until("the other is done", () => done(line.output, "left"), 60_000) });
    expect(output.trimEnd().split("\n")).toEqual(lines("left", 8192));
  });
}

/** Writes and reads 4 KiB at a time for a second and a half of the machine's clock, through what it was given or through less of it by turns, and says how often. */
const PACED = `#include <bailiwick.h>
#include <bailiwick/block.h>
#include <bailiwick/block-protocol.h>
#include <bailiwick/console.h>
#include <bailiwick/timer.h>
BW_USE(console);
BW_USE(disk);
BW_USE(timer);
static struct bw_block whole, part;
static uint64_t now(void) { return bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0).w[0] / 1000000; }
int main(void) {
    bw_console_open(bw_use_console.cap);
    if (bw_block_open(&whole, bw_use_disk.cap, 128, BW_ADDRESS_OWN, 1UL << 52) != 0) return 1;
    bw_receive_slots(150, 1);
    if (bw_label(&(struct bw_msg){.info = bw_call(bw_use_disk.cap, bw_info(BLOCK_RESTRICT, 3, 0), 8, 8, 0, 0).info}) != 0) return 1;
    if (bw_block_open(&part, 150, 160, BW_ADDRESS_OWN + 4 * BW_BLOCK_WINDOW, 1UL << 51) != 0) return 1;
    uint32_t done = 0, wrong = 0;
    const uint64_t begin = now();
    while (now() < begin + 1500) {
        struct bw_block *b = done / 2 % 2 == 0 ? &whole : &part;
        uint64_t *word = (uint64_t *)b->window;
        if (done % 2 == 0) *word = done;
        wrong += bw_block_do(b, done % 2 == 0 ? BW_BLOCK_WRITE : BW_BLOCK_READ, 0, 4096, 4096 * (done % 2)) != 0;
        if (done % 2 == 1) wrong += word[512] != done - 1;
        done++;
    }
    bw_printf("%s: %u requests in %lu ms, %u wrong\\n", bw_name(), done, now() - begin, wrong);
    return 0;
}
`.replaceAll("\\\\n", "\\n");
const TIMER = "  timer: { image: { server: timer }, cpu: { priority: 200 }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }\n";
const paced = manifest.replaceAll("image: { c: client.c }", "image: { c: paced.c }").replace("components:\n", `components:\n${TIMER}`).replace("use: { disk: blk.disk }", "use: { disk: blk.disk, timer: timer.timer }").replaceAll("use: { console: console.console, disk", "use: { console: console.console, timer: timer.timer, disk");

for (const [quota, most] of [["256KiB/s", 64], ["[1GiB/s, 40/s]", 40]] as const) {
  test(`a client with a quota of ${quota} has that, through all that it has of the disk, and its neighbour is not slowed`, LIMIT, async () => {
    using folder = applianceFolder({ "paced.c": PACED, "appliance.yaml": paced.replace("disk: block.left", `disk: { from: block.left, quota: ${quota} }`) });
    const { output } = await runAppliance(folder.path, { limitMs: 60_000, during: (_system, line) => until("both are done", () => line.output.includes("left:") && line.output.includes("right:"), 40_000) });
    const of = (name: string) => (new RegExp(`${name}: (\\d+) requests in (\\d+) ms, 0 wrong`).exec(output) ?? []).slice(1).map(Number);
    const [left = 0, time = 0] = of("left"), [right = 0] = of("right");
    expect(left).toBeLessThanOrEqual(most * (time / 1000 + 1 / 8) + 2);
    expect(left).toBeGreaterThan((most * time) / 1000 / 4);
    // It would be half each.
    expect(right).toBeGreaterThan(left * 4);
  });
}

test("what a client is owed by its quota does not keep its place from others when it ends", LIMIT, async () => {
  const greedy = `#include <bailiwick.h>\n#include <bailiwick/block.h>\nBW_USE(disk);\nint main(void) {
    static struct bw_block b;
    if (bw_block_open(&b, bw_use_disk.cap, 128, BW_ADDRESS_OWN, 1UL << 52) != 0) return 1;
    for (uint32_t i = 0; i < 20; i++) { const struct bw_block_request r = {.operation = BW_BLOCK_READ, .id = i, .bytes = 65536}; (void)bw_try_send(&b.channel.out, &r); }
    return 0;\n}\n`;
  const one = `#include <bailiwick.h>\n#include <bailiwick/block.h>\n#include <bailiwick/console.h>\nBW_USE(console);\nBW_USE(disk);\nint main(void) {
    static struct bw_block b;
    bw_console_open(bw_use_console.cap);
    const bw_err error = bw_block_open(&b, bw_use_disk.cap, 128, BW_ADDRESS_OWN, 1UL << 52);
    bw_printf("%s: %s, %u\\n", bw_name(), bw_error_name(error), error == 0 ? bw_block_do(&b, BW_BLOCK_READ, 0, 512, 0) : 9);
    for (;;) (void)bw_wait(BW_SLOT_NOTIFICATION);\n}\n`;
  const names = ["b", "c", "d", "e", "f", "g", "h", "i"];
  const head = paced.slice(0, paced.indexOf("  left:")).replace("memory: 32MiB", "memory: 64MiB").replace("memory: 96MiB", "memory: 192MiB");
  const parts = [`  a: { image: { c: greedy.c }, cpu: { priority: 170, budget: 100ms, period: 1s }, use: { disk: { from: block.left, quota: 1KiB/s } } }`, ...names.map((name, i) => `  ${name}: { image: { c: one.c }, cpu: { priority: ${90 - i} }, use: { console: console.console, disk: block.left } }`)];
  using folder = applianceFolder({ "greedy.c": greedy, "one.c": one, "appliance.yaml": `${head}${parts.join("\n")}\n` });
  const { output } = await runAppliance(folder.path, { limitMs: 60_000, during: (_system, line) => until("all are done", () => line.output.includes("i:"), 30_000) });
  expect(output.trimEnd().split("\n")).toEqual(names.map((name) => `${name}: none, 0`));
});
