// The block server on the real machine: parts of a disk as capabilities, and clients that mean harm to each other.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { BlockBackend } from "../../core/devices/virtio/block-backend.ts";
import { ramDisk } from "../../core/host/disk.ts";
import { applianceFolder, runAppliance, until } from "../support/appliance-run.ts";

const LIMIT = { timeout: 90_000 };
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
