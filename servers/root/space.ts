// The root server's own CSpace and VSpace: empty slots, a window to fill frames through, the control device's registers.
import { InitSlot, Kind, type RetypeName } from "../../caps/abi/numbers.ts";
import { cnodeCopy, cnodeDelete, cnodeMint, frameMap, frameUnmap, MapRights, MOST_RETYPED, pageTableMap, type Place, retype } from "../lib/ts/objects.ts";
import type { Memory, Op, Sys } from "../lib/ts/sdk.ts";
import type { Boot } from "./bootinfo.ts";
import { must, StartFailure } from "./failure.ts";
import { LARGE, PAGE } from "./layout.ts";

/** Far from the boot's mappings: 2 MiB each in one GiB. */
const WINDOW = 0x30_0000_0000;
const DEVICES = WINDOW + LARGE;
const WINDOW_PAGES = LARGE / PAGE;
/** Page tables for both: one for the GiB, one each. */
const ROOT_TABLES = 3;
/** The page tables, a clock's page and objects (clock.ts), and those of callers that wait (callers.ts). */
export const ROOT_BYTES = (ROOT_TABLES + 3) * PAGE;

/** Slots in a row. */
export interface Region {
  readonly first: number;
  readonly end: number;
}

export class RootSpace {
  readonly sys: Sys;
  readonly mem: Memory;
  readonly #cnodeBits: number;
  #next: number;
  #end: number;
  #devices = DEVICES;
  /** The Untyped that pays for the root server itself. */
  #own = 0;

  constructor(sys: Sys, mem: Memory, boot: Boot) {
    this.sys = sys;
    this.mem = mem;
    this.#cnodeBits = boot.cnodeBits;
    this.#next = boot.emptyFirst;
    this.#end = boot.emptyFirst + boot.emptyCount;
  }

  /** First of `count` empty slots in a row. */
  take(count: number): number {
    const first = this.#next;
    if (first + count > this.#end) throw new StartFailure(`the root server's ${2 ** this.#cnodeBits} slots are used up: the system has too many frames`);
    this.#next += count;
    return first;
  }

  /**
   * Does it with slots of its own: new ones, or, a second time, those it had before, which are emptied. So what is built again and again does not use up
   * the root server's slots.
   */
  *within<T>(before: Region | undefined, op: Op<T>): Op<{ readonly value: T; readonly region: Region }> {
    const [next, end] = [this.#next, this.#end];
    if (before === undefined) return { value: yield* op, region: { first: next, end: this.#next } };
    for (let slot = before.first; slot < before.end; slot++) yield* cnodeDelete(this.sys, this.place(slot));
    [this.#next, this.#end] = [before.first, before.end];
    try {
      return { value: yield* op, region: before };
    } finally {
      [this.#next, this.#end] = [next, end];
    }
  }

  /** A slot of the root CNode as a place. Its guard takes the upper bits of a CPtr, so it is resolved at full depth. */
  place(slot: number): Place {
    return { cnode: InitSlot.CNode, index: slot, depth: 32 };
  }

  /** Retypes `count` objects into slots in a row, the first of which is the answer. */
  *make(untyped: number, kind: RetypeName, sizeBits: number, count: number, what: string): Op<number> {
    const first = this.take(count);
    for (let done = 0; done < count; done += MOST_RETYPED) {
      const piece = Math.min(MOST_RETYPED, count - done);
      yield* must(retype(this.sys, untyped, Kind[kind], sizeBits, piece, InitSlot.CNode, first + done), `make ${what}`);
    }
    return first;
  }

  /** A copy in an empty slot, which is the answer. */
  *copy(slot: number, rights: number, what: string): Op<number> {
    const to = this.take(1);
    yield* must(cnodeCopy(this.sys, this.place(to), this.place(slot), rights), `copy ${what}`);
    return to;
  }

  *mint(slot: number, rights: number, badge: number | bigint, what: string): Op<number> {
    const to = this.take(1);
    yield* must(cnodeMint(this.sys, this.place(to), this.place(slot), rights, badge), `mint ${what}`);
    return to;
  }

  /** Sets up the window and the room for devices, paid for by RAM's Untyped `untyped`, of which ROOT_BYTES are the root server's. */
  *prepare(untyped: number): Op<void> {
    this.#own = untyped;
    const tables = yield* this.make(untyped, "PageTable", 0, ROOT_TABLES, "the root server's page tables");
    for (const [i, address] of [WINDOW, WINDOW, DEVICES].entries()) yield* must(pageTableMap(this.sys, tables + i, address, InitSlot.VSpace), "map the root server's page tables");
  }

  /** An object of the root server's own, from ROOT_BYTES. */
  makeOwn(kind: RetypeName, sizeBits: number): Op<number> {
    return this.make(this.#own, kind, sizeBits, 1, `the root server's ${kind}`);
  }

  /** Maps a frame for the root server itself: a device's registers, its clock's page; the address. */
  *map(frame: number, rights: number, what: string): Op<number> {
    const address = this.#devices;
    this.#devices += PAGE;
    yield* must(frameMap(this.sys, frame, address, InitSlot.VSpace, rights), `map ${what}`);
    return address;
  }

  /**
   * Copies into frames that are mapped nowhere, and leaves them so: a frame that was written may become executable only then (WX-1).
   * @param from an address in the root server's VSpace, or bytes
   */
  *fill(firstFrame: number, frames: number, offset: number, from: number | Uint8Array, bytes: number): Op<void> {
    const { sys, mem } = this;
    for (let done = 0; done < frames; done += WINDOW_PAGES) {
      const start = done * PAGE;
      const end = Math.min(frames, done + WINDOW_PAGES) * PAGE;
      const first = Math.max(offset, start);
      const last = Math.min(offset + bytes, end);
      if (first >= last) continue;
      const [firstPage, lastPage] = [Math.floor(first / PAGE), Math.ceil(last / PAGE)];
      for (let page = firstPage; page < lastPage; page++) yield* must(frameMap(sys, firstFrame + page, WINDOW + page * PAGE - start, InitSlot.VSpace, MapRights.ReadWrite), "map a frame to fill it");
      if (typeof from === "number") mem.copy(WINDOW + first - start, from + first - offset, last - first);
      else mem.write(WINDOW + first - start, from.subarray(first - offset, last - offset));
      for (let page = firstPage; page < lastPage; page++) yield* must(frameUnmap(sys, firstFrame + page), "unmap a frame");
    }
  }
}
