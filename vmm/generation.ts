// A number that tells a guest that it is another than it was: restored or cloned from a snapshot, so that what it had drawn as random is not its own alone. 16 bytes, read only; an
// interrupt says that they have changed, until they are read. Linux mixes them into its random generator.
// Source: Microsoft, "Virtual Machine Generation ID"; Linux Documentation/devicetree/bindings/rng/microsoft,vmgenid.yaml.
import type { Device, IrqLine } from "../core/devices/device.ts";

export const GENERATION_BYTES = 16;

export interface GenerationState {
  readonly id: readonly number[];
  readonly news: boolean;
}

export class GenerationId implements Device<GenerationState> {
  readonly bytes = GENERATION_BYTES;
  readonly #irq: IrqLine;
  #id: Uint8Array = new Uint8Array(GENERATION_BYTES);
  #news = false;

  constructor(irq: IrqLine) {
    this.#irq = irq;
  }

  /** Of the guest that starts: GENERATION_BYTES bytes. */
  begin(id: Uint8Array): void {
    this.#id = id;
  }
  /** From now on it is another. */
  change(id: Uint8Array): void {
    this.#id = id;
    this.#news = true;
    this.#irq(true);
  }

  /** The guest does not choose it. */
  reset(): void {
    this.#news = false;
    this.#irq(false);
  }
  read(offset: number, size: number): number {
    if (this.#news) this.reset();
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.#id[offset + i]!;
    return value;
  }
  write(): void {
    // read only
  }
  save(): GenerationState {
    return { id: [...this.#id], news: this.#news };
  }
  restore({ id, news }: GenerationState): void {
    this.#id = Uint8Array.from({ length: GENERATION_BYTES }, (_, i) => id[i] ?? 0);
    this.#news = news;
    this.#irq(news);
  }
}
