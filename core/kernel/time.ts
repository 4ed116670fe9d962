// CPU time: whose runs, how much of it is left, when what was used comes back.
//
// A SchedContext with budget < period is a sporadic server: time that was used from s on comes back at s + period, so no window of a period sees more
// than the budget. A preemption is late, so a turn may take more than was left; what it used then comes back later, by so much that over the time the share is
// kept. Full ones (budget = period) share what their priority gets; the budget is the length of a turn.
//
// TIME-1  What a SchedContext has left (which may be less than nothing by the time a preemption is late) and what will come back are its budget.
// TIME-2  What comes back stands in order of time, in at most MOST_REFILLS pieces.
// TIME-3  An exhausted SchedContext stands in k.releases for the time when it is due.
// Source: Sprunt, Sha and Lehoczky 1989 (sporadic server); Stanovich et al., RTAS 2010 (what to beware of); seL4 manual, "Scheduling Contexts".
import { Fault } from "../../caps/abi/numbers.ts";
import { PIECE } from "./capabilities.ts";
import { canTell, fault } from "./fault.ts";
import { leaveHolder } from "./loans.ts";
import { timerDue } from "./objects/hart.ts";
import { addRelease, dueRelease } from "./releases.ts";
import { chooseThread, giveWay, unready, wake } from "./scheduler.ts";
import { TcbSlot, ThreadState, type Kernel, type SchedContext, type Tcb } from "./state.ts";

/** Pieces in which used time comes back. When there are more, the last two come back together, at the later time. */
export const MOST_REFILLS = 8;
/** Ticks of 100 ns in a microsecond. */
export const TICKS = 10;
/** Nobody is woken for less: 10 us, in ticks. */
const LEAST = 100;

/** Chooses the thread to run now, 0 for none, and starts its clock. The one question each kernel entry ends with. */
export function schedule(k: Kernel): number {
  const id = chooseThread(k);
  const sc = id === 0 ? 0 : k.tcbs[id]!.sc;
  if (sc !== k.runningSc) switchTime(k, sc);
  return id;
}

/** Stops the running SchedContext's clock and starts another's (0: none). The only place where an ordinary switch reads the clock. */
function switchTime(k: Kernel, next: number): void {
  const now = k.machine.clock();
  charge(k, now);
  k.runningSc = next;
  if (next !== 0) takeRefills(k.schedContexts[next]!, now);
  setDeadline(k, now);
}

/** Books the time since runningSince on the running SchedContext. */
export function charge(k: Kernel, now: number): void {
  const sc = k.runningSc === 0 ? undefined : k.schedContexts[k.runningSc];
  const used = now - k.runningSince;
  if (sc !== undefined && used > 0) {
    sc.remaining -= used;
    sc.consumed += used;
    if (sc.budget < sc.period) owe(sc, used, k.runningSince + sc.period + overrun(sc, used));
  }
  k.runningSince = now;
}

/**
 * How much later the last `used` comes back because there was not so much left: as long as the share takes to earn what was too much. A period at most: what takes longer
 * than all of a budget is the host's stall, and not the thread's doing.
 */
function overrun(sc: SchedContext, used: number): number {
  const tooMuch = Math.min(used, -sc.remaining, sc.budget);
  return tooMuch > 0 && sc.budget > 0 ? (tooMuch * sc.period) / sc.budget : 0;
}

/** Time that was used comes back at `due`, and no sooner than all that was used before. */
function owe(sc: SchedContext, amount: number, due: number): void {
  const last = sc.refills[sc.refills.length - 1], at = Math.max(due, last?.at ?? 0);
  // One run that was booked in two pieces is one run.
  if (last !== undefined && at === last.at + last.amount) last.amount += amount;
  else if (last !== undefined && sc.refills.length === MOST_REFILLS) {
    last.amount += amount;
    last.at = at;
  } else sc.refills.push({ amount, at });
}

function takeRefills(sc: SchedContext, now: number): void {
  while (sc.refills.length > 0 && sc.refills[0]!.at <= now) sc.remaining += sc.refills.shift()!.amount;
}

/** Budget and period in ticks, all of the budget at once. What was used before is forgotten. */
export function configure(k: Kernel, sc: SchedContext, budget: number, period: number): void {
  const now = k.machine.clock();
  charge(k, now);
  sc.budget = budget;
  sc.period = period;
  sc.remaining = budget;
  sc.refills.length = 0;
  sc.exhausted = false;
  if (sc.tcb !== 0) wake(k, k.tcbs[sc.tcb]!);
  if (k.runningSc === sc.id) setDeadline(k, now);
}

