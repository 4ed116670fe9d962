// A split virtqueue, seen from the device. Source: virtio 1.2, section 2.7.
//
// The rings are the driver's memory, and the driver may be hostile or run beside us. So (D1, D3 of device.ts):
//   Q1  every index, flag, address and length is fetched once and checked before use;
//   Q2  a walk visits at most as many descriptors as the queue has, whatever they say;
//   Q3  a queue that met nonsense stops with a named reason until it is set up again, and says so once.
import type { DmaFault, DmaPort } from "../device.ts";
import { AVAIL_NO_INTERRUPT, DESC_BYTES, DescFlag, MAX_QUEUE_SIZE } from "./spec.ts";

/** Why a queue stopped. */
export type QueueFault =
  /** Size not a power of two or beyond the maximum, or a ring address not aligned. */
  | "bad-setup"
  /** The DMA port refused a ring. */
  | "ring-access"
  /** The DMA port refused a buffer. */
  | "buffer-access"
  /** The driver offers more buffers than the queue holds. */
  | "available-overrun"
  /** A descriptor number that the table does not have. */
  | "descriptor-index"
  /** More descriptors than the queue holds: the chain is too long, or a loop. */
  | "chain-too-long"
  /** A buffer to read after one to write. */
  | "descriptor-order"
  /** All buffers of a chain together reach 4 GiB. */
  | "length-overflow"
  /** An indirect table that was not negotiated, is nested, has a successor, or has a bad length. */
  | "bad-indirect";

export interface QueueState {
  readonly size: number;
  readonly ready: boolean;
  readonly desc: number;
  readonly driver: number;
  readonly device: number;
  readonly eventIdx: boolean;
  readonly indirect: boolean;
  readonly next: number;
  readonly used: number;
  readonly signalled: number;
  readonly fault: QueueFault | null;
}

/** A chain of buffers that the driver lent to the device: first those to read, then those to write. Reused from pop to pop; whoever holds one owns it. */
export class Chain {
  /** The number to give it back by. */
  head = 0;
  count = 0;
  /** Buffers 0..readable-1 are the device's to read, the others to write. */
  readable = 0;
  readableBytes = 0;
  writableBytes = 0;
  readonly address: number[] = [];
  readonly length: number[] = [];
}

/** Moves `bytes` bytes between guest memory at `address` and place `at` of what stands on the other side. Null, or why it cannot be. */
export type Move = (dma: DmaPort, address: number, at: number, bytes: number) => DmaFault | null;

export class VirtQueue {
  readonly maxSize: number;
  readonly #dma: DmaPort;
  readonly #onFault: (fault: QueueFault, detail: string) => void;
  /** Entries: a power of two once ready. */
  size = 0;
  /** Addresses of descriptor table, driver area (available ring), device area (used ring). */
  desc = 0;
  driver = 0;
  device = 0;
  #ready = false;
  #eventIdx = false;
  #indirect = false;
  /** Free-running 16-bit counters: next available entry, used entries, used entries at the last interrupt decision. */
  #next = 0;
  #used = 0;
  #signalled = 0;
  #fault: QueueFault | null = null;

  /** @param maxSize a power of two up to 32768. @param onFault called once when the queue stops. */
  constructor(maxSize: number, dma: DmaPort, onFault: (fault: QueueFault, detail: string) => void) {
    this.maxSize = maxSize;
    this.#dma = dma;
    this.#onFault = onFault;
  }

  get ready(): boolean {
    return this.#ready;
  }
  get fault(): QueueFault | null {
    return this.#fault;
  }

  reset(): void {
    this.size = this.desc = this.driver = this.device = 0;
    this.#ready = this.#eventIdx = this.#indirect = false;
    this.#next = this.#used = this.#signalled = 0;
    this.#fault = null;
  }

