// VCPU-*: a guest's hart: its memory, its exits, waiting for interrupts. The guest is played by a function.
import { beforeEach, describe, expect, test } from "vitest";
import { ErrorCode, Exit, Invocation, Kind, Right, VcpuRegister } from "../../../caps/abi/numbers.ts";
import { run } from "../../../core/kernel/kernel.ts";
import { checkInvariants } from "../../../core/kernel/invariants.ts";
import { VcpuRecord, VcpuStop } from "../../../core/kernel/machine.ts";
import { GUEST_TOP, MAX_REGIONS } from "../../../core/kernel/objects/vcpu.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { answered, DONE, failed, KernelBed, pair, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import type { GuestRecord } from "../../support/fake-machine.ts";
import type { Program } from "../../support/testbed.ts";
import { refuses } from "./refusal.ts";

const I = Invocation;
const V = 20, F = 30, NTF = 25, GUEST_RAM = 0x8000_0000, MEMORY = 250;
const RW = Right.Read | Right.Write;

let bed: KernelBed, vmm: Program, other: Program;
beforeEach(() => {
  bed = new KernelBed();
  vmm = bed.thread("vmm");
  other = bed.thread("other");
  bed.give(vmm, MEMORY, bed.make(Kind.Untyped, 21));
  bed.call(vmm, MEMORY, I.UntypedRetype, retypeWord(Kind.VCPU), Slot.CNODE, V);
  bed.call(vmm, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Frame, 12, 4), Slot.CNODE, F);
  const ntf = bed.hold(vmm, NTF, Kind.Notification, 6);
  bed.give(other, NTF, ntf, Right.Write, 6);
  bed.share(vmm, V, other, V);
  bed.machine.log.length = 0;
});
const index = () => bed.k.vcpus[bed.slot(vmm, V)!.object]!.index;
const base = (slot: number) => bed.k.objects.base[bed.slot(vmm, slot)!.object]!;
const plays = (guest: (r: GuestRecord) => number) => void bed.machine.guests.set(index(), guest);
/** Enters the guest and lets the machine run for so many ticks. */
const enter = (words: readonly (number | bigint)[] = [0, 0, 0, 0], ticks = 0) => {
  const entered = bed.call(vmm, V, I.VCPURun, ...words);
  go(ticks);
  return entered;
};
const go = (ticks: number) => {
  const pause = run(bed.k, bed.machine.now + ticks);
  checkInvariants(bed.k);
  return pause;
};
const mapped = () => bed.machine.log.filter((l) => /vcpu\.(un)?map/.test(l));

