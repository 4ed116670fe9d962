// A disk over another: what is written stays in the upper one, and the lower one is only read.
import type { BlockBackend } from "../devices/virtio/block-backend.ts";
import { SECTOR_BYTES } from "../devices/virtio/spec.ts";

/** Sectors of one piece of the map: 8 MiB of disk in 2 KiB, there only once something was written to them. */
const PIECE_SECTORS = 16384;

/**
 * @param top as large as `base`, and zero or anything else where nothing has been written.
 * A flush ends at once: what is written is not meant to outlive us.
 *
 * The map goes by sectors, the unit of writing: with larger blocks a write to part of one would have to be filled from the base first, and be kept
 * apart from every other write to the same block while that lasts.
 */
export function overlay(base: BlockBackend, top: BlockBackend): BlockBackend {
  const written = new Map<number, Uint8Array>();
  const has = (sector: number): boolean => {
    const piece = written.get(Math.floor(sector / PIECE_SECTORS));
    const bit = sector % PIECE_SECTORS;
    return piece !== undefined && (piece[bit >>> 3]! & (1 << (bit & 7))) !== 0;
  };
  const mark = (first: number, count: number): void => {
    for (let sector = first; sector < first + count; sector++) {
      const n = Math.floor(sector / PIECE_SECTORS);
      const bit = sector % PIECE_SECTORS;
      let piece = written.get(n);
      if (piece === undefined) written.set(n, (piece = new Uint8Array(PIECE_SECTORS / 8)));
      piece[bit >>> 3]! |= 1 << (bit & 7);
    }
  };
  return {
    sectors: base.sectors,
    readOnly: false,
    id: base.id,
    read(offset, into, done) {
      const first = offset / SECTOR_BYTES;
      const count = into.length / SECTOR_BYTES;
      // As the map is now: what is marked while we read may not be in the bytes that we get.
      const above: number[] = [];
      for (let n = 0; n < count; n++) if (has(first + n)) above.push(n);
      if (above.length === 0) return base.read(offset, into, done);
      if (above.length === count) return top.read(offset, into, done);
      // Two reads however finely the two are mixed: the guest decides that.
      const upper = new Uint8Array(into.length);
      base.read(offset, into, (error) => {
        if (error !== null) return done(error);
        top.read(offset, upper, (error) => {
          if (error === null) for (const n of above) into.set(upper.subarray(n * SECTOR_BYTES, (n + 1) * SECTOR_BYTES), n * SECTOR_BYTES);
          done(error);
        });
      });
    },
    write(offset, bytes, done) {
      top.write(offset, bytes, (error) => {
        // Only now: until it is done, a read gets what was there before.
        if (error === null) mark(offset / SECTOR_BYTES, bytes.length / SECTOR_BYTES);
        done(error);
      });
    },
    flush: (done) => done(null),
  };
}
