// Interrupts and faults on the real engine, by the deterministic clock: a storm takes nobody's time but its driver's; keepers of keepers.
import { afterEach, expect, test } from "vitest";
import { InitSlot, Invocation, ALL_RIGHTS, Fault, Kind, Right, Syscall } from "../../caps/abi/numbers.ts";
import { toInfo } from "../../caps/abi/message.ts";
import { moveSlot } from "../../caps/model/derivation.ts";
import { install } from "../../core/kernel/capabilities.ts";
import { run } from "../../core/kernel/kernel.ts";
import { checkInvariants } from "../../core/kernel/invariants.ts";
import { setTcbSlot } from "../../core/kernel/objects/tcb.ts";
import { threadMemory } from "../../core/kernel/objects/vspace.ts";
import { TcbSlot, ThreadState } from "../../core/kernel/state.ts";
import { configure } from "../../core/kernel/time.ts";
import type { BoardMachine } from "../../core/machine/machine.ts";
import { openQuietMachine } from "../bench/pairs.ts";
import { assemble } from "../support/assemble.ts";
import { Testbed, TEXT, type Program } from "../support/testbed.ts";

const LINE = 20, HANDLER = 20, NTF = 21, KEEPER = 22, REPLY = 23, TOLD = 24;
const S1 = 9, S2 = 18;
const MS = 10_000;

let board: BoardMachine | undefined;
afterEach(() => {
  board?.close();
  board = undefined;
});

class World {
  readonly bed: Testbed;
  readonly #endpoints = new Map<Program, number>();
  constructor() {
    board = openQuietMachine(64 << 20, "blocks");
    this.bed = new Testbed(board, 12);
    board.attach(threadMemory(this.bed.k));
  }
  program(name: string, source: string, priority: number): Program {
    return this.bed.program(name, assemble(source, TEXT).bytes, priority);
  }
  /** Budget and period in milliseconds. */
  time(p: Program, budget: number, period: number): void {
    configure(this.bed.k, this.bed.k.schedContexts[p.tcb.homeSc]!, budget * MS, period * MS);
  }
  register(p: Program, register: number): number {
    return this.bed.k.frames32[p.tcb.base + 2 * register]!;
  }
  /** A handler for the line, whose notification the driver has in NTF. */
  handler(p: Program, edge = false): void {
    const { k } = this.bed, notification = this.bed.make(Kind.Notification, 6), id = k.objects.create(Kind.IRQHandler, 0, 0, 0);
    this.bed.give(p, NTF, notification, ALL_RIGHTS, 4);
    k.irqHandlers[id] = { line: LINE, notification: this.bed.object(notification), badgeLo: 4, badgeHi: 0 };
    k.irqLines[LINE] = id;
    install(k, p.slots + HANDLER, Kind.IRQHandler, id, ALL_RIGHTS, 0);
    board!.irq.setEdge(LINE, edge);
    board!.irq.unmask(LINE);
  }
  keeper(of: Program, keeper: Program, badge: number): void {
    const { k } = this.bed, known = this.#endpoints.get(keeper), row = known ?? this.bed.make(Kind.Endpoint, 5);
    if (known === undefined) {
      this.#endpoints.set(keeper, row);
      this.bed.give(keeper, KEEPER, row);
      moveSlot(k.slots, this.bed.make(Kind.Reply, 5), keeper.slots + REPLY);
    }
    this.bed.give(of, TOLD, row, Right.Write | Right.GrantReply, badge);
    setTcbSlot(k, of.tcb, TcbSlot.Keeper, of.slots + TOLD);
  }
  go(ms: number): void {
    const { k } = this.bed, end = k.machine.clock() + ms * MS;
    for (let pause = run(k, end); k.machine.clock() < end && pause !== "idle"; ) pause = run(k, end);
    checkInvariants(k);
  }
}

const DRIVER = `
  loop:
  li a7, ${Syscall.Wait}
  li a0, ${NTF}
  ecall
  addi s1, s1, 1
  li a7, ${Syscall.Call}
  li a0, ${HANDLER}
  li a1, ${toInfo(Invocation.IRQHandlerAck, 0)}
  ecall
  j loop`;
const COUNT = "loop: addi s1, s1, 1\n bnez s1, loop";

test("a line that never goes low: the driver that acknowledges at once has its budget, and somebody far below has the rest", () => {
  const w = new World(), driver = w.program("driver", DRIVER, 200), bystander = w.program("bystander", COUNT, 10);
  w.handler(driver);
  w.time(driver, 2, 10);
  for (const p of [driver, bystander]) w.bed.start(p);
  w.go(10);
  const alone = new World();
  const same = alone.program("same", COUNT, 10);
  alone.bed.start(same);
  alone.go(200);
  const most = alone.register(same, S1);
  board!.close();
  const again = new World(), d = again.program("driver", DRIVER, 200), b = again.program("bystander", COUNT, 10);
  again.handler(d);
  again.time(d, 2, 10);
  for (const p of [d, b]) again.bed.start(p);
  board!.irq.setLevel(LINE, true);
  again.go(200);
  const share = again.register(b, S1) / most;
  expect(share).toBeGreaterThan(0.7);
  expect(share).toBeLessThan(0.9);
  expect(again.register(d, S1)).toBeGreaterThan(100);
});

test("a line that is not acknowledged interrupts once, however long it is high", () => {
  const w = new World(), driver = w.program("driver", `li a7, ${Syscall.Wait}\n li a0, ${NTF}\n ecall\n addi s1, s1, 1\n 1: li a7, ${Syscall.Wait}\n li a0, ${NTF}\n ecall\n addi s1, s1, 1\n j 1b`, 200);
  const bystander = w.program("bystander", COUNT, 10);
  w.handler(driver);
  for (const p of [driver, bystander]) w.bed.start(p);
  board!.irq.setLevel(LINE, true);
  w.go(50);
  expect(w.register(driver, S1)).toBe(1);
});

