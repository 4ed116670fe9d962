// The control console: lines from the guest's own init to its VMM, on a device apart so that nothing a program prints on the console passes for one.
// `ready`: user space is up. `exit N`: the guest's work is done, with status N (0..255), and it powers off next. `hears`: it reads here what it is asked; then a line comes back, `shutdown`, when it is
// asked to shut down, at once or when it says so. That needs no driver of the guest's but the console's; guests that do not say so are asked by their power button (button.ts). Other lines are ignored.
// The guest is no more trusted here than elsewhere: only the first line of each kind counts, and what it says is about itself.

import type { GuestReport } from "./spec.ts";

const LONGEST_LINE = 64;
const SHUTDOWN = Uint8Array.from("shutdown\n", (letter) => letter.charCodeAt(0));

export interface ControlState {
  readonly line: string;
  readonly tooLong: boolean;
  readonly ready: boolean;
  readonly status: number | null;
  readonly hears: boolean;
}

export class ControlChannel {
  readonly #news: GuestReport[] = [];
  #line = "";
  #tooLong = false;
  #ready = false;
  readonly #send: (bytes: Uint8Array) => number;
  #hears = false;
  /** It is to shut down, and has not been told. */
  #asked = false;
  #unsent = new Uint8Array();
  /** What `exit` said; null until it did. */
  status: number | null = null;

  /** @param send takes as many bytes for the guest as there is room for, and says how many */
  constructor(send: (bytes: Uint8Array) => number = () => 0) {
    this.#send = send;
  }

  /** It is to be asked to shut down: now if it hears, else as soon as it does. Whether it hears. */
  ask(): boolean {
    this.#asked = true;
    this.room();
    return this.#hears;
  }

  /** There is room for what it has not been told. */
  room(): void {
    if (this.#asked && this.#hears) {
      this.#asked = false;
      this.#unsent = SHUTDOWN;
    }
    if (this.#unsent.length > 0) this.#unsent = this.#unsent.subarray(this.#send(this.#unsent));
  }

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
    return { line: this.#line, tooLong: this.#tooLong, ready: this.#ready, status: this.status, hears: this.#hears };
  }
  restore({ line, tooLong, ready, status, hears }: ControlState): void {
    this.#line = line;
    this.#tooLong = tooLong;
    this.#ready = ready;
    this.status = status;
    this.#hears = hears;
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
    if (line === "hears") {
      this.#hears = true;
      this.room();
    }
    const exit = /^exit (\d{1,3})$/.exec(line);
    const status = Number(exit?.[1] ?? NaN);
    if (status <= 255 && this.status === null) {
      this.status = status;
      this.#news.push({ state: "exit", status });
    }
  }
}
