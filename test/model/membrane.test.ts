// MODEL-MEMBRANE: a membrane (servers/lib/ts/patterns/membrane.ts) against what is to be true of it, said without a table: each side has references, a reference that crosses
// is wrapped or comes home, the same one looks the same each time, a side has its share, and revoking ends all. Random calls in both directions, with capabilities in
// requests and answers, revocations, and targets that go away.
import fc from "fast-check";
import { expect, test } from "vitest";
import { InitSlot, Kind } from "../../caps/abi/numbers.ts";
import { Patterns } from "../../caps/protocol/patterns.ts";
import { Membrane } from "../../servers/lib/ts/patterns/membrane.ts";
import { otherSide, type Side } from "../../servers/lib/ts/patterns/membrane-places.ts";
import { Cap, FakeCSpace, finish, type Thing } from "../support/fake-cspace.ts";
import { LIMIT, runs, wasLong } from "./runs.ts";

const EACH = 4, OBJECTS = 6, RUNS = 300;
const FIRST = 2 ** 31, RECEIVE = 128, PLACES = 140, PASSED = 0x777;
const SIDES: readonly Side[] = ["inner", "outer"];

/** Something that a side made: who holds it at home, and what it is. */
interface Original {
  readonly home: Side;
  readonly kind: "endpoint" | "table";
  readonly thing: Thing;
  readonly badge: number;
}
/** What somebody holds: the original itself, or a wrapper of it made in some epoch (a revocation ends one). */
interface Reference {
  readonly of: Original;
  readonly epoch: number | null;
  readonly cap: Cap;
}

type Command =
  | { readonly do: "call"; readonly from: Side; readonly by: number; readonly gives: readonly number[]; readonly gets: readonly number[] }
  | { readonly do: "revoke" }
  | { readonly do: "destroy"; readonly side: Side; readonly which: number };

const place = fc.nat({ max: 40 });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant("call" as const), from: fc.constantFrom(...SIDES), by: place, gives: fc.array(place, { maxLength: 3 }), gets: fc.array(place, { maxLength: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("revoke" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("destroy" as const), side: fc.constantFrom(...SIDES), which: place }) },
);

class World {
  readonly space = new FakeCSpace();
  readonly service: Thing = { kind: Kind.Endpoint, alive: true };
  readonly membrane: Membrane;
  readonly held: Record<Side, Reference[]> = { inner: [], outer: [] };
  readonly originals: Original[] = [];
  epoch = 0;
  /** The wrappers of this epoch, by their originals, and the badges that they have shown. */
  readonly wrapped = new Map<Original, number>();
  readonly badges = new Set<number>();
  passed = 0;

  constructor() {
    this.space.put(InitSlot.Service, new Cap(this.service, 0, 15));
    this.membrane = new Membrane(this.space, { badgeFirst: FIRST, places: 2 * EACH, slots: PLACES, receive: RECEIVE });
    for (const home of SIDES) {
      for (let n = 0; n < OBJECTS; n++) {
        const kind = n === OBJECTS - 1 ? "table" : "endpoint";
        // Two badges of one object are two capabilities.
        const thing = n === 1 ? this.originals.at(-1)!.thing : { kind: kind === "table" ? Kind.CNode : Kind.Endpoint, alive: true };
        const of: Original = { home, kind, thing, badge: kind === "table" ? 0 : n + 1 };
        this.originals.push(of);
        this.held[home].push({ of, epoch: null, cap: new Cap(thing, of.badge, 15) });
      }
    }
    this.space.sys.receiveSlots(InitSlot.CNode, RECEIVE, 32, 3);
    this.begin();
  }

  /** The inner side's first object is lent to the outer side. */
  begin(): void {
    const first = this.held.inner[0]!;
    const slot = 120;
    if (!first.cap.isThere) return;
    this.space.put(slot, first.cap.copy());
    const made = finish(this.membrane.wrap("inner", slot));
    expect(made.ok).toBe(true);
    if (made.ok) this.held.outer.push({ of: first.of, epoch: this.epoch, cap: this.space.at(made.cap)!.copy() });
    if (made.ok) this.know(first.of, this.space.at(made.cap)!.badge);
    finish(this.space.sys.call(InitSlot.CNode, 0x205, [slot + 32 * 2 ** 32]));
  }

  /** A wrapper of before a revocation; or its original is gone, and the place may have been given to another. */
  isOver({ of, epoch }: Reference): boolean {
    return epoch !== this.epoch || !of.thing.alive;
  }

  know(of: Original, badge: number): void {
    const known = this.wrapped.get(of);
    if (known === undefined) expect(this.badges.has(badge)).toBe(false);
    else expect(badge).toBe(known);
    this.wrapped.set(of, badge);
    this.badges.add(badge);
  }

  /** What must come of a message that `from` sends with these: the originals and how they look on the other side, or a refusal. */
  expected(from: Side, sent: readonly Reference[]): number {
    const news = new Set<Original>();
    for (const { of, epoch, cap } of sent) {
      if (!cap.isThere) return 0;
      if (epoch !== null) continue;
      if (of.kind === "table") return Patterns.refusals.cannotPass;
      const mine = [...this.wrapped.keys()].filter((each) => each.home === from && each.thing.alive);
      if (!mine.includes(of)) news.add(of);
      if (new Set([...mine, ...news]).size > EACH) return Patterns.refusals.full;
    }
    return 0;
  }