export function setDeadline(k: Kernel, now: number): void {
  const sc = k.runningSc === 0 ? undefined : k.schedContexts[k.runningSc];
  const slice = sc === undefined ? Infinity : now + sc.remaining;
  k.deadline = Math.min(slice, k.nextTimer, k.hostDeadline);
  k.machine.setDeadline(k.deadline);
}

/** A deadline came: time is booked, an empty budget ends the turn, what was due is done. */
export function tick(k: Kernel, now: number): void {
  charge(k, now);
  const sc = k.runningSc === 0 ? undefined : k.schedContexts[k.runningSc];
  if (sc !== undefined) {
    takeRefills(sc, now);
    if (sc.remaining <= 0) endTurn(k, sc);
  }
  if (now >= k.nextTimer) expireTimers(k, now);
  if (now >= k.hostDeadline) k.leave = true;
  setDeadline(k, now);
}

function endTurn(k: Kernel, sc: SchedContext): void {
  const t = sc.tcb === 0 ? undefined : k.tcbs[sc.tcb]!;
  if (sc.budget === sc.period) {
    sc.remaining = sc.budget;
    if (t === undefined || t.id !== k.current) return;
    if (sc.loans > 0) sc.turnOver = t.priority;
    giveWay(k, t);
  } else {
    sc.exhausted = true;
    sc.releaseAt = releaseTime(sc);
    addRelease(k, sc);
    k.nextTimer = Math.min(k.nextTimer, sc.releaseAt);
    if (t === undefined) return;
    // A server that has time of its own goes on with it, so a client with little time cannot stop it half-way.
    if (t.homeSc !== 0 && t.homeSc !== sc.id) return leaveHolder(k, sc);
    unready(k, t);
  }
  tellTimeout(k, t, sc);
}

/** The thread's timeout keeper, if it has one, is told that the turn is over. A guest's turn ends in silence: its VMM is inside a call. */
function tellTimeout(k: Kernel, t: Tcb, sc: SchedContext): void {
  if (t.state !== ThreadState.Ready || !canTell(k, t.slots + TcbSlot.TimeoutKeeper)) return;
  const us = Math.floor(sc.consumed / TICKS);
  sc.consumed -= us * TICKS;
  fault(k, t, Fault.Timeout, us | 0, Math.floor(us / 2 ** 32), sc.wordLo, sc.wordHi);
}

/** When an exhausted SchedContext has enough again to be worth a switch. */
function releaseTime(sc: SchedContext): number {
  let have = sc.remaining, at = 0;
  for (const refill of sc.refills) {
    have += refill.amount;
    at = refill.at;
    if (have >= LEAST) break;
  }
  return at;
}

/** Wakes who is due, PIECE at a time: when more are, the next deadline is at once. */
function expireTimers(k: Kernel, now: number): void {
  for (let n = 0; n < PIECE; n++) {
    const id = dueRelease(k, now);
    if (id === 0) break;
    const sc = k.schedContexts[id]!;
    sc.exhausted = false;
    takeRefills(sc, now);
    if (sc.tcb !== 0) wake(k, k.tcbs[sc.tcb]!);
  }
  k.nextTimer = Math.min(k.releases[0]?.at ?? Infinity, expireVcpus(k, now));
}

/** Guests whose timers are due run again. When the next one is. There are at most as many as the machine has VCPUs. */
function expireVcpus(k: Kernel, now: number): number {
  let next = Infinity;
  for (let i = k.waitingVcpus.length - 1; i >= 0; i--) {
    const v = k.vcpus[k.waitingVcpus[i]!];
    const t = v === undefined || v.tcb === 0 ? undefined : k.tcbs[v.tcb]!;
    const due = v === undefined ? 0 : timerDue(k, v);
    if (t !== undefined && t.state === ThreadState.WaitingVcpu && now < due) {
      next = Math.min(next, due);
      continue;
    }
    k.waitingVcpus.splice(i, 1);
    if (t === undefined || t.state !== ThreadState.WaitingVcpu) continue;
    t.state = ThreadState.RunningVcpu;
    wake(k, t);
  }
  return next;
}