describe("VCPU-MEMORY", () => {
  test("001 frames one after the other are one region of the engine, mapped when the guest first runs", () => {
    for (const i of [0, 1, 2]) expect(bed.call(vmm, F + i, I.FrameUnmap)).toEqual(DONE);
    for (const i of [0, 1]) expect(bed.call(vmm, V, I.VCPUMapFrame, F + i, GUEST_RAM + 4096 * i)).toEqual(DONE);
    expect(bed.call(vmm, V, I.VCPUMapFrame, F + 2, GUEST_RAM + 0x10_0000)).toEqual(DONE);
    expect(mapped()).toEqual([]);
    plays(() => VcpuStop.Broken);
    enter();
    expect(mapped()).toEqual([`vcpu.mapRam(${index()},${GUEST_RAM},${base(F)},8192)`, `vcpu.mapRam(${index()},${GUEST_RAM + 0x10_0000},${base(F + 2)},4096)`]);
    expect(bed.call(vmm, V, I.VCPUMapFrame, F + 3, 0)).toEqual(DONE);
    expect(mapped()).toHaveLength(3);
  });
  test("002 each argument is checked", () => {
    bed.share(vmm, F, vmm, 40, Right.Read);
    bed.hold(vmm, 41, Kind.Frame, 21);
    refuses(bed, vmm, [V, I.VCPUMapFrame, Slot.TCB, 0], ErrorCode.InvalidCapability, 0);
    refuses(bed, vmm, [V, I.VCPUMapFrame, 999, 0], ErrorCode.FailedLookup, 0, 32);
    refuses(bed, vmm, [V, I.VCPUMapFrame, 40, 0], ErrorCode.MissingRight, RW);
    refuses(bed, vmm, [V, I.VCPUMapFrame, F, 8], ErrorCode.AlignmentError, 1);
    refuses(bed, vmm, [V, I.VCPUMapFrame, 41, 4096], ErrorCode.AlignmentError, 1);
    for (const address of [GUEST_TOP, 2n ** 64n - 4096n]) refuses(bed, vmm, [V, I.VCPUMapFrame, F, address], ErrorCode.RangeError, 1, 0, GUEST_TOP - 4096);
    refuses(bed, vmm, [V, I.VCPUMapFrame, F], ErrorCode.TruncatedMessage);
    refuses(bed, vmm, [V, 0xb0f, F, 0], ErrorCode.IllegalOperation);
    bed.k.objects.device[bed.slot(vmm, F + 1)!.object] = 1;
    refuses(bed, vmm, [V, I.VCPUMapFrame, F + 1, 0], ErrorCode.InvalidCapability, 0);
  });
  test("003 nothing overlaps: frames, nor the windows of devices", () => {
    bed.call(vmm, V, I.VCPUMapFrame, F, 0x10_0000);
    expect(bed.call(vmm, V, I.VCPUMapDevice, 0x20_0000, 8192)).toEqual(DONE);
    refuses(bed, vmm, [V, I.VCPUMapFrame, F, 0], ErrorCode.DeleteFirst);
    refuses(bed, vmm, [V, I.VCPUMapFrame, F + 1, 0x10_0000], ErrorCode.DeleteFirst);
    refuses(bed, vmm, [V, I.VCPUMapFrame, F + 1, 0x20_1000], ErrorCode.DeleteFirst);
    refuses(bed, vmm, [V, I.VCPUMapDevice, 0x10_0000, 4096], ErrorCode.DeleteFirst);
    refuses(bed, vmm, [V, I.VCPUMapDevice, 0x1f_f000, 8192], ErrorCode.DeleteFirst);
  });
  test("004 a window is whole pages below the guest's top", () => {
    refuses(bed, vmm, [V, I.VCPUMapDevice, 8, 4096], ErrorCode.AlignmentError, 0);
    refuses(bed, vmm, [V, I.VCPUMapDevice, 0, 4097], ErrorCode.AlignmentError, 1);
    for (const bytes of [0, GUEST_TOP + 4096]) refuses(bed, vmm, [V, I.VCPUMapDevice, 0, bytes], ErrorCode.RangeError, 1, 4096, GUEST_TOP);
    refuses(bed, vmm, [V, I.VCPUMapDevice, GUEST_TOP - 4096, 8192], ErrorCode.RangeError, 0, 0, GUEST_TOP - 8192);
    refuses(bed, vmm, [V, I.VCPUMapDevice, 0], ErrorCode.TruncatedMessage);
  });
  test("008 a guest whose regions were split into too many never runs again: MachineLimit", () => {
    const count = 2 * (MAX_REGIONS + 1) - 1;
    bed.call(vmm, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Frame, 12, count), Slot.CNODE, 100);
    for (let i = 0; i < count; i++) expect(bed.call(vmm, V, I.VCPUMapFrame, 100 + i, GUEST_RAM + 4096 * i)).toEqual(DONE);
    for (let i = 1; i < count; i += 2) expect(bed.call(vmm, 100 + i, I.FrameUnmap)).toEqual(DONE);
    refuses(bed, vmm, [V, I.VCPURun, 0, 0, 0, 0], ErrorCode.MachineLimit);
    expect(bed.call(vmm, 100, I.FrameUnmap)).toEqual(DONE);
    refuses(bed, vmm, [V, I.VCPURun, 0, 0, 0, 0], ErrorCode.MachineLimit);
    refuses(bed, vmm, [V, I.VCPUMapFrame, 100, GUEST_RAM], ErrorCode.MachineLimit);
  });
  test("005 regions are limited: MachineLimit", () => {
    const frames = bed.hold(vmm, 99, Kind.CNode, 10);
    expect(frames).toBeGreaterThan(0);
    bed.call(vmm, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Frame, 12, MAX_REGIONS + 1), Slot.CNODE, 100);
    for (let i = 0; i < MAX_REGIONS; i++) expect(bed.call(vmm, V, I.VCPUMapFrame, 100 + i, 2 ** 21 * i)).toEqual(DONE);
    refuses(bed, vmm, [V, I.VCPUMapFrame, 100 + MAX_REGIONS, 2 ** 30], ErrorCode.MachineLimit);
  });
  test("006 a frame that is taken away is gone from the guest, in the middle of a region too", () => {
    for (const i of [0, 1, 2]) bed.call(vmm, V, I.VCPUMapFrame, F + i, GUEST_RAM + 4096 * i);
    plays(() => VcpuStop.Broken);
    enter();
    bed.machine.log.length = 0;
    expect(bed.call(vmm, Slot.CNODE, I.CNodeDelete, slotWord(F + 1))).toEqual(DONE);
    expect(mapped()).toEqual([`vcpu.unmapRam(${index()},${GUEST_RAM + 4096},4096)`]);
    expect(bed.call(vmm, V, I.VCPUMapFrame, F + 3, GUEST_RAM + 4096)).toEqual(DONE);
    expect(mapped()).toHaveLength(2);
  });
  test("007 taken away before the first run, it was never there", () => {
    for (const i of [0, 1, 2]) bed.call(vmm, V, I.VCPUMapFrame, F + i, GUEST_RAM + 4096 * i);
    expect(bed.call(vmm, F + 1, I.FrameUnmap)).toEqual(DONE);
    plays(() => VcpuStop.Broken);
    enter();
    expect(mapped()).toEqual([`vcpu.mapRam(${index()},${GUEST_RAM},${base(F)},4096)`, `vcpu.mapRam(${index()},${GUEST_RAM + 8192},${base(F + 2)},4096)`]);
  });
});

