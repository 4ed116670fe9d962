// What a program finds when it starts. Kernel: core/kernel/root.ts; for programs, servers/root/build.ts.
import type { BootInfo } from "../bootinfo.ts";
import type { InitSlot } from "../numbers.ts";
import type { TestId } from "./page.ts";

export interface SlotPage {
  readonly holds: string;
  /** Whose CSpace has it. */
  readonly who: "all" | "programs" | "root server";
}

export const INIT_SLOTS: { readonly [S in keyof typeof InitSlot]: SlotPage } = {
  CNode: { holds: "its own CSpace: the root CNode, whose guard makes CPtrs plain slot numbers", who: "all" },
  TCB: { holds: "its first thread", who: "all" },
  VSpace: { holds: "its address space", who: "all" },
  Reply: { holds: "a reply object for its receive loop", who: "all" },
  Service: { holds: "the endpoint on which all that it offers arrives, with Read; badge = offer index << 16 | client", who: "all" },
  Notification: { holds: "a notification that is bound to its thread", who: "all" },
  Untyped: { holds: "what is left of its memory", who: "programs" },
  SchedContext: { holds: "its time", who: "all" },
  IPCBuffer: { holds: "the frame of its IPC buffer", who: "all" },
  IRQControl: { holds: "handing out interrupt lines", who: "root server" },
  SchedControl: { holds: "giving time", who: "root server" },
  HostedControl: { holds: "making hosted programs", who: "root server" },
  BootInfo: { holds: "the first frame of bootinfo, read-only", who: "root server" },
  Discrim: { holds: "saying what a capability is", who: "all" },
  Parent: { holds: "the root server's endpoint, badged with the program's number: exit, log, guest state", who: "programs" },
  First: { holds: "the first of the manifest's `use` entries, or of the boot's lists", who: "all" },
};

export const BOOT_WORDS: { readonly [W in keyof typeof BootInfo]: string } = {
  MAGIC: "says that this is bootinfo",
  VERSION: "of this layout",
  CNODE_BITS: "log2 of the slots in the root CNode",
  EMPTY_FIRST: "the first slot that is empty",
  EMPTY_COUNT: "how many are from there on: all that follow",
  UNTYPED_COUNT: "entries for Untypeds",
  FILE_COUNT: "entries for boot files",
  IOSPACE_COUNT: "entries for I/O spaces",
  TIMEBASE: "clock ticks a second",
  ENTRIES: "the entries begin here: Untypeds, files, I/O spaces, in this order",
};

export const BOOT_TESTS: readonly TestId[] = ["BOOT-001", "BOOT-002", "BOOT-003", "BOOT-004", "BOOT-005", "BOOT-006", "BOOT-007"];

/** Tests of what a message carries and how (message.md). */
export const MESSAGE_TESTS: readonly { readonly says: string; readonly tests: readonly TestId[] }[] = [
  { says: "Words from 0 to the length arrive, and no others are touched: neither registers nor words of the receiver's buffer.", tests: ["IPC-WORDS-001", "IPC-WORDS-004"] },
  { says: "A length above the most is cut to it.", tests: ["IPC-WORDS-002"] },
  { says: "Without an IPC buffer on either side, what is in registers arrives: four words, no capabilities.", tests: ["IPC-WORDS-003"] },
  { says: "The error flag does not travel: a sender cannot pretend to be the kernel.", tests: ["IPC-CALL-007"] },
  { says: "Capabilities are copied, in order, into the receiver's receive slots: RECEIVE_COUNT of them, from RECEIVE_INDEX on, in the CNode at RECEIVE_CNODE, which needs Write.", tests: ["IPC-CAPS-001"] },
  { says: "They travel only through an endpoint capability with Grant; with an answer, if the one that the request was received through had Grant. Without, the message arrives and its count is 0.", tests: ["IPC-CAPS-002", "IPC-CAPS-006", "IPC-CAPS-009", "REPLY-SAVE-007"] },
  { says: "The transfer stops at the first that cannot be taken: no slot for it, an occupied one, an empty source, or what may not be copied. The info word says how many were.", tests: ["IPC-CAPS-003", "IPC-CAPS-005", "IPC-CAPS-007", "CNODE-RIGHTS-005"] },
  { says: "A capability to the endpoint the message goes through is unwrapped: its badge stands in the buffer at CAPS + i, bit i of the unwrapped mask is set, and it takes no receive slot.", tests: ["IPC-CAPS-004"] },
  { says: "What was received descends from what was sent, and goes when that is revoked; it is weak if that was.", tests: ["IPC-CAPS-008", "WEAK-008"] },
];
