// The operator's channel: a device of our own. Bytes stored at offset 0 gather into lines; each line goes to the operator. What he says comes the other way: a load of 4 bytes at
// offset 4 takes the next byte, with bit 8 set, and is 0 when there is none; while some wait, the device interrupts.
import type { Device, IrqLine } from "./device.ts";

/** A line that grows beyond this is cut here, and the rest begins another: one writer cannot make the host hold without bound. */
const MOST_BYTES = 65_536;
const NEWLINE = 10;
/** Offsets of the registers. */
export const ControlRegister = { OUT: 0, IN: 4 } as const;
/** In what IN gives: there was a byte. */
export const CONTROL_BYTE = 0x100;

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
    if (offset !== ControlRegister.IN || size !== 4) return 0;
    const byte = this.#orders.shift();
    if (this.#orders.length === 0) this.#irq(false);
    return byte === undefined ? 0 : CONTROL_BYTE | byte;
  }

  write(offset: number, _size: number, value: number): void {
    if (offset !== ControlRegister.OUT) return;
    const byte = value & 0xff;
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
