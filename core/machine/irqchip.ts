// The machine's interrupt lines: level-triggered, each masked when it is taken and until its driver acknowledges it.
// So a line that never goes low interrupts once for each acknowledgement, and takes nobody's time but its driver's.

export const IRQ_LINES = 32;

export class IrqChip {
  readonly lines = IRQ_LINES;
  /** One bit a line. */
  #level = 0;
  #masked = -1;
  /** Called when a line becomes pending: the CPU stops at the next block, an idle machine wakes. */
  #onPending: () => void = () => {};

  onPending(callback: () => void): void {
    this.#onPending = callback;
  }

  /** Whether a line that is not masked is high. */
  get pending(): boolean {
    return (this.#level & ~this.#masked) !== 0;
  }

  setLevel(line: number, high: boolean): void {
    const bit = 1 << line;
    this.#level = high ? this.#level | bit : this.#level & ~bit;
    if (high && (this.#masked & bit) === 0) this.#onPending();
  }

  /** The lowest pending line, which is masked; -1 for none. */
  take(): number {
    const due = this.#level & ~this.#masked;
    if (due === 0) return -1;
    const line = 31 - Math.clz32(due & -due);
    this.#masked |= 1 << line;
    return line;
  }

  mask(line: number): void {
    this.#masked |= 1 << line;
  }

  unmask(line: number): void {
    this.#masked &= ~(1 << line);
    if ((this.#level & (1 << line)) !== 0) this.#onPending();
  }
}
