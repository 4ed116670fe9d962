// Which sectors of a disk something was written to: one bit each.
import { SECTOR_BYTES } from "../devices/virtio/spec.ts";

/** Bytes of one piece of the map, there only once something was written to its sectors: with a sum behind them they are one sector of a layer's file (layer.ts). */
export const MAP_PIECE_BYTES = SECTOR_BYTES - 4;
/** Its sectors: almost 2 MiB of disk. */
export const MAP_PIECE_SECTORS = 8 * MAP_PIECE_BYTES;

export class SectorMap {
  readonly #pieces = new Map<number, Uint8Array>();
  /** Pieces with marks that nobody has taken. */
  readonly #changed = new Set<number>();

  has(sector: number): boolean {
    const piece = this.#pieces.get(Math.floor(sector / MAP_PIECE_SECTORS)), bit = sector % MAP_PIECE_SECTORS;
    return piece !== undefined && (piece[bit >>> 3]! & (1 << (bit & 7))) !== 0;
  }

  mark(first: number, count: number): void {
    for (let sector = first; sector < first + count; sector++) {
      if (this.has(sector)) continue;
      const n = Math.floor(sector / MAP_PIECE_SECTORS), bit = sector % MAP_PIECE_SECTORS;
      let piece = this.#pieces.get(n);
      if (piece === undefined) this.#pieces.set(n, (piece = new Uint8Array(MAP_PIECE_BYTES)));
      piece[bit >>> 3]! |= 1 << (bit & 7);
      this.#changed.add(n);
    }
  }

  /** A piece as it was kept; nobody has to take it. */
  load(n: number, bits: Uint8Array): void {
    this.#pieces.set(n, bits.slice());
  }

  /** Copies of the pieces that have been marked since they were taken last, by number. */
  take(): readonly (readonly [number, Uint8Array])[] {
    const taken = [...this.#changed].sort((a, b) => a - b).map((n) => [n, this.#pieces.get(n)!.slice()] as const);
    this.#changed.clear();
    return taken;
  }

  /** What was taken could not be kept: it is to be taken again. */
  putBack(taken: readonly (readonly [number, Uint8Array])[]): void {
    for (const [n] of taken) this.#changed.add(n);
  }
}
