// The kernel's capabilities against the drawn ones: any sequence of retype, copy, mint, move, mutate, delete and revoke leaves the same capabilities in
// the same slots, naming the same objects, with the same descendants; and the kernel does and refuses what the drawing does and refuses.
import { inspect } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Invocation, Kind } from "../../caps/abi/numbers.ts";
import { isAncestor } from "../../caps/model/derivation.ts";
import { FakeMachine } from "../support/fake-machine.ts";
import { KernelBed, pair, retypeWord, Slot } from "../support/kernel-bed.ts";
import type { Program } from "../support/testbed.ts";
import * as model from "./capability-model.ts";
import type { Cap, Place, Thing, ThingKind } from "./capability-model.ts";
import { below, LIMIT, runs, wasLong } from "./runs.ts";

const I = Invocation;
/** The slots of the root CNode that the commands use, and those of other CNodes. */
const FIRST = 64, SLOTS = 20, SUB = 4, ROOT_BITS = 14;
const KINDS: readonly (readonly [ThingKind, number, number])[] = [
  ["Untyped", 13, 13], ["Untyped", 12, 12], ["Untyped", 7, 7], ["CNode", 2, 7], ["TCB", 0, 11], ["Endpoint", 0, 5], ["Endpoint", 0, 5], ["Notification", 0, 6], ["Reply", 0, 5],
  ["SchedContext", 0, 8], ["PageTable", 0, 12], ["Frame", 12, 12],
];

/**
 * A slot: the nth that is full or empty, so that most commands have something to work on; or whatever stands in slot s of the root CNode (c = 0) or of
 * the CNode in slot c of the root.
 */
type Spot = { readonly full: number } | { readonly empty: number } | { readonly c: number; readonly s: number };
type Command =
  | { readonly do: "retype"; readonly from: number; readonly kind: number; readonly count: number; readonly to: Spot }
  | { readonly do: "copy" | "mint" | "move" | "mutate"; readonly from: Spot; readonly to: Spot; readonly rights: number; readonly badge: bigint }
  | { readonly do: "rotate"; readonly to: Spot; readonly pivot: Spot; readonly from: Spot; readonly swap: boolean }
  | { readonly do: "delete" | "revoke"; readonly at: Spot };

class World {
  readonly bed = new KernelBed(new FakeMachine(2 ** 22));
  readonly a: Program = this.bed.thread("a");
  readonly root = model.newThing("CNode", 0, null, SLOTS);

  constructor() {
    this.bed.give(this.a, FIRST, this.bed.make(Kind.Untyped, ROOT_BITS));
    const untyped = model.newThing("Untyped", ROOT_BITS, null);
    model.put(untyped, { cnode: this.root, index: 0, access: 15 }, null, 15, 0n, true);
  }

  /** Where a spot is, for the model and for a call; null when there is no such CNode. */
  spot(spot: Spot): { place: Place; cptr: number; index: number; depth: number } | null {
    const { c, s } = "c" in spot ? spot : this.nth(spot);
    if (c === 0) return { place: { cnode: this.root, index: s % SLOTS, access: 15 }, cptr: Slot.CNODE, index: FIRST + (s % SLOTS), depth: 32 };
    const named = this.root.slots[c % SLOTS];
    if (named?.thing.kind !== "CNode") return null;
    const guard = model.guardOf(named.badge), index = guard.bits * SUB + (s % SUB);
    return { place: { cnode: named.thing, index: s % SUB, access: named.rights }, cptr: FIRST + (c % SLOTS), index, depth: guard.size + 2 };
  }

