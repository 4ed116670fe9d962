// The peer of `drivers`: the same device model over the same kind of disk, worked by the host itself: no CPU emulation, no kernel, no translation, nobody
// to be kept apart. What it costs is the floor for whoever puts a driver between.
import { readDevice, writeDevice } from "../../../core/devices/device.ts";
import { VirtioBlk } from "../../../core/devices/virtio/blk.ts";
import { ARRAYS, type BlockBackend } from "../../../core/devices/virtio/block-backend.ts";
import { VirtioMmio } from "../../../core/devices/virtio/mmio.ts";
import { BLK_HEADER_BYTES, BlkStatus, BlkType, DescFlag, Feature, Mmio, SECTOR_BYTES, Status } from "../../../core/devices/virtio/spec.ts";
import { Iommu } from "../../../core/machine/iommu.ts";

const RAM_BASE = 0x8000_0000;
const QUEUE = 128;
const DESCRIPTORS = 0, AVAILABLE = 0x1000, USED = 0x2000, HEADERS = 0x3000, STATUSES = 0x4000, DATA = 0x10_0000;
const LIVE = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK;

export interface Load {
  readonly write: boolean;
  /** Of each request. */
  readonly bytes: number;
  /** Requests on their way. */
  readonly depth: number;
  readonly count: number;
  /** Of request n: its sector. */
  readonly place: (n: number) => number;
}

/** @returns nanoseconds for all of it. */
export function openHostDriver(backend: BlockBackend): (load: Load) => Promise<number> {
  const ram = new ArrayBuffer(4 * 2 ** 20);
  const view = new DataView(ram);
  let raised = false, onInterrupt = (): void => {};
  const iommu = new Iommu(["blk0"], { ram, ramBase: RAM_BASE, written() {} }, () => {}, true);
  const device = new VirtioMmio(new VirtioBlk(backend, ARRAYS, fail), {
    irq: (level) => {
      raised = level;
      if (level) onInterrupt();
    },
    dma: iommu.port(0),
    report: fail,
  });
  const set = (register: number, value: number): void => void writeDevice(device, register, 4, value, 0);
  for (const status of [0, Status.ACKNOWLEDGE, Status.ACKNOWLEDGE | Status.DRIVER]) set(Mmio.STATUS, status);
  set(Mmio.DRIVER_FEATURES_SEL, 1);
  set(Mmio.DRIVER_FEATURES, 1 << (Feature.VERSION_1 - 32));
  set(Mmio.STATUS, LIVE & ~Status.DRIVER_OK);
  set(Mmio.QUEUE_SEL, 0);
  set(Mmio.QUEUE_NUM, QUEUE);
  for (const [register, at] of [[Mmio.QUEUE_DESC_LOW, DESCRIPTORS], [Mmio.QUEUE_DRIVER_LOW, AVAILABLE], [Mmio.QUEUE_DEVICE_LOW, USED]] as const) set(register, RAM_BASE + at);
  set(Mmio.QUEUE_READY, 1);
  set(Mmio.STATUS, LIVE);

  let offered = 0, seen = 0;
  const descriptor = (index: number, address: number, bytes: number, flags: number): void => {
    view.setBigUint64(DESCRIPTORS + 16 * index, BigInt(RAM_BASE + address), true);
    view.setUint32(DESCRIPTORS + 16 * index + 8, bytes, true);
    view.setUint16(DESCRIPTORS + 16 * index + 12, flags, true);
    view.setUint16(DESCRIPTORS + 16 * index + 14, index + 1, true);
  };
  const submit = ({ write, bytes, place }: Load, n: number, tag: number): void => {
    view.setUint32(HEADERS + BLK_HEADER_BYTES * tag, write ? BlkType.OUT : BlkType.IN, true);
    view.setBigUint64(HEADERS + BLK_HEADER_BYTES * tag + 8, BigInt(place(n)), true);
    descriptor(3 * tag, HEADERS + BLK_HEADER_BYTES * tag, BLK_HEADER_BYTES, DescFlag.NEXT);
    descriptor(3 * tag + 1, DATA + tag * bytes, bytes, DescFlag.NEXT | (write ? 0 : DescFlag.WRITE));
    descriptor(3 * tag + 2, STATUSES + tag, 1, DescFlag.WRITE);
    view.setUint16(AVAILABLE + 4 + 2 * (offered % QUEUE), 3 * tag, true);
    offered = (offered + 1) & 0xffff;
    view.setUint16(AVAILABLE + 2, offered, true);
  };

  return (load) =>
    new Promise((resolve, reject) => {
      const from = process.hrtime.bigint();
      let sent = 0, answered = 0, working = false;
      /** Takes what is back and sends as many, until nothing is back at once. */
      const pump = (): void => {
        if (working) return;
        working = true;
        for (;;) {
          let fresh = false;
          if (raised) set(Mmio.INTERRUPT_ACK, Number(readDevice(device, Mmio.INTERRUPT_STATUS, 4)));
          for (; seen !== view.getUint16(USED + 2, true); seen = (seen + 1) & 0xffff) {
            const tag = view.getUint32(USED + 4 + 8 * (seen % QUEUE), true) / 3;
            if (view.getUint8(STATUSES + tag) !== BlkStatus.OK) return reject(new Error("the disk refused a request"));
            answered++;
            if (sent === load.count) continue;
            submit(load, sent++, tag);
            fresh = true;
          }
          if (answered === load.count) return resolve(Number(process.hrtime.bigint() - from));
          if (!fresh) break;
          set(Mmio.QUEUE_NOTIFY, 0);
        }
        working = false;
      };
      onInterrupt = pump;
      working = true;
      for (; sent < load.depth && sent < load.count; sent++) submit(load, sent, sent);
      set(Mmio.QUEUE_NOTIFY, 0);
      working = false;
      pump();
    });
}

function fail(reason: string): never {
  throw new Error(reason);
}

/** Where request n goes, as client.c has it. @param sectors of the disk */
export function places(sectors: number, bytes: number, random: boolean): (n: number) => number {
  const count = (sectors * SECTOR_BYTES) / bytes;
  let state = 0x9e37_79b9;
  return (n) => {
    if (random) state = Math.imul(state, 1_664_525) + 1_013_904_223;
    return ((random ? state >>> 8 : n) % count) * (bytes / SECTOR_BYTES);
  };
}
