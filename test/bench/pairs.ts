// Pairs of programs that call each other through the kernel, for the IPC figures: a client that makes a number of calls and stops, and a server that
// answers each with its words, the first one greater by one. They are started without a root server, in a kernel of their own.
import { toInfo, Reg } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, Fault, InitSlot, Kind, Syscall } from "../../caps/abi/numbers.ts";
import { moveSlot } from "../../caps/model/derivation.ts";
import { run } from "../../core/kernel/kernel.ts";
import { Cause } from "../../core/kernel/machine.ts";
import { setVSpace } from "../../core/kernel/objects/tcb.ts";
import { threadMemory } from "../../core/kernel/objects/vspace.ts";
import { TcbSlot, ThreadState, type Kernel, type Tcb } from "../../core/kernel/state.ts";
import { openMachine, type BoardMachine } from "../../core/machine/machine.ts";
import { assemble } from "../support/assemble.ts";
import { Testbed, TEXT, type Program } from "../support/testbed.ts";

const MIB = 2 ** 20;
export const PRIORITY = 100;
/** As the boot's loop: the host has its turn after so many ticks. */
const SLICE = 50_000;
const LABEL = 7;
const WORDS = 4;

/** The client's calls, of which s1 counts those of a round up to s2, and the server's answers; `work` is what the server does with a message before. */
export const pairTexts = ({ words = WORDS, caps = 0, work = "addi a2, a2, 1" } = {}): string => `
client:
  li a7, ${Syscall.Call}
  li a0, ${InitSlot.Service}
  li a1, ${toInfo(LABEL, words, caps)}
  ecall
  addi s1, s1, 1
  bltu s1, s2, client
  ebreak
server:
  li a7, ${Syscall.Recv}
  li a0, ${InitSlot.Service}
  li a6, ${InitSlot.Reply}
  ecall
answer:
  ${work}
  li a7, ${Syscall.ReplyRecv}
  li a0, ${InitSlot.Service}
  li a6, ${InitSlot.Reply}
  li a1, ${words}
  ecall
  j answer
`;
export const S1 = 9, S2 = 18;

/** A machine as the boot opens one, its devices connected to nothing. */
export function openQuietMachine(ramBytes = 64 * MIB, clock: "host" | "blocks" = "host"): BoardMachine {
  return openMachine({
    ramBytes, clock, console: { write() {}, ready: () => true, onDrained() {}, onInput() {} }, onControl() {}, onDevice() {}, onStranded() {},
    entropy: (most) => new Uint8Array(most),
    onProgramError(frame, text) {
      throw new Error(`hosted thread ${frame}: ${text}`);
    },
  });
}

export interface Pair {
  /** Makes so many calls, at least one. @returns nanoseconds a round trip. Throws when a call came back with anything but its answer. */
  round(calls: number): number;
  close(): void;
}

/** Machine programs in two address spaces. */
export const machinePair = (): Pair => realPair((testbed, text) => testbed.program("server", text, PRIORITY));

/** The same when the kernel makes every call itself. */
export const slowPair = (): Pair =>
  realPair((testbed, text) => {
    testbed.k.fast = false;
    return testbed.program("server", text, PRIORITY);
  });

/** Machine programs in one address space. */
export const samePair = (): Pair =>
  realPair((testbed, text, client) => {
    const server = testbed.program("server", text, PRIORITY);
    setVSpace(testbed.k, server.tcb, client.tcb.slots + TcbSlot.VSpace);
    return server;
  });

/** A machine program calls a hosted one. @param bundle text of the hosted program */
export const hostedPair = (bundle: string): Pair =>
  realPair((testbed, text) => {
    const server = testbed.program("server", text, PRIORITY);
    const refused = testbed.k.machine.hosted.load(server.tcb.frame, new TextEncoder().encode(bundle));
    if (refused !== null) throw new Error(refused);
    server.tcb.hosted = true;
    return server;
  });

