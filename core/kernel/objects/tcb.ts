// TCB: a thread. Its registers stand in a trap frame of the machine's; its CSpace root, VSpace, IPC buffer and keeper in
// four slots of its own. Source: seL4 manual, "Thread Control Blocks".
import { Frame, infoLength, IpcBuffer, Reg } from "../../../caps/abi/message.ts";
import { ALL_RIGHTS, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { OBJECT_WORDS } from "../../../caps/model/objects.ts";
import { capArgument } from "../arguments.ts";
import { cancelWait, endInterrupted, suspend } from "../cancel.ts";
import { copiedBadge, deleteSlot, derive } from "../capabilities.ts";
import { canTell } from "../fault.ts";
import { ILLEGAL, invalidArgument, invalidCapability, misaligned, missingRight, outOfRange, TRUNCATED, WX, type Outcome, type Refusal } from "../outcome.ts";
import { restartCall, setWord, wordHi, wordLo, wordNumber } from "../registers.ts";
import { dequeue, unready, wake } from "../scheduler.ts";
import { Tcb, TcbSlot, ThreadState, type Kernel } from "../state.ts";
import { endDebugging, invokeDebug, movedPc } from "./debug.ts";
import { breaksWx, countMapping } from "./frame.ts";
import { IN_TCB } from "./mapping.ts";
import { signal } from "./notification.ts";
import { unbindThread } from "./vcpu.ts";
import { PAGE, USER_TOP } from "./vspace.ts";

export function createTcb(k: Kernel, id: number): void {
  const frame = k.freeFrames.pop() ?? k.framesUsed++;
  const t = new Tcb(k.frames32, frame, id, k.slots.allocate(TcbSlot.COUNT_BITS));
  k.objects.words[id * OBJECT_WORDS] = frame;
  k.tcbs[id] = t;
  k.tcbOfFrame[frame] = t;
}

export function destroyTcb(k: Kernel, id: number): void {
  const t = k.tcbs[id]!;
  cancelWait(k, t);
  if (k.current === id) k.current = 0;
  if (t.hosted) k.machine.hosted.unload(t.frame);
  endDebugging(k, t);
  if (t.boundNotification !== 0) k.notifications[t.boundNotification]!.boundTcb = 0;
  for (const sc of [t.sc, t.homeSc]) {
    const context = sc === 0 ? undefined : k.schedContexts[sc];
    if (context === undefined) continue;
    if (context.tcb === id) context.tcb = 0;
    if (context.home === id) context.home = 0;
  }
  for (let i = 0; i < 2 ** TcbSlot.COUNT_BITS; i++) deleteSlot(k, t.slots + i);
  k.slots.release(t.slots, TcbSlot.COUNT_BITS);
  // What it brought down is nobody's account now: the next thread with this number has deleted nothing.
  for (const object of t.debts) if (k.dying.get(object) === id) k.dying.set(object, 0);
  k.tcbOfFrame[t.frame] = undefined;
  k.freeFrames.push(t.frame);
  k.tcbs[id] = undefined;
}

/** Puts a copy of the capability in `from` (0: none) into one of the TCB's own slots. */
export function setTcbSlot(k: Kernel, t: Tcb, which: number, from: number): void {
  const slot = t.slots + which;
  deleteSlot(k, slot);
  if (from === 0) return;
  const badge = copiedBadge(k, from);
  derive(k, from, slot, ALL_RIGHTS, badge.lo, badge.hi);
  k.slots.mapSpace[slot] = IN_TCB;
  k.slots.mapPage[slot] = t.id;
}

/** Gives the thread its VSpace: the capability in `from`. What it does goes on there. */
export function setVSpace(k: Kernel, t: Tcb, from: number): void {
  // Losing its VSpace would stop it; this one is only replaced.
  k.slots.mapSpace[t.slots + TcbSlot.VSpace] = 0;
  k.slots.mapPage[t.slots + TcbSlot.VSpace] = 0;
  setTcbSlot(k, t, TcbSlot.VSpace, from);
  k.frames32[t.base + 2 * Frame.SPACE] = k.vspaces[k.slots.object[from]!]!.space;
  // Its debugger may want to know of it before it runs.
  if (k.debugger !== null) k.leave = true;
}

/** Makes a stopped thread ready. A thread stopped by a fault goes on at its pc; a system call in which it was stopped answers Cancelled. */
export function resume(k: Kernel, t: Tcb): void {
  endInterrupted(k, t);
  t.faultLabel = 0;
  t.state = ThreadState.Ready;
  wake(k, t);
}

const isStopped = (t: Tcb): boolean => t.state === ThreadState.Inactive || t.state === ThreadState.Faulted;

export function invokeTcb(k: Kernel, caller: Tcb, slot: number, label: number, info: number): Outcome {
  const t = k.tcbs[k.slots.object[slot]!]!;
  const words = infoLength(info);
  switch (label) {
    case Invocation.TCBSetSpace:
      return words < 3 ? TRUNCATED : setSpace(k, caller, t);
    case Invocation.TCBSetIPCBuffer:
      return words < 2 ? TRUNCATED : setBuffer(k, caller, t);
    case Invocation.TCBSetPriority:
      return words < 2 ? TRUNCATED : setPriority(k, caller, t);
    case Invocation.TCBWriteRegisters:
      return writeRegisters(k, caller, t, words);
    case Invocation.TCBReadRegisters:
      return words < 1 ? TRUNCATED : readRegisters(k, caller, t);
    case Invocation.TCBResume:
    case Invocation.TCBRestart:
      if (k.slots.kind[t.slots + TcbSlot.VSpace] !== Kind.VSpace) return ILLEGAL;
      if (!isStopped(t)) return 0;
      if (label === Invocation.TCBRestart && t.interrupted) {
        restartCall(k, t);
        t.interrupted = false;
      }
      resume(k, t);
      return 0;
    case Invocation.TCBSuspend:
      // Suspending oneself is a call that is answered by the next resume.
      suspend(k, t);
      return 0;
    case Invocation.TCBBindNotification:
      return words < 1 ? TRUNCATED : bindNotification(k, caller, t);
    case Invocation.TCBSetLabel:
      t.label = labelText(k, caller, Math.min(words, 4));
      return 0;
    case Invocation.TCBSetTLS:
      if (words < 1) return TRUNCATED;
      k.frames32[t.base + 2 * Reg.tp] = wordLo(k, caller, 0);
      k.frames32[t.base + 2 * Reg.tp + 1] = wordHi(k, caller, 0);
      return 0;
    case Invocation.TCBSetSingleStep:
    case Invocation.TCBSetBreakpoint:
      return invokeDebug(k, caller, t, label, info);
    case Invocation.TCBSetTimeoutKeeper: {
      const keeper = words < 1 ? TRUNCATED : keeperArgument(k, caller, 0);
      if (typeof keeper !== "number") return keeper;
      setTcbSlot(k, t, TcbSlot.TimeoutKeeper, keeper);
      return 0;
    }
    default:
      return ILLEGAL;
  }
}

/** The slot of the endpoint that word `arg` names as a keeper; 0 for none. */
function keeperArgument(k: Kernel, caller: Tcb, arg: number): number | Refusal {
  if (wordLo(k, caller, arg) === 0 && wordHi(k, caller, arg) === 0) return 0;
  const slot = capArgument(k, caller, arg, Kind.Endpoint);
  if (typeof slot !== "number") return slot;
  return canTell(k, slot) ? slot : missingRight(Right.Write | Right.GrantReply);
}

function setSpace(k: Kernel, caller: Tcb, t: Tcb): Outcome {
  const keeper = keeperArgument(k, caller, 0);
  if (typeof keeper !== "number") return keeper;
  const cspace = capArgument(k, caller, 1, Kind.CNode);
  if (typeof cspace !== "number") return cspace;
  // Nothing can be named through a weak CNode.
  if ((k.slots.rights[cspace]! & Right.Weak) !== 0) return invalidCapability(1);
  const vspace = capArgument(k, caller, 2, Kind.VSpace);
  if (typeof vspace !== "number") return vspace;
  setTcbSlot(k, t, TcbSlot.Keeper, keeper);
  setTcbSlot(k, t, TcbSlot.CSpace, cspace);
  setVSpace(k, t, vspace);
  return 0;
}

function setBuffer(k: Kernel, caller: Tcb, t: Tcb): Outcome {
  const s = k.slots;
  if (wordLo(k, caller, 1) === 0 && wordHi(k, caller, 1) === 0) {
    setTcbSlot(k, t, TcbSlot.Buffer, 0);
    t.buffer = -1;
    return 0;
  }
  const address = wordNumber(k, caller, 0);
  if (address % IpcBuffer.BYTES !== 0) return misaligned(0);
  if (address >= USER_TOP) return outOfRange(0, 0, USER_TOP - IpcBuffer.BYTES);
  const arg = capArgument(k, caller, 1, Kind.Frame);
  if (typeof arg !== "number") return arg;
  const id = s.object[arg]!;
  if (k.objects.device[id] === 1 || k.objects.bits[id] !== 12) return invalidCapability(1);
  if ((s.rights[arg]! & (Right.Read | Right.Write)) !== (Right.Read | Right.Write)) return missingRight(Right.Read | Right.Write);
  if (breaksWx(k.pages[id]!, Right.Write)) return WX;
  setTcbSlot(k, t, TcbSlot.Buffer, arg);
  bookBuffer(k, t);
  t.buffer = k.objects.base[id]! - k.machine.ramBase + (address % PAGE);
  t.bufferAddress = address;
  return 0;
}

/** The kernel writes into the frame in the TCB's buffer slot (WX-1); emptying the slot takes that back. */
export function bookBuffer(k: Kernel, t: Tcb): void {
  const slot = t.slots + TcbSlot.Buffer;
  k.slots.badgeLo[slot] = Right.Write;
  countMapping(k.pages[k.slots.object[slot]!]!, Right.Write, 1);
}

function setPriority(k: Kernel, caller: Tcb, t: Tcb): Outcome {
  const authority = capArgument(k, caller, 1, Kind.TCB);
  if (typeof authority !== "number") return authority;
  const most = k.tcbs[k.slots.object[authority]!]!.maxPriority;
  const priority = wordLo(k, caller, 0) >>> 0, max = wordHi(k, caller, 0) >>> 0;
  if (priority > most || max > most) return outOfRange(0, 0, most);
  const queued = t.queued || k.chosen === t.id;
  if (queued) unready(k, t);
  else dequeue(k, t);
  t.priority = priority;
  t.maxPriority = max;
  if (queued) wake(k, t);
  return 0;
}

/** pc, x1..x31, f0..f31, fcsr, as they stand in a trap frame. */
const REGISTERS = 65;
/** Bits of fcsr that there are. */
const FCSR_BITS = 0xff;

/** Enough words must be there, and no other register can be named. */
function writeRegisters(k: Kernel, caller: Tcb, t: Tcb, words: number): Outcome {
  if (words < 1) return TRUNCATED;
  const first = wordLo(k, caller, 0) >>> 0, count = words - 1;
  if (first >= REGISTERS || first + count > REGISTERS) return outOfRange(0, 0, REGISTERS - 1);
  const flags = wordHi(k, caller, 0);
  if ((flags & ~1) !== 0) return invalidArgument(0);
  if (flags === 1 && k.slots.kind[t.slots + TcbSlot.VSpace] !== Kind.VSpace) return ILLEGAL;
  if (t === caller) return ILLEGAL;
  // What is written counts, not the answer of a call that was cut short.
  endInterrupted(k, t);
  for (let i = 0; i < count; i++) {
    k.frames32[t.base + 2 * (first + i)] = wordLo(k, caller, 1 + i);
    k.frames32[t.base + 2 * (first + i) + 1] = wordHi(k, caller, 1 + i);
  }
  if (first + count > Frame.F0) k.frames32[t.base + 2 * Frame.FLOATS] = 1;
  k.frames32[t.base + 2 * Frame.FCSR]! &= FCSR_BITS;
  k.frames32[t.base + 2 * Frame.FCSR + 1] = 0;
  if (first === 0 && count > 0) movedPc(k, t);
  if (flags === 1 && isStopped(t)) resume(k, t);
  return 0;
}

function readRegisters(k: Kernel, caller: Tcb, t: Tcb): Outcome {
  const first = wordLo(k, caller, 0) >>> 0, count = wordHi(k, caller, 0) >>> 0;
  if (first >= REGISTERS || count < 1 || first + count > REGISTERS) return outOfRange(0, 0, REGISTERS - 1);
  if (count > 4 && caller.buffer < 0) return TRUNCATED;
  for (let i = 0; i < count; i++) setWord(k, caller, i, k.frames32[t.base + 2 * (first + i)]!, k.frames32[t.base + 2 * (first + i) + 1]!);
  return count;
}

function bindNotification(k: Kernel, caller: Tcb, t: Tcb): Outcome {
  if (wordLo(k, caller, 0) === 0 && wordHi(k, caller, 0) === 0) {
    if (t.boundNotification === 0) return 0;
    k.notifications[t.boundNotification]!.boundTcb = 0;
    unbindThread(k, t);
    return 0;
  }
  const arg = capArgument(k, caller, 0, Kind.Notification);
  if (typeof arg !== "number") return arg;
  if ((k.slots.rights[arg]! & Right.Read) === 0) return missingRight(Right.Read);
  const n = k.notifications[k.slots.object[arg]!]!;
  if (t.boundNotification !== 0 || n.boundTcb !== 0 || n.head !== 0) return ILLEGAL;
  t.boundNotification = n.id;
  n.boundTcb = t.id;
  // What was signalled before is news to a thread that waits for messages.
  if (n.wordLo !== 0 || n.wordHi !== 0) signal(k, n, 0, 0);
  return 0;
}

/** Printable ASCII of up to 4 words; anything else ends the name. */
function labelText(k: Kernel, caller: Tcb, words: number): string {
  let text = "";
  for (let i = 0; i < words * 8; i++) {
    const half = (i & 4) === 0 ? wordLo(k, caller, i >> 3) : wordHi(k, caller, i >> 3);
    const byte = (half >>> (8 * (i & 3))) & 0xff;
    if (byte < 0x20 || byte > 0x7e) break;
    text += String.fromCharCode(byte);
  }
  return text;
}
