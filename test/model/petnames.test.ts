// MODEL-PETNAMES: the petname directories of servers/lib/ts/patterns/petnames.ts against a list of pairs: whatever is added, renamed and removed, names and capabilities are one to
// one, no two names look alike, and a refusal changes nothing.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Kind } from "../../caps/abi/numbers.ts";
import { isPetname, Petnames, skeleton, type PetnameResult } from "../../servers/lib/ts/patterns/petnames.ts";
import { Cap, FakeCSpace, finish } from "../support/fake-cspace.ts";
import { LIMIT, runs, wasLong } from "./runs.ts";

const MOST = 3, SLOTS = 8, RUNS = 500;
/** Names out of few letters, so that they meet: those that look alike and those that do not. */
const name = fc.oneof({ weight: 2, arbitrary: fc.constantFrom("a", "b c", "d", "e", "1", "l", "W", "vv") }, fc.array(fc.constantFrom("a", "A", "l", "1", "I", "o", "0", "rn", "m", "vv", "w", "-", " ", "."), { minLength: 0, maxLength: 4 }).map((parts) => parts.join("")), fc.string({ maxLength: 40 }));
const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("add" as const), name, slot: fc.nat({ max: SLOTS }) }) },
  fc.record({ do: fc.constant("rename" as const), name, to: name, known: fc.nat({ max: MOST }) }),
  fc.record({ do: fc.constant("remove" as const), name, known: fc.nat({ max: MOST }) }),
);

test("names and capabilities are one to one, and no two names look alike", { timeout: LIMIT }, () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 40 }), (commands) => {
      const space = new FakeCSpace();
      const thing = { kind: Kind.Endpoint, alive: true };
      // Slots 1, 2 and 3 hold three badges of one endpoint; 4 a copy of 1; 5 and 6 the same memory; 7 other memory; 8 nothing.
      for (const badge of [1, 2, 3, 1]) space.put([1, 2, 3, 4].find((slot) => space.at(slot) === undefined)!, new Cap(thing, badge, 15));
      const frame = { kind: Kind.Frame, alive: true };
      space.put(5, new Cap(frame, 0, 15));
      space.put(6, new Cap(frame, 0, 2));
      space.put(7, new Cap({ kind: Kind.Frame, alive: true }, 0, 15));
      const identity = (slot: number): string => ["nothing", "a", "b", "c", "a", "d", "d", "e", "nothing"][slot]!;
      const names = new Petnames(space.sys, MOST);
      const model: { readonly name: string; readonly who: string }[] = [];
      const judge = (wanted: string, except?: string): string => {
        if (!isPetname(wanted)) return "badName";
        const others = model.filter((each) => each.name !== except);
        if (others.some((each) => each.name === wanted)) return "taken";
        return others.some((each) => skeleton(each.name) === skeleton(wanted)) ? "lookAlike" : "";
      };
      const check = (result: PetnameResult, refusal: string): boolean => {
        seen.add(refusal);
        expect(result.ok ? "" : result.refusal).toBe(refusal);
        return result.ok;
      };
      for (const each of commands) {
        const known = each.do === "add" ? undefined : model[each.known]?.name;
        const old = known ?? each.name;
        if (each.do === "add") {
          const who = identity(each.slot);
          const refusal = judge(each.name) || (who === "nothing" ? "nothing" : model.some((other) => other.who === who) ? "hasOne" : model.length >= MOST ? "full" : "");
          if (check(finish(names.add(each.name, each.slot)), refusal)) model.push({ name: each.name, who });
        } else if (each.do === "rename") {
          const at = model.findIndex((other) => other.name === old);
          if (check(names.rename(old, each.to), at < 0 ? "nothing" : judge(each.to, old))) model[at] = { name: each.to, who: model[at]!.who };
        } else {
          const at = model.findIndex((other) => other.name === old);
          expect(names.remove(old)).toBe(at >= 0);
          if (at >= 0) model.splice(at, 1);
        }
        // N1, both ways, and N3.
        for (let slot = 0; slot <= SLOTS; slot++) expect(finish(names.nameOf(slot))?.petname).toBe(model.find(({ who }) => who === identity(slot))?.name);
        for (const { name: petname, who } of model) expect(identity(names.capOf(petname)!)).toBe(who);
        expect(new Set(names.all().map(({ petname }) => skeleton(petname))).size).toBe(model.length);
      }
    }),
    runs(RUNS),
  );
  if (wasLong(RUNS)) expect([...seen]).toEqual(expect.arrayContaining(["", "badName", "taken", "lookAlike", "hasOne", "nothing", "full"]));
});
