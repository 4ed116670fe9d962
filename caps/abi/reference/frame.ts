// Frame: memory that can be mapped. Kernel: core/kernel/objects/frame.ts, mapping.ts.
import { Limit } from "./limits.ts";
import { bytes, cptr, refusal, truncated, word, type ObjectPage } from "./page.ts";

export const FRAME: ObjectPage<"Frame"> = {
  is: `4 KiB or 2 MiB of memory, aligned to that. It is mapped into a VSpace (FrameMap), as a guest's memory (VCPUMapFrame), for a device (IOSpaceMap), or is an IPC buffer. No frame is mapped writable in
one place and executable in another, whoever maps it (W^X); a guest's memory is outside that rule.`,
  source: "seL4 manual, \"Address Spaces\"; W^X is ours",
  rights: { Read: "Mappings that read or execute", Write: "Mappings that write", Weak: "Nothing can be mapped writable or executable through it or its copies" },
  capabilities: "A capability holds at most one mapping; a copy starts with none and can hold another. Moving one keeps its mapping, deleting it takes the mapping out.",
  end: "Its mapping is taken out, wherever it was: VSpace, guest, or device.",
  endTests: ["FRAME-UNMAP-001", "IO-UNMAP-001", "VCPU-MEMORY-006", "TCB-BUFFER-003"],
  otherLabels: ["FRAME-MAP-010"],
  operations: {
    FrameMap: {
      does: "Maps the frame in a VSpace. Mapping it again at the same address changes the rights. Before memory is executable, what engines had translated of it is dropped, unless it is executable somewhere.",
      words: [
        word("w0", "address", `a multiple of the frame's size, and all of it below ${bytes(Limit.USER_TOP)}`), word("w1", "VSpace", "CPtr"),
        word("w2", "rights", "Read 2, Write 1, Execute 32: at least Read or Execute; Write brings Read along"),
      ],
      rights: "each of Read and Write that is asked for; Read for Execute, since what can be executed can be read by that",
      answer: [],
      tests: ["FRAME-MAP-001", "FRAME-MAP-002", "FRAME-MAP-003", "FRAME-MAP-012", "FRAME-MAP-014"],
      refusals: [
        truncated(3, "FRAME-MAP-010"),
        refusal("RangeError", 0, "it would reach beyond the top of a program's addresses", "FRAME-MAP-009"),
        refusal("AlignmentError", 0, "not a multiple of the frame's size", "FRAME-MAP-009", "FRAME-MAP-002"),
        ...cptr(1, "a VSpace", ["FRAME-MAP-010"], ["ARG-FRAME-001"]),
        refusal("InvalidArgument", 2, "another bit than those three; neither Read nor Execute; or Execute of device memory or through a weak capability", "FRAME-MAP-008", "FRAME-MAP-011", "FRAME-MAP-013"),
        refusal("MissingRight", null, "the frame's capability lacks a right that is asked for", "FRAME-MAP-007"),
        refusal("DeleteFirst", null, "this capability is mapped elsewhere", "FRAME-MAP-003"),
        refusal("FailedLookup", 0, "a table is missing on the way, or a large frame is in the way: bits left 30 for the 1 GiB table, 21 for the 2 MiB one", "PT-MAP-001", "PT-MAP-005"),
        refusal("DeleteFirst", null, "something is mapped there", "FRAME-MAP-004"),
        refusal("WriteXorExecute", null, "Write and Execute together, or one while the frame has the other somewhere", "FRAME-MAP-005", "FRAME-MAP-006"),
      ],
      bound: "Constant; the space's translations are dropped when rights change.",
      source: "seL4 manual, seL4_RISCV_Page_Map",
    },
    FrameUnmap: {
      does: "Takes this capability's mapping out: of a VSpace, a guest or an IOSpace. One that is mapped nowhere is done already.",
      words: [],
      rights: "none",
      answer: [],
      tests: ["FRAME-UNMAP-001", "FRAME-UNMAP-002", "FRAME-UNMAP-003", "FRAME-UNMAP-004", "IO-UNMAP-001", "VCPU-MEMORY-007"],
      refusals: [],
      bound: "Constant; the space's translations are dropped.",
      source: "seL4 manual, seL4_RISCV_Page_Unmap",
    },
  },
};
