// VCPU: a guest's hart. Kernel: core/kernel/objects/vcpu.ts; the guest itself: core/machine/native/vcpu.cc.
import { VCPU_MACHINE_REGISTERS, VCPU_REGISTERS, VcpuRegister } from "../numbers.ts";
import { Limit } from "./limits.ts";
import { bytes, cptr, refusal, truncated, word, type ObjectPage } from "./page.ts";

const LAST = VCPU_REGISTERS - 1, LAST_MACHINE = VCPU_MACHINE_REGISTERS - 1;
const numbers = (from: number, to: number): string =>
  Object.entries(VcpuRegister)
    .filter(([, n]) => n >= from && n <= to)
    .map(([name, n]) => (n === VcpuRegister.f0 ? `${n}..${n + 31} f0..f31` : n === VcpuRegister.pmpaddr0 ? `${n}..${n + 15} pmpaddr0..pmpaddr15` : `${n} ${name}`))
    .join(", ");
const NUMBERS = `${numbers(32, LAST)}; of a hart with a machine mode also ${numbers(LAST + 1, LAST_MACHINE)}`;

export const VCPU: ObjectPage<"VCPU"> = {
  is: `A virtual hart with supervisor mode and page tables of its own. Its memory is the Frames mapped into it (the second stage); addresses that are nobody's memory can be windows of devices, accesses
to which are handed to the VMM. The VMM's thread enters the guest with VCPURun, a call that the next exit answers; meanwhile the guest runs with that thread's priority and time. A wfi is no
exit: the kernel waits for the guest's timer or the VMM's bound notification. Further VCPUs can become harts of the same guest (VCPUAddHart): they share the memory and windows of this one, the
leader, and take turns with it inside its VCPURun, whose answer tells which hart it is from.`,
  source: "the shape of seL4's VCPU and Linux's KVM_RUN; RISC-V Privileged Architecture 1.12, SBI 2.0",
  rights: {},
  capabilities: "It can be copied freely; one thread at a time is inside.",
  end: "A thread inside gets Exit Broken without words. Its frames stay what they are and can be unmapped, or mapped elsewhere. The harts of a leader run no more; a hart's number is not given again, and the others go on.",
  endTests: ["VCPU-DESTROY-001", "VCPU-RUN-007", "VCPU-HARTS-005", "VCPU-HARTS-006"],
  otherLabels: ["VCPU-MEMORY-002"],
  operations: {
    VCPUMapFrame: {
      does: "Maps a frame as the guest's memory. Frames that lie one after the other, in memory and in the guest, and are mapped in that order before the guest first runs, are one region.",
      words: [word("w0", "frame", "CPtr of a Frame of RAM that is mapped nowhere"), word("w1", "address", `guest-physical: a multiple of the frame's size, and all of it below ${bytes(Limit.GUEST_TOP)}`)],
      rights: "Read and Write on the frame",
      answer: [],
      tests: ["VCPU-MEMORY-001", "VCPU-MEMORY-006"],
      refusals: [
        truncated(2, "VCPU-MEMORY-002"),
        ...cptr(0, "a Frame of RAM (device memory)", ["VCPU-MEMORY-002"], ["VCPU-MEMORY-002"]),
        refusal("DeleteFirst", null, "this capability is mapped already", "VCPU-MEMORY-003"),
        refusal("MissingRight", null, "the frame's capability lacks Read or Write", "VCPU-MEMORY-002"),
        refusal("RangeError", 1, "it would reach beyond the top of a guest's addresses", "VCPU-MEMORY-002"),
        refusal("AlignmentError", 1, "not a multiple of the frame's size", "VCPU-MEMORY-002"),
        refusal("DeleteFirst", null, "memory or a device's window is there", "VCPU-MEMORY-003"),
        refusal("IllegalOperation", null, "it is a hart of another's guest", "VCPU-HARTS-002"),
        refusal("MachineLimit", null, `it would be a region more than ${Limit.MAX_REGIONS}; or frames were taken out of the middle until more were left: such a guest has lost its memory for good`,
          "VCPU-MEMORY-005", "VCPU-MEMORY-008"),
      ],
      bound: `Grows with regions and windows, at most ${Limit.MAX_REGIONS} and ${Limit.MAX_DEVICES}.`,
      source: "ours",
    },
    VCPUMapDevice: {
      does: "Accesses to these addresses become MMIO exits. A window stays as long as the VCPU.",
      words: [word("w0", "address", "guest-physical, a multiple of 4096"), word("w1", "bytes", `a multiple of 4096, from 4096 to ${bytes(Limit.GUEST_TOP)}, and all below that address`)],
      rights: "none",
      answer: [],
      tests: ["VCPU-MEMORY-003"],
      refusals: [
        truncated(2, "VCPU-MEMORY-004"),
        refusal("AlignmentError", 0, "the address is not a multiple of 4096", "VCPU-MEMORY-004"),
        refusal("AlignmentError", 1, "the size is not", "VCPU-MEMORY-004"),
        refusal("RangeError", 1, "a size of 0, or above the greatest", "VCPU-MEMORY-004"),
        refusal("RangeError", 0, "it would reach beyond the top of a guest's addresses", "VCPU-MEMORY-004"),
        refusal("DeleteFirst", null, "memory or another window is there", "VCPU-MEMORY-003"),
        refusal("IllegalOperation", null, "it is a hart of another's guest", "VCPU-HARTS-002"),
        refusal("MachineLimit", null, `there are ${Limit.MAX_DEVICES} windows`, "ARG-VCPU-001"),
      ],
      bound: `Grows with regions and windows, at most ${Limit.MAX_REGIONS} and ${Limit.MAX_DEVICES}.`,
      source: "ours",
    },
    VCPURun: {
      does: `Enters the guest, after completing what it left for. The answer's label is an Exit (below), plus 256 times the number of the hart that it is from, which is what the next run completes. A word in the VMM's bound notification ends the run at once. A run that is cut short by Suspend and made
again by Restart completes nothing twice.`,
      words: [
        word("w0", "completion", "0 nothing, 1 the value that an MMIO read gets, 2 the result of an SBI call"), word("w1", "value", "1: the value read; 2: the guest's a0"), word("w2", "second", "2: the guest's a1"),
        word("w3.lo", "lines", "interrupt lines that are high: bit 1 SSIP, bit 9 SEIP; with a machine mode also bit 11, MEIP"), word("w3.hi", "others", "of further harts: bit n is SEIP of hart n, bit 8 + n MEIP"),
      ],
      rights: "none",
      answer: [word("w0..", "exit", "as the table of exits says")],
      tests: ["VCPU-RUN-001", "VCPU-RUN-002", "VCPU-RUN-003", "VCPU-RUN-005", "VCPU-RUN-006", "VCPU-RUN-007", "VCPU-WFI-001", "VCPU-WFI-002", "VCPU-WFI-003", "VCPU-WFI-004", "VCPU-HARTS-003", "VCPU-HARTS-004"],
      refusals: [
        truncated(4, "VCPU-RUN-004"),
        refusal("IllegalOperation", null, "a thread is inside, or it is a hart of another's guest", "VCPU-RUN-004", "VCPU-HARTS-002"),
        refusal("InvalidArgument", 0, "a completion that there is not", "VCPU-RUN-004"),
        refusal("MachineLimit", null, "so much was taken out of the middle of its memory that it has lost it for good", "VCPU-MEMORY-008"),
        refusal("Cancelled", null, "the thread was suspended inside, and resumed; the guest stays where it is", "VCPU-RUN-006", "TCB-STATE-067", "TCB-STATE-078"),
      ],
      bound: "To enter: constant, and the first time the regions are mapped. The guest's own time is the thread's.",
      source: "the shape of Linux's KVM_RUN",
    },
    VCPUReadRegisters: {
      does: `Reads the guest's registers. Each bit is in one of them: mstatus tells what sstatus has not, mip what software has set of STIP and SEIP (SSIP is sip's, the others follow the lines and the CLINT),
mtimecmp and msip what the hart has in the CLINT; with a machine mode timecmp follows from mtimecmp.`,
      words: [word("w0.lo", "first", `0 pc, 1..31 x1..x31, ${NUMBERS}`), word("w0.hi", "count", "1 or more")],
      rights: "none",
      answer: [word("w0..", "values", "one a register; from the fifth on in the caller's IPC buffer")],
      tests: ["VCPU-REGISTERS-001", "VCPU-MACHINE-003"],
      refusals: [
        truncated(1, "VCPU-REGISTERS-002"),
        refusal("RangeError", 0, `a count of 0, or a register that there is not: the last is ${LAST}, with a machine mode ${LAST_MACHINE}`, "VCPU-REGISTERS-002", "VCPU-MACHINE-003"),
        refusal("TruncatedMessage", null, "more than four registers, and the caller has no IPC buffer", "ARG-VCPU-002"),
      ],
      bound: "Grows with the count, at most all registers.",
      source: "seL4 manual, seL4_ARM_VCPU_ReadRegs",
    },
    VCPUWriteRegisters: {
      does: `Writes the guest's registers, one a word, from \`first\` on. Of what is written to a register of machine mode a hart keeps what it can hold (WARL), as of what its firmware writes, but that a locked
PMP entry does not bind the VMM; mie takes MSIE, MTIE and MEIE: the others are sie's.`,
      words: [word("w0.lo", "first", "as for VCPUReadRegisters"), word("w1..", "values", "one or more")],
      rights: "none",
      answer: [],
      tests: ["VCPU-REGISTERS-001", "VCPU-MACHINE-003"],
      refusals: [
        truncated(1, "VCPU-REGISTERS-002"),
        refusal("RangeError", 0, "no value, or a register that there is not", "VCPU-REGISTERS-002"),
        refusal("InvalidArgument", 1, "an odd pc or sepc, a mode of satp that there is not, a privilege above 1 but 3 with a machine mode (in a later word: its number)", "VCPU-REGISTERS-003"),
        refusal("IllegalOperation", null, "a thread is inside the guest", "VCPU-RUN-004", "VCPU-HARTS-002"),
      ],
      bound: "Grows with the words of the message.",
      source: "seL4 manual, seL4_ARM_VCPU_WriteRegs",
    },
    VCPUGetTime: {
      does: "Tells the guest's time, what its rdtime reads.",
      words: [],
      rights: "none",
      answer: [word("w0", "time", "ticks of 100 ns")],
      tests: ["VCPU-REGISTERS-004"],
      refusals: [],
      bound: "Constant; reads the clock.",
      source: "ours",
    },
    VCPUSetTime: {
      does: "Sets the guest's time, of all its harts: it goes on from there. Timers stay armed for the times that they were armed for.",
      words: [word("w0", "time", "ticks of 100 ns, below 2^53")],
      rights: "none",
      answer: [],
      tests: ["VCPU-REGISTERS-006"],
      refusals: [
        truncated(1, "VCPU-REGISTERS-007"),
        refusal("InvalidArgument", 0, "2^53 or more", "VCPU-REGISTERS-007"),
        refusal("IllegalOperation", null, "a thread is inside, or it is a hart of another's guest", "VCPU-REGISTERS-007", "VCPU-HARTS-002"),
      ],
      bound: "Grows with the guest's harts; reads the clock.",
      source: "ours; Linux's KVM_REG_RISCV_TIMER_TIME",
    },
    VCPUAddHart: {
      does: `Makes another VCPU a further hart of this one's guest, for good. It keeps its registers, and is started. One hart runs at a time; they take turns of some thousand blocks, and a hart that waits for an
interrupt, is suspended or stopped is passed over. SBI calls for interrupts and fences between harts are carried out below the VMM.`,
      words: [word("w0", "hart", "CPtr of a VCPU that has never run, has neither memory nor windows, and belongs to no other guest")],
      rights: "none",
      answer: [word("w0", "number", `of the hart, from 1 to ${Limit.MAX_HARTS - 1}, in the order of the calls; the leader is hart 0`)],
      tests: ["VCPU-HARTS-001"],
      refusals: [
        truncated(1, "VCPU-HARTS-002"),
        refusal("IllegalOperation", null, "a thread is inside, or it is a hart of another's guest itself", "VCPU-HARTS-002"),
        ...cptr(0, "a VCPU", ["VCPU-HARTS-002"], ["VCPU-HARTS-002"]),
        refusal("InvalidArgument", 0, "that VCPU has run, has memory, windows or harts, is one, or is this one", "VCPU-HARTS-002"),
        refusal("MachineLimit", null, `the guest has had ${Limit.MAX_HARTS} harts`, "VCPU-HARTS-008"),
      ],
      bound: "Constant.",
      source: "ours; the states of harts are those of RISC-V SBI 2.0, chapter 9",
    },
    VCPUGetState: {
      does: "Tells what a hart does: 0 it is started (also while it waits in a wfi), 1 it is stopped, 4 it is suspended.",
      words: [],
      rights: "none",
      answer: [word("w0", "state", "0, 1 or 4")],
      tests: ["VCPU-HARTS-007"],
      refusals: [],
      bound: "Constant.",
      source: "RISC-V SBI 2.0, chapter 9; Linux's KVM_GET_MP_STATE",
    },
    VCPUSetState: {
      does: "Starts, stops or suspends a hart. One that stops has no interrupt pending and no timer armed; one that is suspended starts again by an interrupt that it has enabled, or by its timer. Registers stay as they are.",
      words: [word("w0", "state", "0, 1 or 4")],
      rights: "none",
      answer: [],
      tests: ["VCPU-HARTS-007"],
      refusals: [
        truncated(1, "VCPU-HARTS-007"),
        refusal("IllegalOperation", null, "a thread is inside the guest", "VCPU-HARTS-002"),
        refusal("InvalidArgument", 0, "a state that there is not", "VCPU-HARTS-007"),
      ],
      bound: "Constant.",
      source: "RISC-V SBI 2.0, chapter 9; Linux's KVM_SET_MP_STATE",
    },
    VCPUAddMachineMode: {
      does: `Gives a hart a machine mode, for good, and puts it there as a reset would; its other registers stay as they are. Firmware runs in it as on hardware (RISC-V Privileged 1.12, chapter 3; the registers of
version 1.11): with a CLINT at 0x0200_0000 for all harts that have one, MEIP as line 11 of VCPURun, and 16 PMP entries, which are kept and not enforced. Privilege 3 can then be written as a register. Calls
from supervisor mode become traps to machine mode: there is no SBI exit any more. satp, sie and sip are read and written as the guest has them, whatever mode it is in.`,
      words: [],
      rights: "none",
      answer: [],
      tests: ["VCPU-MACHINE-001"],
      refusals: [refusal("IllegalOperation", null, "it has one, or a thread is inside the guest", "VCPU-MACHINE-002")],
      bound: "Constant.",
      source: "ours",
    },
  },
};
