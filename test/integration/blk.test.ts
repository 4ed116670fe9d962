// The block driver on the real machine, over disks of every temper: what its client asked for is done, or it is told why not; a disk that fails, is silent
// or is not there harms nobody else.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { BlockBackend } from "../../core/devices/virtio/block-backend.ts";
import { ramDisk } from "../../core/host/disk.ts";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { openDisks } from "../../servers/operator/disks.ts";
import { applianceFolder, manifestWith, pause, runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const FOLDER = "test/integration/blk";
const files = { "client.c": readFileSync(join(FOLDER, "client.c")), "appliance.yaml": readFileSync(join(FOLDER, "appliance.yaml"), "utf8") };
const REFUSED = ["beyond the end: 2", "not whole sectors: 2", "no such window: 2", "out of the window: 2", "no operation: 2", ""];
const withDisk = (disk: string) => applianceFolder({ ...files, "appliance.yaml": files["appliance.yaml"].replace("{ mode: memory, size: 8MiB }", disk) });
const hash = (i: number): bigint => BigInt.asUintN(64, BigInt(i) * 0x9e37_79b9_7f4a_7c15n);

test("what is written is read back, is in the image afterwards, and what makes no sense is refused", LIMIT, async () => {
  using folder = withDisk("{ file: disk.img, size: 8MiB }");
  const { output, status } = await runAppliance(folder.path);
  expect(output.split("\n")).toEqual(["disk of 16384 sectors, requests up to 524288 bytes", "other message sizes: 1 1 1", "written: 0 failed", "flushed: 0", "read back: 0 wrong", ...REFUSED]);
  expect(status).toBe(0);
  const image = readFileSync(join(folder.path, "disk.img"));
  expect(image.length).toBe(8 * 2 ** 20);
  for (const i of [0, 1, 8191, 2 ** 18 - 1]) expect(image.readBigUInt64LE(8 * i)).toBe(hash(i));
  expect(image.subarray(2 * 2 ** 20).every((byte) => byte === 0)).toBe(true);
});

test("an image that may not be written refuses, and an overlay forgets", LIMIT, async () => {
  using folder = withDisk("{ file: disk.img, mode: ro }");
  const image = join(folder.path, "disk.img");
  writeFileSync(image, new Uint8Array(2 ** 22).fill(7));
  expect((await runAppliance(folder.path)).output).toMatch(/^written: 32 failed\nflushed: 0\nread back: 262144 wrong$/m);
  using other = withDisk(`{ file: ${image}, mode: overlay }`);
  expect((await runAppliance(other.path)).output).toMatch(/^written: 0 failed\nflushed: 0\nread back: 0 wrong$/m);
  expect(readFileSync(image).every((byte) => byte === 7)).toBe(true);
});

test("a disk that fails is an answer, not an end", LIMIT, async () => {
  const broken: BlockBackend = { ...ramDisk(new Uint8Array(2 ** 23)), write: (_offset, _bytes, done) => void setImmediate(() => done("EIO: i/o error")), flush: (done) => done("EIO: i/o error") };
  const { output, status, events } = await runAppliance(FOLDER, { disks: { blk0: broken } });
  expect(output).toContain("written: 32 failed\nflushed: 1\n");
  expect(output.endsWith(REFUSED.join("\n"))).toBe(true);
  expect(status).toBe(0);
  expect(events).toContainEqual(expect.objectContaining({ event: "log", component: "blk0", text: expect.stringContaining("EIO") }));
});

test("a disk that never answers keeps its client waiting and nobody else", LIMIT, async () => {
  const silent: BlockBackend = { ...ramDisk(new Uint8Array(2 ** 23)), write: () => {} };
  using folder = applianceFolder({
    ...files,
    "appliance.yaml": `${files["appliance.yaml"]}  other:\n    image: { c: other.c }\n    use: { console: console.console }\n`,
    "other.c": `#include <bailiwick.h>\n#include <bailiwick/console.h>\nBW_USE(console);\nint main(void) { bw_console_open(bw_use_console.cap); bw_printf("still here\\n"); return 0; }\n`,
  });
  const { output, status } = await runAppliance(folder.path, { disks: { blk0: silent }, during: () => pause(1500) });
  expect(output).toContain("still here\n");
  expect(output).not.toContain("written");
  expect(status).toBeUndefined();
});

test("an image that is missing, cut short or of another size is named with what to do", LIMIT, async () => {
  for (const [disk, content, says] of [
    ["{ file: none.img }", null, /none\.img/], ["{ file: none.img, mode: ro, size: 8MiB }", null, /none\.img/],
    ["{ file: short.img }", 1000, /not a multiple of 512: is it cut short/], ["{ file: small.img, size: 8MiB }", 4096, /has 4096 bytes, not the 8388608/],
    ["{ file: empty.img }", 0, /is empty/],
  ] as const) {
    using folder = withDisk(disk);
    const { disks } = await prepareAppliance(folder.path);
    if (content !== null) writeFileSync(disks[0]!.file, new Uint8Array(content));
    await expect(openDisks(disks), disk).rejects.toThrow(says);
    await expect(openDisks(disks), disk).rejects.toThrow(/error\[BW0315\]: there is no disk for blk0/);
  }
});

test("a driver without a disk behind its device is an error of the manifest, and so is a disk that no device takes", LIMIT, async () => {
  using none = applianceFolder({ ...files, "appliance.yaml": files["appliance.yaml"].replace(/ {2}disks: .*\n/, "") });
  await expect(prepareAppliance(none.path)).rejects.toThrow(/there is no disk behind blk0, which 'blk' drives/);
  using wrong = withDisk("{ mode: memory, size: 1MiB }, blk9: { mode: memory, size: 1MiB }");
  await expect(prepareAppliance(wrong.path)).rejects.toThrow(/blk9/);
  using both = withDisk("{ file: disk.img, mode: memory, size: 1MiB }");
  await expect(prepareAppliance(both.path)).rejects.toThrow(/an image, unless the mode is memory/);
  for (const [disk, refusal] of [["{ image: debian, mode: rw }", /overlay or ro: the kit's image is everybody's/], ["{ image: debian, file: disk.img }", /a file or an image of the kit's, not both/], ["{ image: fedora }", /platform\.disks\.blk0\.image[^]*debian/]] as const) {
    using kits = applianceFolder({ "appliance.yaml": manifestWith({}, `64MiB, disks: { blk0: ${disk} }`) });
    await expect(prepareAppliance(kits.path)).rejects.toThrow(refusal);
  }
  using endless = withDisk("{ mode: memory }");
  await expect(prepareAppliance(endless.path)).rejects.toThrow(/a size up to 1GiB/);
});
