// Faults: what a thread's keeper is told, and what its answer does. Kernel: core/kernel/fault.ts, time.ts, ipc.ts.
import type { Exit, FaultName } from "../numbers.ts";
import { word, type TestId, type Word } from "./page.ts";

export interface FaultPage {
  readonly when: string;
  /** Words of the message; w0 is the thread's pc in each. */
  readonly words: readonly Word[];
  /** Where the thread goes on when the answer says so without a word. */
  readonly onward: string;
  readonly tests: readonly TestId[];
}

const PC = word("w0", "pc", "of the instruction");

export const FAULTS: { readonly [F in FaultName]: FaultPage } = {
  Capability: {
    when: "a receive on something that it cannot receive on: such a call has no other way to tell",
    words: [word("w0", "pc", "after the ecall"), word("w1", "CPtr", "what a0 was")],
    onward: "after the ecall, registers as they are",
    tests: ["IPC-RECV-002", "IPC-RECV-003", "NTF-WAIT-002"],
  },
  UnknownSyscall: {
    when: "an ecall whose number is none of the ten",
    words: [word("w0", "pc", "after the ecall"), word("w1", "number", "a7"), word("w2", "a0", "")],
    onward: "after the ecall, registers as they are: a keeper can carry out calls of its own with TCBReadRegisters and TCBWriteRegisters",
    tests: ["FAULT-MESSAGE-004"],
  },
  UserException: {
    when: "an illegal instruction, a misaligned access, an exception of a hosted program",
    words: [PC, word("w1", "cause", "RISC-V's number; 65: the engine could not go on"), word("w2", "tval", "RISC-V's trap value")],
    onward: "at the instruction again",
    tests: ["FAULT-MESSAGE-002"],
  },
  VMFault: {
    when: "an access to an address that is not mapped, or not with this right",
    words: [PC, word("w1", "address", ""), word("w2", "access", "0 fetch, 1 load, 2 store")],
    onward: "at the instruction again: it makes the access again",
    tests: ["FAULT-MESSAGE-001"],
  },
  Breakpoint: {
    when: "an ebreak, a breakpoint of TCBSetBreakpoint, a step of TCBSetSingleStep",
    words: [PC, word("w1", "why", "0 an ebreak instruction, 1 a breakpoint, 2 a single step")],
    onward: "at the pc; after an ebreak that is the ebreak again",
    tests: ["FAULT-MESSAGE-003"],
  },
  Timeout: {
    when: "the thread's turn is over, and it has a timeout keeper; told to that one. A thread inside VCPURun is not told of",
    words: [word("w0", "pc", "where the thread was preempted"), word("w1", "consumed", "us used since the last time this was told"), word("w2", "word", "the SchedContext's")],
    onward: "where it was, when it has time. So it does when the keeper or the reply object is destroyed, or takes no calls",
    tests: ["TIMEOUT-001", "TIMEOUT-002", "TIMEOUT-005", "TIMEOUT-006"],
  },
};

/** What a keeper's answer does. */
export const FAULT_ANSWERS: readonly { readonly answer: string; readonly result: string; readonly tests: readonly TestId[] }[] = [
  { answer: "label 0, no word", result: "the thread goes on at its pc, registers untouched", tests: ["FAULT-REPAIR-001"] },
  { answer: "label 0, a word", result: "it goes on at the address in w0", tests: ["FAULT-REPAIR-002"] },
  { answer: "another label", result: "it stays stopped (Faulted) until TCBResume or TCBRestart", tests: ["FAULT-REPAIR-003", "TIMEOUT-007"] },
  { answer: "none: the keeper receives anew with that reply object, or the object is destroyed", result: "it stays stopped", tests: ["FAULT-KEEPER-004", "TCB-STATE-121"] },
  { answer: "none: the keeper received without a reply object", result: "it stays stopped", tests: ["FAULT-KEEPER-005"] },
  { answer: "none: there is no keeper, or its endpoint is destroyed", result: "it stays stopped, with its time, and the operator is told", tests: ["FAULT-KEEPER-001", "FAULT-KEEPER-003", "FAULT-STRANDED-001", "FAULT-STRANDED-002"] },
];

export interface ExitPage {
  readonly when: string;
  readonly words: readonly Word[];
  readonly tests: readonly TestId[];
}

export const EXITS: { readonly [E in keyof typeof Exit]: ExitPage } = {
  MMIO: {
    when: "the guest accesses a window of VCPUMapDevice. Complete a read with completion 1",
    words: [word("w0", "address", "guest-physical"), word("w1", "value", "written"), word("w2.lo", "size", "bytes"), word("w2.hi", "write", "1 for a write")],
    tests: ["VCPU-RUN-001"],
  },
  SBI: {
    when: "an ecall to the firmware that the machine does not answer itself. Complete it with completion 2",
    words: [
      word("w0", "extension", "a7"), word("w1", "function", "a6"), word("w2", "a0", ""), word("w3", "a1", ""), word("w4..w7", "a2..a5", "in the IPC buffer; without one the message has four words"),
    ],
    tests: ["VCPU-RUN-002"],
  },
  Notified: { when: "the bound notification of the VMM's thread was signalled", words: [word("w0", "word", "taken from the notification")], tests: ["VCPU-WFI-004"] },
  Stuck: { when: "the guest waits for an interrupt that nothing can raise: no timer armed, no notification bound", words: [], tests: ["VCPU-WFI-003", "VCPU-WFI-006"] },
  Broken: {
    when: "the guest broke its machine; without words: the VCPU was destroyed",
    words: [word("w0", "address", ""), word("w1", "error", "the engine's"), word("w2", "pc", "")],
    tests: ["VCPU-RUN-003", "VCPU-RUN-007"],
  },
};
