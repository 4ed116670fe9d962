// Endpoint: where senders and receivers meet. It holds no messages, only the line of those who wait. See ../ipc.ts.
import { ALL_RIGHTS, ErrorCode, Kind } from "../../../caps/abi/numbers.ts";
import { endWait } from "../cancel.ts";
import { PIECE } from "../capabilities.ts";
import { AGAIN, ILLEGAL, invalidCapability, missingRight, type Outcome } from "../outcome.ts";
import { setNumber, wordNumber } from "../registers.ts";
import { Endpoint, ThreadState, type Kernel, type Tcb } from "../state.ts";

export function createEndpoint(k: Kernel, id: number): void {
  k.endpoints[id] = new Endpoint(k.objects, id);
}

/** The next of those who wait gets Broken; a faulting thread stays stopped. 0 when nobody waits. */
export function breakEndpoint(k: Kernel, id: number): number {
  const ep = k.endpoints[id]!;
  if (ep.head === 0) return 0;
  endWait(k, k.tcbs[ep.head]!, ErrorCode.Broken);
  return 1;
}

export function destroyEndpoint(k: Kernel, id: number): void {
  k.endpoints[id] = undefined;
}

/**
 * Ends the Sends and Calls that wait with the badge of the capability in `slot`: a server that gives the badge to somebody else wants nothing of the
 * former holder's. Who comes to wait later is not meant: `limit` is the ticket of the last who is. A piece looks at PIECE threads; where it goes on
 * stands in the caller's words 1 and 2. If that thread has left meanwhile it begins anew, and since each can leave once, this ends.
 */
export function cancelBadgedSends(k: Kernel, caller: Tcb, slot: number): Outcome {
  const s = k.slots, badgeLo = s.badgeLo[slot]!, badgeHi = s.badgeHi[slot]!;
  if (s.kind[slot] !== Kind.Endpoint) return invalidCapability(0);
  if (badgeLo === 0 && badgeHi === 0) return ILLEGAL;
  if ((s.rights[slot]! & ALL_RIGHTS) !== ALL_RIGHTS) return missingRight(ALL_RIGHTS);
  const ep = k.endpoints[s.object[slot]!]!;
  if (ep.waiting !== 1) return 0;
  const limit = wordNumber(k, caller, 2) || k.nextTicket - 1;
  const last = k.tcbs[wordNumber(k, caller, 1)];
  const resumes = last !== undefined && last.state === ThreadState.BlockedOnSend && last.blockedOn === ep.id && last.ticket <= limit;
  let at = resumes ? last.id : ep.head;
  for (let n = 0; at !== 0; n++) {
    const t = k.tcbs[at]!;
    if (t.ticket > limit) return 0;
    if (n === PIECE) {
      setNumber(k, caller, 1, at);
      setNumber(k, caller, 2, limit);
      return AGAIN;
    }
    at = t.next;
    if (t.sendBadgeLo === badgeLo && t.sendBadgeHi === badgeHi) endWait(k, t, ErrorCode.Cancelled);
  }
  return 0;
}
