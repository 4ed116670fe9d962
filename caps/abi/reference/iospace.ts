// IOSpace: what a device reaches. Kernel: core/kernel/objects/iospace.ts; the check itself: core/machine/iommu.ts.
import { Limit } from "./limits.ts";
import { bytes, cptr, refusal, truncated, word, type ObjectPage } from "./page.ts";

export const IO_SPACE: ObjectPage<"IOSpace"> = {
  is: `What one device may reach by DMA: nothing, until Frames are mapped into it. The machine's IOMMU checks every access, to the byte, and does all of it or nothing. It belongs to its device, is made by the
boot, and holds up to ${Limit.IOSPACE_MAPPINGS} mappings. What a device was refused is kept, numbered from 0: the newest ${Limit.IOSPACE_FAULTS} accesses.`,
  source: "seL4 manual, \"I/O address spaces\"; DMA: core/machine/iommu.ts",
  rights: {
    Read: "ReadFault",
    Write: "Map, Unmap",
    Grant: "SetNotification: a driver's keeper has it, the driver has not",
  },
  capabilities: "It can be copied freely; copies with the same rights are equal.",
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
      rights: "Write; and each of Read and Write that is asked for, on the frame",
      answer: [],
      tests: ["IO-MAP-001", "IO-MAP-002"],
      refusals: [
        refusal("MissingRight", null, "the capability lacks Write", "IO-RIGHTS-001"),
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
      rights: "Write",
      answer: [],
      tests: ["IO-UNMAP-001"],
      refusals: [
        refusal("MissingRight", null, "the capability lacks Write", "IO-RIGHTS-001"),
        truncated(1, "IO-MAP-003"),
        ...cptr(0, "a Frame that is mapped here", ["IO-UNMAP-002"], ["ARG-IO-001"]),
      ],
      bound: "Constant.",
      source: "seL4 manual, seL4_X86_Page_Unmap",
    },
    IOSpaceSetNotification: {
      does: "Sets what is signalled, with this capability's badge, whenever the device has been refused an access. One signal may stand for several: ReadFault tells.",
      words: [word("w0", "notification", "CPtr; 0: nobody is told")],
      rights: "Grant; Write on the notification",
      answer: [],
      tests: ["IO-FAULT-001", "IO-FAULT-003"],
      refusals: [
        refusal("MissingRight", null, "the capability lacks Grant", "IO-RIGHTS-001"),
        truncated(1, "IO-FAULT-004"),
        ...cptr(0, "a notification", ["IO-FAULT-004"], ["IO-FAULT-004"]),
        refusal("MissingRight", null, "the notification's capability lacks Write", "IO-FAULT-004"),
      ],
      bound: "Constant.",
      source: "RISC-V IOMMU specification 1.0, \"Fault/Event-Queue\": a queue and an interrupt; here an IOSpace has its own",
    },
    IOSpaceReadFault: {
      does: "Tells what the device was refused. Nothing is taken away by reading, so a driver and its keeper both see all of it.",
      words: [word("w0", "number", "of the refused access, from 0 in the order in which they happened")],
      rights: "Read",
      answer: [
        word("w0", "count", "how many accesses have been refused so far"), word("w1", "address", "where the access began: an I/O address; one of 2^53 or more may be rounded"),
        word("w2.lo", "bytes", "its length"), word("w2.hi", "direction", "1: the device wanted to write; 0: to read"),
      ],
      tests: ["IO-FAULT-001", "IO-FAULT-002"],
      refusals: [
        refusal("MissingRight", null, "the capability lacks Read", "IO-RIGHTS-001"),
        truncated(1, "IO-FAULT-004"),
        refusal("WouldBlock", null, "that many have not been refused", "IO-FAULT-002"),
        refusal("RangeError", 0, `more than ${Limit.IOSPACE_FAULTS} came after it: the words say which are kept`, "IO-FAULT-002"),
      ],
      bound: "Constant.",
      source: "RISC-V IOMMU specification 1.0, \"Fault/Event-Queue\"",
    },
  },
};