describe("VCPU-RUN", () => {
  test("001 an MMIO exit tells address, value, size and direction; its completion is handed in with the next run", () => {
    plays((r) => {
      r.set(VcpuRecord.ADDRESS, 0x1000_0004).set(VcpuRecord.DATA, 65, 1).set(VcpuRecord.SIZE, 4).set(VcpuRecord.WRITE, 1);
      return VcpuStop.MMIO;
    });
    expect(enter()).toBe("blocked");
    expect(bed.answer(vmm)).toEqual(answered(Exit.MMIO, [0x1000_0004, 65 + 2 ** 32, 4 + 2 ** 32]));
    let seen: number[] = [];
    plays((r) => {
      seen = [r.get(VcpuRecord.COMPLETION), r.get(VcpuRecord.DATA), r.get(VcpuRecord.LINES)];
      return VcpuStop.Broken;
    });
    enter([1, 0x77, 0, 1 << 9]);
    expect(seen).toEqual([1, 0x77, 512]);
  });
  test("002 an SBI exit tells a7, a6 and a0 to a5; its result is a0 and a1", () => {
    plays((r) => {
      for (let i = 0; i < 8; i++) r.set(VcpuRecord.A0 + i, 100 + i);
      return VcpuStop.SBI;
    });
    enter();
    expect(bed.answer(vmm)).toEqual(answered(Exit.SBI, [107, 106, 100, 101, 102, 103, 104, 105]));
    let seen: number[] = [];
    plays((r) => {
      seen = [r.get(VcpuRecord.A0), r.get(VcpuRecord.A1)];
      return VcpuStop.SBI;
    });
    bed.call(vmm, Slot.TCB, I.TCBSetIPCBuffer, 0, 0);
    enter([2, 5, 6, 0]);
    expect(seen).toEqual([5, 6]);
    expect(bed.answer(vmm).words).toHaveLength(4);
  });
  test("003 a broken guest tells address, error and pc", () => {
    plays((r) => {
      r.set(VcpuRecord.ADDRESS, 1).set(VcpuRecord.DATA, 2).set(VcpuRecord.REGISTERS, 3);
      return VcpuStop.Broken;
    });
    enter();
    expect(bed.answer(vmm)).toEqual(answered(Exit.Broken, [1, 2, 3]));
  });
  test("004 one thread inside at a time, a completion there is, four words", () => {
    plays(() => VcpuStop.WFI);
    for (const completion of [3, -1, 99]) refuses(bed, vmm, [V, I.VCPURun, completion, 0, 0, 0], ErrorCode.InvalidArgument, 0);
    refuses(bed, vmm, [V, I.VCPURun, 0, 0, 0], ErrorCode.TruncatedMessage);
    bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0);
    refuses(bed, other, [V, I.VCPURun, 0, 0, 0, 0], ErrorCode.IllegalOperation);
    refuses(bed, other, [V, I.VCPUWriteRegisters, 0, 5], ErrorCode.IllegalOperation);
  });
  test("005 a guest that computes uses the VMM's time and is preempted for others", () => {
    bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0);
    let otherRan = 0;
    bed.machine.steps.set(other.tcb.frame, () => (otherRan++, 64));
    bed.machine.stepTicks = 10;
    go(500_000);
    expect(otherRan).toBeGreaterThan(1000);
    expect(bed.k.schedContexts[vmm.tcb.homeSc]!.consumed).toBeGreaterThan(100_000);
    expect(vmm.tcb.state).toBe(ThreadState.RunningVcpu);
  });
  test("006 suspended, it has left the guest, which another may enter; resumed, its run is Cancelled", () => {
    bed.share(vmm, Slot.TCB, other, 40);
    bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0);
    bed.call(other, 40, I.TCBSuspend);
    expect(bed.k.vcpus[bed.slot(vmm, V)!.object]!.tcb).toBe(0);
    bed.call(other, 40, I.TCBResume);
    expect(bed.answer(vmm)).toEqual(failed(ErrorCode.Cancelled));
    expect(bed.call(other, V, I.VCPURun, 0, 0, 0, 0)).toBe("blocked");
  });
  test("007 the VCPU is destroyed while its VMM is inside: Broken", () => {
    bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0);
    bed.share(vmm, Slot.CNODE, other, 41);
    bed.finish(other, 41, I.CNodeRevoke, slotWord(MEMORY));
    expect(bed.answer(vmm)).toEqual(answered(Exit.Broken));
    expect([vmm.tcb.state, bed.k.vcpusAlive]).toEqual([ThreadState.Ready, 0]);
  });
});

