// Invocations of kernel objects, one function each: arguments packed as caps/abi/numbers.ts says, the kernel's answer as it came.
// Capabilities are CPtrs of the caller's CSpace; slots of a CNode are (cnode, index, depth).
import { Invocation, type Kind, MAP_EXECUTE, Right } from "../../../caps/abi/numbers.ts";
import { packBytes } from "./bytes.ts";
import type { Message, Op, Sys, Word } from "./sdk.ts";

type Answer = Op<Message>;

/** Rights of a mapping. */
export const MapRights = { Read: Right.Read, ReadWrite: Right.Read | Right.Write, ReadExecute: Right.Read | MAP_EXECUTE } as const;

/** Most objects of one retype. */
export const MOST_RETYPED = 256;

/** A place for a capability: `depth` bits of `index` are resolved from the CNode capability `cnode`. */
export interface Place {
  readonly cnode: number;
  readonly index: number;
  readonly depth: number;
}

const pair = (low: number, high: number): number => low + high * 2 ** 32;
const slotWord = (place: Place): number => pair(place.index, place.depth);

/** Makes `count` (1..256) objects in the slots from `first` on of the CNode with capability `cnode`. */
export const retype = (sys: Sys, untyped: number, kind: Kind, sizeBits: number, count: number, cnode: number, first: number): Answer =>
  sys.call(untyped, Invocation.UntypedRetype, [kind + sizeBits * 2 ** 8 + count * 2 ** 16, cnode, first]);

const transfer = (sys: Sys, label: number, to: Place, from: Place, rights: number, more: readonly Word[]): Answer =>
  sys.call(to.cnode, label, [slotWord(to), pair(from.index, from.depth + rights * 2 ** 8), from.cnode, ...more]);

export const cnodeCopy = (sys: Sys, to: Place, from: Place, rights: number): Answer => transfer(sys, Invocation.CNodeCopy, to, from, rights, []);
export const cnodeMint = (sys: Sys, to: Place, from: Place, rights: number, badge: Word): Answer => transfer(sys, Invocation.CNodeMint, to, from, rights, [badge]);
export const cnodeMove = (sys: Sys, to: Place, from: Place): Answer => transfer(sys, Invocation.CNodeMove, to, from, 0, []);
export const cnodeDelete = (sys: Sys, at: Place): Answer => sys.call(at.cnode, Invocation.CNodeDelete, [slotWord(at)]);
export const cnodeRevoke = (sys: Sys, at: Place): Answer => sys.call(at.cnode, Invocation.CNodeRevoke, [slotWord(at)]);
/** `pivot` to `to`, `from` to `pivot`, at once; `to` is empty or the same place as `from`. */
export const cnodeRotate = (sys: Sys, to: Place, pivot: Place, from: Place): Answer =>
  sys.call(to.cnode, Invocation.CNodeRotate, [slotWord(to), slotWord(pivot), slotWord(from), pair(pivot.cnode, from.cnode)]);
/** Ends every Send and Call that waits with the badge of the endpoint capability there. */
export const cnodeCancelBadgedSends = (sys: Sys, at: Place): Answer => sys.call(at.cnode, Invocation.CNodeCancelBadgedSends, [slotWord(at), 0, 0]);
/** The badge argument of `cnodeMint` that gives a CNode a guard of `bits` zeros. */
export const zeroGuard = (bits: number): bigint => BigInt(bits) << 32n;

export const tcbSetSpace = (sys: Sys, tcb: number, keeper: number, cspace: number, vspace: number): Answer => sys.call(tcb, Invocation.TCBSetSpace, [keeper, cspace, vspace]);
export const tcbSetIpcBuffer = (sys: Sys, tcb: number, address: number, frame: number): Answer => sys.call(tcb, Invocation.TCBSetIPCBuffer, [address, frame]);
/** `authority`: a TCB whose maximum priority is at least both. */
export const tcbSetPriority = (sys: Sys, tcb: number, priority: number, maximum: number, authority: number): Answer =>
  sys.call(tcb, Invocation.TCBSetPriority, [pair(priority, maximum), authority]);
/** Registers from `first` on (0 is pc, n is xn, 32 + n is fn, 64 is fcsr). */
export const tcbWriteRegisters = (sys: Sys, tcb: number, first: number, values: readonly Word[], resume = false): Answer =>
  sys.call(tcb, Invocation.TCBWriteRegisters, [pair(first, resume ? 1 : 0), ...values]);
export const tcbReadRegisters = (sys: Sys, tcb: number, first: number, count: number): Answer => sys.call(tcb, Invocation.TCBReadRegisters, [pair(first, count)]);
export const tcbResume = (sys: Sys, tcb: number): Answer => sys.call(tcb, Invocation.TCBResume);
/** As resume, but a system call in which the thread was stopped is made again. */
export const tcbRestart = (sys: Sys, tcb: number): Answer => sys.call(tcb, Invocation.TCBRestart);
/** `endpoint` is told when the thread's budget is used up; 0: nobody is. */
export const tcbSetTimeoutKeeper = (sys: Sys, tcb: number, endpoint: number): Answer => sys.call(tcb, Invocation.TCBSetTimeoutKeeper, [endpoint]);
export const tcbSetSingleStep = (sys: Sys, tcb: number, on: boolean): Answer => sys.call(tcb, Invocation.TCBSetSingleStep, [on ? 1 : 0]);
/** number: 0..15. */
export const tcbSetBreakpoint = (sys: Sys, tcb: number, number: number, address: Word, on: boolean): Answer => sys.call(tcb, Invocation.TCBSetBreakpoint, [number, address, on ? 1 : 0]);
export const tcbSuspend = (sys: Sys, tcb: number): Answer => sys.call(tcb, Invocation.TCBSuspend);
export const tcbBindNotification = (sys: Sys, tcb: number, notification: number): Answer => sys.call(tcb, Invocation.TCBBindNotification, [notification]);
/** Up to 32 bytes of ASCII. */
export const tcbSetLabel = (sys: Sys, tcb: number, name: string): Answer => sys.call(tcb, Invocation.TCBSetLabel, packBytes(new TextEncoder().encode(name.slice(0, 32))));

