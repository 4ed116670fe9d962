// RAM-IMAGE-*: a range of RAM written to a file while the machine goes on, and placed again: whole, lazily and shared; changes alone; files that are not what they were.
import { closeSync, copyFileSync, ftruncateSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createMachine, verifyRamImage, type NativeMachine } from "../../core/machine/unicorn.ts";

const MIB = 2 ** 20, PAGE = 4096, HEADER = 40, BYTES = 8 * MIB, AT = 2 * MIB;
let machine: NativeMachine, folder: string;
const open: number[] = [];

beforeEach(() => {
  machine = createMachine({ ramBytes: 32 * MIB, maxThreads: 2, maxSpaces: 2, maxEngines: 1, maxVcpus: 2, clock: "host" });
  folder = mkdtempSync(join(tmpdir(), "bailiwick-image-"));
});
afterEach(() => {
  machine.close();
  for (const fd of open.splice(0)) closeSync(fd);
  rmSync(folder, { recursive: true });
});

const file = (name: string, flags: string): number => {
  const fd = openSync(join(folder, name), flags);
  open.push(fd);
  return fd;
};
const ram = (at: number): Uint8Array => new Uint8Array(machine.ram, at, BYTES);
/** Something else in each page, and a page of zeros that was written. */
const fill = (at: number, seed: number): void => {
  const bytes = ram(at);
  for (let page = 0; page < BYTES / PAGE; page += 3) for (let i = 0; i < PAGE; i += 64) bytes[page * PAGE + i] = (page * 7 + i + seed) % 251;
  bytes.fill(0, PAGE, 2 * PAGE);
};
const save = async (name: string, at = AT, backed = false, changes = false): Promise<string> => new Promise((resolve) => machine.saveRam(at, BYTES, file(name, "w"), backed, changes, resolve));
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Bit by bit. Source: RFC 3720, B.4. */
function crc32c(bytes: Uint8Array): number {
  let sum = -1;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0x82f6_3b78 : 0);
  }
  return ~sum >>> 0;
}

