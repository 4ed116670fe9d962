// VCPU-HARTS-*: several harts in a guest. Turns, fences and interrupts between them are the machine's: test/conformance/harts.test.ts.
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { ErrorCode, Exit, Invocation, Kind, VCPU_MACHINE_REGISTERS, VCPU_REGISTERS, VcpuRegister, VcpuState } from "../../../caps/abi/numbers.ts";
import { checkInvariants } from "../../../core/kernel/invariants.ts";
import { run } from "../../../core/kernel/kernel.ts";
import { VcpuRecord, VcpuStop } from "../../../core/kernel/machine.ts";
import { MAX_HARTS } from "../../../core/kernel/objects/hart.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { FakeMachine, GuestRecord } from "../../support/fake-machine.ts";
import { answered, DONE, KernelBed, pair, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import type { Program } from "../../support/testbed.ts";
import { refuses } from "./refusal.ts";

const I = Invocation;
/** The leader and others; each from an Untyped of its own, so that one can be destroyed. */
const V = 20, F = 40, MEMORY = 200, COUNT = 10;

let bed: KernelBed, vmm: Program, other: Program;
beforeEach(() => {
  bed = new KernelBed(new FakeMachine(64 << 20, 32, COUNT));
  vmm = bed.thread("vmm");
  other = bed.thread("other");
  for (let i = 0; i < COUNT; i++) {
    bed.give(vmm, MEMORY + i, bed.make(Kind.Untyped, 21));
    expect(bed.call(vmm, MEMORY + i, I.UntypedRetype, retypeWord(Kind.VCPU), Slot.CNODE, V + i)).toEqual(DONE);
    bed.share(vmm, V + i, other, V + i);
  }
  bed.call(vmm, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Frame, 12, 4), Slot.CNODE, F);
  bed.share(vmm, Slot.CNODE, other, 41);
});
const vcpu = (n: number) => bed.k.vcpus[bed.slot(vmm, V + n)!.object]!;
const add = (n: number) => bed.call(vmm, V, I.VCPUAddHart, V + n);
const record = (n: number) => {
  const { words, floats, record: at } = bed.machine.vcpu;
  return new GuestRecord(words, floats, at(vcpu(n).index));
};
/** The guest of the leader leaves once, for a hart; then it spins. */
const leaves = (hart: number, stop: number, fill: (r: GuestRecord) => void) =>
  void bed.machine.guests.set(vcpu(0).index, (leader) => {
    leader.set(VcpuRecord.HART, hart);
    fill(record(hart));
    return stop;
  });
const enter = (words: readonly (number | bigint)[] = [0, 0, 0, 0]) => {
  const entered = bed.call(vmm, V, I.VCPURun, ...words);
  run(bed.k, bed.machine.now);
  checkInvariants(bed.k);
  return entered;
};

