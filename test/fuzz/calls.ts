// What a hostile program may do next: a table of ready-made calls, most of them such that they could be carried out, written by the harness and picked
// from by the program. The numbers are the ABI's own, so a new invocation that is missing here is noticed (main.ts says what was never carried out).
import { toInfo } from "../../caps/abi/message.ts";
import { Invocation, Kind, RetypeSize, Syscall } from "../../caps/abi/numbers.ts";
import type { Random } from "./random.ts";

/** Where a hostile program finds what it was given. Slots from WORK on are empty at first. */
export const Own = {
  CNODE: 1, VSPACE: 3, UNTYPED: [4, 5, 6], TCB: [8, 9, 10, 11], SC: [12, 13, 14, 15], IRQ_CONTROL: 16, SCHED_CONTROL: 17, DISCRIM: 18, IO_SPACE: 19, BIG_UNTYPED: 20, VCPU: [21, 22],
  ENDPOINT: [24, 25], SHARED_ENDPOINT: 26, SERVER: 27, NOTIFICATION: [28, 29], VICTIM: 30, SHARED_NOTIFICATION: 31, REPLY: [32, 33, 34], TABLE: [36, 37], SHARED_TABLE: 38,
  FRAME: [40, 41, 42, 43], SHARED_FRAME: 44, VICTIM_FRAME: 45, PAGE_TABLE: [46, 47, 48, 49], TIME: [52, 53], THREAD: [56, 57], WORK: 64, END: 96,
} as const;
/** Where its code and its table stand, and pages that the calls map and touch. */
export const At = { TABLE: 0x40_0000, FAR: 5 * 2 ** 30, NEAR: 0x6_0000 } as const;

/** Actions; words of an entry. */
export const Act = { Call: 0, Load: 1, Store: 2, Jump: 3, Ebreak: 4, Illegal: 5, Spin: 6 } as const;
export const ENTRY_BITS = 8, ENTRY_WORDS = 2 ** ENTRY_BITS / 8, ENTRIES = 2048;

type Word = number | bigint;
type Draw = (r: Random) => Word;
const I = Invocation;

const pair = (lo: Word, hi: Word): bigint => (BigInt(hi) << 32n) | (BigInt.asUintN(32, BigInt(lo)));
const of = (...list: readonly (Word | readonly Word[])[]): Draw => (r) => r.pick(list.flat());
const work: Draw = (r) => Own.WORK + r.below(Own.END - Own.WORK);
const own: Draw = of(Own.TCB, Own.ENDPOINT, Own.NOTIFICATION, Own.REPLY, Own.TABLE, Own.FRAME, Own.UNTYPED, Own.TIME, Own.THREAD, Own.PAGE_TABLE, Own.SHARED_ENDPOINT, Own.SHARED_FRAME, Own.SHARED_TABLE, Own.VICTIM_FRAME);
/** A capability of a kind, or whatever stands in the working slots. */
const some = (...list: readonly (Word | readonly Word[])[]): Draw => (r) => (r.once(4) ? work(r) : of(...list)(r));
const anything: Draw = (r) => (r.once(2) ? work(r) : own(r));
/** Slot words: where to, mostly an empty slot; where from, with rights. */
const inside: (r: Random, rights: number) => Word = (r, rights) => {
  // In a table of 2^8 slots, or in one that stands in its slots.
  const deep = r.once(3);
  return pair(deep ? (r.below(8) << 8) | r.below(8) : r.below(8), (deep ? 16 : 8) | rights);
};
const into: Draw = (r) => r.once(5) ? inside(r, 0) : pair(r.once(12) ? own(r) : r.once(4) ? r.below(8) : work(r), r.pick([32, 32, 32, 32, 32, 32, 32, 3, 0]));
const from: Draw = (r) => r.once(5) ? inside(r, r.pick([15, 15, 31]) << 8) : pair(anything(r), r.pick([32, 32, 32, 32, 32, 3]) | (r.pick([15, 15, 15, 3, 1, 0, 31, 18]) << 8));
const gone: Draw = (r) => pair(r.once(60) ? own(r) : work(r), 32);
const table: Draw = (r) => (r.once(4) ? r.pick([...Own.TABLE, Own.SHARED_TABLE, Own.SHARED_TABLE]) : Own.CNODE);
const both: Draw = (r) => pair(table(r), table(r));
const what: Draw = (r) => {
  const name = r.pick(Object.keys(RetypeSize)) as keyof typeof RetypeSize;
  const bits = name === "Frame" ? 12 : name === "Untyped" ? r.pick([12, 13, 9]) : r.below(4);
  return Kind[name] + bits * 2 ** 8 + (name === "VCPU" ? 1 : r.pick([1, 1, 2, 3])) * 2 ** 16;
};
const space: Draw = some(Own.VSPACE);
const address: Draw = of(0, At.NEAR, At.NEAR + 4096, At.FAR, At.FAR + 4096, At.FAR + 2 ** 21, At.FAR + 2 ** 30, 2 ** 38, -1, 4095);
const odd: Draw = of(0, 1, 2, 3, 15, 32, 34, 4096, 2 ** 21, 2 ** 32 + 1, 2 ** 38, 2 ** 53, -1, -4096, 0x101, 0x3_0000);
const flag: Draw = of(0, 1);
const endpoint = some(Own.ENDPOINT, Own.SHARED_ENDPOINT), thread = some(Own.TCB, Own.THREAD), time = some(Own.TIME, Own.SC), frame = some(Own.FRAME, Own.SHARED_FRAME, Own.VICTIM_FRAME);

