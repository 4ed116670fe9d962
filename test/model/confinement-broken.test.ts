// CONFINE-BROKEN-*: a kernel that is broken on purpose does not pass: each mistake is put into a module of the kernel, and the property finds it.
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { Kind, Right } from "../../caps/abi/numbers.ts";
import { derive } from "../../core/kernel/capabilities.ts";
import type { Kernel } from "../../core/kernel/state.ts";
import { checkConfined, Escaped } from "./confinement-check.ts";
import { goesUnseen, staysWithin } from "./confinement-properties.ts";
import { ConfinedWorld, type Gift } from "./confinement-world.ts";

const mistake = vi.hoisted(() => ({ is: "" }));
type Module<T> = () => Promise<T>;

vi.mock("../../caps/model/derivation.ts", async (original: Module<typeof import("../../caps/model/derivation.ts")>) => {
  const real = await original();
  return { ...real, attenuate: (has: number, asked: number) => (mistake.is === "a copy has the rights that were asked for" ? asked & 15 : real.attenuate(has, asked)) };
});
vi.mock("../../caps/model/cspace.ts", async (original: Module<typeof import("../../caps/model/cspace.ts")>) => {
  const real = await original();
  const resolve: typeof real.resolve = (slots, shapes, root, cptr, depth) => {
    if (mistake.is !== "a walk goes on through a weak table") return real.resolve(slots, shapes, root, cptr, depth);
    const rights = slots.rights[root]!;
    slots.rights[root]! &= ~Right.Weak;
    const slot = real.resolve(slots, shapes, root, cptr, depth);
    slots.rights[root] = rights;
    return slot;
  };
  const accessTo: typeof real.accessTo = (...at) => (mistake.is === "a table's rights are not looked at" ? 15 : real.accessTo(...at));
  return { ...real, resolve, accessTo };
});
vi.mock("../../core/kernel/ipc.ts", async (original: Module<typeof import("../../core/kernel/ipc.ts")>) => {
  const real = await original();
  const send: typeof real.send = (k, t, ep, lo, hi, rights, call, blocking) => real.send(k, t, ep, lo, hi, mistake.is === "capabilities go without Grant" ? rights | Right.Grant : rights, call, blocking);
  return { ...real, send };
});
vi.mock("../../core/kernel/capabilities.ts", async (original: Module<typeof import("../../core/kernel/capabilities.ts")>) => {
  const real = await original();
  const unbadged: typeof real.derive = (k, from, to, rights, lo, hi) => (mistake.is === "a copy has no badge" && k.slots.kind[from] === Kind.Endpoint ? real.derive(k, from, to, rights, 0, 0) : real.derive(k, from, to, rights, lo, hi));
  return { ...real, derive: unbadged };
});
vi.mock("../../core/kernel/objects/notification.ts", async (original: Module<typeof import("../../core/kernel/objects/notification.ts")>) => {
  const real = await original();
  const signal: typeof real.signal = (k: Kernel, n, lo, hi) => {
    if (mistake.is === "a signal is heard by all") for (const other of k.notifications) if (other !== undefined && other.head === 0) other.wordHi |= 1;
    real.signal(k, n, lo, hi);
  };
  return { ...real, signal };
});

/** Whether the property finds the mistake, in so many runs. */
function finds<T>(what: string, property: fc.IProperty<T>, numRuns: number): { failed: boolean; error: unknown } {
  mistake.is = what;
  const { failed, errorInstance } = fc.check(property, { numRuns, endOnFailure: true });
  mistake.is = "";
  return { failed, error: errorInstance };
}

const given = (what: Gift["what"], rights: number, weak = false, badge = 0): Gift[] => Array.from({ length: 4 }, () => ({ what, from: 0, to: 1, rights, weak, badge }));
/** Each with two programs and gifts that the mistake can make more of. */
for (const [number, what, gifts] of [
  ["001", "a copy has the rights that were asked for", given("EP", Right.Write)], ["002", "a walk goes on through a weak table", given("SUB", 15, true)],
  ["003", "a table's rights are not looked at", given("SUB", 15, true)], ["004", "capabilities go without Grant", given("EP", Right.Write)],
  ["005", "a copy has no badge", given("EP", Right.Write, false, 2)],
] as const) {
  test(`CONFINE-BROKEN ${number} ${what}`, () => {
    const { failed, error } = finds(what, staysWithin(() => {}, 2, fc.constant([...gifts])), 400);
    expect(failed).toBe(true);
    expect(error).toBeInstanceOf(Escaped);
  }, 600_000);
}

test("CONFINE-BROKEN 006 a signal is heard by all", () => {
  expect(finds("a signal is heard by all", goesUnseen(), 100).failed).toBe(true);
}, 600_000);

test("CONFINE-BROKEN 007 a capability that nobody gave", () => {
  const world = new ConfinedWorld(2, [{ what: "EP", from: 0, to: 1, rights: Right.Write, weak: false, badge: 5 }]);
  checkConfined(world);
  derive(world.k, world.programs[0]!.slots + 20, world.programs[1]!.slots + 100, Right.Write, 6, 0);
  expect(() => checkConfined(world)).toThrow(Escaped);
});
