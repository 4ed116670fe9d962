// What it takes to make a process, run it and be rid of it: a program does it over and over by the kernel's own system calls, out of one Untyped. The process has an
// address space with page tables, a CSpace of 256 slots, a thread with a SchedContext of its own, text that it shares, a stack and an IPC buffer. It calls its maker,
// which is its end: the maker revokes the Untyped. For the scale figures.
import { toInfo } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, InitSlot, Invocation, Kind, MAP_EXECUTE, Right, Syscall } from "../../caps/abi/numbers.ts";
import { moveSlot } from "../../caps/model/derivation.ts";
import { install } from "../../core/kernel/capabilities.ts";
import { PAGE, threadMemory } from "../../core/kernel/objects/vspace.ts";
import { assemble } from "../support/assemble.ts";
import { BUFFER, RADIX, STACK, Testbed, TEXT } from "../support/testbed.ts";
import { hasStopped, openQuietMachine, PRIORITY, S1, S2, settle, type Pair } from "./pairs.ts";

/** The maker's slots: what it was given, and what it makes. */
const CHILD_TEXT = 20, DONE = 21;
const Made = { CNode: 32, VSpace: 33, Upper: 34, Lower: 35, Stack: 36, Buffer: 37, TCB: 38, SC: 39, Text: 40, CSpace: 41 } as const;
/** All of it, largest first: 8 KiB of CNode, five pages, 2 KiB of TCB, 256 bytes of SchedContext. */
const UNTYPED_BITS = 15;
const DEPTH = 32, TURN_US = 10_000;
const pair = (lo: number, hi: number): bigint => BigInt(lo) + (BigInt(hi) << 32n);

type Word = number | bigint | `s${number}`;
const set = (register: number, word: Word): string => (typeof word === "string" ? `mv a${register}, ${word}` : `li a${register}, ${word}`);
const invoke = (cap: number, label: number, ...words: Word[]): string =>
  [`li a7, ${Syscall.Call}`, `li a0, ${cap}`, `li a1, ${toInfo(label, words.length)}`, ...words.map((word, i) => set(2 + i, word)), "ecall", "sext.w t0, a1", "bltz t0, failed"].join("\n  ");

const retype = (first: number, kind: number, sizeBits = 0, count = 1): string => invoke(InitSlot.Untyped, Invocation.UntypedRetype, kind + sizeBits * 2 ** 8 + count * 2 ** 16, InitSlot.CNode, first);
const map = (frame: number, address: number, rights: number): string => invoke(frame, Invocation.FrameMap, address, Made.VSpace, rights);
const slot = (index: number): bigint => pair(index, DEPTH);

const MAKE: readonly string[] = [
  retype(Made.CNode, Kind.CNode, RADIX),
  retype(Made.VSpace, Kind.VSpace),
  retype(Made.Upper, Kind.PageTable, 0, 2),
  retype(Made.Stack, Kind.Frame, 12, 2),
  retype(Made.TCB, Kind.TCB),
  retype(Made.SC, Kind.SchedContext),
  invoke(InitSlot.CNode, Invocation.CNodeCopy, slot(Made.Text), pair(CHILD_TEXT, DEPTH | (ALL_RIGHTS << 8)), InitSlot.CNode),
  invoke(Made.Upper, Invocation.PageTableMap, 0, Made.VSpace),
  invoke(Made.Lower, Invocation.PageTableMap, 0, Made.VSpace),
  map(Made.Text, TEXT, Right.Read | MAP_EXECUTE),
  map(Made.Stack, STACK - PAGE, Right.Read | Right.Write),
  map(Made.Buffer, BUFFER, Right.Read | Right.Write),
  // Its root has a guard, so that a CPtr is the number of a slot; through the plain one the maker puts its endpoint there.
  invoke(InitSlot.CNode, Invocation.CNodeMint, slot(Made.CSpace), pair(Made.CNode, DEPTH | (ALL_RIGHTS << 8)), InitSlot.CNode, pair(0, 32 - RADIX)),
  invoke(Made.CNode, Invocation.CNodeMint, pair(InitSlot.Parent, RADIX), pair(DONE, DEPTH | (ALL_RIGHTS << 8)), InitSlot.CNode, 1),
  invoke(InitSlot.SchedControl, Invocation.SchedControlConfigure, Made.SC, TURN_US, TURN_US, 0),
  invoke(Made.SC, Invocation.SchedContextBind, Made.TCB),
  invoke(Made.TCB, Invocation.TCBSetSpace, 0, Made.CSpace, Made.VSpace),
  invoke(Made.TCB, Invocation.TCBSetIPCBuffer, BUFFER, Made.Buffer),
  invoke(Made.TCB, Invocation.TCBSetPriority, pair(PRIORITY, PRIORITY), InitSlot.TCB),
  // pc, ra, sp; ra is the number of this process, and it runs.
  invoke(Made.TCB, Invocation.TCBWriteRegisters, pair(0, 1), TEXT, "s1", STACK),
];

