// IRQControl: handing out interrupt lines. Kernel: core/kernel/objects/irq.ts.
import { cptr, refusal, slotWord, truncated, word, type ObjectPage } from "./page.ts";

export const IRQ_CONTROL: ObjectPage<"IRQControl"> = {
  is: "The right to make IRQHandlers, one an interrupt line. There is one, made by the boot for the root server.",
  source: "seL4 manual, \"Interrupts\"",
  rights: {},
  capabilities: "It cannot be copied. All handlers descend from it: revoking it takes them all back.",
  end: "No more handlers can be made; those there are stay.",
  endTests: [],
  otherLabels: ["IRQ-CONTROL-002"],
  operations: {
    IRQControlGet: {
      does: "Makes the handler of a line and puts its capability into an empty slot. The line is masked until a notification is set.",
      words: [
        word("w0.lo", "line", "1 to the machine's last, 31"), word("w0.hi", "trigger", "0: it interrupts as long as it is high (level); 1: each time it rises (edge)"),
        word("w1", "destination", "CPtr of a CNode"), word("w2", "slot", "slot word, from that CNode"),
      ],
      rights: "Write on the CNode of the slot",
      answer: [],
      tests: ["IRQ-CONTROL-001", "IRQ-CONTROL-003", "IRQ-EDGE-001", "IRQ-EDGE-003", "IRQ-EDGE-004"],
      refusals: [
        truncated(3, "IRQ-CONTROL-002"),
        refusal("RangeError", 0, "no such line", "IRQ-CONTROL-002"),
        refusal("InvalidArgument", 0, "a trigger that is neither 0 nor 1", "IRQ-CONTROL-002"),
        refusal("IllegalOperation", null, "the line has a handler, or is the IOMMU's own", "IRQ-CONTROL-001"),
        ...cptr(1, "a CNode", ["IRQ-CONTROL-002"], ["ARG-IRQ-001"]),
        ...slotWord(2, ["IRQ-CONTROL-002"], ["IRQ-CONTROL-002"]),
        refusal("MissingRight", null, "the CNode of the slot lacks Write", "CNODE-RIGHTS-001"),
        refusal("DeleteFirst", null, "the slot is occupied", "IRQ-CONTROL-002"),
      ],
      bound: "Constant.",
      source: "seL4 manual, seL4_IRQControl_Get and seL4_IRQControl_GetTrigger",
    },
  },
};
