// VCPU: a virtual hart. Its memory is the Frames mapped into it (the second stage); its VMM enters it with VCPURun, a
// call that is answered by the exit. While the guest runs, it runs as the VMM's thread: with its priority and time.
//
// VCPU-1  A VCPU and the thread inside VCPURun name each other.
// Guests of several harts: hart.ts.
// Source: the shape of seL4's VCPU and Linux's KVM_RUN; the guest sees RISC-V Privileged 1.12: supervisor mode above an SBI, or machine mode.
import { infoLength, toInfo } from "../../../caps/abi/message.ts";
import { Exit, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { capArgument } from "../arguments.ts";
import { forgetHart, guestStopped } from "../debugger.ts";
import { someHeld } from "../held.ts";
import { VcpuRecord, VcpuStop } from "../machine.ts";
import { BLOCKED, DELETE_FIRST, ILLEGAL, invalidArgument, invalidCapability, misaligned, missingRight, outOfRange, refuse, TRUNCATED, type Outcome } from "../outcome.ts";
import { ErrorCode } from "../../../caps/abi/numbers.ts";
import { setNumber, setResult, setWord, wordHi, wordLo, wordNumber } from "../registers.ts";
import { unready, wake } from "../scheduler.ts";
import { ThreadState, type Kernel, type Notification, type Tcb, type Vcpu } from "../state.ts";
import { addHart, addMachineMode, exitedHart, exitNumber, getState, leads, leaveGuest, setLines, setState, setVcpuFloat, timerDue, vcpuFloat } from "./hart.ts";
import { readRegisters, writeRegisters } from "./hart-registers.ts";
import { PAGE } from "./vspace.ts";

/** Guest-physical addresses end here. */
export const GUEST_TOP = 2 ** 38;
/** The engine's cost grows with regions: frames that lie one after the other count as one. */
export const MAX_REGIONS = 8;
export const MAX_DEVICES = 32;
/** Guest time is below. */
const TIME_END = 2 ** 53;
/** In the label of VCPURun's answer: what stands for one hart. */
const HART_UNIT = 256;

export function createVcpu(k: Kernel, id: number): void {
  const serial = k.nextSerial++;
  k.vcpus[id] = { id, serial, index: k.machine.vcpu.create(), tcb: 0, regions: [], devices: [], started: false, shattered: false, leader: id, harts: [id] };
  k.spacesBySerial.set(serial, id);
  k.vcpusAlive++;
}

export function destroyVcpu(k: Kernel, id: number): void {
  const v = k.vcpus[id]!;
  const leader = k.vcpus[v.leader], number = leaveGuest(k, v);
  const t = leader === undefined || leader.tcb === 0 ? undefined : k.tcbs[leader.tcb]!;
  if (t !== undefined) finish(k, t, Exit.Broken, 0, number);
  forgetHart(k, v);
  k.spacesBySerial.delete(v.serial);
  k.machine.vcpu.destroy(v.index);
  k.vcpus[id] = undefined;
  k.vcpusAlive--;
}

export function invokeVcpu(k: Kernel, t: Tcb, slot: number, label: number, info: number): Outcome {
  const v = k.vcpus[k.slots.object[slot]!]!;
  const words = infoLength(info);
  switch (label) {
    case Invocation.VCPUMapFrame:
      return words < 2 ? TRUNCATED : mapFrame(k, t, v);
    case Invocation.VCPUMapDevice:
      return words < 2 ? TRUNCATED : mapDevice(k, t, v);
    case Invocation.VCPURun:
      return words < 4 ? TRUNCATED : run(k, t, v);
    case Invocation.VCPUReadRegisters:
      return words < 1 ? TRUNCATED : readRegisters(k, t, v);
    case Invocation.VCPUWriteRegisters:
      return words < 1 ? TRUNCATED : writeRegisters(k, t, v, words);
    case Invocation.VCPUGetTime:
      setNumber(k, t, 0, Math.max(0, k.machine.clock() + vcpuFloat(k, v, VcpuRecord.TIME_OFFSET)));
      return 1;
    case Invocation.VCPUSetTime:
      return words < 1 ? TRUNCATED : setTime(k, t, v);
    case Invocation.VCPUAddHart:
      return words < 1 ? TRUNCATED : addHart(k, t, v);
    case Invocation.VCPUGetState:
      return getState(k, t, v);
    case Invocation.VCPUSetState:
      return words < 1 ? TRUNCATED : setState(k, t, v);
    case Invocation.VCPUAddMachineMode:
      return addMachineMode(k, v);
    default:
      return ILLEGAL;
  }
}

function mapFrame(k: Kernel, t: Tcb, v: Vcpu): Outcome {
  if (!leads(v)) return ILLEGAL;
  const s = k.slots;
  const slot = capArgument(k, t, 0, Kind.Frame);
  if (typeof slot !== "number") return slot;
  const id = s.object[slot]!, bytes = k.objects.size(id), physical = k.objects.base[id]!;
  const address = wordNumber(k, t, 1);
  if (k.objects.device[id] === 1) return invalidCapability(0);
  if (s.mapSpace[slot] !== 0) return DELETE_FIRST;
  if ((s.rights[slot]! & (Right.Read | Right.Write)) !== (Right.Read | Right.Write)) return missingRight(Right.Read | Right.Write);
  if (address > GUEST_TOP - bytes) return outOfRange(1, 0, GUEST_TOP - bytes);
  if (address % bytes !== 0) return misaligned(1);
  if (overlaps(v, address, bytes)) return DELETE_FIRST;
  if (v.shattered) return refuse(ErrorCode.MachineLimit);
  // A run of frames is one region of the engine, mapped when the guest first runs.
  const last = v.regions[v.regions.length - 1];
  const extends_ = last !== undefined && !v.started && last.guestPhysical + last.bytes === address && last.physical + last.bytes === physical;
  if (!extends_ && v.regions.length >= MAX_REGIONS) return refuse(ErrorCode.MachineLimit);
  if (extends_) last.bytes += bytes;
  else v.regions.push({ guestPhysical: address, physical, bytes });
  if (v.started) k.machine.vcpu.mapRam(v.index, address, physical, bytes);
  k.pages[id]!.guests++;
  s.mapSpace[slot] = v.serial;
  s.mapPage[slot] = address / PAGE;
  return 0;
}

function overlaps(v: Vcpu, address: number, bytes: number): boolean {
  const meets = (start: number, length: number): boolean => address < start + length && start < address + bytes;
  return v.regions.some((r) => meets(r.guestPhysical, r.bytes)) || v.devices.some((d) => meets(d.guestPhysical, d.bytes));
}

function mapDevice(k: Kernel, t: Tcb, v: Vcpu): Outcome {
  if (!leads(v)) return ILLEGAL;
  const address = wordNumber(k, t, 0), bytes = wordNumber(k, t, 1);
  if (address % PAGE !== 0) return misaligned(0);
  if (bytes % PAGE !== 0) return misaligned(1);
  if (bytes < PAGE || bytes > GUEST_TOP) return outOfRange(1, PAGE, GUEST_TOP);
  if (address > GUEST_TOP - bytes) return outOfRange(0, 0, GUEST_TOP - bytes);
  if (overlaps(v, address, bytes)) return DELETE_FIRST;
  if (v.devices.length === MAX_DEVICES) return refuse(ErrorCode.MachineLimit);
  v.devices.push({ guestPhysical: address, bytes });
  k.machine.vcpu.mapDevice(v.index, address, bytes);
  return 0;
}

/** A frame's capability is gone: the guest loses that memory, wherever in a region it lay. */
export function unmapFromVcpu(k: Kernel, slot: number, id: number): void {
  const v = k.vcpus[id]!, object = k.slots.object[slot]!;
  const start = k.slots.mapPage[slot]! * PAGE, bytes = k.objects.size(object);
  const frame = k.pages[object]!;
  frame.guests--;
  // What the guest wrote is news to who executes it.
  if (frame.guests === 0 && frame.executors > 0) k.machine.invalidate(k.objects.base[object]!, bytes);
  const at = v.regions.findIndex((r) => r.guestPhysical <= start && start < r.guestPhysical + r.bytes);
  if (at < 0) return;
  const r = v.regions[at]!;
  const before = start - r.guestPhysical, after = r.guestPhysical + r.bytes - (start + bytes);
  const rest = [];
  if (before > 0) rest.push({ guestPhysical: r.guestPhysical, physical: r.physical, bytes: before });
  if (after > 0) rest.push({ guestPhysical: start + bytes, physical: r.physical + before + bytes, bytes: after });
  v.regions.splice(at, 1, ...rest);
  if (v.started) k.machine.vcpu.unmapRam(v.index, start, bytes);
  // Taking frames out of the middle of a region leaves two: the engine has no room for many, and each further frame would be looked for among all.
  if (v.regions.length <= MAX_REGIONS) return;
  if (v.started) for (const left of v.regions) k.machine.vcpu.unmapRam(v.index, left.guestPhysical, left.bytes);
  v.regions = [];
  v.shattered = true;
}

function run(k: Kernel, t: Tcb, v: Vcpu): Outcome {
  if (v.tcb !== 0 || !leads(v)) return ILLEGAL;
  const completion = wordLo(k, t, 0);
  if (completion < 0 || completion > 2 || wordHi(k, t, 0) !== 0) return invalidArgument(0);
  if (v.shattered) return refuse(ErrorCode.MachineLimit);
  if (!v.started) {
    for (const r of v.regions) k.machine.vcpu.mapRam(v.index, r.guestPhysical, r.physical, r.bytes);
    v.started = true;
  }
  const words = k.machine.vcpu.words, hart = exitedHart(k, v), at = hart === undefined ? 0 : k.machine.vcpu.record(hart.index);
  if (hart === undefined) {
    // Whoever made that call or access is gone.
  } else if (completion === 1) {
    words[at + 2 * VcpuRecord.DATA] = wordLo(k, t, 1);
    words[at + 2 * VcpuRecord.DATA + 1] = wordHi(k, t, 1);
    words[at + 2 * VcpuRecord.COMPLETION] = 1;
  } else if (completion === 2) {
    words[at + 2 * VcpuRecord.A0] = wordLo(k, t, 1);
    words[at + 2 * VcpuRecord.A0 + 1] = wordHi(k, t, 1);
    words[at + 2 * VcpuRecord.A1] = wordLo(k, t, 2);
    words[at + 2 * VcpuRecord.A1 + 1] = wordHi(k, t, 2);
  }
  setLines(k, v, wordLo(k, t, 3), wordHi(k, t, 3));
  // Made again (TCBRestart), the call completes nothing twice.
  setWord(k, t, 0, 0, 0);
  v.tcb = t.id;
  t.vcpu = v.id;
  t.state = ThreadState.RunningVcpu;
  const bound = t.boundNotification === 0 ? undefined : k.notifications[t.boundNotification]!;
  if (bound !== undefined && (bound.wordLo !== 0 || bound.wordHi !== 0)) {
    // It does not run, but what the exit before was for is done: whoever reads its registers now finds nothing half done.
    k.machine.vcpu.settle(v.index);
    notifyVcpu(k, t, bound);
  }
  return BLOCKED;
}

/** Answers VCPURun: the thread is out of the guest, which left for this hart. */
function finish(k: Kernel, t: Tcb, exit: Exit, words: number, hart = 0): void {
  k.vcpus[t.vcpu]!.tcb = 0;
  t.vcpu = 0;
  t.state = ThreadState.Ready;
  setResult(k, t, 0, 0, toInfo(exit + HART_UNIT * hart, words));
  wake(k, t);
}

/** The VMM's bound notification was signalled: the guest stops for it. */
export function notifyVcpu(k: Kernel, t: Tcb, n: Notification): void {
  setWord(k, t, 0, n.wordLo, n.wordHi);
  n.wordLo = 0;
  n.wordHi = 0;
  finish(k, t, Exit.Notified, 1);
}

/** The engine stopped: what the guest needs now is answered, waited for, or handed to the VMM. */
export function vcpuStopped(k: Kernel, t: Tcb, stop: number): void {
  const v = k.vcpus[t.vcpu]!, hart = exitNumber(k, v);
  const words = k.machine.vcpu.words, at = k.machine.vcpu.record(exitedHart(k, v)!.index);
  const copy = (to: number, word: number): void => setWord(k, t, to, words[at + 2 * word]!, words[at + 2 * word + 1]!);
  switch (stop) {
    case VcpuStop.MMIO:
      copy(0, VcpuRecord.ADDRESS);
      copy(1, VcpuRecord.DATA);
      setWord(k, t, 2, words[at + 2 * VcpuRecord.SIZE]!, words[at + 2 * VcpuRecord.WRITE]!);
      return finish(k, t, Exit.MMIO, 3, hart);
    case VcpuStop.SBI:
      // a7, a6, a0, a1, then a2..a5.
      [7, 6, 0, 1, 2, 3, 4, 5].forEach((a, i) => copy(i, VcpuRecord.A0 + a));
      return finish(k, t, Exit.SBI, t.buffer < 0 ? 4 : 8, hart);
    case VcpuStop.WFI:
      return waitForInterrupt(k, t, v);
    case VcpuStop.Debug:
      return guestStopped(k, v, exitedHart(k, v)!);
    case VcpuStop.Broken:
      copy(0, VcpuRecord.ADDRESS);
      copy(1, VcpuRecord.DATA);
      copy(2, VcpuRecord.REGISTERS);
      return finish(k, t, Exit.Broken, 3, hart);
    default:
      return;
  }
}

function waitForInterrupt(k: Kernel, t: Tcb, v: Vcpu): void {
  const due = timerDue(k, v);
  if (due <= k.machine.clock()) return;
  const timer = due < Infinity;
  if (!timer && t.boundNotification === 0 && !someHeld(k, v)) return finish(k, t, Exit.Stuck, 0);
  unready(k, t);
  t.state = ThreadState.WaitingVcpu;
  if (!timer) return;
  // It may have left and come back since it was listed.
  if (!k.waitingVcpus.includes(v.id)) k.waitingVcpus.push(v.id);
  k.nextTimer = Math.min(k.nextTimer, due);
}

/** Nothing signals the thread any more: a guest whose timer is not armed either would wait for ever. */
export function unbindThread(k: Kernel, t: Tcb): void {
  t.boundNotification = 0;
  if (t.state === ThreadState.WaitingVcpu && timerDue(k, k.vcpus[t.vcpu]!) === Infinity && !someHeld(k, k.vcpus[t.vcpu]!)) finish(k, t, Exit.Stuck, 0);
}

function setTime(k: Kernel, t: Tcb, v: Vcpu): Outcome {
  if (!leads(v) || v.tcb !== 0) return ILLEGAL;
  const ticks = wordNumber(k, t, 0);
  if (ticks >= TIME_END) return invalidArgument(0);
  const offset = ticks - k.machine.clock();
  for (const id of v.harts) if (k.vcpus[id] !== undefined) setVcpuFloat(k, k.vcpus[id], VcpuRecord.TIME_OFFSET, offset);
  return 0;
}
