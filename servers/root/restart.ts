// A component that has ended is taken away whole, and built again if the manifest says so (`restart`): from its program, in the same memory, with what the
// manifest gives it and nothing else. Nothing of what it was, and nothing that it had given out, is left.
//
//   ROOT-3  Its endpoint is a new one. Who had called gets Broken; what clients held of the old one, and what the server had made of it for them (files,
//           views), is gone: a badge of its former life would mean something else in this one. A client whose manifest names the server, and who still
//           has that capability in its place, has the new one there, with the rights it had left; who had put it away gets nothing.
//   ROOT-4  It is built at once and waits: who calls it before it runs waits in line.
import { ALL_RIGHTS, InitSlot } from "../../caps/abi/numbers.ts";
import { cnodeCopy, cnodeDelete, cnodeMint, cnodeRevoke, discrimClassify, discrimSame, type Place, tcbResume } from "../lib/ts/objects.ts";
import type { Op } from "../lib/ts/sdk.ts";
import { buildComponent, type Builder, type Built, type Carved, deviceUntyped } from "./build.ts";
import type { Clock } from "./clock.ts";
import { StartFailure } from "./failure.ts";
import { PAGE } from "./layout.ts";
import type { Tell } from "./operator.ts";
import type { PlannedComponent } from "./plan.ts";
import { type How, RestartPolicy, TICK_US } from "./policy.ts";

/** What a component is built from. */
export interface Part {
  readonly planned: PlannedComponent;
  readonly carved: Carved;
}

/** The builder as it goes on: who is there now, and who has ended for good. */
export interface Running extends Builder {
  readonly built: Map<string, Built>;
  readonly ended: Set<string>;
  /** By component number. */
  readonly parts: ReadonlyMap<number, Part>;
}

/** Revokes the component's memory (ROOT-1): its threads, endpoints and reply objects end, so callers get Broken. */
export function* bury({ space }: Pick<Running, "space">, { untypeds, lent }: Built): Op<void> {
  for (const slot of [...untypeds, ...lent]) yield* cnodeRevoke(space.sys, space.place(slot));
}

interface Waiting {
  readonly due: number;
  readonly built: Built;
  readonly count: number;
}

/** Starts again who is to be started again. */
export class Restarts {
  readonly #running: Running;
  readonly #clock: Clock;
  readonly #tell: Tell;
  readonly #policies: ReadonlyMap<number, RestartPolicy>;
  readonly #waiting = new Map<number, Waiting>();
  /** Two empty slots. */
  readonly #scratch: number;

  constructor(running: Running, clock: Clock, tell: Tell) {
    this.#running = running;
    this.#clock = clock;
    this.#tell = tell;
    this.#policies = new Map([...running.parts].flatMap(([number, { planned }]) => (planned.component.restart === undefined ? [] : [[number, new RestartPolicy(planned.component.restart)]])));
    this.#scratch = running.space.take(2);
  }

