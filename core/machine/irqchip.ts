// The machine's interrupt lines, level or edge triggered, each masked when it is taken and until its driver acknowledges it.
// So a line that never goes low interrupts once for each acknowledgement, and takes nobody's time but its driver's.
// An edge is latched when the line rises, also while it is masked, and is gone when it is taken: several are one.

export const IRQ_LINES = 32;

export class IrqChip {
  readonly lines = IRQ_LINES;
  /** One bit a line. */
  #level = 0;
  #edge = 0;
  #latched = 0;
  #masked = -1;
  /** Called when a line becomes pending: the CPU stops at the next block, an idle machine wakes. */
  #onPending: () => void = () => {};

  onPending(callback: () => void): void {
    this.#onPending = callback;
  }

  get state(): readonly [level: number, edge: number, latched: number, masked: number] {
    return [this.#level, this.#edge, this.#latched, this.#masked];
  }
  set state([level, edge, latched, masked]) {
    this.#level = level;
    this.#edge = edge;
    this.#latched = latched;
    this.#masked = masked;
  }

  /** Whether a line that is not masked is high. */
  get pending(): boolean {
    return (this.#due & ~this.#masked) !== 0;
  }

  get #due(): number {
    return (this.#level & ~this.#edge) | this.#latched;
  }

  setLevel(line: number, high: boolean): void {
    const bit = 1 << line;
    const rises = high && (this.#level & bit) === 0;
    this.#level = high ? this.#level | bit : this.#level & ~bit;
    if (rises) this.#latched |= bit & this.#edge;
    if ((this.#due & ~this.#masked & bit) !== 0) this.#onPending();
  }

  setEdge(line: number, edge: boolean): void {
    const bit = 1 << line;
    this.#edge = edge ? this.#edge | bit : this.#edge & ~bit;
    this.#latched &= ~bit;
  }

  /** The lowest pending line, which is masked; -1 for none. */
  take(): number {
    const due = this.#due & ~this.#masked;
    if (due === 0) return -1;
    const line = 31 - Math.clz32(due & -due);
    this.#masked |= 1 << line;
    this.#latched &= ~(1 << line);
    return line;
  }

  mask(line: number): void {
    this.#masked |= 1 << line;
  }

  unmask(line: number): void {
    this.#masked &= ~(1 << line);
    if ((this.#due & (1 << line)) !== 0) this.#onPending();
  }
}
