// The block device, through its registers and its queue: what it does, and what it does not let a driver or a disk do to it.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Right } from "../../caps/abi/numbers.ts";
import { readDevice } from "../../core/devices/device.ts";
import type { DmaPort } from "../../core/devices/device.ts";
import { BLK_HELD_BYTES, BLK_QUEUE_SIZE, BLK_REQUEST_BYTES, VirtioBlk, type BlkState } from "../../core/devices/virtio/blk.ts";
import { ARRAYS, type BlockBackend } from "../../core/devices/virtio/block-backend.ts";
import { VirtioMmio, type VirtioState } from "../../core/devices/virtio/mmio.ts";
import { BlkConfig, BlkFeature, BlkStatus, BlkType, DescFlag, Feature, InterruptStatus, Mmio, Status } from "../../core/devices/virtio/spec.ts";
import { ramDisk } from "../../core/host/disk.ts";
import { Iommu } from "../../core/machine/iommu.ts";
import { failingDisk, type FailingDisk, type Plan } from "../support/disk.ts";
import { blkHeader, TestMemory, VirtioDriver, type Buffer } from "../support/virtio-driver.ts";

const { IN, OUT, FLUSH, GET_ID } = BlkType;
const { OK, IOERR, UNSUPP } = BlkStatus;
const SECTORS = 64;
const FLUSHES = 1 << BlkFeature.FLUSH;
const INDIRECT = 1 << Feature.INDIRECT_DESC;
const EVENT_IDX = 1 << Feature.EVENT_IDX;
const filled = (bytes: number, value: number): Uint8Array => new Uint8Array(bytes).fill(value);
/** Compared as a whole: element by element takes seconds. */
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const copied = <T>(state: T): T => JSON.parse(JSON.stringify(state)) as T;

interface Bench {
  readonly device: VirtioMmio;
  readonly memory: TestMemory;
  readonly driver: VirtioDriver;
  readonly reasons: string[];
  irq: boolean;
}

function bench(backend: BlockBackend | null, memory = new TestMemory(), dma: DmaPort = memory): Bench {
  const b = { memory, reasons: [] as string[], irq: false } as Bench;
  const report = (reason: string): void => void b.reasons.push(reason);
  const device = new VirtioMmio(new VirtioBlk(backend, ARRAYS, report), { irq: (level) => void (b.irq = level), dma, report });
  return Object.assign(b, { device, driver: new VirtioDriver(device, memory) });
}

/** A disk whose sector n is full of n, with a driver that is up. */
function diskBench(plan: Plan = () => "pass", size = 32, features = FLUSHES | INDIRECT): Bench & { disk: FailingDisk; bytes: Uint8Array } {
  const bytes = Uint8Array.from({ length: 512 * SECTORS }, (_, i) => i >>> 9);
  const disk = failingDisk(ramDisk(bytes, "test disk"), plan);
  const b = bench(disk, new TestMemory(2 ** 20));
  b.driver.init(features, size);
  return Object.assign(b, { disk, bytes });
}

/** One request from beginning to end: its status, and the data in front of that. */
function request({ driver }: Bench, buffers: readonly Buffer[], indirect = false): { status: number; data: Uint8Array; written: number } | null {
  driver.add(0, buffers, indirect);
  driver.notify(0);
  const [used] = driver.collect(0);
  return used === undefined ? null : { status: used.bytes.at(-1)!, data: used.bytes.subarray(0, -1), written: used.written };
}
const statusOf = (b: Bench, buffers: readonly Buffer[]): number | undefined => request(b, buffers)?.status;
const statuses = ({ driver }: Bench): number[] => driver.collect(0).map(({ bytes }) => bytes.at(-1)!);
const needsReset = ({ driver }: Bench): boolean => (driver.reg(Mmio.STATUS) & Status.NEEDS_RESET) !== 0;

describe("block device: what it is", () => {
  it("shows its size, its limits and its features", () => {
    const { driver, device } = diskBench();
    expect(driver.reg(Mmio.DEVICE_ID)).toBe(2);
    const config = (offset: number): number => Number(readDevice(device, Mmio.CONFIG + offset, 4));
    expect([config(BlkConfig.CAPACITY), config(4), config(BlkConfig.SIZE_MAX), config(BlkConfig.SEG_MAX), config(BlkConfig.BLK_SIZE)]).toEqual([SECTORS, 0, 512 * 1024, 510, 512]);
    expect(config(BlkConfig.SIZE_MAX) * config(BlkConfig.SEG_MAX)).toBe(BLK_REQUEST_BYTES);
    for (const [offset, size, value] of [[0, 1, SECTORS], [0, 2, SECTORS], [0, 8, SECTORS], [22, 2, 0], [24, 4, 0], [24, 1, 0], [252, 4, 0]] as const)
      expect(readDevice(device, Mmio.CONFIG + offset, size)).toBe(value);
    driver.set(Mmio.CONFIG, 1);
    expect(config(BlkConfig.CAPACITY)).toBe(SECTORS);
    driver.set(Mmio.DEVICE_FEATURES_SEL, 0);
    const { SIZE_MAX, SEG_MAX, BLK_SIZE, FLUSH } = BlkFeature;
    expect(driver.reg(Mmio.DEVICE_FEATURES) & 0xff_ffff).toBe((1 << SIZE_MAX) | (1 << SEG_MAX) | (1 << BLK_SIZE) | (1 << FLUSH));
  });
  it("shows sizes beyond 32 bits", () => {
    const { device } = bench({ ...ramDisk(new Uint8Array(512)), sectors: 2 ** 44 });
    expect(readDevice(device, Mmio.CONFIG, 8)).toBe(2 ** 44);
  });
  it("without a disk is no device", () => {
    const { driver, device } = bench(null);
    expect([driver.reg(Mmio.MAGIC), driver.reg(Mmio.DEVICE_ID), driver.reg(Mmio.DEVICE_FEATURES) & 0xff_ffff, driver.reg(Mmio.QUEUE_NUM_MAX)]).toEqual([0x7472_6976, 0, 0, 0]);
    driver.init();
    driver.notify(0);
    expect(readDevice(device, Mmio.CONFIG, 8)).toBe(0);
    device.restore(copied(device.save()));
  });
});

