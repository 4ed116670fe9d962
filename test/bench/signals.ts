// Two threads in two address spaces that wake each other: each signals the other's notification and waits for its own. For the IPC figures.
import { Kind, Syscall } from "../../caps/abi/numbers.ts";
import { threadMemory } from "../../core/kernel/objects/vspace.ts";
import { ThreadState } from "../../core/kernel/state.ts";
import { assemble } from "../support/assemble.ts";
import { Testbed, TEXT } from "../support/testbed.ts";
import { hasStopped, openQuietMachine, PRIORITY, S1, S2, settle, type Pair } from "./pairs.ts";

/** Slots: the other's notification, the own one; and what the first and the second give to each other. */
const OTHER = 20, OWN = 21;
const BADGES = [1, 2] as const;
const S3 = 19;

const system = (number: number, slot: number): string => `li a7, ${number}\n li a0, ${slot}\n ecall`;
/** s3 adds up what was received. */
const TEXTS = `
ping:
  ${system(Syscall.Signal, OTHER)}
  ${system(Syscall.Wait, OWN)}
  add s3, s3, a0
  addi s1, s1, 1
  bltu s1, s2, ping
  ebreak
pong:
  ${system(Syscall.Wait, OWN)}
  add s3, s3, a0
  ${system(Syscall.Signal, OTHER)}
  j pong
`;

/** A round trip is two signals and two wakes. */
export function signalPair(): Pair {
  const machine = openQuietMachine();
  const testbed = new Testbed(machine), { k } = testbed;
  machine.attach(threadMemory(k));
  const { bytes, label } = assemble(TEXTS, TEXT);
  const [ping, pong] = [testbed.program("ping", bytes, PRIORITY), testbed.program("pong", bytes, PRIORITY)];
  const [toPing, toPong] = [testbed.make(Kind.Notification, 6), testbed.make(Kind.Notification, 6)];
  testbed.give(ping, OTHER, toPong, undefined, BADGES[0]);
  testbed.give(pong, OWN, toPong);
  testbed.give(pong, OTHER, toPing, undefined, BADGES[1]);
  testbed.give(ping, OWN, toPing);
  k.frames32[pong.tcb.base] = label("pong");
  testbed.start(pong);
  settle(k);
  return {
    round(times) {
      for (const { tcb } of [ping, pong]) k.frames32[tcb.base + 2 * S3] = 0;
      k.frames32[ping.tcb.base] = label("ping");
      k.frames32[ping.tcb.base + 2 * S1] = 0;
      k.frames32[ping.tcb.base + 2 * S2] = times;
      const from = process.hrtime.bigint();
      testbed.start(ping);
      settle(k);
      const ns = Number(process.hrtime.bigint() - from);
      const [atPing, atPong] = [ping, pong].map(({ tcb }) => k.frames32[tcb.base + 2 * S3]!);
      if (!hasStopped(ping.tcb) || pong.tcb.state !== ThreadState.BlockedOnNotification || atPing !== times * BADGES[1] || atPong !== times * BADGES[0]) {
        throw new Error(`after ${times} signals each way the two had received ${atPing} and ${atPong}, and were in states ${ping.tcb.state} and ${pong.tcb.state}`);
      }
      return ns / times;
    },
    close: () => machine.close(),
  };
}