describe("VCPU-WFI", () => {
  /** The guest's timer is due at this tick of the machine. */
  const sleeper = (due: number) => plays((r) => (r.setTicks(VcpuRecord.TIMECMP, due), VcpuStop.WFI));
  beforeEach(() => void bed.call(other, Slot.TCB, I.TCBSuspend));

  test("001 with its timer armed it waits, nobody runs, and it goes on when the timer is due", () => {
    sleeper(50_000);
    enter();
    expect([vmm.tcb.state, bed.k.nextTimer, go(0)]).toEqual([ThreadState.WaitingVcpu, 50_000, "idle"]);
    let runs = 0;
    plays(() => (runs++, VcpuStop.Broken));
    bed.machine.now = 49_999;
    expect(go(0)).toBe("idle");
    bed.machine.now = 50_000;
    go(0);
    expect([runs, bed.answer(vmm).label]).toEqual([1, Exit.Broken]);
  });
  test("002 a timer that is due already does not wait", () => {
    let runs = 0;
    bed.machine.now = 100;
    plays((r) => (r.setTicks(VcpuRecord.TIMECMP, 100), ++runs === 3 ? VcpuStop.Broken : VcpuStop.WFI));
    enter();
    expect(runs).toBe(3);
  });
  test("003 with neither timer nor bound notification nothing can wake it: Stuck", () => {
    sleeper(Infinity);
    enter();
    expect(bed.answer(vmm)).toEqual(answered(Exit.Stuck));
  });
  test("004 a signal of the bound notification ends the wait, or the run: Notified with the word", () => {
    bed.call(vmm, Slot.TCB, I.TCBBindNotification, NTF);
    sleeper(Infinity);
    enter();
    expect(vmm.tcb.state).toBe(ThreadState.WaitingVcpu);
    bed.share(other, Slot.TCB, vmm, 40);
    bed.start(other);
    bed.signal(other, NTF);
    expect(bed.answer(vmm)).toEqual(answered(Exit.Notified, [6]));
    bed.machine.guests.clear();
    bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0);
    bed.signal(other, NTF);
    expect(bed.answer(vmm)).toEqual(answered(Exit.Notified, [6]));
    bed.signal(other, NTF);
    bed.machine.log.length = 0;
    expect(bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0)).toEqual(answered(Exit.Notified, [6]));
    // It has not run, and the exit before is done all the same.
    expect(bed.machine.log).toContain("vcpu.settle(0)");
  });
  test("005 that waits again and again before its timer is due leaves one entry, not one for each wait", () => {
    bed.call(vmm, Slot.TCB, I.TCBBindNotification, NTF);
    bed.start(other);
    for (let i = 0; i < 50; i++) {
      sleeper(1_000_000 + i);
      bed.force(vmm.tcb);
      bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0);
      go(0);
      bed.signal(other, NTF);
    }
    expect(bed.k.waitingVcpus.length).toBeLessThanOrEqual(1);
  });
  test("006 its last hope, the bound notification, is destroyed: Stuck, not silence", () => {
    bed.call(vmm, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Notification), Slot.CNODE, 50);
    bed.share(vmm, Slot.CNODE, other, 41);
    for (const take of [() => bed.finish(other, 41, I.CNodeDelete, slotWord(50)), () => bed.call(other, 42, I.TCBBindNotification, 0)]) {
      if (bed.slot(vmm, 50) === null) bed.call(vmm, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Notification), Slot.CNODE, 50);
      if (bed.slot(other, 42) === null) bed.share(vmm, Slot.TCB, other, 42);
      bed.call(vmm, Slot.TCB, I.TCBBindNotification, 50);
      sleeper(Infinity);
      enter();
      expect(vmm.tcb.state).toBe(ThreadState.WaitingVcpu);
      if (other.tcb.state === ThreadState.Inactive) bed.start(other);
      expect(take()).toEqual(DONE);
      expect(bed.answer(vmm)).toEqual(answered(Exit.Stuck));
      bed.call(vmm, 42, 0);
      bed.call(other, Slot.TCB, I.TCBSuspend);
    }
  });
});

