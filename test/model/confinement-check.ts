// What the kernel's tables hold against what the closure allows: slot by slot, and by walking each program's CSpace to its ends.
import { TcbSlot } from "../../core/kernel/state.ts";
import { within, type Held } from "./confinement-closure.ts";
import type { ConfinedWorld } from "./confinement-world.ts";

export class Escaped extends Error {}

const told = (cap: Held | null): string => (cap === null ? "something of nobody's" : `${cap.object} with rights ${cap.rights}, badge ${cap.badge}${cap.weak ? ", weak" : ""}`);

function checkHeld(who: string, cap: Held | null, may: readonly Held[]): void {
  if (cap === null || !within(cap, may)) throw new Escaped(`${who} has ${told(cap)}, which could not come of what was given`);
}

/** By world: what stood in each row when it was looked at, and in whose table. Most steps change little. */
const lookedAt = new WeakMap<ConfinedWorld, number[]>();

/** Throws Escaped when some table, thread or program has what could not come of what was given. */
export function checkConfined(world: ConfinedWorld): void {
  const { k, closure } = world, s = k.slots;
  const before = lookedAt.get(world) ?? [];
  lookedAt.set(world, before);
  let changed = false;
  const inside = (id: number, first: number, bits: number): void => {
    for (let row = first; row < first + 2 ** bits; row++) {
      const at = 5 * row, empty = s.isEmpty(row);
      if (before[at] === (empty ? 0 : id) && before[at + 1] === s.object[row] && before[at + 2] === s.rights[row] && before[at + 3] === s.badgeLo[row] && before[at + 4] === s.badgeHi[row]) continue;
      [empty ? 0 : id, s.object[row]!, s.rights[row]!, s.badgeLo[row]!, s.badgeHi[row]!].forEach((field, i) => (before[at + i] = field));
      changed = true;
      if (empty) continue;
      const container = world.nameOf(id);
      if (container === null) throw new Escaped(`object ${id} is of nobody's memory`);
      checkHeld(container, world.held(row), closure.inside(container));
    }
  };
  k.cnodes.forEach((c, id) => c !== undefined && inside(id, c.first, c.radix));
  for (const t of k.tcbs) if (t !== undefined) inside(t.id, t.slots, TcbSlot.COUNT_BITS);
  if (!changed) return;
  for (const t of k.tcbs) {
    if (t === undefined) continue;
    const name = world.nameOf(t.id)!, may = closure.reach(name);
    for (const { row, weak } of world.reached(t)) checkHeld(`the thread ${name}`, world.held(row, weak), may);
  }
}
