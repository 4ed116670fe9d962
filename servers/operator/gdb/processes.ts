// The appliance's guests and components as gdb's processes. Which thread is whose is read out of the kernel's tables: a component is what was made of the Untyped
// that the root server gave it, and its thread is the one that the root server keeps by the component's badge (authority.ts). Labels are the programs' own, and say nothing.
import { Kind } from "../../../caps/abi/numbers.ts";
import { KEEPER_BADGE, type ResolvedComponent, type ResolvedSystem } from "../../../caps/image/system.ts";
import { TcbSlot, type Kernel } from "../../../core/kernel/state.ts";
import { guestTarget } from "./guest-target.ts";
import { programTarget } from "./program-target.ts";
import type { Target } from "./target.ts";

/** To be called when all components are built and none has run: at the first `started`. Processes have the numbers of the manifest's order, guests' first, whether they run now or not. */
export function processesOf(k: Kernel, system: ResolvedSystem): readonly Target[] {
  /** The endpoint on which the root server hears its components' faults. */
  const first = k.tcbs.find((t) => t !== undefined && system.components.some(({ name }) => name === t.label));
  const rootService = first === undefined ? 0 : k.slots.object[first.slots + TcbSlot.Keeper]!;

  const untypedOf = ({ number }: ResolvedComponent): number => {
    const { kind, object, badgeLo, badgeHi } = k.slots;
    for (const t of k.tcbs) {
      const row = t === undefined ? 0 : t.slots + TcbSlot.Keeper;
      if (t !== undefined && kind[row] === Kind.Endpoint && object[row] === rootService && badgeLo[row]! >>> 0 === KEEPER_BADGE + number && badgeHi[row] === 0) return k.objects.parent[t.id]!;
    }
    return 0;
  };
  const isMadeOf = (untyped: number, id: number): boolean => {
    for (let at = k.objects.parent[id]!; at !== 0; at = k.objects.parent[at]!) if (at === untyped) return true;
    return false;
  };
  const those = <T extends { readonly id: number }>(component: ResolvedComponent, table: readonly (T | undefined)[]): readonly T[] => {
    const untyped = untypedOf(component);
    return untyped === 0 ? [] : table.filter((o): o is T => o !== undefined && isMadeOf(untyped, o.id));
  };

  const ordered = [...system.components].sort((a, b) => Number(b.guest !== undefined) - Number(a.guest !== undefined));
  return ordered.map((component, i) => {
    const members = { threads: () => those(component, k.tcbs), vcpus: () => those(component, k.vcpus) };
    return component.guest === undefined ? programTarget(k, i + 1, component.name, members) : guestTarget(k, i + 1, component.name, members);
  });
}
