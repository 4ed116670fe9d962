// Suspending the whole guest. Source: RISC-V Supervisor Binary Interface Specification 2.0, chapter 13 (SUSP); how a hart wakes, 9 (HSM, non-retentive suspend).
// Its RAM is kept and its devices go on. It is woken by what comes from outside to somebody in front of it, whether or not it asked for the interrupt: console input, a key or the
// pointer, its clock's alarm. Not by its timer, which the specification does not want, nor by disks and networks.
import { Invocation, VcpuRegister } from "../caps/abi/numbers.ts";
import type { DmaPort } from "../core/devices/device.ts";
import type { Message, Op, Sys, Word } from "../servers/lib/ts/sdk.ts";
import { SbiError, type SbiCall, type SbiOutcome } from "./sbi.ts";

const TO_RAM = 0;
/** sstatus.SIE */
const INTERRUPTS = 1 << 1;
const TWO32 = 2 ** 32;
const SUPERVISOR = 1;
const A0 = 10;

export interface SuspendState {
  /** Something can wake it. */
  readonly wakes: boolean;
  /** A hart besides the calling one is not stopped. */
  readonly othersRun: boolean;
}

const refused = (error: number): SbiOutcome => ({ kind: "return", error, value: 0 });

/** a0 = sleep type, a1 = where it goes on, physical; a2 = a word that it finds in a1 then. */
export function systemSuspend({ fn, a0: type, a1: resume }: SbiCall, memory: DmaPort, { wakes, othersRun }: SuspendState): SbiOutcome {
  if (fn !== 0) return refused(SbiError.NOT_SUPPORTED);
  if (type !== TO_RAM) return refused(SbiError.INVALID_PARAM);
  if (!wakes) return refused(SbiError.NOT_SUPPORTED);
  if (othersRun) return refused(SbiError.DENIED);
  if (resume % 2 !== 0 || typeof memory.load16(resume) !== "number") return refused(SbiError.INVALID_ADDRESS);
  return { kind: "suspend", resume };
}

/** The hart goes on where it said: supervisor mode, no address translation, interrupts off; a0 = hart, a1 = its word. What went wrong, or null. */
export function* resumeHart(sys: Sys, vcpu: number, hart: number, resume: number, word: Word): Op<string | null> {
  const status = yield* sys.call(vcpu, Invocation.VCPUReadRegisters, [VcpuRegister.sstatus + TWO32]);
  if (status.error) return `its registers cannot be read: error ${status.label}`;
  const write = (first: number, ...values: Word[]): Op<Message> => sys.call(vcpu, Invocation.VCPUWriteRegisters, [first, ...values]);
  const sstatus = status.big(0) & ~BigInt(INTERRUPTS);
  for (const [first, ...values] of [[VcpuRegister.sstatus, sstatus], [VcpuRegister.satp, 0, SUPERVISOR], [A0, hart, word], [VcpuRegister.pc, resume]] as const) {
    const answer = yield* write(first, ...values);
    if (answer.error) return `it cannot go on at 0x${resume.toString(16)}: error ${answer.label}`;
  }
  return null;
}
