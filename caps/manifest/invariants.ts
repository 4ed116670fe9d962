// Whether a system that somebody else's kit resolved keeps what the resolver keeps (caps/image/system.ts, S1 to S6): its signature says who made it, not that he made no mistake. Pure.
import { FIRST_SIGNAL_BIT, GUEST_BADGE, MAX_SIGNALS, MOST_GUEST_USES, placeUses, type ResolvedComponent, type ResolvedSystem, type ResolvedUse } from "../image/system.ts";
import type { Board } from "./resources.ts";

/** Lowest badge bits that name an offer's client. */
const CLIENT = 2 ** 16;

/** All that is wrong, in words. @param files lengths of the boot files; undefined: there is none of the name */
export function brokenInvariants(system: ResolvedSystem, board: Board, files: (name: string) => number | undefined): readonly string[] {
  const wrong: string[] = [];
  const before = new Map<string, ResolvedComponent>();
  const taken = new Map<string, string>();
  if (system.memory < board.minMemory || system.memory > board.maxMemory) wrong.push(`the machine cannot have ${system.memory} bytes of memory`);
  for (const [index, component] of system.components.entries()) {
    const { name, number, program, slots, cpu, uses } = component;
    if (number !== index + 1) wrong.push(`${name} has number ${number}, and is component ${index + 1}`);
    if (before.has(name)) wrong.push(`two components are named ${name}`);
    if (files(program.file) === undefined) wrong.push(`the program of ${name}, ${program.file}, is not in the image`);
    if (!Number.isInteger(Math.log2(slots))) wrong.push(`${name} has ${slots} slots, which is no power of two`);
    if (cpu.budget < 10 || cpu.budget > cpu.period) wrong.push(`${name} has a budget of ${cpu.budget} us in ${cpu.period}`);
    if (new Set(uses.map((use) => use.name)).size !== uses.length) wrong.push(`${name} has two uses of one name`);
    for (const use of uses) {
      const problem = useProblem(use, before, board, files) ?? takenTwice(use, name, taken);
      if (problem !== undefined) wrong.push(`${name} cannot use ${use.name}: ${problem}`);
    }
    for (const use of uses) if (use.kind === "guest" && !system.components.some(({ guest }) => guest === use.guest)) wrong.push(`${name} cannot use ${use.name}: there is no guest ${use.guest}`);
    const signals = uses.flatMap((use) => (use.kind === "irq" ? [use.badge] : []));
    if (new Set(signals).size !== signals.length) wrong.push(`${name} has two interrupts with one badge`);
    before.set(name, component);
  }
  const clients = system.components.flatMap(({ uses }) => [...new Set(uses.flatMap((use) => (use.kind === "endpoint" ? [`${use.from} ${use.badge % CLIENT}`] : [])))]);
  const over = system.components.flatMap(({ uses }) => uses.flatMap((use) => (use.kind === "guest" ? [use.badge - GUEST_BADGE] : [])));
  if (over.some((number) => number < 0 || number >= MOST_GUEST_USES) || new Set(over).size !== over.length) wrong.push("uses of guests have badges that are none, or one badge");
  if (new Set(clients).size !== clients.length) wrong.push("two clients of a server have one badge");
  if (wrong.length === 0 && JSON.stringify(placeUses(system, files)) !== JSON.stringify(system)) wrong.push("what its components use is not where it should be");
  return wrong;
}

function useProblem(use: ResolvedUse, before: ReadonlyMap<string, ResolvedComponent>, board: Board, files: (name: string) => number | undefined): string | undefined {
  switch (use.kind) {
    case "endpoint": {
      const server = before.get(use.from);
      if (server === undefined) return `there is no ${use.from} before it`;
      if (server.offers[use.offer] === undefined) return `${use.from} has no such offer`;
      return Math.floor(use.badge / CLIENT) === use.offer && use.badge % CLIENT !== 0 ? undefined : "its badge is not that of a client of the offer";
    }
    case "device": {
      const device = board.devices.get(use.device);
      return device !== undefined && device.physical === use.physical && device.bytes === use.bytes ? undefined : `the board has no device ${use.device} there`;
    }
    case "irq": {
      const bit = Math.log2(use.badge) - FIRST_SIGNAL_BIT;
      if (board.devices.get(use.device)?.irq !== use.irq) return `${use.device} has no interrupt ${use.irq}`;
      return Number.isInteger(bit) && bit >= 0 && bit < MAX_SIGNALS ? undefined : "its badge is no signal";
    }
    case "iospace":
      return board.devices.get(use.device)?.dma === true ? undefined : `${use.device} reads and writes no memory`;
    case "file":
      return files(use.file) === undefined ? `${use.file} is not in the image` : undefined;
    case "ram":
    case "vcpu":
    case "schedcontrol":
    case "guest":
      return undefined;
  }
}

/** S4. */
function takenTwice(use: ResolvedUse, user: string, taken: Map<string, string>): string | undefined {
  if (use.kind !== "device" && use.kind !== "irq" && use.kind !== "iospace") return undefined;
  const part = `${use.device}.${use.kind}`, other = taken.get(part);
  taken.set(part, user);
  return other === undefined ? undefined : `${other} has it`;
}
