// What must hold of the kernel's state between any two entries, as code: the model's invariants, then IPC-1, IPC-2 (ipc.ts),
// NTF-1 (notification.ts), SCHED-1 (scheduler.ts), SCHED-2 (loans.ts), TIME-1..3 (time.ts), VCPU-1 (vcpu.ts), and those of memory in invariants-memory.ts.
// Slow and plain on purpose; the tests ask after each step.
import { Kind, type Kind as KindT } from "../../caps/abi/numbers.ts";
import { checkCapabilities } from "../../caps/model/invariants.ts";
import { kassert } from "../../caps/model/panic.ts";
import { checkMappings } from "./invariants-memory.ts";
import { isRunnable } from "./scheduler.ts";
import { PRIORITIES, ThreadState, type Kernel, type Tcb } from "./state.ts";
import { MOST_REFILLS } from "./time.ts";

/** Throws KernelPanic with the number of the first invariant that does not hold. */
export function checkInvariants(k: Kernel): void {
  checkCapabilities(k.slots, k.objects, new Set(k.dying.keys()));
  checkTables(k);
  for (const t of k.tcbs) if (t !== undefined) checkThread(k, t);
  checkLines(k);
  checkReplies(k);
  checkReadyQueues(k);
  checkTime(k);
  checkMappings(k);
}

/** OBJ-1: every live object has its state in the table of its kind, under its id, and no dead one has. */
function checkTables(k: Kernel): void {
  const tables: readonly (readonly [KindT, readonly unknown[]])[] = [
    [Kind.CNode, k.cnodes], [Kind.TCB, k.tcbs], [Kind.Endpoint, k.endpoints], [Kind.Notification, k.notifications], [Kind.Reply, k.replies],
    [Kind.SchedContext, k.schedContexts], [Kind.VSpace, k.vspaces], [Kind.VCPU, k.vcpus], [Kind.Frame, k.pages], [Kind.IOSpace, k.ioSpaces], [Kind.IRQHandler, k.irqHandlers],
  ];
  for (const [kind, table] of tables) {
    for (let id = 1; id < Math.max(k.objects.count, table.length); id++) {
      const alive = k.objects.kind[id] === kind;
      kassert(alive === (table[id] !== undefined), "OBJ-1", `object ${id} of kind ${kind} is ${alive ? "alive without state" : "dead and has state"}`);
    }
  }
}

function checkThread(k: Kernel, t: Tcb): void {
  const line = t.state === ThreadState.BlockedOnSend || t.state === ThreadState.BlockedOnReceive ? k.endpoints[t.blockedOn]
    : t.state === ThreadState.BlockedOnNotification ? k.notifications[t.blockedOn] : null;
  kassert(line !== undefined, "IPC-1", `thread ${t.id} waits on ${t.blockedOn}, which is not there`);
  kassert(line !== null || t.blockedOn === 0, "IPC-1", `thread ${t.id} does not wait, but names ${t.blockedOn}`);
  if (line !== null) kassert([...inLine(k, line)].includes(t), "IPC-1", `thread ${t.id} waits on ${t.blockedOn}, but is not in its line`);
  if (t.state === ThreadState.BlockedOnReply) kassert(k.replies[t.reply]?.caller === t.id, "IPC-2", `thread ${t.id} waits for an answer, but reply ${t.reply} does not hold it`);
  else if (t.reply !== 0) kassert(t.state === ThreadState.BlockedOnReceive && k.replies[t.reply]?.receiver === t.id, "IPC-2", `thread ${t.id} names reply ${t.reply} without waiting`);
  if (t.boundNotification !== 0) kassert(k.notifications[t.boundNotification]?.boundTcb === t.id, "NTF-1", `thread ${t.id} is bound to notification ${t.boundNotification}, which is not bound to it`);
  const inGuest = t.state === ThreadState.RunningVcpu || t.state === ThreadState.WaitingVcpu;
  kassert(inGuest ? k.vcpus[t.vcpu]?.tcb === t.id : t.vcpu === 0, "VCPU-1", `thread ${t.id} and VCPU ${t.vcpu} disagree on whether it is inside`);
  const runnable = isRunnable(k, t);
  const at = Number(t.id === k.current) + Number(t.id === k.chosen) + Number(t.queued);
  kassert(!runnable || at > 0, "SCHED-1", `thread ${t.id} wants the CPU and has time, but is in no queue`);
  kassert(at < 2, "SCHED-1", `thread ${t.id} is current, chosen and queued more than once`);
  kassert(runnable || t.id === k.current || at === 0, "SCHED-1", `thread ${t.id} is queued or chosen and cannot run`);
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
    for (const t of inLine(k, ep)) kassert(t.state === state && t.blockedOn === ep.id, "IPC-1", `thread ${t.id} in state ${t.state} stands in the line of endpoint ${ep.id} (${ep.waiting})`);
  }
  for (const n of k.notifications) {
    if (n === undefined) continue;
    for (const t of inLine(k, n)) kassert(t.state === ThreadState.BlockedOnNotification && t.blockedOn === n.id, "NTF-1", `thread ${t.id} in state ${t.state} stands in the line of notification ${n.id}`);
    kassert(n.head === 0 || (n.wordLo === 0 && n.wordHi === 0), "NTF-1", `notification ${n.id} has a word and threads that wait for it`);
    if (n.boundTcb !== 0) kassert(k.tcbs[n.boundTcb]?.boundNotification === n.id, "NTF-1", `notification ${n.id} is bound to thread ${n.boundTcb}, which is not bound to it`);
  }
  for (const h of k.irqHandlers) if (h !== undefined && h.notification !== 0) kassert(k.notifications[h.notification] !== undefined, "NTF-1", `line ${h.line} signals a notification that is gone`);
  for (const v of k.vcpus) if (v !== undefined && v.tcb !== 0) kassert(k.tcbs[v.tcb]?.vcpu === v.id, "VCPU-1", `VCPU ${v.id} names thread ${v.tcb}, which is not inside`);
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

