// A guest's display, keyboard and tablet over a window that the test holds: what is shown of the picture, what the guest hears, and guests that send anything.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Axis, Button, EventType, REL_WHEEL } from "../../caps/abi/input.ts";
import type { Device } from "../../core/devices/device.ts";
import { GPU_TURN_BYTES } from "../../core/devices/virtio/gpu.ts";
import { TABLET_MOST } from "../../core/devices/virtio/input.ts";
import { VirtioMmio, type VirtioModel } from "../../core/devices/virtio/mmio.ts";
import { Feature, GpuCommand, GpuResponse, Mmio, Status } from "../../core/devices/virtio/spec.ts";
import { createCanvas, type Area } from "../../servers/lib/ts/draw.ts";
import type { Op } from "../../servers/lib/ts/sdk.ts";
import type { Window, WindowEvent } from "../../servers/lib/ts/window.ts";
import { GuestBalloon } from "../../vmm/balloon.ts";
import { GuestConsole } from "../../vmm/console.ts";
import { GuestMachine } from "../../vmm/machine.ts";
import { GuestScreen } from "../../vmm/screen.ts";
import { GuestMap, VirtioSlot } from "../../vmm/spec.ts";
import { TestMemory, VirtioDriver } from "../support/virtio-driver.ts";

const [WIDTH, HEIGHT] = [40, 30];
const BGRX = 2;

class TestWindow implements Window {
  readonly canvas = createCanvas(WIDTH, HEIGHT);
  readonly focused = false;
  readonly buttons = 0;
  readonly events: WindowEvent[] = [];
  readonly flushed: Area[] = [];
  gone = false;
  awake = false;

  next(): Op<WindowEvent | undefined> {
    throw new Error("a VMM does not wait here");
  }
  *tryNext(): Op<WindowEvent | undefined> {
    yield;
    return this.events.shift();
  }
  sleeps(): boolean {
    this.awake = this.events.length > 0;
    return !this.awake;
  }
  wakes(): void {
    this.awake = true;
  }
  *flush(area?: Area): Op<boolean> {
    yield;
    this.flushed.push(area!);
    return !this.gone;
  }
}

interface Bench {
  readonly window: TestWindow;
  readonly screen: GuestScreen;
  readonly memory: TestMemory;
  readonly gpu: VirtioDriver;
  readonly complaints: string[];
  turn(): void;
}

function bench(memory = new TestMemory(2 ** 20)): Bench {
  const window = new TestWindow(), complaints: string[] = [];
  const screen = new GuestScreen(window, 1, memory, (line) => void complaints.push(line));
  const gpu = driverOf(screen.gpu, memory);
  gpu.init(0, 64);
  return { window, screen, memory, gpu, complaints, turn: () => { for (const turn = screen.turn(); turn.next().done !== true; ); } };
}
const driverOf = (model: VirtioModel, memory: TestMemory): VirtioDriver => new VirtioDriver(new VirtioMmio(model, { irq: () => undefined, dma: memory, report: () => undefined }), memory);

function ask({ gpu }: Bench, type: number, ...rest: readonly number[]): number {
  gpu.add(0, [new Uint8Array(Uint32Array.of(type, 0, 0, 0, 0, 0, ...rest).buffer), 24]);
  gpu.notify(0);
  return new DataView(gpu.collect(0)[0]!.bytes.buffer).getUint32(0, true);
}

/** A picture of this size on the display, each pixel (x, y) being y << 8 | x, drawn and flushed. */
function show(b: Bench, width: number, height: number): void {
  const address = b.gpu.allocate(width * height * 4);
  for (let i = 0; i < width * height; i++) b.memory.view.setUint32(address - b.memory.base + 4 * i, (Math.floor(i / width) << 8) | i % width, true);
  expect(ask(b, GpuCommand.RESOURCE_CREATE_2D, 1, BGRX, width, height)).toBe(GpuResponse.OK_NODATA);
  expect(ask(b, GpuCommand.RESOURCE_ATTACH_BACKING, 1, 1, address, 0, width * height * 4, 0)).toBe(GpuResponse.OK_NODATA);
  expect(ask(b, GpuCommand.SET_SCANOUT, 0, 0, width, height, 0, 1)).toBe(GpuResponse.OK_NODATA);
  expect(ask(b, GpuCommand.TRANSFER_TO_HOST_2D, 0, 0, width, height, 0, 0, 1, 0)).toBe(GpuResponse.OK_NODATA);
  expect(ask(b, GpuCommand.RESOURCE_FLUSH, 0, 0, width, height, 1, 0)).toBe(GpuResponse.OK_NODATA);
}
const pixel = ({ window }: Bench, x: number, y: number): number => window.canvas.pixels[y * WIDTH + x]!;