describe("VCPU-HARTS", () => {
  test("001 harts are numbered in the order in which they are added", () => {
    for (const n of [1, 2, 3]) expect(add(n)).toEqual(answered(0, [n]));
    expect(bed.machine.log.filter((l) => l.includes("addHart"))).toEqual([1, 2, 3].map((n) => `vcpu.addHart(${vcpu(0).index},${vcpu(n).index},${n})`));
    checkInvariants(bed.k);
  });
  test("002 who can be one, and what one cannot do", () => {
    refuses(bed, vmm, [V, I.VCPUAddHart], ErrorCode.TruncatedMessage);
    refuses(bed, vmm, [V, I.VCPUAddHart, 999], ErrorCode.FailedLookup, 0, 32);
    refuses(bed, vmm, [V, I.VCPUAddHart, F], ErrorCode.InvalidCapability, 0);
    refuses(bed, vmm, [V, I.VCPUAddHart, V], ErrorCode.InvalidArgument, 0);
    add(1);
    refuses(bed, vmm, [V, I.VCPUAddHart, V + 1], ErrorCode.InvalidArgument, 0);
    refuses(bed, vmm, [V + 1, I.VCPUAddHart, V + 2], ErrorCode.IllegalOperation);
    refuses(bed, vmm, [V + 2, I.VCPUAddHart, V], ErrorCode.InvalidArgument, 0);
    refuses(bed, vmm, [V + 2, I.VCPUAddHart, V + 1], ErrorCode.InvalidArgument, 0);
    bed.call(vmm, V + 3, I.VCPUMapFrame, F, 0);
    refuses(bed, vmm, [V, I.VCPUAddHart, V + 3], ErrorCode.InvalidArgument, 0);
    bed.call(vmm, V + 4, I.VCPUMapDevice, 0, 4096);
    refuses(bed, vmm, [V, I.VCPUAddHart, V + 4], ErrorCode.InvalidArgument, 0);
    bed.machine.guests.set(vcpu(5).index, () => VcpuStop.Broken);
    bed.call(other, V + 5, I.VCPURun, 0, 0, 0, 0);
    run(bed.k, bed.machine.now);
    refuses(bed, vmm, [V, I.VCPUAddHart, V + 5], ErrorCode.InvalidArgument, 0);

    refuses(bed, vmm, [V + 1, I.VCPUMapFrame, F + 1, 0], ErrorCode.IllegalOperation);
    refuses(bed, vmm, [V + 1, I.VCPUMapDevice, 0, 4096], ErrorCode.IllegalOperation);
    refuses(bed, vmm, [V + 1, I.VCPUSetTime, 5], ErrorCode.IllegalOperation);
    refuses(bed, vmm, [V + 1, I.VCPURun, 0, 0, 0, 0], ErrorCode.IllegalOperation);
    expect(bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0)).toBe("blocked");
    refuses(bed, other, [V, I.VCPUAddHart, V + 6], ErrorCode.IllegalOperation);
    refuses(bed, other, [V + 1, I.VCPUWriteRegisters, 0, 4], ErrorCode.IllegalOperation);
    refuses(bed, other, [V + 1, I.VCPUSetState, 1], ErrorCode.IllegalOperation);
    refuses(bed, other, [V, I.VCPUSetState, 1], ErrorCode.IllegalOperation);
  });
  test("008 there are eight harts, and no more", () => {
    for (let n = 1; n < MAX_HARTS; n++) add(n);
    refuses(bed, vmm, [V, I.VCPUAddHart, V + MAX_HARTS], ErrorCode.MachineLimit);
    // A number is not given again.
    bed.finish(vmm, Slot.CNODE, I.CNodeRevoke, slotWord(MEMORY + 2));
    refuses(bed, vmm, [V, I.VCPUAddHart, V + MAX_HARTS], ErrorCode.MachineLimit);
  });
  test("003 an exit says which hart it is from, and is completed for that one", () => {
    add(1);
    add(2);
    leaves(2, VcpuStop.MMIO, (r) => void r.set(VcpuRecord.ADDRESS, 0x1000_0004).set(VcpuRecord.DATA, 65).set(VcpuRecord.SIZE, 4));
    enter();
    expect(bed.answer(vmm)).toEqual(answered(Exit.MMIO + 512, [0x1000_0004, 65, 4]));
    leaves(1, VcpuStop.SBI, (r) => {
      for (let i = 0; i < 8; i++) r.set(VcpuRecord.A0 + i, 100 + i);
    });
    enter([1, 0x77, 0, 0]);
    expect([record(2).get(VcpuRecord.COMPLETION), record(2).get(VcpuRecord.DATA), record(0).get(VcpuRecord.COMPLETION)]).toEqual([1, 0x77, 0]);
    expect(bed.answer(vmm)).toEqual(answered(Exit.SBI + 256, [107, 106, 100, 101, 102, 103, 104, 105]));
    leaves(0, VcpuStop.Broken, (r) => void r.set(VcpuRecord.ADDRESS, 1).set(VcpuRecord.DATA, 2).set(VcpuRecord.REGISTERS, 3));
    enter([2, 5, 6, 0]);
    expect([record(1).get(VcpuRecord.A0), record(1).get(VcpuRecord.A1)]).toEqual([5, 6]);
    expect(bed.answer(vmm)).toEqual(answered(Exit.Broken, [1, 2, 3]));
  });
  test("004 each hart has its own interrupt line", () => {
    for (const n of [1, 2, 3]) add(n);
    const seen: number[][] = [];
    leaves(0, VcpuStop.Broken, () => void seen.push([0, 1, 2, 3].map((n) => record(n).get(VcpuRecord.LINES))));
    enter([0, 0, 0, 2 + 512 + 2 ** 32 * (2 + 8)]);
    enter([0, 0, 0, 2 ** 32 * 4]);
    expect(seen).toEqual([[514, 512, 0, 512], [0, 0, 512, 0]]);
  });
  test("005 a hart is destroyed while the VMM is inside: Broken, and the others go on", () => {
    add(1);
    add(2);
    bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0);
    bed.finish(other, 41, I.CNodeRevoke, slotWord(MEMORY + 1));
    expect(bed.answer(vmm)).toEqual(answered(Exit.Broken + 256));
    expect([vmm.tcb.state, vcpu(0).harts]).toEqual([ThreadState.Ready, [vcpu(0).id, 0, vcpu(2).id]]);
    checkInvariants(bed.k);
    leaves(2, VcpuStop.MMIO, () => undefined);
    enter();
    expect(bed.answer(vmm).label).toBe(Exit.MMIO + 512);
    // What the hart left for is completed for nobody when it has gone since.
    bed.finish(vmm, Slot.CNODE, I.CNodeRevoke, slotWord(MEMORY + 2));
    leaves(0, VcpuStop.Broken, () => undefined);
    enter([1, 7, 0, 0]);
    expect([bed.answer(vmm).label, record(0).get(VcpuRecord.DATA)]).toEqual([Exit.Broken, 0]);
  });
  test("006 the leader is destroyed: its harts are nobody's, and run no more", () => {
    add(1);
    bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0);
    bed.finish(other, 41, I.CNodeRevoke, slotWord(MEMORY));
    expect(bed.answer(vmm)).toEqual(answered(Exit.Broken));
    checkInvariants(bed.k);
    refuses(bed, vmm, [V + 1, I.VCPURun, 0, 0, 0, 0], ErrorCode.IllegalOperation);
    refuses(bed, vmm, [V + 2, I.VCPUAddHart, V + 1], ErrorCode.InvalidArgument, 0);
    expect(bed.call(vmm, V + 1, I.VCPUWriteRegisters, 0, 8)).toEqual(DONE);
    bed.call(vmm, MEMORY, I.UntypedRetype, retypeWord(Kind.VCPU), Slot.CNODE, V);
    expect(bed.call(vmm, V, I.VCPUAddHart, V + 2)).toEqual(answered(0, [1]));
    checkInvariants(bed.k);
  });
  test("007 harts are started, stopped and suspended; one in a wfi is started", () => {
    add(1);
    expect(bed.call(vmm, V + 1, I.VCPUGetState)).toEqual(answered(0, [VcpuState.started]));
    for (const state of Object.values(VcpuState)) {
      expect(bed.call(vmm, V + 1, I.VCPUSetState, state)).toEqual(DONE);
      expect(bed.call(vmm, V + 1, I.VCPUGetState)).toEqual(answered(0, [state]));
    }
    record(1).set(VcpuRecord.STATE, 5);
    expect(bed.call(vmm, V + 1, I.VCPUGetState)).toEqual(answered(0, [VcpuState.started]));
    for (const state of [2, 3, 5, -1, 2 ** 32]) refuses(bed, vmm, [V + 1, I.VCPUSetState, state], ErrorCode.InvalidArgument, 0);
    refuses(bed, vmm, [V + 1, I.VCPUSetState], ErrorCode.TruncatedMessage);
  });
  test("009 when all wait, the earliest timer of any wakes the guest", () => {
    bed.call(other, Slot.TCB, I.TCBSuspend);
    add(1);
    leaves(0, VcpuStop.WFI, () => {
      record(0).setTicks(VcpuRecord.TIMECMP, 90_000);
      record(1).setTicks(VcpuRecord.TIMECMP, 50_000);
    });
    enter();
    expect([vmm.tcb.state, bed.k.nextTimer]).toEqual([ThreadState.WaitingVcpu, 50_000]);
    leaves(1, VcpuStop.Broken, () => undefined);
    bed.machine.now = 50_000;
    run(bed.k, bed.machine.now);
    expect(bed.answer(vmm).label).toBe(Exit.Broken + 256);
  });
});

