// A platform-level interrupt controller with one context: supervisor mode of hart 0.
// Source: RISC-V Platform-Level Interrupt Controller Specification 1.0.0. Where it differs: a level-triggered request that goes away before it is
// claimed is no longer pending (QEMU does the same), so no claim answers a source that is quiet.
import type { Device } from "../core/devices/device.ts";

/** Interrupt sources 1..31; one word of each bit array. */
export const PLIC_SOURCES = 31;
const MAX_PRIORITY = 7;

/** Register offsets. Priority of source n is at 4 * n. */
export const Plic = { PENDING: 0x1000, ENABLE: 0x2000, THRESHOLD: 0x20_0000, CLAIM: 0x20_0004 } as const;

export interface PlicState {
  readonly priorities: readonly number[];
  readonly levels: number;
  readonly active: number;
  readonly enabled: number;
  readonly threshold: number;
}

export class GuestPlic implements Device<PlicState> {
  readonly bytes = 0x60_0000;
  readonly #priorities = new Uint8Array(PLIC_SOURCES + 1);
  /** Bit n: the line of source n is high. */
  #levels = 0;
  /** Bit n: source n was claimed and not completed. */
  #active = 0;
  #enabled = 0;
  #threshold = 0;
  /** The context's interrupt output: drives the hart's SEIP. */
  pending = false;

  /** Drives the line of source 1..31. */
  setLine(source: number, level: boolean): void {
    this.#levels = level ? this.#levels | (1 << source) : this.#levels & ~(1 << source);
    this.#update();
  }

  /** Whether this source, when its line goes high, interrupts the hart. */
  delivers(source: number): boolean {
    return (this.#enabled & (1 << source)) !== 0 && this.#priorities[source]! > this.#threshold;
  }

  reset(): void {
    this.#priorities.fill(0);
    this.#active = this.#enabled = this.#threshold = 0;
    this.#update();
  }

  read(offset: number, size: number): number {
    if (size !== 4) return 0;
    if (offset < 4 * (PLIC_SOURCES + 1)) return this.#priorities[offset >>> 2] ?? 0;
    switch (offset) {
      case Plic.PENDING:
        return (this.#levels & ~this.#active) >>> 0;
      case Plic.ENABLE:
        return this.#enabled >>> 0;
      case Plic.THRESHOLD:
        return this.#threshold;
      case Plic.CLAIM: {
        // "Interrupt Claims": not subject to the threshold.
        const source = this.#best(0);
        if (source !== 0) {
          this.#active |= 1 << source;
          this.#update();
        }
        return source;
      }
      default:
        return 0;
    }
  }

  write(offset: number, size: number, value: number): void {
    if (size !== 4) return;
    if (offset < 4 * (PLIC_SOURCES + 1)) {
      if (offset !== 0) this.#priorities[offset >>> 2] = value & MAX_PRIORITY;
    } else if (offset === Plic.ENABLE) {
      this.#enabled = value & ~1;
    } else if (offset === Plic.THRESHOLD) {
      this.#threshold = value & MAX_PRIORITY;
    } else if (offset === Plic.CLAIM && value <= PLIC_SOURCES && this.#enabled & (1 << value)) {
      this.#active &= ~(1 << value);
    } else {
      return;
    }
    this.#update();
  }

  save(): PlicState {
    return { priorities: [...this.#priorities], levels: this.#levels, active: this.#active, enabled: this.#enabled, threshold: this.#threshold };
  }

  restore(state: PlicState): void {
    this.#priorities.set(state.priorities.slice(0, PLIC_SOURCES + 1));
    this.#levels = state.levels;
    this.#active = state.active;
    this.#enabled = state.enabled;
    this.#threshold = state.threshold;
    this.#update();
  }

  /** The pending, enabled source of highest priority above `floor`, the lowest number first; 0 for none. */
  #best(floor: number): number {
    let candidates = this.#levels & ~this.#active & this.#enabled;
    let best = 0;
    let bestPriority = floor;
    while (candidates !== 0) {
      const source = 31 - Math.clz32(candidates & -candidates);
      candidates &= candidates - 1;
      const priority = this.#priorities[source]!;
      if (priority > bestPriority) {
        best = source;
        bestPriority = priority;
      }
    }
    return best;
  }

  #update(): void {
    this.pending = this.#best(this.#threshold) !== 0;
  }
}
