// The network card, through its registers and its queues: what it does, and what it does not let a driver or a cable do to it.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Right } from "../../caps/abi/numbers.ts";
import { readDevice, type DmaPort } from "../../core/devices/device.ts";
import { VirtioMmio } from "../../core/devices/virtio/mmio.ts";
import { NET_MOST_FRAME, NET_QUEUE_SIZE, NET_WAITING_FRAMES, VirtioNet, type NetLoss } from "../../core/devices/virtio/net.ts";
import { DescFlag, Feature, InterruptStatus, Mmio, NET_HEADER_BYTES, NetConfig, NetFeature, NetHeader, Status } from "../../core/devices/virtio/spec.ts";
import { Iommu } from "../../core/machine/iommu.ts";
import { TestMemory, VirtioDriver } from "../support/virtio-driver.ts";

const [RECEIVE, TRANSMIT] = [0, 1];
const CSUM = 1 << NetFeature.CSUM, INDIRECT = 1 << Feature.INDIRECT_DESC, EVENT_IDX = 1 << Feature.EVENT_IDX;
const ROOM = NET_HEADER_BYTES + NET_MOST_FRAME;
const MAC = Uint8Array.of(2, 0x11, 0x22, 0x33, 0x44, 0x55);
const filled = (bytes: number, value: number): Uint8Array => new Uint8Array(bytes).fill(value);
const counted = (bytes: number, from = 0): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => (from + i) & 0xff);
const copied = <T>(state: T): T => JSON.parse(JSON.stringify(state)) as T;
const NO_HEADER = new Uint8Array(NET_HEADER_BYTES);

interface Bench {
  readonly card: VirtioNet;
  readonly device: VirtioMmio;
  readonly memory: TestMemory;
  readonly driver: VirtioDriver;
  readonly sent: Uint8Array[];
  readonly reasons: string[];
  irq: boolean;
}

function bench(memory = new TestMemory(2 ** 21), dma: DmaPort = memory): Bench {
  const b = { memory, reasons: [] as string[], sent: [] as Uint8Array[], irq: false } as unknown as Bench;
  const report = (reason: string): void => void b.reasons.push(reason);
  const card = new VirtioNet({ mac: MAC, send: (frame) => void b.sent.push(frame.slice()) }, report);
  const device = new VirtioMmio(card, { irq: (level) => void (b.irq = level), dma, report });
  return Object.assign(b, { card, device, driver: new VirtioDriver(device, memory) });
}
function up(features = INDIRECT, size = 32): Bench {
  const b = bench();
  b.driver.init(features, size);
  return b;
}
const needsReset = ({ driver }: Bench): boolean => (driver.reg(Mmio.STATUS) & Status.NEEDS_RESET) !== 0;
const lost = ({ card }: Bench): Partial<Record<NetLoss, number>> => Object.fromEntries(Object.entries(card.counts.lost).filter(([, n]) => n > 0));
function header(fields: Partial<Record<"FLAGS" | "GSO_TYPE" | "CSUM_START" | "CSUM_OFFSET", number>>): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(NET_HEADER_BYTES));
  bytes.setUint8(NetHeader.FLAGS, fields.FLAGS ?? 0);
  bytes.setUint8(NetHeader.GSO_TYPE, fields.GSO_TYPE ?? 0);
  bytes.setUint16(NetHeader.CSUM_START, fields.CSUM_START ?? 0, true);
  bytes.setUint16(NetHeader.CSUM_OFFSET, fields.CSUM_OFFSET ?? 0, true);
  return new Uint8Array(bytes.buffer);
}
function send({ driver }: Bench, buffers: readonly Uint8Array[], indirect = false): number {
  driver.add(TRANSMIT, buffers, indirect);
  driver.notify(TRANSMIT);
  const used = driver.collect(TRANSMIT);
  expect(used.every(({ written }) => written === 0)).toBe(true);
  return used.length;
}
const received = ({ driver }: Bench): Uint8Array[] => driver.collect(RECEIVE).map(({ bytes }) => bytes.subarray(NET_HEADER_BYTES));
function lendRooms({ driver }: Bench, count: number, bytes = ROOM): void {
  for (let n = 0; n < count; n++) driver.add(RECEIVE, [bytes]);
  driver.notify(RECEIVE);
}

