// The control console: lines from the guest's own init to its VMM, on a device apart so that nothing a program prints on the console passes for one.
// `ready`: user space is up. `exit N`: the guest's work is done, with status N (0..255), and it powers off next. `hears`, or `hears WHAT ...`: it reads here what it is asked; then a
// line comes back, at once or when it says so: `shutdown`, when it is asked to shut down, or `clock`, when its time stood and its clock has gone on. That needs no driver of the guest's but the console's; guests that do not hear `shutdown` are asked
// by their power button (button.ts). Other lines are ignored.
// The guest is no more trusted here than elsewhere: only the first line of each kind counts, and what it says is about itself.

import type { GuestReport } from "./spec.ts";

const LONGEST_LINE = 64;
/** What a guest can be asked. */
const ASKED = ["shutdown", "clock"] as const;
export type Asked = (typeof ASKED)[number];

export interface ControlState {
  readonly line: string;
  readonly tooLong: boolean;
  readonly ready: boolean;
  readonly status: number | null;
  readonly hears: readonly Asked[];
}

export class ControlChannel {
  readonly #news: GuestReport[] = [];
  #line = "";
  #tooLong = false;
  #ready = false;
  readonly #send: (bytes: Uint8Array) => number;
  #hears: readonly Asked[] = [];
  /** What it is asked, and has not been told. */
  readonly #asked = new Set<Asked>();
  #unsent: readonly number[] = [];
  /** What `exit` said; null until it did. */
  status: number | null = null;

  /** @param send takes as many bytes for the guest as there is room for, and says how many */
  constructor(send: (bytes: Uint8Array) => number = () => 0) {
    this.#send = send;
  }

  /** Now if it hears that, else as soon as it does. Whether it hears it. */
  ask(what: Asked): boolean {
    this.#asked.add(what);
    this.room();
    return this.#hears.includes(what);
  }

  /** There is room for what it has not been told. A line at a time: one that does not read has no more kept for it than each thing once. */
  room(): void {
    if (this.#unsent.length > 0) this.#say(this.#unsent);
    for (const what of this.#asked) {
      if (this.#unsent.length > 0 || !this.#hears.includes(what)) continue;
      this.#asked.delete(what);
      this.#say(Array.from(`${what}\n`, (letter) => letter.charCodeAt(0)));
    }
  }

  #say(bytes: readonly number[]): void {
    this.#unsent = bytes.slice(this.#send(Uint8Array.from(bytes)));
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
    this.#hears = ASKED.filter((each) => Array.isArray(hears) && hears.includes(each));
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
    const [first, ...what] = line.split(" ");
    if (first === "hears") {
      this.#hears = what.length === 0 ? ASKED : ASKED.filter((each) => what.includes(each));
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