/** The kernel's share: its code as it runs, but no engine; what the two programs' instructions do is done to their trap frames. */
export function kernelAlonePair(): Pair {
  const board = openQuietMachine();
  const testbed = new Testbed({ ...board, run: play });
  const frames = testbed.k.frames32;
  const text = new Uint8Array(4);
  const client = testbed.program("client", text, PRIORITY), server = testbed.program("server", text, PRIORITY);
  let calling = false, serving = false;

  function play(frame: number, trap: (frame: number, cause: number) => number): void {
    while (frame >= 0) frame = trap(frame, frame === client.tcb.frame ? playClient(client.tcb.base) : playServer(server.tcb.base));
  }
  function playClient(base: number): number {
    if (calling) frames[base + 2 * S1]!++;
    calling = frames[base + 2 * S1] !== frames[base + 2 * S2];
    if (!calling) return Cause.Breakpoint;
    set(base, Reg.a7, Syscall.Call);
    set(base, Reg.a0, InitSlot.Service);
    set(base, Reg.a1, toInfo(LABEL, WORDS));
    return Cause.Ecall;
  }
  function playServer(base: number): number {
    set(base, Reg.a7, serving ? Syscall.ReplyRecv : Syscall.Recv);
    set(base, Reg.a0, InitSlot.Service);
    set(base, Reg.a6, InitSlot.Reply);
    if (serving) {
      set(base, Reg.a1, WORDS);
      frames[base + 2 * Reg.a2]!++;
    }
    serving = true;
    return Cause.Ecall;
  }
  function set(base: number, register: number, value: number): void {
    frames[base + 2 * register] = value;
    frames[base + 2 * register + 1] = 0;
  }
  return connect(testbed, client, server, board);
}

/** What a pair does beyond the plain one: see `pairTexts`. */
export interface PairOptions {
  /** By how much each answer's first word is greater, and how many words it has. */
  readonly gain?: number;
  readonly words?: number;
  /** A round is made in stretches of at most so many calls; between them `tidy` is called, which is not timed. */
  readonly stretch?: number;
  readonly tidy?: () => void;
  /** What is wrong with the state after so many calls in all, in words. */
  readonly check?: (calls: number) => string | undefined;
}

export function realPair(
  makeServer: (testbed: Testbed, text: Uint8Array, client: Program) => Program,
  prepare: (testbed: Testbed, client: Program, server: Program) => PairOptions = () => ({}),
  text = pairTexts(),
): Pair {
  const machine = openQuietMachine();
  const testbed = new Testbed(machine);
  machine.attach(threadMemory(testbed.k));
  const { bytes, label } = assemble(text, TEXT);
  const client = testbed.program("client", bytes, PRIORITY);
  const server = makeServer(testbed, bytes, client);
  testbed.k.frames32[server.tcb.base] = label("server");
  return connect(testbed, client, server, machine, prepare(testbed, client, server));
}

/** Gives both their ends of an endpoint and starts the server, which waits. */
function connect(testbed: Testbed, client: Program, server: Program, machine: BoardMachine, { gain = 1, words = WORDS, stretch = Infinity, tidy, check }: PairOptions = {}): Pair {
  const k = testbed.k;
  const endpoint = testbed.make(Kind.Endpoint, 5);
  testbed.give(client, InitSlot.Service, endpoint, ALL_RIGHTS, 77);
  testbed.give(server, InitSlot.Service, endpoint);
  moveSlot(k.slots, testbed.make(Kind.Reply, 5), server.slots + InitSlot.Reply);
  testbed.start(server);
  settle(k);
  let total = 0;
  const { tcb } = client;
  const word = (register: number): number => k.frames32[tcb.base + 2 * register]!;
  const calling = (calls: number): number => {
    k.frames32[tcb.base] = TEXT;
    k.frames32[tcb.base + 2 * S1] = 0;
    k.frames32[tcb.base + 2 * S2] = calls;
    const from = process.hrtime.bigint();
    testbed.start(client);
    settle(k);
    const ns = Number(process.hrtime.bigint() - from);
    total += calls;
    if (!hasStopped(tcb) || word(S1) !== calls || word(Reg.a2) !== (total * gain | 0) || word(Reg.a1) !== words) {
      throw new Error(`the client stopped in state ${tcb.state}, fault ${tcb.faultLabel}, after ${word(S1)} of ${calls} calls with ${word(Reg.a2)} of ${total * gain} answers, info ${word(Reg.a1)}`);
    }
    const wrong = check?.(total);
    if (wrong !== undefined) throw new Error(wrong);
    return ns;
  };
  return {
    round(calls) {
      let ns = 0;
      for (let left = calls; left > 0; left -= stretch) {
        ns += calling(Math.min(left, stretch));
        tidy?.();
      }
      return ns / calls;
    },
    close: () => machine.close(),
  };
}

/** It came to its ebreak. */
export const hasStopped = ({ state, faultLabel }: Tcb): boolean => state === ThreadState.Faulted && faultLabel === Fault.Breakpoint;

export function settle(k: Kernel): void {
  while (run(k, k.machine.clock() + SLICE) === "slice");
}
