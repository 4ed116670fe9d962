// Who holds what in the running kernel, in the terms of the authority graph (caps/graph/authority.ts): read out of the kernel's own tables, not asked of anybody.
//
// Components are told apart by the objects that the root server made for them, as they stand before any of them has run; one that was built again by its keeper,
// whose badge no component has a capability with. What a component holds is what its
// thread can name, by its CSpace or by that of a thread or table which it can name; weak tables give only memory, and are not looked into.
import { InitSlot, Kind, Right } from "../../caps/abi/numbers.ts";
import { overGuest, type Authority } from "../../caps/graph/authority.ts";
import { KEEPER_BADGE, type ResolvedSystem } from "../../caps/image/system.ts";
import { TcbSlot, type Kernel, type Tcb } from "../../core/kernel/state.ts";
import { BOARD_DEVICES } from "../../core/machine/board.ts";

const ALL = Right.Read | Right.Write | Right.Grant | Right.GrantReply;
/** Client badges: offer index << 16 | client number. Others were minted by the server. */
const OFFER_STEP = 2 ** 16;

export interface LiveAuthority {
  /** Every authority over what the graph has names for, each once, with all rights that its holder has to it. */
  holdings(): readonly Authority[];
  /** The root server has built this component again, and it has not run since: its thread and its endpoint are others. @throws Error when it is not there */
  rebuilt(name: string): void;
  /** What capabilities handed over by messages are, in these terms, as Kernel.grants has them. */
  granted(grants: readonly number[]): readonly Authority[];
}

