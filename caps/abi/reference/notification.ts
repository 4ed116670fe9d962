// Notification: signals without data. Kernel: core/kernel/objects/notification.ts.
import { Limit } from "./limits.ts";
import type { ObjectPage } from "./page.ts";

export const NOTIFICATION: ObjectPage<"Notification"> = {
  is: `A word of 64 bits. A Signal adds the bits of its capability's badge; a Wait takes the whole word and leaves 0. So signals that nobody has taken yet become one. It may be bound to one thread,
which then gets the word where it receives messages, or as the exit of the guest it runs. Nobody waits for a word that is there. It has no invocations.`,
  source: "seL4 manual, \"Notifications\"",
  rights: { Write: "Signal, and what is a Signal on it: Send, NBSend; to be an IRQHandler's notification", Read: "Wait, Poll, and what is one on it: Recv, NBRecv; TCBBindNotification" },
  capabilities: "It has a badge of 64 bits, the bits that a Signal through it adds; Mint and Mutate give one once. Through one with badge 0 a Signal adds nothing: it wakes who waits, with 0, and is gone when nobody does.",
  end: `Everybody who waits gets Broken, in pieces of ${Limit.PIECE} threads on the account of who deleted it. A bound thread is unbound; one whose guest nothing else can wake leaves it with Exit Stuck.
Interrupt handlers forget it.`,
  endTests: ["NTF-WAIT-003", "PIECE-DELETE-006", "NTF-BIND-005", "VCPU-WFI-006", "IRQ-HANDLER-006"],
  otherLabels: ["IPC-CALL-006"],
  operations: {},
};
