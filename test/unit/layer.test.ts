// Layers: what was written over a disk, kept, whatever ends the host.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { BlockBackend } from "../../core/devices/virtio/block-backend.ts";
import { DiskError, openDisk, type Disk } from "../../core/host/disk.ts";
import { createLayer, openLayer } from "../../core/host/layer.ts";

/** What has reached the host, in order: bytes at a place of the file, or that the first so many steps are on stable storage, which were there when that was asked for. While `full`, nothing can be written. */
type Step = { readonly at: number; readonly bytes: Uint8Array } | { readonly safe: number };
const host = vi.hoisted(() => ({ log: null as Step[] | null, full: false }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const fdatasync = (fd: number, done: (error: Error | null) => void): void => {
    const safe = host.log?.length ?? 0;
    fs.fdatasync(fd, (error) => {
      if (error === null) host.log?.push({ safe });
      done(error);
    });
  };
  return { ...fs, fdatasync };
});
vi.mock("../../core/machine/unicorn.ts", async (original) => {
  const addon = await original<typeof import("../../core/machine/unicorn.ts")>();
  const writeWithin = (fd: number, at: number, bytes: Uint8Array, _patience: number, done: (result: number) => void): number | undefined => {
    if (host.full) return -28;
    host.log?.push({ at, bytes: bytes.slice() });
    return addon.writeWithin(fd, at, bytes, 1e6, done);
  };
  return { ...addon, writeWithin };
});

const SECTORS = 4064 + 40; // beyond one piece of the map
const OVER = new Uint8Array(32).fill(0x5a);
let folder: string, base: string, path: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "bailiwick-layer-test-"));
  base = join(folder, "base");
  writeFileSync(base, new Uint8Array(512 * SECTORS).fill(1));
  // The map is written by file handles.
  const handle = await open(base, "r"), handles = Object.getPrototypeOf(handle) as { write: (...parameters: unknown[]) => Promise<unknown>; datasync: () => Promise<void> };
  await handle.close();
  const { write, datasync } = handles;
  handles.write = function (bytes: unknown, from: unknown, length: unknown, at: unknown) {
    if (host.full) return Promise.reject(new Error("no space left on device"));
    host.log?.push({ at: Number(at), bytes: (bytes as Uint8Array).slice(Number(from), Number(from) + Number(length)) });
    return write.call(this, bytes, from, length, at);
  };
  handles.datasync = async function () {
    const safe = host.log?.length ?? 0;
    await datasync.call(this);
    host.log?.push({ safe });
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  rmSync((path = join(folder, "layer")), { force: true });
  await createLayer(path, SECTORS, OVER);
});

const layer = async (mode: "rw" | "ro" = "rw", at = path): Promise<Awaited<ReturnType<typeof openLayer>>> => openLayer({ path: at, base: await openDisk({ path: base, mode: "ro", id: "b" }), over: OVER, mode });
const write = (disk: BlockBackend, sector: number, count: number, fill: number): Promise<string | null> => new Promise((done) => disk.write(512 * sector, new Uint8Array(512 * count).fill(fill), done));
const flush = (disk: BlockBackend): Promise<string | null> => new Promise((done) => disk.flush(done));
/** Sectors that the tests write to: from each first one on, so many. */
const USED = [[0, 40], [4050, SECTORS - 4050]] as const;
/** The first byte of each sector, which is its last, too; 1 of those that are not used. */
const contents = async (disk: Disk): Promise<readonly number[]> => {
  const into = new Uint8Array(512 * SECTORS).fill(1);
  for (const [first, count] of USED) expect(await new Promise((done) => disk.read(512 * first, into.subarray(512 * first, 512 * (first + count)), done))).toBeNull();
  return Array.from({ length: SECTORS }, (_, n) => {
    if (into[512 * n + 511] !== into[512 * n]) throw new Error(`sector ${n} is of two writes`);
    return into[512 * n]!;
  });
};

const range = fc.record({ sector: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 4050, max: SECTORS - 10 })), count: fc.integer({ min: 1, max: 10 }) });

