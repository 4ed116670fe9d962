// A virtio driver for tests: works a device through its MMIO registers and rings in a memory of its own, as a guest's driver does.
// The high-level calls behave; `memory`, `reg` and `layout` let a test misbehave in any way it likes.
import type { Device, DmaFault, DmaPort } from "../../core/devices/device.ts";
import { readDevice, writeDevice } from "../../core/devices/device.ts";
import { BLK_HEADER_BYTES, DescFlag, Feature, Mmio, Status } from "../../core/devices/virtio/spec.ts";

/** Memory that a device reaches by DMA: `bytes` bytes from `base` on, all else is refused. */
export class TestMemory implements DmaPort {
  readonly base: number;
  readonly data: Uint8Array;
  readonly view: DataView;
  /** Addresses from here on are refused for writing, as read-only memory would be. */
  readOnlyFrom = Infinity;

  constructor(bytes = 0x4_0000, base = 0x8000_0000) {
    this.base = base;
    this.data = new Uint8Array(bytes);
    this.view = new DataView(this.data.buffer);
  }

  #refuses(address: number, bytes: number, direction: "read" | "write"): DmaFault | null {
    const inside = address >= this.base && address + bytes <= this.base + this.data.length;
    const allowed = inside && (direction === "read" || address + bytes <= this.readOnlyFrom);
    return allowed ? null : { address, bytes, direction };
  }

  load16(address: number): number | DmaFault {
    return this.#refuses(address, 2, "read") ?? this.view.getUint16(address - this.base, true);
  }
  load32(address: number): number | DmaFault {
    return this.#refuses(address, 4, "read") ?? this.view.getUint32(address - this.base, true);
  }
  store16(address: number, value: number): DmaFault | null {
    const fault = this.#refuses(address, 2, "write");
    if (fault === null) this.view.setUint16(address - this.base, value, true);
    return fault;
  }
  store32(address: number, value: number): DmaFault | null {
    const fault = this.#refuses(address, 4, "write");
    if (fault === null) this.view.setUint32(address - this.base, value, true);
    return fault;
  }
  read(address: number, bytes: number): Uint8Array | DmaFault {
    const copy = new Uint8Array(bytes);
    return this.readInto(address, copy) ?? copy;
  }
  readInto(address: number, into: Uint8Array): DmaFault | null {
    const fault = this.#refuses(address, into.length, "read");
    if (fault === null) into.set(this.data.subarray(address - this.base, address - this.base + into.length));
    return fault;
  }
  write(address: number, bytes: Uint8Array): DmaFault | null {
    const fault = this.#refuses(address, bytes.length, "write");
    if (fault === null) this.data.set(bytes, address - this.base);
    return fault;
  }
}

/** A buffer of a chain: bytes for the device to read, or a number of bytes for it to write. */
export type Buffer = Uint8Array | number;

/** Where the rings of queue n lie, in a page-aligned area of their own. */
export interface RingLayout {
  readonly size: number;
  readonly desc: number;
  readonly driver: number;
  readonly device: number;
}

export interface Used {
  readonly head: number;
  readonly written: number;
  /** Contents of the chain's writable buffers, `written` bytes. */
  readonly bytes: Uint8Array;
}

interface Lent {
  readonly descriptors: readonly number[];
  readonly writable: readonly { readonly address: number; readonly bytes: number }[];
}

const QUEUE_AREA = 0x4000;

/** The header of a request to a block device. */
export function blkHeader(type: number, sector: number | bigint): Uint8Array {
  const header = new DataView(new ArrayBuffer(BLK_HEADER_BYTES));
  header.setUint32(0, type, true);
  header.setBigUint64(8, BigInt(sector), true);
  return new Uint8Array(header.buffer);
}

export class VirtioDriver {
  readonly device: Device;
  readonly memory: TestMemory;
  readonly queues: RingLayout[] = [];
  features = 0;
  #available: number[] = [];
  #seen: number[] = [];
  #free: number[][] = [];
  #lent: Map<number, Lent>[] = [];
  #heap = 0;

  constructor(device: Device, memory: TestMemory) {
    this.device = device;
    this.memory = memory;
  }

