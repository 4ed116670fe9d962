// Events of a keyboard or a tablet on their way from the host to a driver that may not have given buffers for them yet.
// What piles up is bounded: beyond that the oldest is lost, and the driver is told that something was (SYN_DROPPED), as Linux tells its programs.
import { EventType, SYN_DROPPED, SYN_REPORT, type InputEvent } from "./input.ts";

/** Moments that wait at most. */
export const INPUT_MOST_WAITING = 4096;

const DROPPED: readonly InputEvent[] = [{ type: EventType.SYN, code: SYN_DROPPED, value: 0 }, { type: EventType.SYN, code: SYN_REPORT, value: 0 }];

export class InputQueue {
  readonly #waiting: (readonly InputEvent[])[] = [];
  readonly #receive: (events: readonly InputEvent[]) => boolean;

  /** @param receive as VirtioInput.receive */
  constructor(receive: (events: readonly InputEvent[]) => boolean) {
    this.#receive = receive;
  }

  add(events: readonly InputEvent[]): void {
    if (this.#waiting.length >= INPUT_MOST_WAITING) {
      // The two oldest go; the notice takes the place of one, and stays the oldest.
      this.#waiting.splice(0, 2, DROPPED);
    }
    this.#waiting.push(events);
    this.feed();
  }

  /** The driver has room, or may have. */
  feed(): void {
    while (this.#waiting.length > 0 && this.#receive(this.#waiting[0]!)) this.#waiting.shift();
  }
}
