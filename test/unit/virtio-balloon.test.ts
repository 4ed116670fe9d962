// The memory balloon through its registers and queues: what is asked for, what is counted, what the driver says, and drivers that say nonsense.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readDevice, writeDevice } from "../../core/devices/device.ts";
import { BALLOON_MOST_NUMBERS, VirtioBalloon } from "../../core/devices/virtio/balloon.ts";
import { VirtioMmio } from "../../core/devices/virtio/mmio.ts";
import { BalloonConfig, BalloonFeature, Feature, InterruptStatus, Mmio, Status } from "../../core/devices/virtio/spec.ts";
import { GuestBalloon } from "../../vmm/balloon.ts";
import { TestMemory, VirtioDriver } from "../support/virtio-driver.ts";

const INFLATE = 0;
const DEFLATE = 1;
const STATS = 2;
const WITH_STATS = 1 << BalloonFeature.STATS_VQ;
const FIRST = 0x8_0000;
const PAGES = 1000;

interface Bench {
  readonly device: VirtioMmio;
  readonly model: VirtioBalloon;
  readonly driver: VirtioDriver;
  readonly memory: TestMemory;
  readonly reasons: string[];
  readonly said: (readonly (readonly [number, bigint])[])[];
  changes: number;
  irq: boolean;
}

function bench(memory = new TestMemory()): Bench {
  const b = { irq: false, memory, reasons: [] as string[], said: [] as Bench["said"], changes: 0 } as Bench;
  const model = new VirtioBalloon({ firstPage: FIRST, pages: PAGES, changed: () => void b.changes++, stats: (stats) => void b.said.push([...stats]) });
  const device = new VirtioMmio(model, { irq: (level) => void (b.irq = level), dma: memory, report: (reason) => void b.reasons.push(reason) });
  return Object.assign(b, { device, model, driver: new VirtioDriver(device, memory) });
}

const numbers = (...pages: number[]): Uint8Array => new Uint8Array(Uint32Array.from(pages).buffer);
const move = ({ driver }: Bench, queue: number, ...pages: number[]): void => {
  driver.add(queue, [numbers(...pages)]);
  driver.notify(queue);
  expect(driver.collect(queue).map(({ written }) => written)).toEqual([0]);
};
function stats(...values: readonly (readonly [tag: number, value: bigint])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(10 * values.length));
  values.forEach(([tag, value], i) => {
    view.setUint16(10 * i, tag, true);
    view.setBigUint64(10 * i + 2, value, true);
  });
  return new Uint8Array(view.buffer);
}