describe("block device: requests", () => {
  it("reads and writes, however the request is cut up, direct and indirect", () => {
    const b = diskBench();
    const header = blkHeader(IN, 3);
    for (const [buffers, indirect] of [
      [[header, 1024, 1], false],
      [[header, 1025], false],
      [[header.subarray(0, 5), header.subarray(5), 1, 1000, 23, 1], false],
      [[header, 512, 512, 1], true],
    ] as const) {
      const { status, data, written } = request(b, buffers, indirect)!;
      expect([status, written, [...data]]).toEqual([OK, 1025, [...filled(512, 3), ...filled(512, 4)]]);
      expect(b.driver.acknowledge()).toBe(InterruptStatus.USED);
    }
    const output = blkHeader(OUT, 62);
    for (const [value, cut] of [[101, (data: Uint8Array) => [output, data, 1]], [102, (data: Uint8Array) => [Uint8Array.of(...output, ...data), 1]], [103, (data: Uint8Array) => [Uint8Array.of(...output, ...data.subarray(0, 7)), data.subarray(7), 1]]] as const) {
      expect(request(b, cut(filled(1024, value)))).toMatchObject({ status: OK, written: 1 });
      expect([...b.bytes.subarray(512 * 61)]).toEqual([...filled(512, 61), ...filled(1024, value)]);
    }
  });
  it("says who it is, as much as fits", () => {
    const b = diskBench();
    const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
    expect(text(request(b, [blkHeader(GET_ID, 0), 20, 1])!.data)).toBe("test disk".padEnd(20, "\0"));
    expect(text(request(b, [blkHeader(GET_ID, 0), 4, 1])!.data)).toBe("test");
    expect(request(b, [blkHeader(GET_ID, 0), 40, 1])).toMatchObject({ status: OK, written: 41 });
  });
  it("of no data at all is done, without the disk", () => {
    const b = diskBench();
    expect([statusOf(b, [blkHeader(IN, 64), 1]), statusOf(b, [blkHeader(OUT, 64), 1]), b.disk.operations]).toEqual([OK, OK, []]);
  });
  it("flushes after the disk did", () => {
    const b = diskBench((_, { kind }) => (kind === "flush" ? "hold" : "pass"));
    expect(request(b, [blkHeader(OUT, 0), filled(512, 9), 1])).toMatchObject({ status: OK });
    expect(request(b, [blkHeader(FLUSH, 0), 1])).toBeNull();
    b.disk.release();
    expect(statuses(b)).toEqual([OK]);
    expect(b.disk.operations.map(({ kind }) => kind)).toEqual(["write", "flush"]);
  });
  it("makes each write last when the driver cannot flush", () => {
    const b = diskBench((_, { kind }) => (kind === "flush" ? "hold" : "pass"), 32, 0);
    expect(request(b, [blkHeader(OUT, 0), filled(512, 9), 1])).toBeNull();
    expect([b.bytes[0], b.disk.held]).toEqual([9, 1]);
    b.disk.release();
    expect(statuses(b)).toEqual([OK]);
    const failing = diskBench(() => ({ fail: "x" }), 32, 0);
    expect(request(failing, [blkHeader(OUT, 0), filled(512, 9), 1])).toMatchObject({ status: IOERR });
    expect(failing.disk.operations).toHaveLength(1);
  });
  it("are given back in the order the disk answers, each with its own data", () => {
    const b = diskBench(() => "hold");
    const heads = [5, 6, 7].map((sector) => b.driver.add(0, [blkHeader(IN, sector), 512, 1]));
    b.driver.notify(0);
    for (const n of [2, 0, 0]) b.disk.release(n);
    const used = b.driver.collect(0);
    expect(used.map(({ head }) => heads.indexOf(head))).toEqual([2, 0, 1]);
    expect(used.map(({ bytes }) => bytes[511])).toEqual([7, 5, 6]);
  });
  it("with EVENT_IDX go on after a queue that was full to the last entry", () => {
    const b = diskBench(undefined, 8, EVENT_IDX | INDIRECT | FLUSHES);
    for (let n = 0; n < 8; n++) b.driver.add(0, [blkHeader(IN, n), 512, 1], true);
    b.driver.notify(0);
    expect(statuses(b)).toHaveLength(8);
    b.driver.add(0, [blkHeader(IN, 1), 512, 1], true);
    expect(b.driver.wantsNotify(0)).toBe(true);
  });
});

