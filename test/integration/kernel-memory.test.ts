// What is unmapped, replaced or weakened is so at once for a program that has it in its engine's translation buffer; what was written is what is executed.
// On the real engine, and each once more on a machine that forgets to flush or to invalidate: there the stale value is seen, so the test can fail.
import { afterEach, describe, expect, test } from "vitest";
import { Reg, toInfo } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, Fault, Invocation, Kind, MAP_EXECUTE, Right, Syscall } from "../../caps/abi/numbers.ts";
import { run } from "../../core/kernel/kernel.ts";
import type { Machine } from "../../core/kernel/machine.ts";
import { checkInvariants } from "../../core/kernel/invariants.ts";
import { threadMemory } from "../../core/kernel/objects/vspace.ts";
import { ThreadState } from "../../core/kernel/state.ts";
import { syscall } from "../../core/kernel/syscall.ts";
import type { BoardMachine } from "../../core/machine/machine.ts";
import { openQuietMachine } from "../bench/pairs.ts";
import { assemble } from "../support/assemble.ts";
import { RADIX, Testbed, TEXT, type Program } from "../support/testbed.ts";

const I = Invocation;
const RW = Right.Read | Right.Write;
const CNODE = 1, VSPACE = 2, UNTYPED = 3, FRAME = 20, OTHER = 21, TABLE = 30, THEIRS = 100;
/** Under page tables of its own: one for the GiB, one for 2 MiB. */
const VIRTUAL = 0x40_0000_0000 - 0x4000_0000;
const A0 = Reg.a0, A1 = 11, S1 = 9;
const SIZES = [["4 KiB", 12], ["2 MiB", 21]] as const;

const READ_LOOP = "loop: ld a1, 0(a0)\n addi s1, s1, 1\n j loop";
const WRITE_LOOP = "loop: sd s1, 0(a0)\n addi s1, s1, 1\n j loop";

let board: BoardMachine | undefined;
afterEach(() => {
  board?.close();
  board = undefined;
});

/** A kernel on the real machine; `without` names what it forgets. */
class World {
  readonly bed: Testbed;
  readonly boss: Program;

  constructor(without?: "flushSpace" | "invalidate") {
    board = openQuietMachine(128 << 20);
    const machine: Machine = without === undefined ? board : { ...board, [without]: () => {} };
    this.bed = new Testbed(machine, 12);
    board.attach(threadMemory(this.bed.k));
    this.boss = this.program("boss", "ebreak");
    this.bed.give(this.boss, CNODE, this.boss.rows.cnode, ALL_RIGHTS, (32 - RADIX) * 2 ** 32);
    this.bed.give(this.boss, UNTYPED, this.bed.make(Kind.Untyped, 24));
  }

  program(name: string, source: string, priority = 100): Program {
    return this.bed.program(name, assemble(source, TEXT).bytes, priority);
  }

  /** The boss makes a call, while nobody runs. */
  call(cap: number, label: number, ...words: (number | bigint)[]): void {
    const { k } = this.bed, t = this.boss.tcb;
    const set = (register: number, value: number | bigint): void => {
      const wide = BigInt.asUintN(64, BigInt(value));
      k.frames32[t.base + 2 * register] = Number(wide & 0xffff_ffffn) | 0;
      k.frames32[t.base + 2 * register + 1] = Number(wide >> 32n) | 0;
    };
    // The boss never runs: it is current for the length of its call only.
    const before = k.current;
    t.state = ThreadState.Ready;
    for (let pc = -1; pc !== 0x1_0004; pc = k.frames32[t.base]!) {
      set(0, 0x1_0004);
      set(Reg.a7, Syscall.Call);
      set(Reg.a0, cap);
      set(Reg.a1, toInfo(label, words.length));
      words.forEach((word, i) => set(Reg.a2 + i, word));
      k.current = t.id;
      syscall(k, t);
    }
    k.current = before;
    expect(k.frames32[t.base + 2 * A1], `call 0x${label.toString(16)} on ${cap}`).toBeGreaterThanOrEqual(0);
    t.state = ThreadState.Inactive;
    checkInvariants(k);
  }

  /** Tables in the reader's space, and frames of this size, with 1 and 2 in their first words, in FRAME and OTHER. */
  prepare(reader: Program, bits: number, address = VIRTUAL): void {
    if (this.bed.k.slots.isEmpty(this.boss.slots + VSPACE)) this.bed.give(this.boss, VSPACE, reader.rows.vspace);
    this.call(UNTYPED, I.UntypedRetype, Kind.Frame + bits * 256 + 2 * 65536, CNODE, FRAME);
    this.call(UNTYPED, I.UntypedRetype, Kind.PageTable + 2 * 65536, CNODE, TABLE);
    for (let i = 0; i < (bits === 12 ? 2 : 1); i++) this.call(TABLE + i, I.PageTableMap, address, VSPACE);
    for (const slot of [FRAME, OTHER]) this.physical(slot).setBigUint64(0, BigInt(slot - FRAME + 1), true);
    this.setRegister(reader, A0, address);
    this.bed.start(reader);
  }