describe("network card: what it is", () => {
  it("shows its address, its link, its MTU and its features", () => {
    const { driver, device } = up();
    expect(driver.reg(Mmio.DEVICE_ID)).toBe(1);
    const config = (offset: number, size: number): number => Number(readDevice(device, Mmio.CONFIG + offset, size));
    expect(Array.from({ length: 6 }, (_, i) => config(i, 1))).toEqual([...MAC]);
    expect([config(0, 4), config(4, 2), config(NetConfig.STATUS, 2), config(NetConfig.MOST_PAIRS, 2), config(NetConfig.MTU, 2)]).toEqual([0x3322_1102, 0x5544, 1, 1, 1500]);
    expect([config(12, 4), config(12, 1), config(10, 2), config(252, 4)]).toEqual([0, 0, 1500, 0]);
    driver.set(Mmio.CONFIG, 1);
    expect(config(0, 1)).toBe(2);
    driver.set(Mmio.DEVICE_FEATURES_SEL, 0);
    expect(driver.reg(Mmio.DEVICE_FEATURES) & 0xff_ffff).toBe(CSUM | (1 << NetFeature.MTU) | (1 << NetFeature.MAC) | (1 << NetFeature.STATUS));
    for (const [queue, most] of [[0, NET_QUEUE_SIZE], [1, NET_QUEUE_SIZE], [2, 0]] as const) {
      driver.set(Mmio.QUEUE_SEL, queue);
      expect(driver.reg(Mmio.QUEUE_NUM_MAX)).toBe(most);
    }
  });
  it("without a cable is no device", () => {
    const memory = new TestMemory();
    const card = new VirtioNet(null, () => expect.unreachable());
    const device = new VirtioMmio(card, { irq: () => {}, dma: memory, report: () => expect.unreachable() });
    const driver = new VirtioDriver(device, memory);
    expect([driver.reg(Mmio.MAGIC), driver.reg(Mmio.DEVICE_ID), driver.reg(Mmio.DEVICE_FEATURES) & 0xff_ffff, driver.reg(Mmio.QUEUE_NUM_MAX)]).toEqual([0x7472_6976, 0, 0, 0]);
    driver.init();
    driver.notify(TRANSMIT);
    card.receive(filled(60, 1));
    expect(readDevice(device, Mmio.CONFIG, 4)).toBe(0);
    device.restore(copied(device.save()));
  });
});

