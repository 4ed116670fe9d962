// INV-*: each invariant of the kernel is broken on purpose, in the kernel's own tables or in what the machine was told, and is reported by its number.
// One that nobody can break fails here: it would check nothing.
import { beforeEach, describe, expect, test } from "vitest";
import { KernelPanic } from "../../caps/model/panic.ts";
import { checkInvariants } from "../../core/kernel/invariants.ts";
import { corruptions } from "./corruptions.ts";
import { checkedNumbers, readTable } from "./invariant-table.ts";
import { RichWorld } from "./rich-world.ts";

let world: RichWorld;
beforeEach(() => {
  world = new RichWorld();
});

const check = (): void => checkInvariants(world.k, world.bed.machine);

/** The number of the invariant that does not hold; null when all do. */
function broken(): string | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof KernelPanic) return error.invariant;
    throw error;
  }
}

for (const [number, ways] of Object.entries(corruptions)) {
  describe(`INV ${number}`, () => {
    for (const [what, act] of Object.entries(ways)) {
      test(what, () => {
        expect(broken()).toBeNull();
        act(world);
        expect(broken()).toBe(number);
      });
    }
  });
}

test("INV the system that is broken here holds them all, and goes on to its end", () => {
  expect(world.bed.machine.roots.size).toBeGreaterThan(5);
  check();
  world.end();
  check();
});

describe("INV-TABLE", () => {
  test("001 every invariant that the kernel checks can be broken, and every one that is broken here is checked", () => {
    expect(Object.keys(corruptions).sort()).toEqual([...checkedNumbers()].sort());
  });
  test("002 INVARIANTS.md lists every invariant that is checked, once, where it is checked", () => {
    const rows = readTable();
    expect(new Set(rows.map((r) => r.number)).size).toBe(rows.length);
    for (const number of checkedNumbers()) expect(rows.map((r) => r.number)).toContain(number);
  });
  test("003 what it says is what the file that keeps an invariant says, and the places where it is checked name it", () => {
    for (const row of readTable()) {
      expect(row.saidIn, `${row.number} in ${row.keptBy}`).toBe(row.sentence);
      for (const place of row.checkedIn) expect(place.names, `${row.number} in ${place.file}`).toBe(true);
    }
  });
});
