// What a guest's hart has beside, if it has a machine mode: as that mode itself would read it. In the hart's record some registers are in two parts, of which one is supervisor mode's.
// Source: RISC-V Privileged Architecture 1.12, chapter 3.
import { VcpuRegister } from "../../../caps/abi/numbers.ts";
import { VcpuRecord } from "../../../core/kernel/machine.ts";
import { counterOf, setCounter } from "../../../core/kernel/objects/hart-registers.ts";
import type { Kernel, Vcpu } from "../../../core/kernel/state.ts";
import { VCPU_RECORD } from "../../../core/machine/shared.ts";

const WIDTHS = (2n << 32n) | (2n << 34n), DIRTY = 3n << 13n, ANY_DIRTY = 1n << 63n;
const SUPERVISOR_LINES = 0x222n, MACHINE_LINE = 1n << 11n, SOFTWARE = 1n << 3n, EXTERNAL = 1n << 9n;
const { mstatus, mie, mip, mcycle, minstret, msip } = VcpuRegister;

const place = (register: number): number => VCPU_RECORD.mstatus + register - mstatus;

/** @param at where the record of the hart is, whose registers have been read */
export function readMachineRegister(k: Kernel, v: Vcpu, record: BigUint64Array, at: number, register: number): bigint {
  const word = (n: number): bigint => record[at + n]!, own = word(place(register)), sstatus = word(VCPU_RECORD.sstatus);
  switch (register) {
    case mstatus:
      return own | sstatus | WIDTHS | ((sstatus & DIRTY) === DIRTY ? ANY_DIRTY : 0n);
    case mip:
      return own | word(VCPU_RECORD.sip) | (word(VcpuRecord.LINES) & (MACHINE_LINE | EXTERNAL)) | (word(place(msip)) === 1n ? SOFTWARE : 0n);
    case mcycle:
    case minstret:
      return counterOf(k, v, register);
    default:
      return own;
  }
}

/** Into the record: what a hart can hold of it is kept when that is written back. */
export function putMachineRegister(k: Kernel, v: Vcpu, record: BigUint64Array, at: number, register: number, value: bigint): void {
  if (register === mcycle || register === minstret) return setCounter(k, v, register, value);
  record[at + place(register)] = value;
  if (register === mstatus) record[at + VCPU_RECORD.sstatus] = value;
  else if (register === mie) record[at + VCPU_RECORD.sie] = value & SUPERVISOR_LINES;
  else if (register === mip) record[at + VCPU_RECORD.sip] = value & SUPERVISOR_LINES;
}