describe("a guest's display", () => {
  it("is as large as its window, and what is drawn is flushed in one turn, where it changed", () => {
    const b = bench();
    show(b, WIDTH, HEIGHT);
    expect(b.screen.due).toBe(true);
    b.turn();
    expect([b.window.flushed, b.screen.due]).toEqual([[{ x: 0, y: 0, width: WIDTH, height: HEIGHT }], false]);
    expect([pixel(b, 0, 0), pixel(b, 39, 29), pixel(b, 7, 9)]).toEqual([0, (29 << 8) | 39, (9 << 8) | 7]);
    for (const [x, y] of [[3, 4], [10, 20]] as const) ask(b, GpuCommand.RESOURCE_FLUSH, x, y, 2, 2, 1, 0);
    b.turn();
    b.turn();
    expect(b.window.flushed.slice(1)).toEqual([{ x: 3, y: 4, width: 9, height: 18 }]);
  });

  it("shows the left upper part of a larger picture, and black beside a smaller one or none", () => {
    const b = bench();
    show(b, WIDTH + 20, HEIGHT + 5);
    expect([pixel(b, 39, 29), pixel(b, 0, 29)]).toEqual([(29 << 8) | 39, 29 << 8]);
    const c = bench();
    c.window.canvas.pixels.fill(0xffffff);
    show(c, 10, 10);
    expect([pixel(c, 9, 9), pixel(c, 10, 9), pixel(c, 9, 10), pixel(c, 39, 29)]).toEqual([(9 << 8) | 9, 0, 0, 0]);
    ask(c, GpuCommand.SET_SCANOUT, 0, 0, 0, 0, 0, 0);
    expect(new Set(c.window.canvas.pixels)).toEqual(new Set([0]));
    c.turn();
    expect(c.window.flushed).toEqual([{ x: 0, y: 0, width: WIDTH, height: HEIGHT }]);
  });

  it("has what the GPU put off done before the guest goes on", () => {
    const b = bench(new TestMemory(2 ** 23));
    const side = 1024, bytes = side * side * 4;
    const address = b.gpu.allocate(bytes);
    expect(ask(b, GpuCommand.RESOURCE_CREATE_2D, 1, BGRX, side, side)).toBe(GpuResponse.OK_NODATA);
    expect(ask(b, GpuCommand.RESOURCE_ATTACH_BACKING, 1, 1, address, 0, bytes, 0)).toBe(GpuResponse.OK_NODATA);
    const requests = 16, each = GPU_TURN_BYTES / bytes;
    for (let i = 0; i < requests; i++) b.gpu.add(0, [new Uint8Array(Uint32Array.of(GpuCommand.TRANSFER_TO_HOST_2D, 0, 0, 0, 0, 0, 0, 0, side, side, 0, 0, 1, 0).buffer), 24]);
    b.gpu.notify(0);
    expect(b.gpu.collect(0).length).toBeLessThanOrEqual(each);
    expect(b.screen.due).toBe(true);
    b.turn();
    expect(b.gpu.collect(0).length).toBeGreaterThanOrEqual(requests - each);
    expect(b.screen.due).toBe(false);
  });

  it("whose server is gone costs the guest nothing else; the operator is told once", () => {
    const b = bench();
    b.window.gone = true;
    show(b, WIDTH, HEIGHT);
    b.turn();
    ask(b, GpuCommand.RESOURCE_FLUSH, 0, 0, 2, 2, 1, 0);
    b.turn();
    expect([b.complaints, b.window.flushed.length]).toEqual([["display: its server is gone: nothing of the guest's is seen from now on"], 1]);
  });
});

