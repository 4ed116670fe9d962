// Disks on the host: image files in each mode, overlays, disks in memory.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { BlockBackend } from "../../core/devices/virtio/block-backend.ts";
import { DiskError, openDisk, ramDisk, type Disk, type DiskOptions } from "../../core/host/disk.ts";
import { overlay } from "../../core/host/overlay.ts";
import { writeWithin } from "../../core/machine/unicorn.ts";
import { failingDisk } from "../support/disk.ts";

/** While `held` is a list, writes to the host wait in it; `log` tells what reached the host, and `patience` how long each write was waited for at most; while `slow`, that is not enough. */
const host = vi.hoisted(() => ({ held: null as (() => void)[] | null, log: null as string[] | null, patience: null as number[] | null, slow: false }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const fdatasync = (...parameters: Parameters<typeof fs.fdatasync>): void => {
    host.log?.push("sync");
    fs.fdatasync(...parameters);
  };
  return { ...fs, fdatasync };
});
vi.mock("../../core/machine/unicorn.ts", async (original) => {
  const addon = await original<typeof import("../../core/machine/unicorn.ts")>();
  const writeWithin = (fd: number, position: number, bytes: Uint8Array, patience: number, done: (result: number) => void): number | undefined => {
    if (host.held === null) {
      host.log?.push("write");
      host.patience?.push(patience);
      if (host.slow) return void setImmediate(() => done(addon.writeWithin(fd, position, bytes, 1e6, () => undefined)!));
      // Whoever counts what is waited for has a machine that is never too busy.
      return addon.writeWithin(fd, position, bytes, host.patience !== null && patience > 0 ? 1e6 : patience, done);
    }
    host.held.push(() => {
      host.log?.push("write");
      const result = addon.writeWithin(fd, position, bytes, 0, done);
      if (result !== undefined) done(result);
    });
    return undefined;
  };
  return { ...addon, writeWithin };
});

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "bailiwick-disk-test-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let images = 0;
const image = (bytes: number, fill = 0): string => {
  const path = join(folder, `image${images++}`);
  writeFileSync(path, new Uint8Array(bytes).fill(fill));
  return path;
};
const asked = (begin: (done: (error: string | null) => void) => void): Promise<string | null> => new Promise((resolve) => begin(resolve));
const write = (disk: BlockBackend, sector: number, count: number, fill: number): Promise<string | null> =>
  asked((done) => disk.write(512 * sector, new Uint8Array(512 * count).fill(fill), done));
/** The first byte of each sector, or the error. */
const read = async (disk: BlockBackend, sector: number, count: number): Promise<number[] | string> => {
  const into = new Uint8Array(512 * count).fill(0xee);
  const error = await asked((done) => disk.read(512 * sector, into, done));
  for (let n = 0; n < count; n++) expect(new Set(into.subarray(512 * n, 512 * (n + 1))).size).toBe(1);
  return error ?? Array.from({ length: count }, (_, n) => into[512 * n]!);
};
const flush = (disk: BlockBackend): Promise<string | null> => asked((done) => disk.flush(done));
const using = async (options: DiskOptions, use: (disk: Disk) => Promise<unknown>): Promise<void> => {
  const disk = await openDisk(options);
  try {
    await use(disk);
  } finally {
    await disk.close();
  }
};

