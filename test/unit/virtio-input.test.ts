// Keyboard and tablet, through their registers and queues: what they say of themselves, what comes to the driver, and what does not.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readDevice, writeDevice } from "../../core/devices/device.ts";
import { EventType, SYN_DROPPED, VirtioInput, type InputEvent, type InputKind } from "../../core/devices/virtio/input.ts";
import { VirtioMmio } from "../../core/devices/virtio/mmio.ts";
import { DescFlag, Feature, InputConfig, InputSelect, Mmio, Status } from "../../core/devices/virtio/spec.ts";
import { INPUT_MOST_WAITING, InputQueue } from "../../core/devices/virtio/input-queue.ts";
import { TestMemory, VirtioDriver } from "../support/virtio-driver.ts";

interface Bench {
  readonly device: VirtioMmio;
  readonly model: VirtioInput;
  readonly queue: InputQueue;
  readonly driver: VirtioDriver;
  readonly memory: TestMemory;
  irq: boolean;
}

function bench(kind: InputKind | null = "keyboard", memory = new TestMemory()): Bench {
  const b = { irq: false, memory } as Bench;
  const model = new VirtioInput(kind, () => queue.feed());
  const queue = new InputQueue((events) => model.receive(events));
  const device = new VirtioMmio(model, { irq: (level) => void (b.irq = level), dma: memory, report: () => {} });
  return Object.assign(b, { device, model, queue, driver: new VirtioDriver(device, memory) });
}

function select({ device }: Bench, what: number, sub = 0): number[] {
  writeDevice(device, Mmio.CONFIG + InputConfig.SELECT, 1, what, 0);
  writeDevice(device, Mmio.CONFIG + InputConfig.SUBSEL, 1, sub, 0);
  const size = Number(readDevice(device, Mmio.CONFIG + InputConfig.SIZE, 1));
  return Array.from({ length: size }, (_, i) => Number(readDevice(device, Mmio.CONFIG + InputConfig.DATA + i, 1)));
}
const bits = (bytes: readonly number[]): number[] => bytes.flatMap((byte, i) => Array.from({ length: 8 }, (_, bit) => 8 * i + bit).filter((code) => (byte >>> (code & 7)) & 1));
const syn: InputEvent = { type: EventType.SYN, code: 0, value: 0 };
const key = (code: number, value = 1): InputEvent[] => [{ type: EventType.KEY, code, value }, syn];
/** What has come to the driver: type, code, value. */
const events = ({ driver }: Bench): number[][] =>
  driver.collect(0).map(({ bytes, written }) => {
    expect(written).toBe(8);
    const view = new DataView(bytes.buffer);
    return [view.getUint16(0, true), view.getUint16(2, true), view.getInt32(4, true)];
  });
const lend = ({ driver }: Bench, buffers: number, bytes = 8): void => {
  for (let i = 0; i < buffers; i++) driver.add(0, [bytes]);
  driver.notify(0);
};

describe("input device: what it says of itself", () => {
  it("is a keyboard", () => {
    const b = bench();
    expect(b.driver.reg(Mmio.DEVICE_ID)).toBe(18);
    expect(Buffer.from(select(b, InputSelect.ID_NAME)).toString()).toBe("Bailiwick keyboard");
    expect(select(b, InputSelect.ID_DEVIDS)).toEqual([6, 0, 0, 0, 1, 0, 1, 0]);
    expect(bits(select(b, InputSelect.EV_BITS, EventType.KEY))).toEqual(Array.from({ length: 127 }, (_, i) => i + 1));
    for (const [what, sub] of [[InputSelect.EV_BITS, EventType.ABS], [InputSelect.ABS_INFO, 0], [InputSelect.ID_SERIAL, 0], [InputSelect.PROP_BITS, 0], [0, 0], [0xff, 0xff], [InputSelect.ID_NAME, 1]] as const) expect(select(b, what, sub)).toEqual([]);
  });
  it("is a tablet, with ranges", () => {
    const b = bench("tablet");
    expect(bits(select(b, InputSelect.EV_BITS, EventType.KEY))).toEqual([0x110, 0x111, 0x112]);
    expect(bits(select(b, InputSelect.EV_BITS, EventType.ABS))).toEqual([0, 1]);
    expect(bits(select(b, InputSelect.EV_BITS, EventType.REL))).toEqual([8]);
    for (const axis of [0, 1]) expect(Array.from(new Uint32Array(Uint8Array.from(select(b, InputSelect.ABS_INFO, axis)).buffer))).toEqual([0, 32767, 0, 0, 0]);
    expect(select(b, InputSelect.ABS_INFO, 2)).toEqual([]);
    expect(readDevice(b.device, Mmio.CONFIG + InputConfig.BYTES, 4)).toBe(0);
    writeDevice(b.device, Mmio.CONFIG, 4, InputSelect.ABS_INFO | (1 << 8), 0);
    expect(readDevice(b.device, Mmio.CONFIG, 4)).toBe(InputSelect.ABS_INFO | (1 << 8) | (20 << 16));
    writeDevice(b.device, Mmio.CONFIG + InputConfig.DATA, 4, 0xffff_ffff, 0);
    expect(select(b, InputSelect.ABS_INFO, 1)[4]).toBe(0xff);
  });
  it("is none where there is no display", () => {
    const b = bench(null);
    expect([b.driver.reg(Mmio.DEVICE_ID), b.driver.reg(Mmio.QUEUE_NUM_MAX)]).toEqual([0, 0]);
    expect(select(b, InputSelect.ID_NAME)).toEqual([]);
  });
});

