// A disk over another: what is written stays in the upper one, and the lower one is only read.
import type { BlockBackend } from "../devices/virtio/block-backend.ts";
import { SECTOR_BYTES } from "../devices/virtio/spec.ts";
import { SectorMap } from "./sector-map.ts";

/**
 * @param top as large as `base`, and zero or anything else where nothing has been written.
 * @param written which sectors are in `top`; marked here.
 * @param flush of what is to outlive us (layer.ts). By default it ends at once: nothing is.
 *
 * The map goes by sectors, the unit of writing: with larger blocks a write to part of one would have to be filled from the base first, and be kept
 * apart from every other write to the same block while that lasts.
 */
export function overlay(base: BlockBackend, top: BlockBackend, written = new SectorMap(), flush: BlockBackend["flush"] = (done) => done(null)): BlockBackend {
  return {
    sectors: base.sectors,
    readOnly: top.readOnly,
    id: base.id,
    read(offset, into, done) {
      const first = offset / SECTOR_BYTES;
      const count = into.length / SECTOR_BYTES;
      // As the map is now: what is marked while we read may not be in the bytes that we get.
      const above: number[] = [];
      for (let n = 0; n < count; n++) if (written.has(first + n)) above.push(n);
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
        if (error === null) written.mark(offset / SECTOR_BYTES, bytes.length / SECTOR_BYTES);
        done(error);
      });
    },
    flush,
  };
}