  nth(spot: { readonly full: number } | { readonly empty: number }): { c: number; s: number } {
    const all: { c: number; s: number }[] = [];
    this.root.slots.forEach((cap, s) => {
      if ((cap !== null) === "full" in spot) all.push({ c: 0, s });
      // Slot 0 of the root cannot be named as a CNode: c = 0 is the root itself.
      if (cap?.thing.kind === "CNode" && s > 0) cap.thing.slots.forEach((inner, i) => (inner !== null) === "full" in spot && all.push({ c: s, s: i }));
    });
    const n = "full" in spot ? spot.full : spot.empty;
    return all[n % all.length] ?? { c: 0, s: 0 };
  }

  /** Carries the command out on both; whether each did it. */
  step(command: Command): { kernel: boolean; model: boolean } | null {
    const { bed, a } = this;
    const call = (cap: number, label: number, ...words: (number | bigint)[]): boolean => {
      const outcome = bed.finish(a, cap, label, ...words);
      if (typeof outcome === "string") throw new Error(`the call ended in ${outcome}`);
      return outcome.error === 0;
    };
    switch (command.do) {
      case "retype": {
        const untypeds = this.root.slots.flatMap((cap, s) => (cap?.thing.kind === "Untyped" ? [{ cap, s }] : []));
        const source = untypeds[command.from % untypeds.length], to = this.spot(command.to);
        if (source === undefined || to === null) return null;
        const [kind, sizeBits, bits] = KINDS[command.kind]!;
        const places = Array.from({ length: command.count }, (_, i) => ({ ...to.place, index: to.place.index + i }));
        // The root CNode goes on behind the slots that the commands use. Retype takes a slot as it is, without the guard.
        if (to.place.cnode === this.root && to.place.index + command.count > SLOTS) return null;
        return {
          kernel: call(FIRST + source.s, I.UntypedRetype, retypeWord(Kind[kind], sizeBits, command.count), to.cptr, to.place.cnode === this.root ? to.index : to.place.index),
          model: model.retype(source.cap, kind, bits, kind === "CNode" ? SUB : 0, places),
        };
      }
      case "delete":
      case "revoke": {
        const at = this.spot(command.at);
        if (at === null) return null;
        const kernel = call(at.cptr, command.do === "delete" ? I.CNodeDelete : I.CNodeRevoke, pair(at.index, at.depth));
        if ((at.place.access & 1) === 0) return { kernel, model: false };
        const cap = model.at(at.place);
        if (cap !== null && command.do === "delete") model.remove(cap);
        if (cap !== null && command.do === "revoke") model.revoke(cap);
        return { kernel, model: true };
      }
      case "rotate": {
        const from = this.spot(command.from), pivot = this.spot(command.pivot), to = command.swap ? from : this.spot(command.to);
        if (from === null || pivot === null || to === null) return null;
        const words = [pair(to.index, to.depth), pair(pivot.index, pivot.depth), pair(from.index, from.depth), pair(pivot.cptr, from.cptr)];
        return { kernel: call(to.cptr, I.CNodeRotate, ...words), model: model.rotate(to.place, pivot.place, from.place) };
      }
      default: {
        const from = this.spot(command.from), to = this.spot(command.to);
        if (from === null || to === null) return null;
        const badge = command.do === "mint" || command.do === "mutate" ? command.badge : null;
        const moving = command.do === "move" || command.do === "mutate";
        const label = { copy: I.CNodeCopy, mint: I.CNodeMint, move: I.CNodeMove, mutate: I.CNodeMutate }[command.do];
        const words = [pair(to.index, to.depth), pair(from.index, from.depth | (command.rights << 8)), from.cptr];
        return {
          kernel: call(to.cptr, label, ...words, ...(badge === null ? [] : [badge])),
          model: moving ? model.move(from.place, to.place, badge) : model.copy(from.place, to.place, command.rights, badge),
        };
      }
    }
  }