  setRegister(p: Program, register: number, value: number): void {
    this.bed.k.frames32[p.tcb.base + 2 * register] = value | 0;
    this.bed.k.frames32[p.tcb.base + 2 * register + 1] = Math.floor(value / 2 ** 32);
  }
  register(p: Program, register: number): number {
    return this.bed.k.frames32[p.tcb.base + 2 * register]!;
  }

  physical(slot: number): DataView {
    const { k } = this.bed;
    return new DataView(k.machine.ram, k.objects.base[k.slots.object[this.boss.slots + slot]!]! - k.machine.ramBase);
  }

  /** Lets the programs run until each has been through its loop some times more, or has faulted. */
  slice(...programs: readonly Program[]): void {
    const before = programs.map((p) => this.register(p, S1));
    const done = (p: Program, i: number): boolean => this.faulted(p) || this.register(p, S1) - before[i]! > 100;
    for (let turns = 0; !programs.every(done); turns++) {
      if (turns > 2000) throw new Error("a program does not come round");
      run(this.bed.k, this.bed.k.machine.clock() + 10_000);
    }
  }

  faulted = (p: Program): boolean => p.tcb.faultLabel === Fault.VMFault;
}

/** How a page is taken away, and what the reader has to see then. */
const WAYS: readonly (readonly [string, (w: World, bits: number) => void, "fault" | 2])[] = [
  ["unmapped", (w) => w.call(FRAME, I.FrameUnmap), "fault"],
  ["replaced by another", (w) => {
    w.call(FRAME, I.FrameUnmap);
    w.call(OTHER, I.FrameMap, VIRTUAL, VSPACE, RW);
  }, 2],
  ["taken away with its page table", (w, bits) => w.call(bits === 12 ? TABLE + 1 : TABLE, I.PageTableUnmap), "fault"],
  ["deleted", (w) => w.call(CNODE, I.CNodeDelete, BigInt(FRAME) + (32n << 32n)), "fault"],
  ["revoked, and its memory used by somebody else", (w) => {
    w.call(CNODE, I.CNodeRevoke, BigInt(UNTYPED) + (32n << 32n));
    w.call(UNTYPED, I.UntypedRetype, Kind.Frame + 12 * 256 + 200 * 65536, CNODE, 40);
  }, "fault"],
];

describe.each(SIZES)("a page of %s that a program reads in a loop", (_, bits) => {
  test.each(WAYS)("%s", (_name, act, expected) => {
    const w = new World(), reader = w.program("reader", READ_LOOP);
    w.prepare(reader, bits);
    w.call(FRAME, I.FrameMap, VIRTUAL, VSPACE, RW);
    w.slice(reader);
    expect([w.register(reader, A1), w.faulted(reader)]).toEqual([1, false]);
    act(w, bits);
    w.slice(reader);
    if (expected === "fault") expect([w.faulted(reader), reader.tcb.faultWords[2]! >>> 0]).toEqual([true, VIRTUAL % 2 ** 32]);
    else expect([w.register(reader, A1), w.faulted(reader)]).toEqual([expected, false]);
  });
  test("on a machine that does not flush, the old value is read: the tests above could fail", () => {
    const w = new World("flushSpace"), reader = w.program("reader", READ_LOOP);
    w.prepare(reader, bits);
    w.call(FRAME, I.FrameMap, VIRTUAL, VSPACE, RW);
    w.slice(reader);
    w.call(FRAME, I.FrameUnmap);
    w.call(OTHER, I.FrameMap, VIRTUAL, VSPACE, RW);
    w.slice(reader);
    expect([w.register(reader, A1), w.faulted(reader)]).toEqual([1, false]);
  });
  test("protected against writing at the same address: the next store faults, and reading goes on", () => {
    for (const flushing of [true, false]) {
      const w = new World(flushing ? undefined : "flushSpace"), writer = w.program("writer", WRITE_LOOP);
      w.prepare(writer, bits);
      w.call(FRAME, I.FrameMap, VIRTUAL, VSPACE, RW);
      w.slice(writer);
      expect(w.faulted(writer)).toBe(false);
      w.call(FRAME, I.FrameMap, VIRTUAL, VSPACE, Right.Read);
      const before = w.physical(FRAME).getBigUint64(0, true);
      w.slice(writer);
      expect([w.faulted(writer), w.physical(FRAME).getBigUint64(0, true) === before]).toEqual(flushing ? [true, true] : [false, false]);
      board!.close();
    }
    board = undefined;
  });
});

