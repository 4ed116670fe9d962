// The operator's channel: a device of our own. What is stored gathers into lines; each line goes to the operator. What he says comes the other way; while some of it waits, the device interrupts.
// Registers: at offset 0 a store is one byte; at offset 4 a word is up to three of them, the first lowest, and above them how many: stores give and loads take so many, and a load
// that takes none is 0.
import type { Device, IrqLine } from "./device.ts";

/** A line that grows beyond this is cut here, and the rest begins another: one writer cannot make the host hold without bound. */
const MOST_BYTES = 65_536;
const NEWLINE = 10;
/** Offsets of the registers. */
const Register = { BYTE: 0, WORD: 4 } as const;
const WORD_BYTES = 3;

export interface ControlState {
  readonly line: readonly number[];
  readonly orders: readonly number[];
}

export class ControlChannel implements Device<ControlState> {
  readonly bytes = 8;
  readonly #onLine: (line: string) => void;
  readonly #irq: IrqLine;
  #line: number[] = [];
  #orders: number[] = [];

  constructor(onLine: (line: string) => void, irq: IrqLine) {
    this.#onLine = onLine;
    this.#irq = irq;
  }

  reset(): void {
    this.#line = [];
    this.#orders = [];
    this.#irq(false);
  }

  /** A line for the machine. False: too many wait that nobody has taken. */
  order(line: string): boolean {
    const bytes = new TextEncoder().encode(`${line}\n`);
    if (this.#orders.length + bytes.length > MOST_BYTES) return false;
    this.#orders.push(...bytes);
    this.#irq(true);
    return true;
  }

  read(offset: number, size: number): number {
    if (offset !== Register.WORD || size !== 4) return 0;
    const taken = this.#orders.splice(0, WORD_BYTES);
    if (this.#orders.length === 0) this.#irq(false);
    return taken.reduce((word, byte, i) => word + byte * 2 ** (8 * i), taken.length * 2 ** 24);
  }

  write(offset: number, size: number, value: number): void {
    if (offset === Register.BYTE) this.#put(value & 0xff);
    else if (offset === Register.WORD && size === 4) for (let i = 0; i < Math.min(value >>> 24, WORD_BYTES); i++) this.#put((value >>> (8 * i)) & 0xff);
  }

  #put(byte: number): void {
    if (byte !== NEWLINE) this.#line.push(byte);
    if (byte !== NEWLINE && this.#line.length < MOST_BYTES) return;
    const text = new TextDecoder().decode(Uint8Array.from(this.#line));
    this.#line = [];
    this.#onLine(text);
  }

  save(): ControlState {
    return { line: [...this.#line], orders: [...this.#orders] };
  }

  restore({ line, orders }: ControlState): void {
    this.#line = [...line];
    this.#orders = [...orders];
    this.#irq(orders.length > 0);
  }
}
