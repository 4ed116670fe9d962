// IOSpace: what one device may reach by DMA: nothing, until Frames are mapped into it. The machine's IOMMU checks every
// access to the byte. An IOSpace belongs to its device and is made by the boot, with a table of a fixed size.
import { infoLength } from "../../../caps/abi/message.ts";
import { ErrorCode, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { capArgument } from "../arguments.ts";
import { DELETE_FIRST, ILLEGAL, invalidArgument, invalidCapability, misaligned, missingRight, outOfRange, refuse, TRUNCATED, WX, type Outcome } from "../outcome.ts";
import { wordHi, wordLo, wordNumber } from "../registers.ts";
import type { Kernel, Tcb } from "../state.ts";
import { breaksWx, countMapping } from "./frame.ts";
import { unmapSlot } from "./mapping.ts";
import { PAGE } from "./vspace.ts";

/** Mappings of one IOSpace, and one past its highest I/O address. */
export const IOSPACE_MAPPINGS = 1024;
export const IO_TOP = 2 ** 39;

/** The boot's way to make one for device number `device`. */
export function createIoSpace(k: Kernel, device: number): number {
  const id = k.objects.create(Kind.IOSpace, 0, 0, 0);
  const serial = k.nextSerial++;
  k.ioSpaces[id] = { id, serial, device, mappings: 0 };
  k.spacesBySerial.set(serial, id);
  return id;
}

export function destroyIoSpace(k: Kernel, id: number): void {
  k.spacesBySerial.delete(k.ioSpaces[id]!.serial);
  k.machine.iommu.clear(k.ioSpaces[id]!.device);
  k.ioSpaces[id] = undefined;
}

export function invokeIoSpace(k: Kernel, t: Tcb, slot: number, label: number, info: number): Outcome {
  const s = k.slots, io = k.ioSpaces[s.object[slot]!]!;
  if (label !== Invocation.IOSpaceMap && label !== Invocation.IOSpaceUnmap) return ILLEGAL;
  if (infoLength(info) < (label === Invocation.IOSpaceMap ? 3 : 1)) return TRUNCATED;
  const frame = capArgument(k, t, 0, Kind.Frame);
  if (typeof frame !== "number") return frame;
  if (label === Invocation.IOSpaceUnmap) {
    if (s.mapSpace[frame] !== io.serial) return invalidCapability(0);
    unmapSlot(k, frame);
    return 0;
  }
  const id = s.object[frame]!, bits = k.objects.bits[id]!;
  const address = wordNumber(k, t, 1), rights = wordLo(k, t, 2);
  if (k.objects.device[id] === 1) return invalidCapability(0);
  if (s.mapSpace[frame] !== 0) return DELETE_FIRST;
  if (address > IO_TOP - 2 ** bits) return outOfRange(1, 0, IO_TOP - 2 ** bits);
  if (address % 2 ** bits !== 0) return misaligned(1);
  if (rights === 0 || wordHi(k, t, 2) !== 0 || (rights & ~(Right.Read | Right.Write)) !== 0) return invalidArgument(2);
  if ((rights & ~s.rights[frame]!) !== 0) return missingRight(rights & ~s.rights[frame]!);
  const page = k.pages[id]!;
  if (breaksWx(page, rights)) return WX;
  if (io.mappings === IOSPACE_MAPPINGS) return refuse(ErrorCode.MachineLimit);
  if (!k.machine.iommu.map(io.device, address, k.objects.base[id]!, 2 ** bits, rights)) return DELETE_FIRST;
  countMapping(page, rights, 1);
  io.mappings++;
  s.mapSpace[frame] = io.serial;
  s.mapPage[frame] = address / PAGE;
  s.badgeLo[frame] = rights;
  return 0;
}

export function unmapFromIoSpace(k: Kernel, slot: number, id: number): void {
  const io = k.ioSpaces[id]!;
  io.mappings--;
  k.machine.iommu.unmap(io.device, k.slots.mapPage[slot]! * PAGE);
}