test("a frame that more address spaces share than there are engines is gone from all of them at once", () => {
  const w = new World(), COUNT = 20;
  const readers = Array.from({ length: COUNT }, (_, i) => w.program(`reader${i}`, READ_LOOP));
  w.prepare(readers[0]!, 12);
  w.call(FRAME, I.FrameMap, VIRTUAL, VSPACE, RW);
  readers.slice(1).forEach((reader, i) => {
    const at = THEIRS + 4 * i;
    w.bed.give(w.boss, at, reader.rows.vspace);
    w.call(UNTYPED, I.UntypedRetype, Kind.PageTable + 2 * 65536, CNODE, at + 1);
    for (const table of [at + 1, at + 2]) w.call(table, I.PageTableMap, VIRTUAL, at);
    w.call(CNODE, I.CNodeCopy, BigInt(at + 3) + (32n << 32n), BigInt(FRAME) + ((32n + 15n * 256n) << 32n), CNODE);
    w.call(at + 3, I.FrameMap, VIRTUAL, at, Right.Read);
    w.setRegister(reader, A0, VIRTUAL);
    w.bed.k.schedContexts[reader.tcb.homeSc]!.budget = w.bed.k.schedContexts[reader.tcb.homeSc]!.period = 5000;
    w.bed.k.schedContexts[reader.tcb.homeSc]!.remaining = 5000;
    w.bed.start(reader);
  });
  w.bed.k.schedContexts[readers[0]!.tcb.homeSc]!.budget = w.bed.k.schedContexts[readers[0]!.tcb.homeSc]!.period = 5000;
  w.bed.k.schedContexts[readers[0]!.tcb.homeSc]!.remaining = 5000;
  w.slice(...readers);
  expect(readers.map((reader) => w.register(reader, A1))).toEqual(readers.map(() => 1));
  w.call(CNODE, I.CNodeRevoke, BigInt(FRAME) + (32n << 32n));
  w.call(FRAME, I.FrameUnmap);
  w.slice(...readers);
  expect(readers.filter(w.faulted).length).toBe(COUNT);
});

describe("code", () => {
  const RETURN = (value: number): Uint8Array => assemble(`li a1, ${value}\n jr t1`, VIRTUAL).bytes;
  const CALL_LOOP = "loop: la t1, back\n jr a0\n back: addi s1, s1, 1\n j loop";
  const write = (w: World, bytes: Uint8Array): void => bytes.forEach((byte, i) => w.physical(FRAME).setUint8(i, byte));
  const rewrite = (w: World): void => {
    w.call(FRAME, I.FrameUnmap);
    // Written through another mapping, which a program would use: RAM is the same.
    w.call(FRAME, I.FrameMap, VIRTUAL, VSPACE, RW);
    write(w, RETURN(7));
    w.call(FRAME, I.FrameUnmap);
    w.call(FRAME, I.FrameMap, VIRTUAL, VSPACE, Right.Read | MAP_EXECUTE);
  };
  test.each([[undefined, 7], ["invalidate", 5]] as const)("that was executed, unmapped, written and mapped again runs as it is now (%s forgotten: %i)", (without, expected) => {
    const w = new World(without), program = w.program("program", CALL_LOOP);
    w.prepare(program, 12);
    write(w, RETURN(5));
    w.call(FRAME, I.FrameMap, VIRTUAL, VSPACE, Right.Read | MAP_EXECUTE);
    w.slice(program);
    expect([w.register(program, A1), w.faulted(program)]).toEqual([5, false]);
    rewrite(w);
    w.slice(program);
    expect([w.register(program, A1), w.faulted(program)]).toEqual([expected, false]);
  });
  test("memory that held code and is handed out anew does not run as the old code", () => {
    const w = new World(), program = w.program("program", CALL_LOOP);
    w.prepare(program, 12);
    write(w, RETURN(5));
    w.call(FRAME, I.FrameMap, VIRTUAL, VSPACE, Right.Read | MAP_EXECUTE);
    w.slice(program);
    w.call(CNODE, I.CNodeDelete, BigInt(OTHER) + (32n << 32n));
    w.call(CNODE, I.CNodeDelete, BigInt(FRAME) + (32n << 32n));
    w.call(CNODE, I.CNodeRevoke, BigInt(UNTYPED) + (32n << 32n));
    w.slice(program);
    expect(w.faulted(program)).toBe(true);
    w.prepare(program, 12);
    write(w, RETURN(9));
    w.call(FRAME, I.FrameMap, VIRTUAL, VSPACE, Right.Read | MAP_EXECUTE);
    w.slice(program);
    expect(w.register(program, A1)).toBe(9);
  });
});
