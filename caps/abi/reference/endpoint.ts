// Endpoint: where messages are handed over. Kernel: core/kernel/ipc.ts, objects/endpoint.ts.
import { Limit } from "./limits.ts";
import type { ObjectPage } from "./page.ts";

export const ENDPOINT: ObjectPage<"Endpoint"> = {
  is: `Where senders and receivers meet. It holds no message, only the line of those who wait: senders or receivers, never both, first come first served. A message goes from thread to thread
when both are there: [system-calls.md](system-calls.md) and [message.md](message.md) say how. It has no invocations: a label is the sender's own, and reaches the receiver.`,
  source: "seL4 manual, \"Message Passing\" (MCS)",
  rights: {
    Write: "Send, NBSend; with Grant or GrantReply, Call, and to be somebody's keeper",
    Read: "Recv, NBRecv, ReplyRecv",
    Grant: "Send capabilities along; answer what was received through it with some",
    GrantReply: "Call: the receiver gets the right to answer",
  },
  capabilities: `It has a badge of 64 bits, 0 for none, that every message sent through it shows to the receiver; Mint and Mutate give one once. A capability to the very endpoint that a message goes
through is not transferred but unwrapped: the receiver sees its badge.`,
  end: `Everybody who waits gets Broken; a thread that waited to tell its fault stays stopped. That goes in pieces of ${Limit.PIECE} threads, on the account of who deleted it. A thread whose call was received
already waits for its reply object, and is not concerned.`,
  endTests: ["IPC-BROKEN-002", "FAULT-KEEPER-003", "PIECE-DELETE-002"],
  otherLabels: ["IPC-CALL-001"],
  operations: {},
};