describe("the balloon", () => {
  it("says how many pages it should hold, and when that is another number", () => {
    const b = bench();
    b.model.target = 300;
    expect([b.driver.reg(Mmio.DEVICE_ID), b.driver.reg(Mmio.CONFIG + BalloonConfig.NUM_PAGES), b.irq]).toEqual([5, 300, false]);
    b.driver.init();
    const generation = b.driver.reg(Mmio.CONFIG_GENERATION);
    b.model.target = 300;
    expect(b.irq).toBe(false);
    b.model.target = 10 * PAGES;
    expect([b.irq, b.driver.reg(Mmio.INTERRUPT_STATUS), b.driver.reg(Mmio.CONFIG + BalloonConfig.NUM_PAGES)]).toEqual([true, InterruptStatus.CONFIG, PAGES]);
    expect(b.driver.reg(Mmio.CONFIG_GENERATION)).not.toBe(generation);
    b.driver.set(Mmio.CONFIG + BalloonConfig.NUM_PAGES, 5);
    b.driver.set(Mmio.CONFIG + BalloonConfig.ACTUAL, 77);
    expect([b.driver.reg(Mmio.CONFIG), b.driver.reg(Mmio.CONFIG + BalloonConfig.ACTUAL), b.driver.reg(Mmio.CONFIG + 8), b.model.held]).toEqual([PAGES, 77, 0, 0]);
  });

  it("counts each page once, and none that is not there (L1)", () => {
    const b = bench();
    b.driver.init();
    move(b, INFLATE, FIRST, FIRST + 1, FIRST, FIRST + PAGES - 1);
    expect([b.model.held, b.changes]).toEqual([3, 1]);
    move(b, INFLATE, FIRST + 1, 0, FIRST - 1, FIRST + PAGES, 0xffff_ffff);
    expect([b.model.held, b.changes]).toEqual([3, 1]);
    move(b, DEFLATE, FIRST + 1, FIRST + 1, FIRST + 5, 0);
    expect([b.model.held, b.changes, b.irq]).toEqual([2, 2, true]);
  });

  it("does not look at more of one request than it says, nor at half a number (L2)", () => {
    const b = bench(new TestMemory(0x8_0000));
    b.driver.init();
    const many = Array<number>(BALLOON_MOST_NUMBERS).fill(FIRST);
    move(b, INFLATE, ...many, FIRST + 1);
    expect(b.model.held).toBe(1);
    b.driver.add(INFLATE, [numbers(FIRST + 2, FIRST + 3).subarray(0, 7)]);
    b.driver.notify(INFLATE);
    expect(b.model.held).toBe(2);
  });

  it("is empty after a reset", () => {
    const b = bench();
    b.driver.init();
    move(b, INFLATE, FIRST, FIRST + 1);
    b.driver.set(Mmio.STATUS, 0);
    expect(b.model.held).toBe(0);
    b.driver.init();
    move(b, INFLATE, FIRST);
    expect(b.model.held).toBe(1);
  });

  it("asks for statistics with the driver's buffer, and hears them by the next", () => {
    const b = bench();
    b.driver.init(WITH_STATS);
    expect(b.model.ask()).toBe(false);
    b.driver.add(STATS, [stats([1, 2n])]);
    b.driver.notify(STATS);
    expect([b.said, b.driver.collect(STATS)]).toEqual([[], []]);
    expect(b.model.ask()).toBe(true);
    expect(b.driver.collect(STATS)).toHaveLength(1);
    expect(b.model.ask()).toBe(false);
    b.driver.add(STATS, [stats([4, 4096n], [5, 2n ** 63n], [4, 8192n])]);
    b.driver.notify(STATS);
    expect(b.said).toEqual([[[4, 8192n], [5, 2n ** 63n]]]);
    // One that nobody has asked for only takes the place of the one before.
    b.driver.add(STATS, [new Uint8Array(0)]);
    b.driver.notify(STATS);
    expect([b.said.length, b.driver.collect(STATS).length, b.model.ask()]).toEqual([1, 1, true]);
  });

  it("goes on from the saved state: pages, numbers, and the buffer that waits", () => {
    const b = bench();
    b.model.target = 12;
    b.driver.init(WITH_STATS);
    move(b, INFLATE, FIRST, FIRST + 7, FIRST + 8, FIRST + PAGES - 1);
    b.driver.add(STATS, [stats([4, 1n])]);
    b.driver.notify(STATS);
    const state = JSON.parse(JSON.stringify(b.device.save())) as ReturnType<VirtioMmio["save"]>;
    expect(state.model).toMatchObject({ runs: [0, 1, 6, 2, PAGES - 10, 1] });
    const other = bench(b.memory);
    other.device.restore(state);
    expect(JSON.parse(JSON.stringify(other.device.save()))).toEqual(state);
    expect([other.model.held, other.model.target, other.model.ask()]).toEqual([4, 12, true]);
    expect(b.driver.collect(STATS)).toHaveLength(1);
  });
});

