// SchedContext: a right to CPU time, `budget` in every `period`. Who may say how much holds SchedControl.
// A full SchedContext (budget = period) is a share of what its priority gets; the budget is the length of a turn.
// Source: seL4 manual, "Scheduling Contexts". How time is counted: ../time.ts.
import { infoLength } from "../../../caps/abi/message.ts";
import { Invocation, Kind } from "../../../caps/abi/numbers.ts";
import { capArgument } from "../arguments.ts";
import { ILLEGAL, outOfRange, TRUNCATED, type Outcome } from "../outcome.ts";
import { setNumber, wordHi, wordLo, wordNumber } from "../registers.ts";
import { recall } from "../loans.ts";
import { favour, wake } from "../scheduler.ts";
import { SchedContext, type Kernel, type Tcb } from "../state.ts";
import { charge, configure, TICKS } from "../time.ts";

const LEAST_US = 10;
const MOST_US = 60 * 60 * 1_000_000;

export function createSchedContext(k: Kernel, id: number): void {
  k.schedContexts[id] = new SchedContext(k.objects, id);
}

export function destroySchedContext(k: Kernel, id: number): void {
  unbind(k, id);
  recall(k, k.schedContexts[id]!);
  if (k.runningSc === id) k.runningSc = 0;
  k.schedContexts[id] = undefined;
}

/** The thread it is bound to has no time of its own any more, and who had it on loan falls back on its own. */
function unbind(k: Kernel, id: number): void {
  const sc = k.schedContexts[id]!;
  if (sc.home === 0) return;
  k.tcbs[sc.home]!.homeSc = 0;
  sc.home = 0;
  recall(k, sc);
}

export function invokeSchedContext(k: Kernel, t: Tcb, slot: number, label: number, info: number): Outcome {
  const id = k.slots.object[slot]!, sc = k.schedContexts[id]!;
  switch (label) {
    case Invocation.SchedContextBind: {
      if (infoLength(info) < 1) return TRUNCATED;
      const arg = capArgument(k, t, 0, Kind.TCB);
      if (typeof arg !== "number") return arg;
      const thread = k.tcbs[k.slots.object[arg]!]!;
      if (sc.home !== 0 || thread.homeSc !== 0) return ILLEGAL;
      sc.home = thread.id;
      thread.homeSc = id;
      if (thread.sc === 0 && sc.tcb === 0) {
        thread.sc = id;
        sc.tcb = thread.id;
      }
      wake(k, thread);
      return 0;
    }
    case Invocation.SchedContextUnbind:
      unbind(k, id);
      return 0;
    case Invocation.SchedContextConsumed:
      return tellConsumed(k, t, sc);
    case Invocation.SchedContextYieldTo: {
      const thread = sc.tcb === 0 ? undefined : k.tcbs[sc.tcb]!;
      if (thread === undefined || thread === t || thread.priority > t.maxPriority) return ILLEGAL;
      favour(k, thread);
      return tellConsumed(k, t, sc);
    }
    default:
      return ILLEGAL;
  }
}

/** Whole microseconds; what is less is told the next time. */
function tellConsumed(k: Kernel, t: Tcb, sc: SchedContext): Outcome {
  charge(k, k.machine.clock());
  const us = Math.floor(sc.consumed / TICKS);
  setNumber(k, t, 0, us);
  sc.consumed -= us * TICKS;
  return 1;
}

export function invokeSchedControl(k: Kernel, t: Tcb, label: number, info: number): Outcome {
  if (label !== Invocation.SchedControlConfigure) return ILLEGAL;
  if (infoLength(info) < 3) return TRUNCATED;
  const slot = capArgument(k, t, 0, Kind.SchedContext);
  if (typeof slot !== "number") return slot;
  const budget = wordNumber(k, t, 1), period = wordNumber(k, t, 2);
  if (period < LEAST_US || period > MOST_US) return outOfRange(2, LEAST_US, MOST_US);
  if (budget < LEAST_US || budget > period) return outOfRange(1, LEAST_US, period);
  const sc = k.schedContexts[k.slots.object[slot]!]!;
  const worded = infoLength(info) > 3;
  sc.wordLo = worded ? wordLo(k, t, 3) : 0;
  sc.wordHi = worded ? wordHi(k, t, 3) : 0;
  configure(k, sc, budget * TICKS, period * TICKS);
  return 0;
}
