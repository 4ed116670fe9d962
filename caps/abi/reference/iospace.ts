// IOSpace: what a device reaches. Kernel: core/kernel/objects/iospace.ts; the check itself: core/machine/iommu.ts.
import { Limit } from "./limits.ts";
import { bytes, cptr, refusal, truncated, word, type ObjectPage } from "./page.ts";

export const IO_SPACE: ObjectPage<"IOSpace"> = {
  is: `What one device may reach by DMA: nothing, until Frames are mapped into it. The machine's IOMMU checks every access, to the byte, and does all of it or nothing. It belongs to its device, is made by the
boot, and holds up to ${Limit.IOSPACE_MAPPINGS} mappings.`,
  source: "seL4 manual, \"I/O address spaces\"; DMA: core/machine/iommu.ts",
  rights: {},
  capabilities: "It can be copied freely; copies are equal.",
  end: "The device reaches nothing any more. Frames that were mapped can be unmapped, or mapped elsewhere.",
  endTests: ["IO-UNMAP-003"],
  otherLabels: ["IO-MAP-003"],
  operations: {
    IOSpaceMap: {
      does: "Lets the device reach a frame. A frame that a device may write is not executable anywhere.",
      words: [
        word("w0", "frame", "CPtr of a Frame of RAM that is mapped nowhere"), word("w1", "address", `the device's: a multiple of the frame's size, and all of it below ${bytes(Limit.IO_TOP)}`),
        word("w2", "rights", "what the device may do: Read 2, Write 1, or both"),
      ],
      rights: "each of Read and Write that is asked for, on the frame",
      answer: [],
      tests: ["IO-MAP-001", "IO-MAP-002"],
      refusals: [
        truncated(3, "IO-MAP-003"),
        ...cptr(0, "a Frame of RAM (device memory)", ["IO-MAP-003", "IO-MAP-005"], ["IO-MAP-003"]),
        refusal("DeleteFirst", null, "this capability is mapped already", "IO-MAP-005"),
        refusal("RangeError", 1, "it would reach beyond the top of a device's addresses", "IO-MAP-003"),
        refusal("AlignmentError", 1, "not a multiple of the frame's size", "IO-MAP-003"),
        refusal("InvalidArgument", 2, "no right, or another bit than those two", "IO-MAP-003"),
        refusal("MissingRight", null, "the frame's capability lacks a right that is asked for", "IO-MAP-004"),
        refusal("WriteXorExecute", null, "Write, and the frame is mapped executable somewhere", "IO-MAP-006"),
        refusal("MachineLimit", null, `it holds ${Limit.IOSPACE_MAPPINGS} mappings`, "IO-MAP-007"),
        refusal("DeleteFirst", null, "something is mapped there", "IO-MAP-002"),
      ],
      bound: "Constant for the kernel; the IOMMU's table grows with its mappings.",
      source: "seL4 manual, seL4_X86_Page_MapIO",
    },
    IOSpaceUnmap: {
      does: "The device reaches the frame no more.",
      words: [word("w0", "frame", "CPtr of the Frame that is mapped in this IOSpace")],
      rights: "none",
      answer: [],
      tests: ["IO-UNMAP-001"],
      refusals: [
        truncated(1, "IO-MAP-003"),
        ...cptr(0, "a Frame that is mapped here", ["IO-UNMAP-002"], ["ARG-IO-001"]),
      ],
      bound: "Constant.",
      source: "seL4 manual, seL4_X86_Page_Unmap",
    },
  },
};
