// The GPU, through its registers and its queues: what comes to the display, and what it does not let a driver do.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GPU_MOST_BYTES, GPU_MOST_PIECES, GPU_MOST_RESOURCES, GPU_MOST_SIDE, GPU_TURN_BYTES, VirtioGpu, type DisplayBackend } from "../../core/devices/virtio/gpu.ts";
import { VirtioMmio } from "../../core/devices/virtio/mmio.ts";
import { Feature, GPU_FORMATS, GpuCommand, GpuConfig, GpuResponse, Mmio, Status } from "../../core/devices/virtio/spec.ts";
import { createPicture, type Picture } from "../../core/host/picture.ts";
import { decodePng } from "../support/png.ts";
import { TestMemory, VirtioDriver } from "../support/virtio-driver.ts";

const { OK_NODATA, OK_DISPLAY_INFO, ERR_UNSPEC, ERR_OUT_OF_MEMORY, ERR_INVALID_SCANOUT_ID, ERR_INVALID_RESOURCE_ID, ERR_INVALID_PARAMETER } = GpuResponse;
const BGRX = 2;
type Four = readonly [x: number, y: number, width: number, height: number];

interface Bench {
  readonly device: VirtioMmio;
  readonly model: VirtioGpu;
  readonly memory: TestMemory;
  readonly driver: VirtioDriver;
  readonly picture: Picture;
  readonly reasons: string[];
  readonly later: (() => void)[];
}

function bench(features = 1 << Feature.INDIRECT_DESC, backend?: DisplayBackend | null, memory = new TestMemory(2 ** 22)): Bench {
  const picture = createPicture(64, 48);
  const reasons: string[] = [], later: (() => void)[] = [];
  const model = new VirtioGpu(backend === undefined ? picture : backend, { dma: memory, later: (work) => void later.push(work) });
  const device = new VirtioMmio(model, { irq: () => {}, dma: memory, report: (reason) => void reasons.push(reason) });
  const driver = new VirtioDriver(device, memory);
  if (backend !== null) driver.init(features, 64);
  return { device, model, memory, driver, picture, reasons, later };
}

const words = (...values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values.map((value) => value >>> 0)).buffer);
const command = (type: number, ...rest: readonly number[]): Uint8Array => words(type, 0, 0, 0, 0, 0, ...rest);
/** The answer's words; undefined: none came. */
function ask({ driver }: Bench, request: Uint8Array, room = 24, queue = 0): number[] | undefined {
  driver.add(queue, room === 0 ? [request] : [request, room]);
  driver.notify(queue);
  const [used] = driver.collect(queue);
  return used === undefined ? undefined : Array.from(new Uint32Array(used.bytes.buffer, 0, used.bytes.length >>> 2));
}
const result = (b: Bench, request: Uint8Array): number | undefined => ask(b, request)?.[0];
const create = (b: Bench, id: number, width: number, height: number, format = BGRX): number | undefined => result(b, command(GpuCommand.RESOURCE_CREATE_2D, id, format, width, height));
const backing = (b: Bench, id: number, ...pieces: readonly (readonly [number, number])[]): number | undefined =>
  result(b, command(GpuCommand.RESOURCE_ATTACH_BACKING, id, pieces.length, ...pieces.flatMap(([address, bytes]) => [address % 2 ** 32, Math.floor(address / 2 ** 32), bytes, 0])));
const scanout = (b: Bench, id: number, rectangle: Four, display = 0): number | undefined => result(b, command(GpuCommand.SET_SCANOUT, ...rectangle, display, id));
const transfer = (b: Bench, id: number, rectangle: Four, offset = 0): number | undefined => result(b, command(GpuCommand.TRANSFER_TO_HOST_2D, ...rectangle, offset % 2 ** 32, Math.floor(offset / 2 ** 32), id, 0));
const flush = (b: Bench, id: number, rectangle: Four): number | undefined => result(b, command(GpuCommand.RESOURCE_FLUSH, ...rectangle, id, 0));
const needsReset = ({ driver }: Bench): boolean => (driver.reg(Mmio.STATUS) & Status.NEEDS_RESET) !== 0;

