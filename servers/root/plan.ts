// From the description to a plan: what each component takes and where in RAM it comes from. Nothing is made here, so nothing is half made when it fails.
import { SYSTEM_FILE, SYSTEM_FORMAT, type ResolvedComponent, type ResolvedSystem } from "../../caps/image/system.ts";
import type { Memory } from "../lib/ts/sdk.ts";
import { clientsOf } from "./arguments.ts";
import type { Boot, BootFileEntry } from "./bootinfo.ts";
import { StartFailure } from "./failure.ts";
import { layOut, type Layout } from "./layout.ts";
import { bitsFor, type Block, type Need, type Piece, planBlocks, planUntyped, powersOf } from "./memory.ts";

export interface PlannedComponent {
  readonly component: ResolvedComponent;
  readonly layout: Layout;
  readonly needs: readonly Need[];
  readonly memory: Block;
  /** The guest's RAM, largest first. */
  readonly ram: readonly Block[];
}

export interface Plan {
  readonly components: readonly PlannedComponent[];
  /** All blocks in the order to carve them: those of one Untyped in descending size. */
  readonly order: readonly Block[];
}

export function readSystem(mem: Memory, boot: Boot): ResolvedSystem {
  const file = boot.files.get(SYSTEM_FILE);
  if (file === undefined) throw new StartFailure(`the boot image has no file ${SYSTEM_FILE}`);
  let system: ResolvedSystem;
  try {
    system = JSON.parse(new TextDecoder().decode(mem.read(file.address, file.bytes))) as ResolvedSystem;
  } catch (error) {
    throw new StartFailure(`${SYSTEM_FILE} is not JSON: ${String(error)}`);
  }
  if (system.format !== SYSTEM_FORMAT) throw new StartFailure(`${SYSTEM_FILE} has the format ${String(system.format)}, not ${SYSTEM_FORMAT}`);
  return system;
}

const inUnits = (bytes: number): string => (bytes >= 2 ** 20 && bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20} MiB` : `${Math.ceil(bytes / 1024)} KiB`);
const ramBytes = (component: ResolvedComponent): number => component.uses.reduce((sum, use) => sum + (use.kind === "ram" ? use.bytes : 0), 0);

/**
 * @param pieces the RAM there is
 * @param read the bytes of a boot file
 * @throws StartFailure naming the component whose memory, or the machine's, does not suffice
 */
export function planSystem(system: ResolvedSystem, pieces: readonly Piece[], files: Boot["files"], read: (file: BootFileEntry) => Uint8Array): Plan {
  const laidOut = system.components.map((component) => {
    const layout = layOut(component, files, read, clientsOf(system, component.name));
    const bits = bitsFor(component.memory);
    const needs = planUntyped(bits, layout.needs);
    if (typeof needs === "number") throw new StartFailure(`component ${component.name} needs ${Math.ceil(needs / 1024)} KiB more than its memory of ${inUnits(2 ** bits)}`);
    return { component, layout, needs, bits, ram: powersOf(ramBytes(component)) };
  });
  const requests = laidOut.flatMap(({ bits, ram }) => [bits, ...ram]);
  const names = laidOut.flatMap(({ component, ram }) => [`component ${component.name}`, ...ram.map(() => `the RAM of guest ${component.guest ?? component.name}`)]);
  const blocks = planBlocks(pieces, requests);
  if (!Array.isArray(blocks)) {
    const left = blocks.largest < 0 ? "none" : `no block larger than ${inUnits(2 ** blocks.largest)}`;
    throw new StartFailure(`the machine's ${inUnits(system.memory)} of RAM do not suffice: ${names[blocks.failed] ?? "a component"} needs a block of ${inUnits(2 ** requests[blocks.failed]!)}, and ${left} is left`);
  }
  let next = 0;
  const take = (): Block => blocks[next++]!;
  const components = laidOut.map(({ component, layout, needs, ram }) => ({ component, layout, needs, memory: take(), ram: ram.map(take) }));
  return { components, order: [...blocks].sort((a, b) => b.bits - a.bits) };
}
