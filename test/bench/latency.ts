// How long somebody urgent waits while somebody else revokes: an interrupt comes just as a thread of low priority enters the kernel with a long operation,
// the worst moment; the driver that it wakes asks a server in another address space and acknowledges. From the interrupt to that is the latency.
import { InitSlot, ALL_RIGHTS, Invocation, Kind, Syscall } from "../../caps/abi/numbers.ts";
import { Reg, toInfo } from "../../caps/abi/message.ts";
import { moveSlot } from "../../caps/model/derivation.ts";
import { derive, install } from "../../core/kernel/capabilities.ts";
import { run } from "../../core/kernel/kernel.ts";
import { Cause } from "../../core/kernel/machine.ts";
import { threadMemory } from "../../core/kernel/objects/vspace.ts";
import { ThreadState } from "../../core/kernel/state.ts";
import { assemble } from "../support/assemble.ts";
import { RADIX, Testbed, TEXT } from "../support/testbed.ts";
import { openQuietMachine } from "./pairs.ts";

const MIB = 2 ** 20, SLICE = 50_000;
const LINE = 20, HANDLER = 20, NTF = 21, CNODE = 1, TARGET = 22;
const slotWord = (slot: number): bigint => BigInt(slot) + (32n << 32n);

const TEXTS = `
driver:
  li a7, ${Syscall.Wait}
  li a0, ${NTF}
  ecall
  li a7, ${Syscall.Call}
  li a0, ${InitSlot.Service}
  li a1, ${toInfo(1, 4)}
  ecall
  li a7, ${Syscall.Call}
  li a0, ${HANDLER}
  li a1, ${toInfo(Invocation.IRQHandlerAck, 0)}
  ecall
  j driver
server:
  li a7, ${Syscall.Recv}
  li a0, ${InitSlot.Service}
  li a6, ${InitSlot.Reply}
  ecall
answer:
  li a7, ${Syscall.ReplyRecv}
  li a0, ${InitSlot.Service}
  li a6, ${InitSlot.Reply}
  li a1, 4
  ecall
  j answer
worker:
  li a7, ${Syscall.Call}
  li a0, ${CNODE}
  li a1, ${toInfo(Invocation.CNodeRevoke, 1)}
  li a2, ${slotWord(TARGET)}
  ecall
  ebreak
idler:
  li a7, ${Syscall.Call}
  li a0, 99
  li a1, 0
  ecall
  addi s1, s1, -1
  bnez s1, idler
  ebreak
`;
const S1 = 9;

export interface Latencies {
  /** Nanoseconds from interrupt to acknowledgement, one for each. */
  readonly revoking: readonly number[];
  readonly idle: readonly number[];
}

/** One interrupt at each of `every`-th entry of the worker, whose entries are pieces of a revocation of `count` capabilities, or as many calls that fail. */
export function measureLatency(count: number, every: number): Latencies {
  const board = openQuietMachine(256 * MIB);
  const latencies: number[] = [];
  let worker = -1, driver = -1, entries = 0, since = 0n;
  const testbed = new Testbed(
    {
      ...board,
      run: (frame, trap) =>
        board.run(frame, (trapped, cause) => {
          if (trapped === worker && cause === Cause.Ecall && since === 0n && ++entries % every === 0) {
            board.irq.setLevel(LINE, true);
            since = process.hrtime.bigint();
          } else if (trapped === driver && since !== 0n && testbed.k.frames32[board32(driver) + 2 * Reg.a0] === HANDLER) {
            board.irq.setLevel(LINE, false);
            latencies.push(Number(process.hrtime.bigint() - since));
            since = 0n;
          }
          return trap(trapped, cause);
        }),
    },
    18,
  );
  const board32 = (frame: number): number => testbed.k.tcbOfFrame[frame]!.base;
  try {
    board.attach(threadMemory(testbed.k));
    const { k } = testbed, { bytes, label } = assemble(TEXTS, TEXT);
    const [d, s, w] = [testbed.program("driver", bytes, 200), testbed.program("server", bytes, 200), testbed.program("worker", bytes, 100)];
    for (const [p, at] of [[d, "driver"], [s, "server"], [w, "worker"]] as const) k.frames32[p.tcb.base] = label(at);
    const endpoint = testbed.make(Kind.Endpoint, 5);
    testbed.give(d, InitSlot.Service, endpoint, ALL_RIGHTS, 77);
    testbed.give(s, InitSlot.Service, endpoint);
    moveSlot(k.slots, testbed.make(Kind.Reply, 5), s.slots + InitSlot.Reply);
    const notification = testbed.make(Kind.Notification, 6);
    testbed.give(d, NTF, notification, ALL_RIGHTS, 1);
    const handler = k.objects.create(Kind.IRQHandler, 0, 0, 0);
    k.irqHandlers[handler] = { line: LINE, notification: testbed.object(notification), badgeLo: 1, badgeHi: 0 };
    k.irqLines[LINE] = handler;
    install(k, d.slots + HANDLER, Kind.IRQHandler, handler, ALL_RIGHTS, 0);
    board.irq.unmask(LINE);
    testbed.give(w, CNODE, w.rows.cnode, ALL_RIGHTS, (32 - RADIX) * 2 ** 32);
    const bits = Math.ceil(Math.log2(count)), { first } = k.cnodes[testbed.object(testbed.make(Kind.CNode, bits + 5))]!;
    const target = testbed.make(Kind.Endpoint, 5);
    moveSlot(k.slots, target, w.slots + TARGET);

    [worker, driver] = [w.tcb.frame, d.tcb.frame];
    const settle = (): void => {
      while (run(k, k.machine.clock() + SLICE) === "slice");
    };
    testbed.start(s);
    testbed.start(d);
    settle();
    const round = (at: string, calls: number): number[] => {
      for (let i = 0; i < count && at === "worker"; i++) derive(k, w.slots + TARGET, first + i, ALL_RIGHTS, 0, 0);
      latencies.length = 0;
      entries = 0;
      k.frames32[w.tcb.base] = label(at);
      k.frames32[w.tcb.base + 2 * S1] = calls;
      testbed.start(w);
      settle();
      if (w.tcb.state !== ThreadState.Faulted) throw new Error("the worker did not come to its end");
      return [...latencies];
    };
    const pieces = Math.ceil(count / 64);
    // Once to warm up.
    round("worker", 0);
    round("idler", pieces);
    return { revoking: round("worker", 0), idle: round("idler", pieces) };
  } finally {
    board.close();
  }
}
