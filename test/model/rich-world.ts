// A system with something of everything: calls under way, lent time, a guest that waits, a device with memory, a thread that is debugged, one whose time
// is used up, one that has faulted, one that was stopped in a call, and things that are being taken apart or were. For tests that look at all of the state.
import { expect } from "vitest";
import { Invocation, Kind, MAP_EXECUTE, Right } from "../../caps/abi/numbers.ts";
import { install } from "../../core/kernel/capabilities.ts";
import { Cause, VcpuRecord, VcpuStop } from "../../core/kernel/machine.ts";
import { createIoSpace } from "../../core/kernel/objects/iospace.ts";
import { vcpuStopped } from "../../core/kernel/objects/vcpu.ts";
import { schedule } from "../../core/kernel/time.ts";
import { FakeMachine } from "../support/fake-machine.ts";
import { DONE, KernelBed, pair, retypeWord, Slot, slotWord, type Word } from "../support/kernel-bed.ts";
import type { Program } from "../support/testbed.ts";

const I = Invocation;
/** Slots of the server's CNode, but for VCPU: the VMM's. */
export const At = {
  EP: 20, REPLY: 21, NTF: 22, BADGED: 23, FRAME: 30, DMA: 31, CODE: 32, UNTYPED: 33, INNER: 34, FAR_FRAME: 36, LINE: 37, EP2: 38, REPLY2: 39, IO: 40, IRQ_CONTROL: 41,
  IRQ: 42, TABLE: 50, KEEPER: 54, SCHED_CONTROL: 55, TCBS: 60, WEAK: 70, DEVICE: 71, NTF2: 72, DYING: 80, GONE: 81, VCPU: 90, GUEST: 91,
} as const;
export const FRAME_ADDRESS = 0x2_4000, CODE_ADDRESS = 0x2_6000, FAR = 5 * 2 ** 30, IO_ADDRESS = 0x4000, GUEST_ADDRESS = 0x8000_0000;

export class RichWorld {
  readonly bed = new KernelBed(new FakeMachine(2 ** 25));
  readonly k = this.bed.k;
  /** The server; it has an answer to give, and runs on its caller's time. */
  readonly b = this.bed.thread("server");
  /** Waits for the server's answer; waits in line behind that; receives; waits for a signal; was stopped while it waited. */
  readonly a = this.bed.thread("caller");
  readonly c = this.bed.thread("next");
  readonly d = this.bed.thread("receiver");
  readonly e = this.bed.thread("waiter");
  readonly stopped = this.bed.thread("stopped");
  /** Would run if it were its turn. */
  readonly ready = this.bed.thread("ready");
  /** Has faulted, and its keeper has not heard it yet; has used up its time; waits inside a guest. */
  readonly faulting = this.bed.thread("faulting");
  readonly spent = this.bed.thread("spent");
  readonly vmm = this.bed.thread("vmm");

  constructor() {
    this.bed.checks = false;
    this.#capabilities();
    this.#memory();
    this.#guest();
    this.#threads();
    this.#calls();
    this.#remains();
    this.bed.checks = true;
  }

  row(slot: number, p: Program = this.b): number {
    return p.slots + slot;
  }
  /** The object that a slot names. */
  id(slot: number, p: Program = this.b): number {
    return this.k.slots.object[this.row(slot, p)]!;
  }

