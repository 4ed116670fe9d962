// Many processes on one machine, for the scale figures: each has an address space with page tables, a CSpace of 256 slots, a thread with a SchedContext, and three
// pages: its text, which it may share with the others, its stack and its IPC buffer. They wait until they are told what to do, and do it so many times.
import { Reg, toInfo } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, InitSlot, Kind, Syscall } from "../../caps/abi/numbers.ts";
import { moveSlot } from "../../caps/model/derivation.ts";
import { signal } from "../../core/kernel/objects/notification.ts";
import { threadMemory } from "../../core/kernel/objects/vspace.ts";
import { ThreadState } from "../../core/kernel/state.ts";
import { assemble } from "../support/assemble.ts";
import { Testbed, TEXT, type Program } from "../support/testbed.ts";
import { openQuietMachine, PRIORITY, S1, S2, settle } from "./pairs.ts";

const MIB = 2 ** 20;
/** More than all objects of a process together. */
const PROCESS_BYTES = 40 * 1024;
/** Objects of a process, as a power of two. */
const OBJECT_BITS = 4;
const START = 20, COMMON = 21, WORDS = 4;
const S4 = 20;

const call = (slot: number): string => `li a7, ${Syscall.Call}\n li a0, ${slot}\n li a1, ${toInfo(7, WORDS)}\n ecall`;
const giveWay = `li a7, ${Syscall.Yield}\n ecall`;
const loop = (name: string, body: string): string => `${name}:\n ${body}\n addi s1, s1, 1\n bltu s1, s2, ${name}\n j begin\n`;

/** What a client can do: s4 says what, s2 how often. Each server answers with the first word greater by one. */
const TEXTS = `
begin:
  li a7, ${Syscall.Wait}
  li a0, ${START}
  ecall
  li s1, 0
  jr s4
${loop("switch", giveWay)}
${loop("alone", call(InitSlot.Service))}
${loop("pairs", `${call(InitSlot.Service)}\n ${giveWay}`)}
${loop("server", `${call(COMMON)}\n ${giveWay}`)}
serve:
  li a7, ${Syscall.Recv}
  li a0, ${InitSlot.Service}
  li a6, ${InitSlot.Reply}
  ecall
answer:
  addi a2, a2, 1
  li a7, ${Syscall.ReplyRecv}
  li a0, ${InitSlot.Service}
  li a6, ${InitSlot.Reply}
  li a1, ${WORDS}
  ecall
  j answer
`;

/** Yield; call the own server; call it and Yield, so that all clients do so in turn; call the one server that all have, and Yield. */
export type Work = "switch" | "alone" | "pairs" | "server";

export interface CrowdOptions {
  /** Processes that it may have. */
  readonly most: number;
  /** Every second process is the server of the one before; else all are clients. */
  readonly paired: boolean;
  /** One page of text for all, as for processes of one program; else a page each. */
  readonly shared: boolean;
}

export class Crowd {
  readonly #testbed: Testbed;
  readonly #label: (name: string) => number;
  readonly #text: Uint8Array | number;
  readonly #clients: { readonly p: Program; readonly start: number; answers: number }[] = [];
  readonly #common: number;
  readonly #paired: boolean;
  readonly ramBytes: number;
  readonly close: () => void;

  constructor({ most, paired, shared }: CrowdOptions) {
    this.#paired = paired;
    this.ramBytes = Math.ceil((most * PROCESS_BYTES) / (2 * MIB)) * 2 * MIB + 64 * MIB;
    const machine = openQuietMachine(this.ramBytes);
    this.close = () => machine.close();
    this.#testbed = new Testbed(machine, Math.ceil(Math.log2(most)) + OBJECT_BITS + 1);
    machine.attach(threadMemory(this.#testbed.k));
    const { bytes, label } = assemble(TEXTS, TEXT), { k } = this.#testbed;
    this.#label = label;
    this.#text = shared ? this.#testbed.make(Kind.Frame, 12) : bytes;
    if (typeof this.#text === "number") k.ram8.set(bytes, k.objects.base[this.#testbed.object(this.#text)]! - k.machine.ramBase);
    this.#common = this.#testbed.make(Kind.Endpoint, 5);
    this.#serve(this.#common);
    settle(this.#testbed.k);
  }

  get clients(): number {
    return this.#clients.length;
  }
  /** But for the one server that all have. */
  get processes(): number {
    return this.clients * (this.#paired ? 2 : 1);
  }

  /** Adds processes until there are so many. All of them wait when this returns. */
  grow(processes: number): void {
    const { k } = this.#testbed;
    while (this.processes < processes) {
      const start = this.#testbed.make(Kind.Notification, 6), p = this.#program("begin");
      this.#testbed.give(p, COMMON, this.#common, ALL_RIGHTS, 78);
      this.#testbed.give(p, START, start);
      if (this.#paired) {
        const endpoint = this.#testbed.make(Kind.Endpoint, 5);
        this.#testbed.give(p, InitSlot.Service, endpoint, ALL_RIGHTS, 77);
        this.#serve(endpoint);
      }
      this.#clients.push({ p, start: this.#testbed.object(start), answers: 0 });
      this.#testbed.start(p);
    }
    settle(k);
  }

  #program(at: string): Program {
    const p = this.#testbed.program(at, this.#text, PRIORITY);
    this.#testbed.k.frames32[p.tcb.base] = this.#label(at);
    return p;
  }

  #serve(endpoint: number): void {
    const p = this.#program("serve");
    this.#testbed.give(p, InitSlot.Service, endpoint);
    moveSlot(this.#testbed.k.slots, this.#testbed.make(Kind.Reply, 5), p.slots + InitSlot.Reply);
    this.#testbed.start(p);
  }

  /** Has `clients` of them do something so many times each, in turn. @returns nanoseconds each time. Throws when an answer was missing. */
  work(what: Work, clients: number, times: number): number {
    const { k } = this.#testbed, busy = this.#clients.slice(0, clients), f = k.frames32;
    for (const { p, start } of busy) {
      f[p.tcb.base + 2 * S2] = times;
      f[p.tcb.base + 2 * S4] = this.#label(what);
      signal(k, k.notifications[start]!, 1, 0);
    }
    const from = process.hrtime.bigint();
    settle(k);
    const ns = Number(process.hrtime.bigint() - from);
    for (const client of busy) {
      const { tcb } = client.p;
      if (what !== "switch") client.answers += times;
      if (tcb.state !== ThreadState.BlockedOnNotification || f[tcb.base + 2 * S1] !== times || f[tcb.base + 2 * Reg.a2] !== client.answers) {
        throw new Error(`${what}: client ${tcb.id} is in state ${tcb.state} after ${f[tcb.base + 2 * S1]} of ${times} times, with ${f[tcb.base + 2 * Reg.a2]} of ${client.answers} answers`);
      }
    }
    return ns / (clients * times);
  }
}
