// What an invocation of a kernel object comes to. Every check is made before anything changes, so a refusal leaves no trace.
import { ErrorCode } from "../../caps/abi/numbers.ts";

export interface Refusal {
  readonly code: ErrorCode;
  readonly words: readonly number[];
}

/** A long operation did a bounded piece; the caller makes the same call again, and others run in between. */
export const AGAIN = Symbol("again");
/** The caller waits; something later completes its call. */
export const BLOCKED = Symbol("blocked");

/** The number of reply words written, a refusal, or one of the two above. */
export type Outcome = number | Refusal | typeof AGAIN | typeof BLOCKED;

export function refuse(code: ErrorCode, ...words: number[]): Refusal {
  return { code, words };
}
export const TRUNCATED = refuse(ErrorCode.TruncatedMessage);
export const ILLEGAL = refuse(ErrorCode.IllegalOperation);
export const DELETE_FIRST = refuse(ErrorCode.DeleteFirst);
export const REVOKE_FIRST = refuse(ErrorCode.RevokeFirst);
export const WX = refuse(ErrorCode.WriteXorExecute);
export const invalidArgument = (arg: number): Refusal => refuse(ErrorCode.InvalidArgument, arg);
export const invalidCapability = (arg: number): Refusal => refuse(ErrorCode.InvalidCapability, arg);
export const outOfRange = (arg: number, least: number, greatest: number): Refusal => refuse(ErrorCode.RangeError, arg, least, greatest);
export const misaligned = (arg: number): Refusal => refuse(ErrorCode.AlignmentError, arg);
export const failedLookup = (arg: number, bitsLeft: number): Refusal => refuse(ErrorCode.FailedLookup, arg, bitsLeft);
export const missingRight = (needed: number): Refusal => refuse(ErrorCode.MissingRight, needed);
