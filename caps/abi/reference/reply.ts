// Reply: the right to answer one caller. Kernel: core/kernel/objects/reply.ts, ipc.ts, loans.ts.
import { cptr, refusal, truncated, word, type ObjectPage } from "./page.ts";

export const REPLY: ObjectPage<"Reply"> = {
  is: `The right to answer one caller, once. A receive (Recv, NBRecv, ReplyRecv) names a free one in a6; a Call that it takes fills it, together with the caller's time. An answer (Send, NBSend or
ReplyRecv on it) empties it, and hands the time back. It answers nobody while it holds nobody.`,
  source: "seL4 manual, \"Reply objects\" (MCS)",
  rights: {},
  capabilities: "It cannot be copied, only moved: the right to answer is in one place.",
  end: "A caller that it holds gets Broken and its time back; a thread that it holds for its fault stays stopped. A thread that waits to receive with it waits on, without: a Call that it then takes gets Broken.",
  endTests: ["IPC-BROKEN-001", "IPC-BROKEN-003", "TCB-STATE-044", "TCB-STATE-055", "TCB-STATE-121"],
  otherLabels: ["IPC-CALL-006", "REPLY-SAVE-005"],
  operations: {
    ReplySave: {
      does: "Moves the caller that it holds to another reply object, to be answered through that one later. The time that came along is answered for there too.",
      words: [word("w0", "to", "CPtr of another Reply that is free")],
      rights: "none",
      answer: [],
      tests: ["REPLY-SAVE-001", "REPLY-SAVE-002", "REPLY-SAVE-003", "REPLY-SAVE-004"],
      refusals: [
        truncated(1, "REPLY-SAVE-006"),
        ...cptr(0, "a Reply", ["REPLY-SAVE-006"], ["REPLY-SAVE-006"]),
        refusal("IllegalOperation", null, "it holds no caller; or the other one holds one, or a thread waits to receive with it, or it is the same", "REPLY-SAVE-005"),
      ],
      bound: "Constant.",
      source: "seL4 manual, seL4_CNode_SaveCaller (before MCS); EROS, resume keys",
    },
  },
};
