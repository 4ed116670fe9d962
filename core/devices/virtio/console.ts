// A virtio console with one port. Source: virtio 1.2, section 5.3.
// Queue 0 carries input to the driver, queue 1 output from it.
import type { SerialBackend } from "../device.ts";
import type { VirtioLink, VirtioModel } from "./mmio.ts";
import { Chain } from "./queue.ts";
import { DeviceId } from "./spec.ts";

const RECEIVE = 0;
const TRANSMIT = 1;
const QUEUE_SIZE = 64;
export const CONSOLE_F_SIZE = 1 << 0;
/** Output is handed on in pieces of at most this many bytes, so that one long chain cannot hold much of our memory. */
const PIECE_BYTES = 4096;

export interface ConsoleState {
  readonly columns: number;
  readonly rows: number;
  /** The chain being sent: its head, and how much of it is out. Head -1: none. */
  readonly head: number;
  readonly sent: number;
}

export class VirtioConsole implements VirtioModel<ConsoleState> {
  readonly id = DeviceId.CONSOLE;
  readonly features = CONSOLE_F_SIZE;
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE] as const;
  readonly #backend: SerialBackend<Uint8Array>;
  readonly #input = new Chain();
  readonly #output = new Chain();
  #link: VirtioLink | null = null;
  #columns = 80;
  #rows = 25;
  #sending = false;
  #sent = 0;

  constructor(backend: SerialBackend<Uint8Array>) {
    this.#backend = backend;
  }

  /** A driver is up. */
  get live(): boolean {
    return this.#link?.live ?? false;
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }

  /** The terminal has this size, 1..65535 characters each way. */
  resize(columns: number, rows: number): void {
    if (columns === this.#columns && rows === this.#rows) return;
    this.#columns = columns & 0xffff;
    this.#rows = rows & 0xffff;
    this.#link?.configChanged();
  }

  /** Input. Takes what fits into the buffers that the driver has given, and says how many bytes that were. */
  receive(bytes: Uint8Array): number {
    const link = this.#link;
    const queue = link?.queues[RECEIVE];
    if (link === null || queue === undefined || !link.live) return 0;
    let taken = 0;
    for (let left = queue.size; left > 0 && taken < bytes.length && queue.pop(this.#input); left--) {
      const written = queue.write(this.#input, 0, bytes.subarray(taken));
      if (written < 0) break;
      queue.push(this.#input.head, written);
      taken += written;
    }
    link.interrupt(RECEIVE);
    return taken;
  }

  /** The backend is ready again. */
  drained(): void {
    if (this.live) this.#transmit();
  }

  readConfig(offset: number, size: number): number {
    if (offset === 0 && size === 4) return ((this.#rows << 16) | this.#columns) >>> 0;
    if (offset === 0 && size === 2) return this.#columns;
    if (offset === 2 && size === 2) return this.#rows;
    return offset === 4 && size === 4 ? 1 : 0; // max_nr_ports, without meaning here
  }
  writeConfig(): void {
    // emerg_wr is not offered
  }

  start(): void {
    this.#backend.room();
    this.#transmit();
  }

  notify(queue: number): void {
    if (queue === RECEIVE) this.#backend.room();
    else this.#transmit();
  }

  reset(): void {
    this.#sending = false;
    this.#sent = 0;
  }

  save(): ConsoleState {
    return { columns: this.#columns, rows: this.#rows, head: this.#sending ? this.#output.head : -1, sent: this.#sent };
  }

  restore(state: ConsoleState): void {
    this.#columns = state.columns;
    this.#rows = state.rows;
    this.#sent = state.sent;
    this.#sending = state.head >= 0 && (this.#link?.queues[TRANSMIT]?.walk(state.head, this.#output) ?? false);
  }

  #transmit(): void {
    const queue = this.#link?.queues[TRANSMIT];
    if (queue === undefined) return;
    // No more chains than the queue can hold, whatever its rings turn into while we write; and one look more, for it is the empty one that asks to be notified.
    for (let left = queue.size + 1; this.#backend.ready(); ) {
      if (!this.#sending) {
        if (left-- === 0 || !queue.pop(this.#output)) break;
        this.#sending = true;
        this.#sent = 0;
      }
      const piece = queue.read(this.#output, this.#sent, PIECE_BYTES);
      if (piece === null) break;
      if (piece.length > 0) this.#backend.output(piece);
      this.#sent += piece.length;
      if (this.#sent >= this.#output.readableBytes) {
        this.#sending = false;
        queue.push(this.#output.head, 0);
      }
    }
    this.#link?.interrupt(TRANSMIT);
  }
}
