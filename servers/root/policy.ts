// Whether a component that has ended is started again, and when. Pure: times are ticks of the root server's clock.
import type { Restart } from "../../caps/image/system.ts";

export const TICK_US = 10_000;

/** How a component ended: by itself, or since a component that controls its guest wants it begun anew. */
export type How = "fault" | "exit" | "order";

export class RestartPolicy {
  readonly #restart: Restart;
  /** When it was decided to start it again, as long as that counts. */
  #times: number[] = [];

  constructor(restart: Restart) {
    this.#restart = restart;
  }

  /** It has ended: how many ticks it waits, and which restart in its window that will be, from 1. Undefined: that is no end to be followed by a start. */
  next(how: How, now: number): { readonly wait: number; readonly count: number } | "spent" | undefined {
    const { on, window, backoff } = this.#restart;
    if (on !== "always" && on !== how) return undefined;
    if (this.isSpent(now)) return "spent";
    const count = this.#times.push(now);
    // The tick that is under way is not a whole one.
    return { wait: Math.ceil(Math.min(backoff * 2 ** (count - 1), window) / TICK_US) + 1, count };
  }

  /** The next end is for good. */
  isSpent(now: number): boolean {
    return this.isOpen(now) && this.#times.length >= this.#restart.max;
  }

  /** Whether restarts that were still count. */
  isOpen(now: number): boolean {
    this.#times = this.#times.filter((time) => (now - time) * TICK_US < this.#restart.window);
    return this.#times.length > 0;
  }
}