/** Invocations that fit their objects: label, capability, words. */
const FITTING: readonly (readonly [weight: number, label: number, cap: Draw, ...words: Draw[]])[] = [
  [8, I.UntypedRetype, some(Own.UNTYPED), what, table, (r) => (r.once(6) ? r.below(8) : work(r))],
  [1, I.UntypedRetype, of(Own.BIG_UNTYPED), of(Kind.VCPU + 2 ** 16), of(Own.CNODE), work],
  [8, I.CNodeCopy, table, into, from, table], [6, I.CNodeMint, table, into, from, table, of(0, 5, 6, pair(0, 24), 2n ** 40n)],
  [3, I.CNodeMove, table, into, (r) => (r.once(6) ? from(r) : pair(work(r), 32)), table], [2, I.CNodeMutate, table, into, from, table, of(0, 5, pair(0, 29))],
  [3, I.CNodeRotate, table, into, (r) => pair(work(r), 32), (r) => pair(work(r), 32), both], [1, I.CNodeRotate, of(Own.CNODE), of(pair(Own.WORK, 32)), (r) => pair(work(r), 32), of(pair(Own.WORK, 32)), of(pair(Own.CNODE, Own.CNODE))],
  [8, I.CNodeDelete, table, gone], [2, I.CNodeRevoke, table, (r) => pair(r.once(20) ? own(r) : work(r), 32)], [2, I.CNodeCancelBadgedSends, table, (r) => pair(anything(r), 32), of(0), of(0)],
  [1, I.TCBSetSpace, thread, of(0, Own.ENDPOINT, Own.SHARED_ENDPOINT), some(Own.CNODE), space], [1, I.TCBSetIPCBuffer, thread, of(0x3_0000, 0x3_0400, At.NEAR, 7), frame], [2, I.TCBSetPriority, thread, of(pair(100, 120), pair(5, 140), pair(139, 140), pair(200, 255)), of(Own.TCB)],
  [2, I.TCBWriteRegisters, thread, of(0, 0, pair(0, 1), pair(9, 0), pair(64, 0)), of(0x1_0000, 0x1_0010, -1, 7)], [2, I.TCBReadRegisters, thread, of(pair(0, 4), pair(60, 5), pair(1, 64), pair(9, 80))],
  [4, I.TCBResume, thread], [2, I.TCBRestart, thread], [1, I.TCBSuspend, thread], [1, I.TCBBindNotification, thread, of(0, Own.NOTIFICATION, Own.SHARED_NOTIFICATION)], [1, I.TCBSetLabel, thread, odd], [1, I.TCBSetTLS, thread, odd],
  [1, I.TCBSetTimeoutKeeper, thread, of(0, Own.ENDPOINT, Own.SHARED_ENDPOINT)], [1, I.TCBSetSingleStep, of(Own.THREAD, Own.TCB), flag], [1, I.TCBSetBreakpoint, of(Own.THREAD, Own.TCB), of(0, 3, 15, 16), of(0x1_0000, 0x1_0020, 2 ** 40), flag],
  [4, I.ReplySave, some(Own.REPLY), some(Own.REPLY)],
  [3, I.SchedContextBind, time, thread], [1, I.SchedContextUnbind, of(Own.TIME)], [1, I.SchedContextConsumed, time], [2, I.SchedContextYieldTo, time],
  [2, I.SchedControlConfigure, of(Own.SCHED_CONTROL), time, of(100, 1000, 20, 5), of(1000, 100, 10_000), of(7)],
  [3, I.PageTableMap, some(Own.PAGE_TABLE), address, space], [1, I.PageTableUnmap, some(Own.PAGE_TABLE)], [6, I.FrameMap, frame, address, space, of(2, 3, 34, 35, 32, 0)], [2, I.FrameUnmap, frame],
  [1, I.VCPUMapFrame, work, frame, of(0, 4096, 2 ** 31)], [1, I.VCPUMapDevice, work, of(2 ** 28, 2 ** 29), of(4096)], [1, I.VCPURun, work, of(0, 1, 2, 3), odd, odd, of(0, 2, 512)], [1, I.VCPUReadRegisters, work, of(pair(0, 4), pair(0, 77), pair(76, 2))],
  [1, I.VCPUWriteRegisters, work, of(0, pair(32, 0), pair(76, 0)), of(4096, 1, 0)], [1, I.VCPUGetTime, work], [1, I.VCPUSetTime, work, of(0, 5000, -1)], [2, I.VCPUAddHart, some(Own.VCPU), some(Own.VCPU)], [1, I.VCPUGetState, some(Own.VCPU)], [1, I.VCPUSetState, some(Own.VCPU), of(0, 1, 4, 5)], [1, I.VCPURun, some(Own.VCPU), of(0, 1, 2), odd, odd, of(0, pair(512, 2))], [1, I.VCPUAddMachineMode, some(Own.VCPU)],
  [2, I.IRQControlGet, of(Own.IRQ_CONTROL), of(5, 6, 7, 99, pair(5, 1)), of(Own.CNODE), into], [1, I.IRQHandlerSetNotification, work, some(Own.NOTIFICATION)], [1, I.IRQHandlerAck, work], [1, I.IRQHandlerClear, work],
  [2, I.IOSpaceMap, of(Own.IO_SPACE), frame, of(0, 4096, 8192, 2 ** 39), of(1, 2, 3, 4)], [1, I.IOSpaceUnmap, of(Own.IO_SPACE), frame],
  [1, I.IOSpaceSetNotification, of(Own.IO_SPACE), some(Own.NOTIFICATION)], [1, I.IOSpaceReadFault, of(Own.IO_SPACE), of(0, 1, 20)],
  [1, I.DiscrimClassify, of(Own.DISCRIM), anything], [1, I.DiscrimIsDiscreet, of(Own.DISCRIM), anything], [1, I.DiscrimSame, of(Own.DISCRIM), anything, anything],
];
const WEIGHTED = FITTING.flatMap((call) => Array.from({ length: call[0] }, () => call));