test("an edge interrupts when the line rises, once; one that comes before the acknowledgement is not lost", () => {
  const w = new World(), driver = w.program("driver", DRIVER, 200), bystander = w.program("bystander", COUNT, 10);
  w.handler(driver, true);
  for (const p of [driver, bystander]) w.bed.start(p);
  w.go(1);
  board!.irq.setLevel(LINE, true);
  w.go(5);
  expect(w.register(driver, S1)).toBe(1);
  for (let i = 0; i < 3; i++) {
    board!.irq.setLevel(LINE, false);
    board!.irq.setLevel(LINE, true);
  }
  w.go(5);
  expect(w.register(driver, S1)).toBe(2);
});

test("an interrupt reaches a thread that waits for messages, through its bound notification", () => {
  const w = new World();
  const server = w.program("server", `li a7, ${Syscall.Recv}\n li a0, ${InitSlot.Service}\n li a6, 0\n ecall\n mv s1, a0\n ebreak`, 100);
  w.bed.give(server, InitSlot.Service, w.bed.make(Kind.Endpoint, 5));
  w.handler(server);
  const n = w.bed.k.notifications[w.bed.k.slots.object[server.slots + NTF]!]!;
  server.tcb.boundNotification = n.id;
  n.boundTcb = server.tcb.id;
  w.bed.start(server);
  w.go(1);
  board!.irq.setLevel(LINE, true);
  w.go(5);
  expect([w.register(server, S1), server.tcb.faultLabel]).toEqual([4, Fault.Breakpoint]);
});

/** Receives faults for ever; counts them in s1, keeps the last badge in s2; lets the thread go on where `next` says, or 4 bytes on. */
const keeperLoop = (before: string, answer: string): string => `
  li a7, ${Syscall.Recv}
  li a0, ${KEEPER}
  li a6, ${REPLY}
  ecall
  loop: addi s1, s1, 1
  mv s2, a0
  ${before}
  ${answer}
  li a7, ${Syscall.ReplyRecv}
  li a0, ${KEEPER}
  li a6, ${REPLY}
  ecall
  j loop`;
const NEXT = "addi a2, a2, 4\n li a1, 1";

test("a keeper that faults at its work has a keeper too; each goes on when it was repaired", () => {
  const w = new World();
  const faulty = w.program("faulty", "1: .word 0\n addi s1, s1, 1\n j 1b", 50);
  // It stumbles itself at each fault, once it has the message.
  const keeper = w.program("keeper", keeperLoop("mv s3, a2\n .word 0\n mv a2, s3", NEXT), 60);
  const second = w.program("second", keeperLoop("", NEXT), 70);
  w.keeper(faulty, keeper, 7);
  w.keeper(keeper, second, 8);
  for (const p of [second, keeper, faulty]) w.bed.start(p);
  w.go(5);
  expect(w.register(faulty, S1)).toBeGreaterThan(100);
  expect(Math.abs(w.register(keeper, S1) - w.register(second, S1))).toBeLessThanOrEqual(1);
  expect([w.register(keeper, S2), w.register(second, S2)]).toEqual([7, 8]);
});

test("a keeper sends the thread elsewhere", () => {
  const w = new World();
  const faulty = w.program("faulty", "1: .word 0\n j 1b\n .balign 64\n there: addi s1, s1, 1\n j there", 50);
  const keeper = w.program("keeper", keeperLoop("", `li a2, ${TEXT + 64}\n li a1, 1`), 60);
  w.keeper(faulty, keeper, 1);
  for (const p of [keeper, faulty]) w.bed.start(p);
  w.go(5);
  expect(w.register(keeper, S1)).toBe(1);
  expect(w.register(faulty, S1)).toBeGreaterThan(1000);
});

test("a server that faults while a client waits for it: repaired, it answers; not repaired, the client waits until it is taken away", () => {
  for (const repaired of [true, false]) {
    const w = new World();
    const server = w.program("server", `li a7, ${Syscall.Recv}\n li a0, ${InitSlot.Service}\n li a6, ${InitSlot.Reply}\n ecall\n .word 0\n li a7, ${Syscall.Send}\n li a0, ${InitSlot.Reply}\n li a1, ${toInfo(5, 0)}\n ecall\n li a7, ${Syscall.Recv}\n li a0, ${InitSlot.Service}\n ecall`, 50);
    const client = w.program("client", `li a7, ${Syscall.Call}\n li a0, ${InitSlot.Service}\n li a1, ${toInfo(1, 0)}\n ecall\n mv s1, a1\n ebreak`, 40);
    const keeper = w.program("keeper", keeperLoop("", repaired ? NEXT : `li a1, ${toInfo(1, 0)}`), 60);
    const endpoint = w.bed.make(Kind.Endpoint, 5);
    w.bed.give(server, InitSlot.Service, endpoint);
    w.bed.give(client, InitSlot.Service, endpoint, ALL_RIGHTS, 3);
    moveSlot(w.bed.k.slots, w.bed.make(Kind.Reply, 5), server.slots + InitSlot.Reply);
    w.keeper(server, keeper, 1);
    for (const p of [keeper, server, client]) w.bed.start(p);
    w.go(5);
    if (repaired) expect(w.register(client, S1)).toBe(toInfo(5, 0));
    else expect([client.tcb.state, server.tcb.state]).toEqual([ThreadState.BlockedOnReply, ThreadState.Faulted]);
    board!.close();
  }
  board = undefined;
});
