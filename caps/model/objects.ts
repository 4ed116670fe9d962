// What exists: every kernel object with the memory that pays for it and the number of capabilities that name it.
// The kernel keeps each object's own state beside this, under the same id.
//
// OBJ-1  An object is alive exactly while a capability names it (refs > 0); an Untyped also while anything made from it is.
// OBJ-2  The memory of live objects never overlaps, but for an Untyped and what was made from it.
// OBJ-3  An object has the size of its kind and lies at a multiple of it. What is made of device memory is device memory, and a Frame or an Untyped.
// OBJ-4  Every id below `count` is alive or free, and the free ones stand in one list.
// UT-1   An Untyped's watermark falls only when nothing made from it is alive.
// UT-2   The clean mark of an Untyped lies above all that is alive of it, and memory above the mark is zero.
// Source: seL4 manual, "Kernel Memory Allocation".
import { Kind, type Kind as KindT } from "../abi/numbers.ts";

/** Words of an object's own, in 32 bits each. */
export const OBJECT_WORDS = 8;

export class ObjectTable {
  kind: Uint8Array;
  /** Physical address of the first byte; 0 for objects of the boot that cost no memory. */
  base: Float64Array;
  /** log2 of the size in bytes. */
  bits: Uint8Array;
  /** Capabilities that name the object. */
  refs: Int32Array;
  /** The Untyped it was made from, 0 for objects of the boot. Of an id that is free: the next free one. */
  parent: Int32Array;
  /** Untyped: bytes handed out. */
  watermark: Float64Array;
  /** Untyped: bytes from here on have never been written since the machine was powered on, so they are zero. */
  clean: Float64Array;
  /** Untyped: objects made from it that are alive. */
  children: Int32Array;
  /** Device memory: never cleared, makes Frames and Untypeds only. */
  device: Uint8Array;
  /** OBJECT_WORDS a row: what the kernel keeps there depends on the kind. Zero when the object is made. */
  words: Int32Array;
  /** Ids 1..count-1 have been used; 0 means none. */
  count = 1;
  /** The id that was freed last, 0 for none. */
  free = 0;
  /** Called when the columns are other arrays than before. */
  onGrow = (): void => {};

  /** @param rows room for so many objects; more than that are made by copying the table to one of twice the size */
  constructor(rows: number) {
    this.kind = new Uint8Array(rows);
    this.base = new Float64Array(rows);
    this.bits = new Uint8Array(rows);
    this.refs = new Int32Array(rows);
    this.parent = new Int32Array(rows);
    this.watermark = new Float64Array(rows);
    this.clean = new Float64Array(rows);
    this.children = new Int32Array(rows);
    this.device = new Uint8Array(rows);
    this.words = new Int32Array(rows * OBJECT_WORDS);
  }

  create(kind: KindT, base: number, bits: number, parent: number): number {
    const id = this.free === 0 ? this.count++ : this.free;
    if (id === this.free) this.free = this.parent[id]!;
    if (id >= this.kind.length) this.#grow();
    this.kind[id] = kind;
    this.base[id] = base;
    this.bits[id] = bits;
    this.refs[id] = 0;
    this.parent[id] = parent;
    this.watermark[id] = 0;
    this.clean[id] = 0;
    this.children[id] = 0;
    this.device[id] = parent === 0 ? 0 : this.device[parent]!;
    this.words.fill(0, id * OBJECT_WORDS, (id + 1) * OBJECT_WORDS);
    if (parent !== 0) this.children[parent]!++;
    return id;
  }

  /**
   * The object is gone and its memory free. Answers the Untyped that goes with it: one that no capability names and that stayed only because this
   * was made from it; 0 for none. The id may be used again at once: whoever keeps ids across a destroy keeps a serial number too.
   */
  destroy(id: number): number {
    const parent = this.parent[id]!;
    this.kind[id] = Kind.Null;
    this.parent[id] = this.free;
    this.free = id;
    if (parent === 0) return 0;
    return --this.children[parent]! === 0 && this.refs[parent] === 0 ? parent : 0;
  }

  /** Room for what was saved: the ids up to `count` have been used. The columns are the caller's. */
  restore(count: number, free: number): void {
    while (this.kind.length < count) this.#grow();
    this.count = count;
    this.free = free;
  }

  /** The free ids, the one freed last first. */
  *freeIds(): Generator<number> {
    for (let id = this.free; id !== 0; id = this.parent[id]!) yield id;
  }

  size(id: number): number {
    return 2 ** this.bits[id]!;
  }

  #grow(): void {
    const n = this.kind.length * 2;
    this.kind = grown(this.kind, new Uint8Array(n));
    this.base = grown(this.base, new Float64Array(n));
    this.bits = grown(this.bits, new Uint8Array(n));
    this.refs = grown(this.refs, new Int32Array(n));
    this.parent = grown(this.parent, new Int32Array(n));
    this.watermark = grown(this.watermark, new Float64Array(n));
    this.clean = grown(this.clean, new Float64Array(n));
    this.children = grown(this.children, new Int32Array(n));
    this.device = grown(this.device, new Uint8Array(n));
    this.words = grown(this.words, new Int32Array(n * OBJECT_WORDS));
    this.onGrow();
  }
}

/** Copies `from` to the front of `to`. */
export function grown<T extends { set(a: ArrayLike<number>): void }>(from: ArrayLike<number>, to: T): T {
  to.set(from);
  return to;
}
