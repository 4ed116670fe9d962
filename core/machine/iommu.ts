// DMA translation: a device reaches RAM only through its own table, which begins empty. Every access is checked to the
// byte; one that is refused changes nothing, is recorded with its device, address and direction, and answers a fault.
//
// IOMMU-1  A table names only frames that an IOSpace capability mapped and nobody has unmapped since.
// An access is done whole between two kernel entries, so no DMA is ever in flight when a mapping is taken away: what a device still waits for from the
// host lies in its own buffer, and is checked when it comes.
import { Right } from "../../caps/abi/numbers.ts";
import type { DmaFault, DmaPort, IrqLine } from "../devices/device.ts";
import type { FaultState } from "../kernel/machine.ts";
import { IOMMU_LINE } from "./board.ts";

const PAGE = 4096;
const LARGE = 2 ** 21;
/** The newest records of each device are kept. */
export const FAULTS_KEPT = 16;
/** Bytes that are copied one by one sooner than a view of them is made. */
const SMALL = 16;

interface Mapping {
  readonly physical: number;
  readonly rights: number;
}

export interface IommuMemory {
  readonly ram: ArrayBuffer;
  readonly ramBase: number;
  /** RAM was written by a device. */
  written(physical: number, bytes: number): void;
}

/** What one device was refused. */
interface Faults {
  count: number;
  /** Of those, how many `takeFaulted` has spoken of. */
  told: number;
  readonly newest: DmaFault[];
}

export class Iommu {
  readonly devices: readonly string[];
  readonly line = IOMMU_LINE;
  readonly faultsKept = FAULTS_KEPT;
  readonly #memory: IommuMemory;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #irq: IrqLine;
  readonly #unchecked: boolean;
  /** By device: mappings of 4 KiB by I/O page, and of 2 MiB. */
  readonly #small: Map<number, Mapping>[];
  readonly #large: Map<number, Mapping>[];
  readonly #faults: Faults[];

  /** `unchecked`: an access that no mapping translates goes to RAM as it is, as in a machine that has none. */
  constructor(devices: readonly string[], memory: IommuMemory, irq: IrqLine, unchecked = false) {
    this.devices = devices;
    this.#memory = memory;
    this.#bytes = new Uint8Array(memory.ram);
    this.#view = new DataView(memory.ram);
    this.#irq = irq;
    this.#unchecked = unchecked;
    this.#small = devices.map(() => new Map());
    this.#large = devices.map(() => new Map());
    this.#faults = devices.map(() => ({ count: 0, told: 0, newest: [] }));
  }

  /** Maps one frame of 4 KiB or 2 MiB at an I/O address, a multiple of its size. False if something is mapped there. */
  map(device: number, ioAddress: number, physical: number, bytes: number, rights: number): boolean {
    const large = this.#large[device]!, small = this.#small[device]!;
    if (large.has(Math.floor(ioAddress / LARGE))) return false;
    if (bytes === LARGE) {
      for (let page = ioAddress / PAGE, end = page + LARGE / PAGE; page < end; page++) if (small.has(page)) return false;
      large.set(ioAddress / LARGE, { physical, rights });
      return true;
    }
    if (small.has(ioAddress / PAGE)) return false;
    small.set(ioAddress / PAGE, { physical, rights });
    return true;
  }

