// The root server's clock, made of scheduling alone, for it has no device that tells the time: a thread that does nothing but run, 10 us in each 10 ms. Each time
// its turn is over the kernel tells the root server so (a Timeout fault), and the answer lets it go on with its next period.
//
// It runs only while there is something to wait for: a machine that is idle stays idle.
import { InitSlot, Right } from "../../caps/abi/numbers.ts";
import { KEEPER_BADGE } from "../../caps/image/system.ts";
import { MapRights, schedContextBind, schedControlConfigure, tcbResume, tcbSetLabel, tcbSetPriority, tcbSetSpace, tcbSetTimeoutKeeper, tcbSuspend, tcbWriteRegisters } from "../lib/ts/objects.ts";
import type { Op, Sys } from "../lib/ts/sdk.ts";
import { must } from "./failure.ts";
import { TICK_US } from "./policy.ts";
import type { RootSpace } from "./space.ts";

/** Badge of its Timeout faults: that of the keeper of component 0, which there is not. */
export const TICK_BADGE = KEEPER_BADGE;
const TURN_US = 10;
/** The root server's own. */
const PRIORITY = 255;
/** j . */
const PROGRAM = Uint8Array.of(0x6f, 0, 0, 0);

export class Clock {
  readonly #sys: Sys;
  readonly #tcb: number;
  #running = false;
  #now = 0;

  private constructor(sys: Sys, tcb: number) {
    this.#sys = sys;
    this.#tcb = tcb;
  }

  /** From ROOT_BYTES of the root server's memory. */
  static *make(space: RootSpace): Op<Clock> {
    const { sys } = space;
    const frame = yield* space.makeOwn("Frame", 12);
    const tcb = yield* space.makeOwn("TCB", 0);
    const context = yield* space.makeOwn("SchedContext", 0);
    const keeper = yield* space.mint(InitSlot.Service, Right.Write | Right.GrantReply, TICK_BADGE, "the clock's keeper");
    const says = "set up the root server's clock";
    yield* space.fill(frame, 1, 0, PROGRAM, PROGRAM.length);
    const address = yield* space.map(frame, MapRights.ReadExecute, "the clock's program");
    yield* must(tcbSetLabel(sys, tcb, "root.clock"), says);
    yield* must(tcbSetSpace(sys, tcb, 0, InitSlot.CNode, InitSlot.VSpace), says);
    yield* must(tcbSetTimeoutKeeper(sys, tcb, keeper), says);
    yield* must(tcbSetPriority(sys, tcb, PRIORITY, PRIORITY, InitSlot.TCB), says);
    yield* must(schedControlConfigure(sys, InitSlot.SchedControl, context, TURN_US, TICK_US), says);
    yield* must(schedContextBind(sys, context, tcb), says);
    yield* must(tcbWriteRegisters(sys, tcb, 0, [address]), says);
    return new Clock(sys, tcb);
  }

  /** Ticks it has counted. */
  get now(): number {
    return this.#now;
  }

  *start(): Op<void> {
    if (this.#running) return;
    this.#running = true;
    yield* tcbResume(this.#sys, this.#tcb);
  }

  *stop(): Op<void> {
    this.#running = false;
    yield* tcbSuspend(this.#sys, this.#tcb);
  }

  count(): void {
    this.#now++;
  }
}
