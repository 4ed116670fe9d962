// A disk whose contents as they are at one moment can be copied while it goes on: copy before write.
//
// Invariants:
//   W1  The copy has every write that was begun before the moment, and none that was begun after it: one to a piece that has not been copied waits until that piece has been.
//   W2  Whatever becomes of the copy, every write is carried out, and in none but its own time otherwise: a copy that fails, or is given up, lets all go that waited for it.
//   W3  At most AT_ONCE pieces are under way, and the host has its turn after each MOST_A_TURN of those that nobody waits for.
import type { BlockBackend, BlockDone } from "../devices/virtio/block-backend.ts";
import { SECTOR_BYTES } from "../devices/virtio/spec.ts";
import type { Disk } from "./disk.ts";

const PIECE = 256 * 1024;
const AT_ONCE = 4;
const MOST_A_TURN = 4;
const ZEROS = Buffer.alloc(PIECE);

/** Bytes of a disk, `from` up to but not including `end`. */
interface Range {
  readonly from: number;
  readonly end: number;
}

export interface DiskCopy {
  /** Copies in the background what is not written to; before, only what must be copied is. */
  begin(): void;
  /** All of it is in the target (which is not flushed). Rejects with what went wrong, or when it was given up. */
  readonly done: Promise<void>;
  giveUp(why: string): void;
}

export interface CopyableDisk extends Disk {
  /**
   * The moment is this call; the rest begins with `begin`. One copy at a time. @param into as large as this disk, and all zero; the caller keeps it open until `done` has settled
   * @param only sectors for which it says so; by default all but what is zero
   */
  copy(into: BlockBackend, only?: (sector: number) => boolean): DiskCopy;
}

export function copyable(disk: Disk): CopyableDisk {
  const begun = new Set<Range>();
  let copy: Copy | undefined;
  return {
    path: disk.path,
    sectors: disk.sectors,
    readOnly: disk.readOnly,
    id: disk.id,
    read: (offset, into, done) => disk.read(offset, into, done),
    readNow: (offset, into) => disk.readNow?.(offset, into) ?? false,
    write(offset, bytes, done) {
      const range = { from: offset, end: offset + bytes.length };
      const begin = (): void => {
        begun.add(range);
        disk.write(offset, bytes, (error) => {
          begun.delete(range);
          copy?.ended(range);
          done(error);
        });
      };
      if (copy === undefined || copy.has(range)) begin();
      else copy.before(range, begin);
    },
    flush: (done) => disk.flush(done),
    copy(into, only) {
      if (copy !== undefined) throw new Error("a copy of this disk is under way");
      const made = new Copy(disk, into, new Set(begun), only);
      copy = made;
      const over = (): void => void (copy === made && (copy = undefined));
      made.done.then(over, over);
      return made;
    },
    close() {
      copy?.giveUp("the disk is closed");
      return disk.close();
    },
  };
}

