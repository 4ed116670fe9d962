// Synchronous IPC: a message goes from one thread's registers (and buffer) to another's when both are there.
//
// IPC-1  An endpoint's line holds senders only or receivers only.
// IPC-2  A thread in BlockedOnReply is named by exactly one reply object, which it names; any other names none.
// Source: seL4 manual, "Message Passing" (MCS); what differs: a server with time of its own still works on its caller's time.
import { Info, infoCaps, infoLength, IpcBuffer, MAX_CAPS, MAX_WORDS, Reg, REGISTER_WORDS } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, ErrorCode, Kind, Right } from "../../caps/abi/numbers.ts";
import { accessTo, resolve } from "../../caps/model/cspace.ts";
import { abandonFault } from "./cancel.ts";
import { copiedBadge, derive, mayDerive, PIECE } from "./capabilities.ts";
import { endLoan, lend } from "./loans.ts";
import { movedPc } from "./objects/debug.ts";
import { append, remove } from "./queue.ts";
import { restartCall, setError, setResult } from "./registers.ts";
import { wake } from "./scheduler.ts";
import { TcbSlot, ThreadState, type Endpoint, type Kernel, type Notification, type Reply, type Tcb } from "./state.ts";

const A1 = Reg.a1 * 2, A2 = Reg.a2 * 2;
const CAN_REPLY = Right.Grant | Right.GrantReply;

/** Copies a message from `from` to `to`, whose system call ends with it. `rights` are those of the capability it was sent through. */
function transfer(k: Kernel, from: Tcb, to: Tcb, badgeLo: number, badgeHi: number, rights: number, via: number): void {
  if (from.faultLabel !== 0) {
    transferFault(k, from, to, badgeLo, badgeHi);
    return;
  }
  const f = k.frames32;
  const info = f[from.base + A1]!;
  let length = info & Info.LENGTH_MASK;
  const inRegisters = length < REGISTER_WORDS ? length : REGISTER_WORDS;
  for (let s = from.base + A2, d = to.base + A2, end = s + 2 * inRegisters; s < end; s++, d++) f[d] = f[s]!;
  let caps = 0;
  if (length > REGISTER_WORDS || infoCaps(info) !== 0) {
    length = copyBuffer(k, from, to, length);
    if ((rights & Right.Grant) !== 0) caps = transferCaps(k, from, to, infoCaps(info), via);
  }
  setResult(k, to, badgeLo, badgeHi, (info & (Info.LABEL_MASK << Info.LABEL_SHIFT)) | caps | length);
}

/** Words from the fourth on; the length that arrived. */
function copyBuffer(k: Kernel, from: Tcb, to: Tcb, asked: number): number {
  const length = asked > MAX_WORDS ? MAX_WORDS : asked;
  if (length <= REGISTER_WORDS) return length;
  if (from.buffer < 0 || to.buffer < 0) return REGISTER_WORDS;
  const first = 2 * (IpcBuffer.WORDS + REGISTER_WORDS);
  const s = (from.buffer >> 2) + first, d = (to.buffer >> 2) + first;
  k.ram32.copyWithin(d, s, s + 2 * (length - REGISTER_WORDS));
  return length;
}

/**
 * Copies capabilities into the receiver's receive slots, or unwraps those that name the very endpoint `via` belongs to.
 * The count and unwrapped mask, as info bits. Stops at the first that cannot be taken, like seL4.
 */
function transferCaps(k: Kernel, from: Tcb, to: Tcb, count: number, via: number): number {
  if (from.buffer < 0 || to.buffer < 0) return 0;
  const s = k.slots;
  const ram = k.ram32;
  const src = from.buffer >> 2, dst = to.buffer >> 2;
  const most = Math.min(ram[dst + 2 * IpcBuffer.RECEIVE_COUNT]! >>> 0, MAX_CAPS);
  let taken = 0, received = 0, unwrapped = 0;
  for (; taken < count; taken++) {
    const slot = lookup(k, from, ram[src + 2 * (IpcBuffer.CAPS + taken)]!, ram[src + 2 * (IpcBuffer.CAPS + taken) + 1]!);
    if (slot < 0 || s.kind[slot] === Kind.Null) break;
    if (via !== 0 && s.kind[slot] === Kind.Endpoint && s.object[slot] === via) {
      ram[dst + 2 * (IpcBuffer.CAPS + taken)] = s.badgeLo[slot]!;
      ram[dst + 2 * (IpcBuffer.CAPS + taken) + 1] = s.badgeHi[slot]!;
      unwrapped |= 1 << taken;
      continue;
    }
    if (received >= most) break;
    const target = receiveSlot(k, to, received);
    if (target < 0 || !s.isEmpty(target) || !mayDerive(k, slot)) break;
    const badge = copiedBadge(k, slot);
    derive(k, slot, target, ALL_RIGHTS, badge.lo, badge.hi);
    k.grants?.push(to.id, s.kind[target]!, s.object[target]!, s.rights[target]!, s.badgeLo[target]!, s.badgeHi[target]!);
    received++;
  }
  return (unwrapped << Info.UNWRAPPED_SHIFT) | (taken << Info.CAPS_SHIFT);
}

