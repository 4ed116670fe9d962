// The operator's channel: a device of our own. Bytes stored at offset 0 gather into lines; each line goes to the operator.
import type { Device } from "./device.ts";

/** A line that grows beyond this is cut here, and the rest begins another: one writer cannot make the host hold without bound. */
const MOST_BYTES = 65_536;
const NEWLINE = 10;

export class ControlChannel implements Device<readonly number[]> {
  readonly bytes = 8;
  readonly #onLine: (line: string) => void;
  #line: number[] = [];

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  reset(): void {
    this.#line = [];
  }

  read(): number {
    return 0;
  }

  write(offset: number, _size: number, value: number): void {
    if (offset !== 0) return;
    const byte = value & 0xff;
    if (byte !== NEWLINE) this.#line.push(byte);
    if (byte !== NEWLINE && this.#line.length < MOST_BYTES) return;
    const text = new TextDecoder().decode(Uint8Array.from(this.#line));
    this.#line = [];
    this.#onLine(text);
  }

  save(): readonly number[] {
    return [...this.#line];
  }

  restore(state: readonly number[]): void {
    this.#line = [...state];
  }
}
