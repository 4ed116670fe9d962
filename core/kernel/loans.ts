// Time that is lent: a Call hands the caller's SchedContext to the server, the answer hands it back.
//
// SCHED-2  A SchedContext gives time to one thread at a time (sc.tcb), and that thread names it (tcb.sc). The reply objects
//          through which it is lent are its loans, in the order of the calls; each holds a caller and knows its place there.
//          A reply object that is not found at its place lends nothing any more: so a loan is ended, with all made on from it, in one step.
// SCHED-3  A turn that is over and has not been given up at every priority yet is a lent one's (sc.turnOver).
// Source: Lyons et al., EuroSys 2018 (donation); what differs from seL4 is in ARCHITECTURE.md.
import { giveWay, unready, wake } from "./scheduler.ts";
import type { Kernel, Reply, SchedContext, Tcb } from "./state.ts";

/** Lends the time that `from` runs on to `to`, until `reply` gives it back. */
export function lend(k: Kernel, from: Tcb, to: Tcb, reply: Reply): void {
  const sc = k.schedContexts[from.sc]!;
  reply.donated = sc.id;
  reply.place = sc.loans;
  sc.pushLoan(reply.id);
  from.sc = 0;
  sc.tcb = 0;
  takeTime(k, to, sc);
}

/** The SchedContext that is lent through a reply object; undefined for none. */
function lentThrough(k: Kernel, reply: Reply): SchedContext | undefined {
  const sc = reply.donated === 0 ? undefined : k.schedContexts[reply.donated];
  return sc !== undefined && reply.place < sc.loans && sc.loan(reply.place) === reply.id ? sc : undefined;
}

/**
 * The loan through `reply` is over: the time is taken from whoever has it now, and loans made on from it are over too.
 * The thread `to` has it back, or its own time if there was no loan.
 */
export function endLoan(k: Kernel, reply: Reply, to: Tcb): void {
  const sc = lentThrough(k, reply);
  reply.donated = 0;
  if (sc === undefined) return goHome(k, to);
  // A turn that ended inside the server is over for the caller too, else one that only calls would starve its equals.
  const late = to.priority < sc.turnOver;
  if (late) sc.turnOver = to.priority;
  sc.cutLoans(reply.place);
  leaveHolder(k, sc);
  takeTime(k, to, sc);
  if (late) giveWay(k, to);
}

/** Another reply object stands in for this one. */
export function moveLoan(k: Kernel, from: Reply, to: Reply): void {
  const sc = lentThrough(k, from);
  to.donated = from.donated;
  to.place = from.place;
  from.donated = 0;
  if (sc !== undefined) sc.setLoan(to.place, to.id);
}

/** Takes a SchedContext's time away from whoever has it, lent or not. */
export function recall(k: Kernel, sc: SchedContext): void {
  sc.cutLoans(0);
  leaveHolder(k, sc);
}

/** Who runs on this time falls back on its own. */
export function leaveHolder(k: Kernel, sc: SchedContext): void {
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
