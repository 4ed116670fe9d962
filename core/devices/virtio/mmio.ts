// The MMIO transport of virtio: the registers between a driver and a device's queues. Source: virtio 1.2, sections 2.1-2.4, 3.1, 4.2.
// What a device does with its queues is a VirtioModel: console.ts, rng.ts.
import type { Device, DmaPort, IrqLine } from "../device.ts";
import { VirtQueue, type QueueState } from "./queue.ts";
import { Feature, InterruptStatus, MAGIC, Mmio, MMIO_VERSION, Status, VENDOR } from "./spec.ts";

/** What is particular to one kind of device. `State` is plain data. */
export interface VirtioModel<State = unknown> {
  /** Virtio device ID (section 5). */
  readonly id: number;
  /** Device-specific feature bits 0..23 offered. */
  readonly features: number;
  /** Maximum size of each queue, powers of two. */
  readonly queueSizes: readonly number[];
  /** Called once, by the transport. */
  attach(link: VirtioLink): void;
  /** offset + size beyond the configuration space reads as 0. Never called with more than 4 bytes. */
  readConfig(offset: number, size: number): number;
  writeConfig(offset: number, size: number, value: number): void;
  /** The driver is up: queues may be used from now on. */
  start(): void;
  /** The driver added buffers to this queue. */
  notify(queue: number): void;
  reset(): void;
  save(): State;
  restore(state: State): void;
}

/** What the transport gives its model. */
export interface VirtioLink {
  readonly queues: readonly VirtQueue[];
  /** The driver is up and the device in order. */
  readonly live: boolean;
  /** Device-specific feature bits that the driver accepted. */
  readonly accepted: number;
  /** Buffers of this queue were given back: interrupts the driver if it wants that. */
  interrupt(queue: number): void;
  /** The configuration space changed. */
  configChanged(): void;
}

export interface VirtioState {
  readonly status: number;
  readonly interrupts: number;
  readonly deviceFeaturesSel: number;
  readonly driverFeaturesSel: number;
  readonly driverFeatures: readonly [number, number];
  readonly queueSel: number;
  readonly generation: number;
  readonly queues: readonly QueueState[];
  readonly model: unknown;
}

export interface VirtioPorts {
  readonly irq: IrqLine;
  readonly dma: DmaPort;
  /** A queue stopped because of what the driver did: one line for the operator. The driver sees DEVICE_NEEDS_RESET. */
  readonly report: (reason: string) => void;
}

const TRANSPORT_FEATURES = (1 << Feature.INDIRECT_DESC) | (1 << Feature.EVENT_IDX);
const VERSION_1_HIGH = 1 << (Feature.VERSION_1 - 32);

export class VirtioMmio implements Device<VirtioState>, VirtioLink {
  readonly bytes = 0x200;
  readonly queues: readonly VirtQueue[];
  readonly #model: VirtioModel;
  readonly #ports: VirtioPorts;
  #status = 0;
  #interrupts = 0;
  #deviceFeaturesSel = 0;
  #driverFeaturesSel = 0;
  #driverFeatures: [number, number] = [0, 0];
  #queueSel = 0;
  #generation = 0;

  constructor(model: VirtioModel, ports: VirtioPorts) {
    this.#model = model;
    this.#ports = ports;
    this.queues = model.queueSizes.map(
      (size, index) =>
        new VirtQueue(size, ports.dma, (fault, detail) => {
          ports.report(`virtio device ${model.id}, queue ${index} stopped: ${fault}: ${detail}`);
          this.#needsReset();
        }),
    );
    model.attach(this);
  }

