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
/** The badge argument of `cnodeMint` that gives a CNode a guard of `bits` zeros. */
export const zeroGuard = (bits: number): bigint => BigInt(bits) << 32n;

export const tcbSetSpace = (sys: Sys, tcb: number, keeper: number, cspace: number, vspace: number): Answer => sys.call(tcb, Invocation.TCBSetSpace, [keeper, cspace, vspace]);
export const tcbSetIpcBuffer = (sys: Sys, tcb: number, address: number, frame: number): Answer => sys.call(tcb, Invocation.TCBSetIPCBuffer, [address, frame]);
/** `authority`: a TCB whose maximum priority is at least both. */
export const tcbSetPriority = (sys: Sys, tcb: number, priority: number, maximum: number, authority: number): Answer =>
  sys.call(tcb, Invocation.TCBSetPriority, [pair(priority, maximum), authority]);
/** Registers from `first` on (0 is pc, n is xn). */
export const tcbWriteRegisters = (sys: Sys, tcb: number, first: number, values: readonly Word[], resume = false): Answer =>
  sys.call(tcb, Invocation.TCBWriteRegisters, [pair(first, resume ? 1 : 0), ...values]);
export const tcbReadRegisters = (sys: Sys, tcb: number, first: number, count: number): Answer => sys.call(tcb, Invocation.TCBReadRegisters, [pair(first, count)]);
export const tcbResume = (sys: Sys, tcb: number): Answer => sys.call(tcb, Invocation.TCBResume);
export const tcbSuspend = (sys: Sys, tcb: number): Answer => sys.call(tcb, Invocation.TCBSuspend);
export const tcbBindNotification = (sys: Sys, tcb: number, notification: number): Answer => sys.call(tcb, Invocation.TCBBindNotification, [notification]);
/** Up to 32 bytes of ASCII. */
export const tcbSetLabel = (sys: Sys, tcb: number, name: string): Answer => sys.call(tcb, Invocation.TCBSetLabel, packBytes(new TextEncoder().encode(name.slice(0, 32))));

export const schedContextBind = (sys: Sys, context: number, tcb: number): Answer => sys.call(context, Invocation.SchedContextBind, [tcb]);
/** Microseconds. */
export const schedControlConfigure = (sys: Sys, control: number, context: number, budget: number, period: number): Answer =>
  sys.call(control, Invocation.SchedControlConfigure, [context, budget, period]);

export const pageTableMap = (sys: Sys, table: number, address: number, vspace: number): Answer => sys.call(table, Invocation.PageTableMap, [address, vspace]);
/** `rights`: one of MapRights. */
export const frameMap = (sys: Sys, frame: number, address: number, vspace: number, rights: number): Answer => sys.call(frame, Invocation.FrameMap, [address, vspace, rights]);
export const frameUnmap = (sys: Sys, frame: number): Answer => sys.call(frame, Invocation.FrameUnmap);
export const vcpuMapFrame = (sys: Sys, vcpu: number, frame: number, guestPhysical: number): Answer => sys.call(vcpu, Invocation.VCPUMapFrame, [frame, guestPhysical]);
export const vcpuMapDevice = (sys: Sys, vcpu: number, guestPhysical: number, bytes: number): Answer => sys.call(vcpu, Invocation.VCPUMapDevice, [guestPhysical, bytes]);

export const irqControlGet = (sys: Sys, control: number, irq: number, to: Place): Answer => sys.call(control, Invocation.IRQControlGet, [irq, to.cnode, slotWord(to)]);
export const irqSetNotification = (sys: Sys, handler: number, notification: number): Answer => sys.call(handler, Invocation.IRQHandlerSetNotification, [notification]);
export const irqAck = (sys: Sys, handler: number): Answer => sys.call(handler, Invocation.IRQHandlerAck);

export const hostedControlBind = (sys: Sys, control: number, tcb: number, text: number, bytes: number): Answer => sys.call(control, Invocation.HostedControlBind, [tcb, text, bytes]);

export const ioSpaceMap = (sys: Sys, space: number, frame: number, ioAddress: number, rights: number): Answer => sys.call(space, Invocation.IOSpaceMap, [frame, ioAddress, rights]);
export const ioSpaceUnmap = (sys: Sys, space: number, frame: number): Answer => sys.call(space, Invocation.IOSpaceUnmap, [frame]);