export const schedContextBind = (sys: Sys, context: number, tcb: number): Answer => sys.call(context, Invocation.SchedContextBind, [tcb]);
export const schedContextUnbind = (sys: Sys, context: number): Answer => sys.call(context, Invocation.SchedContextUnbind);
/** Answers the microseconds of CPU used since the last question; so does `schedContextYieldTo`, which lets the context's thread run next. */
export const schedContextConsumed = (sys: Sys, context: number): Answer => sys.call(context, Invocation.SchedContextConsumed);
export const schedContextYieldTo = (sys: Sys, context: number): Answer => sys.call(context, Invocation.SchedContextYieldTo);
/** Budget and period in microseconds; `word` is carried by Timeout faults. */
export const schedControlConfigure = (sys: Sys, control: number, context: number, budget: number, period: number, word: Word = 0): Answer =>
  sys.call(control, Invocation.SchedControlConfigure, [context, budget, period, word]);

/** The caller that `reply` holds is moved to the free reply object `to`. */
export const replySave = (sys: Sys, reply: number, to: number): Answer => sys.call(reply, Invocation.ReplySave, [to]);

/** What a capability is: word 0 its Kind, word 1 its rights, word 2 of a CNode log2 of its slots and, from bit 8 on, the size of its guard; 0 of all others. */
export const discrimClassify = (sys: Sys, discrim: number, cap: number): Answer => sys.call(discrim, Invocation.DiscrimClassify, [cap]);
/** Word 0 is 1 if whoever holds it can tell nobody anything by it. */
export const discrimIsDiscreet = (sys: Sys, discrim: number, cap: number): Answer => sys.call(discrim, Invocation.DiscrimIsDiscreet, [cap]);
/** Word 0: 0 different objects, 1 the same object, 3 the same object and badge. */
export const discrimSame = (sys: Sys, discrim: number, a: number, b: number): Answer => sys.call(discrim, Invocation.DiscrimSame, [a, b]);

export const pageTableMap = (sys: Sys, table: number, address: number, vspace: number): Answer => sys.call(table, Invocation.PageTableMap, [address, vspace]);
/** `rights`: one of MapRights. */
export const frameMap = (sys: Sys, frame: number, address: number, vspace: number, rights: number): Answer => sys.call(frame, Invocation.FrameMap, [address, vspace, rights]);
export const frameUnmap = (sys: Sys, frame: number): Answer => sys.call(frame, Invocation.FrameUnmap);
export const vcpuMapFrame = (sys: Sys, vcpu: number, frame: number, guestPhysical: number): Answer => sys.call(vcpu, Invocation.VCPUMapFrame, [frame, guestPhysical]);
export const vcpuAddHart = (sys: Sys, vcpu: number, hart: number): Answer => sys.call(vcpu, Invocation.VCPUAddHart, [hart]);
export const vcpuGetState = (sys: Sys, vcpu: number): Answer => sys.call(vcpu, Invocation.VCPUGetState, []);
export const vcpuSetState = (sys: Sys, vcpu: number, state: number): Answer => sys.call(vcpu, Invocation.VCPUSetState, [state]);
export const vcpuGetTime = (sys: Sys, vcpu: number): Answer => sys.call(vcpu, Invocation.VCPUGetTime, []);
export const vcpuSetTime = (sys: Sys, vcpu: number, ticks: number): Answer => sys.call(vcpu, Invocation.VCPUSetTime, [ticks]);
export const vcpuAddMachineMode = (sys: Sys, vcpu: number): Answer => sys.call(vcpu, Invocation.VCPUAddMachineMode, []);
export const vcpuMapDevice = (sys: Sys, vcpu: number, guestPhysical: number, bytes: number): Answer => sys.call(vcpu, Invocation.VCPUMapDevice, [guestPhysical, bytes]);

export const irqControlGet = (sys: Sys, control: number, irq: number, to: Place, edge = false): Answer =>
  sys.call(control, Invocation.IRQControlGet, [pair(irq, edge ? 1 : 0), to.cnode, slotWord(to)]);
export const irqSetNotification = (sys: Sys, handler: number, notification: number): Answer => sys.call(handler, Invocation.IRQHandlerSetNotification, [notification]);
export const irqAck = (sys: Sys, handler: number): Answer => sys.call(handler, Invocation.IRQHandlerAck);

export const hostedControlBind = (sys: Sys, control: number, tcb: number, text: number, bytes: number): Answer => sys.call(control, Invocation.HostedControlBind, [tcb, text, bytes]);

export const ioSpaceMap = (sys: Sys, space: number, frame: number, ioAddress: number, rights: number): Answer => sys.call(space, Invocation.IOSpaceMap, [frame, ioAddress, rights]);
export const ioSpaceUnmap = (sys: Sys, space: number, frame: number): Answer => sys.call(space, Invocation.IOSpaceUnmap, [frame]);
/** notification 0: nobody is told any more. */
export const ioSpaceSetNotification = (sys: Sys, space: number, notification: number): Answer => sys.call(space, Invocation.IOSpaceSetNotification, [notification]);
/** Refused access `number`: word 0 how many there were, 1 the address, 2 bytes and (in the high half) 1 for a write. */
export const ioSpaceReadFault = (sys: Sys, space: number, number: number): Answer => sys.call(space, Invocation.IOSpaceReadFault, [number]);
