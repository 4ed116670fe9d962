// The control console: lines from the guest's own init to its VMM, on a device apart so that nothing a program prints on the console passes for one.
// `ready`: user space is up. `exit N`: the guest's work is done, with status N (0..255), and it powers off next. Other lines are ignored.
// The guest is no more trusted here than elsewhere: only the first line of each kind counts, and what it says is about itself.

import type { GuestReport } from "./spec.ts";

const LONGEST_LINE = 64;

export interface ControlState {
  readonly line: string;
  readonly tooLong: boolean;
  readonly ready: boolean;
  readonly status: number | null;
}

export class ControlChannel {
  readonly #news: GuestReport[] = [];
  #line = "";
  #tooLong = false;
  #ready = false;
  /** What `exit` said; null until it did. */
  status: number | null = null;

  feed(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === 0x0a || byte === 0x0d) {
        if (!this.#tooLong) this.#interpret(this.#line);
        this.#line = "";
        this.#tooLong = false;
      } else if (this.#line.length < LONGEST_LINE) {
        this.#line += String.fromCharCode(byte);
      } else {
        this.#tooLong = true;
      }
    }
  }

  save(): ControlState {
    return { line: this.#line, tooLong: this.#tooLong, ready: this.#ready, status: this.status };
  }
  restore({ line, tooLong, ready, status }: ControlState): void {
    this.#line = line;
    this.#tooLong = tooLong;
    this.#ready = ready;
    this.status = status;
  }

  /** What the root server has yet to be told; null for nothing. */
  next(): GuestReport | null {
    return this.#news.shift() ?? null;
  }

  #interpret(line: string): void {
    if (line === "ready" && !this.#ready) {
      this.#ready = true;
      this.#news.push({ state: "ready" });
    }
    const exit = /^exit (\d{1,3})$/.exec(line);
    const status = Number(exit?.[1] ?? NaN);
    if (status <= 255 && this.status === null) {
      this.status = status;
      this.#news.push({ state: "exit", status });
    }
  }
}
