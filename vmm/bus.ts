// Guest-physical address → device.
// Invariant: B1 regions do not overlap.
import { readDevice, writeDevice, type Device } from "../core/devices/device.ts";

export interface Region {
  readonly name: string;
  readonly base: number;
  /** May be more than the device's own window; the rest reads as 0. */
  readonly bytes: number;
  readonly device: Device;
}

export class Bus {
  readonly #regions: readonly Region[];
  #last: Region;

  /** @param regions at least one. Throws TypeError naming two that overlap: a mistake of the machine's description. */
  constructor(regions: readonly Region[]) {
    const sorted = [...regions].sort((a, b) => a.base - b.base);
    for (const [index, region] of sorted.entries()) {
      const below = sorted[index - 1];
      if (below !== undefined && below.base + below.bytes > region.base) throw new TypeError(`guest machine: ${below.name} and ${region.name} overlap at 0x${region.base.toString(16)}`);
    }
    const first = sorted[0];
    if (first === undefined) throw new TypeError("guest machine: no devices");
    this.#regions = sorted;
    this.#last = first;
  }

  get regions(): readonly Region[] {
    return this.#regions;
  }

  find(address: number): Region | null {
    // Accesses come in bursts to one device.
    const last = this.#last;
    if (address >= last.base && address < last.base + last.bytes) return last;
    for (const region of this.#regions) {
      if (address >= region.base && address < region.base + region.bytes) return (this.#last = region);
    }
    return null;
  }

  /** What is not there reads as 0. */
  read(address: number, size: number): number | bigint {
    const region = this.find(address);
    return region === null ? 0 : readDevice(region.device, address - region.base, size);
  }

  write(address: number, size: number, lo: number, hi: number): void {
    const region = this.find(address);
    if (region !== null) writeDevice(region.device, address - region.base, size, lo, hi);
  }
}
