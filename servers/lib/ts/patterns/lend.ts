// Less of a capability, and a capability that can be taken back, by the kernel alone: a call through either costs nothing more.
//
// What the kernel can take back: Revoke deletes what descends from a capability, and a plain copy has no descendants; the first of a badge has all its copies,
// whoever has passed them on (caps/model/derivation.ts). So an endpoint or a notification is lent from a capability to it that has no badge yet: that of what a
// program has made itself, or InitSlot.Service. What it was given has a badge, or is a frame, and can be lent through a gate or a membrane only.
import { ALL_RIGHTS, Right } from "../../../../caps/abi/numbers.ts";
import { cnodeCancelBadgedSends, cnodeCopy, cnodeDelete, cnodeMint, cnodeRevoke } from "../objects.ts";
import type { Message, Op, Sys } from "../sdk.ts";
import { own } from "./own.ts";

/** A copy in the empty slot `to` with these rights at most, for ever: neither its holder nor whoever has it from him gets more of it. */
export const attenuate = (sys: Sys, to: number, from: number, rights: number): Op<Message> => cnodeCopy(sys, own(to), own(from), rights);

/** A copy of a Frame or a CNode that never writes; what is fetched through it does not either. Others: InvalidArgument. */
export const attenuateWeak = (sys: Sys, to: number, from: number): Op<Message> => cnodeCopy(sys, own(to), own(from), Right.Read | Right.Grant | Right.Weak);

/**
 * Fills the empty slot `loan` with a capability to be given away: of the endpoint or notification in `from`, which has no badge. The badge is nobody else's on
 * that object. The loan's slot is kept: it is what takes back. Error IllegalOperation: `from` has a badge, or is something else.
 */
export function lend(sys: Sys, loan: number, from: number, rights: number, badge: number): Op<Message> {
  if (!Number.isSafeInteger(badge) || badge < 1) throw new RangeError(`a loan's badge is a whole number from 1 on, not ${badge}: with badge 0 it would be a plain copy, which takes nothing back`);
  return cnodeMint(sys, own(loan), own(from), rights, badge);
}

/**
 * Takes it back from everybody, and empties the slot; `from` and `badge` as it was lent. Who waits in line at the endpoint is sent away too (Cancelled); who was
 * received is the server's to answer. So when this has returned nothing more comes that was sent by it, but for a signal that was made before.
 */
export function* takeBack(sys: Sys, loan: number, from: number, badge: number): Op<Message> {
  for (const step of [cnodeRevoke, cnodeDelete]) {
    const answer = yield* step(sys, own(loan));
    if (answer.error) return answer;
  }
  // Only one with all rights sends away who waits in line. A notification has no line, and refuses.
  const whole = yield* lend(sys, loan, from, ALL_RIGHTS, badge);
  if (whole.error) return whole;
  yield* cnodeCancelBadgedSends(sys, own(loan));
  return yield* cnodeDelete(sys, own(loan));
}