/** To be called when all components are built and none has run: at the first `started`. @throws Error when a component of the system is not there */
export function watchAuthority(k: Kernel, system: ResolvedSystem): LiveAuthority {
  const threads = new Map<string, number>();
  const serverOf = new Map<number, string>();
  /** The endpoint on which the root server hears its components' faults. */
  let rootService = 0;
  const offers = new Map(system.components.map(({ name, offers }) => [name, offers.map((offer) => offer.name)]));
  const hosts = new Map(system.components.flatMap(({ name, guest }) => (guest === undefined ? [] : [[guest, name]])));
  /** By the badges of the root server's capabilities over guests. */
  const overGuests = new Map(system.components.flatMap(({ uses }) => uses.flatMap((use) => (use.kind === "guest" ? [[use.badge, use] as const] : []))));
  for (const { name } of system.components) {
    const t = k.tcbs.find((candidate) => candidate?.label === name);
    const cnode = t === undefined ? undefined : k.cnodes[k.slots.object[t.slots + TcbSlot.CSpace]!];
    if (t === undefined || cnode === undefined) throw new Error(`component ${name} has no thread`);
    threads.set(name, t.id);
    rootService = k.slots.object[t.slots + TcbSlot.Keeper]!;
    serverOf.set(k.slots.object[cnode.first + InitSlot.Service]!, name);
  }

  /** The thread that the root server keeps by this badge. Only its own capabilities have such, and a thread gets its keeper from who holds that. */
  const keptBy = (badge: number): Tcb | undefined => {
    const { kind, object, badgeLo, badgeHi } = k.slots;
    return k.tcbs.find((t) => {
      const row = t === undefined ? 0 : t.slots + TcbSlot.Keeper;
      return row !== 0 && kind[row] === Kind.Endpoint && object[row] === rootService && badgeLo[row]! >>> 0 === badge && badgeHi[row] === 0;
    });
  };

  const rebuilt = (name: string): void => {
    const number = system.components.find((component) => component.name === name)?.number ?? 0;
    const t = keptBy(KEEPER_BADGE + number), cnode = t === undefined ? undefined : k.cnodes[k.slots.object[t.slots + TcbSlot.CSpace]!];
    if (t === undefined || cnode === undefined) throw new Error(`component ${name} has no thread`);
    for (const [object, server] of serverOf) if (server === name) serverOf.delete(object);
    threads.set(name, t.id);
    serverOf.set(k.slots.object[cnode.first + InitSlot.Service]!, name);
  };

  const named = (holder: string, kind: number, object: number, rights: number, badgeLo: number, badgeHi: number): readonly Authority[] => {
    switch (kind) {
      case Kind.Endpoint:
        return object === rootService ? ofRoot(holder, badgeLo >>> 0, badgeHi >>> 0) : endpoint(holder, serverOf.get(object), rights & ALL, badgeLo >>> 0, badgeHi >>> 0);
      case Kind.Frame: {
        const base = k.objects.base[object]!, device = k.objects.device[object] === 1 ? BOARD_DEVICES.find(({ physical }) => base === physical) : undefined;
        return device === undefined ? [] : [{ holder, thing: `platform.${device.name}.regs`, rights: ALL }];
      }
      case Kind.IRQHandler: {
        const line = k.irqHandlers[object]?.line, device = BOARD_DEVICES.find(({ irq }) => irq === line);
        return device === undefined ? [] : [{ holder, thing: `platform.${device.name}.irq`, rights: ALL }];
      }
      case Kind.IOSpace:
        return [{ holder, thing: `platform.${k.machine.iommu.devices[k.ioSpaces[object]!.device]}.iospace`, rights: ALL }];
      case Kind.SchedControl:
        return [{ holder, thing: "platform.cpu.time", rights: ALL }];
      default:
        return [];
    }
  };

  const endpoint = (holder: string, server: string | undefined, rights: number, badgeLo: number, badgeHi: number): readonly Authority[] => {
    if (server === undefined) return [];
    const names = offers.get(server) ?? [], index = Math.floor(badgeLo / OFFER_STEP);
    const authority = (offer: string): Authority => ({ holder, thing: `${server}.${offer}`, server, rights });
    if (badgeLo === 0 && badgeHi === 0) return names.map(authority);
    return [authority(badgeHi === 0 && badgeLo % OFFER_STEP !== 0 && names[index] !== undefined ? names[index] : "made")];
  };

  /** What leads to the root server and is in the graph: the lives of guests. */
  const ofRoot = (holder: string, badgeLo: number, badgeHi: number): readonly Authority[] => {
    const use = badgeHi === 0 ? overGuests.get(badgeLo) : undefined;
    return use === undefined ? [] : [overGuest(holder, use, hosts.get(use.guest) ?? use.guest)];
  };

  /** Rows that can be named from a thread's own slots. */
  const rowsOf = (tcb: number): readonly number[] => {
    const rows: number[] = [], seen = new Set([tcb]);
    const runs = [{ first: k.tcbs[tcb]?.slots ?? 0, count: k.tcbs[tcb] === undefined ? 0 : 2 ** TcbSlot.COUNT_BITS }];
    for (let run = runs.pop(); run !== undefined; run = runs.pop()) {
      for (let row = run.first; row < run.first + run.count; row++) {
        const kind = k.slots.kind[row], object = k.slots.object[row]!;
        if (kind === Kind.Null) continue;
        rows.push(row);
        if (seen.has(object)) continue;
        const thread = kind === Kind.TCB ? k.tcbs[object] : undefined;
        const table = kind === Kind.CNode && (k.slots.rights[row]! & Right.Weak) === 0 ? k.cnodes[object] : undefined;
        if (thread !== undefined) runs.push({ first: thread.slots, count: 2 ** TcbSlot.COUNT_BITS });
        if (table !== undefined) runs.push({ first: table.first, count: 2 ** table.radix });
        if (thread !== undefined || table !== undefined) seen.add(object);
      }
    }
    return rows;
  };

  const inRow = (holder: string, row: number): readonly Authority[] => {
    const { kind, object, rights, badgeLo, badgeHi } = k.slots;
    return named(holder, kind[row]!, object[row]!, rights[row]!, badgeLo[row]!, badgeHi[row]!);
  };
  /** The component that can name this thread; undefined for the root server's. */
  const holderOf = (tcb: number): string | undefined => {
    for (const [name, own] of threads) if (own === tcb) return name;
    for (const [name, own] of threads) if (rowsOf(own).some((row) => k.slots.kind[row] === Kind.TCB && k.slots.object[row] === tcb)) return name;
    return undefined;
  };

  return {
    rebuilt,
    holdings: () => [...threads].flatMap(([holder, tcb]) => joined(rowsOf(tcb).flatMap((row) => inRow(holder, row)))),
    granted: (grants) =>
      Array.from({ length: grants.length / 6 }, (_, i) => grants.slice(6 * i, 6 * i + 6) as [number, number, number, number, number, number]).flatMap(([tcb, ...capability]) => {
        // Most of what is handed over has no name here: whose thread it was need not be known then.
        if (named("", ...capability).length === 0) return [];
        const holder = holderOf(tcb);
        return holder === undefined ? [] : named(holder, ...capability);
      }),
  };
}

function joined(all: readonly Authority[]): readonly Authority[] {
  const by = new Map<string, Authority>();
  for (const authority of all) {
    const before = by.get(authority.thing);
    by.set(authority.thing, before === undefined ? authority : { ...before, rights: before.rights | authority.rights });
  }
  return [...by.values()];
}
