// The engine of hosted programs: what Unicorn is for machine programs, for generators in SES compartments. The kernel sees the same trap frames.
//
//   HOST-1  A program has no authority but its thread's: `env` holds system calls, the thread's memory and plain data; REALM-1..3 hold for the rest.
//   HOST-2  `step` returns at the next system call with its registers set as after an `ecall`; while the program does not run, its `sys` and `mem` refuse.
//           pc is then 4, behind an `ecall` at 0; a kernel that has moved it back to 0 has the same call made again (a long one goes in pieces), without the program.
//   HOST-3  A fault or an end is for good: a generator that threw cannot be continued.
//
// A program that never yields cannot be preempted (CAVEATS.md).
import { Frame, Reg } from "../../caps/abi/message.ts";
import type { Env, HostedEnvironment, Sys } from "../../caps/abi/hosted.ts";
import { answerPrototype, createCalls } from "./hosted-calls.ts";
import { createMemory, type HostedMemory } from "./hosted-memory.ts";
import { Gate, type HostedMachine, HostedThread } from "./hosted-thread.ts";
import { evaluateProgram, safeText, traceOf } from "./lockdown.ts";

export type { HostedMachine } from "./hosted-thread.ts";

/** RISC-V causes that `step` returns beside the page and access faults. */
const ECALL = 8;
const ECALL_BYTES = 4;
const ENDED = 3;
const THREW = 2;
const MOST_ENVIRONMENT = 1 << 20;

export interface HostedEngine {
  /**
   * Evaluates program text for the thread with this trap frame, replacing what was there.
   * @returns why it is not a program, or null. Its environment is read when it first steps, so registers may be set after this.
   */
  load(frame: number, source: string): string | null;
  /**
   * Runs the thread to its next system call.
   * @returns 8 at a system call; 3 when the program returned; 2 when it threw or there is none (`lastError` has the text); 13, 15, 5 or 7 when an access to
   * memory was refused. Cause and address are in the trap frame too.
   * @throws what the machine threw during a memory access: never the program's doing.
   */
  step(frame: number): number;
  unload(frame: number): void;
  /** Why the thread last stopped with 2, or failed to load; with the program's own stack frames. Empty if it did not. */
  lastError(frame: number): string;
}

interface Running {
  readonly thread: HostedThread;
  readonly memory: HostedMemory;
  readonly sys: Sys;
  readonly main: (env: Env) => unknown;
  generation: number;
  generator: Generator<unknown, unknown, void> | null;
  ended: number;
}

const GeneratorFunctionPrototype = Object.getPrototypeOf(function* () {}) as { prototype: Generator };
/** The intrinsic: it refuses what is not a genuine generator, and a program cannot replace it. */
const next = GeneratorFunctionPrototype.prototype.next;

export function createHostedEngine(machine: HostedMachine): HostedEngine {
  const frames = new Int32Array(machine.frames);
  const running: (Running | undefined)[] = [];
  const errors: string[] = [];

  function load(frame: number, source: string): string | null {
    unload(frame);
    let main: unknown;
    try {
      main = evaluateProgram(source);
    } catch (error) {
      return (errors[frame] = withTrace(error));
    }
    if (typeof main !== "function" || Object.getPrototypeOf(main) !== GeneratorFunctionPrototype) {
      return (errors[frame] = "the program's default export is not a generator function");
    }
    const thread = new HostedThread(frame);
    const memory = createMemory(machine, thread);
    harden(answerPrototype);
    const sys = harden(createCalls(frames, thread, memory.mem));
    harden(memory.mem);
    running[frame] = { thread, memory, sys, main: main as Running["main"], generation: machine.generation(frame), generator: null, ended: 0 };
    return null;
  }

  function unload(frame: number): void {
    const program = running[frame];
    if (program !== undefined) program.thread.gate = Gate.OUTSIDE;
    running[frame] = undefined;
    errors[frame] = "";
  }

  function step(frame: number): number {
    const program = running[frame];
    if (program === undefined) return trap(frame, THREW, 0);
    if (program.ended !== 0) return trap(frame, program.ended, 0);
    const { thread, memory } = program;
    if (thread.calling && frames[thread.base] === 0 && frames[thread.base + 1] === 0) return called(thread);
    const generation = machine.generation(frame);
    if (generation !== program.generation) {
      program.generation = generation;
      memory.flush();
    }
    thread.gate = Gate.OPEN;
    thread.calling = false;
    frames[thread.base] = frames[thread.base + 1] = 0;
    try {
      if (program.generator === null) program.generator = program.main(readEnvironment(program)) as Generator;
      const result = next.call(program.generator) as IteratorResult<unknown, unknown>;
      if (thread.gate === Gate.OPEN) {
        if (result.done === true) return stop(program, ENDED, "");
        if (thread.calling) {
          finish(program, ECALL, 0);
          return called(thread);
        }
        return stop(program, THREW, "the program yielded without a system call");
      }
    } catch (error) {
      if (thread.gate === Gate.OPEN) return stop(program, THREW, withTrace(error));
    }
    if (thread.hostFailed) {
      stop(program, THREW, "the machine failed");
      throw thread.hostError;
    }
    program.ended = thread.cause;
    return finish(program, thread.cause, thread.tval);
  }

  function called({ base }: HostedThread): number {
    frames[base] = ECALL_BYTES;
    frames[base + 1] = 0;
    return ECALL;
  }

  /** Ends a program for good. */
  function stop(program: Running, cause: number, error: string): number {
    errors[program.thread.frame] = error;
    program.ended = cause;
    return finish(program, cause, 0);
  }

  function finish(program: Running, cause: number, tval: number): number {
    program.thread.gate = Gate.OUTSIDE;
    program.memory.settle();
    return cause === ECALL ? ECALL : trap(program.thread.frame, cause, tval);
  }

  function trap(frame: number, cause: number, tval: number): number {
    const base = frame * (Frame.BYTES / 4);
    frames[base + 2 * Frame.CAUSE] = cause;
    frames[base + 2 * Frame.CAUSE + 1] = 0;
    frames[base + 2 * Frame.TVAL] = tval | 0;
    frames[base + 2 * Frame.TVAL + 1] = Math.floor(tval / 2 ** 32);
    return cause;
  }

  function readEnvironment(program: Running): Env {
    const { thread, memory, sys } = program;
    const register = (number: number): number => (frames[thread.base + 2 * number]! >>> 0) + (frames[thread.base + 2 * number + 1]! >>> 0) * 2 ** 32;
    const start = { address: register(Reg.a0), bytes: register(Reg.a1) };
    if (start.bytes > MOST_ENVIRONMENT) throw new RangeError(`an environment has at most ${MOST_ENVIRONMENT} bytes, not ${start.bytes}`);
    let given: Partial<HostedEnvironment> | null = {};
    if (start.bytes > 0) given = JSON.parse(new TextDecoder().decode(memory.mem.read(start.address, start.bytes))) as Partial<HostedEnvironment> | null;
    const { name = "", slots = 0, use = {}, offers = [], args = null } = given ?? {};
    return harden({ sys, mem: memory.mem, name, slots, use, offers, args, start });
  }

  return { load, step, unload, lastError: (frame) => errors[frame] ?? "" };
}

function withTrace(error: unknown): string {
  const text = safeText(error);
  const trace = traceOf(error);
  return trace === "" ? text : `${text}\n${trace}`;
}