/** Messages between threads: number, capability, whether a6 names a reply object. */
const MESSAGES: readonly (readonly [number: number, cap: Draw, reply: Draw])[] = [
  [Syscall.Call, endpoint, of(0)], [Syscall.Call, of(Own.SERVER), of(0)], [Syscall.ReplyRecv, endpoint, some(Own.REPLY)], [Syscall.ReplyRecv, endpoint, of(Own.REPLY)], [Syscall.Recv, endpoint, of(0, Own.REPLY)],
  [Syscall.NBRecv, endpoint, of(0, Own.REPLY)], [Syscall.Send, some(Own.ENDPOINT, Own.REPLY, Own.SERVER, Own.NOTIFICATION, Own.SHARED_ENDPOINT), of(0)], [Syscall.NBSend, some(Own.ENDPOINT, Own.REPLY, Own.SERVER), of(0)],
  [Syscall.Signal, some(Own.NOTIFICATION, Own.VICTIM, Own.SHARED_NOTIFICATION), of(0)], [Syscall.Signal, of(Own.NOTIFICATION), of(0)], [Syscall.Wait, some(Own.NOTIFICATION, Own.SHARED_NOTIFICATION), of(0)], [Syscall.Poll, some(Own.NOTIFICATION, Own.VICTIM), of(0)],
  [Syscall.Yield, of(0), of(0)],
];

