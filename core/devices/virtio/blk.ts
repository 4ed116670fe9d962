// A virtio block device: a disk of 512-byte sectors. Source: virtio 1.2, section 5.2.
// One queue. A request is a header to read, data either way, and a status byte to write, cut into buffers as the driver likes.
//
// Invariants:
//   B1  The backend works on buffers apart (BlockBuffers). Guest memory is read when a request is taken and written when it is given back, never in between: a
//       mapping that is taken away meanwhile is met by the DMA port's check at that moment.
//   B2  A request is given back at most once, and not to a driver that has reset the device since.
//   B3  After a reset nothing is begun before the backend has answered what was begun before: an old write cannot land on a new one.
//   B4  What the backend holds for us is bounded, in requests and in bytes, however often the driver resets the device.
import type { DmaFault, DmaPort } from "../device.ts";
import type { VirtioLink, VirtioModel } from "./mmio.ts";
import { Chain, type VirtQueue } from "./queue.ts";
import { BLK_HEADER_BYTES, BLK_ID_BYTES, BlkConfig, BlkFeature, BlkStatus, BlkType, DeviceId, SECTOR_BYTES } from "./spec.ts";

const REQUESTS = 0;
export const BLK_QUEUE_SIZE = 128;
/** Buffers of one request, and the bytes of each, that the driver is told: a header and a status byte go with them through the queue. */
const SEGMENTS = BLK_QUEUE_SIZE - 2;
const SEGMENT_BYTES = 65536;
/** Data of one request, where the buffers set no lower bound; longer ones end in IOERR. */
export const BLK_REQUEST_BYTES = SEGMENTS * SEGMENT_BYTES;
/** While this much data is with the backend, requests stay in the queue: at most this and one request more is ever held. */
export const BLK_HELD_BYTES = 16 * 1024 * 1024;
/** A buffer up to this size stays with its request for the next one. */
const KEPT_BYTES = SEGMENT_BYTES;
/** A segment is no smaller: guests do not take it for less than a page. */
const PAGE = 4096;

export type BlockDone = (error: string | null) => void;

/**
 * What is behind a block device. Offsets and lengths are bytes, multiples of 512, at least 512 and inside the disk. `done` is called once, at once or
 * later, with null or with what went wrong; until then the buffer is the backend's. Nothing here throws.
 */
export interface BlockBackend<Buffer = Uint8Array> {
  /** Size in units of 512 bytes, at most 2^44. Never changes. */
  readonly sectors: number;
  /** `write` is never called. */
  readonly readOnly: boolean;
  /** Up to 20 bytes of ASCII that tell the disk from others. */
  readonly id: string;
  /** Fills the whole of `into`, or fails. */
  read(offset: number, into: Buffer, done: BlockDone): void;
  /** Two writes that overlap may be done in either order unless the first was done before the second was begun. */
  write(offset: number, bytes: Buffer, done: BlockDone): void;
  /** Every write that was done before this call survives a crash of the host once this is done. */
  flush(done: BlockDone): void;
}

/** Where the data of requests is while the backend has it. A backend with memory of its own has its own, so that data is copied once on its way. */
export interface BlockBuffers<Buffer> {
  /** Most bytes of one, at least 504 KiB. */
  readonly mostBytes: number;
  /** A buffer of `bytes` bytes; what is in it is unspecified. Null: there is none before one of those that are out is given back. @param last what the same request had before */
  take(bytes: number, last: Buffer | undefined): Buffer | null;
  /** The backend is done with it and its data was stored. What the request may keep for its next `take`. */
  give(buffer: Buffer): Buffer | undefined;
  /** Copies a piece of guest memory to `at` of the buffer, and from there. */
  load(buffer: Buffer, at: number, dma: DmaPort, address: number, bytes: number): DmaFault | null;
  store(buffer: Buffer, at: number, dma: DmaPort, address: number, bytes: number): DmaFault | null;
}

