// The root server after the start: components say that they are done, log, report their guest; the kernel reports their faults.
import { Fault, InitSlot } from "../../caps/abi/numbers.ts";
import { MEASUREMENTS_FILE } from "../../caps/image/measurements.ts";
import { GUEST_BADGE, KEEPER_BADGE, type ResolvedComponent, type ResolvedSystem } from "../../caps/image/system.ts";
import { dispatcher, type Response, serve } from "../lib/ts/serve.ts";
import type { Env, Message, Op } from "../lib/ts/sdk.ts";
import { dmaKeeper } from "./dma.ts";
import type { Tell } from "./operator.ts";
import type { Orders } from "./orders.ts";
import { Parent } from "./protocol.ts";
import type { Built } from "./build.ts";
import type { Callers } from "./callers.ts";
import { type Clock, TICK_BADGE } from "./clock.ts";
import { Guest, STOPPED_STATUS } from "./guest-protocol.ts";
import { leadGuests, type LifeKeeper } from "./guests.ts";
import type { How } from "./policy.ts";
import { bury, type Restarts, type Running } from "./restart.ts";

/** Status of an appliance whose essential component faulted (EX_SOFTWARE of sysexits.h). */
export const FAULT_STATUS = 70;

const FAULT_NAMES = new Map<number, string>(Object.entries(Fault).map(([name, label]) => [label, name]));
const ACCESSES = ["fetch", "load", "store"];
const CAUSES: Readonly<Record<number, string>> = {
  0: "instruction address misaligned", 1: "instruction access fault", 2: "illegal instruction, or an exception of a hosted program", 4: "load address misaligned",
  5: "load access fault", 6: "store address misaligned", 7: "store access fault", 65: "the engine failed",
};
const hex = (value: number): string => `0x${value.toString(16)}`;

/** A fault message in words. */
export function describeFault(message: Pick<Message, "label" | "word">): { kind: string; pc: number; address?: number; reason: string } {
  const kind = FAULT_NAMES.get(message.label) ?? `fault ${message.label}`;
  const pc = message.word(0);
  const [a, b] = [message.word(1), message.word(2)];
  switch (message.label) {
    case Fault.VMFault:
      return { kind, pc, address: a, reason: `${ACCESSES[b] ?? "access"} at ${hex(a)}, which is not mapped for that` };
    case Fault.UserException:
      return { kind, pc, address: b, reason: CAUSES[a] ?? `exception ${a}` };
    case Fault.UnknownSyscall:
      return { kind, pc, reason: `system call ${a} does not exist` };
    case Fault.Capability:
      return { kind, pc, reason: `receive on capability ${a}, which is neither endpoint nor notification` };
    case Fault.Breakpoint:
      return { kind, pc, reason: ["breakpoint", "breakpoint", "single step"][a] ?? "breakpoint" };
    case Fault.Timeout:
      return { kind, pc, reason: `used up its budget (${a} us)` };
    default:
      return { kind, pc, reason: "unknown" };
  }
}

/** Who still runs, and whether the appliance is over. */
export class Lives {
  readonly #running: Set<number>;
  readonly #tell: Tell;
  #over = false;

  constructor(numbers: Iterable<number>, tell: Tell) {
    this.#running = new Set(numbers);
    this.#tell = tell;
  }

  /** Component `number` has ended for good: the appliance ends with it if it is essential, or if nobody is left. */
  ended(number: number, essential: boolean, status: number): void {
    this.#running.delete(number);
    if (essential) this.#end(status);
    else if (this.#running.size === 0) this.#end(0);
  }

  /** It had ended for good, and is begun anew all the same. */
  begun(number: number): void {
    this.#running.add(number);
  }

  #end(status: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#tell({ event: "end", status });
  }
}

/** What a component came to, as the protocol has it. */
const State = { running: 1, exited: 2, faulted: 3 } as const;

/** Who is told what was loaded may also ask what became of it. */
const maySeeAll = ({ uses }: ResolvedComponent): boolean => uses.some((use) => use.kind === "file" && use.file === MEASUREMENTS_FILE);

/** What there is to serve. */
export interface Served {
  readonly system: ResolvedSystem;
  readonly running: Running;
  /** Absent: nobody is started again, and no caller waits. */
  readonly clock: Clock | undefined;
  /** Absent: no component has a capability over a guest. */
  readonly callers: Callers | undefined;
  /** Absent: nobody is started again. */
  readonly restarts: Restarts | undefined;
  /** Absent: the operator has nothing to say, for there is no guest. */
  readonly orders: Orders | undefined;
  readonly tell: Tell;
}