describe("a guest's keyboard and tablet", () => {
  const { LEFT, RIGHT } = Button;
  const key = (code: number, pressed: boolean): WindowEvent => ({ kind: "key", code, pressed, character: undefined });
  const button = (code: number, pressed: boolean, x = 0, y = 0): WindowEvent => ({ kind: "button", code, pressed, x, y });
  /** Both with buffers; what came to each, without the ends of moments. */
  function hands(b: Bench) {
    const each = [b.screen.keyboard, b.screen.tablet].map(({ device }) => {
      const driver = driverOf(device, new TestMemory());
      driver.init(0, 64);
      for (let i = 0; i < 60; i++) driver.add(0, [8]);
      driver.notify(0);
      return (): number[][] =>
        driver.collect(0).map(({ bytes }) => {
          const view = new DataView(bytes.buffer);
          return [view.getUint16(0, true), view.getUint16(2, true), view.getInt32(4, true)];
        }).filter(([type]) => type !== EventType.SYN);
    });
    return { keyboard: each[0]!, tablet: each[1]! };
  }

  it("hear what the window hears, each its own; keys and buttons that there are not are nothing", () => {
    const b = bench();
    const { keyboard, tablet } = hands(b);
    b.window.events.push(key(30, true), key(30, false), key(0, true), key(500, true), button(LEFT, true, 39, 0), button(0x117, true), button(LEFT, false, 39, 29), { kind: "move", x: 20, y: 15 }, { kind: "wheel", by: -2 }, { kind: "focus", has: true });
    b.turn();
    expect(keyboard()).toEqual([[EventType.KEY, 30, 1], [EventType.KEY, 30, 0]]);
    const at = (x: number, y: number) => [[EventType.ABS, Axis.X, x], [EventType.ABS, Axis.Y, y]];
    expect(tablet()).toEqual([
      ...at(TABLET_MOST, 0), [EventType.KEY, LEFT, 1], ...at(TABLET_MOST, TABLET_MOST), [EventType.KEY, LEFT, 0], ...at(Math.round((20 * TABLET_MOST) / 39), Math.round((15 * TABLET_MOST) / 29)), [EventType.REL, REL_WHEEL, -2],
    ]);
    expect(b.window.awake).toBe(false);
  });

  it("point into what the guest shows, and no further than its edge", () => {
    const b = bench();
    show(b, 20, HEIGHT + 29);
    const { tablet } = hands(b);
    b.window.events.push({ kind: "move", x: 19, y: 29 }, { kind: "move", x: 39, y: 29 });
    b.turn();
    expect(tablet().filter(([, code]) => code === Axis.X)).toEqual([[EventType.ABS, Axis.X, TABLET_MOST], [EventType.ABS, Axis.X, TABLET_MOST]]);
    b.window.events.push({ kind: "move", x: 0, y: 29 });
    b.turn();
    expect(tablet().at(-1)).toEqual([EventType.ABS, Axis.Y, TABLET_MOST / 2 + 0.5]);
  });

  it.each([["focus", { kind: "focus", has: false }], ["events", { kind: "lost" }]] as const)("have all that is held released when the window loses %s", (_, loss) => {
    const b = bench();
    const { keyboard, tablet } = hands(b);
    b.window.events.push(key(42, true), key(30, true), key(30, false), button(RIGHT, true), loss, loss);
    b.turn();
    expect(keyboard()).toEqual([[EventType.KEY, 42, 1], [EventType.KEY, 30, 1], [EventType.KEY, 30, 0], [EventType.KEY, 42, 0]]);
    expect(tablet().filter(([type]) => type === EventType.KEY)).toEqual([[EventType.KEY, RIGHT, 1], [EventType.KEY, RIGHT, 0]]);
  });

  it("are stirred by what is pressed, not by what is released or passes over", () => {
    const b = bench();
    for (const [event, stirs] of [[{ kind: "move", x: 1, y: 1 }, false], [key(30, false), false], [key(30, true), true], [button(LEFT, true), true]] as const) {
      b.screen.stirred = false;
      b.window.events.push(event);
      b.turn();
      expect(b.screen.stirred).toBe(stirs);
    }
  });
});

