// Discrim: what a capability is. Kernel: core/kernel/objects/discrim.ts.
import { refusal, truncated, word, type ObjectPage, type TestId } from "./page.ts";

const CAPABILITY = word("w0", "capability", "CPtr of any slot, also an empty one");
const lookup = (argument: number, test: TestId) => refusal("FailedLookup", argument, "the CPtr leads to no slot of the caller's CSpace", test);

export const DISCRIM: ObjectPage<"Discrim"> = {
  is: "Says what a capability is, and nothing more, so it is harmless and every program has it. A constructor decides by it whether what it is given could leak.",
  source: "EROS, \"Discrim\" (classify, verify, compare)",
  rights: {},
  capabilities: "It can be copied freely, also out of a weak CNode.",
  end: "Nothing.",
  endTests: [],
  otherLabels: ["DISCRIM-CLASSIFY-002"],
  operations: {
    DiscrimClassify: {
      does: "Tells the kind of a capability, and its rights; of a CNode also how many bits of a CPtr it takes, so that whoever was given one can look through it: a slot is named in it by that depth. What bits the guard has is not told; who minted the capability chose them.",
      words: [CAPABILITY],
      rights: "none",
      answer: [word("w0", "kind", "its Kind, 0 for an empty slot"), word("w1", "rights", "its rights, with Weak"), word("w2", "shape", "of a CNode: bits 0..7 log2 of its slots, bits 8..15 the size of its guard; 0 for all others")],
      tests: ["DISCRIM-CLASSIFY-001", "DISCRIM-CLASSIFY-003"],
      refusals: [truncated(1, "DISCRIM-CLASSIFY-002"), lookup(0, "DISCRIM-CLASSIFY-002")],
      bound: "Constant.",
      source: "EROS, Discrim classify",
    },
    DiscrimIsDiscreet: {
      does: "Tells whether whoever holds it can tell nobody anything by it: an empty slot, a Discrim, a Frame of RAM without Write, a weak CNode.",
      words: [CAPABILITY],
      rights: "none",
      answer: [word("w0", "discreet", "1 or 0")],
      tests: ["DISCRIM-DISCREET-001"],
      refusals: [truncated(1, "DISCRIM-DISCREET-002"), lookup(0, "DISCRIM-DISCREET-002")],
      bound: "Constant.",
      source: "EROS, Discrim verify, and the constructor's \"is discreet\"",
    },
    DiscrimSame: {
      does: "Compares two capabilities. Two empty slots are the same.",
      words: [CAPABILITY, word("w1", "other", "CPtr of any slot")],
      rights: "none",
      answer: [word("w0", "sameness", "0 different objects, 1 the same object, 3 the same object and badge")],
      tests: ["DISCRIM-SAME-001", "DISCRIM-SAME-002"],
      refusals: [truncated(2, "DISCRIM-SAME-003"), lookup(0, "DISCRIM-SAME-003"), lookup(1, "DISCRIM-SAME-003")],
      bound: "Constant.",
      source: "EROS, Discrim compare",
    },
  },
};