/** Serves for ever. A component that exited or faulted is taken away whole: who waits for it learns that it is gone, and its memory is free again. */
export function* serveComponents(env: Env, { system, running, clock, callers, restarts, orders, tell }: Served): Op<void> {
  const components = [...running.built.values()];
  const byNumber = new Map(components.map((built) => [built.component.number, built]));
  const lives = new Lives(byNumber.keys(), tell);
  /** Of those that have ended, or wait to be started again. */
  const ended = new Map<number, number>();

  /** Takes it away, and builds it anew if it may be. */
  function* over(built: Built, how: How, status: number): Op<void> {
    const { component } = built, { number } = component;
    orders?.forget(number);
    ended.set(number, how === "fault" ? State.faulted : State.exited);
    const again = restarts === undefined ? undefined : yield* restarts.again(built, how);
    if (again === undefined) return yield* overForGood(built, how === "order" ? "stopped" : how, status);
    byNumber.set(number, again);
    if (running.ended.delete(component.name)) lives.begun(number);
    if (guests !== undefined) yield* guests.ended(number, how === "order" ? "stopped" : how, status, restarts?.dueOf(number));
  }

  function* overForGood(built: Built, how: "exit" | "fault" | "stopped", status: number): Op<void> {
    const { component } = built;
    yield* bury(running, built);
    running.ended.add(component.name);
    if (guests !== undefined) yield* guests.ended(component.number, how, status, undefined);
    lives.ended(component.number, component.essential, status);
  }

  const keeper: LifeKeeper = {
    *stop(number, by) {
      const built = byNumber.get(number);
      if (built === undefined) return;
      tell({ event: "guest", guest: built.component.guest ?? "?", state: "stopped", status: STOPPED_STATUS, detail: `ended by ${by}` });
      orders?.forget(number);
      restarts?.forget(number);
      ended.set(number, State.exited);
      yield* overForGood(built, "stopped", STOPPED_STATUS);
    },
    *restart(number, by) {
      const built = byNumber.get(number), may = built === undefined ? "never" : restarts?.onOrder(built);
      if (built === undefined || may !== "may") return may === "spent" ? Guest.refusals.spent : Guest.refusals.notAllowed;
      if (!ended.has(number)) tell({ event: "guest", guest: built.component.guest ?? "?", state: "stopped", status: STOPPED_STATUS, detail: `begun anew by ${by}` });
      yield* over(built, "order", STOPPED_STATUS);
      return ended.has(number) && restarts?.dueOf(number) === undefined ? Guest.refusals.ended : 0;
    },
    *order(number, id, what) {
      const built = byNumber.get(number);
      if (built !== undefined && orders !== undefined) yield* orders.give(built, id, what);
    },
    withdraw: (number, id) => orders?.withdraw(number, id),
  };
  const guests = callers === undefined || clock === undefined ? undefined : leadGuests(env, system, callers, clock, keeper);

  function* exit(built: Built, status: number): Op<void> {
    tell({ event: "exit", component: built.component.name, status });
    yield* over(built, "exit", status);
  }

  function* tick(): Op<Response | null> {
    clock?.count();
    const { started, goesOn } = restarts === undefined ? { started: [], goesOn: false } : yield* restarts.tick();
    for (const number of started) ended.delete(number);
    if (guests !== undefined) yield* guests.started(started);
    const awaited = guests !== undefined && (yield* guests.tick());
    if (goesOn || awaited) return {};
    if (clock !== undefined) yield* clock.stop();
    return null;
  }

  const ofParent = dispatcher(Parent, env, {
    *exit({ badge, words }) {
      const built = byNumber.get(badge);
      if (built === undefined) return { label: Parent.refusals.badRequest };
      yield* exit(built, words.status % 256);
      return null;
    },
    log({ badge, bytes }) {
      tell({ event: "log", component: byNumber.get(badge)?.component.name ?? "?", text: new TextDecoder().decode(bytes) });
      return {};
    },
    *guest({ badge, bytes }) {
      const guest = byNumber.get(badge)?.component.guest;
      const report = parseReport(bytes);
      if (guest === undefined || report === null) return { label: Parent.refusals.badRequest };
      const told = guests === undefined ? report : yield* guests.heard(badge, report);
      if (told !== null) tell({ ...told, event: "guest", guest });
      return {};
    },
    order({ badge }) {
      const bytes = orders?.next(badge);
      return bytes === undefined ? { label: Parent.refusals.notFound } : { bytes };
    },
    component({ badge, words }) {
      const asker = byNumber.get(badge);
      if (asker === undefined || !maySeeAll(asker.component)) return { label: Parent.refusals.notAllowed };
      const component = components[words.index]?.component;
      if (component === undefined) return { label: Parent.refusals.notFound };
      const text = new TextEncoder();
      const name = text.encode(component.name);
      return { words: [ended.get(component.number) ?? State.running, name.length], bytes: text.encode(component.name + component.program.file) };
    },
  });

  /** A fault is not answered. A hosted program that returned ends as if it had exited with 0. */
  function* faulted(built: Built, message: Message): Op<void> {
    const { component } = built;
    if (component.program.kind === "hosted" && message.label === Fault.Breakpoint) return yield* exit(built, 0);
    tell({ event: "fault", component: component.name, ...describeFault(message) });
    yield* over(built, "fault", FAULT_STATUS);
  }

  const byGuest = (guest: string): Built | undefined => [...byNumber.values()].find(({ component }) => component.guest === guest && !ended.has(component.number));
  const ofDevices = dmaKeeper(env, components.flatMap(({ devices }) => devices), tell);
  function* signalled(word: number): Op<void> {
    yield* ofDevices(word);
    if (orders !== undefined) yield* orders.signalled(word, byGuest);
  }

  yield* serve(env, function* (message) {
    if (message.badge < GUEST_BADGE) return yield* ofParent(message);
    if (message.badge < KEEPER_BADGE) return guests === undefined ? null : yield* guests.dispatch(message);
    if (message.badge === TICK_BADGE) return yield* tick();
    const built = byNumber.get(message.badge - KEEPER_BADGE);
    if (built !== undefined) yield* faulted(built, message);
    return null;
  }, { endpoint: InitSlot.Service, reply: InitSlot.Reply, signalled });
}

/** A VMM's report: a JSON object, whatever else it holds. */
function parseReport(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
