// SNAPDISK-*: disks in snapshots are as they were at the moment, though the guest goes on; what a restored guest writes stays in layers, for its next boot and for snapshots of changes.
import { closeSync, existsSync, openSync, readFileSync, readSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { openSnapshot } from "../../servers/operator/vm/snapshot.ts";
import { applianceFolder, leftIn, until } from "../support/appliance-run.ts";
import { diskAppliance, LIMIT_MS, restored, running, type Running } from "../support/disk-guest.ts";

vi.setConfig({ testTimeout: 5 * LIMIT_MS });
const installed = findLinux(findPackage().record);
const hasLinux = installed.ok && installed.value !== undefined;

const GUEST = "memory: 96MiB, disks: { data: block.root }";
const MIB = 2 ** 20;
const imageOf = (bytes: number): string => `disks: { blk0: { file: disk.img, size: ${bytes / MIB}MiB } }`;
/** Writes a word at a MiB of the disk; reads what is there. */
const put = ({ ask }: Running, at: number, word: string): Promise<string> => ask(`echo ${word} | dd of=/dev/vda bs=1M seek=${at} conv=fsync,notrunc 2>/dev/null`);
const get = async ({ ask }: Running, at: number): Promise<string> => (await ask(`echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/vda bs=1M skip=${at} count=1 2>/dev/null | head -n 1 | tr -d '\\0'`)).trim();

describe.skipIf(!hasLinux)("SNAPDISK", () => {
  test("001 the snapshot has of a disk what was written before its moment and nothing later, and the guest writes on meanwhile", async () => {
    using folder = applianceFolder({ "appliance.yaml": diskAppliance(GUEST, imageOf(256 * MIB)) });
    const live = join(folder.path, "disk.img"), at = join(folder.path, "snap"), BLOCKS = 64, SKIP = 37;
    const bytes = Buffer.alloc(256 * MIB);
    for (let i = 0; i < bytes.length; i += 512) bytes.write(`0 block of ${i}\n`, i, "latin1");
    writeFileSync(live, bytes);
    /** The number that was written last to each of the blocks, 4 MiB apart. */
    const numbers = (file: string): number[] => {
      const disk = openSync(file, "r"), head = Buffer.alloc(12);
      try {
        return Array.from({ length: BLOCKS }, (_, n) => (readSync(disk, head, 0, 12, n * 4 * MIB), Number(head.toString("latin1").split("\n")[0]!.split(" ")[0])));
      } finally {
        closeSync(disk);
      }
    };
    await running(folder.path, undefined, async ({ session, ask }) => {
      // One after the other, each on stable storage before the next, all over the disk.
      await ask(`(i=0; while :; do i=$((i+1)); echo $i | dd of=/dev/vda bs=4M seek=$((i * ${SKIP} % ${BLOCKS})) conv=fsync,notrunc 2>/dev/null; done) & writer=$!`);
      await until("it has been everywhere", () => Math.min(...numbers(live)) > 0, LIMIT_MS);
      await session.guests.snapshot("g", at);
      const saved = numbers(join(at, "disk-blk0")), last = Math.max(...saved), later = Math.max(...numbers(live));
      // It went on while the disk was copied, and nothing of that is in the copy.
      expect(later).toBeGreaterThan(last + 2);
      const written = (upTo: number): number[] => Array.from({ length: BLOCKS }, (_, n) => Math.max(...Array.from({ length: BLOCKS }, (_, back) => upTo - back).filter((i) => (i * SKIP) % BLOCKS === n)));
      expect(saved).toEqual(written(last));
      expect(await ask("kill $writer; wait; echo good")).toBe("good\n");
    });
    await restored(folder.path, await openSnapshot(at), async (run) => {
      expect(await run.ask("kill $writer; wait; echo good")).toBe("good\n");
      expect(await get(run, 255)).toBe(`0 block of ${255 * MIB}`);
    });
  });

  test("002 what a restored guest writes to its disks stays in layers: it boots with them; what is damaged, gone or another's is refused by name", async () => {
    using folder = applianceFolder({ "appliance.yaml": diskAppliance(GUEST, imageOf(64 * MIB)) });
    const at = join(folder.path, "snap"), layers = { folder: join(folder.path, "layers") }, layer = join(layers.folder, "layer-blk0");
    await running(folder.path, undefined, async (run) => {
      await put(run, 1, "first");
      await run.session.guests.snapshot("g", at);
      await put(run, 1, "after");
    });
    const snapshot = await openSnapshot(at), before = readFileSync(join(at, "disk-blk0"));
    await restored(folder.path, snapshot, async (run) => {
      expect(await get(run, 1)).toBe("first");
      await put(run, 2, "second");
      await expect(running(folder.path, undefined, () => Promise.resolve(), "running", layers)).rejects.toThrow(/layer '.*layer-blk0' is already open for writing/);
      await expect(restored(folder.path, snapshot, () => Promise.resolve(), "running", { ...layers, replace: true })).rejects.toThrow(/no layers can be made.*[^]*already open for writing/);
    }, "running", layers);
    expect(statSync(layer).blocks * 512).toBeLessThan(16 * MIB);
    expect(before.equals(readFileSync(join(at, "disk-blk0")))).toBe(true);
    // A cold boot, twice.
    await running(folder.path, undefined, async (run) => {
      expect([await get(run, 1), await get(run, 2)]).toEqual(["first", "second"]);
      await put(run, 1, "third");
      await expect(run.session.guests.snapshot("g", join(folder.path, "x"), { changes: true })).rejects.toThrow(/goes on from no snapshot/);
    }, "running", layers);
    await expect(restored(folder.path, snapshot, () => Promise.resolve(), "running", layers)).rejects.toThrow(/there are layers in .* already[^]*--replace-layers/);
    const boots = (): Promise<unknown> => running(folder.path, undefined, (run) => get(run, 1), "running", layers);
    expect(await boots()).toBe("third");

    const whole = readFileSync(layer), broken = Buffer.from(whole);
    broken[4096 + 1]! ^= 0x40;
    writeFileSync(layer, broken);
    await expect(boots()).rejects.toThrow(/no disk for blk0[^]*layer-blk0' is damaged: the map/);
    writeFileSync(layer, whole);
    renameSync(at, `${at}-away`);
    await expect(boots()).rejects.toThrow(/the layers in .* cannot be used[^]*snap, which is not what it was/);
    renameSync(`${at}-away`, at);
    const description = join(at, "snapshot.json"), text = readFileSync(description, "utf8");
    writeFileSync(description, text.replace(/"taken": "\d/, '"taken": "3'));
    await expect(boots()).rejects.toThrow(/there is another now/);
    writeFileSync(description, text);
    await expect(running(folder.path, undefined, () => Promise.resolve(), "running", { folder: join(folder.path, "none") })).rejects.toThrow(/there are no layers in/);
    await expect(restored(folder.path, snapshot, () => Promise.resolve(), "running", { folder: folder.path })).rejects.toThrow(/something else than layers/);

    // Replaced: as the snapshot has them. And without layers it is gone at the end, as ever.
    await restored(folder.path, snapshot, async (run) => void expect([await get(run, 1), await get(run, 2)]).toEqual(["first", ""]), "running", { ...layers, replace: true });
    expect(await boots()).toBe("first");
    expect(leftIn(folder.path)).toEqual([]);
  });

  test("003 a snapshot of changes has of a disk only what was written since; a whole one of the same guest stands by itself", async () => {
    using folder = applianceFolder({ "appliance.yaml": diskAppliance(GUEST, imageOf(64 * MIB)) });
    const [one, two, three, whole] = ["one", "two", "three", "whole"].map((name) => join(folder.path, name)) as [string, string, string, string];
    await running(folder.path, undefined, async (run) => {
      await run.ask("dd if=/dev/urandom of=/dev/vda bs=1M count=32 conv=fsync 2>/dev/null");
      await put(run, 40, "first");
      await run.session.guests.snapshot("g", one);
    });
    expect(JSON.parse(readFileSync(join(one, "snapshot.json"), "utf8"))).toMatchObject({ format: 1 });
    await restored(folder.path, await openSnapshot(one), async (run) => {
      await put(run, 41, "second");
      await run.session.guests.snapshot("g", two, { changes: true });
      await put(run, 41, "after");
    }, "running", { folder: join(folder.path, "layers") });
    expect(JSON.parse(readFileSync(join(two, "snapshot.json"), "utf8"))).toMatchObject({ format: 2, base: one, disks: [{ device: "blk0", layer: true, file: "layer-blk0" }] });
    expect(statSync(join(two, "layer-blk0")).blocks * 512).toBeLessThan(4 * MIB);
    // Changes of changes lie on the first, too; nothing needs a folder of layers.
    await restored(folder.path, await openSnapshot(two), async (run) => {
      expect([await get(run, 40), await get(run, 41)]).toEqual(["first", "second"]);
      await put(run, 42, "third");
      await run.session.guests.snapshot("g", three, { changes: true });
      await run.session.guests.snapshot("g", whole);
    });
    expect((await openSnapshot(three)).base).toBe(one);
    renameSync(two, `${two}-away`);
    const layers = { folder: join(folder.path, "over-three") };
    await restored(folder.path, await openSnapshot(three), async (run) => {
      expect([await get(run, 40), await get(run, 41), await get(run, 42)]).toEqual(["first", "second", "third"]);
      await put(run, 43, "fourth");
    }, "running", layers);
    await running(folder.path, undefined, async (run) => void expect([await get(run, 41), await get(run, 42), await get(run, 43)]).toEqual(["second", "third", "fourth"]), "running", layers);
    renameSync(one, `${one}-away`);
    await expect(openSnapshot(three)).rejects.toThrow(/lies on .*one, which is not what it was/);
    await restored(folder.path, await openSnapshot(whole), async (run) => void expect([await get(run, 40), await get(run, 41), await get(run, 42)]).toEqual(["first", "second", "third"]));
  });

  test("004 a machine that stops while a disk is copied leaves nothing of the snapshot", async () => {
    using folder = applianceFolder({ "appliance.yaml": diskAppliance(GUEST, imageOf(256 * MIB)) });
    writeFileSync(join(folder.path, "disk.img"), Buffer.alloc(256 * MIB, 7));
    let taking: Promise<unknown> | undefined;
    await running(folder.path, undefined, async ({ session, events }) => {
      taking = session.guests.snapshot("g", join(folder.path, "snap")).then(() => "whole", (error: unknown) => String(error));
      const seen = events.length;
      await until("the guest goes on", () => events.slice(seen).some((event) => event.event === "guest" && event.state === "resumed"));
    });
    expect(await taking).toMatch(/cannot be written down[^]*(the disk is closed|has stopped|no more orders)|the machine does not run/);
    expect([existsSync(join(folder.path, "snap")), leftIn(folder.path)]).toEqual([false, []]);
  });
});