  get live(): boolean {
    return (this.#status & (Status.DRIVER_OK | Status.NEEDS_RESET)) === Status.DRIVER_OK;
  }
  get accepted(): number {
    return this.#driverFeatures[0] & 0xff_ffff;
  }

  interrupt(queue: number): void {
    if (this.queues[queue]?.interruptDue()) this.#raise(InterruptStatus.USED);
  }

  configChanged(): void {
    this.#generation = (this.#generation + 1) >>> 0;
    if (this.#status & Status.DRIVER_OK) this.#raise(InterruptStatus.CONFIG);
  }

  reset(): void {
    for (const queue of this.queues) queue.reset();
    this.#status = this.#interrupts = this.#deviceFeaturesSel = this.#driverFeaturesSel = this.#queueSel = 0;
    this.#driverFeatures = [0, 0];
    this.#model.reset();
    this.#ports.irq(false);
  }

  read(offset: number, size: number): number {
    if (offset >= Mmio.CONFIG) return this.#model.readConfig(offset - Mmio.CONFIG, size);
    if (size !== 4) return 0;
    const queue = this.queues[this.#queueSel];
    switch (offset) {
      case Mmio.MAGIC:
        return MAGIC;
      case Mmio.VERSION:
        return MMIO_VERSION;
      case Mmio.DEVICE_ID:
        return this.#model.id;
      case Mmio.VENDOR_ID:
        return VENDOR;
      case Mmio.DEVICE_FEATURES:
        return this.#offered(this.#deviceFeaturesSel);
      case Mmio.QUEUE_NUM_MAX:
        return queue?.maxSize ?? 0;
      case Mmio.QUEUE_READY:
        return queue?.ready ? 1 : 0;
      case Mmio.INTERRUPT_STATUS:
        return this.#interrupts;
      case Mmio.STATUS:
        return this.#status;
      case Mmio.SHM_LEN_LOW:
      case Mmio.SHM_LEN_HIGH:
      case Mmio.SHM_BASE_LOW:
      case Mmio.SHM_BASE_HIGH:
        return 0xffff_ffff; // no shared memory region: length -1
      case Mmio.CONFIG_GENERATION:
        return this.#generation;
      default:
        return 0;
    }
  }

  write(offset: number, size: number, value: number): void {
    if (offset >= Mmio.CONFIG) return this.#model.writeConfig(offset - Mmio.CONFIG, size, value);
    if (size !== 4) return;
    switch (offset) {
      case Mmio.DEVICE_FEATURES_SEL:
        this.#deviceFeaturesSel = value;
        break;
      case Mmio.DRIVER_FEATURES_SEL:
        this.#driverFeaturesSel = value;
        break;
      case Mmio.DRIVER_FEATURES:
        // Once FEATURES_OK is set, what was agreed stands.
        if (this.#driverFeaturesSel <= 1 && !(this.#status & Status.FEATURES_OK)) this.#driverFeatures[this.#driverFeaturesSel as 0 | 1] = value;
        break;
      case Mmio.QUEUE_SEL:
        this.#queueSel = value;
        break;
      case Mmio.QUEUE_NOTIFY:
        if (this.live && this.queues[value]?.ready) this.#model.notify(value);
        break;
      case Mmio.INTERRUPT_ACK:
        this.#interrupts &= ~value;
        this.#ports.irq(this.#interrupts !== 0);
        break;
      case Mmio.STATUS:
        this.#setStatus(value & 0xff);
        break;
      case Mmio.QUEUE_READY:
        this.#setReady(value);
        break;
      default: {
        const queue = this.queues[this.#queueSel];
        // The place of a queue in use stays.
        if (queue !== undefined && !queue.ready) setUp(queue, offset, value);
      }
    }
  }

  save(): VirtioState {
    return {
      status: this.#status,
      interrupts: this.#interrupts,
      deviceFeaturesSel: this.#deviceFeaturesSel,
      driverFeaturesSel: this.#driverFeaturesSel,
      driverFeatures: [this.#driverFeatures[0], this.#driverFeatures[1]],
      queueSel: this.#queueSel,
      generation: this.#generation,
      queues: this.queues.map((queue) => queue.save()),
      model: this.#model.save(),
    };
  }

  restore(state: VirtioState): void {
    this.#status = state.status;
    this.#interrupts = state.interrupts;
    this.#deviceFeaturesSel = state.deviceFeaturesSel;
    this.#driverFeaturesSel = state.driverFeaturesSel;
    this.#driverFeatures = [state.driverFeatures[0], state.driverFeatures[1]];
    this.#queueSel = state.queueSel;
    this.#generation = state.generation;
    for (const [index, queue] of this.queues.entries()) {
      const saved = state.queues[index];
      if (saved !== undefined) queue.restore(saved);
    }
    this.#model.restore(state.model);
    this.#ports.irq(this.#interrupts !== 0);
  }

  #offered(select: number): number {
    return select === 0 ? (this.#model.features | TRANSPORT_FEATURES) >>> 0 : select === 1 ? VERSION_1_HIGH : 0;
  }

  #setReady(value: number): void {
    const queue = this.queues[this.#queueSel];
    const features = this.#driverFeatures[0];
    if (value & 1) queue?.enable((features & (1 << Feature.EVENT_IDX)) !== 0, (features & (1 << Feature.INDIRECT_DESC)) !== 0);
    else queue?.disable();
  }

  /** Bits are added by the driver one step at a time (3.1.1); only reset takes them away. */
  #setStatus(value: number): void {
    if (value === 0) return this.reset();
    const before = this.#status;
    let next = before | (value & ~Status.NEEDS_RESET);
    if (next & ~before & Status.FEATURES_OK && !this.#acceptable()) next &= ~Status.FEATURES_OK;
    if (!(next & Status.FEATURES_OK)) next &= ~Status.DRIVER_OK;
    this.#status = next;
    if (next & ~before & Status.DRIVER_OK && this.live) this.#model.start();
  }

  #acceptable(): boolean {
    const [lo, hi] = this.#driverFeatures;
    return (lo & ~this.#offered(0)) === 0 && hi === VERSION_1_HIGH;
  }

  #needsReset(): void {
    this.#status |= Status.NEEDS_RESET;
    if (this.#status & Status.DRIVER_OK) this.#raise(InterruptStatus.CONFIG);
  }

  #raise(bit: number): void {
    this.#interrupts |= bit;
    this.#ports.irq(true);
  }
}

const withLow = (address: number, value: number): number => Math.floor(address / 0x1_0000_0000) * 0x1_0000_0000 + value;
const withHigh = (address: number, value: number): number => value * 0x1_0000_0000 + (address % 0x1_0000_0000);

function setUp(queue: VirtQueue, offset: number, value: number): void {
  switch (offset) {
    case Mmio.QUEUE_NUM:
      queue.size = value;
      break;
    case Mmio.QUEUE_DESC_LOW:
      queue.desc = withLow(queue.desc, value);
      break;
    case Mmio.QUEUE_DESC_HIGH:
      queue.desc = withHigh(queue.desc, value);
      break;
    case Mmio.QUEUE_DRIVER_LOW:
      queue.driver = withLow(queue.driver, value);
      break;
    case Mmio.QUEUE_DRIVER_HIGH:
      queue.driver = withHigh(queue.driver, value);
      break;
    case Mmio.QUEUE_DEVICE_LOW:
      queue.device = withLow(queue.device, value);
      break;
    case Mmio.QUEUE_DEVICE_HIGH:
      queue.device = withHigh(queue.device, value);
      break;
  }
}
