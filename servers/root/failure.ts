// Why a system could not be started: told to the operator as one sentence.
import { ErrorCode } from "../../caps/abi/numbers.ts";
import type { Message, Op } from "../lib/ts/sdk.ts";

/** The start of the system failed; the message is for the operator. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";
}

const ERROR_NAMES = new Map<number, string>(Object.entries(ErrorCode).map(([name, code]) => [code, name]));

/** An error answer of the kernel in words. */
export function describeError(message: Message): string {
  const words = Array.from({ length: Math.min(message.length, 3) }, (_, i) => message.word(i));
  return `${ERROR_NAMES.get(message.label) ?? `error ${message.label}`}${words.length > 0 ? ` (${words.join(", ")})` : ""}`;
}

/** Makes the call, and fails the start when the kernel refuses it. `what` completes "could not …". */
export function* must(op: Op<Message>, what: string): Op<Message> {
  const message = yield* op;
  if (message.error) throw new StartFailure(`could not ${what}: the kernel answered ${describeError(message)}`);
  return message;
}
