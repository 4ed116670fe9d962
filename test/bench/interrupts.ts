// From an interrupt to its driver: a program of low priority makes the serial port raise its line, by switching on the interrupt of a transmitter that is empty;
// the driver, in another address space and more urgent, wakes, takes the cause away, acknowledges and waits again. For the IPC figures.
//
// Both read the cycle counter, which on these engines is the host's: the one just before its store to the port, the other as its first instruction.
import { toInfo } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, Invocation, Kind, Right, Syscall } from "../../caps/abi/numbers.ts";
import { install } from "../../core/kernel/capabilities.ts";
import { placeFrame } from "../../core/kernel/objects/frame.ts";
import { createObject } from "../../core/kernel/objects/table.ts";
import { PAGE, threadMemory } from "../../core/kernel/objects/vspace.ts";
import { ThreadState } from "../../core/kernel/state.ts";
import { Ier, Uart } from "../../core/devices/uart16550.ts";
import { BOARD_DEVICES } from "../../core/machine/board.ts";
import { assemble } from "../support/assemble.ts";
import { Testbed, TEXT, type Program } from "../support/testbed.ts";
import { hasStopped, openQuietMachine, PRIORITY, S1, S2, settle } from "./pairs.ts";

const PORT = BOARD_DEVICES[0], AT = 0x4_0000;
const HANDLER = 20, NTF = 21, BADGE = 1;
const S3 = 19, S5 = 21, S6 = 22;

/** s1 counts interrupts, s3 adds up when they happened; s5 and s6 are when the raiser began and ended. */
const TEXTS = `
raiser:
  li t1, ${AT + Uart.IER}
  li t0, ${Ier.TRANSMIT}
  rdcycle s5
raise:
  rdcycle t2
  sb t0, 0(t1)
  add s3, s3, t2
  addi s1, s1, 1
  bltu s1, s2, raise
  rdcycle s6
  ebreak
driver:
  li a7, ${Syscall.Wait}
  li a0, ${NTF}
  ecall
  rdcycle t2
  add s3, s3, t2
  add s1, s1, a0
  li t1, ${AT + Uart.IER}
  sb x0, 0(t1)
  li a7, ${Syscall.Call}
  li a0, ${HANDLER}
  li a1, ${toInfo(Invocation.IRQHandlerAck, 0)}
  ecall
  j driver
`;

export interface Interrupts {
  /** @returns nanoseconds each, of so many: from the raiser's store until the raiser goes on, or until the driver's first instruction */
  round(interrupts: number): number;
  close(): void;
}

/** @param until what is timed: the driver's first instruction, or all of it */
export function interrupts(until: "first" | "all"): Interrupts {
  const machine = openQuietMachine();
  const testbed = new Testbed(machine), { k } = testbed;
  machine.attach(threadMemory(k));
  const { bytes, label } = assemble(TEXTS, TEXT);
  const [driver, raiser] = [testbed.program("driver", bytes, PRIORITY + 1), testbed.program("raiser", bytes, PRIORITY)];
  for (const p of [driver, raiser]) mapPort(testbed, p);
  const notification = testbed.make(Kind.Notification, 6);
  testbed.give(driver, NTF, notification);
  const handler = k.objects.create(Kind.IRQHandler, 0, 0, 0);
  k.irqHandlers[handler] = { line: PORT.irq, notification: testbed.object(notification), badgeLo: BADGE, badgeHi: 0 };
  k.irqLines[PORT.irq] = handler;
  install(k, driver.slots + HANDLER, Kind.IRQHandler, handler, ALL_RIGHTS, 0);
  machine.irq.unmask(PORT.irq);
  k.frames32[driver.tcb.base] = label("driver");
  testbed.start(driver);
  settle(k);

  const words = new BigUint64Array(machine.frames);
  const register = (p: Program, number: number): bigint => words[p.tcb.base / 2 + number]!;
  const clear = (p: Program, ...numbers: number[]): void => numbers.forEach((number) => void (words[p.tcb.base / 2 + number] = 0n));
  return {
    round(times) {
      clear(driver, S1, S3);
      clear(raiser, S1, S3);
      k.frames32[raiser.tcb.base] = label("raiser");
      k.frames32[raiser.tcb.base + 2 * S2] = times;
      const from = process.hrtime.bigint();
      testbed.start(raiser);
      settle(k);
      const ns = Number(process.hrtime.bigint() - from);
      const seen = Number(register(driver, S1));
      if (!hasStopped(raiser.tcb) || driver.tcb.state !== ThreadState.BlockedOnNotification || seen !== times) {
        throw new Error(`the driver saw ${seen} of ${times} interrupts; the raiser is in state ${raiser.tcb.state}, the driver in ${driver.tcb.state}`);
      }
      if (until === "all") return ns / times;
      // All sums are of 64 bits, and so is their difference.
      const cycles = Number(BigInt.asUintN(64, register(driver, S3) - register(raiser, S3))), whole = Number(register(raiser, S6) - register(raiser, S5));
      return ((cycles / whole) * ns) / times;
    },
    close: () => machine.close(),
  };
}

/** The serial port's registers, as a program that was given them has them. */
function mapPort({ k }: Testbed, { vspace }: Program): void {
  const row = k.slots.allocate(0);
  install(k, row, Kind.Frame, createObject(k, Kind.Frame, PORT.physical, 12, 0), ALL_RIGHTS, 0);
  placeFrame(k, row, vspace, AT / PAGE, Right.Read | Right.Write);
}
