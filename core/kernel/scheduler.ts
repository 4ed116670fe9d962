// Who runs next. 256 priorities, first come first served in each; a thread runs only on a SchedContext with time left (time.ts).
// A thread that direct switch chose never enters a ready queue.
//
// SCHED-1  The current thread is in no ready queue; a queued thread wants the CPU and has time.
// Source: Elphinstone and Heiser, SOSP 2013 (Benno scheduling, direct switch).
import { isHeld } from "./held.ts";
import { PRIORITIES, ThreadState, type Kernel, type Tcb } from "./state.ts";

/** Whether the thread wants the CPU and has time, and no debugger holds it. */
export function isRunnable(k: Kernel, t: Tcb): boolean {
  const { state, sc: id } = t;
  if ((state !== ThreadState.Ready && state !== ThreadState.RunningVcpu) || id === 0) return false;
  if (k.debugger !== null && isHeld(k, k.debugger, t)) return false;
  const sc = k.schedContexts[id]!;
  return sc.budget > 0 && !sc.exhausted;
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

/** Chooses the thread to run now, which is current from here on: 0 for none. */
export function chooseThread(k: Kernel): number {
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
    if (ready < 0) return (k.current = 0);
    best = k.tcbs[k.readyHead[ready]!]!;
    dequeue(k, best);
  }
  return (k.current = best.id);
}

/** Puts a thread that is in no queue, as the current one, behind the others of its priority. */
export function giveWay(k: Kernel, t: Tcb): void {
  if (k.current === t.id) k.current = 0;
  if (isRunnable(k, t)) enqueue(k, t, false);
}

/** Puts a ready thread at the head of its priority; one of the current thread's own priority runs before that. */
export function favour(k: Kernel, t: Tcb): void {
  if (t.id === k.current || !isRunnable(k, t)) return;
  unready(k, t);
  const current = k.current === 0 ? undefined : k.tcbs[k.current]!;
  if (current !== undefined && current.priority === t.priority) {
    k.current = 0;
    if (isRunnable(k, current)) enqueue(k, current, true);
  }
  enqueue(k, t, true);
}