/** Arrays of this program's. */
export const ARRAYS: BlockBuffers<Uint8Array> = {
  mostBytes: BLK_REQUEST_BYTES,
  take(bytes, last) {
    if (bytes > KEPT_BYTES || last === undefined || last.buffer.byteLength < bytes) return new Uint8Array(bytes);
    return last.length === bytes ? last : new Uint8Array(last.buffer, 0, bytes);
  },
  give: (buffer) => (buffer.buffer.byteLength > KEPT_BYTES ? undefined : buffer),
  load: (buffer, at, dma, address, bytes) => dma.readInto(address, part(buffer, at, bytes)),
  store: (buffer, at, dma, address, bytes) => dma.write(address, part(buffer, at, bytes)),
};

export interface BlkState {
  /** Requests taken from the queue and not given back: their heads, in the order they were taken. */
  readonly heads: readonly number[];
  /** Requests may be waiting in the queue that the driver will not notify of again. */
  readonly stalled: boolean;
  /** How many requests the backend has failed. */
  readonly failures: number;
}

class Request<Buffer> {
  readonly chain = new Chain();
  /** The backend's answer is meant for this use of the object if it was given the same number. */
  use = 0;
  /** Of the data, which is to be written to guest memory when the backend succeeds if `reads`. */
  bytes = 0;
  reads = false;
  buffer: Buffer | undefined = undefined;
}

const STATUS_BYTES = [BlkStatus.OK, BlkStatus.IOERR, BlkStatus.UNSUPP].map((status) => Uint8Array.of(status));
type BlkStatus = (typeof BlkStatus)[keyof typeof BlkStatus];

export class VirtioBlk<Buffer = Uint8Array> implements VirtioModel<BlkState> {
  readonly id: number;
  readonly features: number;
  readonly queueSizes: readonly number[];
  readonly #backend: BlockBackend<Buffer> | null;
  readonly #buffers: BlockBuffers<Buffer>;
  readonly #report: (reason: string) => void;
  readonly #config = new DataView(new ArrayBuffer(BlkConfig.BYTES));
  #link: VirtioLink | null = null;
  /** With the backend, in the order they were taken; the driver awaits them. */
  readonly #active = new Set<Request<Buffer>>();
  /** With the backend in all, also those the driver no longer awaits because it reset the device. */
  #held = 0;
  #heldBytes = 0;
  readonly #idle: Request<Buffer>[] = [];
  /** Heads of requests to begin again: after restore, or when there is a buffer. */
  #redo: number[] = [];
  /** The queue was left before it was empty, and is to be looked at when the backend next answers. */
  #stalled = false;
  #working = false;
  #failures = 0;

  /** @param backend null: there is no disk, and the transport shows no device. @param report as the transport's: one line for the operator. */
  constructor(backend: BlockBackend<Buffer> | null, buffers: BlockBuffers<Buffer>, report: (reason: string) => void) {
    this.#backend = backend;
    this.#buffers = buffers;
    this.#report = report;
    this.id = backend === null ? DeviceId.NONE : DeviceId.BLOCK;
    this.queueSizes = backend === null ? [] : [BLK_QUEUE_SIZE];
    const { SIZE_MAX, SEG_MAX, RO, BLK_SIZE, FLUSH } = BlkFeature;
    this.features = backend === null ? 0 : (1 << SIZE_MAX) | (1 << SEG_MAX) | (1 << BLK_SIZE) | (1 << FLUSH) | (backend.readOnly ? 1 << RO : 0);
    if (backend === null) return;
    const segment = Math.floor(Math.min(SEGMENT_BYTES, buffers.mostBytes / SEGMENTS) / PAGE) * PAGE;
    this.#config.setBigUint64(BlkConfig.CAPACITY, BigInt(backend.sectors), true);
    this.#config.setUint32(BlkConfig.SIZE_MAX, segment, true);
    this.#config.setUint32(BlkConfig.SEG_MAX, SEGMENTS, true);
    this.#config.setUint32(BlkConfig.BLK_SIZE, SECTOR_BYTES, true);
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }

  readConfig(offset: number, size: number): number {
    if (offset + size > BlkConfig.BYTES) return 0;
    return size === 4 ? this.#config.getUint32(offset, true) : size === 2 ? this.#config.getUint16(offset, true) : this.#config.getUint8(offset);
  }
  writeConfig(): void {
    // the write-back switch is not offered, and nothing else can be written
  }

  start(): void {
    this.#work();
  }
  notify(_queue: number): void {
    this.#work();
  }

  reset(): void {
    this.#active.clear();
    this.#redo = [];
    this.#stalled = false;
  }