  reg(offset: number): number {
    return Number(readDevice(this.device, offset, 4));
  }
  set(offset: number, value: number): void {
    writeDevice(this.device, offset, 4, value, 0);
  }

  /** Initialises the device (3.1.1), accepting of what it offers the bits in `features` (low word), with `size` entries a queue. */
  init(features = 0, size = 8): void {
    this.set(Mmio.STATUS, 0);
    this.set(Mmio.STATUS, Status.ACKNOWLEDGE);
    this.set(Mmio.STATUS, Status.ACKNOWLEDGE | Status.DRIVER);
    this.set(Mmio.DEVICE_FEATURES_SEL, 0);
    this.features = (this.reg(Mmio.DEVICE_FEATURES) & features) >>> 0;
    this.set(Mmio.DRIVER_FEATURES_SEL, 0);
    this.set(Mmio.DRIVER_FEATURES, this.features);
    this.set(Mmio.DRIVER_FEATURES_SEL, 1);
    this.set(Mmio.DRIVER_FEATURES, 1 << (Feature.VERSION_1 - 32));
    this.set(Mmio.STATUS, Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK);
    if (!(this.reg(Mmio.STATUS) & Status.FEATURES_OK)) throw new Error("the device refused its own features");
    this.queues.length = 0;
    for (let index = 0; this.#maxSize(index) > 0; index++) this.setUpQueue(index, Math.min(size, this.#maxSize(index)));
    this.#heap = this.memory.base + QUEUE_AREA * this.queues.length;
    this.set(Mmio.STATUS, Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK);
  }

  #maxSize(index: number): number {
    this.set(Mmio.QUEUE_SEL, index);
    return this.reg(Mmio.QUEUE_NUM_MAX);
  }

  setUpQueue(index: number, size: number, at = this.memory.base + QUEUE_AREA * index): void {
    const layout = { size, desc: at, driver: at + 0x2000, device: at + 0x3000 };
    this.queues[index] = layout;
    this.memory.data.fill(0, at - this.memory.base, at - this.memory.base + QUEUE_AREA);
    this.#available[index] = this.#seen[index] = 0;
    this.#free[index] = Array.from({ length: size }, (_, n) => n);
    this.#lent[index] = new Map();
    this.place(index, layout);
    this.set(Mmio.QUEUE_READY, 1);
  }

  /** Tells the device where the rings are, without making the queue ready. */
  place(index: number, layout: RingLayout): void {
    this.set(Mmio.QUEUE_SEL, index);
    this.set(Mmio.QUEUE_NUM, layout.size);
    for (const [low, address] of [
      [Mmio.QUEUE_DESC_LOW, layout.desc],
      [Mmio.QUEUE_DRIVER_LOW, layout.driver],
      [Mmio.QUEUE_DEVICE_LOW, layout.device],
    ] as const) {
      this.set(low, address % 2 ** 32);
      this.set(low + 4, Math.floor(address / 2 ** 32));
    }
  }

