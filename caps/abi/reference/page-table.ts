// PageTable: a table of a VSpace. Kernel: core/kernel/objects/vspace.ts.
import { Limit } from "./limits.ts";
import { bytes, cptr, refusal, truncated, word, type ObjectPage } from "./page.ts";

export const PAGE_TABLE: ObjectPage<"PageTable"> = {
  is: "A table of 512 entries below the root of a VSpace: for 1 GiB, or below that for 2 MiB. A frame of 4 KiB needs both, one of 2 MiB the first. The engines walk the same tables.",
  source: "RISC-V Privileged Architecture 1.12, \"Sv39\"; seL4 manual, \"Address Spaces\"",
  rights: {},
  capabilities: "It cannot be copied: a table has one place in one space. A moved one stays mapped.",
  end: "It is taken out of its space, as by PageTableUnmap.",
  endTests: ["PT-UNMAP-006"],
  otherLabels: ["PT-MAP-004"],
  operations: {
    PageTableMap: {
      does: "Puts the table in at the highest level that is missing on the way to the address: first the one for 1 GiB, then the one for 2 MiB.",
      words: [word("w0", "address", `a multiple of 2 MiB below ${bytes(Limit.USER_TOP)}`), word("w1", "VSpace", "CPtr")],
      rights: "none",
      answer: [],
      tests: ["PT-MAP-001"],
      refusals: [
        truncated(2, "PT-MAP-004"),
        refusal("DeleteFirst", null, "the table is mapped already", "PT-MAP-002"),
        refusal("RangeError", 0, "at or above the top of a program's addresses", "PT-MAP-003"),
        refusal("AlignmentError", 0, "not a multiple of 2 MiB", "PT-MAP-003"),
        ...cptr(1, "a VSpace", ["PT-MAP-004"], ["PT-MAP-004"]),
        refusal("DeleteFirst", null, "both tables are there, or a large frame is in the way", "PT-MAP-002", "PT-MAP-005"),
      ],
      bound: "Constant.",
      source: "seL4 manual, seL4_RISCV_PageTable_Map",
    },
    PageTableUnmap: {
      does: "Takes the table, and with it everything below it, out of its space. The table is emptied: it brings nothing along to where it is mapped next. One that is mapped nowhere is done already.",
      words: [],
      rights: "none",
      answer: [],
      tests: ["PT-UNMAP-001", "PT-UNMAP-002", "PT-UNMAP-003", "PT-UNMAP-004"],
      refusals: [],
      bound: "Constant: 4 KiB are cleared, and the space's translations dropped.",
      source: "seL4 manual, seL4_RISCV_PageTable_Unmap",
    },
  },
};
