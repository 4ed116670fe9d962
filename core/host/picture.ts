// What a display shows, kept in memory, and as a PNG whenever somebody asks. Source: PNG (Third Edition), W3C 2025.
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { constants, crc32, deflate, deflateSync } from "node:zlib";
import type { DisplayBackend } from "../devices/virtio/gpu.ts";

/** Sides of a display, in pixels. */
export const PICTURE_LEAST_SIDE = 16;
export const PICTURE_MOST_SIDE = 4096;

export interface Picture extends DisplayBackend {
  /** Counts what was drawn or resized: the same number, the same picture. */
  readonly changes: number;
  /** Pixels of what is shown now; of the display itself, and black, while nothing is. */
  readonly shown: { readonly width: number; readonly height: number };
  /** Red, green and blue of a pixel, 0xrrggbb. @throws RangeError when it is not in the picture */
  at(x: number, y: number): number;
  png(): Uint8Array;
  /** The same of this moment, larger, and made beside the machine instead of in its time. */
  snapshot(): Promise<Uint8Array>;
  /** Is called after each change; while it lasts nothing is drawn. */
  onChange(callback: () => void): void;
}

/** A display of this size in pixels, PICTURE_LEAST_SIDE..PICTURE_MOST_SIDE each way. @throws RangeError for any other */
export function createPicture(width: number, height: number): Picture {
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side < PICTURE_LEAST_SIDE || side > PICTURE_MOST_SIDE) throw new RangeError(`a display of ${width} x ${height} pixels: each side is ${PICTURE_LEAST_SIDE}..${PICTURE_MOST_SIDE}`);
  }
  let shown = { width, height };
  let pixels = new Uint8Array(width * height * 4);
  let changes = 0;
  const callbacks: (() => void)[] = [];
  const changed = (): void => {
    changes++;
    for (const callback of callbacks) callback();
  };
  return {
    width,
    height,
    get changes() {
      return changes;
    },
    get shown() {
      return shown;
    },
    size(w, h) {
      shown = w === 0 || h === 0 ? { width, height } : { width: w, height: h };
      pixels = new Uint8Array(shown.width * shown.height * 4);
      changed();
    },
    draw(rectangle, from, offset, stride) {
      for (let row = 0; row < rectangle.height; row++) {
        const begin = offset + row * stride;
        pixels.set(from.subarray(begin, begin + rectangle.width * 4), ((rectangle.y + row) * shown.width + rectangle.x) * 4);
      }
      changed();
    },
    at(x, y) {
      if (!(x >= 0 && x < shown.width && y >= 0 && y < shown.height)) throw new RangeError(`there is no pixel ${x}, ${y} in a picture of ${shown.width} x ${shown.height}`);
      const at = (y * shown.width + x) * 4;
      return (pixels[at + 2]! << 16) | (pixels[at + 1]! << 8) | pixels[at]!;
    },
    png: () => encodePng(shown.width, shown.height, pixels),
    snapshot: async () => {
      const { width: w, height: h } = shown, rows = rowsOf(w, h, pixels);
      return pngOf(w, h, await promisify(deflate)(rows, { level: constants.Z_BEST_SPEED }));
    },
    onChange: (callback) => void callbacks.push(callback),
  };
}

/** @param pixels blue, green, red and one byte without meaning each, rows from the top without gaps */
export const encodePng = (width: number, height: number, pixels: Uint8Array): Uint8Array => pngOf(width, height, deflateSync(rowsOf(width, height, pixels)));

function rowsOf(width: number, height: number, pixels: Uint8Array): Uint8Array {
  const rows = new Uint8Array(height * (1 + width * 3)); // each row begins with its filter, 0: none
  for (let y = 0, to = 0, from = 0; y < height; y++) {
    to++;
    for (let x = 0; x < width; x++, from += 4) {
      rows[to++] = pixels[from + 2]!;
      rows[to++] = pixels[from + 1]!;
      rows[to++] = pixels[from]!;
    }
  }
  return rows;
}

function pngOf(width: number, height: number, deflated: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8); // bits of a sample
  header.setUint8(9, 2); // red, green, blue
  return Buffer.concat([SIGNATURE, chunk("IHDR", new Uint8Array(header.buffer)), chunk("IDAT", deflated), chunk("IEND", new Uint8Array(0))]);
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(data.length + 12);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/** Whoever reads the file meanwhile sees the picture before or this one, whole. @throws the system's error */
export function writePicture(picture: Pick<Picture, "png">, path: string): void {
  const partial = `${path}.${process.pid}.part`;
  try {
    writeFileSync(partial, picture.png());
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}