  allocate(bytes: number): number {
    const at = this.#heap;
    this.#heap += (bytes + 15) & ~15;
    if (this.#heap > this.memory.base + this.memory.data.length) throw new Error("the test's memory is full");
    return at;
  }

  writeDescriptor(table: number, index: number, address: number, bytes: number, flags: number, next: number): void {
    const at = table + 16 * index - this.memory.base;
    this.memory.view.setBigUint64(at, BigInt(address), true);
    this.memory.view.setUint32(at + 8, bytes, true);
    this.memory.view.setUint16(at + 12, flags, true);
    this.memory.view.setUint16(at + 14, next, true);
  }

  /** Puts descriptor `head` into the available ring. */
  offer(queue: number, head: number): void {
    const { driver, size } = this.queues[queue]!;
    const index = this.#available[queue]!;
    this.memory.view.setUint16(driver + 4 + 2 * (index % size) - this.memory.base, head, true);
    this.#available[queue] = (index + 1) & 0xffff;
    this.memory.view.setUint16(driver + 2 - this.memory.base, this.#available[queue]!, true);
  }

  /** Where the buffers of a chain lie that is lent: the writable ones, in order. */
  writable(queue: number, head: number): readonly { readonly address: number; readonly bytes: number }[] {
    return this.#lent[queue]!.get(head)!.writable;
  }

  /** Lends a chain of buffers. Readable ones come first. Does not notify. */
  add(queue: number, buffers: readonly Buffer[], indirect = false): number {
    const placed = buffers.map((buffer) => {
      const bytes = typeof buffer === "number" ? buffer : buffer.length;
      const address = this.allocate(bytes);
      if (typeof buffer !== "number") this.memory.data.set(buffer, address - this.memory.base);
      return { address, bytes, write: typeof buffer === "number" };
    });
    const free = this.#free[queue]!;
    const taken = free.splice(0, indirect ? 1 : placed.length);
    if (taken.length < (indirect ? 1 : placed.length)) throw new Error("the queue is full");
    const table = indirect ? this.allocate(16 * placed.length) : this.queues[queue]!.desc;
    const at = (n: number): number => (indirect ? n : taken[n]!);
    placed.forEach((buffer, n) => {
      const last = n === placed.length - 1;
      this.writeDescriptor(table, at(n), buffer.address, buffer.bytes, (buffer.write ? DescFlag.WRITE : 0) | (last ? 0 : DescFlag.NEXT), last ? 0 : at(n + 1));
    });
    const head = taken[0]!;
    if (indirect) this.writeDescriptor(this.queues[queue]!.desc, head, table, 16 * placed.length, DescFlag.INDIRECT, 0);
    this.#lent[queue]!.set(head, { descriptors: taken, writable: placed.filter((buffer) => buffer.write) });
    this.offer(queue, head);
    return head;
  }

  notify(queue: number): void {
    this.set(Mmio.QUEUE_NOTIFY, queue);
  }

  /** Whether EVENT_IDX tells the driver to notify for the buffer it last added. */
  wantsNotify(queue: number): boolean {
    const { device, size } = this.queues[queue]!;
    return this.memory.view.getUint16(device + 4 + 8 * size - this.memory.base, true) === ((this.#available[queue]! - 1) & 0xffff);
  }

  /** EVENT_IDX: interrupt me when `count` more buffers have come back. */
  interruptAfter(queue: number, count: number): void {
    const { driver, size } = this.queues[queue]!;
    this.memory.view.setUint16(driver + 4 + 2 * size - this.memory.base, (this.#seen[queue]! + count - 1) & 0xffff, true);
  }

  /** Without EVENT_IDX: whether used buffers interrupt. */
  setInterrupts(queue: number, on: boolean): void {
    this.memory.view.setUint16(this.queues[queue]!.driver - this.memory.base, on ? 0 : 1, true);
  }

  /** Takes it that `count` chains came back that were offered by hand. */
  skip(queue: number, count: number): void {
    this.#seen[queue] = (this.#seen[queue]! + count) & 0xffff;
  }

  /** All chains that have come back since the last call. */
  collect(queue: number): Used[] {
    const { device, size } = this.queues[queue]!;
    const used: Used[] = [];
    while (this.#seen[queue] !== this.memory.view.getUint16(device + 2 - this.memory.base, true)) {
      const at = device + 4 + 8 * (this.#seen[queue]! % size) - this.memory.base;
      const head = this.memory.view.getUint32(at, true);
      const written = this.memory.view.getUint32(at + 4, true);
      const lent = this.#lent[queue]!.get(head);
      if (lent === undefined) throw new Error(`the device gave back chain ${head}, which it did not have`);
      this.#lent[queue]!.delete(head);
      this.#free[queue]!.push(...lent.descriptors);
      used.push({ head, written, bytes: this.#contents(lent, written) });
      this.#seen[queue] = (this.#seen[queue]! + 1) & 0xffff;
    }
    return used;
  }

  #contents(lent: Lent, written: number): Uint8Array {
    const pieces = lent.writable.flatMap(({ address, bytes }) => [...this.memory.data.subarray(address - this.memory.base, address - this.memory.base + bytes)]);
    return Uint8Array.from(pieces.slice(0, written));
  }

  /** Acknowledges whatever interrupt is pending and says what it was. */
  acknowledge(): number {
    const status = this.reg(Mmio.INTERRUPT_STATUS);
    this.set(Mmio.INTERRUPT_ACK, status);
    return status;
  }
}