describe("an image file", () => {
  it("keeps what was written, and is created sparse and zero when a size is given", async () => {
    const path = join(folder, "new.img");
    await using({ path, mode: "rw", size: 2 ** 30 }, async (disk) => {
      expect(disk).toMatchObject({ sectors: 2 ** 21, readOnly: false, path });
      expect(await read(disk, 2 ** 21 - 3, 3)).toEqual([0, 0, 0]);
      expect(await write(disk, 2 ** 21 - 2, 1, 7)).toBeNull();
      expect(await flush(disk)).toBeNull();
    });
    expect(statSync(path)).toMatchObject({ size: 2 ** 30 });
    expect(statSync(path).blocks * 512).toBeLessThan(2 ** 20);
    await using({ path, mode: "ro", size: 2 ** 30 }, async (disk) => expect(await read(disk, 2 ** 21 - 3, 3)).toEqual([0, 7, 0]));
  });

  it("refuses writes in mode ro, and needs no right to write", async () => {
    const path = image(4096, 5);
    chmodSync(path, 0o444);
    await using({ path, mode: "ro" }, async (disk) => {
      expect(disk.readOnly).toBe(true);
      expect(await write(disk, 0, 1, 1)).toMatch(/reading only/);
      expect(await flush(disk)).toBeNull();
      expect(await read(disk, 0, 8)).toEqual(Array(8).fill(5));
    });
  });

  it("flushes after the writes begun before, many at once", async () => {
    const path = image(512 * 64);
    await using({ path, mode: "rw" }, async (disk) => {
      const order: string[] = [];
      const note = (name: string) => (error: string | null) => void order.push(error ?? name);
      await Promise.all([
        ...Array.from({ length: 32 }, (_, n) => write(disk, n, 1, n + 1).then(note("write"))),
        flush(disk).then(note("flush")),
      ]);
      expect(order).toEqual([...Array(32).fill("write"), "flush"]);
      expect(await read(disk, 0, 32)).toEqual(Array.from({ length: 32 }, (_, n) => n + 1));
    });
  });

  it("lets a flush wait for the writes before it, and for no others", async () => {
    await using({ path: image(4096), mode: "rw" }, async (disk) => {
      const held: (() => void)[] = (host.held = []);
      const log: string[] = (host.log = []);
      try {
        const results = [write(disk, 0, 1, 1), write(disk, 1, 1, 2)];
        let flushed = false;
        const first = flush(disk).then(() => void (flushed = true));
        results.push(write(disk, 2, 1, 3));
        const second = flush(disk);
        // The write that came after the first flush ends first, then one of the two before.
        held[2]!();
        await results[2];
        held[1]!();
        await results[1];
        expect([log, flushed]).toEqual([["write", "write"], false]);
        held[0]!();
        await first;
        await second;
        expect(log).toEqual(["write", "write", "write", "sync", "sync"]);
        const third = write(disk, 3, 1, 4);
        const fourth = flush(disk);
        const late = write(disk, 4, 1, 5);
        held[3]!();
        expect([await third, await fourth]).toEqual([null, null]);
        held[4]!();
        expect(await late).toBeNull();
      } finally {
        host.held = host.log = null;
      }
    });
  });

  it("waits a moment for a write, and not for some after one that took longer", async () => {
    await using({ path: image(8192), mode: "rw" }, async (disk) => {
      const patience: number[] = (host.patience = []);
      try {
        let done = 0;
        for (let n = 0; n < 3; n++) disk.write(512 * n, new Uint8Array(512).fill(n + 1), (error) => void (error === null && done++));
        await new Promise(setImmediate);
        expect([done, patience.every((us) => us > 0 && us < 1000)]).toEqual([3, true]);
        expect(await read(disk, 0, 4)).toEqual([1, 2, 3, 0]);
        patience.length = 0;
        host.slow = true;
        expect(await write(disk, 4, 1, 9)).toBeNull();
        host.slow = false;
        for (let n = 0; n < 12; n++) expect(await write(disk, n % 8, 1, 7)).toBeNull();
        const hasty = patience.slice(1).findIndex((us) => us > 0);
        expect([patience[0]! > 0, hasty, patience.slice(1 + hasty).every((us) => us > 0)]).toEqual([true, 8, true]);
        expect(await read(disk, 0, 8)).toEqual(Array(8).fill(7));
      } finally {
        host.patience = null;
        host.slow = false;
      }
    });
  });

  it("says of a write that fails what the host says, whether it was waited for or not", async () => {
    const full = await open("/dev/full", "r+");
    try {
      for (const patience of [1e6, 0]) {
        const result = await new Promise<number>((resolve) => {
          const now = writeWithin(full.fd, 0, new Uint8Array(512), patience, resolve);
          if (now !== undefined) resolve(now);
        });
        expect(result).toBe(-constants.errno.ENOSPC);
      }
    } finally {
      await full.close();
    }
  });

  it("says so when it has become shorter, and when it is closed", async () => {
    const path = image(8192, 1);
    const disk = await openDisk({ path, mode: "rw" });
    truncateSync(path, 4096 + 100);
    expect(await read(disk, 0, 8)).toEqual(Array(8).fill(1));
    expect(await asked((done) => disk.read(4096, new Uint8Array(512), done))).toMatch(/shorter/);
    const late = write(disk, 0, 1, 9);
    const closed = disk.close();
    expect(disk.close()).toBe(closed);
    await closed;
    expect(await late).toBeNull();
    expect(readFileSync(path)[0]).toBe(9);
    for (const result of [await write(disk, 0, 1, 1), await read(disk, 0, 0), await flush(disk)]) expect(result).toMatch(/closed/);
  });
});

