/** Calls that the addon carries out itself: it does what the kernel would, word for word, and leaves to the kernel what is not plain. */
import { afterEach, describe, expect, test } from "vitest";
import { Frame, toInfo } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, Kind, Right, Syscall } from "../../caps/abi/numbers.ts";
import { moveSlot } from "../../caps/model/derivation.ts";
import { OBJECT_WORDS } from "../../caps/model/objects.ts";
import { deleteSlot } from "../../core/kernel/capabilities.ts";
import { checkInvariants } from "../../core/kernel/invariants.ts";
import { run } from "../../core/kernel/kernel.ts";
import { threadMemory } from "../../core/kernel/objects/vspace.ts";
import { configure } from "../../core/kernel/time.ts";
import { CONTROL } from "../../core/machine/shared.ts";
import type { BoardMachine } from "../../core/machine/machine.ts";
import { openQuietMachine } from "../bench/pairs.ts";
import { assemble } from "../support/assemble.ts";
import { Testbed, TEXT, type Program } from "../support/testbed.ts";

const SERVICE = 20, REPLY = 21, NTF = 22, NARROW = 23;
/** A client that calls until it has called 50 times, and a server that answers with the words plus one; each then stops at an ebreak. */
const TEXTS = `
client:
  li s2, 50
1: li a7, ${Syscall.Call}
  li a0, ${SERVICE}
  li a1, ${toInfo(7, 4)}
  addi a2, a2, 3
  ecall
  addi s1, s1, 1
  bltu s1, s2, 1b
  ebreak
server:
  li a7, ${Syscall.Recv}
  li a0, ${SERVICE}
  li a6, ${REPLY}
  ecall
2: li a7, ${Syscall.ReplyRecv}
  li a0, ${SERVICE}
  li a6, ${REPLY}
  li a1, ${toInfo(5, 3)}
  addi a2, a2, 1
  ecall
  j 2b
wide:
  li a7, ${Syscall.Call}
  li a0, 0x100000000 + ${SERVICE}
  li a1, ${toInfo(7, 4)}
  ecall
  addi s1, s1, 1
  j wide
long:
  li a7, ${Syscall.Call}
  li a0, ${SERVICE}
  li a1, ${toInfo(7, 5)}
  ecall
  addi s1, s1, 1
  j long
early:
  li a0, ${SERVICE}
  li a6, ${REPLY}
  li a7, ${Syscall.ReplyRecv}
  ecall
  j 2b
narrow:
  li a7, ${Syscall.Recv}
  li a0, ${SERVICE}
  li a6, ${REPLY}
  ecall
3: li a7, ${Syscall.ReplyRecv}
  li a0, ${NARROW}
  li a6, ${REPLY}
  li a1, ${toInfo(5, 3)}
  ecall
  j 3b
idler:
  addi s1, s1, 1
  j idler
`;

interface World {
  readonly machine: BoardMachine;
  readonly bed: Testbed;
  readonly client: Program;
  readonly server: Program;
  readonly endpoint: number;
  /** Address of a label of TEXTS. */
  readonly at: (label: string) => number;
}
const opened: BoardMachine[] = [];
afterEach(() => opened.splice(0).forEach((machine) => machine.close()));

function world(fast: boolean, change: (w: World) => void): World {
  const machine = openQuietMachine(8 << 20, "blocks");
  opened.push(machine);
  const bed = new Testbed(machine, 8);
  bed.k.fast = fast;
  machine.attach(threadMemory(bed.k));
  const { bytes, label } = assemble(TEXTS, TEXT);
  const client = bed.program("client", bytes, 100), server = bed.program("server", bytes, 100);
  bed.k.frames32[server.tcb.base] = label("server");
  const endpoint = bed.make(Kind.Endpoint, 5);
  bed.give(client, SERVICE, endpoint, ALL_RIGHTS, 2 ** 33 + 77);
  bed.give(server, SERVICE, endpoint);
  moveSlot(bed.k.slots, bed.make(Kind.Reply, 5), server.slots + REPLY);
  bed.give(server, NTF, bed.make(Kind.Notification, 6));
  const w = { machine, bed, client, server, endpoint, at: label };
  change(w);
  bed.start(server);
  bed.start(client);
  return w;
}

/** All there is to see of threads and objects. */
function look({ bed: { k }, machine }: World): unknown {
  const { objects: o } = k;
  return {
    now: machine.clock(), current: k.current, chosen: k.chosen, runningSc: k.runningSc, heads: [...k.readyHead].filter((id) => id !== 0), bits: [...k.readyBits],
    words: [...o.words.subarray(0, o.count * OBJECT_WORDS)], frames: [...k.frames32.subarray(0, 2 * Frame.WORDS * k.framesUsed)],
    threads: k.tcbs.map((t) => t && { ...t }), times: k.schedContexts.map((sc) => sc && { ...sc }),
  };
}
const fastCalls = (w: World): number => new Float64Array(w.machine.control, 0, 8)[CONTROL.fastCalls]!;