  save(): BlkState {
    return { heads: [...Array.from(this.#active, ({ chain }) => chain.head), ...this.#redo], stalled: this.#stalled, failures: this.#failures };
  }

  /**
   * What was with the backend is begun again from its descriptors, which are still the device's: a write takes its bytes from guest memory again.
   * Those bytes are the same unless the driver broke the rules, and a write done twice with the same bytes is a write done once.
   */
  restore(state: BlkState): void {
    this.reset();
    this.#failures = state.failures;
    this.#stalled = state.stalled;
    this.#redo = state.heads.slice(0, BLK_QUEUE_SIZE);
    if (this.#stalled || this.#redo.length > 0) this.#work();
  }

  /** Begins what is in the queue, as far as the limits allow. */
  #work(): void {
    const link = this.#link;
    const queue = link?.queues[REQUESTS];
    const backend = this.#backend;
    // A backend that answers at once calls back into here; the loop below goes on anyway.
    if (link === null || queue === undefined || backend === null || !link.live || !queue.ready || this.#working) return;
    this.#working = true;
    this.#stalled = false;
    // One look more than the queue can hold, so that an honest driver's is found empty (which is when it is told to notify again), and no more than
    // that, whatever its rings turn into while we write.
    for (let left = queue.size + 1 + this.#redo.length; left > 0; left--) {
      if (this.#full) {
        this.#stalled = true;
        break;
      }
      const request = this.#idle.pop() ?? new Request<Buffer>();
      const again = this.#redo.shift();
      if (!(again === undefined ? queue.pop(request.chain) : queue.walk(again, request.chain))) {
        this.#idle.push(request);
        break;
      }
      const status = this.#decode(backend, queue, request);
      if (status === "begun") continue;
      this.#idle.push(request);
      if (status === "later") {
        this.#redo.unshift(request.chain.head);
        this.#stalled = true;
        break;
      }
      this.#answer(queue, request.chain, status);
    }
    this.#working = false;
    link.interrupt(REQUESTS);
  }

  get #full(): boolean {
    const orphans = this.#held - this.#active.size;
    return orphans > 0 || this.#held >= BLK_QUEUE_SIZE || this.#heldBytes >= BLK_HELD_BYTES;
  }

  /** All is checked before anything is done. A status: to be answered at once. `begun`: it is the backend's. `later`: there is no buffer for it now. */
  #decode(backend: BlockBackend<Buffer>, queue: VirtQueue, request: Request<Buffer>): BlkStatus | "begun" | "later" {
    const { chain } = request;
    const output = chain.readableBytes - BLK_HEADER_BYTES;
    const input = chain.writableBytes - 1;
    if (output < 0 || input < 0) return BlkStatus.IOERR;
    const header = queue.read(chain, 0, BLK_HEADER_BYTES);
    if (header === null) return BlkStatus.IOERR; // the queue has stopped: it will not be answered
    const type = word(header, 0);
    const sector = word(header, 12) * 0x1_0000_0000 + word(header, 8);
    const most = Math.min(this.#buffers.mostBytes, BLK_REQUEST_BYTES);
    switch (type) {
      case BlkType.IN: {
        if (output > 0 || !inside(backend, sector, input, most)) return BlkStatus.IOERR;
        if (input === 0) return BlkStatus.OK;
        const buffer = this.#take(request, input);
        if (buffer === null) return "later";
        request.reads = true;
        backend.read(sector * SECTOR_BYTES, buffer, this.#expect(request, input));
        return "begun";
      }
      case BlkType.OUT: {
        if (input > 0 || backend.readOnly || !inside(backend, sector, output, most)) return BlkStatus.IOERR;
        if (output === 0) return BlkStatus.OK;
        const buffer = this.#take(request, output);
        if (buffer === null) return "later";
        if (!queue.gather(chain, BLK_HEADER_BYTES, output, (dma, address, at, bytes) => this.#buffers.load(buffer, at, dma, address, bytes))) {
          request.buffer = this.#buffers.give(buffer);
          return BlkStatus.IOERR;
        }
        const done = this.#expect(request, output);
        // A driver that cannot flush takes a write that has come back for one that lasts (5.2.6.2).
        const flushes = ((this.#link?.accepted ?? 0) & (1 << BlkFeature.FLUSH)) !== 0;
        backend.write(sector * SECTOR_BYTES, buffer, flushes ? done : (error) => (error === null ? backend.flush(done) : done(error)));
        return "begun";
      }
      case BlkType.FLUSH:
        if (output > 0 || input > 0) return BlkStatus.IOERR;
        backend.flush(this.#expect(request, 0));
        return "begun";
      case BlkType.GET_ID:
        if (output > 0) return BlkStatus.IOERR;
        return queue.write(chain, 0, identity(backend.id).subarray(0, input)) < 0 ? BlkStatus.IOERR : BlkStatus.OK;
      default:
        return BlkStatus.UNSUPP;
    }
  }

  #take(request: Request<Buffer>, bytes: number): Buffer | null {
    const buffer = this.#buffers.take(bytes, request.buffer);
    if (buffer !== null) request.buffer = buffer;
    return buffer;
  }

  /** The request is with the backend from here on; the answer ends that. */
  #expect(request: Request<Buffer>, bytes: number): BlockDone {
    const use = request.use;
    request.bytes = bytes;
    this.#held++;
    this.#heldBytes += bytes;
    this.#active.add(request);
    return (error) => {
      if (request.use === use) this.#settle(request, error);
    };
  }

  #settle(request: Request<Buffer>, error: string | null): void {
    const link = this.#link;
    const queue = link?.queues[REQUESTS];
    const { buffer, bytes, reads } = request;
    request.use++;
    request.reads = false;
    this.#held--;
    this.#heldBytes -= bytes;
    const awaited = this.#active.delete(request);
    if (error !== null) this.#failed(error);
    if (awaited && link !== null && queue !== undefined && link.live && queue.ready) {
      if (error !== null) this.#answer(queue, request.chain, BlkStatus.IOERR);
      else if (!reads || (buffer !== undefined && this.#store(queue, request.chain, buffer, bytes))) this.#answer(queue, request.chain, BlkStatus.OK);
    }
    if (bytes > 0 && buffer !== undefined) request.buffer = this.#buffers.give(buffer);
    this.#idle.push(request);
    if (this.#working) return;
    if (this.#stalled) this.#work();
    else link?.interrupt(REQUESTS);
  }

  #store(queue: VirtQueue, chain: Chain, buffer: Buffer, bytes: number): boolean {
    return queue.scatter(chain, 0, bytes, (dma, address, at, count) => this.#buffers.store(buffer, at, dma, address, count)) >= 0;
  }

  /** Gives the chain back. The status is the last byte of all, so what was written is said to reach as far, also where an error left data out. */
  #answer(queue: VirtQueue, chain: Chain, status: BlkStatus): void {
    if (queue.fault !== null) return;
    if (chain.writableBytes > 0 && queue.write(chain, chain.writableBytes - 1, STATUS_BYTES[status]!) < 0) return;
    queue.push(chain.head, chain.writableBytes);
  }

  /** Said at the 1st, 2nd, 4th, 8th ... failure: a dead disk fails every request, and the driver can make as many as it likes. */
  #failed(error: string): void {
    const count = ++this.#failures;
    if (Number.isInteger(Math.log2(count))) this.#report(`virtio device ${this.id}: the disk failed a request (${count} so far): ${error}`);
  }
}

/** A length that is whole sectors, not too many at once, and all on the disk. The sector is any number >= 0; beyond 2^53 it is rounded, and outside. */
const inside = (backend: { readonly sectors: number }, sector: number, bytes: number, most: number): boolean =>
  bytes % SECTOR_BYTES === 0 && bytes <= most && sector + bytes / SECTOR_BYTES <= backend.sectors;

const part = (bytes: Uint8Array, from: number, count: number): Uint8Array => (from === 0 && count === bytes.length ? bytes : bytes.subarray(from, from + count));

const word = (bytes: Uint8Array, at: number): number => (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;

/** Padded with NUL; of 20 characters there is no NUL behind them (5.2.6). */
function identity(id: string): Uint8Array {
  const bytes = new Uint8Array(BLK_ID_BYTES);
  for (let i = 0; i < Math.min(id.length, BLK_ID_BYTES); i++) bytes[i] = id.charCodeAt(i) & 0x7f;
  return bytes;
}