describe("a layer", () => {
  it("is a disk that outlives its closing, any number of times", async () => {
    const step = fc.oneof({ weight: 6, arbitrary: range }, { weight: 1, arbitrary: fc.constant("flush" as const) }, { weight: 2, arbitrary: fc.constant("reopen" as const) });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const at = join(folder, `any-${run++}`), model: number[] = Array(SECTORS).fill(1);
        await createLayer(at, SECTORS, OVER);
        let disk = await layer("rw", at), fill = 1;
        try {
          for (const each of steps) {
            if (each === "flush") expect(await flush(disk)).toBeNull();
            else if (each === "reopen") {
              await disk.close();
              disk = await layer("rw", at);
            } else {
              expect(await write(disk, each.sector, each.count, ++fill)).toBeNull();
              model.fill(fill, each.sector, each.sector + each.count);
            }
          }
          expect(await contents(disk)).toEqual(model);
        } finally {
          await disk.close();
        }
        disk = await layer("ro", at);
        expect(disk.readOnly).toBe(true);
        expect(await contents(disk)).toEqual(model);
        expect(await write(disk, 0, 1, 9)).toMatch(/reading only/);
        await disk.close();
        rmSync(at);
      }),
      { numRuns: 40 },
    );
    expect(readFileSync(base).every((byte) => byte === 1)).toBe(true);
  });

  it("has all that was flushed and nothing that was never written, wherever the power is cut", async () => {
    const step = fc.oneof({ weight: 5, arbitrary: range }, { weight: 2, arbitrary: fc.constant("flush" as const) }, { weight: 2, arbitrary: fc.record({ beside: range }) });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 10 }), fc.infiniteStream(fc.boolean()), async (steps, kept) => {
        const at = join(folder, `cut-${run++}`), torn = `${at}-torn`;
        await createLayer(at, SECTORS, OVER);
        const header = readFileSync(at).subarray(0, 4096), bytes = statSync(at).size;
        const log: Step[] = (host.log = []);
        // By sector: each value with where in the log its writing began and had ended; flushes that ended, with where they began and had ended.
        const values: { readonly value: number; readonly begun: number; done: number }[][] = Array.from({ length: SECTORS }, () => [{ value: 1, begun: -1, done: -1 }]);
        const flushed: { readonly begun: number; readonly done: number }[] = [];
        const disk = await layer("rw", at);
        let fill = 1;
        const put = async ({ sector, count }: { readonly sector: number; readonly count: number }): Promise<void> => {
          const made = { value: (fill = (fill % 254) + 1), begun: log.length, done: Infinity };
          for (let n = sector; n < sector + count; n++) values[n]!.push(made);
          expect(await write(disk, sector, count, made.value)).toBeNull();
          made.done = log.length;
        };
        const keep = async (): Promise<void> => {
          const begun = log.length;
          expect(await flush(disk)).toBeNull();
          flushed.push({ begun, done: log.length });
        };
        for (const each of steps) {
          if (each === "flush") await keep();
          else if ("beside" in each) await Promise.all([keep(), put(each.beside), keep()]);
          else await put(each);
        }
        host.log = null;
        await disk.close();
        for (let end = 0; end <= log.length; end++) {
          // Up to the cut: what was synced is there, of what came after it some sectors are and some are not.
          const safe = Math.max(0, ...log.slice(0, end).map((each) => ("safe" in each ? each.safe : 0)));
          const handle = await open(torn, "w");
          await handle.truncate(bytes);
          await handle.write(header, 0, header.length, 0);
          for (const [i, each] of log.slice(0, end).entries()) {
            if ("safe" in each) continue;
            for (let from = 0; from < each.bytes.length; from += 512) if (i < safe || kept.next().value === true) await handle.write(each.bytes, from, 512, each.at + from);
          }
          await handle.close();
          const again = await layer("rw", torn);
          const found = await contents(again);
          await again.close();
          for (const [n, all] of values.entries()) {
            if (all.length === 1 && found[n] === 1) continue;
            const begun = all.filter((each) => each.begun <= end), sure = Math.max(...flushed.filter(({ done }) => done <= end).map((each) => each.begun), -1);
            const last = begun.findLastIndex((each) => each.done <= sure);
            expect(begun.slice(Math.max(0, last)).map((each) => each.value), `sector ${n}`).toContain(found[n]);
          }
        }
        rmSync(at);
        rmSync(torn);
      }),
      { numRuns: 60 },
    );
  });

  it("puts data on stable storage before the map, and the map before it says so; a map that has not changed is not written", async () => {
    const disk = await layer();
    const log: Step[] = (host.log = []);
    const short = (): string => log.splice(0).map((step) => ("safe" in step ? "sync" : step.at < 2 * 4096 ? "map" : "data")).join(" ");
    await write(disk, 3, 2, 9);
    await write(disk, 4070, 1, 9);
    expect(await flush(disk)).toBeNull();
    expect(short()).toBe("data data sync map map sync");
    await write(disk, 3, 2, 8);
    expect(await flush(disk)).toBeNull();
    expect(short()).toBe("data sync");
    await write(disk, 7, 1, 8);
    await disk.close();
    expect(short()).toBe("data sync map sync");
    host.log = null;
  });

  it("that could not be flushed is flushed again, with all of it", async () => {
    const disk = await layer();
    await write(disk, 3, 2, 9);
    host.full = true;
    expect(await flush(disk)).toMatch(/no space/);
    expect(await write(disk, 3, 2, 7)).toMatch(/ENOSPC|no space/);
    host.full = false;
    expect(await flush(disk)).toBeNull();
    copyFileSync(path, `${path}-copy`);
    await disk.close();
    const copy = await layer("ro", `${path}-copy`);
    expect((await contents(copy)).slice(2, 6)).toEqual([1, 9, 9, 1]);
    await copy.close();
    rmSync(`${path}-copy`);
  });

  it("takes as much room as was written", async () => {
    const large = join(folder, "large"), disk = join(folder, "large.img");
    writeFileSync(disk, "");
    truncateSync(disk, 2 ** 40);
    await createLayer(large, 2 ** 31, OVER);
    const opened = await openLayer({ path: large, base: await openDisk({ path: disk, mode: "ro" }), over: OVER, mode: "rw" });
    await write(opened, 2 ** 31 - 1, 1, 1);
    await opened.close();
    expect(statSync(large).blocks * 512).toBeLessThan(64 * 1024);
    rmSync(large);
  });

  it("is opened for writing once", async () => {
    const disk = await layer();
    const below = await openDisk({ path: base, mode: "ro" });
    await expect(openLayer({ path, base: below, over: OVER, mode: "rw" })).rejects.toThrow(/layer '.*' is already open for writing in this process/);
    await below.close();
    await disk.close();
    await (await layer()).close();
  });

  it.each([
    ["its magic", (bytes: Buffer) => bytes.fill(0, 0, 4), /is no layer/],
    ["another version", (bytes: Buffer) => bytes.writeUInt32LE(2, 8), /of version 2, and this version of Bailiwick reads 1/],
    ["its header", (bytes: Buffer) => (bytes[17]! ^= 1), /is damaged: its header/],
    ["its map", (bytes: Buffer) => (bytes[4096 + 3]! ^= 1), /is damaged: the map of sectors from 0 on/],
    ["the sum of its map", (bytes: Buffer) => (bytes[4096 + 511]! ^= 1), /is damaged: the map/],
    ["a map in another place", (bytes: Buffer) => bytes.copy(bytes, 4096 + 512, 4096, 4096 + 512), /is damaged: the map of sectors from 4064 on/],
    ["its length", (bytes: Buffer) => bytes.subarray(0, bytes.length - 512), /is damaged: it has \d+ bytes, and had \d+/],
    ["nothing in it", (bytes: Buffer) => bytes.subarray(0, 0), /is no layer/],
  ])("with %s damaged is refused by name, and its base stays open", async (_what, damage, says) => {
    const disk = await layer();
    await write(disk, 20, 3, 9);
    await disk.close();
    const bytes = readFileSync(path), cut = damage(bytes);
    writeFileSync(path, cut instanceof Buffer && cut.length < bytes.length ? cut : bytes);
    const below = await openDisk({ path: base, mode: "ro" });
    const error: unknown = await openLayer({ path, base: below, over: OVER, mode: "rw" }).then(() => undefined, (error: unknown) => error);
    expect(error).toBeInstanceOf(DiskError);
    expect((error as DiskError).message).toMatch(says);
    expect((error as DiskError).message).toContain(path);
    expect((await contents(below))[0]).toBe(1);
    await below.close();
  });

  it("over another disk, of another length, missing, or there already is refused by name", async () => {
    const below = await openDisk({ path: base, mode: "ro" });
    await expect(openLayer({ path, base: below, over: new Uint8Array(32), mode: "ro" })).rejects.toThrow(/lies over another disk/);
    await expect(openLayer({ path: `${path}-none`, base: below, over: OVER, mode: "ro" })).rejects.toThrow(/cannot be opened/);
    await expect(createLayer(path, SECTORS, OVER)).rejects.toThrow(/cannot be created/);
    await expect(createLayer(`${path}-huge`, 2 ** 36, OVER)).rejects.toThrow(/a layer at most/);
    await createLayer(`${path}-short`, SECTORS - 1, OVER);
    await expect(openLayer({ path: `${path}-short`, base: below, over: OVER, mode: "ro" })).rejects.toThrow(/of a disk of 4103 sectors, and this one has 4104/);
    await below.close();
  });
});