describe("block device: requests that make no sense end in an error, and nothing is done", () => {
  const data = filled(512, 0xdd);
  const wrong: readonly [name: string, buffers: readonly Buffer[], status?: number][] = [
    ["no header", [1]],
    ["a header of 15 bytes", [blkHeader(OUT, 0).subarray(0, 15), 1]],
    ["a header to be written to", [16, 512, 1]],
    ["a read beyond the end", [blkHeader(IN, 64), 512, 1]],
    ["a read across the end", [blkHeader(IN, 63), 1024, 1]],
    ["a write beyond the end", [blkHeader(OUT, 64), data, 1]],
    ["a write across the end", [blkHeader(OUT, 63), data, data, 1]],
    ["a sector whose offset overflows 64 bits", [blkHeader(OUT, 2n ** 55n), data, 1]],
    ["a sector whose end overflows 64 bits", [blkHeader(OUT, 2n ** 64n - 1n), data, 1]],
    ["a sector beyond exact numbers", [blkHeader(IN, 2n ** 53n + 1n), 512, 1]],
    ["a sector whose lower half alone is on the disk", [blkHeader(OUT, 2n ** 32n), data, 1]],
    ["nothing, beyond the end", [blkHeader(IN, 65), 1]],
    ["a read of 511 bytes", [blkHeader(IN, 0), 511, 1]],
    ["a read of 513 bytes", [blkHeader(IN, 0), 513, 1]],
    ["a write of 513 bytes", [blkHeader(OUT, 0), data, Uint8Array.of(1), 1]],
    ["a read with data to write", [blkHeader(IN, 0), data, 512, 1]],
    ["a write with room to read", [blkHeader(OUT, 0), data, 512, 1]],
    ["a flush with data", [blkHeader(FLUSH, 0), data, 1]],
    ["a flush with room", [blkHeader(FLUSH, 0), 512, 1]],
    ["an identity with data", [blkHeader(GET_ID, 0), data, 20, 1]],
    ["a discard", [blkHeader(11, 0), data.subarray(0, 16), 1], UNSUPP],
    ["writing zeroes", [blkHeader(13, 0), data.subarray(0, 16), 1], UNSUPP],
    ["an old way to flush", [blkHeader(5, 0), 1], UNSUPP],
    ["a type that does not exist", [blkHeader(0xffff_ffff, 0), 512, 1], UNSUPP],
  ];
  it.each(wrong)("%s", (_name, buffers, status = IOERR) => {
    const b = diskBench();
    const before = b.bytes.slice();
    const answer = request(b, buffers)!;
    expect(answer.status).toBe(status);
    expect(answer.data.every((byte) => byte === 0)).toBe(true);
    expect([b.disk.operations, b.bytes, b.reasons, needsReset(b)]).toEqual([[], before, [], false]);
    expect(request(b, [blkHeader(IN, 1), 512, 1])!.data).toEqual(filled(512, 1));
  });
  it.each([["nothing else", []], ["data", [data]]])("no status byte: given back with nothing written (%s)", (_name, more) => {
    const b = diskBench();
    b.driver.add(0, [blkHeader(OUT, 0), ...more]);
    b.driver.notify(0);
    expect(b.driver.collect(0)).toMatchObject([{ written: 0 }]);
    expect([b.disk.operations, needsReset(b)]).toEqual([[], false]);
  });
  it("a write to a disk that is read-only, which says that it is", () => {
    const disk = failingDisk({ ...ramDisk(new Uint8Array(512)), readOnly: true }, () => "pass");
    const b = bench(disk);
    b.driver.init(1 << BlkFeature.RO);
    expect(b.driver.features).toBe(1 << BlkFeature.RO);
    expect([statusOf(b, [blkHeader(OUT, 0), data, 1]), statusOf(b, [blkHeader(OUT, 0), 1]), disk.operations]).toEqual([IOERR, IOERR, []]);
    expect([statusOf(b, [blkHeader(IN, 0), 512, 1]), statusOf(b, [blkHeader(FLUSH, 0), 1])]).toEqual([OK, OK]);
  });
  it("more data than the limits told", () => {
    const big = failingDisk({ ...ramDisk(new Uint8Array(512)), sectors: 2 ** 40 }, () => "lose");
    const b = bench(big);
    b.driver.init(0, 8);
    const { desc } = b.driver.queues[0]!;
    const [header, room] = [b.driver.allocate(16), b.driver.allocate(16)];
    b.memory.write(header, blkHeader(IN, 0));
    b.driver.writeDescriptor(desc, 0, header, 16, DescFlag.NEXT, 1);
    // The same memory again and again would do as well: buffers are not looked at before there is something to write to them.
    b.driver.writeDescriptor(desc, 1, room, BLK_REQUEST_BYTES + 512, DescFlag.WRITE | DescFlag.NEXT, 2);
    b.driver.writeDescriptor(desc, 2, room, 1, DescFlag.WRITE, 0);
    b.driver.offer(0, 0);
    b.driver.notify(0);
    // Its status byte lies where it should, after 255 MiB that do not exist.
    expect([b.memory.data[room - b.memory.base], big.operations, needsReset(b)]).toEqual([IOERR, [], false]);
  });
});

