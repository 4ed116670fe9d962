// Where a capability is in use beyond its slot, so that deleting it takes that back: a mapping of a Frame or PageTable
// (mapSpace = serial of the VSpace, VCPU or IOSpace), or a place in a TCB (mapSpace = IN_TCB, mapPage = the TCB).
import { Kind } from "../../../caps/abi/numbers.ts";
import { suspend } from "../cancel.ts";
import { TcbSlot, type Kernel } from "../state.ts";
import { countMapping, unmapFromVSpace } from "./frame.ts";
import { unmapFromIoSpace } from "./iospace.ts";
import { unmapFromVcpu } from "./vcpu.ts";
import { unmapPageTable } from "./vspace.ts";

/** Serial numbers are positive, so this is no space. */
export const IN_TCB = -1;

export function unmapSlot(k: Kernel, slot: number): void {
  const s = k.slots;
  if (s.mapSpace[slot] === IN_TCB) return leaveTcb(k, slot);
  if (s.kind[slot] === Kind.PageTable) return unmapPageTable(k, slot);
  const target = k.spacesBySerial.get(s.mapSpace[slot]!);
  const page = k.pages[s.object[slot]!]!;
  if (target !== undefined) {
    if (k.vspaces[target] !== undefined) unmapFromVSpace(k, slot, target);
    else if (k.vcpus[target] !== undefined) unmapFromVcpu(k, slot, target);
    else unmapFromIoSpace(k, slot, target);
  }
  countMapping(page, s.badgeLo[slot]!, -1);
  s.mapSpace[slot] = 0;
  s.mapPage[slot] = 0;
  s.badgeLo[slot] = 0;
}

/** A TCB's own slot is emptied: without its VSpace a thread stops, without the buffer's frame it has no buffer. */
function leaveTcb(k: Kernel, slot: number): void {
  const t = k.tcbs[k.slots.mapPage[slot]!]!;
  k.slots.mapSpace[slot] = 0;
  k.slots.mapPage[slot] = 0;
  switch (slot - t.slots) {
    case TcbSlot.Buffer:
      countMapping(k.pages[k.slots.object[slot]!]!, k.slots.badgeLo[slot]!, -1);
      t.buffer = -1;
      break;
    case TcbSlot.VSpace:
      suspend(k, t);
      break;
    default:
      break;
  }
}