function receiveSlot(k: Kernel, t: Tcb, n: number): number {
  const at = t.buffer >> 2;
  const cnode = lookup(k, t, k.ram32[at + 2 * IpcBuffer.RECEIVE_CNODE]!, k.ram32[at + 2 * IpcBuffer.RECEIVE_CNODE + 1]!);
  const index = k.ram32[at + 2 * IpcBuffer.RECEIVE_INDEX]! + n, depth = k.ram32[at + 2 * IpcBuffer.RECEIVE_DEPTH]! >>> 0;
  if (cnode < 0 || depth < 1 || depth > 32) return -1;
  const slot = resolve(k.slots, k.cnodes, cnode, index, depth);
  return slot < 0 || (accessTo(k.slots, k.cnodes, cnode, index, depth) & Right.Write) === 0 ? -1 : slot;
}

/** The slot a CPtr names in a thread's CSpace; negative when it names none: -1 - bits left. */
export function lookup(k: Kernel, t: Tcb, lo: number, hi: number): number {
  if (hi !== 0) return -1 - 32;
  return resolve(k.slots, k.cnodes, t.slots + TcbSlot.CSpace, lo, 32);
}

function transferFault(k: Kernel, from: Tcb, to: Tcb, badgeLo: number, badgeHi: number): void {
  k.frames32.set(from.faultWords.subarray(0, 2 * from.faultLength), to.base + A2);
  setResult(k, to, badgeLo, badgeHi, (from.faultLabel << Info.LABEL_SHIFT) | from.faultLength);
}

/** Send through an endpoint: `call` wants an answer, and then `rights` must allow one. The thread is the current one, or a faulting one. */
export function send(k: Kernel, t: Tcb, ep: Endpoint, badgeLo: number, badgeHi: number, rights: number, call: boolean, blocking: boolean): void {
  if (ep.waiting === 2) {
    const receiver = k.tcbs[ep.head]!;
    if (!call && receiver.homeSc === 0) {
      setError(k, t, ErrorCode.PassiveServer);
      return;
    }
    remove(k, ep, receiver);
    if (ep.head === 0) ep.waiting = 0;
    deliver(k, t, receiver, ep.id, badgeLo, badgeHi, rights, call);
    receiver.state = ThreadState.Ready;
    wake(k, receiver);
    return;
  }
  if (!blocking) {
    setResult(k, t, 0, 0, 0);
    return;
  }
  t.state = ThreadState.BlockedOnSend;
  t.sendBadgeLo = badgeLo;
  t.sendBadgeHi = badgeHi;
  t.sendRights = rights;
  t.sendCall = call;
  t.ticket = k.nextTicket++;
  append(k, ep, t);
  ep.waiting = 1;
}

/** Hands `from`'s message to `to`, which waits no more, and settles who waits for whom and on whose time. */
function deliver(k: Kernel, from: Tcb, to: Tcb, via: number, badgeLo: number, badgeHi: number, rights: number, call: boolean): void {
  transfer(k, from, to, badgeLo, badgeHi, rights, via);
  const reply = to.reply === 0 ? undefined : k.replies[to.reply]!;
  to.reply = 0;
  if (reply !== undefined) reply.receiver = 0;
  if (!call) {
    // The sender's call is over; it keeps its registers but for the result.
    setResult(k, from, 0, 0, 0);
    return;
  }
  if (reply === undefined) {
    // The receiver takes no calls: an answer can never come.
    if (from.faultLabel !== 0) abandonFault(k, from);
    else setError(k, from, ErrorCode.Broken);
    return;
  }
  from.state = ThreadState.BlockedOnReply;
  from.reply = reply.id;
  reply.caller = from.id;
  if (from.sc !== 0) lend(k, from, to, reply);
}

