// Where a guest is in the machine, read out of the kernel's tables: between two slices. And its RAM, put there from a snapshot.
import { closeSync, openSync } from "node:fs";
import { KEEPER_BADGE, type ResolvedComponent } from "../../../caps/image/system.ts";
import { Kind } from "../../../caps/abi/numbers.ts";
import type { System } from "../../../core/boot.ts";
import { TcbSlot, type Kernel, type Tcb, type Vcpu } from "../../../core/kernel/state.ts";
import { memoryBytes, type Snapshot } from "./snapshot.ts";

export interface RamPiece {
  readonly guestPhysical: number;
  readonly physical: number;
  readonly bytes: number;
}

/** The thread of its VMM, and the VCPU that leads its harts. undefined: the component that hosts the guest is not there, or has not been given any. */
export function findGuest(k: Kernel, { name, number }: ResolvedComponent): { readonly vmm: Tcb; readonly vcpu: Vcpu } | undefined {
  // A thread can call itself what it likes; its keeper's badge it has from the root server.
  const vmm = k.tcbs.find((t) => t !== undefined && t.label === name && k.slots.badgeLo[t.slots + TcbSlot.Keeper]! >>> 0 === KEEPER_BADGE + number);
  const cspace = vmm === undefined ? undefined : k.cnodes[k.slots.object[vmm.slots + TcbSlot.CSpace]!];
  if (vmm === undefined || cspace === undefined) return undefined;
  for (let row = cspace.first; row < cspace.first + 2 ** cspace.radix; row++) {
    const vcpu = k.slots.kind[row] === Kind.VCPU ? k.vcpus[k.slots.object[row]!] : undefined;
    if (vcpu !== undefined && vcpu.leader === vcpu.id) return { vmm, vcpu };
  }
  return undefined;
}

/** In order of guest-physical address. Empty: there is no such guest. */
export function guestRam(k: Kernel, component: ResolvedComponent): readonly RamPiece[] {
  const { regions } = findGuest(k, component)?.vcpu ?? { regions: [] };
  return regions.map(({ guestPhysical, physical, bytes }) => ({ guestPhysical, physical, bytes })).sort((a, b) => a.guestPhysical - b.guestPhysical);
}

/** The guest's RAM may be in other pieces now than it was then. @throws Error when it is more or less, or cannot be placed */
export function placeRam({ ramImages }: Pick<System, "ramImages">, ram: readonly RamPiece[], { memory, layers }: Pick<Snapshot, "memory" | "layers">): void {
  if (memoryBytes(ram) !== memoryBytes(memory)) throw new Error(`it is of ${memoryBytes(memory)} bytes of memory, and this guest has ${memoryBytes(ram)}`);
  for (const saved of layers.flat()) {
    const fd = openSync(saved.path, "r");
    try {
      for (const { guestPhysical, physical, bytes } of ram) {
        const first = Math.max(guestPhysical, saved.guestPhysical), end = Math.min(guestPhysical + bytes, saved.guestPhysical + saved.bytes);
        if (first < end) ramImages.place(physical + first - guestPhysical, end - first, fd, first - saved.guestPhysical);
      }
    } finally {
      closeSync(fd);
    }
  }
}