describe("VCPU-MACHINE", () => {
  test("001 a machine mode is given once, for good, and makes privilege 3 a register's value", () => {
    expect(bed.call(vmm, V, I.VCPUAddMachineMode)).toEqual(DONE);
    expect(bed.machine.log.at(-1)).toBe(`vcpu.addMachineMode(${vcpu(0).index})`);
    expect(bed.call(vmm, V, I.VCPUWriteRegisters, VcpuRegister.priv, 3)).toEqual(DONE);
    for (const privilege of [2, 4]) refuses(bed, vmm, [V, I.VCPUWriteRegisters, VcpuRegister.priv, privilege], ErrorCode.InvalidArgument, 1);
    expect(bed.call(vmm, V, I.VCPUWriteRegisters, VcpuRegister.priv, 1)).toEqual(DONE);
    refuses(bed, vmm, [V + 1, I.VCPUWriteRegisters, VcpuRegister.priv, 3], ErrorCode.InvalidArgument, 1);
  });
  test("002 not twice, and not while a thread is inside", () => {
    bed.call(vmm, V, I.VCPUAddMachineMode);
    refuses(bed, vmm, [V, I.VCPUAddMachineMode], ErrorCode.IllegalOperation);
    add(1);
    expect(bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0)).toBe("blocked");
    refuses(bed, other, [V + 1, I.VCPUAddMachineMode], ErrorCode.IllegalOperation);
  });
  test("003 its registers are there with it and not before; counters are told as they are, stopped or not", () => {
    const { mstatus, mcountinhibit, mcycle, pmpaddr0 } = VcpuRegister;
    const LAST = pmpaddr0 + 15;
    for (const invocation of [I.VCPUReadRegisters, I.VCPUWriteRegisters]) refuses(bed, vmm, [V, invocation, pair(mstatus, 1), 0], ErrorCode.RangeError, 0, 0, mstatus - 1);
    bed.call(vmm, V, I.VCPUAddMachineMode);
    refuses(bed, vmm, [V, I.VCPUReadRegisters, pair(LAST, 2)], ErrorCode.RangeError, 0, 0, LAST);
    refuses(bed, vmm, [V, I.VCPUWriteRegisters, LAST, 1, 2], ErrorCode.RangeError, 0, 0, LAST);
    for (const [first, ...values] of [[mstatus, 8, 2, 3], [LAST - 2, 5, 6, 7]] as const) {
      expect(bed.call(vmm, V, I.VCPUWriteRegisters, first, ...values)).toEqual(DONE);
      expect(bed.call(vmm, V, I.VCPUReadRegisters, pair(first, 3))).toEqual(answered(0, values));
      expect(record(0).get(VcpuRecord.MACHINE_REGISTERS + first - mstatus)).toBe(values[0]);
    }
    const counters = () => bed.call(vmm, V, I.VCPUReadRegisters, pair(mcycle, 2));
    bed.pass(1000);
    expect(bed.call(vmm, V, I.VCPUWriteRegisters, mcycle, 100, 2 ** 40)).toEqual(DONE);
    expect(counters()).toEqual(answered(0, [100, 2 ** 40]));
    bed.pass(50);
    expect(counters()).toEqual(answered(0, [150, 2 ** 40 + 50]));
    bed.call(vmm, V, I.VCPUWriteRegisters, mcountinhibit, 4);
    bed.pass(50);
    expect(counters()).toEqual(answered(0, [200, 2 ** 40 + 50]));
    bed.call(vmm, V, I.VCPUWriteRegisters, mcountinhibit, 1);
    bed.pass(50);
    expect(counters()).toEqual(answered(0, [200, 2 ** 40 + 100]));
    bed.call(vmm, V, I.VCPUWriteRegisters, mcycle, 7);
    expect(counters()).toEqual(answered(0, [7, 2 ** 40 + 100]));
  });
  test("004 whatever is written to whichever register, the kernel answers, and its invariants hold", () => {
    for (const mode of [false, true]) {
      if (mode) bed.call(vmm, V, I.VCPUAddMachineMode);
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 130 }), fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 1, maxLength: 118 }), (first, values) => {
          const wrote = bed.call(vmm, V, I.VCPUWriteRegisters, first, ...values), read = bed.call(vmm, V, I.VCPUReadRegisters, pair(first, values.length));
          const fits = first + values.length <= (mode ? VCPU_MACHINE_REGISTERS : VCPU_REGISTERS);
          expect(read).toMatchObject(fits ? { error: 0 } : { error: ErrorCode.RangeError });
          expect([0, ...(fits ? [ErrorCode.InvalidArgument] : [ErrorCode.RangeError])]).toContain((wrote as { error: number }).error);
        }),
      );
    }
  });
});