describe("block device against a hostile driver: a named reason, DEVICE_NEEDS_RESET, and a disk left alone", () => {
  const OUTSIDE = 0x7000_0000;
  const chain = (d: VirtioDriver, type: number, parts: readonly (readonly [address: number, bytes: number, flags: number])[]): void => {
    const header = d.allocate(16);
    d.memory.write(header, blkHeader(type, 0));
    [[header, 16, 0] as const, ...parts].forEach(([address, bytes, flags], n, all) =>
      d.writeDescriptor(d.queues[0]!.desc, n, address, bytes, flags | (n < all.length - 1 ? DescFlag.NEXT : 0), n + 1),
    );
    d.offer(0, 0);
  };
  const W = DescFlag.WRITE;
  const attacks: readonly [name: string, reason: string, attack: (driver: VirtioDriver, memory: TestMemory) => void][] = [
    ["a chain that loops through its header", "chain-too-long", (d) => {
      d.writeDescriptor(d.queues[0]!.desc, 0, d.memory.base, 16, DescFlag.NEXT, 1);
      d.writeDescriptor(d.queues[0]!.desc, 1, d.memory.base, 512, DescFlag.NEXT, 0);
      d.offer(0, 0);
    }],
    ["an indirect table that loops", "chain-too-long", (d) => {
      const table = d.allocate(32);
      d.writeDescriptor(table, 0, d.memory.base, 16, DescFlag.NEXT, 1);
      d.writeDescriptor(table, 1, d.memory.base, 16, DescFlag.NEXT, 1);
      d.writeDescriptor(d.queues[0]!.desc, 0, table, 32, DescFlag.INDIRECT, 0);
      d.offer(0, 0);
    }],
    ["an indirect table that leaves itself", "descriptor-index", (d) => {
      const table = d.allocate(16);
      d.writeDescriptor(table, 0, d.memory.base, 16, DescFlag.NEXT, 1);
      d.writeDescriptor(d.queues[0]!.desc, 0, table, 16, DescFlag.INDIRECT, 0);
      d.offer(0, 0);
    }],
    ["an indirect table outside memory", "ring-access", (d) => {
      d.writeDescriptor(d.queues[0]!.desc, 0, OUTSIDE, 48, DescFlag.INDIRECT, 0);
      d.offer(0, 0);
    }],
    ["a header outside memory", "buffer-access", (d) => {
      d.writeDescriptor(d.queues[0]!.desc, 0, OUTSIDE, 16, DescFlag.NEXT, 1);
      d.writeDescriptor(d.queues[0]!.desc, 1, d.allocate(1), 1, W, 0);
      d.offer(0, 0);
    }],
    ["data to write to the disk outside memory", "buffer-access", (d) => chain(d, OUT, [[OUTSIDE, 512, 0], [d.allocate(1), 1, W]])],
    ["data to write to the disk that leaves memory", "buffer-access", (d, m) => chain(d, OUT, [[m.base + m.data.length - 511, 512, 0], [d.allocate(1), 1, W]])],
    ["a place for data outside memory", "buffer-access", (d) => chain(d, IN, [[OUTSIDE, 512, W], [d.allocate(1), 1, W]])],
    ["a status byte outside memory", "buffer-access", (d) => chain(d, FLUSH, [[OUTSIDE, 1, W]])],
    ["an identity outside memory", "buffer-access", (d) => chain(d, GET_ID, [[OUTSIDE, 20, W], [d.allocate(1), 1, W]])],
    ["data behind the status", "descriptor-order", (d) => chain(d, OUT, [[d.allocate(1), 1, W], [d.allocate(512), 512, 0]])],
    ["lengths of 4 GiB in all", "length-overflow", (d, m) => chain(d, IN, [[m.base, 0xffff_ffff, W], [m.base, 1, W]])],
    ["more offered than the queue holds", "available-overrun", (d, m) => m.store16(d.queues[0]!.driver + 2, 33)],
  ];
  it.each(attacks)("%s", (_name, reason, attack) => {
    const b = diskBench();
    const before = b.bytes.slice();
    attack(b.driver, b.memory);
    for (let times = 0; times < 3; times++) b.driver.notify(0);
    expect([b.reasons.length, needsReset(b), b.driver.acknowledge()]).toEqual([1, true, InterruptStatus.CONFIG]);
    expect(b.reasons[0]).toContain(`virtio device 2, queue 0 stopped: ${reason}`);
    expect(same(b.bytes, before)).toBe(true);
    expect(b.driver.collect(0)).toEqual([]);
    b.driver.init(FLUSHES, 32);
    expect(statusOf(b, [blkHeader(IN, 0), 512, 1])).toBe(OK);
  });
  it("a used ring outside memory, found when a request comes back", () => {
    const b = diskBench(() => "hold");
    const layout = b.driver.queues[0]!;
    b.driver.set(Mmio.QUEUE_SEL, 0);
    b.driver.set(Mmio.QUEUE_READY, 0);
    b.driver.place(0, { ...layout, device: OUTSIDE });
    b.driver.set(Mmio.QUEUE_READY, 1);
    b.driver.add(0, [blkHeader(IN, 0), 512, 1]);
    b.driver.notify(0);
    expect(needsReset(b)).toBe(false);
    b.disk.release();
    expect([needsReset(b), b.reasons.join()]).toEqual([true, expect.stringContaining("ring-access")]);
  });
  it("rings outside memory", () => {
    for (const part of ["desc", "driver"] as const) {
      const b = diskBench();
      b.driver.set(Mmio.QUEUE_SEL, 0);
      b.driver.set(Mmio.QUEUE_READY, 0);
      b.driver.place(0, { ...b.driver.queues[0]!, [part]: OUTSIDE });
      b.driver.set(Mmio.QUEUE_READY, 1);
      b.driver.add(0, [blkHeader(IN, 0), 512, 1]);
      b.driver.notify(0);
      expect([needsReset(b), b.reasons.join()]).toEqual([true, expect.stringContaining("ring-access")]);
    }
  });
  it("a queue that stops, or is switched off, while a read is held: its memory is left alone", () => {
    const stops = [(b: Bench) => b.driver.offer(0, 99), (b: Bench) => (b.driver.set(Mmio.QUEUE_SEL, 0), b.driver.set(Mmio.QUEUE_READY, 0))];
    for (const [stop, restored] of stops.flatMap((stop) => [[stop, false], [stop, true]] as const)) {
      const b = diskBench(() => "hold");
      const head = b.driver.add(0, [blkHeader(IN, 7), 512, 1]);
      const [room, status] = b.driver.writable(0, head);
      b.memory.write(status!.address, Uint8Array.of(0xee));
      b.driver.notify(0);
      stop(b);
      b.driver.notify(0);
      if (restored) b.device.restore(copied(b.device.save()));
      b.disk.releaseAll();
      expect([b.memory.read(room!.address, 512), b.memory.read(status!.address, 1), b.driver.collect(0)]).toEqual([filled(512, 0), Uint8Array.of(0xee), []]);
      expect(b.disk.operations).toHaveLength(1);
    }
  });
  it("data outside memory leave the status byte as it was", () => {
    const b = diskBench();
    const status = b.driver.allocate(1);
    b.memory.write(status, Uint8Array.of(0xee));
    chain(b.driver, OUT, [[OUTSIDE, 512, 0], [status, 1, W]]);
    b.driver.notify(0);
    expect([needsReset(b), b.memory.read(status, 1)]).toEqual([true, Uint8Array.of(0xee)]);
  });
  it("one chain offered many times over, and a reset in between: no more is held than the limits say", () => {
    const b = diskBench(() => "hold");
    b.driver.add(0, [blkHeader(IN, 0), 512, 1]);
    b.driver.notify(0);
    for (let round = 0; round < 100; round++) {
      for (let n = 0; n < 32; n++) b.driver.offer(0, 0);
      b.driver.notify(0);
    }
    expect(b.disk.held).toBe(BLK_QUEUE_SIZE);
    for (let round = 0; round < 10; round++) {
      b.driver.init(FLUSHES, 32);
      b.driver.add(0, [blkHeader(IN, 0), 512, 1]);
      b.driver.notify(0);
    }
    expect(b.disk.held).toBe(BLK_QUEUE_SIZE);
  });
  it("any memory and any register writes: no exception, and after a reset it works", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 512, maxLength: 512 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 0x11c / 4 }), fc.oneof(fc.integer({ min: 0, max: 16 }), fc.constant(0x8000_0000), fc.integer({ min: 0, max: 0xffff_ffff }))), { maxLength: 40 }),
        fc.array(fc.constantFrom("pass" as const, "hold" as const, { fail: "x" }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        (seed, accesses, plan, overlap) => {
          const disk = failingDisk(ramDisk(new Uint8Array(512 * SECTORS)), (n) => plan[n % plan.length]!);
          const b = bench(disk);
          b.driver.init(EVENT_IDX | INDIRECT, 8);
          for (let at = 0; at < b.memory.data.length; at += seed.length) b.memory.data.set(seed, at);
          if (overlap) {
            b.driver.set(Mmio.QUEUE_READY, 0);
            b.driver.place(0, { size: 8, desc: b.memory.base, driver: b.memory.base + 2 * (seed[0]! % 64), device: b.memory.base + 4 * (seed[1]! % 32) });
            b.driver.set(Mmio.QUEUE_READY, 1);
          }
          for (const [register, value] of accesses) {
            b.driver.set(4 * register, value);
            b.driver.reg(4 * register);
            b.driver.notify(0);
            if (disk.held > 0 && value % 2 === 0) disk.release(0);
          }
          b.device.restore(copied(b.device.save()));
          b.memory.data.fill(0);
          disk.releaseAll();
          b.driver.init(FLUSHES, 8);
          b.driver.add(0, [blkHeader(IN, 0), 512, 1]);
          b.driver.notify(0);
          disk.releaseAll();
          expect(b.driver.collect(0)).toHaveLength(1);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("block device on a disk that misbehaves", () => {
  it("passes a failure on to its request alone, and tells the operator at the 1st, 2nd, 4th ...", () => {
    const b = diskBench((n) => (n === 0 ? "pass" : { fail: "no space left" }));
    expect(statusOf(b, [blkHeader(IN, 1), 512, 1])).toBe(OK);
    expect(request(b, [blkHeader(IN, 1), 512, 1])).toMatchObject({ status: IOERR, written: 513, data: filled(512, 0) });
    for (let n = 0; n < 9; n++) expect(statusOf(b, [blkHeader(n % 2 ? OUT : FLUSH, 0), ...(n % 2 ? [filled(512, 1)] : []), 1])).toBe(IOERR);
    expect(b.reasons).toEqual([1, 2, 4, 8].map((count) => `virtio device 2: the disk failed a request (${count} so far): no space left`));
    expect(needsReset(b)).toBe(false);
  });
  it("that never answers, keeps its request and serves others", () => {
    const b = diskBench((n) => (n === 0 ? "lose" : "pass"));
    expect(request(b, [blkHeader(IN, 1), 512, 1])).toBeNull();
    expect(statusOf(b, [blkHeader(IN, 2), 512, 1])).toBe(OK);
    expect(b.irq).toBe(true);
  });
  it("that answers twice, takes the first answer", () => {
    const answers: ((error: string | null) => void)[] = [];
    const b = bench({ ...ramDisk(new Uint8Array(1024)), read: (_offset, _into, done) => void answers.push(done) });
    b.driver.init();
    expect(request(b, [blkHeader(IN, 0), 512, 1])).toBeNull();
    answers[0]!(null);
    expect(statuses(b)).toEqual([OK]);
    expect(request(b, [blkHeader(IN, 1), 512, 1])).toBeNull();
    answers[0]!("again");
    expect([b.driver.collect(0), b.reasons]).toEqual([[], []]);
    answers[1]!(null);
    expect(statuses(b)).toEqual([OK]);
  });
  it("that answers after a reset, is not listened to; what came after waits for that answer", () => {
    const b = diskBench((n) => (n < 2 ? "hold" : "pass"));
    const head = b.driver.add(0, [blkHeader(IN, 7), 512, 1]);
    const [victim] = b.driver.writable(0, head);
    b.driver.add(0, [blkHeader(OUT, 7), filled(512, 0xaa), 1]);
    b.driver.notify(0);
    b.driver.init(FLUSHES, 32);
    b.memory.write(victim!.address, filled(512, 0x11));
    b.driver.allocate(4096);
    expect(request(b, [blkHeader(OUT, 7), filled(512, 0xbb), 1])).toBeNull();
    b.disk.release(1); // the old write: it lands before the new one is begun
    expect(b.driver.collect(0)).toEqual([]);
    b.disk.release(0, "too late");
    expect(statuses(b)).toEqual([OK]);
    expect(b.bytes[7 * 512]).toBe(0xbb);
    expect(b.memory.read(victim!.address, 512)).toEqual(filled(512, 0x11));
  });
  it("holds at most so much data at once, and takes the rest from the queue as answers come", () => {
    const sizes: number[] = [];
    const answers: (() => void)[] = [];
    const b = bench({ ...ramDisk(new Uint8Array(512)), sectors: 2 ** 30, read: (_offset, into, done) => void (sizes.push(into.length), answers.push(() => done("no"))) });
    b.driver.init(0, 32);
    const table = b.driver.queues[0]!.desc;
    const [header, room] = [b.driver.allocate(16), b.driver.allocate(16)];
    b.memory.write(header, blkHeader(IN, 0));
    for (let n = 0; n < 8; n++) {
      b.driver.writeDescriptor(table, 3 * n, header, 16, DescFlag.NEXT, 3 * n + 1);
      b.driver.writeDescriptor(table, 3 * n + 1, room, 2 ** 22, DescFlag.WRITE | DescFlag.NEXT, 3 * n + 2);
      b.driver.writeDescriptor(table, 3 * n + 2, room, 1, DescFlag.WRITE, 0);
      b.driver.offer(0, 3 * n);
    }
    b.driver.notify(0);
    expect(sizes).toEqual(Array(BLK_HELD_BYTES / 2 ** 22).fill(2 ** 22));
    for (let n = 0; n < 8; n++) answers[n]!();
    expect([sizes.length, b.memory.load16(b.driver.queues[0]!.device + 2)]).toEqual([8, 8]);
  });
  it("holds no more of one long request, and begins the rest of it as answers come", () => {
    const answers: (() => void)[] = [];
    let held = 0, most = 0, end = 0;
    const read: BlockBackend["read"] = (offset, into, done) => {
      expect(offset).toBe(end);
      end += into.length;
      held += into.length;
      most = Math.max(most, held);
      answers.push(() => ((held -= into.length), done(null)));
    };
    const b = bench({ ...ramDisk(new Uint8Array(512)), sectors: 2 ** 30, read }, new TestMemory(2 ** 20));
    b.driver.init(0, 256);
    const table = b.driver.queues[0]!.desc;
    const [header, room, status] = [b.driver.allocate(16), b.driver.allocate(2 ** 18), b.driver.allocate(1)];
    b.memory.write(header, blkHeader(IN, 0));
    b.memory.write(status, filled(1, 0xff));
    // 40 MiB into one and the same room.
    b.driver.writeDescriptor(table, 0, header, 16, DescFlag.NEXT, 1);
    for (let n = 1; n <= 160; n++) b.driver.writeDescriptor(table, n, room, 2 ** 18, DescFlag.WRITE | DescFlag.NEXT, n + 1);
    b.driver.writeDescriptor(table, 161, status, 1, DescFlag.WRITE, 0);
    b.driver.offer(0, 0);
    b.driver.notify(0);
    expect(held).toBe(BLK_HELD_BYTES);
    while (answers.length > 0) {
      expect(b.memory.data[status - b.memory.base]).toBe(0xff);
      answers.shift()!();
    }
    expect([most, end, b.memory.data[status - b.memory.base]]).toEqual([BLK_HELD_BYTES, 40 * 2 ** 20, OK]);
  });
});

describe("block device behind an IOMMU", () => {
  it("reads at once into memory itself what lies in one buffer; otherwise as usual, and what is refused is refused", () => {
    const memory = new TestMemory(2 ** 17, 0x8000_0000), told: [number, number][] = [];
    const iommu = new Iommu(["disk"], { ram: memory.data.buffer as ArrayBuffer, ramBase: memory.base, written: (physical, bytes) => void told.push([physical, bytes]) }, () => undefined);
    const map = (page: number, rights: number): boolean => iommu.map(0, page, page, 4096, rights);
    for (let page = memory.base; page < memory.base + memory.data.length; page += 4096) map(page, Right.Read | Right.Write);
    const plain = ramDisk(Uint8Array.from({ length: 16384 }, (_, i) => i >>> 9)), now: number[] = [], usual: number[] = [];
    let has = true;
    const b = bench({
      ...plain,
      read: (offset, into, done) => (usual.push(into.length), plain.read(offset, into, done)),
      readNow: (offset, into) => {
        now.push(into.length);
        expect(into.buffer).toBe(memory.data.buffer);
        // Of what is not there a part may have come.
        plain.read(offset, has ? into : into.subarray(0, 512), () => undefined);
        return has;
      },
    }, memory, iommu.port(0));
    b.driver.init(0, 8);
    const sector = (n: number): Uint8Array => filled(512, n);
    const data = (buffers: readonly Buffer[]): Uint8Array | undefined => {
      told.length = now.length = usual.length = 0;
      const answer = request(b, buffers);
      expect(answer?.status).toBe(OK);
      return answer?.data;
    };
    expect(data([blkHeader(IN, 3), 512, 1])).toEqual(sector(3));
    expect([now, usual, told.some(([, bytes]) => bytes === 512)]).toEqual([[512], [], true]);
    // Status and data in one buffer.
    expect(data([blkHeader(IN, 5), 513])).toEqual(sector(5));
    expect([now, usual]).toEqual([[512], []]);
    expect(data([blkHeader(IN, 6), 256, 256, 1])).toEqual(sector(6));
    expect([now, usual]).toEqual([[], [512]]);
    has = false;
    expect(data([blkHeader(IN, 7), 1024, 1])).toEqual(Uint8Array.from([...sector(7), ...sector(8)]));
    expect([now, usual, told.some(([, bytes]) => bytes === 1024)]).toEqual([[1024], [1024], true]);
    has = true;
    // Over two frames, which need not be neighbours.
    b.driver.allocate(4096 - 16);
    expect(data([blkHeader(IN, 0), 8192, 1])?.[8191]).toBe(15);
    expect([now, usual]).toEqual([[], [8192]]);
    // A frame that may only be read, with nothing but the data in it.
    while ((b.driver.allocate(16) + 32) % 4096 !== 0);
    const head = b.driver.add(0, [blkHeader(IN, 9), 4096, 1]);
    const { address } = b.driver.writable(0, head)[0]!;
    expect(address % 4096).toBe(0);
    iommu.unmap(0, address);
    map(address, Right.Read);
    b.driver.notify(0);
    expect([needsReset(b), memory.read(address, 4096), iommu.fault(0, 0)?.direction]).toEqual([true, filled(4096, 0), "write"]);
  });
  it("a frame taken away while a read is held: the access is refused and recorded, and the memory is left as it was", () => {
    const memory = new TestMemory(2 ** 17, 0x8000_0000);
    const iommu = new Iommu(["disk"], { ram: memory.data.buffer as ArrayBuffer, ramBase: memory.base, written: () => undefined }, () => undefined);
    for (let page = memory.base; page < memory.base + memory.data.length; page += 4096) iommu.map(0, page, page, 4096, Right.Read | Right.Write);
    const disk = failingDisk(ramDisk(filled(8192, 0xdd)), () => "hold");
    const b = bench(disk, memory, iommu.port(0));
    b.driver.init(0, 8);
    b.driver.allocate(4096 - 16); // so that the data lie alone in a frame
    const head = b.driver.add(0, [blkHeader(IN, 0), 4096, 1]);
    const { address } = b.driver.writable(0, head)[0]!;
    expect(address % 4096).toBe(0);
    b.driver.notify(0);
    iommu.unmap(0, address);
    memory.data.fill(0x55, address - memory.base, address - memory.base + 4096); // someone else's now
    disk.release();
    expect([iommu.faultCount(0), iommu.fault(0, 0)]).toEqual([1, { address, bytes: 4096, direction: "write" }]);
    expect(memory.data.subarray(address - memory.base, address - memory.base + 4096)).toEqual(filled(4096, 0x55));
    expect([needsReset(b), b.driver.collect(0)]).toEqual([true, []]);
    expect(b.reasons[0]).toMatch(/buffer-access: write of 4096 bytes/);
  });
});

describe("block device saved and restored", () => {
  const held = (state: VirtioState): readonly number[] => (state.model as BlkState).heads;
  it("in the middle of requests: they are begun again, in order", () => {
    const b = diskBench(() => "hold");
    const heads = [
      b.driver.add(0, [blkHeader(IN, 9), 512, 1]),
      b.driver.add(0, [blkHeader(OUT, 5), filled(512, 0xcc), 1], true),
      b.driver.add(0, [blkHeader(FLUSH, 0), 1]),
    ];
    b.driver.notify(0);
    const state = copied(b.device.save());
    expect(held(state)).toEqual(heads);
    const disk = failingDisk(ramDisk(b.bytes), () => "hold");
    const other = bench(disk, b.memory);
    other.device.restore(state);
    expect(other.device.save()).toEqual(state);
    expect(disk.operations).toEqual(b.disk.operations);
    disk.releaseAll();
    const used = b.driver.collect(0);
    expect(used.map(({ head, bytes }) => [head, bytes.at(-1)])).toEqual(heads.map((head) => [head, OK]));
    expect([used[0]!.bytes[0], b.bytes[5 * 512], other.irq]).toEqual([9, 0xcc, true]);
  });
  it("into a device that has requests of its own with the disk: those are forgotten, and waited for", () => {
    const b = diskBench(() => "hold");
    b.driver.add(0, [blkHeader(OUT, 1), filled(512, 0x77), 1]);
    b.driver.notify(0);
    const state = copied(b.device.save());
    b.driver.add(0, [blkHeader(OUT, 2), filled(512, 0x78), 1]);
    b.device.restore(state);
    expect([b.disk.operations.length, held(b.device.save())]).toEqual([1, held(state)]);
    b.disk.release(0, "of the past");
    expect(b.driver.collect(0)).toEqual([]);
    b.disk.releaseAll();
    expect(statuses(b)).toEqual([OK, OK]);
    expect([b.bytes[512], b.bytes[1024]]).toEqual([0x77, 0x78]);
  });
  it("with more in the queue than was taken: the rest is taken without being told again", () => {
    const b = diskBench((n) => (n === 0 ? "hold" : "pass"));
    b.driver.add(0, [blkHeader(IN, 1), 512, 1]);
    b.driver.notify(0);
    b.driver.init(FLUSHES, 32); // the held one is nobody's now, and keeps the next one waiting
    expect(request(b, [blkHeader(IN, 2), 512, 1])).toBeNull();
    const state = copied(b.device.save());
    expect(held(state)).toEqual([]);
    bench(ramDisk(b.bytes), b.memory).device.restore(state);
    expect(b.driver.collect(0).map(({ bytes }) => bytes[0])).toEqual([2]);
  });
  it("whatever a saved state says of heads, nothing is thrown", () => {
    for (const heads of [[31], [99999], Array(1000).fill(0)]) {
      const b = diskBench(() => "hold");
      const state = copied(b.device.save());
      b.device.restore({ ...state, model: { heads, stalled: true, failures: 0 } });
      expect(b.disk.held).toBeLessThanOrEqual(BLK_QUEUE_SIZE);
    }
  });
});

describe("block device: any requests are as of plain bytes", () => {
  const sector = fc.integer({ min: 0, max: SECTORS + 1 });
  const count = fc.integer({ min: 0, max: 6 });
  const cuts = fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 4 });
  const step = fc.record({ type: fc.constantFrom(IN, IN, OUT, OUT, FLUSH), sector, count, odd: fc.constantFrom(0, 0, 0, 0, 1), cuts, indirect: fc.boolean(), save: fc.constantFrom(false, false, false, true) });
  /** Pieces of these sizes, the last with what is left. */
  const lengths = (bytes: number, cuts: readonly number[]): number[] => {
    const pieces: number[] = [];
    for (const cut of [...cuts, Infinity]) {
      const piece = Math.min(cut, bytes);
      if (piece > 0) pieces.push(piece);
      bytes -= piece;
    }
    return pieces;
  };
  it("one after another, however cut up, with the device saved and restored while they are held", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const b = diskBench(() => "hold");
        const model = b.bytes.slice();
        steps.forEach(({ type, sector, count, odd, cuts, indirect, save }, n) => {
          const bytes = type === FLUSH ? 0 : 512 * count + odd;
          const data = filled(bytes, 100 + n);
          let at = 0;
          const output = type === OUT ? lengths(bytes, cuts).map((piece) => data.subarray(at, (at += piece))) : [];
          const input = type === IN ? lengths(bytes, cuts) : [];
          b.driver.add(0, [blkHeader(type, sector), ...output, ...input, 1], indirect);
          b.driver.notify(0);
          if (save) {
            const state = copied(b.device.save());
            while (b.disk.held > 0) b.disk.release(0, "the machine is gone");
            b.device.restore(state);
          }
          // A request that was begun, lost and begun again is answered by the second.
          b.disk.releaseAll();
          const good = type === FLUSH || (odd === 0 && sector + count <= SECTORS);
          const [used] = b.driver.collect(0);
          expect(used!.bytes.at(-1)).toBe(good ? OK : IOERR);
          if (good && type === IN) expect(same(used!.bytes.subarray(0, -1), model.subarray(512 * sector, 512 * sector + bytes))).toBe(true);
          if (good && type === OUT) model.set(data, 512 * sector);
        });
        expect(same(b.bytes, model)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});