describe("network card: frames to the cable", () => {
  it("of each length that is one, however the buffers are cut, direct and indirect", () => {
    const b = up();
    for (const bytes of [14, 15, 59, 60, 1513, 1514]) {
      const frame = counted(bytes, bytes);
      expect(send(b, [NO_HEADER, frame])).toBe(1);
      expect(send(b, [Uint8Array.of(...NO_HEADER, ...frame)])).toBe(1);
      expect(send(b, [NO_HEADER.subarray(0, 5), NO_HEADER.subarray(5), frame.subarray(0, 7), frame.subarray(7)], true)).toBe(1);
      expect(b.sent.splice(0)).toEqual([frame, frame, frame]);
      expect(b.driver.acknowledge()).toBe(InterruptStatus.USED);
    }
    expect([b.card.counts.sent, lost(b), b.reasons]).toEqual([18, {}, []]);
  });
  it("that are none are lost and counted, and their buffers come back", () => {
    const b = up();
    for (const bytes of [0, 1, 13, 1515, 65536]) expect(send(b, [NO_HEADER, filled(bytes, 1)])).toBe(1);
    expect(send(b, [filled(3, 0)])).toBe(1); // not even a header
    expect([b.sent, lost(b), needsReset(b)]).toEqual([[], { "sent-size": 6 }, false]);
    expect(b.reasons).toHaveLength(3); // at the 1st, 2nd and 4th
    expect(b.reasons[0]).toMatch(/lost \(1 so far of this kind\): 0 bytes were to be sent, and 14\.\.1514 can be/);
    expect(send(b, [NO_HEADER, counted(60)])).toBe(1);
    expect(b.sent).toEqual([counted(60)]);
  });
  it("with what was not agreed in the header are lost", () => {
    const b = up(INDIRECT);
    send(b, [header({ GSO_TYPE: 1 }), filled(1400, 1)]);
    send(b, [header({ FLAGS: NetHeader.NEEDS_CSUM, CSUM_START: 34, CSUM_OFFSET: 6 }), filled(60, 1)]);
    expect([b.sent, lost(b)]).toEqual([[], { "sent-header": 2 }]);
    expect(b.reasons.join()).toMatch(/cut up \(gso_type 1\).*checksum completed, which was not agreed/);
  });
  it("have the checksum completed that the driver began, odd lengths and a zero sum among them", () => {
    const b = up(CSUM);
    // RFC 1071's example: 0001 f203 f4f5 f6f7 have the sum ddf2.
    const example = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    const frame = (payload: readonly number[]): Uint8Array => Uint8Array.of(...filled(14, 0xaa), 0, 0, ...payload);
    for (const [payload, sum] of [[[...example], 0x220d], [[...example, 0x01], 0x210d], [[0xff, 0xff], 0xffff], [[0, 0], 0xffff]] as const) {
      send(b, [header({ FLAGS: NetHeader.NEEDS_CSUM, CSUM_START: 14, CSUM_OFFSET: 0 }), frame(payload)]);
      const [out] = b.sent.splice(0);
      expect([(out![14]! << 8) | out![15]!, out!.subarray(0, 14), out!.subarray(16)]).toEqual([sum, filled(14, 0xaa), Uint8Array.from(payload)]);
    }
    // A pseudo header's sum stands in the field, and what is before the start is left out.
    send(b, [header({ FLAGS: NetHeader.NEEDS_CSUM, CSUM_START: 16, CSUM_OFFSET: 2 }), Uint8Array.of(...filled(16, 0x55), 0x10, 0x00, 0x12, 0x34)]);
    expect([...b.sent.splice(0)[0]!.subarray(16)]).toEqual([0x10, 0x00, ~0x2234 >> 8 & 0xff, ~0x2234 & 0xff]);
  });
  it("whose checksum would be outside of them are lost", () => {
    const b = up(CSUM);
    for (const [CSUM_START, CSUM_OFFSET] of [[59, 0], [0, 59], [60, 0], [61, 0], [0xffff, 0xffff], [0, 0xffff], [0xffff, 0]] as const) send(b, [header({ FLAGS: NetHeader.NEEDS_CSUM, CSUM_START, CSUM_OFFSET }), filled(60, 1)]);
    expect([b.sent, lost(b), needsReset(b)]).toEqual([[], { "sent-header": 7 }, false]);
    send(b, [header({ FLAGS: NetHeader.NEEDS_CSUM, CSUM_START: 0, CSUM_OFFSET: 58 }), filled(60, 0)]);
    expect(b.sent).toHaveLength(1);
  });
  it("of a whole queue go at one call, and of a ring that refills itself no more than a queue", () => {
    const b = bench();
    let refill = 0;
    const card = new VirtioNet({ mac: MAC, send: () => void (refill-- > 0 && driver.offer(TRANSMIT, 0)) }, () => expect.unreachable());
    const device = new VirtioMmio(card, { irq: () => {}, dma: b.memory, report: () => expect.unreachable() });
    const driver = new VirtioDriver(device, b.memory);
    driver.init(0, 8);
    const room = driver.allocate(64);
    driver.writeDescriptor(driver.queues[TRANSMIT]!.desc, 0, room, 60, 0, 0);
    for (let n = 0; n < 8; n++) driver.offer(TRANSMIT, 0);
    refill = 1000;
    driver.notify(TRANSMIT);
    expect(card.counts.sent).toBe(9);
  });
});