/** Receive: a pending signal of the bound notification first, then the longest waiting sender, else wait. `rights` are those of the capability it is received through. */
export function receive(k: Kernel, t: Tcb, ep: Endpoint, replyId: number, rights: number, blocking: boolean): void {
  if (replyId !== 0) {
    dropCaller(k, k.replies[replyId]!);
    k.replies[replyId]!.gives = rights & Right.Grant;
  }
  const bound = t.boundNotification === 0 ? undefined : k.notifications[t.boundNotification]!;
  if (bound !== undefined && (bound.wordLo !== 0 || bound.wordHi !== 0)) {
    takeWord(k, t, bound);
    return;
  }
  for (let refused = 0; ep.waiting === 1; ) {
    // A crowd that was refused is no reason to stay in the kernel: the call is made again, and others run.
    if (refused === PIECE) return restartCall(k, t);
    const sender = k.tcbs[ep.head]!;
    remove(k, ep, sender);
    if (ep.head === 0) ep.waiting = 0;
    sender.state = ThreadState.Ready;
    if (!sender.sendCall && t.homeSc === 0) {
      setError(k, sender, ErrorCode.PassiveServer);
      wake(k, sender);
      refused++;
      continue;
    }
    t.reply = replyId;
    deliver(k, sender, t, ep.id, sender.sendBadgeLo, sender.sendBadgeHi, sender.sendRights, sender.sendCall);
    wake(k, sender);
    return;
  }
  if (!blocking) {
    setError(k, t, ErrorCode.WouldBlock);
    return;
  }
  t.state = ThreadState.BlockedOnReceive;
  t.reply = replyId;
  if (replyId !== 0) k.replies[replyId]!.receiver = t.id;
  append(k, ep, t);
  ep.waiting = 2;
}

/** Ends a thread's wait with the whole word of a notification. */
export function takeWord(k: Kernel, t: Tcb, n: Notification): void {
  setResult(k, t, n.wordLo, n.wordHi, 0);
  n.wordLo = 0;
  n.wordHi = 0;
}

/** Answers the caller a reply object holds with the message of `from`; nothing happens when it holds none. Never blocks. */
export function reply(k: Kernel, from: Tcb, r: Reply): void {
  if (r.caller === 0) return;
  const caller = k.tcbs[r.caller]!;
  if (caller.faultLabel !== 0) {
    repairFault(k, from, caller);
  } else {
    transfer(k, from, caller, 0, 0, r.gives, 0);
  }
  release(k, r, caller);
}

/** Unties a reply object and its caller, which is ready again (or stays faulted) and has its time back. */
function release(k: Kernel, r: Reply, caller: Tcb): void {
  r.caller = 0;
  caller.reply = 0;
  if (caller.state === ThreadState.BlockedOnReply) caller.state = ThreadState.Ready;
  endLoan(k, r, caller);
  wake(k, caller);
}

/** The caller will never be answered: it gets Broken, and its time back. */
export function dropCaller(k: Kernel, r: Reply): void {
  if (r.caller === 0) return;
  const caller = k.tcbs[r.caller]!;
  if (caller.faultLabel !== 0) abandonFault(k, caller);
  else setError(k, caller, ErrorCode.Broken);
  release(k, r, caller);
}

/** A keeper's answer: label 0 lets the thread go on, at w0 when there is one; any other label leaves it stopped. */
function repairFault(k: Kernel, keeper: Tcb, t: Tcb): void {
  const info = k.frames32[keeper.base + A1]!;
  if (((info >>> Info.LABEL_SHIFT) & Info.LABEL_MASK) !== 0) {
    t.state = ThreadState.Faulted;
    return;
  }
  if (infoLength(info) > 0) {
    k.frames32[t.base] = k.frames32[keeper.base + A2]!;
    k.frames32[t.base + 1] = k.frames32[keeper.base + A2 + 1]!;
    movedPc(k, t);
  }
  t.faultLabel = 0;
}

export { CAN_REPLY };
