// Memory of a hosted thread: loads and stores through a software TLB.
//
//   HMEM-1  No access reaches a byte that the thread's page tables do not allow at that moment: the TLB is emptied when `generation` changes,
//           and nothing can change it while the program runs.
//   HMEM-2  A refused access closes the thread's gate: whatever the program does then, the engine reports the fault.
//   HMEM-3  Each page stored to in a step is told to the machine once, when the step ends, so that stale translations of code are dropped.
//   HMEM-4  Programs get numbers, bigints and copies, never a view of RAM.
//
// The TLB is direct-mapped, 4 KiB pages, apart for loads and stores. An entry holds the virtual address of its page as a double, so one subtraction
// gives both the tag check and the offset, at any width of address: a miss, a page crossing, a negative or absurd address all fail `offset <= 4096 - size`.
import type { Memory } from "../../caps/abi/hosted.ts";
import { Access, Gate, type HostedMachine, type HostedThread } from "./hosted-thread.ts";

const PAGE = 4096;
const ENTRIES = 256;
const MASK = ENTRIES - 1;
const EMPTY = Number.POSITIVE_INFINITY;
const MOST_DIRTY = 512;
/** Sv39 user addresses end here. */
const ADDRESS_END = 2 ** 38;

const PAGE_FAULT = [12, 13, 15] as const;
const ACCESS_FAULT = [1, 5, 7] as const;

export interface HostedMemory {
  readonly mem: Memory;
  /** Forgets every translation. */
  flush(): void;
  /** Tells the machine of the pages stored to since the last call. */
  settle(): void;
}

