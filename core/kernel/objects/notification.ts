// Notification: a word of bits that signals add to and one wait takes whole. It may be bound to a thread, which then
// receives signals wherever it waits for messages.
//
// NTF-1  Nobody waits for a word that is there; a bound notification and its thread name each other.
// Source: seL4 manual, "Notifications".
import { ErrorCode } from "../../../caps/abi/numbers.ts";
import { cancelWait, endWait } from "../cancel.ts";
import { takeWord } from "../ipc.ts";
import { append, remove } from "../queue.ts";
import { setError } from "../registers.ts";
import { wake } from "../scheduler.ts";
import { Notification, ThreadState, type Kernel, type Tcb } from "../state.ts";
import { forgetFaultNotification } from "./iospace.ts";
import { forgetNotification } from "./irq.ts";
import { notifyVcpu, unbindThread } from "./vcpu.ts";

export function createNotification(k: Kernel, id: number): void {
  k.notifications[id] = new Notification(k.objects, id);
}

/** The next of those who wait gets Broken. 0 when nobody waits. */
export function breakNotification(k: Kernel, id: number): number {
  const n = k.notifications[id]!;
  if (n.head === 0) return 0;
  endWait(k, k.tcbs[n.head]!, ErrorCode.Broken);
  return 1;
}

export function destroyNotification(k: Kernel, id: number): void {
  const n = k.notifications[id]!;
  if (n.boundTcb !== 0) unbindThread(k, k.tcbs[n.boundTcb]!);
  forgetNotification(k, id);
  forgetFaultNotification(k, id);
  k.notifications[id] = undefined;
}

/** Adds bits; the bound thread or the longest waiting one takes the word. */
export function signal(k: Kernel, n: Notification, lo: number, hi: number): void {
  n.wordLo |= lo;
  n.wordHi |= hi;
  const bound = n.boundTcb === 0 ? undefined : k.tcbs[n.boundTcb]!;
  if (bound !== undefined) {
    if (bound.state === ThreadState.BlockedOnReceive) {
      cancelWait(k, bound);
      takeWord(k, bound, n);
      bound.state = ThreadState.Ready;
      wake(k, bound);
      return;
    }
    if (bound.state === ThreadState.RunningVcpu || bound.state === ThreadState.WaitingVcpu) {
      notifyVcpu(k, bound, n);
      return;
    }
  }
  if (n.head === 0) return;
  const t = k.tcbs[n.head]!;
  remove(k, n, t);
  takeWord(k, t, n);
  t.state = ThreadState.Ready;
  wake(k, t);
}

/** Takes the word if it is not 0, else waits for a signal or answers WouldBlock. */
export function wait(k: Kernel, t: Tcb, n: Notification, blocking: boolean): void {
  if (n.wordLo !== 0 || n.wordHi !== 0) return takeWord(k, t, n);
  if (!blocking) return setError(k, t, ErrorCode.WouldBlock);
  t.state = ThreadState.BlockedOnNotification;
  append(k, n, t);
}
