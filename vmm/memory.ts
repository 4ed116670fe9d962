// A guest's RAM as its devices see it: the DMA port of every device model in this VMM. Guest-physical addresses; what is outside RAM is refused.
import type { DmaFault, DmaPort } from "../core/devices/device.ts";
import type { Memory } from "../servers/lib/ts/sdk.ts";
import { GuestMap } from "./spec.ts";

const { base: BASE } = GuestMap.RAM;

export class GuestMemory implements DmaPort {
  readonly #mem: Memory;
  readonly #host: number;
  readonly #end: number;

  /** @param host where the guest's RAM begins in the VMM's address space; `bytes` of it are mapped there. */
  constructor(mem: Memory, host: number, bytes: number) {
    this.#mem = mem;
    this.#host = host - BASE;
    this.#end = BASE + bytes;
  }

  #has(address: number, bytes: number): boolean {
    return address >= BASE && address + bytes <= this.#end;
  }

  load16(address: number): number | DmaFault {
    return this.#has(address, 2) ? this.#mem.load16(this.#host + address) : { address, bytes: 2, direction: "read" };
  }
  load32(address: number): number | DmaFault {
    return this.#has(address, 4) ? this.#mem.load32(this.#host + address) : { address, bytes: 4, direction: "read" };
  }
  store16(address: number, value: number): DmaFault | null {
    if (!this.#has(address, 2)) return { address, bytes: 2, direction: "write" };
    this.#mem.store16(this.#host + address, value);
    return null;
  }
  store32(address: number, value: number): DmaFault | null {
    if (!this.#has(address, 4)) return { address, bytes: 4, direction: "write" };
    this.#mem.store32(this.#host + address, value);
    return null;
  }
  read(address: number, bytes: number): Uint8Array | DmaFault {
    return this.#has(address, bytes) ? this.#mem.read(this.#host + address, bytes) : { address, bytes, direction: "read" };
  }
  readInto(address: number, into: Uint8Array): DmaFault | null {
    if (!this.#has(address, into.length)) return { address, bytes: into.length, direction: "read" };
    into.set(this.#mem.read(this.#host + address, into.length));
    return null;
  }
  write(address: number, bytes: Uint8Array): DmaFault | null {
    if (!this.#has(address, bytes.length)) return { address, bytes: bytes.length, direction: "write" };
    this.#mem.write(this.#host + address, bytes);
    return null;
  }

  /** To and from this program's own memory at `to` or `from`, without a copy in between. */
  copyOut(to: number, address: number, bytes: number): DmaFault | null {
    if (!this.#has(address, bytes)) return { address, bytes, direction: "read" };
    this.#mem.copy(to, this.#host + address, bytes);
    return null;
  }
  copyIn(address: number, from: number, bytes: number): DmaFault | null {
    if (!this.#has(address, bytes)) return { address, bytes, direction: "write" };
    this.#mem.copy(this.#host + address, from, bytes);
    return null;
  }
}
