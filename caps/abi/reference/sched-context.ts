// SchedContext: CPU time. Kernel: core/kernel/objects/schedcontext.ts, time.ts, loans.ts, scheduler.ts.
import { cptr, refusal, truncated, word, type ObjectPage } from "./page.ts";
import { Limit } from "./limits.ts";

const CONSUMED = word("w0", "consumed", "us of CPU used since the last time this was told; a rest below 1 us is told the next time");

export const SCHED_CONTEXT: ObjectPage<"SchedContext"> = {
  is: `A right to CPU time: a budget in every period. A thread runs only on one that has time left. With budget < period it is a sporadic server: time used from s on comes back at s + period, in at
most ${Limit.MOST_REFILLS} pieces, so no window of a period sees more than the budget. With budget = period the thread shares what its priority gets, and the budget is the length of its turn. It is bound to at most one
thread; a Call lends it to whoever takes the call, and the answer gives it back. It is made without time: SchedControl gives it some.`,
  source: "seL4 manual, \"Scheduling Contexts\" (MCS); Lyons et al., EuroSys 2018",
  rights: {},
  capabilities: "It can be copied freely; copies are equal.",
  end: "The thread it is bound to has no time of its own any more; whoever has it on loan falls back on his own time, or has none until somebody calls.",
  endTests: ["SC-DESTROY-001"],
  otherLabels: ["ARG-SC-002"],
  operations: {
    SchedContextBind: {
      does: "Gives a thread its own time. A thread that was ready and had none runs.",
      words: [word("w0", "thread", "CPtr of a TCB")],
      rights: "none",
      answer: [],
      tests: ["SC-BIND-001"],
      refusals: [
        truncated(1, "SC-BIND-002"),
        ...cptr(0, "a TCB", ["SC-BIND-002"], ["ARG-SC-001"]),
        refusal("IllegalOperation", null, "it is bound to a thread, or the thread has time of its own", "SC-BIND-002"),
      ],
      bound: "Constant.",
      source: "seL4 manual, seL4_SchedContext_Bind (there also to notifications)",
    },
    SchedContextUnbind: {
      does: "Takes the time back from the thread it is bound to, and from whoever has it on loan. One that is bound to nobody is left alone.",
      words: [],
      rights: "none",
      answer: [],
      tests: ["SC-UNBIND-001", "SC-UNBIND-002"],
      refusals: [],
      bound: "Constant, however deep it was lent.",
      source: "seL4 manual, seL4_SchedContext_Unbind",
    },
    SchedContextConsumed: {
      does: "Tells how much time was used.",
      words: [],
      rights: "none",
      answer: [CONSUMED],
      tests: ["SC-CONSUMED-001"],
      refusals: [],
      bound: "Constant; reads the clock.",
      source: "seL4 manual, seL4_SchedContext_Consumed",
    },
    SchedContextYieldTo: {
      does: "The thread that runs on it goes to the head of its priority's queue, and before the caller if that priority is the caller's own. A thread that is not ready, or has no time, is left where it is.",
      words: [],
      rights: "none; the thread's priority is at most the caller's maximum controlled priority",
      answer: [CONSUMED],
      tests: ["SC-YIELD-001", "SC-YIELD-002", "SC-YIELD-003"],
      refusals: [refusal("IllegalOperation", null, "no thread runs on it, it is the caller's own, or the thread's priority is above the caller's maximum", "SC-YIELD-004")],
      bound: "Constant; reads the clock.",
      source: "seL4 manual, seL4_SchedContext_YieldTo",
    },
  },
};
