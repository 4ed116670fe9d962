// Copies of disks as they were at one moment, while the disks go on.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BlockBackend } from "../../core/devices/virtio/block-backend.ts";
import { copyable, type CopyableDisk, type DiskCopy } from "../../core/host/copying.ts";
import { ramDisk, type Disk } from "../../core/host/disk.ts";
import { overlay } from "../../core/host/overlay.ts";
import { SectorMap } from "../../core/host/sector-map.ts";
import { failingDisk } from "../support/disk.ts";

const PIECE = 512; // sectors of one piece: 256 KiB
const SECTORS = 4 * PIECE + 24;
const closing = (disk: BlockBackend): Disk => ({ ...disk, read: (...a) => disk.read(...a), write: (...a) => disk.write(...a), flush: (...a) => disk.flush(...a), path: "", close: () => Promise.resolve() });
const write = (disk: BlockBackend, sector: number, count: number, fill: number): Promise<string | null> => new Promise((done) => disk.write(512 * sector, new Uint8Array(512 * count).fill(fill), done));
const copyOf = (disk: CopyableDisk, ...to: Parameters<CopyableDisk["copy"]>): DiskCopy => {
  const copy = disk.copy(...to);
  copy.begin();
  return copy;
};
const soon = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
};

describe("a copy before write", () => {
  it("has the moment, whatever is written meanwhile and in whatever order the host does it", async () => {
    const sector = fc.oneof(fc.integer({ min: 0, max: SECTORS - 40 }), fc.constantFrom(PIECE - 20, PIECE - 1, 2 * PIECE - 3, SECTORS - 40));
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant("write" as const), sector, count: fc.integer({ min: 1, max: 40 }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("copy" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("begin" as const) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("release" as const), n: fc.nat(30) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("turn" as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 60 }), fc.boolean(), async (steps, layered) => {
        const bytes = new Uint8Array(512 * SECTORS).fill(1), written = new SectorMap();
        const host = failingDisk(layered ? overlay(ramDisk(bytes), ramDisk(new Uint8Array(bytes.length)), written) : ramDisk(bytes), () => "hold");
        const into = ramDisk(new Uint8Array(bytes.length)), map = new SectorMap(), target = layered ? overlay(ramDisk(new Uint8Array(bytes.length)), into, map) : into;
        const disk = copyable(closing(host));
        // What each sector may be at the moment: what was there, then every write to it that was begun before; of those that overlap and are under way together the host chooses.
        const model = Array.from({ length: SECTORS }, () => new Set([1]));
        const open = new Set<{ readonly sector: number; readonly count: number }>();
        let wanted: ReadonlySet<number>[] | undefined, copy: ReturnType<typeof disk.copy> | undefined, fill = 1, begun = false, writes: Promise<unknown>[] = [];
        for (const each of steps) {
          if (each.do === "write") {
            fill = (fill % 250) + 2;
            const value = fill;
            const range = { sector: each.sector, count: each.count };
            for (let n = each.sector; n < each.sector + each.count; n++) {
              if (![...open].some((other) => n >= other.sector && n < other.sector + other.count)) model[n]!.clear();
              model[n]!.add(value);
            }
            open.add(range);
            writes.push(write(disk, each.sector, each.count, value).then((error) => (expect(error).toBeNull(), open.delete(range))));
          } else if (each.do === "copy" && copy === undefined) {
            wanted = model.map((set) => new Set(set));
            copy = disk.copy(target, layered ? (sector) => written.has(sector) : undefined);
          } else if (each.do === "begin" && copy !== undefined && !begun) {
            begun = true;
            copy.begin();
          } else if (each.do === "release" && host.held > 0) host.release(each.n % host.held);
          else if (each.do === "turn") await soon();
          await Promise.resolve();
        }
        if (!begun) copy?.begin();
        let over = copy === undefined;
        void copy?.done.then(() => (over = true));
        for (let n = 0; (!over || host.held > 0 || open.size > 0) && n < 3000; n++) {
          while (host.held > 0) host.release();
          await new Promise((resolve) => setImmediate(resolve));
        }
        await Promise.all(writes);
        writes = [];
        if (copy === undefined || wanted === undefined) return;
        await copy.done;
        const had = new Uint8Array(bytes.length);
        (layered ? overlay(ramDisk(bytes), into, map) : into).read(0, had, (error) => expect(error).toBeNull());
        for (let n = 0; n < SECTORS; n++) expect([...wanted[n]!], `sector ${n}`).toContain(had[512 * n]);
        for (let n = 0; n < SECTORS; n++) expect(had[512 * n + 511]).toBe(had[512 * n]);
      }),
      { numRuns: 80 },
    );
  });

  it("copies first the piece that is written to, and lets writes elsewhere go at once", async () => {
    const host = failingDisk(ramDisk(new Uint8Array(512 * SECTORS).fill(7)), (_, { kind }) => (kind === "read" ? "hold" : "pass"));
    const target = new Uint8Array(512 * SECTORS), disk = copyable(closing(host));
    const copy = copyOf(disk, ramDisk(target));
    let done = false;
    const waits = write(disk, 2 * PIECE + 1, 1, 9).then((error) => (expect(error).toBeNull(), (done = true)));
    await soon();
    // The first in the background, and the one that is waited for; no other.
    expect(host.operations.map(({ kind, offset }) => `${kind} ${offset / 512}`)).toEqual(["read 0", `read ${2 * PIECE}`]);
    host.release(1);
    await waits;
    expect([done, target[512 * (2 * PIECE + 1)]]).toEqual([true, 7]);
    const before = host.operations.length;
    expect(await write(disk, 2 * PIECE + 40, 1, 9)).toBeNull();
    expect(host.operations.slice(before).map(({ kind }) => kind)).toEqual(["write"]);
    for (let n = 0; n < 20; n++) {
      if (host.held > 0) host.release();
      await soon();
    }
    await copy.done;
    expect(target.every((byte) => byte === 7)).toBe(true);
  });

  it("gives the host its turn, and has no more under way than it may, however much is written", async () => {
    const sectors = 64 * PIECE;
    const host = failingDisk(ramDisk(new Uint8Array(512 * sectors)), (_, { kind }) => (kind === "read" ? "hold" : "pass"));
    const disk = copyable(closing(host)), copy = copyOf(disk, ramDisk(new Uint8Array(512 * sectors)));
    const writes = Array.from({ length: 60 }, (_, n) => write(disk, (n + 4) * PIECE, 1, 1));
    await soon();
    expect(host.held).toBe(4);
    for (let n = 0; n < 70; n++) {
      host.releaseAll();
      await soon();
    }
    expect((await Promise.all(writes)).every((error) => error === null)).toBe(true);
    await copy.done;

    const fast = copyable(closing(ramDisk(new Uint8Array(512 * sectors).fill(3))));
    let turns = 0, over = false;
    const all = copyOf(fast, ramDisk(new Uint8Array(512 * sectors))).done.then(() => (over = true));
    while (!over) {
      await new Promise((resolve) => setImmediate(resolve));
      turns++;
    }
    await all;
    expect(turns).toBeGreaterThanOrEqual(16);
  });

  it("copies nothing in the background before it is told, and what is written to all the same", async () => {
    const host = failingDisk(ramDisk(new Uint8Array(512 * SECTORS).fill(7)), () => "pass"), target = new Uint8Array(512 * SECTORS), disk = copyable(closing(host));
    const copy = disk.copy(ramDisk(target));
    await soon();
    expect(host.operations).toEqual([]);
    expect(await write(disk, PIECE, 1, 9)).toBeNull();
    expect(host.operations.map(({ kind }) => kind)).toEqual(["read", "write"]);
    copy.begin();
    await copy.done;
    expect(target.every((byte) => byte === 7)).toBe(true);
    const given = disk.copy(ramDisk(target));
    given.giveUp("not now");
    await expect(given.done).rejects.toThrow(/not now/);
  });

  it("leaves holes, and is one at a time", async () => {
    const bytes = new Uint8Array(512 * SECTORS);
    bytes[512 * PIECE] = 1;
    const target = failingDisk(ramDisk(new Uint8Array(512 * SECTORS)), () => "pass"), disk = copyable(closing(ramDisk(bytes)));
    const copy = copyOf(disk, target);
    expect(() => disk.copy(target)).toThrow(/under way/);
    await copy.done;
    expect(target.operations).toEqual([{ kind: "write", offset: 512 * PIECE, bytes: 512 * PIECE }]);
    await copyOf(disk, target).done;
  });

  it.each([
    ["cannot be read", { read: { fail: "worn out" }, write: "pass" }, /disk bailiwick cannot be read: worn out/],
    ["cannot be written", { read: "pass", write: { fail: "no space" } }, /the copy of disk bailiwick cannot be written: no space/],
    ["is given up", { read: "pass", write: "hold" }, /enough/],
    ["is closed", { read: "pass", write: "hold" }, /the disk is closed/],
  ] as const)("that %s says so, and every write is done all the same", async (what, plan, says) => {
    const bytes = new Uint8Array(512 * SECTORS).fill(5);
    const host = failingDisk(ramDisk(bytes), (_, { kind }) => (kind === "read" ? plan.read : "pass"));
    const target = failingDisk(ramDisk(new Uint8Array(512 * SECTORS)), () => plan.write);
    const disk = copyable(closing(host)), copy = copyOf(disk, target);
    const writes = [write(disk, PIECE + 3, 2, 8), write(disk, 3 * PIECE, 1, 9)];
    await soon();
    if (what === "is given up") copy.giveUp("enough");
    if (what === "is closed") await disk.close();
    expect(await Promise.all(writes)).toEqual([null, null]);
    // The target is left alone once it has failed.
    target.releaseAll();
    await expect(copy.done).rejects.toThrow(says);
    const asked = target.operations.length;
    expect(await write(disk, 0, 1, 4)).toBeNull();
    await soon();
    expect([target.operations.length, bytes[0], bytes[512 * (PIECE + 4)], bytes[512 * 3 * PIECE]]).toEqual([asked, 4, 8, 9]);
  });
});
