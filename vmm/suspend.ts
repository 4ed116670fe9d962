// Suspending the whole guest. Source: RISC-V Supervisor Binary Interface Specification 2.0, chapter 13 (SUSP); how a hart wakes, 9 (HSM, non-retentive suspend).
// Its RAM is kept and its devices go on. It is woken by what comes from outside to somebody in front of it, whether or not it asked for the interrupt: console input, a key or the
// pointer, its clock's alarm. Not by its timer, which the specification does not want, nor by disks and networks.
import type { DmaPort } from "../core/devices/device.ts";
import { SbiError, type SbiCall, type SbiOutcome } from "./sbi.ts";

const TO_RAM = 0;

export interface SuspendState {
  /** Something can wake it. */
  readonly wakes: boolean;
  /** A hart besides the calling one is not stopped. */
  readonly othersRun: boolean;
}

const refused = (error: number): SbiOutcome => ({ kind: "return", error, value: 0 });

/** a0 = sleep type, a1 = where its hart goes on, physical, as one that starts; a2 = a word that it finds in a1 then. */
export function systemSuspend({ fn, a0: type, a1: resume }: SbiCall, memory: DmaPort, { wakes, othersRun }: SuspendState): SbiOutcome {
  if (fn !== 0) return refused(SbiError.NOT_SUPPORTED);
  if (type !== TO_RAM) return refused(SbiError.INVALID_PARAM);
  if (!wakes) return refused(SbiError.NOT_SUPPORTED);
  if (othersRun) return refused(SbiError.DENIED);
  if (resume % 2 !== 0 || typeof memory.load16(resume) !== "number") return refused(SbiError.INVALID_ADDRESS);
  return { kind: "sleep", resume };
}
