// The ten system calls. Kernel: core/kernel/syscall.ts, ipc.ts.
import { MAX_CAPS, MAX_WORDS, REGISTER_WORDS } from "../message.ts";
import type { FaultName, Syscall } from "../numbers.ts";
import { Limit } from "./limits.ts";
import { refusal, word, type Refusal, type TestId, type Word } from "./page.ts";

export type SyscallName = keyof typeof Syscall;

export interface SystemCall {
  readonly does: string;
  /** Registers that it looks at, beside a7. */
  readonly registers: readonly Word[];
  readonly rights: string;
  readonly answer: readonly Word[];
  readonly tests: readonly TestId[];
  readonly refusals: readonly Refusal[];
  /** Mistakes that have no answer: the thread faults. */
  readonly faults: readonly { readonly fault: FaultName; readonly when: string; readonly tests: readonly TestId[] }[];
  readonly bound: string;
  readonly source: string;
}

const MESSAGE = [word("a1", "info", "label, words, capabilities"), word("a2..a5", "words", `the first ${REGISTER_WORDS}; the others and the capabilities stand in the IPC buffer`)];
const RECEIVED = [word("a0", "badge", "of the sender's capability; of a notification, the word taken"), word("a1", "info", "the sender's, without the error flag; 0 for a notification"), word("a2..a5", "words", "of the message")];
const REPLY = word("a6", "reply", "CPtr of a reply object, 0 for none");
const NOTHING = [word("a0, a1", "", "0")];
const COPIES = `Constant, but for the message: up to ${MAX_WORDS} words and ${MAX_CAPS} capabilities.`;
const CROWD = ` A passive server's receive refuses up to ${Limit.PIECE} waiting Sends in one entry into the kernel; it repeats itself.`;
const WAITS_FOREVER = "the thread was suspended while it waited, and resumed";

const invoked = (wrong: TestId, missing: TestId): Refusal[] => [
  refusal("FailedLookup", 0, "a0 leads to no slot of the caller's CSpace", missing),
  refusal("InvalidCapability", 0, "the slot is empty", wrong),
];
const cannotReceive = (...tests: TestId[]) => ({
  fault: "Capability" as const,
  when: "a0 names no endpoint or notification with Read; a6 names something that is no reply object, or one with which another thread waits to receive",
  tests,
});

