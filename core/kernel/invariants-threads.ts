// What must hold of threads: VCPU-1 (vcpu.ts), and
//
// TCB-1  Trap frames: a thread has one of its own, and those that were used and are nobody's stand in the list of free ones, once.
// TCB-2  A TCB's own slots hold what belongs there and say whose they are: a CNode that is not weak, a VSpace, the buffer's frame, keepers that can be
//        told; no other capability says that it is in a TCB.
// TCB-3  A thread that is not stopped has a VSpace. While it has one its trap frame names that space, and no priority is beyond the table.
// TCB-4  A thread that was stopped inside a system call is stopped, and has no fault.
// FAULT-1  A thread with a fault is stopped by it: Faulted or Inactive, or it waits to tell it or for its keeper's answer. No other is Faulted.
// DEBUG-1  The debug word of a trap frame says what its thread's debuggers asked for.
// DEBUG-2 (debugger.ts)
import { DebugBit, Frame } from "../../caps/abi/message.ts";
import { Kind, Right } from "../../caps/abi/numbers.ts";
import { kassert } from "../../caps/model/panic.ts";
import { canTell } from "./fault.ts";
import { allHeld, isHeld, MOST_WATCHED_BYTES, type Debugger } from "./held.ts";
import { BREAKPOINTS, debugBits, MOST_OPERATOR_BREAKPOINTS } from "./debugger.ts";
import { IN_TCB } from "./objects/mapping.ts";
import { USER_TOP } from "./objects/vspace.ts";
import { PRIORITIES, TcbSlot, ThreadState, type Kernel, type Tcb } from "./state.ts";

export function checkThreads(k: Kernel): void {
  checkFrames(k);
  if (k.debugger !== null) checkDebugger(k, k.debugger);
  for (const t of k.tcbs) {
    if (t === undefined) continue;
    checkOwnSlots(k, t);
    checkState(k, t);
    checkDebug(k, t);
  }
  const s = k.slots;
  for (let slot = 1; slot < s.end; slot++) {
    if (s.mapSpace[slot] !== IN_TCB) continue;
    const t = k.tcbs[s.mapPage[slot]!];
    kassert(t !== undefined && slot >= t.slots && slot < t.slots + 2 ** TcbSlot.COUNT_BITS, "TCB-2", `row ${slot} says that it is in TCB ${s.mapPage[slot]}`);
  }
}

function checkFrames(k: Kernel): void {
  const free = new Set(k.freeFrames);
  kassert(free.size === k.freeFrames.length, "TCB-1", "a trap frame is free twice");
  for (const frame of free) kassert(frame < k.framesUsed && k.tcbOfFrame[frame] === undefined, "TCB-1", `trap frame ${frame} is free and a thread's, or was never used`);
  let taken = 0;
  for (const t of k.tcbs) {
    if (t === undefined) continue;
    taken++;
    kassert(k.tcbOfFrame[t.frame] === t && t.base === t.frame * Frame.WORDS * 2, "TCB-1", `thread ${t.id} has trap frame ${t.frame}, which is not its own`);
  }
  kassert(taken + free.size === k.framesUsed && k.framesUsed <= k.machine.maxThreads, "TCB-1", `${taken} trap frames are threads', ${free.size} free, of ${k.framesUsed}`);
}

/** By row of a TCB's own: whether what is in `slot` may be there. */
function mayHold(k: Kernel, which: number, slot: number): boolean {
  const kind = k.slots.kind[slot];
  switch (which) {
    case TcbSlot.CSpace:
      return kind === Kind.CNode && (k.slots.rights[slot]! & Right.Weak) === 0;
    case TcbSlot.VSpace:
      return kind === Kind.VSpace;
    case TcbSlot.Buffer:
      return kind === Kind.Frame;
    case TcbSlot.Keeper:
    case TcbSlot.TimeoutKeeper:
      return canTell(k, slot);
    default:
      return false;
  }
}

function checkOwnSlots(k: Kernel, t: Tcb): void {
  const s = k.slots;
  for (let which = 0; which < 2 ** TcbSlot.COUNT_BITS; which++) {
    const slot = t.slots + which;
    if (s.kind[slot] === Kind.Null) continue;
    kassert(mayHold(k, which, slot), "TCB-2", `slot ${which} of thread ${t.id} holds a capability of kind ${s.kind[slot]} with rights ${s.rights[slot]}`);
    kassert(s.mapSpace[slot] === IN_TCB && s.mapPage[slot] === t.id, "TCB-2", `slot ${which} of thread ${t.id} does not say so`);
  }
}

