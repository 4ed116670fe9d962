// A virtio block device: a disk of 512-byte sectors. Source: virtio 1.2, section 5.2.
// One queue. A request is a header to read, data either way, and a status byte to write, cut into buffers as the driver likes. What the backend is asked
// for at once, a part, is as much of a request as one buffer holds.
//
// Invariants:
//   B1  The backend works on buffers apart (BlockBuffers). Guest memory is read when a part is begun and written when it is answered, never in between: a
//       mapping that is taken away meanwhile is met by the DMA port's check at that moment. A read that the backend can do at once goes into guest memory itself:
//       it is begun and answered in one.
//   B2  A request is given back at most once, and not to a driver that has reset the device since.
//   B3  After a reset nothing is begun before the backend has answered what was begun before: an old write cannot land on a new one.
//   B4  What the backend holds for us is bounded, in requests and in bytes, however often the driver resets the device.
import { BLK_SEGMENT_BYTES, BLK_SEGMENTS, type BlockBackend, type BlockBuffers, type BlockDone } from "./block-backend.ts";
import type { VirtioLink, VirtioModel } from "./mmio.ts";
import { Chain, type VirtQueue } from "./queue.ts";
import { BLK_HEADER_BYTES, BLK_ID_BYTES, BlkConfig, BlkFeature, BlkStatus, BlkType, DeviceId, SECTOR_BYTES } from "./spec.ts";

const REQUESTS = 0;
/** A header and a status byte go with a request's buffers through the queue. */
export const BLK_QUEUE_SIZE = BLK_SEGMENTS + 2;
/** Data of one request, as the driver is told. */
export const BLK_REQUEST_BYTES = BLK_SEGMENTS * BLK_SEGMENT_BYTES;
/** While this much data is with the backend, no part is begun: at most this and one part more is ever held. */
export const BLK_HELD_BYTES = 16 * 1024 * 1024;
export interface BlkState {
  /** Requests taken from the queue and not given back: their heads, in the order they were taken. */
  readonly heads: readonly number[];
  /** Requests may be waiting in the queue that the driver will not notify of again. */
  readonly stalled: boolean;
  /** How many requests the backend has failed. */
  readonly failures: number;
}

/** What drivers have had of it since it was made; not part of its state. */
export interface BlkCounts {
  /** Requests carried out, and the data of the first two in bytes. */
  readonly reads: number;
  readonly writes: number;
  readonly flushes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Requests that were answered with an error: of the disk's, or since they made no sense. */
  readonly failures: number;
}