describe("VCPU-REGISTERS", () => {
  test("001 written and read back by number", () => {
    expect(bed.call(vmm, V, I.VCPUWriteRegisters, 0, GUEST_RAM, 11, 12)).toEqual(DONE);
    expect(bed.call(vmm, V, I.VCPUWriteRegisters, VcpuRegister.satp, 41, 1)).toEqual(DONE);
    expect(bed.call(vmm, V, I.VCPUReadRegisters, pair(0, 3))).toEqual(answered(0, [GUEST_RAM, 11, 12]));
    expect(bed.call(vmm, V, I.VCPUReadRegisters, pair(VcpuRegister.satp, 2))).toEqual(answered(0, [41, 1]));
    expect(bed.machine.log).toEqual(["vcpu.readRegisters(0)", "vcpu.writeRegisters(0)", "vcpu.readRegisters(0)", "vcpu.writeRegisters(0)", "vcpu.readRegisters(0)", "vcpu.readRegisters(0)"]);
  });
  test("002 numbers are 0..76", () => {
    for (const [first, count] of [[77, 1], [0, 78], [76, 2], [0, 0], [-1, 1], [1, -1]] as const) refuses(bed, vmm, [V, I.VCPUReadRegisters, pair(first, count)], ErrorCode.RangeError, 0, 0, 76);
    refuses(bed, vmm, [V, I.VCPUWriteRegisters, 77, 1], ErrorCode.RangeError, 0, 0, 76);
    refuses(bed, vmm, [V, I.VCPUWriteRegisters, 76, 1, 2], ErrorCode.RangeError, 0, 0, 76);
    refuses(bed, vmm, [V, I.VCPUWriteRegisters, 0], ErrorCode.RangeError, 0, 0, 76);
    refuses(bed, vmm, [V, I.VCPUWriteRegisters], ErrorCode.TruncatedMessage);
    refuses(bed, vmm, [V, I.VCPUReadRegisters], ErrorCode.TruncatedMessage);
  });
  test("003 a value that the register cannot hold is refused, with the word that has it, and nothing is written", () => {
    const R = VcpuRegister;
    for (const [first, value] of [[R.pc, 0x8000_0001], [R.sepc, 7], [R.satp, 1n << 60n], [R.satp, 11n << 60n], [R.priv, 2], [R.priv, 3], [R.priv, 2n ** 32n]] as const)
      refuses(bed, vmm, [V, I.VCPUWriteRegisters, first, value], ErrorCode.InvalidArgument, 1);
    refuses(bed, vmm, [V, I.VCPUWriteRegisters, R.satp, 8n << 60n, 2], ErrorCode.InvalidArgument, 2);
    for (const mode of [0n, 8n, 9n, 10n]) expect(bed.call(vmm, V, I.VCPUWriteRegisters, R.satp, (mode << 60n) + 5n, 0)).toEqual(DONE);
  });
  test("004 the guest's time is the machine's and its offset", () => {
    bed.machine.now = 5000;
    expect(bed.call(vmm, V, I.VCPUGetTime)).toEqual(answered(0, [5000]));
  });
  test("005 the timer is one: never is all bits, and from 2^53 on every value", () => {
    const never = answered(0, [2 ** 64]), timer = pair(VcpuRegister.timecmp, 1);
    expect(bed.call(vmm, V, I.VCPUReadRegisters, timer)).toEqual(never);
    expect(bed.call(vmm, V, I.VCPUWriteRegisters, VcpuRegister.timecmp, 2 ** 53 - 1)).toEqual(DONE);
    expect(bed.call(vmm, V, I.VCPUReadRegisters, timer)).toEqual(answered(0, [2 ** 53 - 1]));
    expect(bed.call(vmm, V, I.VCPUWriteRegisters, VcpuRegister.timecmp, 2 ** 53)).toEqual(DONE);
    expect(bed.call(vmm, V, I.VCPUReadRegisters, timer)).toEqual(never);
  });
  test("006 the guest's time is set, and its timer stays armed for the time that it was armed for", () => {
    bed.machine.now = 5000;
    bed.call(vmm, V, I.VCPUWriteRegisters, VcpuRegister.timecmp, 900_000);
    expect(bed.call(vmm, V, I.VCPUSetTime, 777_000)).toEqual(DONE);
    bed.machine.now = 6000;
    expect(bed.call(vmm, V, I.VCPUGetTime)).toEqual(answered(0, [778_000]));
    expect(bed.call(vmm, V, I.VCPUReadRegisters, pair(VcpuRegister.timecmp, 1))).toEqual(answered(0, [900_000]));
    expect(bed.call(vmm, V, I.VCPUSetTime, 0)).toEqual(DONE);
    expect(bed.call(vmm, V, I.VCPUGetTime)).toEqual(answered(0, [0]));
  });
  test("007 a time beyond 2^53 is refused, and so is the time of a guest that runs", () => {
    refuses(bed, vmm, [V, I.VCPUSetTime], ErrorCode.TruncatedMessage);
    refuses(bed, vmm, [V, I.VCPUSetTime, 2 ** 53], ErrorCode.InvalidArgument, 0);
    bed.call(vmm, V, I.VCPURun, 0, 0, 0, 0);
    refuses(bed, other, [V, I.VCPUSetTime, 5], ErrorCode.IllegalOperation);
  });
});

describe("VCPU-DESTROY", () => {
  test("001 its frames can be unmapped, and used in the VCPU that has its number next", () => {
    bed.call(vmm, V, I.VCPUMapFrame, F, 0);
    bed.share(vmm, Slot.CNODE, other, 41);
    bed.finish(vmm, Slot.CNODE, I.CNodeRevoke, slotWord(V));
    bed.finish(vmm, Slot.CNODE, I.CNodeDelete, slotWord(V));
    bed.call(vmm, MEMORY, I.UntypedRetype, retypeWord(Kind.VCPU), Slot.CNODE, V);
    expect(bed.call(vmm, V, I.VCPUMapFrame, F + 1, 0)).toEqual(DONE);
    bed.machine.log.length = 0;
    expect(bed.call(vmm, F, I.FrameUnmap)).toEqual(DONE);
    expect(bed.k.vcpus[bed.slot(vmm, V)!.object]!.regions).toHaveLength(1);
    expect(bed.call(vmm, V, I.VCPUMapFrame, F, 4096)).toEqual(DONE);
  });
});
