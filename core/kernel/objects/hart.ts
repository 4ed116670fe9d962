// The harts of a guest: VCPUs that share memory and windows of one of them, the leader, and run by its VCPURun. One runs at a time; the machine turns from one
// to the next. A VCPU by itself is the only hart of its guest.
//
// VCPU-3  A guest's harts and their leader name each other. All but the leader have neither memory nor windows nor a thread inside, and none of their own.
// Source: RISC-V SBI 2.0, chapter 9 (states).
import { ErrorCode, Kind, VcpuState } from "../../../caps/abi/numbers.ts";
import { capArgument } from "../arguments.ts";
import { VcpuRecord } from "../machine.ts";
import { ILLEGAL, invalidArgument, refuse, type Outcome } from "../outcome.ts";
import { setWord, wordHi, wordLo } from "../registers.ts";
import type { Kernel, Tcb, Vcpu } from "../state.ts";

/** As many as an interrupt controller of the VMM's has contexts for, and a byte of a mask has bits. */
export const MAX_HARTS = 8;
/** VCPURun's line word: external interrupts of supervisor and machine mode. */
const SEIP = 1 << 9, MEIP = 1 << 11;

export const leads = (v: Vcpu): boolean => v.leader === v.id;
/** Whether a thread is inside the guest that this is a hart of. */
export const isInside = (k: Kernel, v: Vcpu): boolean => (k.vcpus[v.leader]?.tcb ?? 0) !== 0;
export const vcpuFloat = (k: Kernel, v: Vcpu, word: number): number => k.machine.vcpu.floats[(k.machine.vcpu.record(v.index) >> 1) + word]!;

export function setVcpuFloat(k: Kernel, v: Vcpu, word: number, value: number): void {
  k.machine.vcpu.floats[(k.machine.vcpu.record(v.index) >> 1) + word] = value;
}

/** The number of the hart that the guest left for last. */
export const exitNumber = (k: Kernel, leader: Vcpu): number => k.machine.vcpu.words[k.machine.vcpu.record(leader.index) + 2 * VcpuRecord.HART]!;
/** That hart; undefined when it has been destroyed since. */
export function exitedHart(k: Kernel, leader: Vcpu): Vcpu | undefined {
  return k.vcpus[leader.harts[exitNumber(k, leader)] ?? 0];
}

export function addHart(k: Kernel, t: Tcb, v: Vcpu): Outcome {
  if (!leads(v) || v.tcb !== 0) return ILLEGAL;
  const slot = capArgument(k, t, 0, Kind.VCPU);
  if (typeof slot !== "number") return slot;
  const hart = k.vcpus[k.slots.object[slot]!]!;
  const isNew = leads(hart) && hart.harts.length === 1 && !hart.started && !hart.shattered && hart.tcb === 0 && hart.regions.length === 0 && hart.devices.length === 0;
  if (hart === v || !isNew) return invalidArgument(0);
  if (v.harts.length === MAX_HARTS) return refuse(ErrorCode.MachineLimit);
  const number = v.harts.length;
  k.machine.vcpu.addHart(v.index, hart.index, number);
  hart.leader = v.id;
  hart.harts = [];
  v.harts.push(hart.id);
  setWord(k, t, 0, number, 0);
  return 1;
}

/** A VCPU is being destroyed. Of a leader all others become harts of nothing, which run no more. The number that a guest has lost a hart by; undefined for none. */
export function leaveGuest(k: Kernel, v: Vcpu): number | undefined {
  if (leads(v)) {
    for (const id of v.harts) if (id !== 0 && id !== v.id) k.vcpus[id]!.leader = 0;
    return 0;
  }
  const leader = k.vcpus[v.leader];
  if (leader === undefined) return undefined;
  const number = leader.harts.indexOf(v.id);
  leader.harts[number] = 0;
  return number;
}

export function getState(k: Kernel, t: Tcb, v: Vcpu): Outcome {
  const state = k.machine.vcpu.words[k.machine.vcpu.record(v.index) + 2 * VcpuRecord.STATE]!;
  // In a wfi it is started.
  setWord(k, t, 0, state === VcpuState.stopped || state === VcpuState.suspended ? state : VcpuState.started, 0);
  return 1;
}

export function setState(k: Kernel, t: Tcb, v: Vcpu): Outcome {
  if (isInside(k, v)) return ILLEGAL;
  const state = wordLo(k, t, 0);
  if (wordHi(k, t, 0) !== 0 || (state !== VcpuState.started && state !== VcpuState.stopped && state !== VcpuState.suspended)) return invalidArgument(0);
  k.machine.vcpu.setState(v.index, state);
  return 0;
}

export const hasMachineMode = (k: Kernel, v: Vcpu): boolean => k.machine.vcpu.words[k.machine.vcpu.record(v.index) + 2 * VcpuRecord.MACHINE] !== 0;

export function addMachineMode(k: Kernel, v: Vcpu): Outcome {
  if (isInside(k, v) || hasMachineMode(k, v)) return ILLEGAL;
  k.machine.vcpu.addMachineMode(v.index);
  return 0;
}

/** VCPURun's interrupt lines: those of hart 0, and SEIP and MEIP of the others by a bit each. */
export function setLines(k: Kernel, leader: Vcpu, lines: number, others: number): void {
  const { words } = k.machine.vcpu;
  words[k.machine.vcpu.record(leader.index) + 2 * VcpuRecord.LINES] = lines;
  for (let n = 1; n < leader.harts.length; n++) {
    const hart = k.vcpus[leader.harts[n]!];
    if (hart !== undefined) words[k.machine.vcpu.record(hart.index) + 2 * VcpuRecord.LINES] = ((others >> n) & 1 ? SEIP : 0) | ((others >> (8 + n)) & 1 ? MEIP : 0);
  }
}

/** When the next of a waiting guest's timers is due, in ticks of the machine. Harts that a debugger holds wait for none. */
export function timerDue(k: Kernel, leader: Vcpu): number {
  let due = Infinity;
  for (const id of leader.harts) {
    const hart = k.vcpus[id];
    if (hart !== undefined && k.debugger?.harts.has(id) !== true) due = Math.min(due, vcpuFloat(k, hart, VcpuRecord.TIMECMP) - vcpuFloat(k, hart, VcpuRecord.TIME_OFFSET));
  }
  return due;
}
