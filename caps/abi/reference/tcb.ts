// TCB: a thread. Kernel: core/kernel/objects/tcb.ts, cancel.ts, fault.ts. What happens in which state: threads.ts.
import { IpcBuffer, Reg } from "../message.ts";
import { Limit } from "./limits.ts";
import { bytes, cptr, refusal, truncated, word, type ObjectPage } from "./page.ts";

const CONSTANT = "Constant.";
const NEEDS_NO_RIGHT = "none: whoever holds a thread's TCB may do all of this to it";

export const TCB: ObjectPage<"TCB"> = {
  is: `A thread: its registers (pc, x1..x31, f0..f31, fcsr), its CSpace, VSpace, IPC buffer, keeper and timeout keeper, its priority, the notification bound to it, and the SchedContext it
runs on. It is made stopped, with all of that empty and priority 0. The first four and the timeout keeper are capabilities in slots of its own, which descend from those they were set
from: revoking those takes them back. What stops it and lets it go on in each state is in [threads.md](threads.md).`,
  source: "seL4 manual, \"Threads and Execution\" (MCS)",
  rights: {},
  capabilities: "It can be copied freely; copies are equal.",
  end: "The thread is taken out of whatever it waits for, leaves its guest, and has back what it lent; its own slots are emptied. Who waits for its answer waits on, and the time it was lent with him, until the reply object answers or is gone.",
  endTests: ["TCB-SUSPEND-002", "TCB-SUSPEND-005", "FAULT-KEEPER-007", "HOSTED-BIND-007"],
  otherLabels: ["TCB-SPACE-002"],
  operations: {
    TCBSetSpace: {
      does: `Sets keeper, CSpace and VSpace: copies of the three capabilities go into the thread's own slots. What the thread does, it goes on doing in the new
spaces: one that runs at its pc, one that waits in a system call when that ends.`,
      words: [
        word("w0", "keeper", "CPtr of an endpoint that is told the thread's faults, 0 for none"), word("w1", "CSpace", "CPtr of the CNode from which all its CPtrs are resolved"), word("w2", "VSpace", "CPtr"),
      ],
      rights: "Write and one of Grant and GrantReply on the keeper's endpoint",
      answer: [],
      tests: ["TCB-SPACE-001", "TCB-SPACE-003", "ARG-TCB-006"],
      refusals: [
        truncated(3, "TCB-SPACE-002"),
        ...cptr(0, "an endpoint", ["TCB-SPACE-002"], ["TCB-SPACE-002"]),
        refusal("MissingRight", null, "the keeper's capability lacks Write, or both Grant and GrantReply", "FAULT-KEEPER-008"),
        ...cptr(1, "a CNode, or a weak CNode", ["TCB-SPACE-002", "WEAK-007"], ["ARG-TCB-001"]),
        ...cptr(2, "a VSpace", ["TCB-SPACE-002"], ["ARG-TCB-001"]),
      ],
      bound: CONSTANT,
      source: "seL4 manual, seL4_TCB_SetSpace (there guards are given with it)",
    },
    TCBSetIPCBuffer: {
      does: `The thread's IPC buffer is ${bytes(IpcBuffer.BYTES)} of this frame, at the address's place within a page. The kernel reads and writes the frame itself: it need not stay mapped, and trusts the caller that it is
mapped at that address. While it is a buffer it cannot be mapped executable.`,
      words: [
        word("w0", "address", `of the buffer in the thread's VSpace: a multiple of ${IpcBuffer.BYTES} below 2^${Math.log2(Limit.USER_TOP)}`),
        word("w1", "frame", "CPtr of a Frame of 4 KiB of RAM; 0 takes the buffer away"),
      ],
      rights: "Read and Write on the frame",
      answer: [],
      tests: ["TCB-BUFFER-001", "TCB-BUFFER-003", "IPC-WORDS-003"],
      refusals: [
        truncated(2, "TCB-BUFFER-002"),
        refusal("AlignmentError", 0, `not a multiple of ${IpcBuffer.BYTES}`, "TCB-BUFFER-002"),
        refusal("RangeError", 0, "at or above the top of a program's addresses", "TCB-BUFFER-002"),
        ...cptr(1, "a Frame of 4 KiB of RAM (2 MiB, device memory)", ["TCB-BUFFER-002"], ["ARG-TCB-002"]),
        refusal("MissingRight", null, "the frame's capability lacks Read or Write", "TCB-BUFFER-002"),
        refusal("WriteXorExecute", null, "the frame is mapped executable somewhere", "BUFFER-WX-001"),
      ],
      bound: CONSTANT,
      source: "seL4 manual, seL4_TCB_SetIPCBuffer",
    },
    TCBSetPriority: {
      does: "Sets the priority and the greatest one that this thread's TCB authorises to give. It counts at once: a thread that is more urgent now runs.",
      words: [
        word("w0.lo", "priority", `0 to ${Limit.PRIORITIES - 1}, greater is more urgent`), word("w0.hi", "maximum", "maximum controlled priority"),
        word("w1", "authority", "CPtr of a TCB; both numbers are at most its maximum"),
      ],
      rights: NEEDS_NO_RIGHT,
      answer: [],
      tests: ["TCB-PRIORITY-001", "TCB-PRIORITY-002"],
      refusals: [
        truncated(2, "TCB-PRIORITY-001"),
        ...cptr(1, "a TCB", ["TCB-PRIORITY-001"], ["ARG-TCB-003"]),
        refusal("RangeError", 0, "either number is above the authority's maximum", "TCB-PRIORITY-001"),
      ],
      bound: CONSTANT,
      source: "seL4 manual, seL4_TCB_SetPriority and SetMCPriority (here one operation)",
    },
    TCBWriteRegisters: {
      does: `Writes registers, one a word, from \`first\` on, then lets a stopped thread go on if that is asked for. A system call in which the thread was stopped is over: it answers Cancelled, and then
what is written counts.`,
      words: [
        word("w0.lo", "first", "0 = pc, 1..31 = x1..x31, 32..63 = f0..f31, 64 = fcsr"), word("w0.hi", "flags", "1 to resume afterwards, else 0"), word("w1..", "values", "64 bits each, as many as there are words"),
      ],
      rights: NEEDS_NO_RIGHT,
      answer: [],
      tests: ["TCB-REGISTERS-001", "TCB-REGISTERS-006", "TCB-SPACE-001"],
      refusals: [
        truncated(1, "TCB-REGISTERS-002"),
        refusal("RangeError", 0, "a register that there is not, also as the last of several", "TCB-REGISTERS-002"),
        refusal("InvalidArgument", 0, "a flag other than 1", "TCB-REGISTERS-002"),
        refusal("IllegalOperation", null, "the caller's own registers", "TCB-REGISTERS-003"),
        refusal("IllegalOperation", null, "it is to be resumed and has no VSpace", "TCB-SPACE-001"),
      ],
      bound: "Grows with the words of the message.",
      source: "seL4 manual, seL4_TCB_WriteRegisters",
    },
    TCBReadRegisters: {
      does: "Reads registers; also of a thread that runs or waits, as they were at its last trap.",
      words: [word("w0.lo", "first", "as for TCBWriteRegisters"), word("w0.hi", "count", "1 or more")],
      rights: NEEDS_NO_RIGHT,
      answer: [word("w0..", "values", "one a register; from the fifth on in the caller's IPC buffer")],
      tests: ["TCB-REGISTERS-001", "TCB-REGISTERS-006"],
      refusals: [
        truncated(1, "TCB-REGISTERS-002"),
        refusal("RangeError", 0, "a count of 0, or a register that there is not", "TCB-REGISTERS-002"),
        refusal("TruncatedMessage", null, "more than four registers, and the caller has no IPC buffer", "TCB-REGISTERS-004"),
      ],
      bound: "Grows with the count.",
      source: "seL4 manual, seL4_TCB_ReadRegisters",
    },
    TCBResume: {
      does: "Lets a stopped thread go on. A system call in which it was stopped answers Cancelled; a thread stopped by a fault goes on at its pc. One that runs or waits is left alone.",
      words: [],
      rights: NEEDS_NO_RIGHT,
      answer: [],
      tests: ["TCB-SUSPEND-001", "TCB-SUSPEND-004", "FAULT-REPAIR-003"],
      refusals: [refusal("IllegalOperation", null, "the thread has no VSpace", "TCB-SPACE-001", "TCB-SPACE-004")],
      bound: CONSTANT,
      source: "seL4 manual, seL4_TCB_Resume, which makes the call again; here TCBRestart does",
    },
    TCBSuspend: {
      does: `Stops a thread, whatever it does. It leaves what it waits for and the guest it is in, has its time back, and its registers stay as they are. A thread that suspends itself gets the answer
of this call, and stops.`,
      words: [],
      rights: NEEDS_NO_RIGHT,
      answer: [],
      tests: ["TCB-SUSPEND-001", "TCB-SUSPEND-003", "FAULT-KEEPER-006", "VCPU-RUN-006"],
      refusals: [],
      bound: CONSTANT,
      source: "seL4 manual, seL4_TCB_Suspend",
    },
    TCBBindNotification: {
      does: `The thread gets what is signalled to the notification wherever it waits for messages (Recv, NBRecv, ReplyRecv) or runs a guest (VCPURun): what was signalled before, too. 0 unbinds; a VMM's thread
whose guest nothing else can wake then leaves it with Exit Stuck.`,
      words: [word("w0", "notification", "CPtr, 0 to unbind")],
      rights: "Read on the notification",
      answer: [],
      tests: ["NTF-BIND-001", "NTF-BIND-002", "NTF-BIND-004", "NTF-BIND-006", "NTF-BIND-007", "VCPU-WFI-006"],
      refusals: [
        truncated(1, "NTF-BIND-004"),
        ...cptr(0, "a notification", ["NTF-BIND-004"], ["ARG-TCB-004"]),
        refusal("MissingRight", null, "the notification's capability lacks Read", "NTF-BIND-004"),
        refusal("IllegalOperation", null, "the thread has a bound notification, the notification a bound thread, or somebody waits for it", "NTF-BIND-003"),
      ],
      bound: CONSTANT,
      source: "seL4 manual, seL4_TCB_BindNotification and UnbindNotification",
    },
    TCBSetLabel: {
      does: "Names the thread in faults and traces for people.",
      words: [word("w0..", "text", "up to four words: 32 bytes of printable ASCII, the first in the lowest bits; another byte ends it")],
      rights: NEEDS_NO_RIGHT,
      answer: [],
      tests: ["TCB-REGISTERS-005"],
      refusals: [],
      bound: CONSTANT,
      source: "ours; seL4 has seL4_DebugNameThread",
    },
    TCBSetTLS: {
      does: `Sets the thread pointer, x${Reg.tp}.`,
      words: [word("w0", "tp", "any value of 64 bits")],
      rights: NEEDS_NO_RIGHT,
      answer: [],
      tests: ["TCB-REGISTERS-005"],
      refusals: [truncated(1, "TCB-REGISTERS-005")],
      bound: CONSTANT,
      source: "seL4 manual, seL4_TCB_SetTLSBase",
    },
    TCBSetTimeoutKeeper: {
      does: "Sets who is told, by a Timeout fault, that the thread's turn is over. Without one it waits for more time in silence.",
      words: [word("w0", "keeper", "CPtr of an endpoint, 0 for none")],
      rights: "Write and one of Grant and GrantReply on the endpoint",
      answer: [],
      tests: ["TCB-TIMEOUT-001", "TIMEOUT-001", "TIMEOUT-003", "TIMEOUT-005"],
      refusals: [
        truncated(1, "TCB-TIMEOUT-002"),
        ...cptr(0, "an endpoint", ["TCB-TIMEOUT-002"], ["TCB-TIMEOUT-002"]),
        refusal("MissingRight", null, "the endpoint's capability lacks Write, or both Grant and GrantReply", "TCB-TIMEOUT-002"),
      ],
      bound: CONSTANT,
      source: "seL4 manual, seL4_TCB_SetTimeoutEndpoint",
    },
    TCBRestart: {
      does: `As TCBResume, but a system call in which the thread was stopped is made again: its pc goes back to the ecall. A ReplyRecv has answered already and only receives; a VCPURun enters the guest
again and completes nothing twice.`,
      words: [],
      rights: NEEDS_NO_RIGHT,
      answer: [],
      tests: ["TCB-STATE-003", "TCB-STATE-014", "TCB-STATE-025", "TCB-STATE-036", "TCB-STATE-047", "TCB-STATE-058", "TCB-STATE-069", "TCB-STATE-080", "TCB-STATE-091"],
      refusals: [refusal("IllegalOperation", null, "the thread has no VSpace", "ARG-TCB-005")],
      bound: CONSTANT,
      source: "seL4 manual, seL4_TCB_Resume",
    },
    TCBSetSingleStep: {
      does: `While it is on, the thread takes one instruction and faults (Breakpoint, why = 2), each time it goes on. A system call is one instruction, told when the thread would next run its own code;
an instruction that faults is counted when it was repaired and done. The thread runs some fifty times slower, and a store-conditional never succeeds in it.`,
      words: [word("w0", "on", "1 or 0")],
      rights: NEEDS_NO_RIGHT,
      answer: [],
      tests: ["TCB-STEP-001", "TCB-STEP-002", "TCB-STEP-003", "TCB-STEP-004", "TCB-STEP-006"],
      refusals: [truncated(1, "TCB-STEP-005"), refusal("InvalidArgument", 0, "neither 0 nor 1", "TCB-STEP-005"), refusal("IllegalOperation", null, "the thread runs a hosted program", "TCB-STEP-005")],
      bound: CONSTANT,
      source: "seL4 manual, seL4_TCB_ConfigureSingleStepping",
    },
    TCBSetBreakpoint: {
      does: `While it is on, the thread faults (Breakpoint, why = 1) before it executes the instruction at the address. Answered, it executes that instruction and goes on. The thread runs some fifty
times slower; others of its address space do not, and pass the place.`,
      words: [word("w0", "number", "0 to 15"), word("w1", "address", "of the instruction"), word("w2", "on", "1 or 0")],
      rights: NEEDS_NO_RIGHT,
      answer: [],
      tests: ["TCB-BREAKPOINT-001", "TCB-BREAKPOINT-002", "TCB-BREAKPOINT-004"],
      refusals: [
        truncated(3, "TCB-BREAKPOINT-003"),
        refusal("InvalidArgument", 2, "neither 0 nor 1", "TCB-BREAKPOINT-003"),
        refusal("RangeError", 0, "a number above 15", "TCB-BREAKPOINT-003"),
        refusal("RangeError", 1, "an address that is no program's", "TCB-BREAKPOINT-003"),
        refusal("IllegalOperation", null, "the thread runs a hosted program", "TCB-BREAKPOINT-003"),
      ],
      bound: CONSTANT,
      source: "seL4 manual, seL4_TCB_SetBreakpoint",
    },
  },
};