  #done(p: Program, cap: number, label: number, ...words: Word[]): void {
    expect(this.bed.call(p, cap, label, ...words)).toEqual(DONE);
  }
  #retype(p: Program, from: number, kind: number, sizeBits: number, count: number, slot: number): void {
    this.#done(p, from, I.UntypedRetype, retypeWord(kind, sizeBits, count), Slot.CNODE, slot);
  }

  #capabilities(): void {
    const { bed, b } = this;
    for (const slot of [At.EP, At.EP2, At.KEEPER]) bed.hold(b, slot, Kind.Endpoint, 5);
    for (const slot of [At.REPLY, At.REPLY2]) bed.hold(b, slot, Kind.Reply, 5);
    for (const slot of [At.NTF, At.NTF2]) bed.hold(b, slot, Kind.Notification, 6);
    for (const [i, p] of [this.a, this.c, this.d].entries()) bed.share(b, At.EP, p, At.EP, 15, 5 + i);
    bed.share(b, At.EP, b, At.BADGED, Right.Write, 7);
    bed.share(b, At.EP2, this.d, At.EP2);
    bed.share(b, At.NTF2, this.e, At.NTF2);
    bed.share(b, At.NTF2, this.stopped, At.NTF2);
    this.#done(b, Slot.CNODE, I.CNodeCopy, slotWord(At.WEAK), pair(Slot.CNODE, 32 | (31 << 8)), Slot.CNODE);
    this.#retype(b, Slot.UNTYPED, Kind.Untyped, 12, 1, At.UNTYPED);
    this.#retype(b, At.UNTYPED, Kind.Endpoint, 0, 2, At.INNER);
    this.#done(b, Slot.TCB, I.TCBBindNotification, At.NTF);
    bed.singleton(b, At.IRQ_CONTROL, Kind.IRQControl);
    bed.singleton(b, At.SCHED_CONTROL, Kind.SchedControl);
    this.#done(b, At.IRQ_CONTROL, I.IRQControlGet, 5, Slot.CNODE, slotWord(At.IRQ));
    this.#done(b, At.IRQ, I.IRQHandlerSetNotification, At.NTF2);
  }

  #memory(): void {
    const { bed, b, k } = this;
    this.#retype(b, Slot.UNTYPED, Kind.Frame, 12, 3, At.FRAME);
    this.#retype(b, Slot.UNTYPED, Kind.Frame, 12, 1, At.FAR_FRAME);
    this.#retype(b, Slot.UNTYPED, Kind.PageTable, 0, 2, At.TABLE);
    this.#done(b, At.FRAME, I.FrameMap, FRAME_ADDRESS, Slot.VSPACE, 3);
    this.#done(b, At.CODE, I.FrameMap, CODE_ADDRESS, Slot.VSPACE, Right.Read | MAP_EXECUTE);
    for (const table of [At.TABLE, At.TABLE + 1]) this.#done(b, table, I.PageTableMap, FAR, Slot.VSPACE);
    this.#done(b, At.FAR_FRAME, I.FrameMap, FAR, Slot.VSPACE, 3);
    install(k, this.row(At.IO), Kind.IOSpace, createIoSpace(k, 0), 15, 0);
    this.#done(b, At.IO, I.IOSpaceMap, At.DMA, IO_ADDRESS, 3);
    // A device's registers, as the boot hands them out.
    const device = k.objects.create(Kind.Untyped, 0x1000_0000, 16, 0);
    k.objects.device[device] = 1;
    install(k, this.row(At.DEVICE), Kind.Untyped, device, 15, 0);
    this.#retype(b, At.DEVICE, Kind.Frame, 12, 1, At.LINE);
    expect(bed.slot(b, At.LINE)).not.toBeNull();
  }

  #guest(): void {
    const { bed, vmm, k } = this;
    bed.give(vmm, At.GUEST - 2, bed.make(Kind.Untyped, 21));
    this.#retype(vmm, At.GUEST - 2, Kind.VCPU, 0, 1, At.VCPU);
    this.#retype(vmm, Slot.UNTYPED, Kind.Frame, 12, 3, At.GUEST);
    // Two that follow each other are one region, the third is one of its own.
    [0, 1, 8].forEach((page, i) => this.#done(vmm, At.VCPU, I.VCPUMapFrame, At.GUEST + i, GUEST_ADDRESS + page * 4096));
    this.#done(vmm, At.VCPU, I.VCPUMapDevice, 2 ** 28, 4096);
    expect(bed.call(vmm, At.VCPU, I.VCPURun, 0, 0, 0, 0)).toBe("blocked");
    const { index } = k.vcpus[this.id(At.VCPU, vmm)]!;
    k.machine.vcpu.floats[(k.machine.vcpu.record(index) >> 1) + VcpuRecord.TIMECMP] = bed.machine.now + 10_000_000;
    vcpuStopped(k, vmm.tcb, VcpuStop.WFI);
    schedule(k);
  }

  #threads(): void {
    const { bed, b } = this;
    for (const [i, p] of [this.c, this.faulting, this.stopped, this.spent].entries()) bed.share(p, Slot.TCB, b, At.TCBS + i);
    this.#done(b, At.TCBS, I.TCBSetSingleStep, 1);
    this.#done(b, At.TCBS, I.TCBSetBreakpoint, 0, 0x1_0000, 1);
    bed.share(b, At.KEEPER, this.faulting, At.KEEPER, 15, 9);
    this.#done(this.faulting, Slot.TCB, I.TCBSetSpace, At.KEEPER, Slot.CNODE, Slot.VSPACE);
    this.#done(this.faulting, Slot.TCB, I.TCBSetTimeoutKeeper, At.KEEPER);
    bed.except(this.faulting, Cause.LoadPage, 0x1234);
    bed.share(this.spent, Slot.SC, b, At.TCBS + 4);
    this.#done(b, At.SCHED_CONTROL, I.SchedControlConfigure, At.TCBS + 4, 100, 1000);
    bed.force(this.spent.tcb);
    bed.pass(2000);
    expect(this.spent.tcb.sc).not.toBe(0);
    expect(bed.wait(this.stopped, At.NTF2)).toBe("blocked");
    this.#done(b, At.TCBS + 2, I.TCBSuspend);
    expect(bed.wait(this.e, At.NTF2)).toBe("blocked");
    bed.share(b, At.REPLY2, this.d, At.REPLY2);
    expect(bed.recv(this.d, At.EP2, At.REPLY2)).toBe("blocked");
  }

  #calls(): void {
    const { bed, b } = this;
    expect(bed.recv(b, At.EP, At.REPLY)).toBe("blocked");
    expect(bed.call(this.a, At.EP, 1)).toBe("blocked");
    expect(bed.call(this.c, At.EP, 1)).toBe("blocked");
  }

  /** What is gone, and what is going: a CNode that has more in it than one step takes apart. */
  #remains(): void {
    const { bed, b, k } = this;
    this.#retype(b, Slot.UNTYPED, Kind.TCB, 0, 1, At.GONE);
    this.#retype(b, Slot.UNTYPED, Kind.VSpace, 0, 1, At.GONE + 1);
    this.#retype(b, Slot.UNTYPED, Kind.CNode, 2, 1, At.GONE + 2);
    for (const slot of [At.GONE, At.GONE + 1, At.GONE + 2]) expect(bed.finish(b, Slot.CNODE, I.CNodeDelete, slotWord(slot))).toEqual(DONE);
    this.#retype(b, Slot.UNTYPED, Kind.CNode, 7, 1, At.DYING);
    const { first } = k.cnodes[this.id(At.DYING)]!;
    for (let i = 0; i < 100; i++) bed.share(b, At.BADGED, { ...b, slots: first }, i, Right.Write, 7);
    expect(bed.call(b, Slot.CNODE, I.CNodeDelete, slotWord(At.DYING))).toBe("again");
  }

  /** The server ends what it began and answers; then all that was made from its memory goes. */
  end(): void {
    const { bed, b } = this;
    for (let outcome = bed.trap(b); outcome === "again"; ) outcome = bed.trap(b);
    expect(bed.send(b, At.REPLY, 8)).toEqual(DONE);
    expect(bed.answer(this.a)).toMatchObject({ error: 0, label: 8 });
    expect(bed.finish(b, Slot.CNODE, I.CNodeRevoke, slotWord(Slot.UNTYPED))).toEqual(DONE);
    expect(bed.slot(b, At.FRAME)).toBeNull();
  }
}