describe("network card: frames from the cable", () => {
  it("of each length that is one come behind a header that says one buffer", () => {
    const b = up();
    for (const bytes of [14, 60, 1514]) {
      b.driver.add(RECEIVE, [NET_HEADER_BYTES, NET_MOST_FRAME]);
      b.card.receive(counted(bytes, 7));
      expect(b.irq).toBe(true);
      const [used] = b.driver.collect(RECEIVE);
      expect([used!.written, used!.bytes]).toEqual([12 + bytes, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, ...counted(bytes, 7))]);
      expect([b.driver.acknowledge(), b.irq]).toEqual([InterruptStatus.USED, false]);
    }
    // However the room is cut.
    b.driver.add(RECEIVE, [3, 20, 700, 900], true);
    b.card.receive(counted(1514));
    expect(received(b)).toEqual([counted(1514)]);
    expect([b.card.counts.received, lost(b)]).toEqual([4, {}]);
  });
  it("wait for buffers, in order, as many as may wait; the rest is lost and counted", () => {
    const b = up();
    for (let n = 0; n < NET_WAITING_FRAMES + 200; n++) b.card.receive(filled(60, n));
    expect([lost(b), b.reasons.length, b.irq]).toEqual([{ "came-no-buffer": 200 }, 8, false]);
    for (let at = 0; at < NET_WAITING_FRAMES; at += 16) {
      lendRooms(b, 16);
      expect(received(b).map((frame) => frame[0])).toEqual(Array.from({ length: 16 }, (_, i) => at + i));
      b.driver.acknowledge();
    }
    lendRooms(b, 1);
    expect(received(b)).toEqual([]);
    b.card.receive(filled(60, 0xee));
    expect(received(b)).toEqual([filled(60, 0xee)]);
  });
  it("that are none, or that nobody is there for, never reach the driver", () => {
    const b = bench();
    b.card.receive(filled(60, 1)); // before the driver is up
    b.driver.init(0, 8);
    lendRooms(b, 4);
    for (const bytes of [0, 13, 1515, 9000]) b.card.receive(filled(bytes, 1));
    expect([received(b), lost(b), b.irq]).toEqual([[], { "came-unheard": 1, "came-size": 4 }, false]);
    expect(b.reasons[0]).toMatch(/0 bytes came by the cable, which is to carry 14\.\.1514/);
    b.driver.set(Mmio.STATUS, 0);
    b.card.receive(filled(60, 1));
    expect(lost(b)["came-unheard"]).toBe(2);
  });
  it("are lost in a buffer that is too small, which comes back empty", () => {
    const b = up(0, 8);
    b.driver.add(RECEIVE, [NET_HEADER_BYTES + 59]);
    b.driver.add(RECEIVE, [filled(100, 1)]); // nothing to write at all
    b.driver.add(RECEIVE, [NET_HEADER_BYTES + 60]);
    for (let n = 0; n < 3; n++) b.card.receive(filled(60, n));
    expect(b.driver.collect(RECEIVE).map(({ written }) => written)).toEqual([0, 0, 72]);
    expect([lost(b), needsReset(b)]).toEqual([{ "came-small-buffer": 2 }, false]);
  });
  it("are forgotten at a reset", () => {
    const b = up();
    for (let n = 0; n < 10; n++) b.card.receive(filled(60, n));
    b.driver.init(0, 8);
    lendRooms(b, 8);
    expect(received(b)).toEqual([]);
  });
  it("with EVENT_IDX: the driver is asked to notify when there is no buffer, and interrupted when it wants it", () => {
    const b = up(EVENT_IDX, 8);
    b.driver.interruptAfter(RECEIVE, 3);
    for (let n = 0; n < 2; n++) b.driver.add(RECEIVE, [ROOM]);
    for (let n = 0; n < 3; n++) b.card.receive(filled(60, n));
    expect(b.irq).toBe(false);
    b.driver.add(RECEIVE, [ROOM]);
    expect(b.driver.wantsNotify(RECEIVE)).toBe(true);
    b.driver.notify(RECEIVE);
    expect([b.irq, received(b).length]).toEqual([true, 3]);
  });
});