describe("the whole machine, under any guest", () => {
  it("accesses anywhere and any memory: no exception, no endless turn, nothing outside of its RAM and its window; and each device comes back", () => {
    const bases = [VirtioSlot.balloon, VirtioSlot.gpu, VirtioSlot.keyboard, VirtioSlot.tablet].map((slot) => GuestMap.VIRTIO.base + slot * GuestMap.VIRTIO.stride);
    const value = fc.oneof(fc.integer({ min: 0, max: 70 }), fc.constantFrom(0x8000_0000, 0x8000_4000, 0xffff_ffff), fc.integer({ min: 0, max: 0xffff_ffff }));
    const access = fc.tuple(fc.constantFrom(...bases), fc.integer({ min: 0, max: 0x120 / 4 }).map((n) => 4 * n), value, fc.constantFrom(1, 2, 4, 4, 4, 8));
    const requests = fc.array(fc.tuple(fc.constantFrom(...Object.values(GpuCommand)), fc.array(value, { minLength: 10, maxLength: 10 })), { maxLength: 10 });
    fc.assert(
      fc.property(fc.array(access, { maxLength: 60 }), requests, fc.boolean(), (accesses, asked, overlap) => {
        const memory = new TestMemory();
        const window = new TestWindow();
        const screen = new GuestScreen(window, 1, memory, () => undefined);
        const console = new GuestConsole({ sys: { call: () => { throw new Error("no system call is made here"); } }, mem: {} } as never, 0, () => undefined);
        const balloon = new GuestBalloon(2 ** 20, 2 ** 16);
        const machine = new GuestMachine({ memory, console, cmdline: "", entropy: null, disks: [], ports: [], passed: [], balloon, clock: null, screen, complain: () => undefined });
        const turn = (): void => {
          let steps = 0;
          for (const turning = screen.turn(); turning.next().done !== true; ) expect(++steps).toBeLessThan(1000);
          for (const { x, y, width, height } of window.flushed.splice(0)) expect([x >= 0, y >= 0, width > 0, x + width <= WIDTH, y + height <= HEIGHT]).toEqual(Array(5).fill(true));
        };
        const drivers = bases.map((base) => {
          const device: Device = {
            bytes: 0x200, reset: () => undefined, save: () => null, restore: () => undefined,
            read: (offset, size) => Number(machine.bus.read(base + offset, size)),
            write: (offset, size, word) => machine.bus.write(base + offset, size, word, 0),
          };
          return new VirtioDriver(device, memory);
        });
        const [, gpu] = drivers;
        for (const driver of drivers) {
          driver.init(1 << Feature.EVENT_IDX, 8);
          if (driver !== gpu) continue;
          for (const [type, words] of asked.slice(0, 4)) driver.add(0, [new Uint8Array(Uint32Array.of(type, 0, 0, 0, 0, 0, ...words).buffer), 24]);
          // All queues in one place: what one device writes, another reads.
          if (overlap) driver.setUpQueue(1, 8, memory.base);
        }
        for (const [base, offset, word, size] of accesses) {
          window.events.push({ kind: "move", x: word % WIDTH, y: word % HEIGHT }, { kind: "key", code: word % 130, pressed: word % 2 === 0, character: undefined });
          machine.bus.write(base + offset, size, word, word);
          machine.bus.read(base + offset, size);
          for (const driver of drivers) for (const queue of [0, 1, 2]) driver.notify(queue);
          turn();
          expect(balloon.bytes).toBeLessThanOrEqual(2 ** 20);
        }
        memory.data.fill(0);
        for (const driver of drivers) {
          driver.init();
          expect(driver.reg(Mmio.STATUS) & (Status.DRIVER_OK | Status.NEEDS_RESET)).toBe(Status.DRIVER_OK);
        }
      }),
      { numRuns: 100 },
    );
  });
});
