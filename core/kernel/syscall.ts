// The ten system calls. Three visible steps: number → capability → object. Every check comes before any change.
import { Info, Reg } from "../../caps/abi/message.ts";
import { ErrorCode, Fault, Kind, Right, Syscall } from "../../caps/abi/numbers.ts";
import { fault } from "./fault.ts";
import { invoke } from "./invoke.ts";
import { CAN_REPLY, lookup, receive, reply, send } from "./ipc.ts";
import { signal, wait } from "./objects/notification.ts";
import { AGAIN, BLOCKED } from "./outcome.ts";
import { restartCall, setError, setResult } from "./registers.ts";
import { giveWay } from "./scheduler.ts";
import type { Kernel, Tcb } from "./state.ts";

const A0 = Reg.a0 * 2, A1 = Reg.a1 * 2, A6 = Reg.a6 * 2, A7 = Reg.a7 * 2;

/** Carries out the system call in the thread's trap frame. */
export function syscall(k: Kernel, t: Tcb): void {
  const f = k.frames32, b = t.base;
  switch (f[b + A7 + 1] === 0 ? f[b + A7] : 0) {
    case Syscall.Call:
      return call(k, t);
    case Syscall.ReplyRecv:
      return receiveOn(k, t, true, true);
    case Syscall.Send:
      return sendOn(k, t, true);
    case Syscall.NBSend:
      return sendOn(k, t, false);
    case Syscall.Recv:
      return receiveOn(k, t, false, true);
    case Syscall.NBRecv:
      return receiveOn(k, t, false, false);
    case Syscall.Signal:
      return signalOn(k, t);
    case Syscall.Wait:
      return waitOn(k, t, true);
    case Syscall.Poll:
      return waitOn(k, t, false);
    case Syscall.Yield:
      setResult(k, t, 0, 0, 0);
      return giveWay(k, t);
    default:
      return fault(k, t, Fault.UnknownSyscall, f[b + A7]!, f[b + A7 + 1]!, f[b + A0]!, f[b + A0 + 1]!);
  }
}

/** The slot named by a0, or 0 after the error has been set. */
function invoked(k: Kernel, t: Tcb): number {
  const slot = lookup(k, t, k.frames32[t.base + A0]!, k.frames32[t.base + A0 + 1]!);
  if (slot < 0) {
    setError(k, t, ErrorCode.FailedLookup, [0, -1 - slot]);
    return 0;
  }
  if (k.slots.kind[slot] === Kind.Null) {
    setError(k, t, ErrorCode.InvalidCapability, [0]);
    return 0;
  }
  return slot;
}

function call(k: Kernel, t: Tcb): void {
  const slot = invoked(k, t);
  if (slot === 0) return;
  const s = k.slots;
  if (s.kind[slot] === Kind.Endpoint) {
    const rights = s.rights[slot]!;
    if ((rights & Right.Write) === 0) return setError(k, t, ErrorCode.MissingRight, [Right.Write]);
    if ((rights & CAN_REPLY) === 0) return setError(k, t, ErrorCode.MissingRight, [Right.GrantReply]);
    return send(k, t, k.endpoints[s.object[slot]!]!, s.badgeLo[slot]!, s.badgeHi[slot]!, rights, true, true);
  }
  const outcome = invoke(k, t, slot);
  if (outcome === BLOCKED) return;
  if (outcome === AGAIN) return restartCall(k, t);
  if (typeof outcome === "number") return setResult(k, t, 0, 0, outcome);
  setError(k, t, outcome.code, outcome.words);
}

function sendOn(k: Kernel, t: Tcb, blocking: boolean): void {
  const slot = invoked(k, t);
  if (slot === 0) return;
  const s = k.slots, object = s.object[slot]!;
  switch (s.kind[slot]) {
    case Kind.Endpoint:
      if ((s.rights[slot]! & Right.Write) === 0) return setError(k, t, ErrorCode.MissingRight, [Right.Write]);
      return send(k, t, k.endpoints[object]!, s.badgeLo[slot]!, s.badgeHi[slot]!, s.rights[slot]!, false, blocking);
    case Kind.Reply:
      reply(k, t, k.replies[object]!);
      return setResult(k, t, 0, 0, 0);
    case Kind.Notification:
      return signalOn(k, t);
    default:
      return setError(k, t, ErrorCode.IllegalOperation);
  }
}

function signalOn(k: Kernel, t: Tcb): void {
  const slot = invoked(k, t);
  if (slot === 0) return;
  const s = k.slots;
  if (s.kind[slot] !== Kind.Notification) return setError(k, t, ErrorCode.InvalidCapability, [0]);
  if ((s.rights[slot]! & Right.Write) === 0) return setError(k, t, ErrorCode.MissingRight, [Right.Write]);
  setResult(k, t, 0, 0, 0);
  signal(k, k.notifications[s.object[slot]!]!, s.badgeLo[slot]!, s.badgeHi[slot]!);
}

/** The thread has nothing to receive on: there is no way to tell it but a fault. */
function cannotReceive(k: Kernel, t: Tcb): void {
  fault(k, t, Fault.Capability, k.frames32[t.base + A0]!, k.frames32[t.base + A0 + 1]!);
}

function receiveOn(k: Kernel, t: Tcb, answering: boolean, blocking: boolean): void {
  const f = k.frames32, b = t.base, s = k.slots;
  const slot = lookup(k, t, f[b + A0]!, f[b + A0 + 1]!);
  if (slot < 0 || (s.rights[slot]! & Right.Read) === 0) return cannotReceive(k, t);
  if (s.kind[slot] === Kind.Notification && !answering) return wait(k, t, k.notifications[s.object[slot]!]!, blocking);
  if (s.kind[slot] !== Kind.Endpoint) return cannotReceive(k, t);
  const ep = k.endpoints[s.object[slot]!]!;
  let replyId = 0;
  if (f[b + A6] !== 0 || f[b + A6 + 1] !== 0) {
    const replySlot = lookup(k, t, f[b + A6]!, f[b + A6 + 1]!);
    if (replySlot < 0 || s.kind[replySlot] !== Kind.Reply) return cannotReceive(k, t);
    replyId = s.object[replySlot]!;
    // Another thread waits to receive with this object: it holds one caller at a time.
    if (k.replies[replyId]!.receiver !== 0) return cannotReceive(k, t);
    if (answering) {
      f[b + A1]! &= ~Info.ERROR;
      reply(k, t, k.replies[replyId]!);
    }
  }
  receive(k, t, ep, replyId, s.rights[slot]!, blocking);
}

function waitOn(k: Kernel, t: Tcb, blocking: boolean): void {
  const slot = lookup(k, t, k.frames32[t.base + A0]!, k.frames32[t.base + A0 + 1]!);
  const s = k.slots;
  if (slot < 0 || s.kind[slot] !== Kind.Notification || (s.rights[slot]! & Right.Read) === 0) return cannotReceive(k, t);
  wait(k, t, k.notifications[s.object[slot]!]!, blocking);
}