describe("network card: a hostile driver", () => {
  it("whose rings or buffers are not memory stops its own queue, and the cable's flood is held by nobody", () => {
    for (const [queue, flags] of [[RECEIVE, DescFlag.WRITE], [TRANSMIT, 0]] as const) {
      const b = up(0, 8);
      b.driver.writeDescriptor(b.driver.queues[queue]!.desc, 0, 0x1000, 1000, flags, 0);
      b.driver.offer(queue, 0);
      b.driver.notify(queue);
      for (let n = 0; n < 1000; n++) b.card.receive(filled(60, n));
      expect([needsReset(b), b.sent, b.reasons[0]]).toEqual([true, [], expect.stringMatching(/buffer-access/)]);
      expect(b.card.save().waiting.length).toBeLessThanOrEqual(NET_WAITING_FRAMES);
      b.driver.init(0, 8);
      lendRooms(b, 1);
      b.card.receive(filled(60, 9));
      expect(received(b)).toEqual([filled(60, 9)]);
    }
  });
  it("with chains that loop, tables that are nested and numbers that are none is stopped, each by name", () => {
    const loop = up(INDIRECT, 8);
    loop.driver.writeDescriptor(loop.driver.queues[TRANSMIT]!.desc, 0, loop.driver.allocate(64), 64, DescFlag.NEXT, 0);
    loop.driver.offer(TRANSMIT, 0);
    const nested = up(INDIRECT, 8);
    nested.driver.writeDescriptor(nested.driver.queues[TRANSMIT]!.desc, 0, nested.driver.queues[TRANSMIT]!.desc, 16, DescFlag.INDIRECT, 0);
    nested.driver.offer(TRANSMIT, 0);
    const far = up(INDIRECT, 8);
    far.driver.offer(TRANSMIT, 999);
    for (const [b, fault] of [[loop, "chain-too-long"], [nested, "bad-indirect"], [far, "descriptor-index"]] as const) {
      b.driver.notify(TRANSMIT);
      expect([needsReset(b), b.sent, b.reasons[0]]).toEqual([true, [], expect.stringContaining(fault)]);
    }
  });
  it("whatever bytes its rings hold, nothing is thrown, and the cable sees frames only", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 512, maxLength: 512 }), fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 20 }), fc.boolean(), (noise, frames, indirect) => {
        const b = up(CSUM | (indirect ? INDIRECT : 0), 8);
        for (const { desc, driver, device } of b.driver.queues) {
          // Addresses that are memory, or nothing is reached: the other bytes are noise.
          for (let n = 0; n < 8; n++) b.driver.writeDescriptor(desc, n, b.memory.base + noise[n]! * 256, (noise[8 + n]! * 8) & 0x7ff, noise[16 + n]! & 7, noise[24 + n]! & 7);
          b.memory.write(driver, noise.subarray(32, 64));
          b.memory.write(device, noise.subarray(64, 96));
          b.memory.store16(driver + 2, noise[100]! & 15);
        }
        for (const queue of [TRANSMIT, RECEIVE, 7]) b.driver.notify(queue);
        for (const bytes of frames) b.card.receive(filled(bytes, 1));
        for (const queue of [RECEIVE, TRANSMIT]) b.driver.notify(queue);
        expect(b.sent.every(({ length }) => length >= 14 && length <= 1514)).toBe(true);
        b.device.restore(copied(b.device.save()));
      }),
      { numRuns: 300 },
    );
  });
});

describe("network card behind an IOMMU", () => {
  it("a frame for memory that was taken away is refused and recorded, and the memory is left as it was", () => {
    const memory = new TestMemory(2 ** 17, 0x8000_0000);
    const iommu = new Iommu(["net"], { ram: memory.data.buffer as ArrayBuffer, ramBase: memory.base, written: () => undefined }, () => undefined);
    for (let page = memory.base; page < memory.base + memory.data.length; page += 4096) iommu.map(0, page, page, 4096, Right.Read | Right.Write);
    const b = bench(memory, iommu.port(0));
    b.driver.init(0, 8);
    b.driver.allocate(4096 - NET_HEADER_BYTES - 4);
    const head = b.driver.add(RECEIVE, [NET_HEADER_BYTES, NET_MOST_FRAME]);
    const { address } = b.driver.writable(RECEIVE, head)[1]!;
    expect(address % 4096).toBe(0);
    iommu.unmap(0, address);
    memory.data.fill(0x55, address - memory.base, address - memory.base + 4096);
    b.card.receive(filled(60, 0xdd));
    expect([iommu.faultCount(0), iommu.fault(0, 0)]).toEqual([1, { address, bytes: 60, direction: "write" }]);
    expect(memory.data.subarray(address - memory.base, address - memory.base + 4096)).toEqual(filled(4096, 0x55));
    expect([needsReset(b), b.driver.collect(RECEIVE)]).toEqual([true, []]);
  });
});

