// The lives of guests, as components see and lead them that have a capability over one (protocol Guest). What the root server can do itself (end it, begin it anew) is done and answered; what only its VMM can
// do is an order like the operator's (orders.ts), and its caller waits until the VMM has reported. The root server waits for nobody.
//
//   GUESTS-1  A call is answered once: when it is carried out or refused, when the guest ends, when its time is over, or when the one whom the manifest gave the capability has ended.
//   GUESTS-2  A VMM is believed about its own guest, and answers its own orders; that a guest has ended is what the root server has done or seen itself.
//   GUESTS-3  Whoever may only look has the VMM interrupted once a tick at most, however many ask.
import type { ResolvedSystem } from "../../caps/image/system.ts";
import { dispatcher, type Dispatch, type Response } from "../lib/ts/serve.ts";
import type { Env, Op } from "../lib/ts/sdk.ts";
import type { Callers, Place } from "./callers.ts";
import type { Clock } from "./clock.ts";
import { FIRST_CONTROL, Guest, GuestEnding, GuestState } from "./guest-protocol.ts";
import { TICK_US } from "./policy.ts";

/** A VMM answers between two exits of its guest; it may wait for its turn. */
const PATIENCE_TICKS = 5_000_000 / TICK_US;
const { refusals } = Guest;

/** What the root server does with components. Each has told the operator when it comes back, and this module through `ended`. */
export interface LifeKeeper {
  /** Ends it for good. */
  stop(number: number, by: string): Op<void>;
  /** Ends it if it has not, and builds it anew. What prevents it, or 0. */
  restart(number: number, by: string): Op<number>;
  /** Puts an order before a VMM. */
  order(number: number, id: number, what: string): Op<void>;
  /** Takes one back that its VMM has not fetched. */
  withdraw(number: number, id: number): void;
}

/** A VMM's report: a JSON object, whatever else it holds. */
export type Report = Readonly<Record<string, unknown>>;

export interface Guests {
  readonly dispatch: Dispatch;
  /** What the operator is to be told of this report; null: it was an answer for a component, and nothing has changed. */
  heard(number: number, report: Report): Op<Report | null>;
  /** Component `number` has ended. @param due the tick at which it begins anew; undefined: it has ended for good */
  ended(number: number, how: "exit" | "fault" | "stopped", status: number, due: number | undefined): Op<void>;
  /** Components that were to begin anew run. */
  started(numbers: readonly number[]): Op<void>;
  /** The clock has ticked. True: somebody waits for a time. */
  tick(): Op<boolean>;
}

interface Life {
  readonly guest: string;
  /** Of its VMM. */
  readonly number: number;
  state: number;
  ending: number;
  status: number;
  life: number;
  change: number;
  /** It is the operator who has paused it. */
  held: boolean;
  /** What its VMM says of how it ends. */
  said: number;
  /** With `waiting`: when it is to begin. */
  due: number;
}

interface Grant {
  readonly life: Life;
  readonly control: boolean;
  readonly holder: string;
  readonly number: number;
}

interface Call {
  readonly what: "pause" | "resume" | "shutdown" | "stats" | "restart" | "changed";
  readonly badge: number;
  readonly life: Life;
  readonly place: Place;
  /** The order's, below 0: the operator's are above. 0: there is none, or not yet. */
  id: number;
  readonly due: number;
}

const wordsOf = ({ state, ending, status, life, change }: Life): readonly number[] => [state, ending, status, life, change];
const STATS = Guest.methods.stats.returns.length;

