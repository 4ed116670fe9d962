// What must hold of the CPU and of time: SCHED-1 (scheduler.ts), SCHED-2 and -3 (loans.ts), TIME-1..3 (time.ts), and
//
// TIME-4  k.releases is a heap by time, and k.nextTimer no later than any of what is waited for: time that comes back, guests' timers.
// TIME-5  A SchedContext has no more time than its budget, and its budget is no longer than its period. A full one is owed nothing and never used up.
import { kassert } from "../../caps/model/panic.ts";
import { timerDue } from "./objects/hart.ts";
import { isRunnable } from "./scheduler.ts";
import { PRIORITIES, ThreadState, type Kernel, type SchedContext, type Tcb } from "./state.ts";
import { MOST_REFILLS } from "./time.ts";

/** Times are fractions of ticks once they were divided. */
const LITTLE = 1e-6;

export function checkTime(k: Kernel): void {
  for (const t of k.tcbs) if (t !== undefined) checkPlace(k, t);
  checkReadyQueues(k);
  for (const sc of k.schedContexts) {
    if (sc === undefined) continue;
    checkLoans(k, sc);
    checkBudget(k, sc);
  }
  for (const t of k.tcbs) if (t !== undefined) checkOwnTime(k, t);
  kassert(k.runningSc === 0 || k.schedContexts[k.runningSc] !== undefined, "SCHED-2", `the running SchedContext ${k.runningSc} is not there`);
  checkTimers(k);
}

function checkPlace(k: Kernel, t: Tcb): void {
  const runnable = isRunnable(k, t);
  const at = Number(t.id === k.current) + Number(t.id === k.chosen) + Number(t.queued);
  kassert(!runnable || at > 0, "SCHED-1", `thread ${t.id} wants the CPU and has time, but is in no queue`);
  kassert(at < 2, "SCHED-1", `thread ${t.id} is current, chosen and queued more than once`);
  kassert(runnable || t.id === k.current || at === 0, "SCHED-1", `thread ${t.id} is queued or chosen and cannot run`);
}

function checkReadyQueues(k: Kernel): void {
  kassert(k.current === 0 || k.tcbs[k.current] !== undefined, "SCHED-1", `the current thread ${k.current} is not there`);
  kassert(k.chosen === 0 || k.tcbs[k.chosen] !== undefined, "SCHED-1", `the chosen thread ${k.chosen} is not there`);
  let queued = 0;
  for (let p = 0; p < PRIORITIES; p++) {
    const head = k.readyHead[p]!, bit = (k.readyBits[p >> 5]! >>> (p & 31)) & 1;
    if ((bit === 1) !== (head !== 0)) kassert(false, "SCHED-1", `the bit of priority ${p} is ${bit}, its queue starts with ${head}`);
    let before = 0;
    for (let id = head; id !== 0; ) {
      const t = k.tcbs[id];
      kassert(t !== undefined && t.queued && t.priority === p && t.prev === before && queued++ < k.tcbs.length, "SCHED-1", `the queue of priority ${p} is broken at thread ${id}`);
      before = id;
      id = t.next;
    }
    if (head !== 0) kassert(k.readyTail[p] === before, "SCHED-1", `the queue of priority ${p} ends at ${before}, not ${k.readyTail[p]}`);
  }
  kassert(queued === k.tcbs.filter((t) => t?.queued === true).length, "SCHED-1", "a thread believes that it is queued");
}

function checkLoans(k: Kernel, sc: SchedContext): void {
  if (sc.tcb !== 0) kassert(k.tcbs[sc.tcb]?.sc === sc.id, "SCHED-2", `SchedContext ${sc.id} gives its time to thread ${sc.tcb}, which runs on ${k.tcbs[sc.tcb]?.sc}`);
  if (sc.home !== 0) kassert(k.tcbs[sc.home]?.homeSc === sc.id, "SCHED-2", `SchedContext ${sc.id} is bound to thread ${sc.home}, which is bound to ${k.tcbs[sc.home]?.homeSc}`);
  for (let place = 0; place < sc.loans; place++) {
    const id = sc.loan(place), r = k.replies[id];
    kassert(r !== undefined && r.donated === sc.id && r.place === place && r.caller !== 0, "SCHED-2", `SchedContext ${sc.id} was lent through reply ${id}, which does not hold it`);
  }
  kassert(sc.loans > 0 || sc.tcb === 0 || sc.tcb === sc.home, "SCHED-2", `SchedContext ${sc.id} is not lent, but thread ${sc.tcb} has it`);
  kassert(sc.turnOver === 0 || (sc.loans > 0 && sc.turnOver < PRIORITIES), "SCHED-3", `SchedContext ${sc.id} is lent ${sc.loans} times, and its turn ended at priority ${sc.turnOver}`);
}