describe("an image that cannot be used says why, and what to do", () => {
  const refused = async (options: DiskOptions, ...wanted: readonly RegExp[]): Promise<void> => {
    const error: unknown = await openDisk(options).then((disk) => disk.close(), (error: unknown) => error);
    expect(error).toBeInstanceOf(DiskError);
    for (const pattern of wanted) expect((error as DiskError).message).toMatch(pattern);
    expect((error as DiskError).message).toContain(options.path);
  };
  it("missing", async () => {
    const path = join(folder, "nowhere.img");
    await refused({ path, mode: "ro" }, /missing: create one with 'truncate/);
    await refused({ path, mode: "overlay", size: 512 }, /missing/);
    await refused({ path, mode: "rw" }, /missing: give a size/);
    await refused({ path: join(folder, "none", "a.img"), mode: "rw", size: 512 }, /cannot be created: its directory/);
    expect(existsSync(path)).toBe(false);
  });
  it("not a file", async () => {
    await refused({ path: folder, mode: "ro" }, /is a directory/);
    await refused({ path: join(image(512), "x"), mode: "rw", size: 512 }, /cannot be opened/);
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    await refused({ path: pipe, mode: "ro" }, /not a regular file/);
  });
  it("a size that is none, or another", async () => {
    await refused({ path: image(0), mode: "rw" }, /is empty/);
    await refused({ path: image(1000), mode: "ro" }, /is 1000 bytes, not a multiple of 512.*1024/);
    await refused({ path: image(1024), mode: "rw", size: 2048 }, /has 1024 bytes, not the 2048 asked for: .*truncate -s 2048/);
    const path = join(folder, "unmade.img");
    for (const size of [0, 100, -512, NaN, 512.5, 2 ** 60]) await refused({ path, mode: "rw", size }, /the size asked for/);
    expect(existsSync(path)).toBe(false);
  });
  it("too large for the filesystem: nothing is left behind", async () => {
    const path = join(folder, "huge.img");
    // 4 PiB is more than most filesystems give a file; where it is not, the image is made.
    const error: unknown = await openDisk({ path, mode: "rw", size: 2 ** 52 }).then((disk) => disk.close(), (error: unknown) => error);
    if (error === undefined) return rmSync(path);
    expect(error).toMatchObject({ message: expect.stringMatching(/make it smaller/) as string });
    expect(existsSync(path)).toBe(false);
  });
  it.skipIf(process.getuid?.() === 0)("not readable, not writable", async () => {
    const path = image(512);
    chmodSync(path, 0o444);
    await refused({ path, mode: "rw" }, /for writing .*: open it in mode ro or overlay/);
    chmodSync(path, 0);
    await refused({ path, mode: "overlay" }, /for reading .*: make it readable/);
    const closed = join(folder, "closed");
    mkdirSync(closed, { mode: 0o500 });
    await refused({ path: join(closed, "a.img"), mode: "rw", size: 512 }, /cannot be created/);
  });
  it("open for writing already, by whatever name, until that is closed; failures do not keep it", async () => {
    const path = image(512);
    const [link, hard] = [join(folder, "link"), join(folder, "hard")];
    symlinkSync(path, link);
    linkSync(path, hard);
    await refused({ path, mode: "rw", size: 1024 }, /asked for/);
    const disk = await openDisk({ path, mode: "rw" });
    for (const other of [path, link, hard]) await refused({ path: other, mode: "rw" }, /already open for writing in this process/);
    await disk.close();
    await using({ path: link, mode: "rw" }, () => Promise.resolve());
  });
  it.skipIf(process.platform !== "linux")("open for writing in another process, until that is killed", async () => {
    const path = image(512);
    const module = new URL("../../core/host/disk.ts", import.meta.url).pathname;
    const program = join(folder, "other.mjs");
    // Built first: this version of Node does not run TypeScript.
    const { build } = await import("esbuild");
    await build({ entryPoints: [module], bundle: true, platform: "node", format: "esm", outfile: join(folder, "disk.mjs"), logLevel: "silent" });
    writeFileSync(program, `import { openDisk } from "./disk.mjs"; await openDisk({ path: process.argv[2], mode: "rw" }); console.log("open"); setInterval(() => {}, 1000);`);
    const other = spawn(process.execPath, [program, path], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise((resolve) => other.once("exit", resolve));
    try {
      await new Promise((resolve) => other.stdout.once("data", resolve));
      await refused({ path, mode: "rw" }, /already open for writing in another process/);
    } finally {
      other.kill("SIGKILL");
      await ended;
    }
    await using({ path, mode: "rw" }, async (disk) => expect(await write(disk, 0, 1, 1)).toBeNull());
  });
});

describe("an overlay", () => {
  it.each([["in memory", 8 * 2 ** 20], ["in a file", 8 * 2 ** 20 + 512]])("%s takes writes, and leaves the image and everything else as it was", async (_name, bytes) => {
    const path = image(bytes, 1);
    chmodSync(path, 0o444);
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith("bailiwick-overlay"));
    const last = bytes / 512 - 1;
    await using({ path, mode: "overlay" }, async (disk) => {
      expect(disk).toMatchObject({ readOnly: false, sectors: last + 1 });
      expect(await write(disk, 3, 2, 9)).toBeNull();
      expect(await write(disk, last, 1, 8)).toBeNull();
      expect(await flush(disk)).toBeNull();
      expect(await read(disk, 0, 8)).toEqual([1, 1, 1, 9, 9, 1, 1, 1]);
      expect(await read(disk, 3, 2)).toEqual([9, 9]);
      expect(await read(disk, last - 1, 2)).toEqual([1, 8]);
      expect(readdirSync(tmpdir()).filter((name) => name.startsWith("bailiwick-overlay"))).toEqual(before);
    });
    expect(readFileSync(path).every((byte) => byte === 1)).toBe(true);
    await using({ path, mode: "overlay" }, async (disk) => expect(await read(disk, 3, 1)).toEqual([1]));
  });

  it("without a place for its changes says so", async () => {
    const { TMPDIR } = process.env;
    process.env.TMPDIR = join(folder, "none");
    try {
      await expect(openDisk({ path: image(8 * 2 ** 20 + 512), mode: "overlay" })).rejects.toThrow(/temporary file .*point TMPDIR/);
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
    }
  });

  it("shows a write once it is done, and not when it failed", () => {
    const base = ramDisk(new Uint8Array(4096).fill(1));
    const top = failingDisk(ramDisk(new Uint8Array(4096)), (_, { kind }) => (kind === "write" ? "hold" : "pass"));
    const disk = overlay(base, top);
    const results: (string | null)[] = [];
    const first = (): number => {
      const into = new Uint8Array(512);
      disk.read(0, into, (error) => expect(error).toBeNull());
      return into[0]!;
    };
    const begin = (): void => disk.write(0, new Uint8Array(512).fill(2), (error) => void results.push(error));
    begin();
    expect(first()).toBe(1);
    top.release(0, "no");
    expect(first()).toBe(1);
    begin();
    top.release();
    expect(first()).toBe(2);
    expect(results).toEqual(["no", null]);
  });

  it("reads as the map was when it began, though a write ends meanwhile; and passes errors on", () => {
    const base = failingDisk(ramDisk(new Uint8Array(1024).fill(1)), (n) => (n === 0 ? "hold" : { fail: "base" }));
    const top = ramDisk(new Uint8Array(1024));
    const disk = overlay(base, top);
    disk.write(512, new Uint8Array(512).fill(2), () => undefined);
    const into = new Uint8Array(1024);
    const errors: (string | null)[] = [];
    disk.read(0, into, (error) => void errors.push(error));
    disk.write(0, new Uint8Array(512).fill(3), () => undefined);
    base.release();
    expect([into[0], into[511], into[512]]).toEqual([1, 1, 2]);
    const other = overlay(base, top);
    other.read(0, into, (error) => void errors.push(error));
    expect(errors).toEqual([null, "base"]);
  });

  it("is a disk: any writes and reads, as of plain bytes", () => {
    const SECTORS = 16384 + 24; // beyond one piece of the map
    const range = fc.tuple(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 16380, max: SECTORS - 10 })), fc.integer({ min: 1, max: 10 }), fc.boolean());
    const base = ramDisk(new Uint8Array(512 * SECTORS).fill(0xaa));
    fc.assert(
      fc.property(fc.array(range, { maxLength: 30 }), (steps) => {
        const disk = overlay(base, ramDisk(new Uint8Array(512 * SECTORS)));
        const model = new Uint8Array(SECTORS).fill(0xaa);
        steps.forEach(([sector, count, writes], n) => {
          const bytes = new Uint8Array(512 * count).fill(n);
          if (writes) disk.write(512 * sector, bytes, (error) => expect(error).toBeNull());
          else disk.read(512 * sector, bytes, (error) => expect(error).toBeNull());
          if (writes) model.fill(n, sector, sector + count);
          else for (let i = 0; i < count; i++) expect([bytes[512 * i], bytes[512 * i + 511]]).toEqual([model[sector + i], model[sector + i]]);
        });
      }),
      { numRuns: 60 },
    );
  });
});

describe("a disk in memory", () => {
  it("is the caller's bytes, whole sectors of them", async () => {
    const bytes = new Uint8Array(1024);
    const disk = ramDisk(bytes);
    expect(await write(disk, 1, 1, 3)).toBeNull();
    expect([bytes[511], bytes[512], bytes[1023]]).toEqual([0, 3, 3]);
    expect(await read(disk, 0, 2)).toEqual([0, 3]);
    expect(await flush(disk)).toBeNull();
    expect(() => ramDisk(new Uint8Array(100))).toThrow(DiskError);
    expect(() => ramDisk(new Uint8Array(0))).toThrow(/empty/);
  });
});
