// Single steps and breakpoints, for debuggers: faults of the thread that its keeper is told like any other. The machine looks at each instruction of a
// thread that is debugged, and at no other's.
//
// A system call counts as one instruction: it is told when the thread would next run its own code, with the call's answer in its registers. An
// instruction that faults is not counted until it was repaired and done. A thread that goes on at a breakpoint executes the instruction there.
import { DebugBit, Frame, infoLength } from "../../../caps/abi/message.ts";
import { Fault, Invocation } from "../../../caps/abi/numbers.ts";
import { BREAKPOINTS, forgetThread, pcOf, setDebugWord, takesStop } from "../debugger.ts";
import { fault } from "../fault.ts";
import { ILLEGAL, invalidArgument, outOfRange, TRUNCATED, type Outcome } from "../outcome.ts";
import { wordHi, wordLo, wordNumber } from "../registers.ts";
import type { Kernel, Tcb } from "../state.ts";
import { USER_TOP } from "./vspace.ts";

/** Word 1 of a Breakpoint fault. */
const Why = { Ebreak: 0, Breakpoint: 1, Step: 2 } as const;

export function invokeDebug(k: Kernel, caller: Tcb, t: Tcb, label: number, info: number): Outcome {
  const words = infoLength(info), step = label === Invocation.TCBSetSingleStep;
  if (words < (step ? 1 : 3)) return TRUNCATED;
  const flag = step ? 0 : 2, on = wordLo(k, caller, flag);
  if ((on !== 0 && on !== 1) || wordHi(k, caller, flag) !== 0) return invalidArgument(flag);
  const number = wordNumber(k, caller, 0), address = wordNumber(k, caller, 1);
  if (!step && number >= BREAKPOINTS) return outOfRange(0, 0, BREAKPOINTS - 1);
  if (!step && address >= USER_TOP) return outOfRange(1, 0, USER_TOP - 1);
  if (t.hosted) return ILLEGAL;
  if (step) {
    t.steps = on === 1;
    t.stepped = false;
  } else {
    t.breakpoints[number] = on === 1 ? address : -1;
    k.machine.setBreakpoint(t.frame, number, address, on === 1);
  }
  setDebugWord(k, t);
  return 0;
}

/** The thread is gone: its frame is somebody else's next. */
export function endDebugging(k: Kernel, t: Tcb): void {
  t.breakpoints.forEach((at, number) => {
    if (at >= 0) k.machine.setBreakpoint(t.frame, number, 0, false);
  });
  forgetThread(k, t);
}

/** The machine found one of the thread's breakpoints. When it goes on, the instruction there is done. */
export function breakpointHit(k: Kernel, t: Tcb): void {
  if (k.debugger !== null && takesStop(k, k.debugger, t, "breakpoint")) return;
  k.frames32[t.base + 2 * Frame.DEBUG]! |= DebugBit.Pass;
  const alone = k.debugger?.breakpoints.get(t.id)?.includes(pcOf(k, t)) === true && !t.breakpoints.includes(pcOf(k, t));
  // One that is the operator's alone, and has been seen.
  if (!alone) fault(k, t, Fault.Breakpoint, Why.Breakpoint, 0);
}

export function tellStep(k: Kernel, t: Tcb): void {
  if (k.debugger !== null && takesStop(k, k.debugger, t, "step")) return;
  t.stepped = false;
  fault(k, t, Fault.Breakpoint, Why.Step, 0);
}

/** Somebody has set the thread's pc: what stands at the old one does not matter any more. */
export function movedPc(k: Kernel, t: Tcb): void {
  k.frames32[t.base + 2 * Frame.DEBUG]! &= ~DebugBit.Pass;
}
