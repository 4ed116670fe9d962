// Errors: what each means and which words it tells.
import type { ErrorName } from "../numbers.ts";
import { word, type Word } from "./page.ts";

export interface ErrorPage {
  readonly means: string;
  readonly words: readonly Word[];
}

const ARGUMENT = word("w0", "argument", "its number, from 0; 0 also for the invoked capability");

export const ERRORS: { readonly [E in ErrorName]: ErrorPage } = {
  InvalidArgument: { means: "An argument has a value that it may not have.", words: [ARGUMENT] },
  InvalidCapability: { means: "A CPtr or slot word names an empty slot, or a capability of the wrong kind.", words: [ARGUMENT] },
  IllegalOperation: { means: "The capability does not offer this operation, or not now.", words: [] },
  RangeError: { means: "A number is out of range.", words: [ARGUMENT, word("w1", "least", ""), word("w2", "greatest", "")] },
  AlignmentError: { means: "An address or size is not a multiple of what it must be.", words: [ARGUMENT] },
  FailedLookup: { means: "The walk through CNodes or page tables ended early.", words: [ARGUMENT, word("w1", "left", "bits that were left to resolve")] },
  TruncatedMessage: { means: "The message has fewer words than the operation takes, or the answer does not fit without an IPC buffer.", words: [] },
  DeleteFirst: { means: "The place is occupied: delete or unmap what is there first.", words: [] },
  RevokeFirst: { means: "The capability has descendants: revoke them first.", words: [] },
  NotEnoughMemory: { means: "The Untyped has too little left.", words: [word("w0", "left", "bytes from its watermark on")] },
  Broken: { means: "Whoever could have answered, its endpoint, its reply object, or the notification waited for, is gone.", words: [] },
  WouldBlock: { means: "A call that does not wait would have had to.", words: [] },
  MissingRight: { means: "A capability lacks a right that this needs.", words: [word("w0", "rights", "those needed")] },
  WriteXorExecute: { means: "The frame would be writable in one place and executable in one.", words: [] },
  Cancelled: { means: "The wait ended without result: the thread was suspended and resumed, or the sender's badge cancelled.", words: [] },
  PassiveServer: { means: "A Send brings no time, and the server has none of its own: it would be stuck.", words: [] },
  MachineLimit: { means: "A table of the machine is full: address spaces, threads, VCPUs, a VCPU's regions or windows.", words: [] },
};
