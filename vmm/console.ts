// The guest's console, as a client of the Console protocol. Output is collected here and sent in as few messages as promptness allows (machine.ts
// decides when); input is fetched when the server says that some waits.
// A console that is gone or refuses us does not stop the guest: its output is dropped, and the operator is told once.
import { ErrorCode } from "../caps/abi/numbers.ts";
import { Console } from "../servers/console/protocol.ts";
import { client, type Client } from "../servers/lib/ts/client.ts";
import type { Env, Op } from "../servers/lib/ts/sdk.ts";
import type { GuestInput } from "./input.ts";
import { ConsoleTail } from "./tail.ts";

/** Above this the devices wait: `ready` is false. One piece more always fits. */
const READY_BELOW = 4096;
const BUFFER_BYTES = 2 * READY_BELOW;
/** Most bytes of one read or write. */
const MESSAGE_BYTES = 944;

interface Refusal {
  readonly refusal: string;
  readonly label: number;
}

export class GuestConsole {
  readonly tail = new ConsoleTail();
  readonly #env: Env;
  readonly #server: Client<typeof Console>;
  readonly #log: (line: string) => void;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #length = 0;
  #gone: boolean;
  /** The server has more input than we had room for. */
  #moreInput = false;
  #written = 0;
  #read = 0;

  /** @param cap the Console capability, 0 for none: then output is dropped without a word. */
  constructor(env: Env, cap: number, log: (line: string) => void) {
    this.#env = env;
    this.#server = client(Console, env.sys, env.mem, cap);
    this.#log = log;
    this.#gone = cap === 0;
  }

  /** Bytes collected and not yet sent. */
  get pending(): number {
    return this.#length;
  }

  /** Bytes that the guest has written, and that came for it. */
  get bytes(): { readonly written: number; readonly read: number } {
    return { written: this.#written, read: this.#read };
  }

  ready(): boolean {
    return this.#length < READY_BELOW;
  }

  put(byte: number): void {
    this.tail.put(byte);
    this.#buffer[this.#length++] = byte;
    this.#written++;
  }

  /** At most 4096 bytes, and only while ready(). */
  append(bytes: Uint8Array): void {
    for (const byte of bytes) this.tail.put(byte);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    this.#written += bytes.length;
  }

  /** Sends all that was collected; back when the server has it. */
  *flush(): Op<void> {
    let sent = 0;
    while (sent < this.#length && !this.#gone) {
      const piece = this.#buffer.subarray(sent, Math.min(this.#length, sent + MESSAGE_BYTES));
      const answer = yield* this.#server.write(piece);
      if (!answer.ok && answer.refusal !== "full") {
        this.#fail(answer);
        break;
      }
      const accepted = answer.ok ? Math.min(answer.accepted, piece.length) : 0;
      sent += accepted;
      // Others' writes fill the server's queue: it has its own time to empty it.
      if (accepted === 0) yield* this.#env.sys.yield();
    }
    this.#length = 0;
  }

  /** Asks the server to signal the notification in slot `signal` when input waits. False: this guest gets no input. */
  *attach(signal: number): Op<boolean> {
    if (this.#gone) return false;
    const answer = yield* this.#server.attach(signal);
    if (!answer.ok) this.#log(`no console input: ${answer.refusal === "full" ? "the console has no place for another client" : said(answer)}`);
    return answer.ok;
  }

  /** Takes the input that waits, as far as there is room. */
  *fetch(input: GuestInput): Op<void> {
    while (!this.#gone) {
      const most = Math.min(input.room, MESSAGE_BYTES);
      this.#moreInput = most === 0;
      if (most === 0) return;
      const answer = yield* this.#server.read(most);
      if (!answer.ok) return this.#fail(answer);
      if (answer.bytes.length === 0) return;
      const came = answer.bytes.subarray(0, most);
      this.#read += came.length;
      input.add(came);
    }
  }

  /** Whether fetch() would now get further than it did. */
  wantsFetch(input: GuestInput): boolean {
    return this.#moreInput && input.room > 0;
  }

  #fail(refusal: Refusal): void {
    this.#gone = true;
    const dead = refusal.refusal === "error" && (refusal.label === ErrorCode.Broken || refusal.label === ErrorCode.InvalidCapability);
    this.#log(dead ? "the console is gone: the guest's output is dropped" : `the console does not serve the guest, its output is dropped: ${said(refusal)}`);
  }
}

const said = ({ refusal, label }: Refusal): string => (refusal === "error" ? `error ${label}` : refusal);
