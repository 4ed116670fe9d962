// RUN-*: the kernel's loop with threads that really take turns: programs as generators of traps over the machine's run().
import { describe, expect, test } from "vitest";
import { Frame, Reg, toInfo } from "../../../caps/abi/message.ts";
import { Fault, Invocation, Kind, Syscall } from "../../../caps/abi/numbers.ts";
import { checkInvariants } from "../../../core/kernel/invariants.ts";
import { run } from "../../../core/kernel/kernel.ts";
import { Cause } from "../../../core/kernel/machine.ts";
import { answered, KernelBed, retypeWord, Slot, slotWord, type Answer } from "../../support/kernel-bed.ts";
import type { Program } from "../../support/testbed.ts";

const EP = 20, REPLY = 21, NTF = 22;
const I = Invocation;

/** A trap of a program: registers are set, then it happens. Afterwards the program sees its answer. */
type Trapping = Generator<{ cause: number; set?: readonly (readonly [number, number | bigint])[] }, void, Answer>;
const ecall = (number: number, cap: number, label = 0, words: readonly (number | bigint)[] = [], reply = 0) => ({
  cause: Cause.Ecall,
  set: [[Reg.a7, number], [Reg.a0, cap], [Reg.a1, toInfo(label, words.length)], [Reg.a6, reply], ...words.map((w, i) => [Reg.a2 + i, w] as const)] as const,
});

/** Plays a program on the fake machine. An ecall leaves pc behind it; where the kernel moves pc back, the same ecall is made once more. */
function play(bed: KernelBed, p: Program, program: Trapping): void {
  const pc = (): number => bed.get(p.tcb, Frame.PC);
  let expected = -1;
  bed.machine.steps.set(p.tcb.frame, () => {
    if (pc() === expected - 4) {
      bed.set(p.tcb, Frame.PC, expected);
      return Cause.Ecall;
    }
    const next = program.next(bed.answer(p));
    if (next.done === true) {
      bed.machine.steps.delete(p.tcb.frame);
      return Cause.Preempted;
    }
    for (const [register, value] of next.value.set ?? []) bed.set(p.tcb, register, value);
    if (next.value.cause === Cause.Ecall) bed.set(p.tcb, Frame.PC, pc() + 4);
    expected = next.value.cause === Cause.Ecall ? pc() : -1;
    return next.value.cause;
  });
}

const setup = () => {
  const bed = new KernelBed();
  bed.machine.stepTicks = 1;
  const server = bed.thread("server"), client = bed.thread("client");
  const ep = bed.hold(server, EP, Kind.Endpoint, 5);
  bed.hold(server, REPLY, Kind.Reply, 5);
  bed.give(client, EP, ep, 15, 7);
  const go = (ticks: number) => {
    const pause = run(bed.k, bed.machine.now + ticks);
    checkInvariants(bed.k);
    return pause;
  };
  return { bed, server, client, go };
};
/** Answers each question with its double. */
function* doubling(): Trapping {
  let got = yield ecall(Syscall.Recv, EP, 0, [], REPLY);
  for (;;) got = yield ecall(Syscall.ReplyRecv, EP, 1, [2 * got.words[0]!], REPLY);
}

