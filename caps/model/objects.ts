// What exists: every kernel object with the memory that pays for it and the number of capabilities that name it.
// The kernel keeps each object's own state beside this, under the same id.
//
// OBJ-1  An object is alive exactly while a capability names it (refs > 0); an Untyped also while anything made from it is.
// OBJ-2  The memory of live objects never overlaps, but for an Untyped and what was made from it.
// UT-1   An Untyped's watermark falls only when nothing made from it is alive.
// Source: seL4 manual, "Kernel Memory Allocation".
import { Kind, type Kind as KindT } from "../abi/numbers.ts";

export class ObjectTable {
  kind = new Uint8Array(256);
  /** Physical address of the first byte; 0 for objects of the boot that cost no memory. */
  base = new Float64Array(256);
  /** log2 of the size in bytes. */
  bits = new Uint8Array(256);
  /** Capabilities that name the object. */
  refs = new Int32Array(256);
  /** The Untyped it was made from, 0 for objects of the boot. */
  parent = new Int32Array(256);
  /** Untyped: bytes handed out. */
  watermark = new Float64Array(256);
  /** Untyped: bytes from here on have never been written since the machine was powered on, so they are zero. */
  clean = new Float64Array(256);
  /** Untyped: objects made from it that are alive. */
  children = new Int32Array(256);
  /** Device memory: never cleared, makes Frames and Untypeds only. */
  device = new Uint8Array(256);
  /** Ids 1..count-1 have been used; 0 means none. */
  count = 1;
  readonly #free: number[] = [];

  create(kind: KindT, base: number, bits: number, parent: number): number {
    const id = this.#free.pop() ?? this.count++;
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
    if (parent !== 0) this.children[parent]!++;
    return id;
  }

  /**
   * No capability names the object any more. An Untyped stays while anything made from it is alive, for that memory is still
   * taken, and goes with the last of it. The id may be used again at once: whoever keeps ids across a destroy keeps a serial number too.
   */
  destroy(id: number): void {
    for (let dead = id; dead !== 0 && this.refs[dead] === 0 && this.children[dead] === 0; ) {
      const parent = this.parent[dead]!;
      this.kind[dead] = Kind.Null;
      this.#free.push(dead);
      if (parent !== 0) this.children[parent]!--;
      dead = parent;
    }
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
  }
}

/** Copies `from` to the front of `to`. */
export function grown<T extends { set(a: ArrayLike<number>): void }>(from: ArrayLike<number>, to: T): T {
  to.set(from);
  return to;
}
