// Untyped: memory, and the one way to make something of it. Kernel: core/kernel/objects/untyped.ts.
import { Limit } from "./limits.ts";
import { bytes, cptr, refusal, truncated, word, type ObjectPage } from "./page.ts";

export const UNTYPED: ObjectPage<"Untyped"> = {
  is: `Memory that is nothing yet: 2^n bytes, aligned to their number. Retype turns some of it into objects, from a watermark upwards. The kernel has no other memory, so
it never runs out of its own. Device Untypeds are the registers of devices: they are never cleared, and become Frames and Untypeds only.`,
  source: "seL4 manual, \"Kernel Memory Allocation\"",
  rights: {},
  capabilities: `It can be copied only while nothing is made from it and it has no other copy. What is made from it descends from the capability that was invoked: revoking that
capability takes all of it back.`,
  end: `An Untyped whose last capability is gone stays as long as anything made from it, for that memory is taken; it goes with the last of it. The watermark falls
only when nothing made from it is alive: then all of it is free again.`,
  endTests: ["UNTYPED-RETYPE-013", "UNTYPED-RETYPE-014", "CNODE-REVOKE-003", "PIECE-DELETE-005"],
  otherLabels: ["UNTYPED-RETYPE-006"],
  operations: {
    UntypedRetype: {
      does: `Makes \`count\` objects of a kind, one behind the other and each aligned to its size, and puts a capability with all rights to each into consecutive slots: all, or
none. Frames, PageTables and VSpaces are zeros; memory that was never handed out is zero already and is not touched. The objects cost what the table of sizes in the
index says; alignment can cost more. A thread is named after its maker and the slot until somebody names it.`,
      words: [
        word("w0", "what", "kind in bits 0-7, sizeBits in bits 8-15, count in bits 16-31: 1 to " + Limit.MAX_RETYPE + ", 1 of VCPUs"),
        word("w1", "destination", "CPtr of the CNode that takes the capabilities, named directly, without a depth"),
        word("w2", "first", "number of the first slot in that CNode, from 0"),
      ],
      rights: "none on the Untyped; Write on the destination CNode",
      answer: [],
      tests: ["UNTYPED-RETYPE-001", "UNTYPED-RETYPE-002", "UNTYPED-RETYPE-011", "UNTYPED-RETYPE-012", "PIECE-RETYPE-001", "PIECE-RETYPE-002", "FAULT-STRANDED-003"],
      refusals: [
        truncated(3, "UNTYPED-RETYPE-005"),
        refusal("InvalidArgument", 0, "no such kind, one that Retype does not make, or a size that the kind does not have", "UNTYPED-RETYPE-003"),
        refusal("RangeError", 0, `a count of 0 or above ${Limit.MAX_RETYPE}, of VCPUs above 1`, "UNTYPED-RETYPE-004", "ARG-UNTYPED-001"),
        refusal("IllegalOperation", null, "device memory, and the kind is neither Frame nor Untyped", "UNTYPED-RETYPE-017"),
        ...cptr(1, "a CNode", ["UNTYPED-RETYPE-007"], ["UNTYPED-RETYPE-007"]),
        refusal("MissingRight", null, "the destination CNode's capability lacks Write", "CNODE-RIGHTS-001"),
        refusal("RangeError", 2, "the slots do not all lie in the CNode", "UNTYPED-RETYPE-008"),
        refusal("DeleteFirst", null, "one of the slots is occupied", "UNTYPED-RETYPE-008"),
        refusal("RevokeFirst", null, "the Untyped has another capability that was copied from this one", "UNTYPED-RETYPE-015"),
        refusal("NotEnoughMemory", null, "from the watermark on, aligned, they do not fit", "UNTYPED-RETYPE-009"),
        refusal("MachineLimit", null, "the machine has no room for so many more threads, address spaces or VCPUs", "UNTYPED-RETYPE-010"),
      ],
      bound: `Grows with the count, at most ${Limit.MAX_RETYPE}, and with the bytes to clear, at most ${bytes(Limit.CLEAR_PIECE)} in one entry into the kernel; it repeats itself until they are clear,
and only then makes the objects. To open the engine of a VCPU is work enough for one call.`,
      source: "seL4 manual, seL4_Untyped_Retype (there with a depth for the destination)",
    },
  },
};
