// How often something was refused, and when that is worth a line: the 1st, 2nd, 4th, 8th ... time. There is no clock here; the log has one, and takes so many lines in a second.

const MOST = 256;

export class Refusals {
  readonly #times = new Map<string, number>();

  /** One time more. How many there are if it is to be said, else 0. When MOST different ones are known, all are forgotten and begin anew. */
  count(why: string): number {
    if (!this.#times.has(why) && this.#times.size === MOST) this.#times.clear();
    const times = (this.#times.get(why) ?? 0) + 1;
    this.#times.set(why, times);
    return Number.isInteger(Math.log2(times)) ? times : 0;
  }
}