class Request<Buffer> {
  readonly chain = new Chain();
  reads = false;
  /** Where on the disk, and how much; nothing for a flush. */
  offset = 0;
  bytes = 0;
  /** So many bytes are in parts that were begun; so many parts are with the backend. */
  begun = 0;
  out = 0;
  /** The parts are followed by a flush. */
  flushes = false;
  failed = false;
  kept: Buffer | undefined = undefined;
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
  /** Taken from the queue and not given back, in that order; the driver awaits them. */
  readonly #active = new Set<Request<Buffer>>();
  /** Of those, the ones that wait for a buffer for their next part. */
  readonly #parked: Request<Buffer>[] = [];
  /** Parts with the backend, and their bytes; those of requests that the driver no longer awaits, because it reset the device. */
  #out = 0;
  #outBytes = 0;
  #orphans = 0;
  readonly #idle: Request<Buffer>[] = [];
  /** Heads of requests to begin again, after restore. */
  #redo: number[] = [];
  /** The queue was left before it was empty, and is to be looked at when the backend next answers. */
  #stalled = false;
  #working = false;
  #failures = 0;
  readonly #counts: { -readonly [K in keyof BlkCounts]: number } = { reads: 0, writes: 0, flushes: 0, readBytes: 0, writtenBytes: 0, failures: 0 };

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
    this.#config.setBigUint64(BlkConfig.CAPACITY, BigInt(backend.sectors), true);
    this.#config.setUint32(BlkConfig.SIZE_MAX, BLK_SEGMENT_BYTES, true);
    this.#config.setUint32(BlkConfig.SEG_MAX, BLK_SEGMENTS, true);
    this.#config.setUint32(BlkConfig.BLK_SIZE, SECTOR_BYTES, true);
  }

  get counts(): BlkCounts {
    return { ...this.#counts };
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
    for (const request of this.#active) if (request.out === 0) this.#idle.push(request);
    this.#active.clear();
    this.#parked.length = 0;
    this.#orphans = this.#out;
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
    this.#stalled = !this.#resume(backend, queue);
    // One look more than the queue can hold, so that an honest driver's is found empty (which is when it is told to notify again), and no more than
    // that, whatever its rings turn into while we write.
    for (let left = queue.size + 1 + this.#redo.length; left > 0 && !this.#stalled; left--) {
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
      if (status === null) continue;
      this.#idle.push(request);
      this.#answer(queue, request.chain, status);
    }
    this.#working = false;
    link.interrupt(REQUESTS);
  }

  get #full(): boolean {
    return this.#orphans > 0 || this.#active.size >= BLK_QUEUE_SIZE || this.#outBytes >= BLK_HELD_BYTES;
  }

  /** Null: it is begun. All is checked before anything is done. */
  #decode(backend: BlockBackend<Buffer>, queue: VirtQueue, request: Request<Buffer>): BlkStatus | null {
    const { chain } = request;
    const output = chain.readableBytes - BLK_HEADER_BYTES;
    const input = chain.writableBytes - 1;
    if (output < 0 || input < 0) return BlkStatus.IOERR;
    const header = queue.read(chain, 0, BLK_HEADER_BYTES);
    if (header === null) return BlkStatus.IOERR; // the queue has stopped: it will not be answered
    const type = word(header, 0);
    const sector = word(header, 12) * 0x1_0000_0000 + word(header, 8);
    const most = this.#buffers.mostRequest;
    switch (type) {
      case BlkType.IN:
        if (output > 0 || !inside(backend, sector, input, most)) return BlkStatus.IOERR;
        if (input === 0) return BlkStatus.OK;
        return this.#begin(backend, queue, request, sector, input, true);
      case BlkType.OUT:
        if (input > 0 || backend.readOnly || !inside(backend, sector, output, most)) return BlkStatus.IOERR;
        if (output === 0) return BlkStatus.OK;
        return this.#begin(backend, queue, request, sector, output, false);
      case BlkType.FLUSH:
        if (output > 0 || input > 0) return BlkStatus.IOERR;
        return this.#begin(backend, queue, request, 0, 0, false);
      case BlkType.GET_ID:
        if (output > 0) return BlkStatus.IOERR;
        return queue.write(chain, 0, identity(backend.id).subarray(0, input)) < 0 ? BlkStatus.IOERR : BlkStatus.OK;
      default:
        return BlkStatus.UNSUPP;
    }
  }

  #begin(backend: BlockBackend<Buffer>, queue: VirtQueue, request: Request<Buffer>, sector: number, bytes: number, reads: boolean): null {
    request.offset = sector * SECTOR_BYTES;
    request.bytes = bytes;
    request.reads = reads;
    request.begun = 0;
    request.failed = false;
    // A driver that cannot flush takes a write that has come back for one that lasts (5.2.6.2).
    request.flushes = !reads && (bytes === 0 || ((this.#link?.accepted ?? 0) & (1 << BlkFeature.FLUSH)) === 0);
    this.#active.add(request);
    if (bytes === 0 || (reads && this.#readsNow(backend, queue, request))) this.#proceed(backend, queue, request);
    else if (!this.#advance(backend, queue, request)) {
      this.#parked.push(request);
      this.#stalled = true;
    }
    return null;
  }

  /** Reads all of it at once, if it lies in one buffer and neither disk nor memory is against it. */
  #readsNow(backend: BlockBackend<Buffer>, queue: VirtQueue, { chain, offset, bytes }: Request<Buffer>): boolean {
    if (backend.readNow === undefined || chain.length[chain.readable]! < bytes) return false;
    let done = false;
    queue.scatter(chain, 0, bytes, (dma, address) => {
      done = dma.fill?.(address, bytes, (memory) => backend.readNow!(offset, memory)) ?? false;
      return null;
    });
    return done;
  }

  /** Begins what is parked, the oldest first. False: some still is. */
  #resume(backend: BlockBackend<Buffer>, queue: VirtQueue): boolean {
    for (let request = this.#parked[0]; request !== undefined; request = this.#parked[0]) {
      if (!this.#advance(backend, queue, request)) return false;
      this.#parked.shift();
    }
    return true;
  }

  /** Begins the request's further parts. False: it waits for a buffer, or until less is held. */
  #advance(backend: BlockBackend<Buffer>, queue: VirtQueue, request: Request<Buffer>): boolean {
    while (request.begun < request.bytes && !request.failed) {
      const at = request.begun, bytes = Math.min(this.#buffers.mostBytes, request.bytes - at);
      const buffer = this.#outBytes >= BLK_HELD_BYTES ? null : this.#buffers.take(bytes, request.kept);
      if (buffer === null) return false;
      request.kept = undefined;
      const { chain, reads, offset } = request;
      if (!reads && !queue.gather(chain, BLK_HEADER_BYTES + at, bytes, (dma, address, from, count) => this.#buffers.load(buffer, from, dma, address, count))) {
        // The queue has stopped: nothing of it will be answered.
        request.kept = this.#buffers.give(buffer);
        request.failed = true;
        if (request.out === 0) this.#finish(queue, request);
        return true;
      }
      request.begun += bytes;
      const done = this.#expect(request, bytes, (error) => {
        if (reads && error === null) request.failed ||= this.#awaited(request) && !this.#store(queue, request, buffer, at, bytes);
        request.kept = this.#buffers.give(buffer);
      });
      if (reads) backend.read(offset + at, buffer, done);
      else backend.write(offset + at, buffer, done);
    }
    return true;
  }

  #awaited(request: Request<Buffer>): boolean {
    return this.#active.has(request) && (this.#link?.live ?? false) && (this.#link?.queues[REQUESTS]?.ready ?? false);
  }

  #store(queue: VirtQueue, { chain }: Request<Buffer>, buffer: Buffer, at: number, bytes: number): boolean {
    return queue.scatter(chain, at, bytes, (dma, address, to, count) => this.#buffers.store(buffer, to, dma, address, count)) >= 0;
  }

  /** A part is with the backend from here on; the answer ends that. @param settle what is to be done with its data then */
  #expect(request: Request<Buffer>, bytes: number, settle: (error: string | null) => void): BlockDone {
    let answered = false;
    request.out++;
    this.#out++;
    this.#outBytes += bytes;
    return (error) => {
      if (answered) return;
      answered = true;
      request.out--;
      this.#out--;
      this.#outBytes -= bytes;
      if (error !== null) {
        request.failed = true;
        this.#failed(error);
      }
      settle(error);
      this.#settled(request);
    };
  }

  /** A part of it was answered. */
  #settled(request: Request<Buffer>): void {
    const link = this.#link;
    const queue = link?.queues[REQUESTS];
    if (!this.#active.has(request)) {
      this.#orphans--;
      if (request.out === 0) this.#idle.push(request);
    } else if (request.out === 0 && (request.failed || request.begun === request.bytes) && this.#backend !== null && queue !== undefined) {
      this.#proceed(this.#backend, queue, request);
    }
    if (this.#working) return;
    if (this.#stalled) this.#work();
    else link?.interrupt(REQUESTS);
  }

  /** All parts are answered. */
  #proceed(backend: BlockBackend<Buffer>, queue: VirtQueue, request: Request<Buffer>): void {
    if (!request.flushes || request.failed) return this.#finish(queue, request);
    request.flushes = false;
    backend.flush(this.#expect(request, 0, () => undefined));
  }

  #finish(queue: VirtQueue, request: Request<Buffer>): void {
    const awaited = this.#awaited(request);
    this.#active.delete(request);
    const parked = this.#parked.indexOf(request);
    if (parked >= 0) this.#parked.splice(parked, 1);
    if (!request.failed) this.#count(request);
    if (awaited) this.#answer(queue, request.chain, request.failed ? BlkStatus.IOERR : BlkStatus.OK);
    this.#idle.push(request);
  }

  #count({ reads, bytes }: Request<Buffer>): void {
    if (reads) this.#counts.reads++;
    else if (bytes > 0) this.#counts.writes++;
    else this.#counts.flushes++;
    if (reads) this.#counts.readBytes += bytes;
    else this.#counts.writtenBytes += bytes;
  }

  /** Gives the chain back. The status is the last byte of all, so what was written is said to reach as far, also where an error left data out. */
  #answer(queue: VirtQueue, chain: Chain, status: BlkStatus): void {
    if (status !== BlkStatus.OK) this.#counts.failures++;
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

const word = (bytes: Uint8Array, at: number): number => (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;

/** Padded with NUL; of 20 characters there is no NUL behind them (5.2.6). */
function identity(id: string): Uint8Array {
  const bytes = new Uint8Array(BLK_ID_BYTES);
  for (let i = 0; i < Math.min(id.length, BLK_ID_BYTES); i++) bytes[i] = id.charCodeAt(i) & 0x7f;
  return bytes;
}
