// Frame: a page of memory that can be mapped: in a VSpace, as a guest's memory, or for a device's DMA. A capability
// holds one mapping; a copy holds another.
//
// WX-1  No frame is mapped writable somewhere (by a program or device, or as an IPC buffer that the kernel writes) and
//       executable somewhere else. A guest's own memory is outside this: the guest is its own protection domain.
import { infoLength } from "../../../caps/abi/message.ts";
import { Invocation, Kind, MAP_EXECUTE, Right } from "../../../caps/abi/numbers.ts";
import { capArgument } from "../arguments.ts";
import { DELETE_FIRST, ILLEGAL, invalidArgument, failedLookup, misaligned, missingRight, outOfRange, TRUNCATED, WX, type Outcome } from "../outcome.ts";
import { wordHi, wordLo, wordNumber } from "../registers.ts";
import type { FrameObject, Kernel, Tcb, VSpace } from "../state.ts";
import { unmapSlot } from "./mapping.ts";
import { flushSpace, PAGE, Pte, pteTarget, setPte, USER_TOP, walk } from "./vspace.ts";

export function createFrame(k: Kernel, id: number): void {
  k.pages[id] = { id, writers: 0, executors: 0, guests: 0 };
}

export function destroyFrame(k: Kernel, id: number): void {
  k.pages[id] = undefined;
}

/** Books a mapping with these rights (Right bits | MAP_EXECUTE) on its frame; `sign` -1 takes it back. */
export function countMapping(page: FrameObject, rights: number, sign: 1 | -1): void {
  if ((rights & Right.Write) !== 0) page.writers += sign;
  if ((rights & MAP_EXECUTE) !== 0) page.executors += sign;
}

/** Whether a mapping with these rights would break WX-1. */
export function breaksWx(page: FrameObject, rights: number): boolean {
  const writes = (rights & Right.Write) !== 0, executes = (rights & MAP_EXECUTE) !== 0;
  return (writes && executes) || (writes && page.executors > 0) || (executes && page.writers > 0);
}

export function invokeFrame(k: Kernel, t: Tcb, slot: number, label: number, info: number): Outcome {
  switch (label) {
    case Invocation.FrameMap:
      return infoLength(info) < 3 ? TRUNCATED : mapFrame(k, t, slot);
    case Invocation.FrameUnmap:
      if (k.slots.mapSpace[slot] !== 0) unmapSlot(k, slot);
      return 0;
    default:
      return ILLEGAL;
  }
}

function mapFrame(k: Kernel, t: Tcb, slot: number): Outcome {
  const s = k.slots, id = s.object[slot]!;
  const bits = k.objects.bits[id]!, level = bits === 12 ? 0 : 1;
  const address = wordNumber(k, t, 0);
  if (address > USER_TOP - 2 ** bits) return outOfRange(0, 0, USER_TOP - 2 ** bits);
  if (address % 2 ** bits !== 0) return misaligned(0);
  const arg = capArgument(k, t, 1, Kind.VSpace);
  if (typeof arg !== "number") return arg;
  const rights = wordLo(k, t, 2);
  if ((rights & ~(Right.Read | Right.Write | MAP_EXECUTE)) !== 0 || wordHi(k, t, 2) !== 0 || (rights & (Right.Read | MAP_EXECUTE)) === 0) return invalidArgument(2);
  // What may be executed can be read by that.
  const needed = ((rights & (Right.Read | Right.Write)) | ((rights & MAP_EXECUTE) === 0 ? 0 : Right.Read)) & ~s.rights[slot]!;
  if (needed !== 0) return missingRight(needed);
  // Who may write elsewhere would be refused while it is executable here (WX-1), and so be told of it: a weak capability tells nobody anything.
  if ((rights & MAP_EXECUTE) !== 0 && (k.objects.device[id] === 1 || (s.rights[slot]! & Right.Weak) !== 0)) return invalidArgument(2);
  const v = k.vspaces[s.object[arg]!]!, page = address / PAGE;
  const again = s.mapSpace[slot] !== 0;
  if (again && (s.mapSpace[slot] !== v.serial || s.mapPage[slot] !== page)) return DELETE_FIRST;
  const entry = walk(k, v, page, level);
  if (entry < 0) return failedLookup(0, 12 + 9 * (-1 - entry + 1));
  const physical = k.objects.base[id]!;
  const present = (k.ram32[entry]! & Pte.V) !== 0;
  if (present && !(again && pteTarget(k, entry) === physical && (k.ram32[entry]! & Pte.LEAF) !== 0)) return DELETE_FIRST;
  const frame = k.pages[id]!;
  if (again) countMapping(frame, s.badgeLo[slot]!, -1);
  if (breaksWx(frame, rights)) {
    if (again) countMapping(frame, s.badgeLo[slot]!, 1);
    return WX;
  }

  placeFrame(k, slot, v, page, rights);
  if (present) flushSpace(k, v);
  return 0;
}

/** Maps the frame of the capability in `slot`, which is mapped nowhere; all has been checked and the tables are there. */
export function placeFrame(k: Kernel, slot: number, v: VSpace, page: number, rights: number): void {
  const s = k.slots, id = s.object[slot]!, bits = k.objects.bits[id]!, physical = k.objects.base[id]!;
  const frame = k.pages[id]!;
  // What an engine translated of this memory when it held something else must go. While it is executable elsewhere nobody has written to it (WX-1), but for a guest.
  if ((rights & MAP_EXECUTE) !== 0 && (frame.executors === 0 || frame.guests > 0)) k.machine.invalidate(physical, 2 ** bits);
  countMapping(frame, rights, 1);
  const flags =
    ((rights & Right.Read) !== 0 ? Pte.R : 0) | ((rights & Right.Write) !== 0 ? Pte.R | Pte.W : 0) | ((rights & MAP_EXECUTE) !== 0 ? Pte.X : 0);
  setPte(k, walk(k, v, page, bits === 12 ? 0 : 1), physical, flags | Pte.V | Pte.U | Pte.A | Pte.D);
  s.mapSpace[slot] = v.serial;
  s.mapPage[slot] = page;
  s.badgeLo[slot] = rights;
}

/** Takes a frame out of the VSpace it is mapped in, if it is still there. */
export function unmapFromVSpace(k: Kernel, slot: number, vspace: number): void {
  const s = k.slots, id = s.object[slot]!, v = k.vspaces[vspace]!;
  const entry = walk(k, v, s.mapPage[slot]!, k.objects.bits[id]! === 12 ? 0 : 1);
  if (entry < 0 || (k.ram32[entry]! & Pte.V) === 0 || pteTarget(k, entry) !== k.objects.base[id]!) return;
  setPte(k, entry, 0, 0);
  flushSpace(k, v);
}
