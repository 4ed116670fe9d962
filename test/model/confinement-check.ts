// What the kernel's tables hold against what the closure allows: slot by slot, and by walking each program's CSpace to its ends.
import { TcbSlot } from "../../core/kernel/state.ts";
import { within, type Held } from "./confinement-closure.ts";
import type { ConfinedWorld } from "./confinement-world.ts";

export class Escaped extends Error {}

const told = (cap: Held | null): string => (cap === null ? "something of nobody's" : `${cap.object} with rights ${cap.rights}, badge ${cap.badge}${cap.weak ? ", weak" : ""}`);

/** By world: what was found to be allowed. It stays so. */
const allowed = new WeakMap<ConfinedWorld, Set<string>>();

function checkHeld(world: ConfinedWorld, who: string, cap: Held | null, may: () => readonly Held[]): void {
  const known = allowed.get(world) ?? new Set<string>();
  allowed.set(world, known);
  const key = `${who} ${told(cap)}`;
  if (known.has(key)) return;
  if (cap === null || !within(cap, may())) throw new Escaped(`${who} has ${told(cap)}, which could not come of what was given`);
  known.add(key);
}

/** Throws Escaped when some table, thread or program has what could not come of what was given. */
export function checkConfined(world: ConfinedWorld): void {
  const { k, closure } = world;
  const inside = (id: number, first: number, bits: number): void => {
    const container = world.nameOf(id);
    for (let row = first; row < first + 2 ** bits; row++) {
      if (k.slots.isEmpty(row)) continue;
      if (container === null) throw new Escaped(`object ${id} is of nobody's memory`);
      checkHeld(world, container, world.held(row), () => closure.inside(container));
    }
  };
  k.cnodes.forEach((c, id) => c !== undefined && inside(id, c.first, c.radix));
  for (const t of k.tcbs) {
    if (t === undefined) continue;
    inside(t.id, t.slots, TcbSlot.COUNT_BITS);
    const name = world.nameOf(t.id)!;
    for (const { row, weak } of world.reached(t)) checkHeld(world, `the thread ${name}`, world.held(row, weak), () => closure.reach(name));
  }
}