  /** The driver finished the set-up. */
  enable(eventIdx: boolean, indirect: boolean): void {
    if (this.#ready || this.#fault !== null) return;
    const { size, desc, driver, device } = this;
    if (size < 1 || size > Math.min(this.maxSize, MAX_QUEUE_SIZE) || (size & (size - 1)) !== 0) {
      this.#stop("bad-setup", `size ${size}, at most ${this.maxSize}`);
    } else if (desc % 16 !== 0 || driver % 2 !== 0 || device % 4 !== 0) {
      this.#stop("bad-setup", `rings at ${hex(desc)}, ${hex(driver)}, ${hex(device)} are not aligned`);
    } else {
      this.#ready = true;
      this.#eventIdx = eventIdx;
      this.#indirect = indirect;
      this.#next = this.#used = this.#signalled = 0;
    }
  }

  disable(): void {
    this.#ready = false;
  }

  /** Takes the next chain into `chain`. False: there is none now (the driver will notify), or the queue stopped. */
  pop(chain: Chain): boolean {
    if (!this.#ready || this.#fault !== null) return false;
    let available = this.#load16(this.driver + 2);
    if (available === this.#next && this.#eventIdx) {
      // Ask to be told of the next buffer, then look again: the driver may have added it in between.
      this.#store16(this.device + 4 + 8 * this.size, this.#next);
      available = this.#load16(this.driver + 2);
    }
    if (available < 0 || available === this.#next) return false;
    if (((available - this.#next) & 0xffff) > this.size) {
      this.#stop("available-overrun", `index ${available} after ${this.#next} in a queue of ${this.size}`);
      return false;
    }
    const head = this.#load16(this.driver + 4 + 2 * (this.#next & (this.size - 1)));
    if (head < 0 || !this.walk(head, chain)) return false;
    this.#next = (this.#next + 1) & 0xffff;
    return true;
  }

  /** Reads the chain that begins at descriptor `head`; also to find a chain again, after restore, that was popped before. */
  walk(head: number, chain: Chain): boolean {
    chain.head = head;
    chain.count = chain.readable = chain.readableBytes = chain.writableBytes = 0;
    let table = this.desc;
    let entries = this.size;
    let nested = false;
    let index = head;
    for (let visited = 0; visited <= this.size; visited++) {
      if (index >= entries) return this.#stop("descriptor-index", `descriptor ${index} of ${entries}`);
      const at = table + index * DESC_BYTES;
      const lo = this.#load32(at);
      const hi = this.#load32(at + 4);
      const length = this.#load32(at + 8);
      const link = this.#load32(at + 12);
      if (this.#fault !== null) return false;
      const address = hi * 0x1_0000_0000 + lo;
      const flags = link & 0xffff;
      if (flags & DescFlag.INDIRECT) {
        const wrong = !this.#indirect
          ? "was not negotiated"
          : nested
            ? "is nested"
            : flags & DescFlag.NEXT
              ? "has a successor"
              : length === 0 || length % DESC_BYTES !== 0
                ? `has ${length} bytes`
                : null;
        if (wrong !== null) return this.#stop("bad-indirect", `indirect table at ${hex(address)} ${wrong}`);
        nested = true;
        table = address;
        entries = length / DESC_BYTES;
        index = 0;
        continue;
      }
      if (chain.count >= this.size) break;
      chain.address[chain.count] = address;
      chain.length[chain.count++] = length;
      if (flags & DescFlag.WRITE) {
        chain.writableBytes += length;
      } else if (chain.readable < chain.count - 1) {
        return this.#stop("descriptor-order", `descriptor ${index} is to be read, after one to be written`);
      } else {
        chain.readable++;
        chain.readableBytes += length;
      }
      if (chain.readableBytes + chain.writableBytes > 0xffff_ffff) return this.#stop("length-overflow", `chain ${head} is 4 GiB or longer`);
      if (!(flags & DescFlag.NEXT)) return true;
      index = link >>> 16;
    }
    return this.#stop("chain-too-long", `chain ${head} has more than ${this.size} descriptors`);
  }

  /** Gives a chain back, of which `written` bytes were written. */
  push(head: number, written: number): void {
    if (!this.#ready || this.#fault !== null) return;
    const at = this.device + 4 + 8 * (this.#used & (this.size - 1));
    // The entry before the index that makes it visible.
    if (!this.#store32(at, head) || !this.#store32(at + 4, written)) return;
    this.#used = (this.#used + 1) & 0xffff;
    this.#store16(this.device + 2, this.#used);
  }

  /** Whether the driver wants an interrupt for what was given back since this was last asked. */
  interruptDue(): boolean {
    const since = (this.#used - this.#signalled) & 0xffff;
    if (since === 0 || !this.#ready || this.#fault !== null) return false;
    this.#signalled = this.#used;
    if (!this.#eventIdx) return (this.#load16(this.driver) & AVAIL_NO_INTERRUPT) === 0;
    const event = this.#load16(this.driver + 4 + 2 * this.size);
    return event >= 0 && ((this.#used - event - 1) & 0xffff) < since;
  }

  /** A copy of the readable bytes from `offset` on, at most `most`. Null: the queue stopped. */
  read(chain: Chain, offset: number, most: number, into?: Uint8Array): Uint8Array | null {
    const bytes = Math.max(0, Math.min(most, chain.readableBytes - offset));
    const result = into === undefined ? new Uint8Array(bytes) : part(into, 0, bytes);
    return this.gather(chain, offset, bytes, (dma, address, at, count) => dma.readInto(address, part(result, at, count))) ? result : null;
  }

  /** Writes `bytes` into the writable buffers from `offset` on; what does not fit is left out. Answers how many fitted, -1 when the queue stopped. */
  write(chain: Chain, offset: number, bytes: Uint8Array): number {
    return this.scatter(chain, offset, bytes.length, (dma, address, at, count) => dma.write(address, part(bytes, at, count)));
  }

  /** Has `bytes` readable bytes, which are there, moved from `offset` on: a piece for each buffer. False: the queue stopped. */
  gather(chain: Chain, offset: number, bytes: number, move: Move): boolean {
    return this.#each(chain, 0, chain.readable, offset, bytes, move) >= 0;
  }

  /** As gather, into the writable buffers. How many bytes fitted; -1: the queue stopped. */
  scatter(chain: Chain, offset: number, bytes: number, move: Move): number {
    return this.#each(chain, chain.readable, chain.count, offset, bytes, move);
  }

  #each(chain: Chain, from: number, to: number, offset: number, bytes: number, move: Move): number {
    let done = 0;
    let skip = offset;
    for (let i = from; i < to && done < bytes; i++) {
      const length = chain.length[i]!;
      if (skip < length) {
        const count = Math.min(length - skip, bytes - done);
        const fault = move(this.#dma, chain.address[i]! + skip, done, count);
        if (fault !== null) {
          this.#refused("buffer-access", fault);
          return -1;
        }
        done += count;
        skip = 0;
      } else {
        skip -= length;
      }
    }
    return done;
  }

  save(): QueueState {
    return {
      size: this.size,
      ready: this.#ready,
      desc: this.desc,
      driver: this.driver,
      device: this.device,
      eventIdx: this.#eventIdx,
      indirect: this.#indirect,
      next: this.#next,
      used: this.#used,
      signalled: this.#signalled,
      fault: this.#fault,
    };
  }

  restore(state: QueueState): void {
    this.size = state.size;
    this.desc = state.desc;
    this.driver = state.driver;
    this.device = state.device;
    this.#ready = state.ready;
    this.#eventIdx = state.eventIdx;
    this.#indirect = state.indirect;
    this.#next = state.next;
    this.#used = state.used;
    this.#signalled = state.signalled;
    this.#fault = state.fault;
  }

  /** -1 when refused; the queue has stopped then. */
  #load16(address: number): number {
    const value = this.#dma.load16(address);
    if (typeof value === "number") return value;
    this.#refused("ring-access", value);
    return -1;
  }

  /** 0 when refused; the queue has stopped then. */
  #load32(address: number): number {
    const value = this.#dma.load32(address);
    if (typeof value === "number") return value;
    this.#refused("ring-access", value);
    return 0;
  }

  #store16(address: number, value: number): void {
    const fault = this.#dma.store16(address, value);
    if (fault !== null) this.#refused("ring-access", fault);
  }

  #store32(address: number, value: number): boolean {
    const fault = this.#dma.store32(address, value);
    if (fault !== null) this.#refused("ring-access", fault);
    return fault === null;
  }

  #refused(kind: "ring-access" | "buffer-access", fault: DmaFault): void {
    this.#stop(kind, `${fault.direction} of ${fault.bytes} bytes at ${hex(fault.address)} refused`);
  }

  #stop(fault: QueueFault, detail: string): false {
    if (this.#fault === null) {
      this.#fault = fault;
      this.#onFault(fault, detail);
    }
    return false;
  }
}

/** A part of an array, which most often is all of it: then without a view of its own, which costs more than a small copy. */
const part = (bytes: Uint8Array, from: number, count: number): Uint8Array => (from === 0 && count === bytes.length ? bytes : bytes.subarray(from, from + count));

const hex = (address: number): string => `0x${address.toString(16)}`;
