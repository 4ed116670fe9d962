// The guest's console, as a client of the Console protocol. Output is collected here and sent in as few messages as promptness allows (machine.ts
// decides when); input is fetched when the server says that some waits.
// A console that is gone or refuses us does not stop the guest: its output is dropped, and the operator is told once.
import { ErrorCode } from "../caps/abi/numbers.ts";
import { Console } from "../servers/console/protocol.ts";
import type { Op, Sys } from "../servers/lib/ts/sdk.ts";
import { MAX_BYTES, packCounted, unpackCounted } from "./bytes.ts";
import type { GuestInput } from "./input.ts";
import { ConsoleTail } from "./tail.ts";

/** Above this the devices wait: `ready` is false. One piece more always fits. */
const READY_BELOW = 4096;
const BUFFER_BYTES = 2 * READY_BELOW;

export class GuestConsole {
  readonly tail = new ConsoleTail();
  readonly #sys: Sys;
  readonly #cap: number;
  readonly #log: (line: string) => void;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #length = 0;
  #gone: boolean;
  /** The server has more input than we had room for. */
  #moreInput = false;

  /** @param cap the Console capability, 0 for none: then output is dropped without a word. */
  constructor(sys: Sys, cap: number, log: (line: string) => void) {
    this.#sys = sys;
    this.#cap = cap;
    this.#log = log;
    this.#gone = cap === 0;
  }

  /** Bytes collected and not yet sent. */
  get pending(): number {
    return this.#length;
  }

  ready(): boolean {
    return this.#length < READY_BELOW;
  }

  put(byte: number): void {
    this.tail.put(byte);
    this.#buffer[this.#length++] = byte;
  }

  /** At most 4096 bytes, and only while ready(). */
  append(bytes: Uint8Array): void {
    for (const byte of bytes) this.tail.put(byte);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Sends all that was collected; back when the server has it. */
  *flush(): Op<void> {
    let sent = 0;
    while (sent < this.#length && !this.#gone) {
      const piece = this.#buffer.subarray(sent, Math.min(this.#length, sent + MAX_BYTES));
      const answer = yield* this.#sys.call(this.#cap, Console.methods.write.label, packCounted(piece, piece.length));
      const full = !answer.error && answer.label === Console.refusals.full;
      if (answer.error || (answer.label !== 0 && !full)) {
        this.#fail(answer.error ? `error ${answer.label}` : `refusal ${answer.label}`);
        break;
      }
      const accepted = full ? 0 : Math.min(answer.word(0), piece.length);
      sent += accepted;
      // Others' writes fill the server's queue: it has its own time to empty it.
      if (accepted === 0) yield* this.#sys.yield();
    }
    this.#length = 0;
  }

  /** Asks the server to signal the notification in slot `signal` when input waits. False: this guest gets no input. */
  *attach(signal: number): Op<boolean> {
    if (this.#gone) return false;
    const answer = yield* this.#sys.call(this.#cap, Console.methods.attach.label, [], [signal]);
    if (!answer.error && answer.label === 0) return true;
    this.#log(answer.error ? `no console input: error ${answer.label}` : answer.label === Console.refusals.full ? "no console input: another client has it" : `no console input: refusal ${answer.label}`);
    return false;
  }

  /** Takes the input that waits, as far as there is room. */
  *fetch(input: GuestInput): Op<void> {
    while (!this.#gone) {
      const most = Math.min(input.room, MAX_BYTES);
      this.#moreInput = most === 0;
      if (most === 0) return;
      const answer = yield* this.#sys.call(this.#cap, Console.methods.read.label, [most]);
      if (answer.error || answer.label !== 0) return this.#fail(answer.error ? `error ${answer.label}` : `refusal ${answer.label}`);
      const bytes = unpackCounted(answer);
      if (bytes.length === 0) return;
      input.add(bytes.length > most ? bytes.subarray(0, most) : bytes);
    }
  }

  /** Whether fetch() would now get further than it did. */
  wantsFetch(input: GuestInput): boolean {
    return this.#moreInput && input.room > 0;
  }

  #fail(why: string): void {
    this.#gone = true;
    this.#log(why === `error ${ErrorCode.Broken}` || why === `error ${ErrorCode.InvalidCapability}` ? "the console is gone: the guest's output is dropped" : `the console does not take the guest's output: ${why}`);
  }
}
