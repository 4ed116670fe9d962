// The three properties of confinement, for the kernel as it is and for one that is broken on purpose.
import fc from "fast-check";
import { expect } from "vitest";
import { checkConfined } from "./confinement-check.ts";
import { memoryOfGroup, viewOf } from "./confinement-view.ts";
import { acts, ConfinedWorld, gift, type Act, type Gift } from "./confinement-world.ts";
import { below } from "./runs.ts";

const PROGRAMS = 4;
const many = (most: number) => ({ minLength: 20, maxLength: most, size: "max" }) as const;

/** What programs reach stays within what could come of what they were given. `ended` sees each world when all is done. */
export const staysWithin = (ended: (world: ConfinedWorld, steps: number) => void, programs = PROGRAMS, gifts: fc.Arbitrary<Gift[]> = fc.array(gift(0, programs), { minLength: 2, maxLength: 6 })) =>
  fc.property(gifts, fc.array(acts, many(120)), (given, all) => {
    const world = new ConfinedWorld(programs, given);
    checkConfined(world);
    for (const act of all) if (world.step(act)) checkConfined(world);
    ended(world, all.length);
  });

/** Programs 0 and 1 share nothing with 2 and 3. */
const few = (first: number) => fc.array(gift(first, 2), { minLength: 2, maxLength: 8 });
const apart = fc.tuple(few(0), few(2), fc.array(fc.tuple(below(2), acts), many(80)));

const acting = (world: ConfinedWorld, group: number, act: Act): boolean => world.step(act, (t) => Math.floor(world.ownerOf(t.id) / 2) === group);

function together(ofFirst: readonly Gift[], ofSecond: readonly Gift[]): ConfinedWorld {
  const world = new ConfinedWorld(PROGRAMS, [...ofFirst, ...ofSecond]);
  const reach = (group: number): Set<string> => new Set([0, 1].flatMap((i) => world.closure.reach(`p${2 * group + i}.TCB`).map((cap) => cap.object)));
  const first = reach(0);
  expect([...reach(1)].filter((object) => first.has(object))).toEqual([]);
  return world;
}

/** No step of those who share nothing with others changes anything that the others have. */
export const goesUnseen = () =>
  fc.property(apart, ([ofFirst, ofSecond, steps]) => {
    const world = together(ofFirst, ofSecond);
    const seen = [0, 1].map((group) => ({ view: viewOf(world, group), memory: memoryOfGroup(world, group) }));
    for (const [group, act] of steps) {
      acting(world, group, act);
      const other = seen[1 - group]!;
      expect(viewOf(world, 1 - group)).toBe(other.view);
      if (Buffer.compare(memoryOfGroup(world, 1 - group), other.memory) !== 0) throw new Error(`${act.do} of group ${group} changed the memory of the other`);
      seen[group] = { view: viewOf(world, group), memory: memoryOfGroup(world, group) };
    }
    world.bed.check();
  });

/** A group that acts among strangers comes to the same as alone. */
export const sameAlone = () =>
  fc.property(apart, ([ofFirst, ofSecond, steps]) => {
    const world = together(ofFirst, ofSecond), alone = together(ofFirst, ofSecond);
    for (const [group, act] of steps) {
      acting(world, group, act);
      if (group === 0) acting(alone, 0, act);
    }
    expect(viewOf(world, 0)).toBe(viewOf(alone, 0));
    expect(Buffer.compare(memoryOfGroup(world, 0), memoryOfGroup(alone, 0))).toBe(0);
  });