function checkBudget(k: Kernel, sc: SchedContext): void {
  kassert(!sc.exhausted || k.releases.some((r) => r.sc === sc.id && r.at === sc.releaseAt), "TIME-3", `SchedContext ${sc.id} is used up and nothing will give it time`);
  const owed = sc.refills.reduce((sum, refill) => sum + refill.amount, 0);
  if (sc.budget < sc.period) kassert(Math.abs(sc.remaining + owed - sc.budget) < LITTLE, "TIME-1", `SchedContext ${sc.id} has ${sc.remaining} and is owed ${owed}, but its budget is ${sc.budget}`);
  const ordered = sc.refills.every((refill, i) => i === 0 || sc.refills[i - 1]!.at <= refill.at);
  kassert(ordered && sc.refills.length <= MOST_REFILLS, "TIME-2", `SchedContext ${sc.id} is owed time in ${sc.refills.length} pieces, ${ordered ? "in" : "out of"} order`);
  kassert(sc.budget >= 0 && sc.budget <= sc.period && sc.remaining <= sc.budget + LITTLE, "TIME-5", `SchedContext ${sc.id} has ${sc.remaining} of ${sc.budget} in ${sc.period}`);
  kassert(sc.budget < sc.period || (sc.refills.length === 0 && !sc.exhausted), "TIME-5", `SchedContext ${sc.id} is full, and used up or owed time`);
}

function checkOwnTime(k: Kernel, t: Tcb): void {
  if (t.sc !== 0) kassert(k.schedContexts[t.sc]?.tcb === t.id, "SCHED-2", `thread ${t.id} runs on SchedContext ${t.sc}, which gives its time to ${k.schedContexts[t.sc]?.tcb}`);
  if (t.homeSc === 0) return;
  kassert(k.schedContexts[t.homeSc]?.home === t.id, "SCHED-2", `thread ${t.id} is bound to SchedContext ${t.homeSc}, which is bound to ${k.schedContexts[t.homeSc]?.home}`);
  kassert(t.sc !== 0 || t.state === ThreadState.BlockedOnReply, "SCHED-2", `thread ${t.id} has time of its own, does not lend it, and cannot run`);
}

function checkTimers(k: Kernel): void {
  k.releases.forEach((entry, i) => {
    kassert(i === 0 || k.releases[(i - 1) >> 1]!.at <= entry.at, "TIME-4", `the release of SchedContext ${entry.sc} at ${entry.at} stands below a later one`);
    const sc = k.schedContexts[entry.sc];
    const valid = sc !== undefined && sc.exhausted && sc.releaseAt === entry.at;
    kassert(!valid || k.nextTimer <= entry.at, "TIME-4", `SchedContext ${entry.sc} is due at ${entry.at}, the next timer at ${k.nextTimer}`);
  });
  kassert(new Set(k.waitingVcpus).size === k.waitingVcpus.length, "TIME-4", "a VCPU waits for its timer twice");
  for (const v of k.vcpus) {
    const t = v === undefined || v.tcb === 0 ? undefined : k.tcbs[v.tcb];
    if (v === undefined || t?.state !== ThreadState.WaitingVcpu) continue;
    const due = timerDue(k, v);
    kassert(due === Infinity || (k.waitingVcpus.includes(v.id) && k.nextTimer <= due), "TIME-4", `VCPU ${v.id} waits for its timer at ${due}, the next one is at ${k.nextTimer}`);
  }
}
