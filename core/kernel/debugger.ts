// The operator's debugger, as far as it is the kernel's: threads and guests are held and go on, and stops are taken before a thread's keeper is asked.
// The host calls what is exported here between two slices, when nothing runs; programs have no way to it, and cannot tell.
//
// DEBUG-2  What the operator's debugger holds wants no CPU, and what it says is said of machine threads and VCPUs that are there. Machines know of it.
import { DebugBit, Frame } from "../../caps/abi/message.ts";
import { Debugger, allHeld, watchpointWords, type StopReason, type Watchpoint } from "./held.ts";
import { VcpuRecord } from "./machine.ts";
import { unready, wake } from "./scheduler.ts";
import { ThreadState, type Kernel, type Tcb, type Vcpu } from "./state.ts";

/** Breakpoints of a thread: those of its own debugger, by number, and behind them the operator's. */
export const BREAKPOINTS = 16, MOST_OPERATOR_BREAKPOINTS = 32;

/** From now on what happens is looked at. The host's turn comes at once. */
export function attachDebugger(k: Kernel): Debugger {
  k.leave = true;
  return (k.debugger ??= new Debugger());
}

/** Everything goes on, without breakpoints. */
export function detachDebugger(k: Kernel): void {
  const d = k.debugger;
  if (d === null) return;
  for (const id of new Set([...d.threads, ...d.steps, ...d.breakpoints.keys(), ...d.watchpoints.keys()])) letThread(k, k.tcbs[id]!);
  for (const v of k.vcpus) if (v !== undefined && v.leader === v.id) letGuest(k, v);
  k.debugger = null;
}

/** The thread goes on as if there was no debugger. */
export function letThread(k: Kernel, t: Tcb): void {
  setThreadBreakpoints(k, t, []);
  setThreadWatchpoints(k, t, []);
  resumeThread(k, t, false);
  k.debugger?.passed.delete(t.id);
}

export function holdThread(k: Kernel, t: Tcb): void {
  const d = k.debugger;
  if (d === null || t.hosted) return;
  d.threads.add(t.id);
  d.steps.delete(t.id);
  d.called.delete(t.id);
  setDebugWord(k, t);
  if (t.state === ThreadState.Ready) unready(k, t);
}

/** It goes on, for an instruction only if `step`. At the breakpoint where it was stopped, the instruction is executed. */
export function resumeThread(k: Kernel, t: Tcb, step: boolean): void {
  const d = k.debugger;
  if (d === null || t.hosted) return;
  d.threads.delete(t.id);
  // It has been moved, or the breakpoint is not there any more.
  const pc = pcOf(k, t);
  if (d.passed.get(t.id) !== pc || d.breakpoints.get(t.id)?.includes(pc) !== true) d.passed.delete(t.id);
  if (step) d.steps.add(t.id);
  else {
    d.steps.delete(t.id);
    d.called.delete(t.id);
  }
  setDebugWord(k, t);
  wake(k, t);
}

export const pcOf = (k: Kernel, t: Tcb): number => (k.frames32[t.base]! >>> 0) + (k.frames32[t.base + 1]! >>> 0) * 2 ** 32;

/** The operator's breakpoints of a thread, below USER_TOP; as many as there is room for. */
export function setThreadBreakpoints(k: Kernel, t: Tcb, addresses: readonly number[]): void {
  const d = k.debugger;
  if (d === null || t.hosted) return;
  const before = d.breakpoints.get(t.id)?.length ?? 0, now = addresses.slice(0, MOST_OPERATOR_BREAKPOINTS);
  for (let n = 0; n < Math.max(before, now.length); n++) k.machine.setBreakpoint(t.frame, BREAKPOINTS + n, now[n] ?? 0, n < now.length);
  if (now.length > 0) d.breakpoints.set(t.id, now);
  else d.breakpoints.delete(t.id);
  setDebugWord(k, t);
}

/** The memory that is watched for a thread. */
export function setThreadWatchpoints(k: Kernel, t: Tcb, watchpoints: readonly Watchpoint[]): void {
  const d = k.debugger;
  if (d === null || t.hosted || (watchpoints.length === 0 && !d.watchpoints.has(t.id))) return;
  k.machine.setWatchpoints(t.frame, watchpointWords(watchpoints));
  if (watchpoints.length > 0) d.watchpoints.set(t.id, watchpoints);
  else d.watchpoints.delete(t.id);
  setDebugWord(k, t);
}

/** What the thread's trap frame tells the machine: what its own debugger and the operator's have asked for. */
export function setDebugWord(k: Kernel, t: Tcb): void {
  const word = t.base + 2 * Frame.DEBUG;
  k.frames32[word] = debugBits(k, t) | (k.frames32[word]! & DebugBit.Pass);
}

export function debugBits(k: Kernel, t: Tcb): number {
  const d = k.debugger;
  const steps = t.steps || d?.steps.has(t.id) === true, breaks = t.breakpoints.some((at) => at >= 0) || d?.breakpoints.has(t.id) === true;
  return (steps ? DebugBit.Step : 0) | (breaks ? DebugBit.Breakpoints : 0) | (d?.watchpoints.has(t.id) === true ? DebugBit.Watch : 0);
}