  unmap(device: number, ioAddress: number): void {
    if (!this.#small[device]!.delete(ioAddress / PAGE)) this.#large[device]!.delete(ioAddress / LARGE);
  }

  clear(device: number): void {
    this.#small[device]!.clear();
    this.#large[device]!.clear();
  }

  /** What the device may reach, in no order. */
  *dma(device: number): Generator<{ readonly ioAddress: number; readonly physical: number; readonly bytes: number; readonly rights: number }> {
    for (const [page, mapping] of this.#small[device]!) yield { ioAddress: page * PAGE, bytes: PAGE, ...mapping };
    for (const [page, mapping] of this.#large[device]!) yield { ioAddress: page * LARGE, bytes: LARGE, ...mapping };
  }

  /** Offset in RAM of an I/O address, and how many bytes follow in the same frame; null if the access is not allowed there. */
  #translate(device: number, address: number, right: number): { offset: number; room: number } | null {
    const small = this.#small[device]!.get(Math.floor(address / PAGE));
    const mapping = small ?? this.#large[device]!.get(Math.floor(address / LARGE));
    if (mapping === undefined) return this.#unchecked ? this.#untranslated(address) : null;
    if ((mapping.rights & right) === 0) return null;
    const size = small === undefined ? LARGE : PAGE;
    return { offset: mapping.physical - this.#memory.ramBase + (address % size), room: size - (address % size) };
  }

  #untranslated(address: number): { offset: number; room: number } | null {
    const offset = address - this.#memory.ramBase;
    return offset >= 0 && offset < this.#bytes.length ? { offset, room: PAGE - (offset % PAGE) } : null;
  }

  #fault(device: number, address: number, bytes: number, direction: "read" | "write"): DmaFault {
    const faults = this.#faults[device]!, fault = { address, bytes, direction };
    if (faults.newest.length === FAULTS_KEPT) faults.newest.shift();
    faults.newest.push(fault);
    faults.count++;
    this.#irq(true);
    return fault;
  }

  takeFaulted(): number {
    const device = this.#faults.findIndex(({ count, told }) => count > told);
    if (device < 0) this.#irq(false);
    else this.#faults[device]!.told = this.#faults[device]!.count;
    return device;
  }

  faultCount(device: number): number {
    return this.#faults[device]!.count;
  }

  fault(device: number, n: number): DmaFault | null {
    const { count, newest } = this.#faults[device]!;
    return n < count ? (newest[n - count + newest.length] ?? null) : null;
  }

  get faults(): readonly FaultState[] {
    return this.#faults.map(({ newest, ...counts }) => ({ ...counts, newest: [...newest] }));
  }
  set faults(state) {
    state.forEach(({ newest, ...counts }, device) => (this.#faults[device] = { ...counts, newest: [...newest] }));
  }

  /** The pieces of RAM behind an access, or null when any byte of it is refused. */
  #pieces(device: number, address: number, bytes: number, right: number): { offset: number; length: number }[] | null {
    const pieces = [];
    for (let done = 0; done < bytes; ) {
      const at = this.#translate(device, address + done, right);
      if (at === null) return null;
      const length = Math.min(at.room, bytes - done);
      pieces.push({ offset: at.offset, length });
      done += length;
    }
    return pieces;
  }

  /** The DMA port of one device. */
  port(device: number): DmaPort {
    const readInto = (address: number, into: Uint8Array): DmaFault | null => {
      // Most accesses lie in one frame, and need no list of their pieces.
      const at = this.#translate(device, address, Right.Read);
      if (at !== null && at.room >= into.length) {
        if (into.length > SMALL) into.set(this.#bytes.subarray(at.offset, at.offset + into.length));
        else for (let i = 0; i < into.length; i++) into[i] = this.#bytes[at.offset + i]!;
        return null;
      }
      const pieces = this.#pieces(device, address, into.length, Right.Read);
      if (pieces === null) return this.#fault(device, address, into.length, "read");
      let done = 0;
      for (const { offset, length } of pieces) {
        into.set(this.#bytes.subarray(offset, offset + length), done);
        done += length;
      }
      return null;
    };
    const write = (address: number, bytes: Uint8Array): DmaFault | null => {
      const at = this.#translate(device, address, Right.Write);
      if (at !== null && at.room >= bytes.length) {
        this.#bytes.set(bytes, at.offset);
        this.#memory.written(this.#memory.ramBase + at.offset, bytes.length);
        return null;
      }
      const pieces = this.#pieces(device, address, bytes.length, Right.Write);
      if (pieces === null) return this.#fault(device, address, bytes.length, "write");
      let done = 0;
      for (const { offset, length } of pieces) {
        this.#bytes.set(bytes.subarray(done, done + length), offset);
        this.#memory.written(this.#memory.ramBase + offset, length);
        done += length;
      }
      return null;
    };
    const fill: DmaPort["fill"] = (address, bytes, fill) => {
      const at = this.#translate(device, address, Right.Write);
      if (at === null || at.room < bytes) return false;
      const wrote = fill(this.#bytes.subarray(at.offset, at.offset + bytes));
      // Also a part of it may have been.
      this.#memory.written(this.#memory.ramBase + at.offset, bytes);
      return wrote;
    };
    const load = (address: number, bytes: 2 | 4): number | DmaFault => {
      const at = this.#translate(device, address, Right.Read);
      if (at === null) return this.#fault(device, address, bytes, "read");
      if (at.room >= bytes) return bytes === 2 ? this.#view.getUint16(at.offset, true) : this.#view.getUint32(at.offset, true);
      const got = new Uint8Array(bytes);
      return readInto(address, got) ?? got.reduceRight((value, byte) => value * 256 + byte, 0);
    };
    const store = (address: number, value: number, bytes: 2 | 4): DmaFault | null => {
      const at = this.#translate(device, address, Right.Write);
      if (at === null) return this.#fault(device, address, bytes, "write");
      if (at.room < bytes) return write(address, Uint8Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 0xff));
      if (bytes === 2) this.#view.setUint16(at.offset, value, true);
      else this.#view.setUint32(at.offset, value, true);
      this.#memory.written(this.#memory.ramBase + at.offset, bytes);
      return null;
    };
    return {
      load16: (address) => load(address, 2),
      load32: (address) => load(address, 4),
      store16: (address, value) => store(address, value, 2),
      store32: (address, value) => store(address, value, 4),
      readInto,
      read: (address, bytes) => {
        const copy = new Uint8Array(bytes);
        return readInto(address, copy) ?? copy;
      },
      write,
      fill,
    };
  }
}
