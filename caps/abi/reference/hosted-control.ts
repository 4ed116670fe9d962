// HostedControl: making a thread a hosted program. Kernel: core/kernel/objects/hosted.ts.
import { Limit } from "./limits.ts";
import { bytes, cptr, refusal, truncated, word, type ObjectPage } from "./page.ts";

export const HOSTED_CONTROL: ObjectPage<"HostedControl"> = {
  is: "The right to make a thread a hosted program: TypeScript in a compartment, which is not preempted between its system calls. There is one, and it stays with the root server.",
  source: "ours",
  rights: {},
  capabilities: "It can be copied freely.",
  end: "No more threads can become hosted programs.",
  endTests: [],
  otherLabels: ["HOSTED-BIND-006"],
  operations: {
    HostedControlBind: {
      does: "Hands the program text, which the thread's VSpace lets it execute, to the engine of hosted programs. From its first resume on the thread runs there.",
      words: [word("w0", "thread", "CPtr of a stopped TCB with a VSpace"), word("w1", "text", "its address in that VSpace"), word("w2", "bytes", `1 byte to ${bytes(Limit.MAX_TEXT)}`)],
      rights: "none; each page of the text is mapped executable",
      answer: [],
      tests: ["HOSTED-BIND-001", "HOSTED-BIND-007"],
      refusals: [
        truncated(3, "HOSTED-BIND-006"),
        ...cptr(0, "a TCB", ["HOSTED-BIND-006"], ["ARG-HOSTED-001"]),
        refusal("RangeError", 2, "no byte, or too many", "HOSTED-BIND-003"),
        refusal("IllegalOperation", null, "the thread is not stopped, has no VSpace, or is a hosted program already", "HOSTED-BIND-004"),
        refusal("FailedLookup", 1, "a page of the text is not mapped executable; bits left 12", "HOSTED-BIND-002"),
        refusal("InvalidArgument", 1, "the engine does not take the text: it is no program", "HOSTED-BIND-005"),
      ],
      bound: "Grows with the text, and its evaluation is the host's.",
      source: "ours; the language is SES's",
    },
  },
};
