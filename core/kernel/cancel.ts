// Taking a thread out of whatever it waits for.
import { ErrorCode } from "../../caps/abi/numbers.ts";
import { remove } from "./queue.ts";
import { setError } from "./registers.ts";
import { endLoan, unready } from "./scheduler.ts";
import { ThreadState, type Kernel, type Tcb } from "./state.ts";

/** Stops a thread. A system call in which it waited answers Cancelled when it is resumed; a fault stays as it is. */
export function suspend(k: Kernel, t: Tcb): void {
  const waited = t.state !== ThreadState.Ready && t.state !== ThreadState.Inactive && t.state !== ThreadState.Faulted && t.faultLabel === 0;
  cancelWait(k, t);
  if (waited) setError(k, t, ErrorCode.Cancelled);
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
