// MODEL-LOOKUP: a CPtr walked through CNodes of any size with any guards, weak ones among them, against a walk over strings of bits: the slot that it comes
// to, or how many bits were left.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Kind, Right } from "../../caps/abi/numbers.ts";
import { accessTo, resolve } from "../../caps/model/cspace.ts";
import { derive } from "../../core/kernel/capabilities.ts";
import { FakeMachine } from "../support/fake-machine.ts";
import { KernelBed } from "../support/kernel-bed.ts";
import { below, LIMIT, runs, wasLong } from "./runs.ts";

const TABLES = 4;

/** A table in a slot of an earlier one, as its guard's bits say. */
interface Entry {
  readonly into: number;
  readonly slot: number;
  readonly of: number;
  readonly guard: string;
  readonly rights: number;
}
interface Cap {
  readonly table: number;
  readonly guard: string;
  readonly rights: number;
}

const bits = (n: number, count: number): string => Array.from({ length: count }, (_, i) => (Math.floor(n / 2 ** (count - 1 - i)) % 2 === 1 ? "1" : "0")).join("");
const value = (text: string): number => [...text].reduce((n, bit) => 2 * n + Number(bit), 0);

/** Where the bits lead: a table's slot and the rights it is named with, or the bits that were left. */
function walk(radixes: readonly number[], slots: ReadonlyMap<string, Cap>, root: Cap, cptr: string): { at: string; rights: number } | number {
  let cap: Cap | undefined = root, left = cptr, first = true;
  while (cap !== undefined && (first || (cap.rights & Right.Weak) === 0)) {
    const radix = radixes[cap.table]!;
    if (left.length < cap.guard.length + radix || !left.startsWith(cap.guard)) return left.length;
    const index = value(left.slice(cap.guard.length, cap.guard.length + radix));
    left = left.slice(cap.guard.length + radix);
    const at = `${cap.table}:${index}`;
    if (left === "") return { at, rights: cap.rights };
    // What is below a weak table is not reached through it.
    if ((cap.rights & Right.Weak) !== 0) return left.length;
    cap = slots.get(at);
    first = false;
  }
  return left.length;
}

const guard = fc.oneof({ weight: 3, arbitrary: fc.constant("") }, { weight: 2, arbitrary: fc.string({ unit: fc.constantFrom("0", "1"), maxLength: 6 }) }, { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom("0", "1"), maxLength: 31 }) });
const rights = fc.constantFrom(15, 15, 2, 0, Right.Weak | 14);
const entry: fc.Arbitrary<Entry> = fc.record({ into: below(TABLES), slot: below(16), of: below(TABLES), guard, rights });
const radix = fc.constantFrom(1, 2, 2, 4);
/** Which entries a CPtr shall follow, and what is done to its bits then. */
const path = fc.record({ turns: fc.array(below(8), { maxLength: 5 }), end: below(16), flip: fc.option(below(32), { freq: 3 }), cut: below(3), tail: fc.constantFrom("", "", "0", "101") });

test("MODEL-LOOKUP a CPtr leads where its bits lead, and as far", () => {
  const seen = { ends: 0, left: 0, deep: 0 };
  fc.assert(
    fc.property(fc.array(radix, { minLength: TABLES, maxLength: TABLES }), fc.array(entry, { maxLength: 10 }), guard, rights, fc.array(path, { minLength: 5, maxLength: 30 }), (radixes, entries, rootGuard, rootRights, paths) => {
      const bed = new KernelBed(new FakeMachine(2 ** 20)), { k } = bed;
      const rows = radixes.map((r) => bed.make(Kind.CNode, r + 5)), firsts = rows.map((row) => k.cnodes[bed.object(row)]!.first);
      const slots = new Map<string, Cap>();
      const put = (row: number, of: number, text: string, allowed: number): void => derive(k, rows[of]!, row, allowed, value(text) | 0, text.length);
      const fits = (of: number, text: string): string => text.slice(0, 32 - radixes[of]!);
      for (const e of entries) {
        const slot = e.slot % 2 ** radixes[e.into]!, at = `${e.into}:${slot}`, text = fits(e.of, e.guard);
        if (slots.has(at)) continue;
        slots.set(at, { table: e.of, guard: text, rights: e.rights });
        put(firsts[e.into]! + slot, e.of, text, e.rights);
      }
      const root: Cap = { table: 0, guard: fits(0, rootGuard), rights: rootRights };
      const rootRow = k.slots.allocate(0);
      put(rootRow, 0, root.guard, root.rights);
      for (const { turns, end, flip, cut, tail } of paths) {
        let text = root.guard, cap = root;
        for (const turn of turns) {
          const ways = [...slots].filter(([at]) => at.startsWith(`${cap.table}:`)), way = ways[turn % Math.max(1, ways.length)];
          if (way === undefined) break;
          text += bits(Number(way[0].split(":")[1]), radixes[cap.table]!) + way[1].guard;
          cap = way[1];
        }
        text = (text + bits(end % 2 ** radixes[cap.table]!, radixes[cap.table]!) + tail).slice(0, 32);
        text = text.slice(0, Math.max(1, text.length - (cut === 2 ? 1 : 0)));
        if (flip !== null) text = [...text].map((bit, i) => (i === flip ? String(1 - Number(bit)) : bit)).join("");
        const drawn = walk(radixes, slots, root, text), found = resolve(k.slots, k.cnodes, rootRow, value(text) | 0, text.length);
        if (typeof drawn === "number") {
          expect(-1 - found, `bits left of ${text}`).toBe(drawn);
          seen.left++;
          continue;
        }
        const [table, index] = drawn.at.split(":").map(Number) as [number, number];
        expect(found, text).toBe(firsts[table]! + index);
        expect(accessTo(k.slots, k.cnodes, rootRow, value(text) | 0, text.length)).toBe(drawn.rights);
        seen.ends++;
        if (table !== 0) seen.deep++;
      }
    }),
    runs(200),
  );
  if (wasLong(200)) expect(Math.min(seen.ends, seen.left, seen.deep)).toBeGreaterThan(50);
}, LIMIT);