describe("network card: cables", () => {
  it("that ends in the same card gives each frame back whole", () => {
    const memory = new TestMemory(2 ** 21);
    const card: VirtioNet = new VirtioNet({ mac: MAC, send: (frame) => card.receive(frame.slice()) }, () => expect.unreachable());
    const device = new VirtioMmio(card, { irq: () => {}, dma: memory, report: () => expect.unreachable() });
    const b = Object.assign(bench(), { card, device, driver: new VirtioDriver(device, memory) });
    b.driver.init(CSUM, 32);
    lendRooms(b, 20);
    for (let n = 0; n < 10; n++) b.driver.add(TRANSMIT, [NO_HEADER, counted(14 + 150 * n, n)]);
    b.driver.notify(TRANSMIT);
    expect(received(b)).toEqual(Array.from({ length: 10 }, (_, n) => counted(14 + 150 * n, n)));
  });
});

describe("network card saved and restored", () => {
  it("with frames that wait: they come, in order, and the counts go on", () => {
    const b = up();
    send(b, [NO_HEADER, filled(60, 1)]);
    for (let n = 0; n < 3; n++) b.card.receive(counted(14 + n, n));
    const state = copied(b.device.save());
    const other = bench(b.memory);
    other.device.restore(state);
    expect(copied(other.device.save())).toEqual(state);
    const driver = Object.assign(b, { device: other.device });
    driver.driver.add(RECEIVE, [ROOM]);
    driver.driver.add(RECEIVE, [ROOM]);
    other.driver.notify(RECEIVE);
    expect(received(b)).toEqual([counted(14, 0), counted(15, 1)]);
    expect([other.irq, other.card.counts]).toEqual([true, { ...b.card.counts, received: 2 }]);
  });
  it("whatever a saved state says of frames, what waits is bounded and frames", () => {
    const b = up();
    const state = copied(b.device.save());
    const counts = b.card.counts;
    b.device.restore({ ...state, model: { waiting: [...Array.from({ length: 500 }, () => Array(60).fill(1)), []], counts } });
    expect(b.card.save().waiting).toHaveLength(NET_WAITING_FRAMES);
    b.device.restore({ ...state, model: { waiting: [[], Array(13).fill(1), Array(1515).fill(1)], counts } });
    expect(b.card.save().waiting).toEqual([]);
  });
});

describe("network card: any traffic is as of two lists of frames", () => {
  const length = fc.oneof(fc.integer({ min: 10, max: 80 }), fc.integer({ min: 1500, max: 1520 }));
  const step = fc.oneof(
    fc.record({ what: fc.constant("send" as const), length, indirect: fc.boolean(), cut: fc.integer({ min: 1, max: 100 }) }),
    fc.record({ what: fc.constant("come" as const), length }),
    fc.record({ what: fc.constant("lend" as const), length: fc.constant(0) }),
    fc.record({ what: fc.constant("save" as const), length: fc.constant(0) }),
  );
  it("however lent and cut, and with the card saved and restored in between", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const b = up(INDIRECT, 16);
        const came: Uint8Array[] = [], got: Uint8Array[] = [], gone: Uint8Array[] = [];
        let rooms = 0;
        steps.forEach((s, n) => {
          const frame = counted(s.length, n);
          const good = s.length >= 14 && s.length <= 1514;
          if (s.what === "send") {
            const whole = Uint8Array.of(...NO_HEADER, ...frame);
            const cut = Math.min(s.cut, whole.length - 1);
            expect(send(b, [whole.subarray(0, cut), whole.subarray(cut)], s.indirect)).toBe(1);
            if (good) gone.push(frame);
          } else if (s.what === "come") {
            b.card.receive(frame);
            if (good) came.push(frame);
          } else if (s.what === "lend" && rooms - got.length < 16) {
            rooms++;
            lendRooms(b, 1);
          } else if (s.what === "save") {
            b.device.restore(copied(b.device.save()));
          }
          got.push(...received(b));
          expect(got).toHaveLength(Math.min(came.length, rooms));
        });
        expect([b.sent, got]).toEqual([gone, came.slice(0, got.length)]);
      }),
      { numRuns: 100 },
    );
  });
});