function checkReadyQueues(k: Kernel): void {
  kassert(k.current === 0 || k.tcbs[k.current] !== undefined, "SCHED-1", `the current thread ${k.current} is not there`);
  kassert(k.chosen === 0 || k.tcbs[k.chosen] !== undefined, "SCHED-1", `the chosen thread ${k.chosen} is not there`);
  let queued = 0;
  for (let p = 0; p < PRIORITIES; p++) {
    const bit = (k.readyBits[p >> 5]! >>> (p & 31)) & 1;
    kassert((bit === 1) === (k.readyHead[p] !== 0), "SCHED-1", `the bit of priority ${p} is ${bit}, its queue starts with ${k.readyHead[p]}`);
    let before = 0;
    for (let id = k.readyHead[p]!; id !== 0; ) {
      const t = k.tcbs[id];
      kassert(t !== undefined && t.queued && t.priority === p && t.prev === before && queued++ < k.tcbs.length, "SCHED-1", `the queue of priority ${p} is broken at thread ${id}`);
      before = id;
      id = t.next;
    }
    kassert(k.readyHead[p] === 0 || k.readyTail[p] === before, "SCHED-1", `the queue of priority ${p} ends at ${before}, not ${k.readyTail[p]}`);
  }
  kassert(queued === k.tcbs.filter((t) => t?.queued === true).length, "SCHED-1", "a thread believes that it is queued");
}

function checkTime(k: Kernel): void {
  for (const sc of k.schedContexts) {
    if (sc === undefined) continue;
    if (sc.tcb !== 0) kassert(k.tcbs[sc.tcb]?.sc === sc.id, "SCHED-2", `SchedContext ${sc.id} gives its time to thread ${sc.tcb}, which runs on ${k.tcbs[sc.tcb]?.sc}`);
    if (sc.home !== 0) kassert(k.tcbs[sc.home]?.homeSc === sc.id, "SCHED-2", `SchedContext ${sc.id} is bound to thread ${sc.home}, which is bound to ${k.tcbs[sc.home]?.homeSc}`);
    for (let place = 0; place < sc.loans; place++) {
      const r = k.replies[sc.loan(place)];
      kassert(r !== undefined && r.donated === sc.id && r.place === place && r.caller !== 0, "SCHED-2", `SchedContext ${sc.id} was lent through reply ${sc.loan(place)}, which does not hold it`);
    }
    kassert(sc.loans > 0 || sc.tcb === 0 || sc.tcb === sc.home, "SCHED-2", `SchedContext ${sc.id} is not lent, but thread ${sc.tcb} has it`);
    kassert(!sc.exhausted || k.releases.some((r) => r.sc === sc.id && r.at === sc.releaseAt), "TIME-3", `SchedContext ${sc.id} is used up and nothing will give it time`);
    const owed = sc.refills.reduce((sum, refill) => sum + refill.amount, 0);
    if (sc.budget < sc.period) kassert(Math.abs(sc.remaining + owed - sc.budget) < 1e-6, "TIME-1", `SchedContext ${sc.id} has ${sc.remaining} and is owed ${owed}, but its budget is ${sc.budget}`);
    const ordered = sc.refills.every((refill, i) => i === 0 || sc.refills[i - 1]!.at <= refill.at);
    kassert(ordered && sc.refills.length <= MOST_REFILLS, "TIME-2", `SchedContext ${sc.id} is owed time in ${sc.refills.length} pieces, ${ordered ? "in" : "out of"} order`);
  }
  for (const t of k.tcbs) {
    if (t === undefined) continue;
    if (t.sc !== 0) kassert(k.schedContexts[t.sc]?.tcb === t.id, "SCHED-2", `thread ${t.id} runs on SchedContext ${t.sc}, which gives its time to ${k.schedContexts[t.sc]?.tcb}`);
    if (t.homeSc === 0) continue;
    kassert(k.schedContexts[t.homeSc]?.home === t.id, "SCHED-2", `thread ${t.id} is bound to SchedContext ${t.homeSc}, which is bound to ${k.schedContexts[t.homeSc]?.home}`);
    kassert(t.sc !== 0 || t.state === ThreadState.BlockedOnReply, "SCHED-2", `thread ${t.id} has time of its own, does not lend it, and cannot run`);
  }
  kassert(k.runningSc === 0 || k.schedContexts[k.runningSc] !== undefined, "SCHED-2", `the running SchedContext ${k.runningSc} is not there`);
}
