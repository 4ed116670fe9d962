// The block device on a backend with few and small buffers of its own, as a VMM's disk has them: requests go in parts, and wait for buffers.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VirtioBlk } from "../../core/devices/virtio/blk.ts";
import { ARRAYS, type BlockBuffers } from "../../core/devices/virtio/block-backend.ts";
import { VirtioMmio } from "../../core/devices/virtio/mmio.ts";
import { BlkFeature, BlkStatus, BlkType, Feature, Mmio, Status } from "../../core/devices/virtio/spec.ts";
import { ramDisk } from "../../core/host/disk.ts";
import { failingDisk, type FailingDisk, type Plan } from "../support/disk.ts";
import { blkHeader, TestMemory, VirtioDriver } from "../support/virtio-driver.ts";

const { IN, OUT, FLUSH } = BlkType;
const { OK, IOERR } = BlkStatus;
const SECTORS = 64;
const MOST_BYTES = 1024;
const FLUSHES = 1 << BlkFeature.FLUSH;

/** `count` buffers of 1 KiB; whoever gives one twice, or takes more than there are, fails the test. */
class Scarce implements BlockBuffers<Uint8Array> {
  readonly mostBytes = MOST_BYTES;
  readonly mostRequest = 512 * 48;
  readonly #out = new Set<Uint8Array>();
  readonly #count: number;
  constructor(count: number) {
    this.#count = count;
  }
  get out(): number {
    return this.#out.size;
  }
  take(bytes: number): Uint8Array | null {
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
    if (this.#out.size === this.#count) return null;
    const buffer = new Uint8Array(bytes).fill(0xee);
    this.#out.add(buffer);
    return buffer;
  }
  give(buffer: Uint8Array): undefined {
    expect(this.#out.delete(buffer)).toBe(true);
  }
  load = ARRAYS.load;
  store = ARRAYS.store;
}

interface Bench {
  readonly device: VirtioMmio;
  readonly driver: VirtioDriver;
  readonly disk: FailingDisk;
  readonly bytes: Uint8Array;
  readonly buffers: Scarce;
}

/** A disk whose sector n is full of n. */
function bench(count: number, plan: Plan = () => "hold", features = FLUSHES | (1 << Feature.INDIRECT_DESC)): Bench {
  const bytes = Uint8Array.from({ length: 512 * SECTORS }, (_, i) => i >>> 9);
  const disk = failingDisk(ramDisk(bytes, "parts"), plan);
  const memory = new TestMemory(2 ** 20);
  const buffers = new Scarce(count);
  const device = new VirtioMmio(new VirtioBlk(disk, buffers, () => undefined), { irq: () => undefined, dma: memory, report: () => expect.unreachable() });
  const driver = new VirtioDriver(device, memory);
  driver.init(features, 32);
  return { device, driver, disk, bytes, buffers };
}
function read({ driver }: Bench, sector: number, count: number): void {
  driver.add(0, [blkHeader(IN, sector), 512 * count, 1]);
  driver.notify(0);
}
function write({ driver }: Bench, sector: number, count: number, value: number): void {
  driver.add(0, [blkHeader(OUT, sector), new Uint8Array(512 * count).fill(value), 1]);
  driver.notify(0);
}
const statuses = ({ driver }: Bench): number[] => driver.collect(0).map(({ bytes }) => bytes.at(-1)!);

describe("block device with few buffers", () => {
  it("does a request of more than one in parts, and answers it once, when all are done", () => {
    const b = bench(8);
    read(b, 3, 7);
    expect(b.disk.operations.map(({ offset, bytes }) => [offset, bytes])).toEqual([[1536, 1024], [2560, 1024], [3584, 1024], [4608, 512]]);
    for (const n of [2, 0, 1]) b.disk.release(n);
    expect(b.driver.collect(0)).toEqual([]);
    b.disk.release();
    const [used] = b.driver.collect(0);
    expect([...used!.bytes]).toEqual([...[3, 4, 5, 6, 7, 8, 9].flatMap((n) => Array<number>(512).fill(n)), OK]);
    expect(b.buffers.out).toBe(0);
  });

  it("has what finds no buffer wait, in order, and goes on as they come back", () => {
    const b = bench(3);
    write(b, 0, 8, 0xa1); // four parts
    read(b, 20, 2);
    write(b, 30, 2, 0xa2);
    expect(b.disk.operations.map(({ offset }) => offset)).toEqual([0, 1024, 2048]);
    b.disk.release();
    expect(b.disk.operations.map(({ offset }) => offset)).toEqual([0, 1024, 2048, 3072]);
    b.disk.release();
    expect(b.disk.operations.at(-1)).toMatchObject({ kind: "read", offset: 10240 });
    b.disk.releaseAll();
    expect([statuses(b), b.buffers.out]).toEqual([[OK, OK, OK], 0]);
    expect([...b.bytes.subarray(0, 4096)].every((byte) => byte === 0xa1) && [...b.bytes.subarray(15360, 16384)].every((byte) => byte === 0xa2)).toBe(true);
  });

  it("takes a request as long as it may be, in however many parts, and refuses a longer one", () => {
    const b = bench(4, () => "pass");
    read(b, 0, 48);
    read(b, 0, 49);
    expect([statuses(b), b.disk.operations.length]).toEqual([[OK, IOERR], 24]);
  });

  it("fails a request of which one part fails, begins no more of it, and no other", () => {
    const b = bench(2);
    read(b, 0, 12);
    read(b, 40, 1);
    b.disk.release(0, "a scratch");
    expect(b.driver.collect(0)).toEqual([]);
    b.disk.release();
    expect(statuses(b)).toEqual([IOERR]);
    expect(b.disk.operations.map(({ offset }) => offset)).toEqual([0, 1024, 20480]);
    b.disk.releaseAll();
    expect([statuses(b), b.buffers.out]).toEqual([[OK], 0]);
  });

  it("flushes after the last part where the driver cannot", () => {
    const b = bench(2, () => "hold", 0);
    write(b, 0, 5, 7);
    while (b.disk.held > 0) {
      expect(b.disk.operations.filter(({ kind }) => kind === "flush")).toHaveLength(b.disk.operations.length === 4 ? 1 : 0);
      b.disk.release();
    }
    expect(b.disk.operations.map(({ kind }) => kind)).toEqual(["write", "write", "write", "flush"]);
    expect(statuses(b)).toEqual([OK]);
  });

  it("reset in the middle begins nothing before the old parts are answered, and nothing of the old request ever", () => {
    const b = bench(2);
    write(b, 0, 8, 0xa1);
    b.driver.set(Mmio.STATUS, 0);
    b.driver.init(FLUSHES, 32);
    read(b, 50, 1);
    expect(b.disk.operations).toHaveLength(2);
    b.disk.release();
    expect(b.disk.operations).toHaveLength(2);
    b.disk.release();
    expect(b.disk.operations.slice(2)).toEqual([{ kind: "read", offset: 25600, bytes: 512 }]);
    b.disk.releaseAll();
    expect([statuses(b), b.buffers.out]).toEqual([[OK], 0]);
  });

  it("any requests, answered in any order, are as of plain bytes; no buffer is lost", () => {
    const step = fc.record({ type: fc.constantFrom(IN, OUT, OUT, FLUSH), sector: fc.integer({ min: 0, max: SECTORS }), count: fc.integer({ min: 0, max: 9 }), release: fc.array(fc.nat(), { maxLength: 4 }), fail: fc.constantFrom(false, false, false, true), reset: fc.constantFrom(...Array<boolean>(12).fill(false), true) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 30 }), (count, steps) => {
        const b = bench(count);
        // Who writes a sector last is known where only one that is out does: so each step has sectors of its own kind of value, compared as "one of those that were written there".
        const may = Array.from({ length: SECTORS }, (_, n) => new Set([n]));
        let asked = 0, answered = 0;
        steps.forEach(({ type, sector, count: sectors, release, fail, reset }, n) => {
          if (reset) {
            b.driver.set(Mmio.STATUS, 0);
            b.driver.init(FLUSHES, 32);
            asked = answered = 0;
          }
          if (asked - answered < 8) {
            asked++;
            const value = 100 + n;
            if (type === IN) read(b, sector, sectors);
            else if (type === OUT) {
              write(b, sector, sectors, value);
              if (sector + sectors <= SECTORS) for (let s = sector; s < sector + sectors; s++) may[s]!.add(value);
            } else {
              b.driver.add(0, [blkHeader(FLUSH, 0), 1]);
              b.driver.notify(0);
            }
          }
          for (const which of release) if (b.disk.held > 0) b.disk.release(which % b.disk.held, fail ? "a scratch" : undefined);
          answered += statuses(b).length;
        });
        b.disk.releaseAll();
        answered += statuses(b).length;
        expect([answered, b.buffers.out, b.driver.reg(Mmio.STATUS) & Status.NEEDS_RESET]).toEqual([asked, 0, 0]);
        for (let s = 0; s < SECTORS; s++) {
          const [first, ...rest] = b.bytes.subarray(512 * s, 512 * s + 512);
          expect(may[s]!.has(first!) && rest.every((byte) => byte === first)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
