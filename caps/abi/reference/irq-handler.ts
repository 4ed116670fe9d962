// IRQHandler: one interrupt line. Kernel: core/kernel/objects/irq.ts.
import { cptr, refusal, truncated, word, type ObjectPage } from "./page.ts";

export const IRQ_HANDLER: ObjectPage<"IRQHandler"> = {
  is: "One interrupt line. An interrupt signals the notification that was set, and masks the line until it is acknowledged: so a storm takes nobody's time but the driver's.",
  source: "seL4 manual, \"Interrupts\"",
  rights: {},
  capabilities: "It can be copied freely; copies are equal.",
  end: "The line is masked, and free for another handler.",
  endTests: ["IRQ-HANDLER-007", "IRQ-CONTROL-003"],
  otherLabels: ["IRQ-HANDLER-005"],
  operations: {
    IRQHandlerAck: {
      does: "Unmasks the line: it interrupts again, at once if it is still high (level) or has risen meanwhile (edge).",
      words: [],
      rights: "none",
      answer: [],
      tests: ["IRQ-HANDLER-002", "IRQ-HANDLER-003", "IRQ-EDGE-002"],
      refusals: [],
      bound: "Constant.",
      source: "seL4 manual, seL4_IRQHandler_Ack",
    },
    IRQHandlerSetNotification: {
      does: "Sets what an interrupt signals, with this capability's badge, and unmasks the line.",
      words: [word("w0", "notification", "CPtr")],
      rights: "Write on the notification",
      answer: [],
      tests: ["IRQ-HANDLER-001", "IRQ-HANDLER-004"],
      refusals: [
        truncated(1, "IRQ-HANDLER-005"),
        ...cptr(0, "a notification", ["IRQ-HANDLER-005"], ["ARG-IRQ-002"]),
        refusal("MissingRight", null, "the notification's capability lacks Write", "IRQ-HANDLER-005"),
      ],
      bound: "Constant.",
      source: "seL4 manual, seL4_IRQHandler_SetNotification",
    },
    IRQHandlerClear: {
      does: "An interrupt signals nobody any more: the line is masked.",
      words: [],
      rights: "none",
      answer: [],
      tests: ["IRQ-HANDLER-004"],
      refusals: [],
      bound: "Constant.",
      source: "seL4 manual, seL4_IRQHandler_Clear",
    },
  },
};