/** Picture 1 of 64 x 48 on the display, in memory at the address, pixel (x, y) being y << 8 | x. */
function shownBench(pieces = 1): Bench & { readonly address: number } {
  const b = bench();
  const bytes = 64 * 48 * 4;
  const address = b.driver.allocate(bytes);
  for (let i = 0; i < 64 * 48; i++) b.memory.view.setUint32(address - b.memory.base + 4 * i, (Math.floor(i / 64) << 8) | i % 64, true);
  expect(create(b, 1, 64, 48)).toBe(OK_NODATA);
  expect(backing(b, 1, ...Array.from({ length: pieces }, (_, i) => [address + (i * bytes) / pieces, bytes / pieces] as const))).toBe(OK_NODATA);
  expect(scanout(b, 1, [0, 0, 64, 48])).toBe(OK_NODATA);
  return { ...b, address };
}

describe("GPU: what it is", () => {
  it("has one display of the backend's size", () => {
    const b = bench();
    expect(b.driver.reg(Mmio.DEVICE_ID)).toBe(16);
    expect([0, 4, 8, 12, 16].map((offset) => b.driver.reg(Mmio.CONFIG + offset))).toEqual([0, 0, 1, 0, 0]);
    b.driver.set(Mmio.CONFIG + GpuConfig.EVENTS_CLEAR, 1);
    const info = ask(b, command(GpuCommand.GET_DISPLAY_INFO), 408)!;
    expect(info.length).toBe(102);
    expect(info.slice(0, 18)).toEqual([OK_DISPLAY_INFO, 0, 0, 0, 0, 0, 0, 0, 64, 48, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect(ask(b, command(GpuCommand.GET_DISPLAY_INFO), 407)![0]).toBe(ERR_INVALID_PARAMETER);
  });
  it("without a display is no device", () => {
    const { driver } = bench(0, null);
    expect([driver.reg(Mmio.DEVICE_ID), driver.reg(Mmio.QUEUE_NUM_MAX), driver.reg(Mmio.CONFIG + 8)]).toEqual([0, 0, 0]);
  });
  it("gives fences back, and has no cursor plane", () => {
    const b = bench();
    expect(ask(b, words(GpuCommand.RESOURCE_UNREF, 1, 7, 8, 9, 0, 1, 0))).toEqual([ERR_INVALID_RESOURCE_ID, 1, 7, 8, 9, 0]);
    expect(ask(b, words(GpuCommand.RESOURCE_UNREF, 0, 7, 8, 9, 0, 1, 0))).toEqual([ERR_INVALID_RESOURCE_ID, 0, 0, 0, 0, 0]);
    expect(ask(b, words(GpuCommand.UPDATE_CURSOR, 1, 5, 0, 0, 0, ...new Array<number>(8).fill(0)), 24, 1)).toEqual([ERR_UNSPEC, 1, 5, 0, 0, 0]);
    expect(ask(b, command(GpuCommand.MOVE_CURSOR, 0, 1, 1, 0), 0, 1)).toEqual([]);
  });
});

describe("GPU: pictures", () => {
  it.each([1, 2, 64, 48 * 64])("copies from %i pieces of memory, and shows what is flushed", (pieces) => {
    const b = shownBench(pieces);
    expect(transfer(b, 1, [0, 0, 64, 48])).toBe(OK_NODATA);
    expect(b.picture.at(5, 6)).toBe(0);
    expect(flush(b, 1, [4, 5, 10, 11])).toBe(OK_NODATA);
    const png = decodePng(b.picture.png());
    expect([png.width, png.height]).toEqual([64, 48]);
    for (let y = 0; y < 48; y++) for (let x = 0; x < 64; x++) expect(png.at(x, y)).toBe(x >= 4 && x < 14 && y >= 5 && y < 16 ? (y << 8) | x : 0);
  });
  it("copies a part from where it is told to", () => {
    const b = shownBench(3);
    expect(transfer(b, 1, [10, 20, 3, 2], (20 * 64 + 10) * 4)).toBe(OK_NODATA);
    expect(transfer(b, 1, [0, 0, 2, 2], (3 * 64 + 1) * 4)).toBe(OK_NODATA);
    expect(flush(b, 1, [0, 0, 64, 48])).toBe(OK_NODATA);
    expect([[10, 20], [12, 21], [13, 21], [10, 22], [0, 0], [1, 1]].map(([x, y]) => b.picture.at(x!, y!))).toEqual([(20 << 8) | 10, (21 << 8) | 12, 0, 0, (3 << 8) | 1, (4 << 8) | 2]);
  });
  it.each([...GPU_FORMATS])("shows format %i as red, green and blue", (format, [blue, green, red]) => {
    const b = bench();
    const address = b.driver.allocate(16 * 16 * 4);
    for (let i = 0; i < 256; i++) for (const [at, value] of [[blue, 3], [green, 2], [red, 1]] as const) b.memory.data[address - b.memory.base + 4 * i + at] = value;
    create(b, 1, 16, 16, format);
    backing(b, 1, [address, 1024]);
    scanout(b, 1, [4, 4, 8, 8]);
    transfer(b, 1, [0, 0, 16, 16]);
    expect(flush(b, 1, [0, 0, 16, 16])).toBe(OK_NODATA);
    expect(b.picture.shown).toEqual({ width: 8, height: 8 });
    for (const at of [0, 3, 7]) expect(b.picture.at(at, at)).toBe(0x010203);
  });
  it("shows nothing more when the picture is gone, and nothing of one that is not shown", () => {
    const b = shownBench();
    transfer(b, 1, [0, 0, 64, 48]);
    create(b, 2, 64, 48);
    const { changes } = b.picture;
    expect(flush(b, 2, [0, 0, 64, 48])).toBe(OK_NODATA);
    expect(b.picture.changes).toBe(changes);
    flush(b, 1, [0, 0, 64, 48]);
    expect(b.picture.at(9, 9)).toBe(0x909);
    expect(result(b, command(GpuCommand.RESOURCE_UNREF, 1, 0))).toBe(OK_NODATA);
    expect(b.picture.at(9, 9)).toBe(0);
    expect(flush(b, 1, [0, 0, 1, 1])).toBe(ERR_INVALID_RESOURCE_ID);
    expect(scanout(b, 2, [0, 0, 32, 32])).toBe(OK_NODATA);
    expect(b.picture.shown).toEqual({ width: 32, height: 32 });
    expect(scanout(b, 0, [0, 0, 0, 0])).toBe(OK_NODATA);
    expect(b.picture.shown).toEqual({ width: 64, height: 48 });
  });
  it("goes on from its saved state as before", () => {
    const b = shownBench(4);
    transfer(b, 1, [0, 0, 64, 48]);
    flush(b, 1, [0, 0, 64, 48]);
    const state = JSON.parse(JSON.stringify(b.device.save())) as ReturnType<VirtioMmio["save"]>;
    const other = bench(0, undefined, b.memory);
    other.device.restore(state);
    expect(Buffer.compare(other.picture.png(), b.picture.png())).toBe(0);
    expect(other.device.save()).toEqual(state);
  });
});

describe("GPU: a driver that asks for what cannot be", () => {
  it("is refused by name, and nothing changes", () => {
    const b = shownBench();
    const before = JSON.stringify(b.model.save());
    const most = 2 ** 32 - 1;
    for (const [request, says] of [
      [command(GpuCommand.RESOURCE_CREATE_2D, 0, BGRX, 8, 8), ERR_INVALID_RESOURCE_ID],
      [command(GpuCommand.RESOURCE_CREATE_2D, 1, BGRX, 8, 8), ERR_INVALID_RESOURCE_ID],
      [command(GpuCommand.RESOURCE_CREATE_2D, 2, 5, 8, 8), ERR_INVALID_PARAMETER],
      [command(GpuCommand.RESOURCE_CREATE_2D, 2, BGRX, 0, 8), ERR_INVALID_PARAMETER],
      [command(GpuCommand.RESOURCE_CREATE_2D, 2, BGRX, 8, GPU_MOST_SIDE + 1), ERR_INVALID_PARAMETER],
      [command(GpuCommand.RESOURCE_CREATE_2D, 2, BGRX, most, most), ERR_INVALID_PARAMETER],
      [command(GpuCommand.RESOURCE_CREATE_2D, 2, BGRX, GPU_MOST_SIDE, GPU_MOST_SIDE), ERR_OUT_OF_MEMORY],
      [command(GpuCommand.RESOURCE_CREATE_2D, 2, BGRX, 8), ERR_INVALID_PARAMETER],
      [command(GpuCommand.RESOURCE_UNREF, 9, 0), ERR_INVALID_RESOURCE_ID],
      [command(GpuCommand.RESOURCE_UNREF), ERR_INVALID_PARAMETER],
      [command(GpuCommand.SET_SCANOUT, 0, 0, 64, 48, 1, 1), ERR_INVALID_SCANOUT_ID],
      [command(GpuCommand.SET_SCANOUT, 0, 0, 64, 48, 0, 9), ERR_INVALID_RESOURCE_ID],
      [command(GpuCommand.SET_SCANOUT, 1, 0, 64, 48, 0, 1), ERR_INVALID_PARAMETER],
      [command(GpuCommand.SET_SCANOUT, 0, 0, 0, 48, 0, 1), ERR_INVALID_PARAMETER],
      [command(GpuCommand.SET_SCANOUT, most, 0, 2, 2, 0, 1), ERR_INVALID_PARAMETER],
      [command(GpuCommand.RESOURCE_FLUSH, 0, 0, 65, 1, 1, 0), ERR_INVALID_PARAMETER],
      [command(GpuCommand.RESOURCE_FLUSH, 63, 47, most, most, 1, 0), ERR_INVALID_PARAMETER],
      [command(GpuCommand.RESOURCE_FLUSH, 0, 0, 1, 1, 7, 0), ERR_INVALID_RESOURCE_ID],
      [command(GpuCommand.TRANSFER_TO_HOST_2D, 0, 0, 64, 48, 4, 0, 1, 0), ERR_INVALID_PARAMETER],
      [command(GpuCommand.TRANSFER_TO_HOST_2D, 0, 0, 64, 48, 0, most, 1, 0), ERR_INVALID_PARAMETER],
      [command(GpuCommand.TRANSFER_TO_HOST_2D, 1, 1, 64, 48, 0, 0, 1, 0), ERR_INVALID_PARAMETER],
      [command(GpuCommand.TRANSFER_TO_HOST_2D, 0, 0, 1, 1, 0, 0, 2, 0), ERR_INVALID_RESOURCE_ID],
      [command(GpuCommand.RESOURCE_ATTACH_BACKING, 1, 1, 0, 0, 4096, 0), ERR_UNSPEC],
      [command(GpuCommand.RESOURCE_ATTACH_BACKING, 3, 1, 0, 0, 4096, 0), ERR_INVALID_RESOURCE_ID],
      [command(GpuCommand.RESOURCE_DETACH_BACKING, 3, 0), ERR_INVALID_RESOURCE_ID],
      [command(0x108), ERR_UNSPEC], [command(0), ERR_UNSPEC], [command(most), ERR_UNSPEC], [new Uint8Array(23), ERR_UNSPEC],
    ] as const) expect(result(b, request), String(Array.from(request))).toBe(says);
    expect(JSON.stringify(b.model.save())).toBe(before);
    expect(needsReset(b)).toBe(false);
  });
  it("who leaves no room for the answer is not served", () => {
    const b = bench();
    expect(ask(b, command(GpuCommand.RESOURCE_CREATE_2D, 1, BGRX, 8, 8), 23)).toEqual([]);
    expect(ask(b, command(GpuCommand.RESOURCE_CREATE_2D, 1, BGRX, 8, 8), 0)).toEqual([]);
    expect(b.model.save().resources).toEqual([]);
  });
  it("is held to so much: pictures, bytes, pieces", () => {
    const b = bench();
    for (let id = 1; id <= GPU_MOST_RESOURCES; id++) expect(create(b, id, 1, 1)).toBe(OK_NODATA);
    expect(create(b, 1000, 1, 1)).toBe(ERR_OUT_OF_MEMORY);
    const list = command(GpuCommand.RESOURCE_ATTACH_BACKING, 1, GPU_MOST_PIECES + 1);
    expect(result(b, list)).toBe(ERR_OUT_OF_MEMORY);
    expect(result(b, command(GpuCommand.RESOURCE_ATTACH_BACKING, 1, 0))).toBe(ERR_INVALID_PARAMETER);
    expect(result(b, command(GpuCommand.RESOURCE_ATTACH_BACKING, 1, 2, 0, 0, 4096, 0, 0))).toBe(ERR_INVALID_PARAMETER);
    expect(result(b, command(GpuCommand.RESOURCE_DETACH_BACKING, 1, 0))).toBe(ERR_UNSPEC);
    expect(transfer(b, 1, [0, 0, 1, 1])).toBe(ERR_UNSPEC);
    b.driver.init(0, 64);
    expect(create(b, 1, GPU_MOST_SIDE, GPU_MOST_SIDE)).toBe(OK_NODATA);
    expect(GPU_MOST_SIDE ** 2 * 4).toBe(GPU_MOST_BYTES);
    for (const work of b.later.splice(0)) work();
    expect(create(b, 2, 1, 1)).toBe(ERR_OUT_OF_MEMORY);
    expect(result(b, command(GpuCommand.RESOURCE_UNREF, 1, 0))).toBe(OK_NODATA);
    expect(create(b, 2, 1, 1)).toBe(OK_NODATA);
  });
  it("is told when memory is not the device's, and goes on", () => {
    const b = bench();
    create(b, 1, 8, 8);
    expect(backing(b, 1, [0x1000, 256], [b.memory.base, 0])).toBe(OK_NODATA);
    expect(transfer(b, 1, [0, 0, 8, 8])).toBe(ERR_UNSPEC);
    expect(result(b, command(GpuCommand.RESOURCE_DETACH_BACKING, 1, 0))).toBe(OK_NODATA);
    expect(backing(b, 1, [2 ** 63, 256])).toBe(OK_NODATA);
    expect(transfer(b, 1, [0, 0, 8, 8])).toBe(ERR_UNSPEC);
    expect(needsReset(b)).toBe(false);
  });
  it("has a long queue worked off in turns, and a reset ends that", () => {
    const b = bench();
    create(b, 1, 1024, 1024);
    const side = 1024 * 1024 * 4;
    const address = b.driver.allocate(4096);
    // The same page again and again: 1024 pieces are a whole picture.
    const list = Array.from({ length: 1024 }, () => [address, 0, 4096, 0]).flat();
    expect(result(b, command(GpuCommand.RESOURCE_ATTACH_BACKING, 1, 1024, ...list))).toBe(OK_NODATA);
    const request = command(GpuCommand.TRANSFER_TO_HOST_2D, 0, 0, 1024, 1024, 0, 0, 1, 0);
    for (let i = 0; i < 20; i++) b.driver.add(0, [request, 24]);
    b.driver.notify(0);
    let done = b.driver.collect(0).length;
    expect(done).toBe(Math.ceil(GPU_TURN_BYTES / (side + 1025 * 256)));
    b.driver.notify(0); // is no way to get more of a turn
    expect(b.driver.collect(0)).toEqual([]);
    while (b.later.length > 0 && done < 16) {
      b.later.shift()!();
      done += b.driver.collect(0).length;
    }
    expect(done).toBe(16);
    expect(b.model.save().waiting).toBe(true);
    b.driver.init(0, 64);
    for (const work of b.later.splice(0)) work();
    expect(b.model.save()).toEqual({ resources: [], shown: null, waiting: false });
    expect(create(b, 1, 4, 4)).toBe(OK_NODATA);
  });
  it("cannot make it throw, or draw outside the picture, whatever it sends", () => {
    const number = fc.oneof(fc.integer({ min: 0, max: 80 }), fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 64, 48, 4096, 12288));
    const types = [...Object.values(GpuCommand), 0x10a, 0];
    const request = fc.record({ type: fc.constantFrom(...types), rest: fc.array(number, { maxLength: 16 }), room: fc.constantFrom(0, 10, 24, 408), queue: fc.constantFrom(0, 0, 0, 1) });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 30 }), (requests) => {
        const shown = { width: 0, height: 0 };
        const backend: DisplayBackend = {
          width: 64, height: 48,
          size: (width, height) => void Object.assign(shown, { width, height }),
          draw({ x, y, width, height }, pixels, offset, stride) {
            if (!(width > 0 && height > 0 && x >= 0 && y >= 0 && x + width <= shown.width && y + height <= shown.height)) throw new Error("outside of the display");
            if (offset < 0 || offset + (height - 1) * stride + width * 4 > pixels.length) throw new Error("outside of the pixels");
          },
        };
        const b = bench(0, backend);
        create(b, 1, 64, 48);
        backing(b, 1, [b.memory.base, 12288]);
        scanout(b, 1, [1, 2, 30, 30]);
        for (const { type, rest, room, queue } of requests) {
          ask(b, command(type, ...rest), room, queue);
          for (const work of b.later.splice(0)) work();
        }
        return b.driver.reg(Mmio.MAGIC) !== 0;
      }),
      { numRuns: 200 },
    );
  });
});
