// A network card worked by the host itself: no CPU emulation, no kernel, no translation, nobody to be kept apart. Places of 2 KiB, each a chain of its own.
import { readDevice, writeDevice } from "../../../core/devices/device.ts";
import { VirtioMmio } from "../../../core/devices/virtio/mmio.ts";
import { MAC_BYTES, NET_QUEUE_SIZE, VirtioNet } from "../../../core/devices/virtio/net.ts";
import { DescFlag, Feature, Mmio, NET_HEADER_BYTES, Status } from "../../../core/devices/virtio/spec.ts";
import type { NetBackend } from "../../../core/host/backend.ts";
import { Iommu } from "../../../core/machine/iommu.ts";

const RAM_BASE = 0x8000_0000;
/** In a page for each queue and those behind it. */
const DESCRIPTORS = 0, AVAILABLE = 0x1000, USED = 0x2000, HEADER = 0x3000, AREA = 0x4000;
const DATA = 0x10_0000;
const LIVE = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK;

export const PLACE = 2048;
/** Of each queue: a chain has two descriptors. */
export const PLACES = NET_QUEUE_SIZE / 2;
export const RECEIVE = 0, TRANSMIT = 1;

export interface HostCard {
  /** The bytes of a place. */
  place(queue: number, tag: number): Uint8Array;
  /** The device's from now on: a frame of so many bytes, or room for one. */
  submit(queue: number, tag: number, bytes: number): void;
  /** A place that came back, or -1. */
  take(queue: number): number;
  /** Bytes of the frame in the place of RECEIVE that was taken last. */
  came(): number;
  /** Tells the device, and acknowledges what it says. */
  notify(queue: number): void;
}

export function openHostCard(cable: NetBackend): HostCard {
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
  let written = 0;
  for (const queue of [RECEIVE, TRANSMIT]) {
    set(Mmio.QUEUE_SEL, queue);
    set(Mmio.QUEUE_NUM, NET_QUEUE_SIZE);
    for (const [register, at] of [[Mmio.QUEUE_DESC_LOW, DESCRIPTORS], [Mmio.QUEUE_DRIVER_LOW, AVAILABLE], [Mmio.QUEUE_DEVICE_LOW, USED]] as const) set(register, RAM_BASE + queue * AREA + at);
    set(Mmio.QUEUE_READY, 1);
  }
  set(Mmio.STATUS, LIVE);

  const describe = (area: number, index: number, address: number, length: number, flags: number): void => {
    const at = area + DESCRIPTORS + 16 * index;
    view.setUint32(at, RAM_BASE + address, true);
    view.setUint32(at + 4, 0, true);
    view.setUint32(at + 8, length, true);
    view.setUint16(at + 12, flags, true);
    view.setUint16(at + 14, index + 1, true);
  };
  const submit = (queue: number, tag: number, bytes: number): void => {
    const area = queue * AREA, write = queue === RECEIVE ? DescFlag.WRITE : 0, head = 2 * tag;
    describe(area, head, area + HEADER, NET_HEADER_BYTES, DescFlag.NEXT | write);
    describe(area, head + 1, DATA + (queue * PLACES + tag) * PLACE, bytes, write);
    view.setUint16(area + AVAILABLE + 4 + 2 * (offered[queue]! % NET_QUEUE_SIZE), head, true);
    offered[queue] = (offered[queue]! + 1) & 0xffff;
    view.setUint16(area + AVAILABLE + 2, offered[queue]!, true);
  };
  const take = (queue: number): number => {
    const used = queue * AREA + USED;
    if (seen[queue] === view.getUint16(used + 2, true)) return -1;
    const at = used + 4 + 8 * (seen[queue]! % NET_QUEUE_SIZE);
    written = view.getUint32(at + 4, true);
    seen[queue] = (seen[queue]! + 1) & 0xffff;
    return view.getUint32(at, true) / 2;
  };
  const notify = (queue: number): void => {
    set(Mmio.QUEUE_NOTIFY, queue);
    set(Mmio.INTERRUPT_ACK, Number(readDevice(device, Mmio.INTERRUPT_STATUS, 4)));
  };
  const bytes = Array.from({ length: 2 * PLACES }, (_, n) => new Uint8Array(ram, DATA + n * PLACE, PLACE));
  return { place: (queue, tag) => bytes[queue * PLACES + tag]!, submit, take, came: () => written - NET_HEADER_BYTES, notify };
}

function fail(reason: string): never {
  throw new Error(reason);
}
