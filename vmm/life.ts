// What is wanted of a guest from outside while it lives: that it pauses, goes on, is written down, is asked to shut down, says what it has done. The root server rings (ORDER_BIT), the orders are fetched from it, and each is answered by a
// report with its number. While the guest is paused its time stands, and nothing of its devices moves: what rings meanwhile is looked at when it goes on.
//
//   L1  Orders are carried out between two exits: S1 of state.ts holds.
//   L2  An order that makes no sense, now or at all, is refused by a report, and changes nothing.
//   L3  Orders below 0 are a component's (servers/root/orders.ts): none of them has a guest go on that the operator has paused.
import { InitSlot } from "../caps/abi/numbers.ts";
import { client } from "../servers/lib/ts/client.ts";
import { vcpuGetTime, vcpuSetTime } from "../servers/lib/ts/objects.ts";
import type { Env, Op } from "../servers/lib/ts/sdk.ts";
import { Parent } from "../servers/root/protocol.ts";
import type { GuestConsole } from "./console.ts";
import type { GuestMachine } from "./machine.ts";
import type { Reporter } from "./report.ts";
import type { GuestArgs } from "./spec.ts";
import { putState, takeState } from "./state.ts";

/** All that could ring: what did while the guest was paused is not known. */
const EVERYTHING = 2 ** 53 - 1;
/** Characters of an answer in one report: with escapes they fit. */
const PART = 400;

interface Order {
  readonly id: number;
  readonly do: string;
  /** With `forgo`. */
  readonly why: string;
  /** With `restore`: a part of the state, of how many; whether its arrival is to be told; whether the guest waits when it is all there. */
  readonly data: string;
  readonly parts: number;
  readonly told: boolean;
  readonly paused: boolean;
}

export class GuestLife {
  readonly #env: Env;
  readonly #args: GuestArgs;
  readonly #vcpus: readonly number[];
  readonly #machine: GuestMachine;
  readonly #console: GuestConsole;
  readonly #reporter: Reporter;
  /** Its time, where it stands; and whether it is the operator who wants it to. */
  #paused: number | null = null;
  #held = false;

  constructor(env: Env, args: GuestArgs, vcpus: readonly number[], machine: GuestMachine, console: GuestConsole, reporter: Reporter) {
    this.#env = env;
    this.#args = args;
    this.#vcpus = vcpus;
    this.#machine = machine;
    this.#console = console;
    this.#reporter = reporter;
  }

