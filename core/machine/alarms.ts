// The clocks of the board, and when their alarms are due. Time is the machine's own: nanoseconds since power-on, 100 a tick; the wall clock adds what it
// was then, so that both go alike, and in a deterministic run both are repeated.
import type { TimePort } from "../devices/goldfish-rtc.ts";

const NS_PER_TICK = 100n;

export class Alarms {
  readonly #ticks: () => number;
  readonly #clocks: { due: number; readonly tick: () => void }[] = [];
  /** Called when an alarm is set that comes before all others. */
  onSooner: (ticks: number) => void = () => {};

  constructor(ticks: () => number) {
    this.#ticks = ticks;
  }

  /** @param epoch nanoseconds that the clock showed at power-on @param tick of the device that asks for the alarm */
  port(epoch: bigint, tick: () => void): TimePort {
    const clock = { due: Infinity, tick };
    this.#clocks.push(clock);
    return {
      now: () => epoch + BigInt(Math.floor(this.#ticks())) * NS_PER_TICK,
      alarm: (at) => {
        const before = this.next;
        clock.due = at === null ? Infinity : at <= epoch ? 0 : Number((at - epoch + NS_PER_TICK - 1n) / NS_PER_TICK);
        if (clock.due < before) this.onSooner(clock.due);
      },
    };
  }

  /** When the next alarm is due, in ticks; Infinity: none is set. */
  get next(): number {
    let next = Infinity;
    for (const { due } of this.#clocks) if (due < next) next = due;
    return next;
  }

  /** Rings those that are due. */
  ring(): void {
    if (this.next === Infinity) return;
    const now = this.#ticks();
    for (const clock of this.#clocks) {
      if (clock.due > now) continue;
      clock.due = Infinity;
      clock.tick();
    }
  }
}