  /** What arrived at `to` is what the other side sent, wrapped or home (M1, M3). */
  arrive(to: Side, sent: readonly Reference[], arrived: readonly Cap[]): void {
    // The first that is nothing is the last that is looked at: that of the sender, or what it would be at home.
    const upTo = sent.findIndex(({ cap, of }) => !cap.isThere || (of.home === to && !of.thing.alive));
    const there = upTo < 0 ? sent : sent.slice(0, upTo);
    expect(arrived).toHaveLength(there.length);
    there.forEach(({ of }, i) => {
      const cap = arrived[i]!;
      if (of.home === to) expect([cap.thing, cap.badge]).toEqual([of.thing, of.badge]);
      else {
        expect(cap.thing).toBe(this.service);
        this.know(of, cap.badge);
      }
      this.held[to].push({ of, epoch: of.home === to ? null : this.epoch, cap: cap.copy() });
    });
  }

  call(from: Side, by: number, gives: readonly number[], gets: readonly number[]): void {
    const doors = this.held[from].filter(({ epoch }) => epoch !== null);
    const door = doors[by % doors.length];
    if (door === undefined) return;
    // M4: a wrapper of before a revocation is gone.
    if (!door.cap.isThere) return expect(this.isOver(door)).toBe(true);
    const to = otherSide(from), pick = (side: Side, which: readonly number[]): Reference[] => which.map((n) => this.held[side][n % this.held[side].length]!);
    const given = pick(from, gives), back = pick(to, gets);
    const refusal = this.expected(from, given), alive = door.of.thing.alive;
    let reached = false, refusalBack = 0;
    // With a wrapper of what is gone in it, a message may pass or be refused: it depends on whether that place was needed. What arrives is right all the same.
    const dead = (sent: readonly Reference[]): boolean => sent.some(({ of }) => !of.thing.alive);
    const looseThere = dead(given), looseBack = looseThere || dead(back);
    this.space.target = (cap, { label, words, caps }) => {
      reached = true;
      expect([cap.thing, cap.badge, label, words]).toEqual([door.of.thing, door.of.badge, PASSED, [5n, 6n]]);
      this.arrive(to, given, caps);
      refusalBack = this.expected(to, back);
      return { label: PASSED + 1, words: [7], caps: back.map((each) => each.cap) };
    };
    // What a refused request has wrapped stays wrapped.
    const before = this.membrane.wrapped;
    const response = finish(this.membrane.handle(this.space.receive(door.cap.badge, { label: PASSED, words: [5, 6], caps: given.map(({ cap }) => cap) }, this.service)));
    if (!looseThere || !alive) expect(reached).toBe(refusal === 0 && alive);
    const { cannotPass, full, gone } = Patterns.refusals;
    if (looseThere && !reached) expect([cannotPass, full, gone]).toContain(response.label);
    else if (refusal !== 0) expect(response).toEqual({ label: refusal, words: [] });
    else if (!alive) expect(response.label).toBe(gone);
    else if (response.label === PASSED + 1) this.arrive(from, back, this.brought(response.caps ?? []));
    else if (looseBack) expect([cannotPass, full]).toContain(response.label);
    else expect(response).toEqual({ label: refusalBack, words: [] });
    if (before !== this.membrane.wrapped) {
      this.learn(from, given);
      this.learn(to, back);
    }
    if (response.label === PASSED + 1) this.passed++;
  }

  brought(slots: readonly number[]): Cap[] {
    const caps = slots.map((slot) => this.space.at(slot)), end = caps.indexOf(undefined);
    return caps.slice(0, end < 0 ? caps.length : end) as Cap[];
  }

  /** Wrappers that a refused message has left: their badges are known by looking, for the counting of places. */
  learn(side: Side, sent: readonly Reference[]): void {
    for (const { of, epoch } of sent) {
      if (epoch !== null || this.wrapped.has(of) || of.kind === "table") continue;
      for (let n = 0; n < 2 * EACH; n++) {
        const kept = this.space.at(PLACES + 2 * n), wrapper = this.space.at(PLACES + 2 * n + 1);
        if (of.home === side && kept?.thing === of.thing && kept.badge === of.badge) this.know(of, wrapper!.badge);
      }
    }
  }

  step(command: Command): void {
    if (command.do === "call") this.call(command.from, command.by, command.gives, command.gets);
    else if (command.do === "destroy") this.originals.filter(({ home }) => home === command.side)[command.which % OBJECTS]!.thing.alive = false;
    else {
      finish(this.membrane.revoke());
      this.epoch++;
      this.wrapped.clear();
      this.begin();
    }
    // Nothing is left in receive slots.
    for (let slot = RECEIVE; slot < RECEIVE + 6; slot++) expect(this.space.at(slot)).toBeUndefined();
    // M1, over all that anybody holds: an original is at home.
    for (const side of SIDES) {
      for (const { cap, of, epoch } of this.held[side]) {
        if (cap.thing !== this.service) expect(of.home).toBe(side);
        else if (epoch !== this.epoch) expect(cap.isThere).toBe(false);
      }
    }
  }
}

test("a membrane wraps, unwraps, keeps identity, shares out its places and revokes, whatever passes", { timeout: LIMIT }, () => {
  let passed = 0;
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 60 }), (commands) => {
      const world = new World();
      for (const each of commands) world.step(each);
      passed += world.passed;
    }),
    runs(RUNS),
  );
  // It is no model of refusals alone.
  if (wasLong(RUNS)) expect(passed).toBeGreaterThan(100);
});