describe("the balloon under any driver", () => {
  it("holds exactly the pages that a set of them would", () => {
    const page = fc.oneof(fc.integer({ min: FIRST - 2, max: FIRST + 20 }), fc.integer({ min: 0, max: 0xffff_ffff }));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(INFLATE, DEFLATE), fc.array(page, { maxLength: 30 }), fc.boolean()), { maxLength: 30 }), (steps) => {
        const b = bench();
        b.driver.init();
        const inside = new Set<number>();
        for (const [queue, pages, saved] of steps) {
          move(b, queue, ...pages);
          for (const n of pages.filter((page) => page >= FIRST && page < FIRST + PAGES)) {
            if (queue === INFLATE) inside.add(n);
            else inside.delete(n);
          }
          expect(b.model.held).toBe(inside.size);
          if (saved) b.device.restore(JSON.parse(JSON.stringify(b.device.save())) as ReturnType<VirtioMmio["save"]>);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("any registers, any memory, resets at any moment: no exception, no endless loop, never more pages than there are, and it comes back", () => {
    const access = fc.tuple(fc.integer({ min: 0, max: 0x110 / 4 }).map((n) => 4 * n), fc.oneof(fc.integer({ min: 0, max: 16 }), fc.constant(0x8000_0000), fc.integer({ min: 0, max: 0xffff_ffff })));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 512, maxLength: 512 }), fc.array(access, { maxLength: 60 }), fc.boolean(), (seed, accesses, overlap) => {
        const b = bench();
        b.driver.init((1 << Feature.EVENT_IDX) | (1 << Feature.INDIRECT_DESC) | WITH_STATS);
        for (let at = 0; at < b.memory.data.length; at += seed.length) b.memory.data.set(seed, at);
        // Rings on top of each other and of the buffers: what the device writes changes what it reads next.
        for (const queue of overlap ? [INFLATE, STATS] : []) {
          b.driver.set(Mmio.QUEUE_SEL, queue);
          b.driver.set(Mmio.QUEUE_READY, 0);
          b.driver.place(queue, { size: 4, desc: b.memory.base, driver: b.memory.base + 2 * (seed[0]! % 64), device: b.memory.base + 4 * (seed[1]! % 32) });
          b.driver.set(Mmio.QUEUE_READY, 1);
        }
        for (const [offset, value] of accesses) {
          writeDevice(b.device, offset, 4, value, 0);
          readDevice(b.device, offset, 4);
          for (const queue of [INFLATE, DEFLATE, STATS]) b.driver.notify(queue);
          b.model.ask();
          b.model.target = value % 2000;
          expect(b.model.held).toBeLessThanOrEqual(PAGES);
        }
        b.memory.data.fill(0);
        b.driver.init();
        expect([b.driver.reg(Mmio.STATUS) & (Status.DRIVER_OK | Status.NEEDS_RESET), b.model.held]).toEqual([Status.DRIVER_OK, 0]);
        move(b, INFLATE, FIRST);
        expect(b.model.held).toBe(1);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a guest's balloon", () => {
  const up = (features: number) => {
    const memory = new TestMemory();
    const balloon = new GuestBalloon(16 * 2 ** 20, 2 * 4096);
    const driver = new VirtioDriver(new VirtioMmio(balloon.device, { irq: () => undefined, dma: memory, report: () => undefined }), memory);
    driver.init(features);
    const inflate = (...pages: number[]): void => {
      driver.add(INFLATE, [numbers(...pages)]);
      driver.notify(INFLATE);
    };
    return { balloon, driver, inflate };
  };

  it("is reported once, when it holds what it should", () => {
    const { balloon, inflate } = up(0);
    inflate(FIRST);
    expect(balloon.next()).toBeNull();
    inflate(FIRST + 1);
    expect([balloon.next(), balloon.next()]).toEqual([{ state: "balloon", balloon: 8192 }, null]);
    inflate(FIRST + 2);
    expect([balloon.next(), balloon.bytes]).toEqual([null, 3 * 4096]);
  });

  it("is reported with what the guest says of its memory, where it says something", () => {
    const { balloon, driver, inflate } = up(WITH_STATS);
    driver.add(STATS, [new Uint8Array(0)]);
    driver.notify(STATS);
    inflate(FIRST, FIRST + 1);
    expect(balloon.next()).toBeNull();
    driver.add(STATS, [stats([4, 4096n], [5, 65536n])]);
    driver.notify(STATS);
    expect(balloon.next()).toEqual({ state: "balloon", balloon: 8192, free: 4096, total: 65536 });
  });
});
