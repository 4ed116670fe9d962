// VSpace: an address space. Kernel: core/kernel/objects/vspace.ts.
import { Limit } from "./limits.ts";
import { bytes, type ObjectPage } from "./page.ts";

export const VSPACE: ObjectPage<"VSpace"> = {
  is: `An address space of ${bytes(Limit.USER_TOP)}: the root of a Sv39 page table, in the object's own memory. PageTables and Frames are mapped into it by their own invocations, which name it. It has none itself.`,
  source: "RISC-V Privileged Architecture 1.12, \"Sv39\"; seL4 manual, \"Address Spaces\"",
  rights: {},
  capabilities: "It can be copied freely. A thread's own copy descends from the one that was set: revoking that stops the thread.",
  end: "Everything is out of it at once. Capabilities that were mapped in it can be unmapped, mapped elsewhere, or deleted, in any order.",
  endTests: ["PT-UNMAP-004", "FRAME-UNMAP-003", "TCB-SPACE-004"],
  otherLabels: ["PT-MAP-004", "IPC-CALL-006"],
  operations: {},
};