export const SYSTEM_CALLS: { readonly [S in SyscallName]: SystemCall } = {
  Call: {
    does: `On an endpoint: sends, and waits for the answer. The receiver's reply object takes the caller, and the caller's time goes along until it is answered; a receiver that waits runs at once. On a
kernel object: invokes it, at once; its page says the rest. On a notification or VSpace: an IllegalOperation.`,
    registers: [word("a0", "capability", "CPtr"), ...MESSAGE],
    rights: "on an endpoint Write and one of Grant and GrantReply; Grant to send capabilities along",
    answer: [word("a0", "badge", "0"), word("a1", "info", "the answer's"), word("a2..a5", "words", "the answer's")],
    tests: ["IPC-CALL-001", "IPC-CALL-002", "IPC-CALL-003", "DONATION-001", "SCHED-001"],
    refusals: [
      ...invoked("IPC-CALL-004", "IPC-CALL-004"),
      refusal("MissingRight", null, "the endpoint's capability lacks Write, or both Grant and GrantReply", "IPC-CALL-003"),
      refusal("IllegalOperation", null, "the kernel object has no such operation", "IPC-CALL-006"),
      refusal("Broken", null, "the endpoint or the reply object was destroyed, the server received anew without answering, or received without a reply object", "IPC-CALL-005", "IPC-RECV-004", "IPC-BROKEN-001", "IPC-BROKEN-002",
        "IPC-BROKEN-003"),
      refusal("Cancelled", null, `${WAITS_FOREVER}; or its badge was cancelled`, "TCB-STATE-023", "TCB-STATE-045", "CNODE-CANCEL-001"),
    ],
    faults: [],
    bound: COPIES,
    source: "seL4 manual, seL4_Call (MCS)",
  },
  ReplyRecv: {
    does: "Answers the caller that the reply object in a6 holds, if it holds one, then receives on a0 as Recv does, with that reply object: at once, nobody runs in between.",
    registers: [word("a0", "endpoint", "CPtr"), ...MESSAGE, REPLY],
    rights: "Read on the endpoint",
    answer: RECEIVED,
    tests: ["IPC-CALL-001", "IPC-CALL-002", "IPC-RECV-005"],
    refusals: [
      refusal("Broken", null, "the endpoint was destroyed while it waited", "IPC-BROKEN-002"),
      refusal("Cancelled", null, WAITS_FOREVER, "TCB-STATE-034"),
    ],
    faults: [{ ...cannotReceive("IPC-RECV-006", "ARG-CALL-002"), when: `${cannotReceive().when}; or a0 is a notification. Then nobody is answered` }],
    bound: COPIES + CROWD,
    source: "seL4 manual, seL4_ReplyRecv (MCS)",
  },
  Send: {
    does: "On an endpoint: sends, and waits until the message is received. On a reply object: answers its caller, and never waits. On a notification: signals.",
    registers: [word("a0", "capability", "CPtr"), ...MESSAGE],
    rights: "Write on an endpoint or notification; Grant on an endpoint to send capabilities along; a reply object carries them if the request was received through a capability with Grant",
    answer: NOTHING,
    tests: ["IPC-SEND-001", "IPC-REPLY-001", "IPC-REPLY-002", "NTF-SIGNAL-004"],
    refusals: [
      ...invoked("IPC-SEND-006", "IPC-SEND-006"),
      refusal("IllegalOperation", null, "it is neither endpoint, reply object nor notification", "IPC-SEND-006"),
      refusal("MissingRight", null, "the capability lacks Write", "IPC-SEND-003", "NTF-SIGNAL-003"),
      refusal("PassiveServer", null, "the receiver has no time of its own, and a Send brings none", "IPC-SEND-004", "IPC-SEND-005"),
      refusal("Broken", null, "the endpoint was destroyed while it waited", "IPC-BROKEN-002"),
      refusal("Cancelled", null, `${WAITS_FOREVER}; or its badge was cancelled`, "TCB-STATE-023", "CNODE-CANCEL-001"),
    ],
    faults: [],
    bound: COPIES,
    source: "seL4 manual, seL4_Send (MCS); PassiveServer is ours",
  },
  NBSend: {
    does: "As Send; on an endpoint where nobody waits to receive, the message is dropped and nobody is told.",
    registers: [word("a0", "capability", "CPtr"), ...MESSAGE],
    rights: "as Send",
    answer: NOTHING,
    tests: ["IPC-SEND-002", "IPC-REPLY-001", "NTF-SIGNAL-004"],
    refusals: [
      ...invoked("ARG-CALL-001", "ARG-CALL-001"),
      refusal("IllegalOperation", null, "it is neither endpoint, reply object nor notification", "ARG-CALL-001"),
      refusal("MissingRight", null, "the capability lacks Write", "IPC-SEND-003"),
      refusal("PassiveServer", null, "the waiting receiver has no time of its own", "IPC-SEND-004"),
    ],
    faults: [],
    bound: COPIES,
    source: "seL4 manual, seL4_NBSend",
  },
  Recv: {
    does: `Waits for a message; what was signalled to the thread's bound notification comes first. With a reply object it takes Calls; a caller that the object still holds gets Broken. Without one, a Call that
it takes gets Broken. On a notification: a Wait.`,
    registers: [word("a0", "endpoint", "CPtr"), REPLY],
    rights: "Read",
    answer: RECEIVED,
    tests: ["IPC-CALL-001", "IPC-SEND-001", "IPC-RECV-004", "NTF-BIND-001", "NTF-SIGNAL-004", "PIECE-RECEIVE-001"],
    refusals: [
      refusal("Broken", null, "the endpoint or notification was destroyed while it waited", "IPC-BROKEN-002", "NTF-WAIT-003"),
      refusal("Cancelled", null, WAITS_FOREVER, "TCB-STATE-034"),
    ],
    faults: [cannotReceive("IPC-RECV-002", "IPC-RECV-003")],
    bound: COPIES + CROWD,
    source: "seL4 manual, seL4_Recv (MCS); where seL4 would answer an error, ours faults",
  },
  NBRecv: {
    does: "As Recv, but it does not wait.",
    registers: [word("a0", "endpoint", "CPtr"), REPLY],
    rights: "Read",
    answer: RECEIVED,
    tests: ["IPC-RECV-001", "NTF-BIND-001"],
    refusals: [refusal("WouldBlock", null, "nobody sends, and nothing was signalled", "IPC-RECV-001", "NTF-SIGNAL-004")],
    faults: [cannotReceive("ARG-CALL-002")],
    bound: COPIES + CROWD,
    source: "seL4 manual, seL4_NBRecv (MCS)",
  },
  Signal: {
    does: "Adds the capability's badge to the notification's word. The bound thread, if it receives or runs a guest, or else the longest waiting thread takes the word.",
    registers: [word("a0", "notification", "CPtr")],
    rights: "Write",
    answer: NOTHING,
    tests: ["NTF-SIGNAL-001", "NTF-SIGNAL-002", "ARG-CALL-003"],
    refusals: [
      refusal("FailedLookup", 0, "a0 leads to no slot of the caller's CSpace", "NTF-SIGNAL-003"),
      refusal("InvalidCapability", 0, "the slot is empty, or holds no notification", "NTF-SIGNAL-003"),
      refusal("MissingRight", null, "the capability lacks Write", "NTF-SIGNAL-003"),
    ],
    faults: [],
    bound: "Constant.",
    source: "seL4 manual, seL4_Signal",
  },
  Wait: {
    does: "Takes the notification's word, and waits for one if it is 0.",
    registers: [word("a0", "notification", "CPtr")],
    rights: "Read",
    answer: [word("a0", "word", "all that was signalled"), word("a1", "info", "0")],
    tests: ["NTF-SIGNAL-001", "NTF-SIGNAL-002"],
    refusals: [
      refusal("Broken", null, "the notification was destroyed while it waited", "NTF-WAIT-003"),
      refusal("Cancelled", null, WAITS_FOREVER, "TCB-STATE-056"),
    ],
    faults: [{ fault: "Capability", when: "a0 names no notification with Read", tests: ["NTF-WAIT-002"] }],
    bound: "Constant.",
    source: "seL4 manual, seL4_Wait",
  },
  Poll: {
    does: "Takes the notification's word, but does not wait for one.",
    registers: [word("a0", "notification", "CPtr")],
    rights: "Read",
    answer: [word("a0", "word", "all that was signalled"), word("a1", "info", "0")],
    tests: ["NTF-WAIT-001"],
    refusals: [refusal("WouldBlock", null, "the word is 0", "NTF-WAIT-001")],
    faults: [{ fault: "Capability", when: "a0 names no notification with Read", tests: ["NTF-WAIT-002"] }],
    bound: "Constant.",
    source: "seL4 manual, seL4_Poll",
  },
  Yield: {
    does: "The thread goes behind the others of its priority. It keeps what is left of its time.",
    registers: [],
    rights: "none",
    answer: NOTHING,
    tests: ["SCHED-003"],
    refusals: [],
    faults: [],
    bound: "Constant.",
    source: "seL4 manual, seL4_Yield (MCS: there the rest of the budget is given up)",
  },
};

/** What happens with any other number in a7. */
export const OTHER_NUMBER_TESTS: readonly TestId[] = ["FAULT-MESSAGE-004"];