  /** There are orders. Back when the guest is to go on: with what may have rung meanwhile, 0 when nothing could. */
  *obey(): Op<number> {
    let stood = false;
    for (;;) {
      const order = yield* this.#next();
      if (order !== null) yield* this.#carryOut(order);
      else if (this.#paused === null) return stood ? EVERYTHING : 0;
      else yield* this.#env.sys.wait(InitSlot.Notification);
      stood ||= this.#paused !== null;
    }
  }

  /**
   * A guest that goes on from a snapshot: its state comes in parts, when its RAM is in place. Back when it is to run. What prevents it, or null.
   * @param fresh GENERATION_BYTES random bytes by which it learns that it is another, undefined: there are none
   */
  *restore(fresh: Uint8Array | undefined): Op<string | null> {
    yield* this.#reporter.state({ state: "restoring" });
    const parts: string[] = [];
    let last: Order | null = null;
    while (last === null) {
      const order = yield* this.#next();
      if (order?.do === "forgo") return order.why;
      if (order === null) yield* this.#env.sys.wait(InitSlot.Notification);
      else if (order.do !== "restore") yield* this.#refuse(order, "it has not begun");
      else {
        parts.push(order.data);
        if (order.told) yield* this.#reporter.state({ state: "taken", order: order.id });
        if (parts.length >= order.parts) last = order;
      }
    }
    let state: unknown;
    try {
      state = JSON.parse(parts.join(""));
    } catch {
      return "the state of its snapshot is no JSON";
    }
    const problem = yield* putState(this.#env.sys, this.#vcpus, this.#args.ramBytes, this.#machine, state);
    if (problem !== null) return problem;
    if (fresh !== undefined) this.#machine.generation?.change(fresh);
    if (!last.paused) {
      this.#machine.askToLookAtClock();
      return null;
    }
    yield* this.#pause();
    this.#held = true;
    yield* this.#reporter.state({ state: "paused" });
    yield* this.obey();
    return null;
  }

  *#carryOut(order: Order): Op<void> {
    switch (order.do) {
      case "pause":
        // The operator may take over what a component has begun.
        if (this.#paused !== null && (order.id < 0 || this.#held)) return yield* this.#refuse(order, "it is paused already");
        if (this.#paused === null) yield* this.#pause();
        this.#held = order.id >= 0;
        return yield* this.#reporter.state({ state: "paused", order: order.id });
      case "resume":
        if (this.#paused === null) return yield* this.#refuse(order, "it is not paused");
        if (order.id < 0 && this.#held) return yield* this.#refuse(order, "the operator has paused it");
        yield* vcpuSetTime(this.#env.sys, this.#vcpus[0]!, this.#paused);
        this.#paused = null;
        this.#held = false;
        this.#machine.askToLookAtClock();
        return yield* this.#reporter.state({ state: "resumed", order: order.id });
      case "save":
        return yield* this.#save(order);
      case "shutdown":
        if (this.#paused !== null) return yield* this.#refuse(order, "it is paused");
        this.#machine.askToShutDown();
        return yield* this.#reporter.state({ state: "taken", order: order.id });
      case "stats":
        return yield* this.#tell(order, "stats", this.#machine.counts);
      case "count":
        return yield* this.#reporter.state({ state: "counted", order: order.id, counts: this.#machine.totals });
      default:
        return yield* this.#refuse(order, `it knows nothing of '${order.do}'`);
    }
  }

  *#pause(): Op<void> {
    yield* this.#console.flush();
    this.#machine.drained();
    this.#paused = (yield* vcpuGetTime(this.#env.sys, this.#vcpus[0]!)).word(0);
  }

  *#save(order: Order): Op<void> {
    if (this.#paused === null) return yield* this.#refuse(order, "it is not paused");
    const unsaved = this.#machine.unsaved;
    if (unsaved !== null) return yield* this.#refuse(order, `it cannot be written down: ${unsaved}`);
    const state = yield* takeState(this.#env.sys, this.#vcpus, this.#args.ramBytes, this.#machine);
    if (typeof state === "string") return yield* this.#refuse(order, state);
    yield* this.#tell(order, "saved", { ...state, time: this.#paused });
  }

  /** As JSON, in parts. */
  *#tell({ id }: Order, state: "saved" | "stats", what: object): Op<void> {
    const text = JSON.stringify(what);
    const parts = Math.ceil(text.length / PART);
    for (let part = 0; part < parts; part++) yield* this.#reporter.state({ state, order: id, part, parts, data: text.slice(part * PART, (part + 1) * PART) });
  }

  *#refuse({ id }: Order, detail: string): Op<void> {
    yield* this.#reporter.state({ state: "refused", order: id, detail });
  }

  *#next(): Op<Order | null> {
    const answer = yield* client(Parent, this.#env.sys, this.#env.mem, InitSlot.Parent).order();
    if (!answer.ok) return null;
    try {
      const { id, do: what, why, data, parts, told, paused } = JSON.parse(String.fromCharCode(...answer.bytes)) as Partial<Order>;
      return { id: Number(id ?? 0), do: String(what), why: String(why), data: String(data), parts: Number(parts ?? 0), told: told === true, paused: paused === true };
    } catch {
      return { id: 0, do: "", why: "", data: "", parts: 0, told: false, paused: false };
    }
  }
}