export interface Entry {
  act: number;
  number: Word;
  cap: Word;
  info: number;
  words: Word[];
  reply: Word;
}

/** What stands in the IPC buffer beside the words: capabilities to send, and where to receive some. */
export const drawBuffer = (r: Random): { readonly caps: readonly Word[]; readonly window: readonly Word[] } =>
  ({ caps: [anything(r), anything(r), endpoint(r)], window: [r.below(5), Own.CNODE, work(r), r.pick([32, 32, 32, 3])] });

/** Something that a program may do next. */
export function draw(r: Random): Entry {
  const idle = { number: 0, cap: 0, info: 0, words: [], reply: 0 };
  if (r.once(150)) return { ...idle, act: r.pick([Act.Load, Act.Store, Act.Store, Act.Jump]), number: address(r) };
  if (r.once(200)) return { ...idle, act: r.pick([Act.Ebreak, Act.Illegal]) };
  if (r.once(60)) return { ...idle, act: Act.Spin, number: r.below(r.once(12) ? 20_000 : 300) };
  if (r.once(3)) {
    const [number, cap, reply] = r.pick(MESSAGES), length = r.pick([0, 1, 4, 4, 5, 7, 120, 127]);
    return { act: Act.Call, number, cap: cap(r), info: toInfo(r.below(2 ** 19), length, r.pick([0, 0, 1, 3])), words: Array.from({ length: 7 }, () => odd(r)), reply: reply(r) };
  }
  const [, label, cap, ...words] = r.pick(WEIGHTED);
  const entry: Entry = { act: Act.Call, number: Syscall.Call, cap: cap(r), info: toInfo(label, words.length), words: words.map((w) => w(r)), reply: 0 };
  // Now and then something in it is quite wrong.
  if (r.once(12)) {
    const spoilt = r.pick(["number", "cap", "info", "word", "length", "label"]);
    if (spoilt === "number") entry.number = r.once(2) ? r.below(12) : odd(r);
    else if (spoilt === "cap") entry.cap = r.once(2) ? anything(r) : odd(r);
    else if (spoilt === "info") entry.info = r.next() | 0;
    else if (spoilt === "length") entry.info = toInfo(label, r.below(5));
    else if (spoilt === "label") entry.info = toInfo(r.pick(Object.values(I)), words.length);
    else entry.words[r.below(Math.max(1, words.length))] = r.once(2) ? odd(r) : anything(r);
  }
  return entry;
}

/** A program's table: ENTRIES times act, a7, a0..a6, message words 4 to 6, three capabilities to send, receive window. */
export function drawTable(r: Random): BigUint64Array {
  const out = new BigUint64Array(ENTRIES * ENTRY_WORDS);
  for (let n = 0; n < ENTRIES; n++) {
    const e = draw(r), b = drawBuffer(r), w = (i: number): Word => e.words[i] ?? 0;
    const words: Word[] = [e.act, e.number, e.cap, e.info >>> 0, w(0), w(1), w(2), w(3), e.reply, w(4), w(5), w(6), ...b.caps, ...b.window];
    words.forEach((word, i) => (out[n * ENTRY_WORDS + i] = BigInt.asUintN(64, BigInt(word))));
  }
  return out;
}
