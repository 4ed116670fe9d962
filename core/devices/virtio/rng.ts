// A virtio entropy device. Source: virtio 1.2, section 5.4. One queue: the driver lends buffers, the device fills them with random bytes.
import type { VirtioLink, VirtioModel } from "./mmio.ts";
import { Chain } from "./queue.ts";
import { DeviceId } from "./spec.ts";

const REQUESTS = 0;
/** Most bytes given for one request; the specification lets a device give fewer than were asked for. */
const MOST_BYTES = 4096;

/** Where randomness comes from. The device has none of its own. */
export interface EntropySource {
  /** Up to `most` random bytes, at least one unless there are none now; then the source's owner calls the device's `available()` later. */
  take(most: number): Uint8Array;
}

export interface RngState {
  /** The request that was taken from the queue and waits for the source: its head, or -1. */
  readonly waiting: number;
}

export class VirtioRng implements VirtioModel<RngState> {
  readonly id = DeviceId.ENTROPY;
  readonly features = 0;
  readonly queueSizes = [8] as const;
  readonly #source: EntropySource;
  readonly #chain = new Chain();
  #link: VirtioLink | null = null;
  #waiting = false;

  constructor(source: EntropySource) {
    this.#source = source;
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }

  /** The source has bytes again. */
  available(): void {
    this.notify(REQUESTS);
  }

  readConfig(): number {
    return 0;
  }
  writeConfig(): void {
    // it has no configuration
  }

  start(): void {
    this.notify(REQUESTS);
  }

  notify(_queue: number): void {
    const queue = this.#link?.queues[REQUESTS];
    if (queue === undefined || !this.#link?.live) return;
    // No more than the queue can hold, whatever its rings turn into while we write; and one look more, for it is the empty one that asks to be notified.
    for (let left = queue.size + 1; left > 0 && (this.#waiting || queue.pop(this.#chain)); left--) {
      const most = Math.min(this.#chain.writableBytes, MOST_BYTES);
      const bytes = most > 0 ? this.#source.take(most) : new Uint8Array(0);
      this.#waiting = most > 0 && bytes.length === 0;
      if (this.#waiting) break;
      const written = queue.write(this.#chain, 0, bytes);
      if (written < 0) break;
      queue.push(this.#chain.head, written);
    }
    this.#link.interrupt(REQUESTS);
  }

  reset(): void {
    this.#waiting = false;
  }
  save(): RngState {
    return { waiting: this.#waiting ? this.#chain.head : -1 };
  }
  restore(state: RngState): void {
    this.#waiting = state.waiting >= 0 && (this.#link?.queues[REQUESTS]?.walk(state.waiting, this.#chain) ?? false);
  }
}
