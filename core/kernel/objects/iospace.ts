// IOSpace: what one device may reach by DMA: nothing, until Frames are mapped into it. The machine's IOMMU checks every
// access to the byte. An IOSpace belongs to its device and is made by the boot, with a table of a fixed size. What was refused stays with the machine,
// numbered, so that a driver and its keeper can both read it; whoever is to be told has a notification.
import { infoLength } from "../../../caps/abi/message.ts";
import { ErrorCode, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { capArgument } from "../arguments.ts";
import { DELETE_FIRST, ILLEGAL, invalidArgument, invalidCapability, misaligned, missingRight, outOfRange, refuse, TRUNCATED, WX, type Outcome } from "../outcome.ts";
import { setNumber, setWord, wordHi, wordLo, wordNumber } from "../registers.ts";
import type { IoSpace, Kernel, Tcb } from "../state.ts";
import { breaksWx, countMapping } from "./frame.ts";
import { unmapSlot } from "./mapping.ts";
import { signal } from "./notification.ts";
import { PAGE } from "./vspace.ts";

/** Mappings of one IOSpace, and one past its highest I/O address. */
export const IOSPACE_MAPPINGS = 1024;
export const IO_TOP = 2 ** 39;

/** The boot's way to make one for device number `device`. */
export function createIoSpace(k: Kernel, device: number): number {
  const id = k.objects.create(Kind.IOSpace, 0, 0, 0);
  const serial = k.nextSerial++;
  k.ioSpaces[id] = { id, serial, device, mappings: 0, notification: 0, badgeLo: 0, badgeHi: 0 };
  k.spacesBySerial.set(serial, id);
  return id;
}

export function destroyIoSpace(k: Kernel, id: number): void {
  k.spacesBySerial.delete(k.ioSpaces[id]!.serial);
  k.machine.iommu.clear(k.ioSpaces[id]!.device);
  k.ioSpaces[id] = undefined;
}

export function invokeIoSpace(k: Kernel, t: Tcb, slot: number, label: number, info: number): Outcome {
  const io = k.ioSpaces[k.slots.object[slot]!]!, needs = RIGHTS[label], words = infoLength(info);
  if (needs === undefined) return ILLEGAL;
  if ((needs & ~k.slots.rights[slot]!) !== 0) return missingRight(needs);
  if (words < (label === Invocation.IOSpaceMap ? 3 : 1)) return TRUNCATED;
  if (label === Invocation.IOSpaceReadFault) return readFault(k, t, io);
  if (label === Invocation.IOSpaceSetNotification) return setNotification(k, t, io);
  const frame = capArgument(k, t, 0, Kind.Frame);
  if (typeof frame !== "number") return frame;
  if (label === Invocation.IOSpaceMap) return mapFrame(k, t, io, frame);
  if (k.slots.mapSpace[frame] !== io.serial) return invalidCapability(0);
  unmapSlot(k, frame);
  return 0;
}

/** What the invoked capability must have: a driver's changes what the device reaches and reads its faults, its keeper's is told of them. */
const RIGHTS: Readonly<Record<number, number | undefined>> = {
  [Invocation.IOSpaceMap]: Right.Write,
  [Invocation.IOSpaceUnmap]: Right.Write,
  [Invocation.IOSpaceSetNotification]: Right.Grant,
  [Invocation.IOSpaceReadFault]: Right.Read,
};

function mapFrame(k: Kernel, t: Tcb, io: IoSpace, frame: number): Outcome {
  const s = k.slots;
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

function setNotification(k: Kernel, t: Tcb, io: IoSpace): Outcome {
  if (wordLo(k, t, 0) === 0 && wordHi(k, t, 0) === 0) {
    io.notification = 0;
    return 0;
  }
  const arg = capArgument(k, t, 0, Kind.Notification);
  if (typeof arg !== "number") return arg;
  if ((k.slots.rights[arg]! & Right.Write) === 0) return missingRight(Right.Write);
  io.notification = k.slots.object[arg]!;
  io.badgeLo = k.slots.badgeLo[arg]!;
  io.badgeHi = k.slots.badgeHi[arg]!;
  return 0;
}

function readFault(k: Kernel, t: Tcb, io: IoSpace): Outcome {
  const { iommu } = k.machine, n = wordNumber(k, t, 0), count = iommu.faultCount(io.device);
  if (n >= count) return refuse(ErrorCode.WouldBlock);
  const fault = iommu.fault(io.device, n);
  if (fault === null) return outOfRange(0, count - iommu.faultsKept, count - 1);
  setNumber(k, t, 0, count);
  setNumber(k, t, 1, Math.min(fault.address, TOP_ADDRESS));
  setWord(k, t, 2, fault.bytes | 0, fault.direction === "write" ? 1 : 0);
  return 3;
}

/** The greatest number below 2^64: an address beyond it was rounded up. */
const TOP_ADDRESS = 2 ** 64 - 2 ** 11;

/** Signals for the devices that were refused an access. */
export function takeDmaFaults(k: Kernel): void {
  const { iommu } = k.machine;
  for (let device = iommu.takeFaulted(); device >= 0; device = iommu.takeFaulted()) {
    const io = k.ioSpaces.find((space) => space?.device === device);
    const n = io === undefined || io.notification === 0 ? undefined : k.notifications[io.notification];
    if (n !== undefined) signal(k, n, io!.badgeLo, io!.badgeHi);
  }
}

/** A notification is gone: no device's faults may signal whatever takes its number next. */
export function forgetFaultNotification(k: Kernel, id: number): void {
  for (const io of k.ioSpaces) if (io?.notification === id) io.notification = 0;
}

export function unmapFromIoSpace(k: Kernel, slot: number, id: number): void {
  const io = k.ioSpaces[id]!;
  io.mappings--;
  k.machine.iommu.unmap(io.device, k.slots.mapPage[slot]! * PAGE);
}