export function leadGuests(env: Env, { components }: ResolvedSystem, callers: Callers, clock: Clock, keeper: LifeKeeper): Guests {
  const lives = new Map(
    components.flatMap(({ guest, number }) => (guest === undefined ? [] : [[number, { guest, number, state: GuestState.starting, ending: GuestEnding.none, status: 0, life: 1, change: 1, held: false, said: GuestEnding.none, due: 0 } as Life]])),
  );
  const grants = new Map(
    components.flatMap(({ name, number, uses }) =>
      uses.flatMap((use) => {
        const life = use.kind === "guest" ? [...lives.values()].find(({ guest }) => guest === use.guest) : undefined;
        return use.kind !== "guest" || life === undefined ? [] : [[use.badge, { life, control: use.facet === "control", holder: name, number } as Grant]];
      }),
    ),
  );
  const calls = new Set<Call>();
  let last = 0;

  function* answer(which: (call: Call) => boolean, response: Response): Op<void> {
    for (const call of [...calls].filter(which)) {
      calls.delete(call);
      yield* callers.answer(call.place, response);
    }
  }

  function* become(life: Life, news: Partial<Life>): Op<void> {
    Object.assign(life, news);
    life.change++;
    yield* answer((call) => call.life === life && call.what === "changed", { words: wordsOf(life) });
  }

  /** A place for the one that is being served. Who only waits for something to happen makes room: he asks again, if he is still there. */
  function* place(badge: number): Op<Place | undefined> {
    const kept = yield* callers.keep(badge);
    const oldest = kept === undefined ? [...calls].find((call) => call.badge === badge && call.what === "changed") : undefined;
    if (oldest === undefined) return kept;
    yield* answer((call) => call === oldest, { words: wordsOf(oldest.life) });
    return yield* callers.keep(badge);
  }

  /** Has the caller wait, at most until tick `due`. Null, as a handler says it; or why not. */
  function* wait(badge: number, life: Life, what: Call["what"], due: number): Op<Call | Response> {
    const kept = yield* place(badge);
    if (kept === undefined) return { label: refusals.busy };
    const call: Call = { what, badge, life, place: kept, id: 0, due };
    calls.add(call);
    if (due < Infinity) yield* clock.start();
    return call;
  }

  const isGone = ({ state }: Life): boolean => state === GuestState.ended || state === GuestState.waiting;

  function* ask(badge: number, what: "pause" | "resume" | "shutdown" | "stats"): Op<Response | null> {
    const { life } = grants.get(badge)!;
    if (isGone(life)) return { label: refusals.ended };
    const call = yield* wait(badge, life, what, clock.now + PATIENCE_TICKS);
    if (!("place" in call)) return call;
    // Of its devices it is asked at the next tick, once for all who want to know.
    if (what !== "stats") yield* keeper.order(life.number, (call.id = --last), what);
    return null;
  }

  function* restart(badge: number): Op<Response | null> {
    const { life, holder } = grants.get(badge)!;
    const kept = yield* place(badge);
    if (kept === undefined) return { label: refusals.busy };
    const label = life.state === GuestState.waiting ? 0 : yield* keeper.restart(life.number, holder);
    if (label !== 0) yield* callers.answer(kept, { label });
    else {
      calls.add({ what: "restart", badge, life, place: kept, id: 0, due: life.due + PATIENCE_TICKS });
      yield* clock.start();
    }
    return null;
  }

  const ofGuest = dispatcher(Guest, env, {
    state: ({ badge }) => ({ words: wordsOf(grants.get(badge)!.life) }),
    *changed({ badge, words }) {
      const { life } = grants.get(badge)!;
      if (life.change !== words.change) return { words: wordsOf(life) };
      const call = yield* wait(badge, life, "changed", Infinity);
      return "place" in call ? null : call;
    },
    stats: ({ badge }) => ask(badge, "stats"),
    pause: ({ badge }) => ask(badge, "pause"),
    resume: ({ badge }) => ask(badge, "resume"),
    *stop({ badge }) {
      const { life, holder } = grants.get(badge)!;
      if (life.state === GuestState.ended) return { label: refusals.ended };
      yield* keeper.stop(life.number, holder);
      return {};
    },
    restart: ({ badge }) => restart(badge),
    shutdown: ({ badge }) => ask(badge, "shutdown"),
  });

  return {
    *dispatch(message) {
      const grant = grants.get(message.badge);
      if (grant === undefined) return { label: refusals.badRequest };
      if (!grant.control && message.label >= FIRST_CONTROL) return { label: refusals.notAllowed };
      return yield* ofGuest(message);
    },

    *heard(number, report) {
      const life = lives.get(number), { state, order } = report;
      if (life === undefined) return report;
      const byProgram = typeof order === "number" && order < 0;
      const isAnswered = (call: Call): boolean => byProgram && call.id === order && call.life === life;
      const asked = [...calls].find(isAnswered), told = asked === undefined ? report : { ...report, by: grants.get(asked.badge)?.holder };
      switch (state) {
        case "running":
          yield* become(life, { state: GuestState.running, held: false });
          yield* answer((call) => call.life === life && call.what === "restart", {});
          return told;
        case "paused":
        case "resumed":
          yield* become(life, state === "paused" ? { state: GuestState.paused, held: !byProgram } : { state: GuestState.running, held: false });
          yield* answer((call) => isAnswered(call) && call.what === (state === "paused" ? "pause" : "resume"), {});
          return told;
        case "taken":
          if (!byProgram) return report;
          yield* answer((call) => isAnswered(call) && call.what === "shutdown", {});
          return null;
        case "counted":
          yield* answer((call) => isAnswered(call) && call.what === "stats", { words: toCounts(report["counts"]) });
          return null;
        case "refused":
          if (!byProgram) return report;
          yield* answer(isAnswered, { label: asked?.what === "resume" && life.held ? refusals.held : refusals.wrongState });
          return null;
        default:
          if (typeof state === "string" && Object.hasOwn(ENDINGS, state)) life.said = ENDINGS[state as keyof typeof ENDINGS];
          return report;
      }
    },

    *ended(number, how, status, due) {
      yield* answer(({ badge }) => grants.get(badge)?.number === number, { label: refusals.noAnswer });
      const life = lives.get(number);
      if (life === undefined) return;
      // One that is begun anew after its end has ended as it did.
      const over = life.state === GuestState.ended;
      const ending = over ? life.ending : how === "stopped" ? GuestEnding.stopped : how === "fault" ? GuestEnding.faulted : life.said === GuestEnding.none ? GuestEnding.exited : life.said;
      yield* answer((call) => call.life === life && call.what !== "changed", { label: refusals.ended });
      yield* become(life, { ending, status: over ? life.status : status, said: GuestEnding.none, held: false, ...(due === undefined ? { state: GuestState.ended } : { state: GuestState.waiting, due }) });
    },

    *started(numbers) {
      for (const life of lives.values()) if (numbers.includes(life.number)) yield* become(life, { state: GuestState.starting, life: life.life + 1 });
    },

    *tick() {
      for (const call of calls) {
        if (call.due > clock.now) continue;
        keeper.withdraw(call.life.number, call.id);
        yield* answer((other) => other === call, { label: refusals.noAnswer });
      }
      for (const life of lives.values()) {
        const counting = [...calls].filter((call) => call.life === life && call.what === "stats");
        if (counting.length === 0 || counting.some(({ id }) => id !== 0)) continue;
        last--;
        for (const call of counting) call.id = last;
        yield* keeper.order(life.number, last, "count");
      }
      return [...calls].some(({ due }) => due < Infinity);
    },
  };
}

/** Those that a VMM reports. */
const ENDINGS = (({ poweroff, reboot, panic, stuck, broken, unbootable }) => ({ poweroff, reboot, panic, stuck, broken, unbootable }))(GuestEnding);

/** So many numbers, whatever a VMM has sent. */
function toCounts(counts: unknown): readonly number[] {
  const given: readonly unknown[] = Array.isArray(counts) ? counts : [];
  return Array.from({ length: STATS }, (_, i) => (Number.isSafeInteger(given[i]) && (given[i] as number) >= 0 ? (given[i] as number) : 0));
}