/** Both worlds, a few ticks at a time, as long as the calls take. How many calls the addon carried out. */
function compare(change: (w: World) => void): number {
  const [fast, slow] = [world(true, change), world(false, change)];
  for (let turn = 0; turn < 400; turn++) {
    for (const w of [fast, slow]) {
      run(w.bed.k, w.machine.clock() + 1 + (turn % 7));
      checkInvariants(w.bed.k);
    }
    expect(look(fast), `after turn ${turn}`).toEqual(look(slow));
  }
  expect(fastCalls(slow)).toBe(0);
  return fastCalls(fast);
}

/** A second thread of the client's kind, and what else a case needs. */
function another(w: World, priority: number, label = "client"): Program {
  const { bytes, label: at } = assemble(TEXTS, TEXT);
  const p = w.bed.program(label, bytes, priority);
  w.bed.k.frames32[p.tcb.base] = at(label);
  w.bed.give(p, SERVICE, w.endpoint, ALL_RIGHTS, 5);
  w.bed.start(p);
  return p;
}

describe("FAST", () => {
  test("plain calls are carried out by the addon, as the kernel would", () => {
    // The first Call finds the server not yet waiting, or the first Recv; all others are the addon's.
    expect(compare(() => {})).toBeGreaterThan(95);
  });

  const cases: readonly (readonly [what: string, change: (w: World) => void, addonToo: boolean])[] = [
    ["two clients stand in line", (w) => another(w, 100), true],
    ["a more urgent client comes between", (w) => another(w, 120), true],
    ["an idler of the same priority", (w) => { another(w, 100, "idler"); for (const sc of w.bed.k.schedContexts) if (sc !== undefined) configure(w.bed.k, sc, 30, 30); }, true],
    ["turns end inside a more urgent server", (w) => {
      w.server.tcb.priority = 110;
      another(w, 100, "idler");
      another(w, 100);
      for (const sc of w.bed.k.schedContexts) if (sc !== undefined) configure(w.bed.k, sc, 12, 12);
    }, true],
    ["a less urgent idler", (w) => another(w, 50, "idler"), true],
    ["the server is less urgent than an idler", (w) => { w.server.tcb.priority = 60; another(w, 80, "idler"); }, false],
    ["the server has no time of its own", (w) => {
      w.bed.start(w.server);
      run(w.bed.k, w.machine.clock() + 100);
      const own = w.bed.k.schedContexts[w.server.tcb.homeSc]!;
      own.home = own.tcb = w.server.tcb.sc = w.server.tcb.homeSc = 0;
    }, true],
    ["the client's time runs out in between", (w) => configure(w.bed.k, w.bed.k.schedContexts[w.client.tcb.sc]!, 8, 2000), true],
    ["the server has a bound notification", (w) => {
      const n = w.bed.k.notifications[w.bed.k.slots.object[w.server.slots + NTF]!]!;
      n.boundTcb = w.server.tcb.id;
      w.server.tcb.boundNotification = n.id;
    }, true],
    ["a signal waits at the bound notification", (w) => {
      const n = w.bed.k.notifications[w.bed.k.slots.object[w.server.slots + NTF]!]!;
      n.boundTcb = w.server.tcb.id;
      w.server.tcb.boundNotification = n.id;
      n.wordLo = 4;
    }, true],
    ["the client steps", (w) => { w.client.tcb.steps = true; w.bed.k.frames32[w.client.tcb.base + 2 * Frame.DEBUG] = 1; }, false],
    ["the client may not call", (w) => { w.bed.k.slots.rights[w.client.slots + SERVICE] = Right.Write; }, false],
    ["the client may not send", (w) => { w.bed.k.slots.rights[w.client.slots + SERVICE] = Right.Read | Right.Grant; }, false],
    ["the server may not receive", (w) => { w.bed.k.slots.rights[w.server.slots + SERVICE] = Right.Write | Right.Grant; }, false],
    ["the client's slot is empty", (w) => void deleteSlot(w.bed.k, w.client.slots + SERVICE), false],
    ["the server has no reply object", (w) => void deleteSlot(w.bed.k, w.server.slots + REPLY), false],
    ["the client's CSpace has another guard", (w) => { w.bed.k.slots.badgeLo[w.client.tcb.slots] = 1; }, false],
    ["the client names more than 32 bits", (w) => { w.bed.k.frames32[w.client.tcb.base] = w.at("wide"); }, false],
    ["the client sends five words", (w) => { w.bed.k.frames32[w.client.tcb.base] = w.at("long"); }, true],
    ["the server answers nobody", (w) => { w.bed.k.frames32[w.server.tcb.base] = w.at("early"); }, true],
    ["the server goes on receiving through one without Grant", (w) => {
      w.bed.give(w.server, NARROW, w.endpoint, Right.Read);
      w.bed.k.frames32[w.server.tcb.base] = w.at("narrow");
    }, true],
    ["the server is debugged", (w) => { w.server.tcb.steps = true; w.bed.k.frames32[w.server.tcb.base + 2 * Frame.DEBUG] = 1; }, false],
  ];
  test.each(cases)("%s", (_, change, addonToo) => {
    const calls = compare(change);
    if (addonToo) expect(calls).toBeGreaterThan(10);
    else expect(calls).toBe(0);
  });
});