  /** Takes it away and, if it is to live again, builds it anew: the answer. It runs when its time has come. Undefined: it has ended for good, and is still to be buried. */
  *again(old: Built, how: How): Op<Built | undefined> {
    const { component } = old;
    const policy = this.#policies.get(component.number), part = this.#running.parts.get(component.number);
    const next = policy?.next(how, this.#clock.now);
    if (part === undefined || next === undefined) return undefined;
    if (next === "spent") {
      this.#tell({ event: "log", component: component.name, text: "was started again as often as its manifest allows: it has ended for good" });
      return undefined;
    }
    const clients = yield* this.#clientsOf(old);
    yield* bury(this.#running, old);
    let built: Built;
    try {
      yield* this.#takeBack(old);
      built = yield* buildComponent(this.#running, part.planned, part.carved, old.region);
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      this.#tell({ event: "log", component: component.name, text: `cannot be started again: ${error.message}` });
      return undefined;
    }
    const { space } = this.#running;
    for (const { at, rights, badge } of clients) yield* cnodeMint(space.sys, at, space.place(built.endpoint), rights, badge);
    this.#running.built.set(component.name, built);
    this.#waiting.set(component.number, { due: this.#clock.now + next.wait, built, count: next.count });
    this.#tell({ event: "restarting", component: component.name, count: next.count, ms: ((next.wait - 1) * TICK_US) / 1000 });
    yield* this.#clock.start();
    return built;
  }

  /** Whether its manifest lets it be started again on somebody's order, and whether that has been used up. */
  onOrder({ component }: Built): "never" | "spent" | "may" {
    const policy = this.#policies.get(component.number);
    if (policy === undefined) return "never";
    return policy.isSpent(this.#clock.now) ? "spent" : "may";
  }

  /** The tick at which it is started; undefined: it does not wait for that. */
  dueOf(number: number): number | undefined {
    return this.#waiting.get(number)?.due;
  }

  /** It is not to be started, after all. */
  forget(number: number): void {
    this.#waiting.delete(number);
  }

  /** The clock has ticked: starts whose time has come, and says who. False as `goesOn`: there is nothing left to count for. */
  *tick(): Op<{ readonly started: readonly number[]; readonly goesOn: boolean }> {
    const { now } = this.#clock, started: number[] = [];
    for (const [number, { due, built, count }] of this.#waiting) {
      if (due > now) continue;
      this.#waiting.delete(number);
      yield* tcbResume(this.#running.space.sys, built.tcb);
      this.#tell({ event: "restarted", component: built.component.name, count });
      started.push(number);
    }
    // Somebody waits, or restarts still count against their component.
    return { started, goesOn: this.#waiting.size > 0 || [...this.#policies.values()].some((policy) => policy.isOpen(now)) };
  }

  /** Where its clients have what the manifest gave them of it, and with which rights they still have it. */
  *#clientsOf(server: Built): Op<{ readonly at: Place; readonly rights: number; readonly badge: number }[]> {
    const { space, built } = this.#running;
    const { sys } = space;
    const [theirs, ours] = [this.#scratch, this.#scratch + 1];
    const found = [];
    for (const { component, at: slotOf } of built.values()) {
      for (const [i, use] of component.uses.entries()) {
        if (use.kind !== "endpoint" || use.from !== server.component.name) continue;
        const at = slotOf(InitSlot.First + i);
        const copied = yield* cnodeCopy(sys, space.place(theirs), at, ALL_RIGHTS);
        if (copied.error) continue;
        yield* cnodeMint(sys, space.place(ours), space.place(server.endpoint), ALL_RIGHTS, use.badge);
        const same = yield* discrimSame(sys, InitSlot.Discrim, theirs, ours);
        const isIt = !same.error && same.word(0) === SAME_BADGE;
        const rights = (yield* discrimClassify(sys, InitSlot.Discrim, theirs)).word(1);
        if (isIt) found.push({ at, rights: rights & use.rights, badge: use.badge });
        yield* cnodeDelete(sys, space.place(theirs));
        yield* cnodeDelete(sys, space.place(ours));
      }
    }
    return found;
  }

  /** What it had of the platform, from it and from whomever it gave it to. A device's frames are made anew. */
  *#takeBack({ component }: Built): Op<void> {
    const { space, boot } = this.#running;
    const revoke = (slot: number): Op<unknown> => cnodeRevoke(space.sys, space.place(slot));
    for (const use of component.uses) {
      if (use.kind === "device") yield* revoke(deviceUntyped(boot, use.physical, use.bytes / PAGE, use.device));
      if (use.kind === "iospace") yield* revoke(boot.ioSpaces.get(use.device) ?? 0);
      if (use.kind === "schedcontrol") yield* revoke(InitSlot.SchedControl);
    }
  }
}

/** Discrim.Same's answer for two capabilities to one object with one badge. */
const SAME_BADGE = 3;
