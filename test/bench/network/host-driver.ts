// The peer of `network`: the same card over the same cable, worked by the host itself: no CPU emulation, no kernel, no translation, nobody to be kept apart.
// What it costs is the floor for whoever puts a driver between.
import { readDevice, writeDevice } from "../../../core/devices/device.ts";
import { VirtioMmio } from "../../../core/devices/virtio/mmio.ts";
import { MAC_BYTES, NET_QUEUE_SIZE, VirtioNet } from "../../../core/devices/virtio/net.ts";
import { DescFlag, Feature, Mmio, NET_HEADER_BYTES, Status } from "../../../core/devices/virtio/spec.ts";
import type { NetBackend } from "../../../core/host/backend.ts";
import { Iommu } from "../../../core/machine/iommu.ts";

const RAM_BASE = 0x8000_0000;
/** In a page for each queue and those behind it. */
const DESCRIPTORS = 0, AVAILABLE = 0x1000, USED = 0x2000, HEADER = 0x3000, AREA = 0x4000;
const DATA = 0x10_0000, PLACE = 2048;
const LIVE = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK;
const RECEIVE = 0, TRANSMIT = 1;

export interface Load {
  /** The cable gives each frame back. */
  readonly echo: boolean;
  /** Of each frame. */
  readonly bytes: number;
  /** Frames on their way. */
  readonly depth: number;
  readonly count: number;
}

/** @returns nanoseconds for all of it. Throws when a frame is lost: the cable answers at once. */
export function openHostDriver(cable: NetBackend): (load: Load) => number {
  const ram = new ArrayBuffer(4 * 2 ** 20);
  const view = new DataView(ram);
  const iommu = new Iommu(["net0"], { ram, ramBase: RAM_BASE, written() {} }, () => {}, true);
  const card = new VirtioNet({ mac: new Uint8Array(MAC_BYTES), send: (frame) => cable.send(frame) }, fail);
  cable.onFrame((frame) => card.receive(frame));
  const device = new VirtioMmio(card, { irq() {}, dma: iommu.port(0), report: fail });
  const set = (register: number, value: number): void => void writeDevice(device, register, 4, value, 0);
  for (const status of [0, Status.ACKNOWLEDGE, Status.ACKNOWLEDGE | Status.DRIVER]) set(Mmio.STATUS, status);
  set(Mmio.DRIVER_FEATURES_SEL, 1);
  set(Mmio.DRIVER_FEATURES, 1 << (Feature.VERSION_1 - 32));
  set(Mmio.STATUS, LIVE & ~Status.DRIVER_OK);
  const offered = [0, 0], seen = [0, 0];
  for (const queue of [RECEIVE, TRANSMIT]) {
    set(Mmio.QUEUE_SEL, queue);
    set(Mmio.QUEUE_NUM, NET_QUEUE_SIZE);
    for (const [register, at] of [[Mmio.QUEUE_DESC_LOW, DESCRIPTORS], [Mmio.QUEUE_DRIVER_LOW, AVAILABLE], [Mmio.QUEUE_DEVICE_LOW, USED]] as const) set(register, RAM_BASE + queue * AREA + at);
    set(Mmio.QUEUE_READY, 1);
  }
  set(Mmio.STATUS, LIVE);

  /** A chain of the header and place `tag`. */
  const submit = (queue: number, tag: number, bytes: number): void => {
    const area = queue * AREA, write = queue === RECEIVE ? DescFlag.WRITE : 0;
    for (const [index, address, length, flags] of [[2 * tag, area + HEADER, NET_HEADER_BYTES, DescFlag.NEXT | write], [2 * tag + 1, DATA + (queue * 64 + tag) * PLACE, bytes, write]] as const) {
      const at = area + DESCRIPTORS + 16 * index;
      view.setBigUint64(at, BigInt(RAM_BASE + address), true);
      view.setUint32(at + 8, length, true);
      view.setUint16(at + 12, flags, true);
      view.setUint16(at + 14, index + 1, true);
    }
    view.setUint16(area + AVAILABLE + 4 + 2 * (offered[queue]! % NET_QUEUE_SIZE), 2 * tag, true);
    offered[queue] = (offered[queue]! + 1) & 0xffff;
    view.setUint16(area + AVAILABLE + 2, offered[queue]!, true);
  };
  /** The tag that came back, or -1. */
  const take = (queue: number): number => {
    const used = queue * AREA + USED;
    if (seen[queue] === view.getUint16(used + 2, true)) return -1;
    const tag = view.getUint32(used + 4 + 8 * (seen[queue]! % NET_QUEUE_SIZE), true) / 2;
    seen[queue] = (seen[queue]! + 1) & 0xffff;
    return tag;
  };
  const notify = (queue: number): void => {
    set(Mmio.QUEUE_NOTIFY, queue);
    set(Mmio.INTERRUPT_ACK, Number(readDevice(device, Mmio.INTERRUPT_STATUS, 4)));
  };

  return ({ echo, bytes, depth, count }) => {
    for (let tag = 0; tag < depth; tag++) view.setUint8(DATA + (64 + tag) * PLACE, echo ? 1 : 0);
    if (echo) for (let tag = 0; tag < depth; tag++) submit(RECEIVE, tag, PLACE);
    const from = process.hrtime.bigint();
    let sent = 0, gone = 0, came = 0;
    for (; sent < depth && sent < count; sent++) submit(TRANSMIT, sent, bytes);
    while (gone < count || (echo && came < count)) {
      notify(TRANSMIT);
      const before = gone + came;
      let more = 0, rooms = 0;
      for (let tag = take(RECEIVE); tag >= 0; tag = take(RECEIVE)) {
        if (++came + depth > count) continue;
        submit(RECEIVE, tag, PLACE);
        rooms++;
      }
      if (rooms > 0) notify(RECEIVE);
      for (let tag = take(TRANSMIT); tag >= 0; tag = take(TRANSMIT)) {
        gone++;
        if (sent + more === count) continue;
        submit(TRANSMIT, tag, bytes);
        more++;
      }
      sent += more;
      if (gone + came === before) fail("a frame was lost");
    }
    return Number(process.hrtime.bigint() - from);
  };
}

function fail(reason: string): never {
  throw new Error(reason);
}
