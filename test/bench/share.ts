// How much of a round trip is the kernel's JavaScript: the plain pair, with every so manieth entry into the kernel timed where it happens. What is left is native:
// engine, addon and the border between the two. For the IPC figures.
import type { BoardMachine } from "../../core/machine/machine.ts";
import { median } from "./figure.ts";
import { PRIORITY, realPair, type Pair } from "./pairs.ts";

/** Not a multiple of the two entries of a round trip, or only one kind would be seen. */
const EVERY = 61;

const now = (): number => Number(process.hrtime.bigint());
/** What it costs to look at the clock twice. */
const looking = (): number => median(Array.from({ length: 2000 }, () => -(now() - now())));

/** A round answers the nanoseconds of JavaScript in a round trip; 0 when none entered the kernel. */
export function kernelShare(): Pair {
  let entries = 0, samples = 0, spent = 0;
  const sampled = (board: BoardMachine): BoardMachine => ({
    ...board,
    run: (frame, trap) =>
      board.run(frame, (trapped, cause) => {
        if (++entries % EVERY !== 0) return trap(trapped, cause);
        const from = now(), next = trap(trapped, cause);
        spent += now() - from;
        samples++;
        return next;
      }),
  });
  const pair = realPair((testbed, text) => testbed.program("server", text, PRIORITY), undefined, undefined, sampled);
  return {
    round(calls) {
      entries = samples = spent = 0;
      pair.round(calls);
      return samples === 0 ? 0 : Math.max(0, spent / samples - looking()) * (entries / calls);
    },
    close: pair.close,
  };
}