const MAKER = `
make:
  ${MAKE.join("\n  ")}
  li a7, ${Syscall.Recv}
  li a0, ${DONE}
  li a6, ${InitSlot.Reply}
  ecall
  addi t0, s1, 1
  bne a2, t0, failed
  ${invoke(InitSlot.CNode, Invocation.CNodeDelete, slot(Made.Text))}
  ${invoke(InitSlot.CNode, Invocation.CNodeRevoke, slot(InitSlot.Untyped))}
  addi s1, s1, 1
  bltu s1, s2, make
failed:
  ebreak
`;

/** Answers with the next number, on its stack, and so ends. */
const CHILD = `
  addi a2, ra, 1
  sd a2, -8(sp)
  ld a2, -8(sp)
  li a7, ${Syscall.Call}
  li a0, ${InitSlot.Parent}
  li a1, ${toInfo(1, 1)}
  ecall
  ebreak
`;

/** System calls a process: those that make and start it, the maker's Recv and its two last ones, the process's own. */
export const CALLS = MAKE.length + 4;

export function processStart(): Pair {
  const machine = openQuietMachine();
  const testbed = new Testbed(machine), { k } = testbed;
  machine.attach(threadMemory(k));
  const maker = testbed.program("maker", assemble(MAKER, TEXT).bytes, PRIORITY);
  testbed.give(maker, InitSlot.CNode, maker.rows.cnode, ALL_RIGHTS, (32 - RADIX) * 2 ** 32);
  testbed.give(maker, InitSlot.TCB, maker.rows.tcb);
  const text = testbed.make(Kind.Frame, 12);
  k.ram8.set(assemble(CHILD, TEXT).bytes, k.objects.base[testbed.object(text)]! - k.machine.ramBase);
  for (const [row, at] of [[text, CHILD_TEXT], [testbed.make(Kind.Endpoint, 5), DONE], [testbed.make(Kind.Reply, 5), InitSlot.Reply], [testbed.make(Kind.Untyped, UNTYPED_BITS), InitSlot.Untyped]] as const)
    moveSlot(k.slots, row, maker.slots + at);
  install(k, maker.slots + InitSlot.SchedControl, Kind.SchedControl, k.objects.create(Kind.SchedControl, 0, 0, 0), ALL_RIGHTS, 0);
  return {
    round(times) {
      k.frames32[maker.tcb.base] = TEXT;
      k.frames32[maker.tcb.base + 2 * S1] = 0;
      k.frames32[maker.tcb.base + 2 * S2] = times;
      const from = process.hrtime.bigint();
      testbed.start(maker);
      settle(k);
      const ns = Number(process.hrtime.bigint() - from), made = k.frames32[maker.tcb.base + 2 * S1];
      if (!hasStopped(maker.tcb) || made !== times) {
        const words = [10, 11, 12, 13].map((register) => (k.frames32[maker.tcb.base + 2 * register]! >>> 0).toString(16));
        throw new Error(`the maker stopped in state ${maker.tcb.state} after ${made} of ${times} processes, at 0x${k.frames32[maker.tcb.base]!.toString(16)}, a0.. ${words.join(" ")}`);
      }
      return ns / times;
    },
    close: () => machine.close(),
  };
}
