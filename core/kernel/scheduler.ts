// Who runs next, and on whose time. 256 priorities, first come first served in each; a thread runs only on a
// SchedContext with time left. A thread that direct switch chose never enters a ready queue.
//
// SCHED-1  The current thread is in no ready queue; a queued thread wants the CPU and has time.
// SCHED-2  A SchedContext gives time to one thread at a time (sc.tcb), and that thread names it (tcb.sc). The reply objects
//          through which it was lent are a stack (sc.lent, reply.below); each holds a caller.
// Source: Elphinstone and Heiser, SOSP 2013 (Benno scheduling, direct switch); Lyons et al., EuroSys 2018 (scheduling contexts).
import { timerDue } from "./objects/vcpu.ts";
import { PRIORITIES, ThreadState, type Kernel, type Reply, type SchedContext, type Tcb } from "./state.ts";

/** Whether the thread wants the CPU and has time. */
export function isRunnable(k: Kernel, t: Tcb): boolean {
  if (t.state !== ThreadState.Ready && t.state !== ThreadState.RunningVcpu) return false;
  if (t.sc === 0) return false;
  const sc = k.schedContexts[t.sc]!;
  return !sc.exhausted && sc.budget > 0;
}

function enqueue(k: Kernel, t: Tcb, front: boolean): void {
  const p = t.priority;
  const head = k.readyHead[p]!, tail = k.readyTail[p]!;
  t.queued = true;
  if (head === 0) {
    t.next = 0;
    t.prev = 0;
    k.readyHead[p] = t.id;
    k.readyTail[p] = t.id;
    k.readyBits[p >> 5]! |= 1 << (p & 31);
  } else if (front) {
    t.next = head;
    t.prev = 0;
    k.tcbs[head]!.prev = t.id;
    k.readyHead[p] = t.id;
  } else {
    t.next = 0;
    t.prev = tail;
    k.tcbs[tail]!.next = t.id;
    k.readyTail[p] = t.id;
  }
}

/** Takes a thread out of its ready queue, if it is in one. */
export function dequeue(k: Kernel, t: Tcb): void {
  if (!t.queued) return;
  const p = t.priority;
  if (t.prev === 0) k.readyHead[p] = t.next;
  else k.tcbs[t.prev]!.next = t.next;
  if (t.next === 0) k.readyTail[p] = t.prev;
  else k.tcbs[t.next]!.prev = t.prev;
  t.queued = false;
  t.next = 0;
  t.prev = 0;
  if (k.readyHead[p] === 0) k.readyBits[p >> 5]! &= ~(1 << (p & 31));
}

/** The greatest priority with a queued thread, -1 for none. */
function highestReady(k: Kernel): number {
  for (let i = PRIORITIES / 32 - 1; i >= 0; i--) {
    const bits = k.readyBits[i]!;
    if (bits !== 0) return 32 * i + 31 - Math.clz32(bits);
  }
  return -1;
}

/** A thread became ready (its state says so): it is chosen or queued when it has time, else it waits for time. */
export function wake(k: Kernel, t: Tcb): void {
  if (t.id === k.current || t.id === k.chosen || t.queued || !isRunnable(k, t)) return;
  if (k.chosen === 0) {
    k.chosen = t.id;
    return;
  }
  enqueue(k, t, false);
}

/** A thread is no longer ready (its state says so) or lost its time. */
export function unready(k: Kernel, t: Tcb): void {
  dequeue(k, t);
  if (k.chosen === t.id) k.chosen = 0;
}

/** Chooses the thread to run now: 0 for none. The one question each kernel entry ends with. */
export function schedule(k: Kernel): number {
  const current = k.current === 0 ? undefined : k.tcbs[k.current]!;
  const stays = current !== undefined && isRunnable(k, current);
  let best = stays ? current : undefined;
  if (k.chosen !== 0) {
    const chosen = k.tcbs[k.chosen]!;
    k.chosen = 0;
    if (best === undefined) best = chosen;
    else if (chosen.priority > best.priority) {
      enqueue(k, best, true);
      best = chosen;
    } else enqueue(k, chosen, false);
  }
  const ready = highestReady(k);
  if (best === undefined || ready > best.priority) {
    if (best !== undefined) enqueue(k, best, true);
    if (ready < 0) {
      k.current = 0;
      if (k.runningSc !== 0) switchTime(k, 0);
      return 0;
    }
    best = k.tcbs[k.readyHead[ready]!]!;
    dequeue(k, best);
  }
  k.current = best.id;
  if (best.sc !== k.runningSc) switchTime(k, best.sc);
  return best.id;
}

/** Stops the running SchedContext's clock and starts another's (0: none). The only place where an ordinary switch reads the clock. */
function switchTime(k: Kernel, next: number): void {
  const now = k.machine.clock();
  charge(k, now);
  k.runningSc = next;
  if (next !== 0) {
    const sc = k.schedContexts[next]!;
    if (now >= sc.refillAt) {
      sc.remaining = sc.budget;
      sc.refillAt = now + sc.period;
    }
  }
  setDeadline(k, now);
}

/** Books the time since runningSince on the running SchedContext. */
export function charge(k: Kernel, now: number): void {
  const sc = k.runningSc === 0 ? undefined : k.schedContexts[k.runningSc];
  if (sc !== undefined) {
    const used = now - k.runningSince;
    sc.remaining -= used;
    sc.consumed += used;
  }
  k.runningSince = now;
}

