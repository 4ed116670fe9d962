// A guest's memory by virtual addresses: its page tables are walked as its hart would, but permissions are not judged and no bit is set. The guest may have written anything into them.
// Source: RISC-V Privileged Architecture 1.12, 4.3 to 4.6 (bare, Sv39, Sv48, Sv57).
import type { Kernel, Vcpu } from "../../../core/kernel/state.ts";

const VALID = 1n, LEAF = 0xen;
const PPN = (1n << 44n) - 1n;

/** Offset in RAM of a guest-physical address; undefined: no memory is there. */
export function guestPhysical(k: Kernel, leader: Vcpu, physical: bigint): number | undefined {
  if (physical >= 2n ** 53n) return undefined;
  const at = Number(physical), region = leader.regions.find((r) => at >= r.guestPhysical && at - r.guestPhysical < r.bytes);
  return region === undefined ? undefined : region.physical - k.machine.ramBase + (at - region.guestPhysical);
}

/** The same of a virtual one. At most five steps. @param satp 0 where there is no translation */
export function guestVirtual(k: Kernel, leader: Vcpu, satp: bigint, virtual: bigint): number | undefined {
  const mode = Number(satp >> 60n);
  if (mode === 0) return guestPhysical(k, leader, virtual);
  if (mode < 8 || mode > 10) return undefined;
  const bits = 12 + 9 * (mode - 5);
  if (BigInt.asUintN(64, BigInt.asIntN(bits, virtual)) !== virtual) return undefined;
  let table = (satp & PPN) << 12n;
  for (let level = BigInt(mode - 6); level >= 0n; level--) {
    const at = guestPhysical(k, leader, table + ((virtual >> (12n + 9n * level)) & 511n) * 8n);
    if (at === undefined) return undefined;
    const entry = (BigInt(k.ram32[at / 4 + 1]! >>> 0) << 32n) | BigInt(k.ram32[at / 4]! >>> 0);
    if ((entry & VALID) === 0n) return undefined;
    table = ((entry >> 10n) & PPN) << 12n;
    if ((entry & LEAF) === 0n) continue;
    const span = 1n << (12n + 9n * level);
    return guestPhysical(k, leader, (table & ~(span - 1n)) | (virtual & (span - 1n)));
  }
  return undefined;
}
