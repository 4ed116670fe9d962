// A platform-level interrupt controller with a context for each hart, for its supervisor mode; where harts have a machine mode two for each, that of the machine mode first.
// Source: RISC-V Platform-Level Interrupt Controller Specification 1.0.0. Where it differs: a level-triggered request that goes away before it is
// claimed is no longer pending (QEMU does the same), so no claim answers a source that is quiet.
import type { Device } from "../core/devices/device.ts";

/** Interrupt sources 1..31; one word of each bit array. */
export const PLIC_SOURCES = 31;
const MAX_PRIORITY = 7;

/** Register offsets. Priority of source n is at 4 * n; ENABLE and what follows are of context 0, those of context n are n strides further on. */
export const Plic = { PENDING: 0x1000, ENABLE: 0x2000, THRESHOLD: 0x20_0000, CLAIM: 0x20_0004, ENABLE_STRIDE: 0x80, CONTEXT_STRIDE: 0x1000 } as const;

interface Context {
  enabled: number;
  threshold: number;
}
export interface PlicState {
  readonly priorities: readonly number[];
  readonly levels: number;
  readonly active: number;
  readonly contexts: readonly Readonly<Context>[];
}

export class GuestPlic implements Device<PlicState> {
  readonly bytes = 0x60_0000;
  readonly #priorities = new Uint8Array(PLIC_SOURCES + 1);
  /** Bit n: the line of source n is high. */
  #levels = 0;
  /** Bit n: source n was claimed and not completed. */
  #active = 0;
  readonly #contexts: readonly Context[];
  /** Bit n: the interrupt output of context n is high. */
  outputs = 0;

  /** @param contexts 1 to 16. */
  constructor(contexts = 1) {
    this.#contexts = Array.from({ length: contexts }, () => ({ enabled: 0, threshold: 0 }));
  }

  /** The output of context 0. */
  get pending(): boolean {
    return (this.outputs & 1) !== 0;
  }

  /** Drives the line of source 1..31. */
  setLine(source: number, level: boolean): void {
    this.#levels = level ? this.#levels | (1 << source) : this.#levels & ~(1 << source);
    this.#update();
  }

  /** Whether this source, when its line goes high, interrupts a hart. */
  delivers(source: number): boolean {
    return this.#contexts.some(({ enabled, threshold }) => (enabled & (1 << source)) !== 0 && this.#priorities[source]! > threshold);
  }

  reset(): void {
    this.#priorities.fill(0);
    this.#active = 0;
    for (const context of this.#contexts) context.enabled = context.threshold = 0;
    this.#update();
  }

  read(offset: number, size: number): number {
    if (size !== 4) return 0;
    if (offset < 4 * (PLIC_SOURCES + 1)) return this.#priorities[offset >>> 2] ?? 0;
    if (offset === Plic.PENDING) return (this.#levels & ~this.#active) >>> 0;
    const { context, register } = this.#at(offset);
    if (context === undefined) return 0;
    if (register === Plic.ENABLE) return context.enabled >>> 0;
    if (register === Plic.THRESHOLD) return context.threshold;
    // "Interrupt Claims": not subject to the threshold.
    const source = this.#best(context, 0);
    if (source !== 0) {
      this.#active |= 1 << source;
      this.#update();
    }
    return source;
  }

  write(offset: number, size: number, value: number): void {
    if (size !== 4) return;
    const { context, register } = this.#at(offset);
    if (offset < 4 * (PLIC_SOURCES + 1)) {
      if (offset !== 0) this.#priorities[offset >>> 2] = value & MAX_PRIORITY;
    } else if (context === undefined) {
      return;
    } else if (register === Plic.ENABLE) {
      context.enabled = value & ~1;
    } else if (register === Plic.THRESHOLD) {
      context.threshold = value & MAX_PRIORITY;
    } else if (value <= PLIC_SOURCES && context.enabled & (1 << value)) {
      this.#active &= ~(1 << value);
    } else {
      return;
    }
    this.#update();
  }

  save(): PlicState {
    return { priorities: [...this.#priorities], levels: this.#levels, active: this.#active, contexts: this.#contexts.map((context) => ({ ...context })) };
  }

  restore(state: PlicState): void {
    this.#priorities.set(state.priorities.slice(0, PLIC_SOURCES + 1));
    this.#levels = state.levels;
    this.#active = state.active;
    this.#contexts.forEach((context, n) => Object.assign(context, state.contexts[n]));
    this.#update();
  }

  /** Whose register stands there, and which one it is, as context 0 has it; no context where there is none. */
  #at(offset: number): { readonly context: Context | undefined; readonly register: number } {
    const [from, stride] = offset >= Plic.THRESHOLD ? [Plic.THRESHOLD, Plic.CONTEXT_STRIDE] : [Plic.ENABLE, Plic.ENABLE_STRIDE];
    const number = Math.floor((offset - from) / stride), register = offset - number * stride;
    const exists = register === Plic.ENABLE || register === Plic.THRESHOLD || register === Plic.CLAIM;
    return { context: exists ? this.#contexts[number] : undefined, register };
  }

  /** The pending source of highest priority above `floor` that the context enables, the lowest number first; 0 for none. */
  #best(context: Context, floor: number): number {
    let candidates = this.#levels & ~this.#active & context.enabled;
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
    this.outputs = 0;
    this.#contexts.forEach((context, n) => (this.outputs |= this.#best(context, context.threshold) !== 0 ? 1 << n : 0));
  }
}
