// The kernel's loop: choose a thread, run it until it traps, handle the trap, choose again.
// A thread of a machine program runs in an engine, a hosted one in its generator, one inside VCPURun as its guest.
import { Frame } from "../../caps/abi/message.ts";
import { reapOrphans } from "./capabilities.ts";
import { tookAccess } from "./debugger.ts";
import { exception } from "./fault.ts";
import { Cause, VcpuStop } from "./machine.ts";
import { breakpointHit, tellStep } from "./objects/debug.ts";
import { takeInterrupts } from "./objects/irq.ts";
import { vcpuStopped } from "./objects/vcpu.ts";
import { ThreadState, type Kernel, type Tcb } from "./state.ts";
import { syscall } from "./syscall.ts";
import { charge, schedule, setDeadline, tick } from "./time.ts";
import { traceSwitch, traceSyscall } from "./trace.ts";

/** Hosted steps between two looks at the clock: they cannot be preempted, only counted. */
const HOSTED_STEPS = 16;

/** Nothing can run, until an interrupt or until `nextTimer`; or the host's time is up. */
export type Pause = "idle" | "slice";

/** Runs threads until nothing can run or the clock reaches `until`. */
export function run(k: Kernel, until: number): Pause {
  k.hostDeadline = until;
  k.leave = false;
  const now = k.machine.clock();
  tick(k, now);
  k.leave = false;
  reapOrphans(k);
  const handle = k.trace === null ? trap : tracedTrap;
  // Two functions, so that the one without a trace does nothing for it.
  const onTrap = k.trace === null
    ? (frame: number, cause: number): number => {
        const t = k.tcbOfFrame[frame]!;
        k.current = t.id;
        trap(k, t, cause);
        return dispatch(k, trap);
      }
    : (frame: number, cause: number): number => {
        tracedTrap(k, k.tcbOfFrame[frame]!, cause);
        const next = dispatch(k, tracedTrap);
        traceSwitch(k);
        return next;
      };
  for (;;) {
    const frame = dispatch(k, handle);
    traceSwitch(k);
    if (frame >= 0) {
      k.machine.run(frame, onTrap, k.fast && k.trace === null && k.debugger === null);
      continue;
    }
    const t = k.current === 0 ? undefined : k.tcbs[k.current]!;
    if (t === undefined && !k.leave && k.dying.size > 0) {
      reapOrphans(k);
      if (k.machine.clock() >= k.deadline) tick(k, k.machine.clock());
      continue;
    }
    if (k.leave || t === undefined) {
      const ends = k.machine.clock();
      charge(k, ends);
      k.hostDeadline = Infinity;
      if (t === undefined) setDeadline(k, ends);
      return t === undefined && !k.leave ? "idle" : "slice";
    }
    const stop = k.machine.vcpu.run(k.vcpus[t.vcpu]!.index);
    if (stop === VcpuStop.Preempted) tick(k, k.machine.clock());
    else vcpuStopped(k, t, stop);
  }
}

/** The trap frame to run next; -1 when the current thread runs a guest, nothing can run, or the host wants the CPU. */
function dispatch(k: Kernel, handle: typeof trap): number {
  for (let steps = 0; ; ) {
    if (k.machine.irq.pending) takeInterrupts(k);
    if (k.leave) return -1;
    const current = schedule(k);
    if (current === 0) return -1;
    const t = k.tcbs[current]!;
    if (t.state === ThreadState.RunningVcpu) return -1;
    if (t.stepped || (k.debugger !== null && k.debugger.called.has(t.id))) {
      tellStep(k, t);
      continue;
    }
    if (!t.hosted) return t.frame;
    if (++steps % HOSTED_STEPS === 0) {
      const now = k.machine.clock();
      if (now >= k.deadline) {
        tick(k, now);
        continue;
      }
    }
    if (handle === tracedTrap) traceSwitch(k);
    handle(k, t, k.machine.hosted.step(t.frame));
  }
}

function trap(k: Kernel, t: Tcb, cause: number): void {
  if (cause === Cause.Ecall) {
    if (t.steps || (k.debugger !== null && k.debugger.steps.has(t.id))) steppedCall(k, t);
    else syscall(k, t);
  } else if (cause === Cause.Stepped) tellStep(k, t);
  else if (cause === Cause.BreakpointHit) breakpointHit(k, t);
  else if (cause === Cause.Accessed) tookAccess(k, t);
  else if (cause === Cause.Preempted) tick(k, k.machine.clock());
  else exception(k, t, cause, k.frames32[t.base + 2 * Frame.TVAL]!, k.frames32[t.base + 2 * Frame.TVAL + 1]!);
}

/** A call that is made again has not been done yet. */
function steppedCall(k: Kernel, t: Tcb): void {
  const pc = k.frames32[t.base]!;
  syscall(k, t);
  if (k.frames32[t.base] !== pc) return;
  if (t.steps) t.stepped = true;
  if (k.debugger !== null && k.debugger.steps.has(t.id)) k.debugger.called.add(t.id);
}

function tracedTrap(k: Kernel, t: Tcb, cause: number): void {
  if (cause === Cause.Ecall) traceSyscall(k, t, () => trap(k, t, cause));
  else trap(k, t, cause);
}
