// SchedControl: who may say how much time there is. Kernel: core/kernel/objects/schedcontext.ts.
import { cptr, refusal, truncated, word, type ObjectPage } from "./page.ts";

export const SCHED_CONTROL: ObjectPage<"SchedControl"> = {
  is: "The right to give SchedContexts time. There is one, made by the boot for the root server; whoever holds a copy can give anybody any share of the CPU.",
  source: "seL4 manual, \"Scheduling Contexts\" (there one for each CPU)",
  rights: {},
  capabilities: "It can be copied freely.",
  end: "Nobody can give time any more; what was given stays.",
  endTests: [],
  otherLabels: ["SC-CONFIGURE-003"],
  operations: {
    SchedControlConfigure: {
      does: "Gives a SchedContext budget and period, all of the budget at once; what it used before is forgotten, and a thread that waited for time runs.",
      words: [
        word("w0", "SchedContext", "CPtr"), word("w1", "budget", "us, 10 to the period"), word("w2", "period", "us, 10 to an hour"),
        word("w3", "word", "64 bits that its Timeout faults tell; 0 when the message has three words"),
      ],
      rights: "none",
      answer: [],
      tests: ["SC-CONFIGURE-001", "SC-CONFIGURE-004", "TIMEOUT-004"],
      refusals: [
        truncated(3, "SC-CONFIGURE-003"),
        ...cptr(0, "a SchedContext", ["SC-CONFIGURE-003"], ["SC-CONFIGURE-003"]),
        refusal("RangeError", 2, "a period below 10 us or above an hour", "SC-CONFIGURE-002"),
        refusal("RangeError", 1, "a budget below 10 us or above the period", "SC-CONFIGURE-002"),
      ],
      bound: "Constant; reads the clock.",
      source: "seL4 manual, seL4_SchedControl_ConfigureFlags",
    },
  },
};
