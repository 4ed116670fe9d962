// A picture in the memory of a GPU: pixels of four bytes, and the driver's memory that they are copied from. Source: virtio 1.2, 5.7.6.
// Everything here has been given by a driver that may be hostile, and is checked where it is used: what lies outside is refused.
import type { DmaPort } from "../device.ts";

export const PIXEL_BYTES = 4;

/** In pixels. Any numbers of 32 bits. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface ResourceState {
  readonly id: number;
  readonly format: number;
  readonly width: number;
  readonly height: number;
  /** Addresses and lengths by turns; null: none is attached. */
  readonly backing: readonly number[] | null;
  /** How often, and which word, by turns: the pixels in order. */
  readonly runs: readonly number[];
}

/** A rectangle that is not empty and not beyond the edge. */
export const liesIn = ({ x, y, width, height }: Rectangle, outer: Pick<Rectangle, "width" | "height">): boolean =>
  width > 0 && height > 0 && x + width <= outer.width && y + height <= outer.height;

export class Resource {
  readonly id: number;
  readonly format: number;
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
  #backing: readonly number[] | null = null;
  /** Where in the backing each piece of it begins, and where the last one ends. */
  #starts: number[] = [];

  /** Black. @param width, height in pixels, of at least 1, and the caller's to bound */
  constructor(id: number, format: number, width: number, height: number) {
    this.id = id;
    this.format = format;
    this.width = width;
    this.height = height;
    this.pixels = new Uint8Array(width * height * PIXEL_BYTES);
  }

  get attached(): boolean {
    return this.#backing !== null;
  }

  /** @param backing addresses and lengths by turns; null takes it away */
  attach(backing: readonly number[] | null): void {
    this.#backing = backing;
    this.#starts = [0];
    if (backing === null) return;
    for (let i = 1; i < backing.length; i += 2) this.#starts.push(this.#starts.at(-1)! + backing[i]!);
  }

  /** What `copyIn` would read of the backing: whether it is there. @param rectangle lies in the picture */
  covered({ width, height }: Rectangle, offset: number): boolean {
    return this.#backing !== null && offset + ((height - 1) * this.width + width) * PIXEL_BYTES <= this.#starts.at(-1)!;
  }

  /**
   * Copies a rectangle that is covered from the backing, whose rows are as long as the picture's; the rectangle's first pixel is at `offset`.
   * Answers how many pieces were read, -1 when memory refused one: a part may be done then.
   */
  copyIn(dma: DmaPort, { x, y, width, height }: Rectangle, offset: number): number {
    const stride = this.width * PIXEL_BYTES;
    const whole = width === this.width;
    const rows = whole ? 1 : height;
    const bytes = whole ? height * stride : width * PIXEL_BYTES;
    let pieces = 0;
    for (let row = 0; row < rows; row++) {
      const to = (y + row) * stride + x * PIXEL_BYTES;
      const read = this.#read(dma, offset + row * stride, this.pixels.subarray(to, to + bytes));
      if (read < 0) return -1;
      pieces += read;
    }
    return pieces;
  }

  #read(dma: DmaPort, from: number, into: Uint8Array): number {
    const backing = this.#backing ?? [];
    let pieces = 0;
    let done = 0;
    for (let i = this.#pieceAt(from); done < into.length; i++) {
      const skip = from + done - this.#starts[i]!;
      const bytes = Math.min(backing[2 * i + 1]! - skip, into.length - done);
      if (bytes > 0 && dma.readInto(backing[2 * i]! + skip, into.subarray(done, done + bytes)) !== null) return -1;
      done += Math.max(0, bytes);
      pieces++;
    }
    return pieces;
  }

  /** The last piece that begins at `offset` or before it. */
  #pieceAt(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  save(): ResourceState {
    const words = new Uint32Array(this.pixels.buffer);
    const runs: number[] = [];
    for (let i = 0, begin = 0; i < words.length; begin = i) {
      while (i < words.length && words[i] === words[begin]) i++;
      runs.push(i - begin, words[begin]!);
    }
    const { id, format, width, height } = this;
    return { id, format, width, height, backing: this.#backing === null ? null : [...this.#backing], runs };
  }

  static restore({ id, format, width, height, backing, runs }: ResourceState): Resource {
    const resource = new Resource(id, format, width, height);
    resource.attach(backing);
    const words = new Uint32Array(resource.pixels.buffer);
    for (let i = 0, at = 0; i < runs.length; i += 2) words.fill(runs[i + 1]!, at, (at += runs[i]!));
    return resource;
  }
}
