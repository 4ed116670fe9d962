// Taking a thread out of whatever it waits for.
import { ErrorCode, Fault } from "../../caps/abi/numbers.ts";
import { endLoan } from "./loans.ts";
import { strand } from "./names.ts";
import { remove } from "./queue.ts";
import { setError } from "./registers.ts";
import { unready, wake } from "./scheduler.ts";
import { ThreadState, type Kernel, type Tcb } from "./state.ts";

/** Stops a thread. What becomes of a system call in which it waited, whoever lets it go on says; a fault stays as it is. */
export function suspend(k: Kernel, t: Tcb): void {
  const waited = t.state !== ThreadState.Ready && t.state !== ThreadState.Inactive && t.state !== ThreadState.Faulted && t.faultLabel === 0;
  cancelWait(k, t);
  if (waited) t.interrupted = true;
}

/** The system call in which the thread was stopped, if it was, answers Cancelled. */
export function endInterrupted(k: Kernel, t: Tcb): void {
  if (t.interrupted) setError(k, t, ErrorCode.Cancelled);
  t.interrupted = false;
}

/** Ends a thread's wait on an endpoint or notification with an error; a thread that waits to tell its fault stays stopped. */
export function endWait(k: Kernel, t: Tcb, code: ErrorCode): void {
  cancelWait(k, t);
  if (t.faultLabel !== 0) return abandonFault(k, t);
  setError(k, t, code);
  t.state = ThreadState.Ready;
  wake(k, t);
}

/** Nobody will answer the thread's fault: it stays stopped. One that only told that its turn was over goes on. */
export function abandonFault(k: Kernel, t: Tcb): void {
  t.state = ThreadState.Faulted;
  if (t.faultLabel !== Fault.Timeout) return strand(k, t);
  t.faultLabel = 0;
  t.state = ThreadState.Ready;
  wake(k, t);
}

/** What its system call then answers is the caller's business. */
export function cancelWait(k: Kernel, t: Tcb): void {
  switch (t.state) {
    case ThreadState.Ready:
    case ThreadState.RunningVcpu:
      unready(k, t);
      break;
    case ThreadState.BlockedOnSend:
    case ThreadState.BlockedOnReceive: {
      const ep = k.endpoints[t.blockedOn]!;
      remove(k, ep, t);
      if (ep.head === 0) ep.waiting = 0;
      if (t.state === ThreadState.BlockedOnReceive && t.reply !== 0) {
        k.replies[t.reply]!.receiver = 0;
        t.reply = 0;
      }
      break;
    }
    case ThreadState.BlockedOnNotification:
      remove(k, k.notifications[t.blockedOn]!, t);
      break;
    case ThreadState.BlockedOnReply: {
      const r = k.replies[t.reply]!;
      r.caller = 0;
      t.reply = 0;
      endLoan(k, r, t);
      break;
    }
    default:
      break;
  }
  // The guest inside VCPURun stays where it is; the thread has left it.
  if (t.vcpu !== 0) {
    k.vcpus[t.vcpu]!.tcb = 0;
    t.vcpu = 0;
  }
  t.state = ThreadState.Inactive;
}