/** The machine has stopped a thread at a breakpoint or after a step: whether it did so for the operator, and nobody else is to be told now. */
export function takesStop(k: Kernel, d: Debugger, t: Tcb, why: StopReason): boolean {
  const pc = pcOf(k, t);
  if (why === "step" ? !d.steps.has(t.id) : d.passed.get(t.id) === pc || d.breakpoints.get(t.id)?.includes(pc) !== true) {
    d.passed.delete(t.id);
    return false;
  }
  // Its own debugger's step is told when it goes on.
  if (why === "step" && t.steps) t.stepped = true;
  if (why === "breakpoint") d.passed.set(t.id, pc);
  else d.passed.delete(t.id);
  holdThread(k, t);
  d.stops.push({ kind: "thread", id: t.id, why });
  k.leave = true;
  return true;
}

/** The machine has stopped a thread at an access to memory that is watched, which the operator alone does. When it goes on it goes through to it. */
export function tookAccess(k: Kernel, t: Tcb): void {
  const d = k.debugger;
  if (d?.watchpoints.has(t.id) !== true) return;
  const tval = t.base + 2 * Frame.TVAL;
  d.passed.delete(t.id);
  holdThread(k, t);
  d.stops.push({ kind: "thread", id: t.id, why: "access", address: (BigInt(k.frames32[tval + 1]! >>> 0) << 32n) | BigInt(k.frames32[tval]! >>> 0) });
  k.leave = true;
}

/** A hart has no turns any more. When none of a guest's has, its clock stands still. */
export function holdHart(k: Kernel, v: Vcpu): void {
  const d = k.debugger, leader = k.vcpus[v.leader];
  if (d === null) return;
  d.harts.add(v.id);
  k.machine.vcpu.hold(v.index, true, false, false);
  if (leader === undefined || !allHeld(k, leader)) return;
  if (!d.still.has(leader.id)) d.still.set(leader.id, k.machine.clock());
  const t = leader.tcb === 0 ? undefined : k.tcbs[leader.tcb];
  if (t?.state === ThreadState.RunningVcpu) unready(k, t);
}

/** It has turns again: one instruction if `step`; `pass`: the instruction where it is, though there is a breakpoint. */
export function resumeHart(k: Kernel, v: Vcpu, step: boolean, pass: boolean): void {
  const d = k.debugger, leader = k.vcpus[v.leader];
  if (d === null) return;
  const since = d.still.get(v.leader);
  if (since !== undefined && leader !== undefined) shiftTime(k, leader, k.machine.clock() - since);
  d.still.delete(v.leader);
  d.harts.delete(v.id);
  k.machine.vcpu.hold(v.index, false, step, pass);
  const t = leader === undefined || leader.tcb === 0 ? undefined : k.tcbs[leader.tcb];
  if (t === undefined) return;
  // What it waited for is looked at again.
  if (t.state === ThreadState.WaitingVcpu) t.state = ThreadState.RunningVcpu;
  wake(k, t);
}

/** The time that passed is none that the guest has seen. */
function shiftTime(k: Kernel, leader: Vcpu, ticks: number): void {
  for (const id of leader.harts) {
    const hart = k.vcpus[id];
    if (hart !== undefined) k.machine.vcpu.floats[(k.machine.vcpu.record(hart.index) >> 1) + VcpuRecord.TIME_OFFSET]! -= ticks;
  }
}

/** A guest goes on as if there was no debugger. */
export function letGuest(k: Kernel, leader: Vcpu): void {
  const d = k.debugger;
  if (d === null) return;
  for (const id of leader.harts) if (d.harts.has(id)) resumeHart(k, k.vcpus[id]!, false, false);
  k.machine.vcpu.stopWatching(leader.index);
}

/** A guest's hart has stopped for the operator: all of the guest is held. */
export function guestStopped(k: Kernel, leader: Vcpu, hart: Vcpu): void {
  const d = k.debugger, at = k.machine.vcpu.record(hart.index);
  // The debugger has gone in the meantime: the guest goes on.
  if (d === null) return k.machine.vcpu.stopWatching(leader.index);
  const { words } = k.machine.vcpu, why = REASONS[words[at + 2 * VcpuRecord.DATA]!] ?? "step", address = at + 2 * VcpuRecord.A0;
  d.stops.push({ kind: "hart", id: hart.id, why, ...(why === "access" ? { address: (BigInt(words[address + 1]! >>> 0) << 32n) | BigInt(words[address]! >>> 0) } : {}) });
  for (const id of leader.harts) if (id !== 0) holdHart(k, k.vcpus[id]!);
  k.leave = true;
}
/** By what stands in the record of a hart that stopped. */
const REASONS: readonly (StopReason | undefined)[] = [undefined, "breakpoint", "step", "access"];

/** An object is being destroyed. */
export function forgetThread(k: Kernel, t: Tcb): void {
  const d = k.debugger;
  if (d === null) return;
  setThreadBreakpoints(k, t, []);
  setThreadWatchpoints(k, t, []);
  for (const set of [d.threads, d.steps, d.called, d.passed]) set.delete(t.id);
}
export function forgetHart(k: Kernel, v: Vcpu): void {
  k.debugger?.harts.delete(v.id);
  k.debugger?.still.delete(v.id);
}