describe("RAM-IMAGE", () => {
  test("001 what is saved is the memory as it was, whatever is written meanwhile; placed elsewhere it is the same", async () => {
    fill(AT, 1);
    const before = ram(AT).slice();
    const saved = save("a");
    ram(AT).fill(0xee);
    expect(await saved).toBe("");
    expect(await verifyRamImage(file("a", "r"))).toBe("");
    machine.placeRam(16 * MIB, BYTES, file("a", "r"));
    expect(same(ram(16 * MIB), before)).toBe(true);
    expect(same(ram(AT), new Uint8Array(BYTES).fill(0xee))).toBe(true);
    // Pages of zeros are holes.
    expect(statSync(join(folder, "a")).blocks * 512).toBeLessThan(BYTES / 2);
  });
  test("002 who places it shares what nobody writes, and has for himself what he writes; the file stays as it is", async () => {
    fill(AT, 2);
    expect(await save("a")).toBe("");
    const bytes = readFileSync(join(folder, "a"));
    machine.placeRam(AT, BYTES, file("a", "r"));
    machine.placeRam(16 * MIB, BYTES, file("a", "r"));
    const [one, two] = [ram(AT), ram(16 * MIB)];
    let sum = 0;
    for (let i = 0; i < BYTES; i += PAGE) sum += one[i]! + two[i]!;
    expect(sum).toBeGreaterThan(0);
    expect([machine.ramUse(AT, BYTES), machine.ramUse(16 * MIB, BYTES)]).toEqual([{ own: 0, shared: BYTES }, { own: 0, shared: BYTES }]);
    one.fill(9, 0, 3 * PAGE);
    expect(machine.ramUse(AT, BYTES)).toEqual({ own: 3 * PAGE, shared: BYTES - 3 * PAGE });
    expect(two[0]).not.toBe(9);
    expect(same(readFileSync(join(folder, "a")), bytes)).toBe(true);
  });
  test("003 an image of changes has what was written since, zeros too; placed over its base it gives the whole", async () => {
    fill(AT, 3);
    expect(await save("base")).toBe("");
    machine.placeRam(AT, BYTES, file("base", "r"));
    ram(AT).fill(0, 3 * PAGE, 4 * PAGE);
    ram(AT)[5 * MIB + 17] = 0xab;
    expect(await save("more", AT, true, true)).toBe("");
    const now = ram(AT).slice();
    expect(statSync(join(folder, "more")).blocks * 512).toBeLessThan(64 * 1024);
    machine.placeRam(16 * MIB, BYTES, file("base", "r"));
    machine.placeRam(16 * MIB, BYTES, file("more", "r"));
    expect(same(ram(16 * MIB), now)).toBe(true);
    // And a whole image of memory that stands on one.
    expect(await save("whole", AT, true, false)).toBe("");
    machine.placeRam(16 * MIB, BYTES, file("whole", "r"));
    expect(same(ram(16 * MIB), now)).toBe(true);
  });
  test("008 a part of an image is placed, of a whole one and of changes", async () => {
    fill(AT, 8);
    expect(await save("base")).toBe("");
    machine.placeRam(AT, BYTES, file("base", "r"));
    ram(AT).fill(0x33, 3 * MIB, 3 * MIB + 5 * PAGE);
    expect(await save("more", AT, true, true)).toBe("");
    const now = ram(AT).slice();
    for (const [from, bytes] of [[0, 3 * MIB + PAGE], [3 * MIB + PAGE, 2 * PAGE], [3 * MIB + 3 * PAGE, 5 * MIB - 3 * PAGE]] as const)
      for (const name of ["base", "more"]) machine.placeRam(16 * MIB + from, bytes, file(name, "r"), from);
    expect(same(ram(16 * MIB), now)).toBe(true);
  });
  test("004 each flipped bit, each cut and each addition is found, by its name", async () => {
    fill(AT, 4);
    expect(await save("a")).toBe("");
    const bytes = statSync(join(folder, "a")).size;
    const damage = async (what: (fd: number) => void): Promise<string> => {
      copyFileSync(join(folder, "a"), join(folder, "b"));
      what(file("b", "r+"));
      return verifyRamImage(file("b", "r"));
    };
    const flip = (at: number, bit: number) => (fd: number): void => {
      const byte = Buffer.alloc(1);
      readSync(fd, byte, 0, 1, at);
      byte[0]! ^= 1 << bit;
      writeSync(fd, byte, 0, 1, at);
    };
    const head = readFileSync(join(folder, "a")).readUInt32LE(16);
    for (let at = 0; at < HEADER; at++) expect(await damage(flip(at, at % 8)), `header byte ${at}`).toMatch(/damaged|format/);
    for (const at of [HEADER, 100, HEADER + BYTES / PAGE / 8 + 3]) expect(await damage(flip(at, 1))).toMatch(/header does not have the sum/);
    for (const at of [head, head + 3 * PAGE + 64, head + 3 * MIB]) {
      const page = Math.floor((at - head) / PAGE);
      if (page % 3 === 0) expect(await damage(flip(at, 2)), `data byte ${at - head}`).toMatch(/memory from \d+ MiB on does not have the sum/);
    }
    for (const length of [0, 20, HEADER, head - 1, head, bytes - 1, bytes + 1]) expect(await damage((fd) => ftruncateSync(fd, length)), `length ${length}`).toMatch(/damaged/);
    expect(await damage((fd) => writeSync(fd, Buffer.from([9]), 0, 1, 7))).toBe("it has another format than this version reads");
    expect(await damage(() => undefined)).toBe("");
  });
  test("007 sums are CRC-32C, on every machine the same", async () => {
    fill(AT, 7);
    expect(await save("a")).toBe("");
    const image = readFileSync(join(folder, "a")), sums = HEADER + BYTES / PAGE / 8, chunk = 256;
    for (const at of [0, 3]) {
      const pages = Array.from({ length: chunk }, (_, i) => at * chunk + i).filter((page) => (image[HEADER + (page >> 3)]! >> (page & 7)) & 1);
      expect(pages.length).toBeGreaterThan(chunk / 4);
      expect(image.readUInt32LE(sums + 4 * at)).toBe(crc32c(Buffer.concat(pages.map((page) => ram(AT).subarray(page * PAGE, (page + 1) * PAGE)))));
    }
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe306_9283);
  });
  test("005 what cannot be is refused, and nothing is placed", async () => {
    fill(AT, 5);
    expect(await save("a")).toBe("");
    const before = ram(AT).slice();
    expect(() => machine.placeRam(AT, BYTES, file("a", "r"), PAGE)).toThrow(/it is of 8388608 bytes of memory: too few/);
    expect(() => machine.placeRam(AT, PAGE, file("a", "r"), 100)).toThrow(/from/);
    expect(() => machine.placeRam(AT + 1, BYTES, file("a", "r"))).toThrow(RangeError);
    expect(() => machine.placeRam(30 * MIB, BYTES, file("a", "r"))).toThrow(RangeError);
    expect(() => machine.saveRam(AT, BYTES, file("c", "w"), false, true, () => undefined)).toThrow(/changes/);
    ftruncateSync(file("a", "r+"), 5 * MIB);
    expect(() => machine.placeRam(AT, BYTES, file("a", "r"))).toThrow(/cut off/);
    expect(same(ram(AT), before)).toBe(true);
  });
  test("006 a disk that is full, a file that cannot be written: the error, in words", async () => {
    fill(AT, 6);
    const into = (fd: number): Promise<string> => new Promise((resolve) => machine.saveRam(AT, BYTES, fd, false, false, resolve));
    const full = openSync("/dev/full", "w");
    open.push(full);
    expect(await into(full)).toBe("No space left on device");
    expect(await save("a")).toBe("");
    expect(await into(file("a", "r"))).toBe("Bad file descriptor");
  });
});