function checkState(k: Kernel, t: Tcb): void {
  const { state } = t;
  kassert(t.priority >= 0 && t.priority < PRIORITIES && t.maxPriority >= 0 && t.maxPriority < PRIORITIES, "TCB-3", `thread ${t.id} has priority ${t.priority} of ${t.maxPriority}`);
  if (k.slots.kind[t.slots + TcbSlot.VSpace] === Kind.VSpace) {
    const { space } = k.vspaces[k.slots.object[t.slots + TcbSlot.VSpace]!]!;
    const named = k.frames32[t.base + 2 * Frame.SPACE];
    kassert(named === space, "TCB-3", `thread ${t.id} has space ${space}, its trap frame names ${named}`);
  } else kassert(state === ThreadState.Inactive, "TCB-3", `thread ${t.id} is in state ${state} without a VSpace`);
  kassert(!t.interrupted || (state === ThreadState.Inactive && t.faultLabel === 0), "TCB-4", `thread ${t.id} was stopped inside a call, and is in state ${state} with fault ${t.faultLabel}`);
  const mayHaveFault = state === ThreadState.Faulted || state === ThreadState.Inactive || state === ThreadState.BlockedOnSend || state === ThreadState.BlockedOnReply;
  kassert(t.faultLabel === 0 || mayHaveFault, "FAULT-1", `thread ${t.id} goes on in state ${state} with fault ${t.faultLabel}`);
  kassert(t.faultLabel !== 0 || state !== ThreadState.Faulted, "FAULT-1", `thread ${t.id} is stopped by no fault`);
  if (t.faultLabel !== 0) kassert(t.faultLength >= 1 && 2 * t.faultLength <= t.faultWords.length, "FAULT-1", `the fault of thread ${t.id} has ${t.faultLength} words`);
  const inGuest = state === ThreadState.RunningVcpu || state === ThreadState.WaitingVcpu;
  kassert(inGuest ? k.vcpus[t.vcpu]?.tcb === t.id : t.vcpu === 0, "VCPU-1", `thread ${t.id} and VCPU ${t.vcpu} disagree on whether it is inside`);
}

function checkDebug(k: Kernel, t: Tcb): void {
  const set = t.breakpoints.filter((at) => at >= 0), asked = debugBits(k, t);
  const word = k.frames32[t.base + 2 * Frame.DEBUG]!;
  kassert((word & ~DebugBit.Pass) === asked, "DEBUG-1", `thread ${t.id} is debugged with ${asked}, its trap frame says ${word}`);
  kassert(!t.stepped || t.steps, "DEBUG-1", `thread ${t.id} has a step to tell and takes none`);
  kassert(t.breakpoints.length <= BREAKPOINTS && set.every((at) => at < USER_TOP), "DEBUG-1", `thread ${t.id} has ${t.breakpoints.length} breakpoints, or one that no program reaches`);
}

function checkDebugger(k: Kernel, d: Debugger): void {
  for (const id of [...d.threads, ...d.steps, ...d.called, ...d.breakpoints.keys(), ...d.watchpoints.keys(), ...d.passed.keys()]) kassert(k.tcbs[id]?.hosted === false, "DEBUG-2", `thread ${id} is debugged, and is no machine thread`);
  for (const id of [...d.harts, ...d.still.keys()]) kassert(k.vcpus[id] !== undefined, "DEBUG-2", `VCPU ${id} is debugged, and is not there`);
  for (const id of d.steps) kassert(!d.threads.has(id), "DEBUG-2", `thread ${id} steps and is held`);
  for (const id of d.called) kassert(d.steps.has(id), "DEBUG-2", `thread ${id} has a step to tell and takes none`);
  for (const [id, addresses] of d.breakpoints) kassert(addresses.length > 0 && addresses.length <= MOST_OPERATOR_BREAKPOINTS && addresses.every((at) => at < USER_TOP), "DEBUG-2", `thread ${id} has ${addresses.length} of the operator's breakpoints, or one that no program reaches`);
  for (const [id, watchpoints] of d.watchpoints) kassert(watchpoints.length > 0 && watchpoints.every(({ bytes }) => bytes >= 1 && bytes <= MOST_WATCHED_BYTES), "DEBUG-2", `thread ${id} has ${watchpoints.length} watchpoints, or one of no size`);
  for (const id of d.still.keys()) kassert(allHeld(k, k.vcpus[id]!), "DEBUG-2", `the clock of the guest of VCPU ${id} stands still, and a hart of it runs`);
  for (const t of k.tcbs) kassert(t === undefined || !isHeld(k, d, t) || (!t.queued && k.chosen !== t.id), "DEBUG-2", `thread ${t?.id} is held and waits for the CPU`);
}
