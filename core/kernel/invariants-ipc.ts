// What must hold of those who wait for each other: IPC-1 and IPC-2 (ipc.ts), NTF-1 (notification.ts), and
//
// IPC-3  A thread that is in no queue has no links. Those who wait to send stand in the order of their tickets, and may send.
import { Right } from "../../caps/abi/numbers.ts";
import { kassert } from "../../caps/model/panic.ts";
import { ThreadState, type Kernel, type Tcb } from "./state.ts";

export function checkIpc(k: Kernel): void {
  for (const t of k.tcbs) if (t !== undefined) checkWaiting(k, t);
  checkLines(k);
  checkReplies(k);
}

function checkWaiting(k: Kernel, t: Tcb): void {
  const line = t.state === ThreadState.BlockedOnSend || t.state === ThreadState.BlockedOnReceive ? k.endpoints[t.blockedOn]
    : t.state === ThreadState.BlockedOnNotification ? k.notifications[t.blockedOn] : null;
  kassert(line !== undefined, "IPC-1", `thread ${t.id} waits on ${t.blockedOn}, which is not there`);
  kassert(line !== null || t.blockedOn === 0, "IPC-1", `thread ${t.id} does not wait, but names ${t.blockedOn}`);
  if (line !== null) kassert([...inLine(k, line)].includes(t), "IPC-1", `thread ${t.id} waits on ${t.blockedOn}, but is not in its line`);
  else kassert(t.queued || (t.next === 0 && t.prev === 0), "IPC-3", `thread ${t.id} is in no queue, but has links to ${t.prev} and ${t.next}`);
  kassert(t.state !== ThreadState.BlockedOnSend || (t.sendRights & Right.Write) !== 0, "IPC-3", `thread ${t.id} waits to send without the right to`);
  if (t.state === ThreadState.BlockedOnReply) kassert(k.replies[t.reply]?.caller === t.id, "IPC-2", `thread ${t.id} waits for an answer, but reply ${t.reply} does not hold it`);
  else if (t.reply !== 0) kassert(t.state === ThreadState.BlockedOnReceive && k.replies[t.reply]?.receiver === t.id, "IPC-2", `thread ${t.id} names reply ${t.reply} without waiting`);
  if (t.boundNotification !== 0) kassert(k.notifications[t.boundNotification]?.boundTcb === t.id, "NTF-1", `thread ${t.id} is bound to notification ${t.boundNotification}, which is not bound to it`);
}

/** The threads of an endpoint's or notification's line; the links of the line are checked on the way. */
function* inLine(k: Kernel, line: { readonly id: number; readonly head: number; readonly tail: number }): Generator<Tcb> {
  let before = 0, steps = 0;
  for (let id = line.head; id !== 0; ) {
    const t = k.tcbs[id];
    kassert(t !== undefined && t.prev === before && !t.queued && steps++ < k.tcbs.length, "IPC-1", `the line of ${line.id} is broken at thread ${id}`);
    yield t;
    before = id;
    id = t.next;
  }
  kassert(line.tail === before, "IPC-1", `the line of ${line.id} ends at ${before}, not ${line.tail}`);
}

function checkLines(k: Kernel): void {
  for (const ep of k.endpoints) {
    if (ep === undefined) continue;
    const state = ep.waiting === 1 ? ThreadState.BlockedOnSend : ThreadState.BlockedOnReceive;
    kassert((ep.waiting === 0) === (ep.head === 0), "IPC-1", `endpoint ${ep.id} says ${ep.waiting} and its line starts with ${ep.head}`);
    let ticket = 0;
    for (const t of inLine(k, ep)) {
      kassert(t.state === state && t.blockedOn === ep.id, "IPC-1", `thread ${t.id} in state ${t.state} stands in the line of endpoint ${ep.id} (${ep.waiting})`);
      if (ep.waiting === 2) continue;
      kassert(t.ticket > ticket && t.ticket < k.nextTicket, "IPC-3", `thread ${t.id} stands behind ticket ${ticket} with ${t.ticket}; the next is ${k.nextTicket}`);
      ticket = t.ticket;
    }
  }
  for (const n of k.notifications) {
    if (n === undefined) continue;
    for (const t of inLine(k, n)) kassert(t.state === ThreadState.BlockedOnNotification && t.blockedOn === n.id, "NTF-1", `thread ${t.id} in state ${t.state} stands in the line of notification ${n.id}`);
    kassert(n.head === 0 || (n.wordLo === 0 && n.wordHi === 0), "NTF-1", `notification ${n.id} has a word and threads that wait for it`);
    if (n.boundTcb !== 0) kassert(k.tcbs[n.boundTcb]?.boundNotification === n.id, "NTF-1", `notification ${n.id} is bound to thread ${n.boundTcb}, which is not bound to it`);
  }
}

function checkReplies(k: Kernel): void {
  for (const r of k.replies) {
    if (r === undefined) continue;
    kassert(r.caller === 0 || r.receiver === 0, "IPC-2", `reply ${r.id} holds a caller and waits for one`);
    if (r.caller !== 0) kassert(k.tcbs[r.caller]?.state === ThreadState.BlockedOnReply && k.tcbs[r.caller]!.reply === r.id, "IPC-2", `reply ${r.id} holds thread ${r.caller}, which does not wait for it`);
    else kassert(r.donated === 0, "IPC-2", `reply ${r.id} holds nobody, but time`);
    if (r.receiver !== 0) kassert(k.tcbs[r.receiver]?.state === ThreadState.BlockedOnReceive && k.tcbs[r.receiver]!.reply === r.id, "IPC-2", `reply ${r.id} names receiver ${r.receiver}, which does not wait with it`);
  }
}