describe("input device: events", () => {
  it("come in order, those of a moment together, and wait until there is room", () => {
    const b = bench();
    b.queue.add(key(1));
    b.driver.init(0, 8);
    lend(b, 1);
    expect(events(b)).toEqual([]);
    lend(b, 2);
    expect(b.irq).toBe(true);
    expect(events(b)).toEqual([[1, 1, 1], [0, 0, 0]]);
    b.queue.add([{ type: EventType.ABS, code: 0, value: -5 }, ...key(2, 0)]);
    b.queue.add(key(3));
    expect(events(b)).toEqual([]);
    lend(b, 5);
    expect(events(b)).toEqual([[3, 0, -5], [1, 2, 0], [0, 0, 0], [1, 3, 1], [0, 0, 0]]);
  });
  it("that pile up are lost from the oldest on, and the driver is told", () => {
    const b = bench();
    for (let i = 0; i < INPUT_MOST_WAITING + 10; i++) b.queue.add(key((i % 127) + 1));
    b.driver.init(0, 8);
    lend(b, 4);
    const first = events(b);
    expect(first.slice(0, 2)).toEqual([[0, SYN_DROPPED, 0], [0, 0, 0]]);
    let count = first.length;
    for (let i = 0; i < INPUT_MOST_WAITING; i++) {
      b.driver.init(0, 8); // room in the test's memory again
      lend(b, 8);
      count += events(b).length;
    }
    expect(count).toBe(2 * INPUT_MOST_WAITING);
  });
  it("go on from the saved state, with the buffers that were taken", () => {
    const b = bench();
    b.driver.init(0, 8);
    lend(b, 1);
    b.queue.add(key(7));
    select(b, InputSelect.ID_NAME);
    const state = JSON.parse(JSON.stringify(b.device.save())) as ReturnType<VirtioMmio["save"]>;
    const other = bench("keyboard", b.memory);
    other.device.restore(state);
    expect(other.device.save()).toEqual(state);
    expect((state.model as { heads: number[] }).heads).toEqual([0]);
    b.driver.add(0, [8]);
    expect(other.model.receive(key(9))).toBe(true);
    expect(events(b)).toEqual([[1, 9, 1], [0, 0, 0]]);
  });
});

describe("input device: a driver that misbehaves", () => {
  it("has buffers that are too small given back, and status given back unread", () => {
    const b = bench();
    b.driver.init(1 << Feature.INDIRECT_DESC, 8);
    b.driver.add(0, [7]);
    b.driver.add(0, [new Uint8Array(8)]);
    b.driver.add(0, [4, 4]);
    b.driver.add(0, [100], true);
    b.driver.notify(0);
    b.queue.add(key(5));
    expect(b.driver.collect(0).map(({ written, bytes }) => [written, bytes.length])).toEqual([[0, 0], [0, 0], [8, 8], [8, 8]]);
    b.driver.add(1, [new Uint8Array(8)]);
    b.driver.add(1, [new Uint8Array(1), 20]);
    b.driver.notify(1);
    expect(b.driver.collect(1).map(({ written }) => written)).toEqual([0, 0]);
  });
  it("that points outside of memory stops its queue, and the event waits for the next driver", () => {
    const b = bench();
    b.driver.init(0, 8);
    const { desc } = b.driver.queues[0]!;
    for (const head of [0, 1]) {
      b.driver.writeDescriptor(desc, head, 0x10, 8, DescFlag.WRITE, 0);
      b.driver.offer(0, head);
    }
    b.driver.notify(0);
    b.queue.add(key(5));
    expect(b.driver.reg(Mmio.STATUS) & Status.NEEDS_RESET).not.toBe(0);
    b.queue.add(key(6));
    b.driver.init(0, 8);
    lend(b, 4);
    expect(events(b)).toEqual([[1, 6, 1], [0, 0, 0]]);
  });
  it("cannot make it throw, whatever its registers and rings say", () => {
    const access = fc.record({ offset: fc.integer({ min: 0, max: 0x1ff }), size: fc.constantFrom(1, 2, 4, 8), value: fc.integer({ min: 0, max: 2 ** 32 - 1 }), read: fc.boolean(), junk: fc.integer({ min: 0, max: 0xffff }) });
    fc.assert(
      fc.property(fc.array(access, { maxLength: 60 }), (list) => {
        const b = bench("tablet");
        b.driver.init(0, 8);
        for (const { offset, size, value, read, junk } of list) {
          if (read) readDevice(b.device, offset, size);
          else writeDevice(b.device, offset, size, value, value);
          b.memory.view.setUint16(junk & 0x3ffe, value & 0xffff, true);
          b.queue.add(key((junk % 127) + 1));
          b.driver.notify(junk & 1);
        }
        b.driver.init(0, 8);
        lend(b, 2);
        expect(events(b).length).toBeLessThanOrEqual(2);
      }),
      { numRuns: 200 },
    );
  });
});
