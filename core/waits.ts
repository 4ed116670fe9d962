// How long the host sleeps while no thread of the machine can run. The host's timers have a grain of 1 ms, so what must be on time is waited for by turning at the end, which takes the
// host's CPU. A guest that does not sleep for a moment only may wake 1 ms late: otherwise each of its wakes, some four a second when it idles, would cost 1 ms of a CPU.
import { timerDue } from "./kernel/objects/hart.ts";
import type { Kernel } from "./kernel/state.ts";

const TICKS_A_MS = 10_000;
/** What is nearer than this is waited for by turning; of guests' timers only what was nearer than the second when the guest fell asleep. */
const NEAR = 1.2 * TICKS_A_MS, NEAR_GUEST = 0.3 * TICKS_A_MS;
const LONGEST_MS = 2 ** 30;

export class Waits {
  readonly #k: Kernel;
  /** Guests' timers that were far off when they were first seen, by VCPU. */
  readonly #far = new Map<number, number>();

  constructor(k: Kernel) {
    this.#k = k;
  }

  /** Milliseconds to sleep until something is due; 0: none, it is near; Infinity: nothing will be. @param alarm when the board's next alarm is due, in ticks */
  sleep(now: number, alarm: number): number {
    const k = this.#k;
    let exact = Math.min(alarm, k.releases[0]?.at ?? Infinity), late = Infinity;
    for (const id of k.waitingVcpus) {
      const v = k.vcpus[id];
      if (v === undefined) continue;
      const due = timerDue(k, v);
      if (due - now > NEAR_GUEST) this.#far.set(id, due);
      if (this.#far.get(id) === due) late = Math.min(late, due);
      else exact = Math.min(exact, due);
    }
    if (exact === Infinity && late === Infinity) return Infinity;
    if (exact - now <= NEAR || late <= now) return 0;
    return Math.min(Math.ceil((late - now) / TICKS_A_MS), (exact - now) / TICKS_A_MS - 1, LONGEST_MS);
  }
}
