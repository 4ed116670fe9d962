// Where a guest is in the machine, read out of the kernel's tables: between two slices.
import { KEEPER_BADGE, type ResolvedComponent } from "../../../caps/image/system.ts";
import { Kind } from "../../../caps/abi/numbers.ts";
import { TcbSlot, type Kernel, type Tcb, type Vcpu } from "../../../core/kernel/state.ts";

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