describe("RUN", () => {
  test("001 client and server: every question gets its answer, and each call switches directly", () => {
    const { bed, server, client, go } = setup();
    const answers: number[] = [];
    play(bed, server, doubling());
    play(bed, client, (function* (): Trapping {
      for (let i = 1; i <= 100; i++) answers.push((yield ecall(Syscall.Call, EP, 3, [i])).words[0]!);
    })());
    expect(go(5000)).toBe("slice");
    expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => 2 * (i + 1)));
    const turns = bed.machine.ran.slice(4, 100);
    expect(turns.every((frame, i) => i === 0 || frame !== turns[i - 1])).toBe(true);
  });
  test("002 with all waiting it is idle, until an interrupt", () => {
    const { bed, server, client, go } = setup();
    bed.singleton(server, 10, Kind.IRQControl);
    bed.hold(server, NTF, Kind.Notification, 6, 15, 4);
    bed.call(server, 10, I.IRQControlGet, 5, Slot.CNODE, slotWord(30));
    bed.call(server, 30, I.IRQHandlerSetNotification, NTF);
    const seen: number[] = [];
    play(bed, server, (function* (): Trapping {
      for (;;) {
        seen.push((yield ecall(Syscall.Wait, NTF)).badge);
        bed.machine.irq.setLevel(5, false);
        yield ecall(Syscall.Call, 30, I.IRQHandlerAck);
      }
    })());
    bed.call(client, Slot.TCB, I.TCBSuspend);
    expect(go(1000)).toBe("idle");
    expect(seen).toEqual([]);
    for (let i = 1; i <= 3; i++) {
      bed.machine.irq.setLevel(5, true);
      expect(go(1000)).toBe("idle");
      expect(seen).toHaveLength(i);
    }
    expect(seen).toEqual([4, 4, 4]);
  });
  test("003 a storm on a line that its driver does not silence takes one signal for each acknowledgement, and others go on", () => {
    const { bed, server, client, go } = setup();
    bed.singleton(server, 10, Kind.IRQControl);
    bed.hold(server, NTF, Kind.Notification, 6, 15, 4);
    bed.call(server, 10, I.IRQControlGet, 5, Slot.CNODE, slotWord(30));
    bed.call(server, 30, I.IRQHandlerSetNotification, NTF);
    let signals = 0, steps = 0;
    play(bed, server, (function* (): Trapping {
      for (;;) {
        yield ecall(Syscall.Wait, NTF);
        if (++signals < 10) yield ecall(Syscall.Call, 30, I.IRQHandlerAck);
      }
    })());
    bed.machine.steps.set(client.tcb.frame, () => (steps++, Cause.Preempted));
    bed.machine.irq.setLevel(5, true);
    go(2000);
    expect(signals).toBe(10);
    expect(steps).toBeGreaterThan(1000);
  });
  test("004 a restarted call is made again with its arguments, while others run in between", () => {
    const { bed, server, client, go } = setup();
    bed.call(client, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Endpoint, 0, 150), Slot.CNODE, 60);
    bed.call(server, Slot.TCB, I.TCBSuspend);
    const outcomes: Answer[] = [];
    play(bed, client, (function* (): Trapping {
      outcomes.push(yield ecall(Syscall.Call, Slot.CNODE, I.CNodeRevoke, [slotWord(Slot.UNTYPED)]));
    })());
    go(1000);
    expect(outcomes).toEqual([answered()]);
    expect(bed.slot(client, 60)).toBeNull();
    expect(bed.machine.ran.filter((f) => f === client.tcb.frame).length).toBeGreaterThan(3);
  });
  test("005 a fault is repaired by its keeper and the thread goes on", () => {
    const { bed, server, client, go } = setup();
    bed.call(client, Slot.TCB, I.TCBSetSpace, EP, Slot.CNODE, Slot.VSPACE);
    const faults: (readonly number[])[] = [];
    let after = 0;
    play(bed, server, (function* (): Trapping {
      let got = yield ecall(Syscall.Recv, EP, 0, [], REPLY);
      for (;;) {
        faults.push([got.label, ...got.words.slice(1)]);
        got = yield ecall(Syscall.ReplyRecv, EP, 0, [], REPLY);
      }
    })());
    play(bed, client, (function* (): Trapping {
      yield { cause: Cause.LoadPage, set: [[0, 0x1_0000]] };
      after++;
      yield { cause: Cause.Breakpoint };
      after++;
    })());
    go(1000);
    expect(faults).toEqual([[Fault.VMFault, 0, 1], [Fault.Breakpoint, 0]]);
    expect(after).toBe(2);
  });
  test("006 the host gets its turn back at its time, and the threads go on where they were", () => {
    const { bed, server, client, go } = setup();
    bed.call(server, Slot.TCB, I.TCBSuspend);
    let steps = 0;
    bed.machine.steps.set(client.tcb.frame, () => (steps++, Cause.Preempted));
    const start = bed.machine.now;
    expect(go(500)).toBe("slice");
    expect(bed.machine.now - start).toBe(500);
    expect(go(500)).toBe("slice");
    expect(steps).toBe(998);
  });
  test("007 hosted threads, which nothing preempts, are stopped between their steps", () => {
    const { bed, server, client, go } = setup();
    server.tcb.hosted = true;
    client.tcb.hosted = true;
    const counts = { server: 0, client: 0 };
    bed.machine.steps.set(server.tcb.frame, () => (counts.server++, bed.set(server.tcb, Reg.a7, Syscall.Yield), bed.set(server.tcb, Frame.PC, 8), Cause.Ecall));
    bed.machine.steps.set(client.tcb.frame, () => (counts.client++, bed.set(client.tcb, Reg.a7, Syscall.Poll), bed.set(client.tcb, Reg.a0, NTF), Cause.Ecall));
    bed.hold(client, NTF, Kind.Notification, 6);
    bed.machine.stepTicks = 100;
    expect(go(300_000)).toBe("slice");
    expect(counts.server).toBeGreaterThan(0);
    expect(counts.client).toBeGreaterThan(1000);
  });
});
