// How long hosted programs have run, by trap frame: an estimate, from one step in STRIDE. A look at the clock before and after each would cost a good part of a guest's exit; so it costs 4 ns a step.
// It is outside the kernel, which decides nothing by it, and off in deterministic runs.

/** A prime, so that of a program whose steps come round by twos or fours each is looked at. */
const STRIDE = 61;
const CALIBRATION = 1000;

export class StepTimes {
  readonly #ms = new Map<number, number>();

  /** Of the program in this trap frame, and those that had it before. */
  seconds(frame: number): number {
    return (this.#ms.get(frame) ?? 0) / 1000;
  }

  /** The same steps, looked at. */
  watch(step: (frame: number) => number): (frame: number) => number {
    const ms = this.#ms, look = costOfLook();
    let left = STRIDE;
    return (frame) => {
      if (--left > 0) return step(frame);
      left = STRIDE;
      const since = performance.now();
      const cause = step(frame);
      const took = Math.max(0, performance.now() - since - look);
      ms.set(frame, (ms.get(frame) ?? 0) + STRIDE * took);
      return cause;
    };
  }
}

/** In ms: what it adds to what it measures. */
function costOfLook(): number {
  const since = performance.now();
  for (let i = 1; i < CALIBRATION; i++) performance.now();
  return (performance.now() - since) / CALIBRATION;
}
