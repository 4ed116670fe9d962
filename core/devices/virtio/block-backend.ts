// What is behind a virtio block device: the disk, and where data is on its way to it and from it.
import type { DmaFault, DmaPort } from "../device.ts";

/**
 * Buffers of one request, and the bytes of each, that a driver is told. A request of 1 MiB, which is what Linux makes of a long one, goes at once, also when no two of its pages of 4 KiB are neighbours.
 */
export const BLK_SEGMENTS = 510;
export const BLK_SEGMENT_BYTES = 512 * 1024;

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
  /** Fills all of `into` if that needs no waiting. False: it is to be read as usual, and what is in `into` is unspecified. Absent: nothing is read so. */
  readNow?(offset: number, into: Uint8Array): boolean;
  /** Two writes that overlap may be done in either order unless the first was done before the second was begun. */
  write(offset: number, bytes: Buffer, done: BlockDone): void;
  /** Every write that was done before this call survives a crash of the host once this is done. */
  flush(done: BlockDone): void;
}

/** Where the data of a part is while the backend has it. A backend with memory of its own has its own, so that data is copied once on its way. */
export interface BlockBuffers<Buffer> {
  /** Most bytes of one, whole sectors. */
  readonly mostBytes: number;
  /** Most bytes of a request, in however many parts. A driver is told less (SIZE_MAX, SEG_MAX), and not all keep to that. */
  readonly mostRequest: number;
  /** A buffer of `bytes` bytes; what is in it is unspecified. Null: there is none before one of those that are out is given back. @param last what the same request had before */
  take(bytes: number, last: Buffer | undefined): Buffer | null;
  /** The backend is done with it and its data was stored. What may be kept for the next `take`. */
  give(buffer: Buffer): Buffer | undefined;
  /** Copies a piece of guest memory to `at` of the buffer, and from there. */
  load(buffer: Buffer, at: number, dma: DmaPort, address: number, bytes: number): DmaFault | null;
  store(buffer: Buffer, at: number, dma: DmaPort, address: number, bytes: number): DmaFault | null;
}

/** An array up to this size stays with its request for the next one. */
const KEPT_BYTES = 64 * 1024;
/** Larger ones, up to the length of a segment, come from here and go back: to have the host clear fresh memory takes longer than to fill it. */
const spare: ArrayBuffer[] = [];
const MOST_SPARE = 8;

/** Arrays of this program's, each for all of a request that is not very long. */
export const ARRAYS: BlockBuffers<Uint8Array> = {
  mostBytes: 4 * 1024 * 1024,
  mostRequest: BLK_SEGMENTS * BLK_SEGMENT_BYTES,
  take(bytes, last) {
    if (bytes > BLK_SEGMENT_BYTES) return new Uint8Array(bytes);
    if (bytes > KEPT_BYTES) return new Uint8Array(spare.pop() ?? new ArrayBuffer(BLK_SEGMENT_BYTES), 0, bytes);
    if (last === undefined || last.buffer.byteLength < bytes) return new Uint8Array(bytes);
    return last.length === bytes ? last : new Uint8Array(last.buffer, 0, bytes);
  },
  give(buffer) {
    if (buffer.buffer.byteLength <= KEPT_BYTES) return buffer;
    if (buffer.buffer.byteLength === BLK_SEGMENT_BYTES && spare.length < MOST_SPARE) spare.push(buffer.buffer as ArrayBuffer);
    return undefined;
  },
  load: (buffer, at, dma, address, bytes) => dma.readInto(address, part(buffer, at, bytes)),
  store: (buffer, at, dma, address, bytes) => dma.write(address, part(buffer, at, bytes)),
};

const part = (bytes: Uint8Array, from: number, count: number): Uint8Array => (from === 0 && count === bytes.length ? bytes : bytes.subarray(from, from + count));