export function setDeadline(k: Kernel, now: number): void {
  const sc = k.runningSc === 0 ? undefined : k.schedContexts[k.runningSc];
  const slice = sc === undefined ? Infinity : now + sc.remaining;
  k.deadline = Math.min(slice, k.nextTimer, k.hostDeadline);
  k.machine.setDeadline(k.deadline);
}

/** A deadline came: time is booked, an empty budget ends the slice, what was due is done. */
export function tick(k: Kernel, now: number): void {
  charge(k, now);
  const sc = k.runningSc === 0 ? undefined : k.schedContexts[k.runningSc];
  if (sc !== undefined && sc.remaining <= 0) endSlice(k, sc, now);
  if (now >= k.nextTimer) expireTimers(k, now);
  if (now >= k.hostDeadline) k.leave = true;
  setDeadline(k, now);
}

function endSlice(k: Kernel, sc: SchedContext, now: number): void {
  const t = sc.tcb === 0 ? undefined : k.tcbs[sc.tcb]!;
  if (sc.budget === sc.period || now >= sc.refillAt) {
    // Full time: the budget is only the length of a turn.
    sc.remaining = sc.budget;
    sc.refillAt = now + sc.period;
    if (t !== undefined && t.id === k.current) giveWay(k, t);
    return;
  }
  sc.exhausted = true;
  k.released.push(sc.id);
  k.nextTimer = Math.min(k.nextTimer, sc.refillAt);
  if (t === undefined) return;
  // A server that has time of its own goes on with it, so a client with little time cannot stop it half-way.
  if (t.homeSc !== 0 && t.homeSc !== sc.id) leaveHolder(k, sc);
  else unready(k, t);
}

/** Puts the current thread behind the others of its priority. */
export function giveWay(k: Kernel, t: Tcb): void {
  k.current = 0;
  if (isRunnable(k, t)) enqueue(k, t, false);
}

function expireTimers(k: Kernel, now: number): void {
  let next = Infinity;
  for (let i = k.released.length - 1; i >= 0; i--) {
    const sc = k.schedContexts[k.released[i]!];
    if (sc !== undefined && sc.exhausted && now < sc.refillAt) {
      next = Math.min(next, sc.refillAt);
      continue;
    }
    k.released.splice(i, 1);
    if (sc === undefined || !sc.exhausted) continue;
    sc.exhausted = false;
    sc.remaining = sc.budget;
    sc.refillAt = now + sc.period;
    if (sc.tcb !== 0) wake(k, k.tcbs[sc.tcb]!);
  }
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
  k.nextTimer = next;
}

/** Lends the time that `from` runs on to `to`, until `reply` gives it back. */
export function lend(k: Kernel, from: Tcb, to: Tcb, reply: Reply): void {
  const sc = k.schedContexts[from.sc]!;
  reply.donated = sc.id;
  reply.below = sc.lent;
  sc.lent = reply.id;
  from.sc = 0;
  takeTime(k, to, sc);
}

/**
 * The loan through `reply` is over: the time is taken from whoever has it now, and loans made on from it are over too.
 * The thread `to` has it back, or its own time if there was no loan.
 */
export function endLoan(k: Kernel, reply: Reply, to: Tcb): void {
  const sc = reply.donated === 0 ? undefined : k.schedContexts[reply.donated]!;
  if (sc === undefined) return goHome(k, to);
  forgetLoans(k, sc, reply.below);
  leaveHolder(k, sc);
  takeTime(k, to, sc);
}

/** Takes a SchedContext's time away from whoever has it, lent or not. */
export function recall(k: Kernel, sc: SchedContext): void {
  forgetLoans(k, sc, 0);
  leaveHolder(k, sc);
}

/** Unties the loans of a SchedContext down to the one that is to stay. */
function forgetLoans(k: Kernel, sc: SchedContext, stays: number): void {
  while (sc.lent !== stays) {
    const r = k.replies[sc.lent]!;
    sc.lent = r.below;
    r.donated = 0;
    r.below = 0;
  }
}

/** Who runs on this time falls back on its own. */
function leaveHolder(k: Kernel, sc: SchedContext): void {
  const holder = sc.tcb === 0 ? undefined : k.tcbs[sc.tcb]!;
  sc.tcb = 0;
  if (holder === undefined) return;
  unready(k, holder);
  holder.sc = 0;
  goHome(k, holder);
}

/** Puts a thread on this time, which nobody has. Time that is used up waits for its refill without a thread that has its own. */
function takeTime(k: Kernel, t: Tcb, sc: SchedContext): void {
  if (sc.exhausted && t.homeSc !== 0 && t.homeSc !== sc.id) return goHome(k, t);
  if (t.sc !== 0) k.schedContexts[t.sc]!.tcb = 0;
  t.sc = sc.id;
  sc.tcb = t.id;
}

/** A thread without time has its own, if any: nobody else can, for it is lent only while its thread waits for the answer. */
function goHome(k: Kernel, t: Tcb): void {
  if (t.sc !== 0 || t.homeSc === 0) return;
  t.sc = t.homeSc;
  k.schedContexts[t.homeSc]!.tcb = t.id;
  wake(k, t);
}