export function createMemory(machine: HostedMachine, thread: HostedThread): HostedMemory {
  const { ram: buffer, ramBase } = machine;
  const ram = new DataView(buffer);
  const bytesOf = new Uint8Array(buffer);
  const ramBytes = buffer.byteLength;
  const loadPage = new Float64Array(ENTRIES).fill(EMPTY);
  const loadHost = new Float64Array(ENTRIES);
  const storePage = new Float64Array(ENTRIES).fill(EMPTY);
  const storeHost = new Float64Array(ENTRIES);
  /** 1 while an entry's page is in `dirty`. */
  const stored = new Uint8Array(ENTRIES);
  const dirty: number[] = [];

  function settle(): void {
    if (dirty.length === 0) return;
    let first = dirty[0]!;
    let end = first;
    for (const offset of dirty) {
      if (offset !== end) {
        machine.written(ramBase + first, end - first);
        first = offset;
      }
      end = offset + PAGE;
    }
    machine.written(ramBase + first, end - first);
    dirty.length = 0;
    stored.fill(0);
  }

  function markStored(entry: number): void {
    if (dirty.length >= MOST_DIRTY) host(settle);
    dirty.push(storeHost[entry]!);
    stored[entry] = 1;
  }

  /** Calls into the machine; what it throws is the host's and goes on to the engine's caller, but for a stack the program itself filled. */
  function host<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof RangeError)) {
        thread.hostFailed = true;
        thread.hostError = error;
        thread.fault(ACCESS_FAULT[Access.LOAD], 0);
      }
      throw error;
    }
  }

  function refuse(cause: number, address: number): never {
    if (thread.gate === Gate.OPEN) thread.fault(cause, address);
    throw new Error(thread.gate === Gate.OUTSIDE ? "memory is not there while the program does not run" : `memory access refused at 0x${address.toString(16)}`);
  }

  function checkGate(): void {
    if (thread.gate !== Gate.OPEN) refuse(0, 0);
  }

  /** Physical address behind an address, or a fault. */
  function walk(address: number, access: Access): number {
    checkGate();
    if (typeof address !== "number" || !Number.isSafeInteger(address)) throw new TypeError("an address is an integer");
    if (address < 0 || address >= ADDRESS_END) refuse(PAGE_FAULT[access], address < 0 ? 0 : address);
    const physical = host(() => machine.translate(thread.frame, address, access));
    if (physical < 0) refuse(PAGE_FAULT[access], address);
    return physical;
  }

  const inRam = (physical: number): boolean => physical >= ramBase && physical < ramBase + ramBytes;

  /** RAM offset of `address` for a bulk access, filling the TLB; device registers are refused. */
  function loadOffset(address: number): number {
    const entry = (address / PAGE) & MASK;
    const offset = address - loadPage[entry]!;
    if (offset >= 0 && offset < PAGE && thread.gate === Gate.OPEN) return loadHost[entry]! + offset;
    const physical = walk(address, Access.LOAD);
    if (!inRam(physical)) refuse(ACCESS_FAULT[Access.LOAD], address);
    const within = address % PAGE;
    loadPage[entry] = EMPTY;
    loadHost[entry] = physical - ramBase - within;
    loadPage[entry] = address - within;
    return physical - ramBase;
  }

  function storeOffset(address: number): number {
    const entry = (address / PAGE) & MASK;
    const offset = address - storePage[entry]!;
    if (offset >= 0 && offset < PAGE && thread.gate === Gate.OPEN) {
      if (stored[entry] === 0) markStored(entry);
      return storeHost[entry]! + offset;
    }
    const physical = walk(address, Access.STORE);
    if (!inRam(physical)) refuse(ACCESS_FAULT[Access.STORE], address);
    const within = address % PAGE;
    storePage[entry] = EMPTY;
    storeHost[entry] = physical - ramBase - within;
    markStored(entry);
    storePage[entry] = address - within;
    return physical - ramBase;
  }

  /** A load that the TLB did not answer: a miss, a device register, a page crossing, or a refusal. */
  function slowLoad(address: number, size: number): number {
    const physical = walk(address, Access.LOAD);
    if (!inRam(physical)) {
      if (physical % size !== 0) refuse(ACCESS_FAULT[Access.LOAD], address);
      const value = host(() => machine.deviceRead(physical, size));
      return value < 0 ? refuse(ACCESS_FAULT[Access.LOAD], address) : value;
    }
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + ram.getUint8(loadOffset(address + i));
    return value;
  }

  function slowStore(address: number, size: number, value: number): void {
    const physical = walk(address, Access.STORE);
    if (!inRam(physical)) {
      const cut = size === 4 ? value >>> 0 : value & (size === 1 ? 0xff : 0xffff);
      if (physical % size !== 0 || !host(() => machine.deviceWrite(physical, size, cut))) refuse(ACCESS_FAULT[Access.STORE], address);
      return;
    }
    storeOffset(address + size - 1); // refused as a whole when its last byte is
    for (let i = 0; i < size; i++) ram.setUint8(storeOffset(address + i), value >>> (8 * i));
  }

  function checkRange(address: number, bytes: number): void {
    checkGate();
    if (!Number.isSafeInteger(address) || !Number.isSafeInteger(bytes) || bytes < 0) throw new TypeError("address and bytes are integers, bytes not negative");
  }
  const pieceOf = (address: number, left: number): number => Math.min(left, PAGE - (((address % PAGE) + PAGE) % PAGE));

  const mem: Memory = {
    load8(address) {
      const entry = (address / PAGE) & MASK;
      const offset = address - loadPage[entry]!;
      if (offset >= 0 && offset < PAGE && thread.gate === Gate.OPEN) return ram.getUint8(loadHost[entry]! + offset);
      return slowLoad(address, 1);
    },
    load16(address) {
      const entry = (address / PAGE) & MASK;
      const offset = address - loadPage[entry]!;
      if (offset >= 0 && offset <= PAGE - 2 && thread.gate === Gate.OPEN) return ram.getUint16(loadHost[entry]! + offset, true);
      return slowLoad(address, 2);
    },
    load32(address) {
      const entry = (address / PAGE) & MASK;
      const offset = address - loadPage[entry]!;
      if (offset >= 0 && offset <= PAGE - 4 && thread.gate === Gate.OPEN) return ram.getUint32(loadHost[entry]! + offset, true);
      return slowLoad(address, 4);
    },
    load64(address) {
      const entry = (address / PAGE) & MASK;
      const offset = address - loadPage[entry]!;
      if (offset >= 0 && offset <= PAGE - 8 && thread.gate === Gate.OPEN) return ram.getBigUint64(loadHost[entry]! + offset, true);
      loadOffset(address); // refuses device registers
      let value = 0n;
      for (let i = 7; i >= 0; i--) value = (value << 8n) | BigInt(ram.getUint8(loadOffset(address + i)));
      return value;
    },
    store8(address, value) {
      const v = Number(value);
      const entry = (address / PAGE) & MASK;
      const offset = address - storePage[entry]!;
      if (!(offset >= 0 && offset < PAGE && thread.gate === Gate.OPEN)) return slowStore(address, 1, v);
      if (stored[entry] === 0) markStored(entry);
      ram.setUint8(storeHost[entry]! + offset, v);
    },
    store16(address, value) {
      const v = Number(value);
      const entry = (address / PAGE) & MASK;
      const offset = address - storePage[entry]!;
      if (!(offset >= 0 && offset <= PAGE - 2 && thread.gate === Gate.OPEN)) return slowStore(address, 2, v);
      if (stored[entry] === 0) markStored(entry);
      ram.setUint16(storeHost[entry]! + offset, v, true);
    },
    store32(address, value) {
      const v = Number(value);
      const entry = (address / PAGE) & MASK;
      const offset = address - storePage[entry]!;
      if (!(offset >= 0 && offset <= PAGE - 4 && thread.gate === Gate.OPEN)) return slowStore(address, 4, v);
      if (stored[entry] === 0) markStored(entry);
      ram.setUint32(storeHost[entry]! + offset, v, true);
    },
    store64(address, value) {
      const v = BigInt.asUintN(64, value);
      const entry = (address / PAGE) & MASK;
      const offset = address - storePage[entry]!;
      if (offset >= 0 && offset <= PAGE - 8 && thread.gate === Gate.OPEN) {
        if (stored[entry] === 0) markStored(entry);
        ram.setBigUint64(storeHost[entry]! + offset, v, true);
        return;
      }
      storeOffset(address);
      storeOffset(address + 7);
      for (let i = 0; i < 8; i++) ram.setUint8(storeOffset(address + i), Number((v >> BigInt(8 * i)) & 0xffn));
    },
    read(address, bytes) {
      checkRange(address, bytes);
      const out = new Uint8Array(bytes);
      for (let done = 0; done < bytes; ) {
        const at = loadOffset(address + done);
        const piece = pieceOf(address + done, bytes - done);
        out.set(bytesOf.subarray(at, at + piece), done);
        done += piece;
      }
      return out;
    },
    write(address, data) {
      if (!(data instanceof Uint8Array)) throw new TypeError("what is written is a Uint8Array");
      const bytes = lengthOf(data);
      checkRange(address, bytes);
      for (let done = 0; done < bytes; ) {
        const at = storeOffset(address + done);
        const piece = pieceOf(address + done, bytes - done);
        bytesOf.set(viewOf(data, done, piece), at);
        done += piece;
      }
    },
    copy(to, from, bytes) {
      checkRange(to, bytes);
      checkRange(from, bytes);
      const backwards = to > from && to < from + bytes;
      for (let done = 0; done < bytes; ) {
        const left = bytes - done;
        if (backwards) {
          const piece = Math.min(left, ((to + left - 1) % PAGE) + 1, ((from + left - 1) % PAGE) + 1);
          const source = loadOffset(from + left - piece);
          bytesOf.copyWithin(storeOffset(to + left - piece), source, source + piece);
          done += piece;
        } else {
          const piece = Math.min(pieceOf(to + done, left), pieceOf(from + done, left));
          const source = loadOffset(from + done);
          bytesOf.copyWithin(storeOffset(to + done), source, source + piece);
          done += piece;
        }
      }
    },
    fill(address, bytes, value) {
      checkRange(address, bytes);
      const v = Number(value);
      for (let done = 0; done < bytes; ) {
        const at = storeOffset(address + done);
        const piece = pieceOf(address + done, bytes - done);
        bytesOf.fill(v, at, at + piece);
        done += piece;
      }
    },
  };

  return {
    mem,
    settle,
    flush() {
      loadPage.fill(EMPTY);
      storePage.fill(EMPTY);
      stored.fill(0);
    },
  };
}

// A program's own Uint8Array may lie about its length, and `subarray` asks its constructor: go to the intrinsics.
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const getter = (name: string): (() => unknown) => Reflect.getOwnPropertyDescriptor(typedArray, name)!.get!;
const [lengthGetter, bufferGetter, offsetGetter] = [getter("length"), getter("buffer"), getter("byteOffset")];
const lengthOf = (data: Uint8Array): number => lengthGetter.call(data) as number;
const viewOf = (data: Uint8Array, from: number, bytes: number): Uint8Array =>
  new Uint8Array(bufferGetter.call(data) as ArrayBuffer, (offsetGetter.call(data) as number) + from, bytes);
