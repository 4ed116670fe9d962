// Capability slots: one table for the whole system, a column a field, a slot being a row number. CNodes and TCBs own
// runs of rows. Row numbers are plain data, so the table is saved as bytes; columns keep 100,000 capabilities small and quick.
//
// SLOT-1  Row 0 is never used: 0 means "no slot".
// SLOT-2  An empty row has kind Null and is in no list.
// SLOT-3  Every row is in one run at most: a CNode's, a TCB's, a free one or the spare. Free rows are empty, and what is in no run is the boot's own.
import { Kind } from "../abi/numbers.ts";
import { grown } from "./objects.ts";

export class SlotTable {
  kind: Uint8Array;
  rights: Uint8Array;
  /** Bit 0: an original, which may have descendants. Bit 1: the first of its badge. See derivation.ts. */
  original: Uint8Array;
  object: Int32Array;
  /** Endpoint, Notification: badge. CNode: guard value (lo) and guard size in bits (hi). Mapped Frame: the mapping's rights (lo). */
  badgeLo: Int32Array;
  badgeHi: Int32Array;
  /** Frame, PageTable: serial number of the space it is mapped in, 0 for none. */
  mapSpace: Int32Array;
  /** Frame, PageTable: address / 4096 where it is mapped. */
  mapPage: Int32Array;
  /** Derivation order, see derivation.ts. */
  next: Int32Array;
  prev: Int32Array;
  #end = 1;
  /** Freed runs by log2 of their length. */
  readonly free: (number[] | undefined)[] = [];
  /** A row that is in no CNode and empty between calls: room to let two capabilities change places. */
  readonly spare: number;
  /** Called when the columns are other arrays than before. */
  onGrow = (): void => {};

  /** @param rows room for so many slots; more than that are made by copying the table to one of twice the size */
  constructor(rows: number) {
    this.kind = new Uint8Array(rows);
    this.rights = new Uint8Array(rows);
    this.original = new Uint8Array(rows);
    this.object = new Int32Array(rows);
    this.badgeLo = new Int32Array(rows);
    this.badgeHi = new Int32Array(rows);
    this.mapSpace = new Int32Array(rows);
    this.mapPage = new Int32Array(rows);
    this.next = new Int32Array(rows);
    this.prev = new Int32Array(rows);
    this.spare = this.allocate(0);
  }

  /** A run of 2^bits empty rows; its first row. The caller has paid for it in Untyped memory (32 bytes a row). */
  allocate(bits: number): number {
    const reused = this.free[bits]?.pop();
    if (reused !== undefined) return reused;
    const first = this.#end;
    this.#end += 2 ** bits;
    while (this.#end > this.kind.length) this.#grow();
    return first;
  }

  /** Gives back a run whose rows are all empty. */
  release(first: number, bits: number): void {
    (this.free[bits] ??= []).push(first);
  }

  /** Room for what was saved: rows up to `end`, and the runs that are free. The columns are the caller's. */
  restore(end: number, free: readonly (readonly number[] | null)[]): void {
    this.#end = end;
    while (this.#end > this.kind.length) this.#grow();
    free.forEach((runs, bits) => void (runs !== null && (this.free[bits] = [...runs])));
  }

  /** The runs that were given back: first row, and log2 of their length. */
  *freeRuns(): Generator<{ readonly first: number; readonly bits: number }> {
    for (const [bits, runs] of this.free.entries()) for (const first of runs ?? []) yield { first, bits };
  }

  isEmpty(slot: number): boolean {
    return this.kind[slot] === Kind.Null;
  }

  /** Copies what the capability is (not its place in the derivation order, nor where it is mapped). */
  copyFields(from: number, to: number): void {
    this.kind[to] = this.kind[from]!;
    this.rights[to] = this.rights[from]!;
    this.object[to] = this.object[from]!;
    this.badgeLo[to] = this.badgeLo[from]!;
    this.badgeHi[to] = this.badgeHi[from]!;
  }

  clear(slot: number): void {
    this.kind[slot] = Kind.Null;
    this.rights[slot] = 0;
    this.original[slot] = 0;
    this.object[slot] = 0;
    this.badgeLo[slot] = 0;
    this.badgeHi[slot] = 0;
    this.mapSpace[slot] = 0;
    this.mapPage[slot] = 0;
  }

  #grow(): void {
    const n = this.kind.length * 2;
    this.kind = grown(this.kind, new Uint8Array(n));
    this.rights = grown(this.rights, new Uint8Array(n));
    this.original = grown(this.original, new Uint8Array(n));
    this.object = grown(this.object, new Int32Array(n));
    this.badgeLo = grown(this.badgeLo, new Int32Array(n));
    this.badgeHi = grown(this.badgeHi, new Int32Array(n));
    this.mapSpace = grown(this.mapSpace, new Int32Array(n));
    this.mapPage = grown(this.mapPage, new Int32Array(n));
    this.next = grown(this.next, new Int32Array(n));
    this.prev = grown(this.prev, new Int32Array(n));
    this.onGrow();
  }

  /** One past the last row ever allocated. */
  get end(): number {
    return this.#end;
  }
}