  /** Compares all there is. */
  compare(): void {
    const { k } = this.bed, s = k.slots;
    const rowOf = new Map<Cap, number>(), idOf = new Map<Thing, number>();
    const walk = (cnode: Thing, first: number): void => {
      cnode.slots.forEach((cap, i) => {
        const row = first + i;
        expect(s.isEmpty(row), `slot ${i} of object ${idOf.get(cnode) ?? 0}`).toBe(cap === null);
        if (cap === null) return;
        rowOf.set(cap, row);
        expect({ kind: s.kind[row], rights: s.rights[row], badge: pair(s.badgeLo[row]!, s.badgeHi[row]!) }).toEqual({ kind: Kind[cap.thing.kind], rights: cap.rights, badge: cap.badge });
        const known = idOf.get(cap.thing);
        if (known !== undefined) return expect(s.object[row]).toBe(known);
        idOf.set(cap.thing, s.object[row]!);
        if (cap.thing.kind === "CNode") walk(cap.thing, k.cnodes[s.object[row]!]!.first);
      });
    };
    walk(this.root, this.a.slots + FIRST);
    expect(new Set(idOf.values()).size, "distinct objects").toBe(idOf.size);
    for (const [thing, id] of idOf) if (thing.kind === "Untyped" && thing.made.size > 0) expect(k.objects.watermark[id]).toBe(thing.used);
    const rows = new Set(rowOf.values());
    for (const [cap, row] of rowOf) {
      const found: number[] = [];
      for (let next = s.next[row]!; next !== 0 && isAncestor(s, k.objects, row, next); next = s.next[next]!) if (rows.has(next)) found.push(next);
      const drawn = [...model.descendants(cap)].flatMap((c) => rowOf.get(c) ?? []);
      expect(found.sort((x, y) => x - y), `descendants of the ${cap.thing.kind} in row ${row}`).toEqual(drawn.sort((x, y) => x - y));
    }
  }
}

const anywhere = fc.record({ c: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: below(SLOTS) }), s: below(SLOTS) });
const full: fc.Arbitrary<Spot> = fc.oneof({ weight: 9, arbitrary: fc.record({ full: below(100) }) }, { weight: 1, arbitrary: anywhere });
const empty: fc.Arbitrary<Spot> = fc.oneof({ weight: 9, arbitrary: fc.record({ empty: below(100) }) }, { weight: 1, arbitrary: anywhere });
const transfer = (name: "copy" | "mint" | "move" | "mutate") =>
  fc.record({ do: fc.constant(name), from: full, to: empty, rights: fc.oneof({ weight: 3, arbitrary: fc.constant(15) }, { weight: 2, arbitrary: below(32) }), badge: fc.oneof(fc.bigInt({ min: 0n, max: 3n }), fc.constantFrom(2n ** 32n, 2n ** 63n + 5n, (5n << 32n) | 21n, 30n << 32n, 31n << 32n, (4n << 32n) | 16n)) });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("retype" as const), from: below(SLOTS), kind: below(KINDS.length), count: fc.integer({ min: 1, max: 3 }), to: empty }) },
  { weight: 4, arbitrary: transfer("copy") },
  { weight: 3, arbitrary: transfer("mint") },
  { weight: 2, arbitrary: transfer("move") },
  { weight: 1, arbitrary: transfer("mutate") },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rotate" as const), to: empty, pivot: full, from: full, swap: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), at: full }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("revoke" as const), at: full }) },
);

test("MODEL-CAPS any sequence of operations leaves the kernel with the capabilities of the naive model", () => {
  const done = { yes: 0, no: 0 };
  fc.assert(
    fc.property(fc.array(command, { minLength: 10, maxLength: 80, size: "max" }), (commands) => {
      const world = new World();
      for (const c of commands) {
        const outcome = world.step(c);
        if (outcome === null) continue;
        expect(outcome.kernel, inspect(c)).toBe(outcome.model);
        done[outcome.kernel ? "yes" : "no"]++;
        world.compare();
      }
    }),
    runs(150),
  );
  // The commands are about something: many are carried out, and many are refused.
  if (wasLong(150)) expect(Math.min(done.yes, done.no)).toBeGreaterThan(100);
}, LIMIT);