class Copy implements DiskCopy {
  readonly done: Promise<void>;
  readonly #disk: BlockBackend;
  readonly #into: BlockBackend;
  readonly #only: ((sector: number) => boolean) | undefined;
  readonly #bytes: number;
  /** Writes from before the moment that have not ended, and who waits for any of them to end. */
  readonly #earlier: Set<Range>;
  #awaitEarlier: (() => void)[] = [];
  /** Every piece before this one has been begun; of those after it, these have been copied. */
  #next = 0;
  readonly #ahead = new Set<number>();
  readonly #underWay = new Map<number, Promise<void>>();
  /** Writes that wait. */
  readonly #held = new Set<() => void>();
  /** Buffers of pieces, and who waits for one. */
  readonly #free: Uint8Array[] = Array.from({ length: AT_ONCE }, () => new Uint8Array(PIECE));
  readonly #awaitFree: (() => void)[] = [];
  #over = false;
  #end: () => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor(disk: BlockBackend, into: BlockBackend, earlier: Set<Range>, only: ((sector: number) => boolean) | undefined) {
    this.#disk = disk;
    this.#into = into;
    this.#only = only;
    this.#earlier = earlier;
    this.#bytes = disk.sectors * SECTOR_BYTES;
    this.done = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
    // Whoever asked for it may look at it later.
    this.done.catch(() => undefined);
  }

  begin(): void {
    this.#run().then(this.#end, (error: Error) => this.giveUp(error.message));
  }

  giveUp(why: string): void {
    if (this.#over) return;
    this.#over = true;
    for (const go of this.#held) go();
    for (const wake of this.#awaitEarlier.splice(0)) wake();
    // The target is in use until what is under way has ended.
    void Promise.allSettled(this.#underWay.values()).then(() => this.#fail(new Error(why)));
  }

  /** It may be written to. */
  has(range: Range): boolean {
    return this.#over || piecesOf(range).every((piece) => this.#copied(piece));
  }

  /** Calls `begin` as soon as that is so. */
  before(range: Range, begin: () => void): void {
    const go = (): void => {
      if (this.#held.delete(go)) begin();
    };
    this.#held.add(go);
    const missing = piecesOf(range).filter((piece) => !this.#copied(piece));
    Promise.all(missing.map((piece) => this.#piece(piece))).then(go, (error: Error) => this.giveUp(error.message));
  }

  /** A write has ended. */
  ended(range: Range): void {
    if (!this.#earlier.delete(range)) return;
    for (const wake of this.#awaitEarlier.splice(0)) wake();
  }

  #copied(piece: number): boolean {
    return !this.#underWay.has(piece) && (piece < this.#next || this.#ahead.has(piece));
  }

  /** In the background, from the start to the end. */
  async #run(): Promise<void> {
    for (let n = 1; this.#next * PIECE < this.#bytes; n++) {
      const piece = this.#next++;
      if (!this.#ahead.delete(piece)) await this.#piece(piece);
      // Why is told by whoever gave it up.
      if (this.#over) throw new Error("given up");
      if (n % MOST_A_TURN === 0) await turn();
    }
    await Promise.all(this.#underWay.values());
    if (this.#over) throw new Error("given up");
    this.#over = true;
  }

  /** Copies a piece, unless that is being done. */
  #piece(piece: number): Promise<void> {
    const already = this.#underWay.get(piece);
    if (already !== undefined) return already;
    const copied = this.#copy(piece).then(() => {
      if (piece >= this.#next) this.#ahead.add(piece);
    });
    const ended = copied.finally(() => this.#underWay.delete(piece));
    this.#underWay.set(piece, ended);
    return ended;
  }

  async #copy(piece: number): Promise<void> {
    const from = piece * PIECE, end = Math.min(from + PIECE, this.#bytes);
    while (!this.#over && [...this.#earlier].some((range) => range.from < end && range.end > from)) await new Promise<void>((wake) => this.#awaitEarlier.push(wake));
    while (!this.#over && this.#free.length === 0) await new Promise<void>((wake) => this.#awaitFree.push(wake));
    const buffer = this.#free.pop();
    if (buffer === undefined) return;
    try {
      for (const run of this.#wanted({ from, end })) {
        if (this.#over) return;
        const bytes = buffer.subarray(0, run.end - run.from);
        await settled((done) => this.#disk.read(run.from, bytes, done), `disk ${this.#disk.id} cannot be read`);
        if (this.#over || (this.#only === undefined && ZEROS.subarray(0, bytes.length).equals(bytes))) continue;
        await settled((done) => this.#into.write(run.from, bytes, done), `the copy of disk ${this.#disk.id} cannot be written`);
      }
    } finally {
      this.#free.push(buffer);
      this.#awaitFree.shift()?.();
    }
  }

  *#wanted({ from, end }: Range): Generator<Range> {
    if (this.#only === undefined) return yield { from, end };
    for (let at = from; at < end; at += SECTOR_BYTES) {
      const first = at;
      while (at < end && this.#only(at / SECTOR_BYTES)) at += SECTOR_BYTES;
      if (first < at) yield { from: first, end: at };
    }
  }
}

const piecesOf = ({ from, end }: Range): number[] => {
  const first = Math.floor(from / PIECE);
  return Array.from({ length: Math.ceil(end / PIECE) - first }, (_, i) => first + i);
};

const settled = (begin: (done: BlockDone) => void, otherwise: string): Promise<void> => new Promise((resolve, reject) => begin((error) => (error === null ? resolve() : reject(new Error(`${otherwise}: ${error}`)))));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
