// A hart's registers by number (VcpuRegister), as its VMM reads and writes them. They stand in the hart's record, where the machine puts them and takes them from.
//
// What a hart's machine mode has may be written with any word: the machine keeps of it what a hart can hold, as it does with what firmware writes. All else is checked here.
// Source: RISC-V Privileged Architecture 1.12, chapters 3 and 4; Linux's KVM_GET_ONE_REG.
import { VCPU_MACHINE_REGISTERS, VCPU_REGISTERS, VcpuRegister } from "../../../caps/abi/numbers.ts";
import { VcpuRecord } from "../machine.ts";
import { ILLEGAL, invalidArgument, outOfRange, TRUNCATED, type Outcome } from "../outcome.ts";
import { setNumber, setWord, wordHi, wordLo } from "../registers.ts";
import type { Kernel, Tcb, Vcpu } from "../state.ts";
import { hasMachineMode, isInside, setVcpuFloat, vcpuFloat } from "./hart.ts";

/** Guest time at and above this is never. */
const NEVER = 2 ** 53;
const { mcountinhibit, mcycle, minstret, timecmp } = VcpuRegister;
/** Counters, with the bits of mcountinhibit that stop them. */
const COUNTERS: ReadonlyMap<number, number> = new Map([[mcycle, 1 << 0], [minstret, 1 << 2]]);

const registersOf = (k: Kernel, v: Vcpu): number => (hasMachineMode(k, v) ? VCPU_MACHINE_REGISTERS : VCPU_REGISTERS);

/** Where a register stands, in 32-bit units of all records. */
function placeOf(k: Kernel, v: Vcpu, register: number): number {
  const word = register < VcpuRegister.mstatus ? VcpuRecord.REGISTERS + register : VcpuRecord.MACHINE_REGISTERS + register - VcpuRegister.mstatus;
  return k.machine.vcpu.record(v.index) + 2 * word;
}

export function readRegisters(k: Kernel, t: Tcb, v: Vcpu): Outcome {
  const first = wordLo(k, t, 0) >>> 0, count = wordHi(k, t, 0) >>> 0, registers = registersOf(k, v);
  if (first >= registers || count < 1 || first + count > registers) return outOfRange(0, 0, registers - 1);
  if (count > 4 && t.buffer < 0) return TRUNCATED;
  k.machine.vcpu.readRegisters(v.index);
  for (let i = 0; i < count; i++) {
    const register = first + i, at = placeOf(k, v, register);
    if (register === timecmp) setTimer(k, t, i, vcpuFloat(k, v, VcpuRecord.TIMECMP));
    else if (COUNTERS.has(register)) setBig(k, t, i, counterOf(k, v, register));
    else setWord(k, t, i, k.machine.vcpu.words[at]!, k.machine.vcpu.words[at + 1]!);
  }
  return count;
}

/** A timer that never interrupts has all bits. */
function setTimer(k: Kernel, t: Tcb, i: number, ticks: number): void {
  if (ticks < NEVER) setNumber(k, t, i, ticks);
  else setWord(k, t, i, -1, -1);
}

export function writeRegisters(k: Kernel, t: Tcb, v: Vcpu, words: number): Outcome {
  const first = wordLo(k, t, 0) >>> 0, count = words - 1, registers = registersOf(k, v);
  if (first >= registers || count < 1 || first + count > registers) return outOfRange(0, 0, registers - 1);
  if (isInside(k, v)) return ILLEGAL;
  const machineMode = hasMachineMode(k, v);
  for (let i = 0; i < count; i++) if (!mayHold(first + i, wordLo(k, t, 1 + i), wordHi(k, t, 1 + i), machineMode)) return invalidArgument(1 + i);
  k.machine.vcpu.readRegisters(v.index);
  for (let i = 0; i < count; i++) put(k, v, first + i, wordLo(k, t, 1 + i), wordHi(k, t, 1 + i));
  k.machine.vcpu.writeRegisters(v.index);
  return 0;
}

/** pc and sepc are even; satp is bare or has tables of three, four or five levels; the guest is in user or supervisor mode, or in machine mode if it has one. */
function mayHold(register: number, lo: number, hi: number, machineMode: boolean): boolean {
  switch (register) {
    case VcpuRegister.pc:
    case VcpuRegister.sepc:
      return (lo & 1) === 0;
    case VcpuRegister.satp:
      return hi >>> 28 === 0 || (hi >>> 28 >= 8 && hi >>> 28 <= 10);
    case VcpuRegister.priv:
      return hi === 0 && (lo === 0 || lo === 1 || (lo === 3 && machineMode));
    default:
      return true;
  }
}

/** Into the record. */
function put(k: Kernel, v: Vcpu, register: number, lo: number, hi: number): void {
  if (register === timecmp) {
    const ticks = (hi >>> 0) * 2 ** 32 + (lo >>> 0);
    setVcpuFloat(k, v, VcpuRecord.TIMECMP, ticks >= NEVER ? Infinity : ticks);
    return;
  }
  if (COUNTERS.has(register)) return setCounter(k, v, register, big(lo, hi));
  // Counters that stop, or go on, do so where they are.
  const counts = register === mcountinhibit ? [...COUNTERS.keys()].map((each) => [each, counterOf(k, v, each)] as const) : [];
  const at = placeOf(k, v, register);
  k.machine.vcpu.words[at] = lo;
  k.machine.vcpu.words[at + 1] = hi;
  for (const [each, value] of counts) setCounter(k, v, each, value);
}

// ---- counters: in the record is what they are ahead of the clock, as long as they run ----

const big = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
const half = (value: bigint): number => Number(BigInt.asIntN(32, value));

/** How far the record's word is behind a counter. */
function behind(k: Kernel, v: Vcpu, register: number): bigint {
  const stopped = (k.machine.vcpu.words[placeOf(k, v, mcountinhibit)]! & COUNTERS.get(register)!) !== 0;
  return stopped ? 0n : BigInt(k.machine.clock());
}

/** Of mcycle or minstret, of a hart whose registers have been read. */
export function counterOf(k: Kernel, v: Vcpu, register: number): bigint {
  const at = placeOf(k, v, register);
  return big(k.machine.vcpu.words[at]!, k.machine.vcpu.words[at + 1]!) + behind(k, v, register);
}

export function setCounter(k: Kernel, v: Vcpu, register: number, value: bigint): void {
  const at = placeOf(k, v, register), held = value - behind(k, v, register);
  k.machine.vcpu.words[at] = half(held);
  k.machine.vcpu.words[at + 1] = half(held >> 32n);
}

function setBig(k: Kernel, t: Tcb, i: number, value: bigint): void {
  setWord(k, t, i, half(value), half(value >> 32n));
}
