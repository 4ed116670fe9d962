// What a trap costs with nothing behind it: a loop of system calls whose handler answers at once which thread goes on. The floor of the IPC figures.
import { assemble } from "../support/assemble.ts";
import { Testbed, TEXT, type Program } from "../support/testbed.ts";
import { Right } from "../../caps/abi/numbers.ts";
import { openQuietMachine } from "./pairs.ts";

export interface Crossing {
  /** @returns nanoseconds a trap, of so many */
  round(traps: number): number;
  close(): void;
}

/** @param spaces 1: the thread goes on after its trap; more: so many take turns, each in its own address space. More than there are engines: each time an engine is bound to another */
export function crossing(spaces: number): Crossing {
  const machine = openQuietMachine();
  const testbed = new Testbed(machine);
  const { bytes } = assemble("1: ecall\n addi s1, s1, 1\n j 1b", TEXT);
  const frames = Array.from({ length: spaces }, (_, i) => testbed.program(`t${i}`, bytes, 100).tcb.frame);
  const after = new Int32Array(Math.max(...frames) + 1);
  frames.forEach((frame, i) => void (after[frame] = frames[(i + 1) % spaces]!));
  return {
    round(traps) {
      let left = traps;
      const handler = (frame: number): number => (--left === 0 ? -1 : after[frame]!);
      const from = process.hrtime.bigint();
      machine.run(frames[0]!, handler);
      const ns = Number(process.hrtime.bigint() - from);
      if (left !== 0) throw new Error(`the loop ended with ${left} traps to go`);
      return ns / traps;
    },
    close: () => machine.close(),
  };
}

const PAGES = 64, PAGES_AT = 0x20_0000;
/** Traps are dearer here, and the difference of two is steadier with few. */
const FEWER = 16;

/** What it costs to find one page's translation again after a flush: a program touches 64 pages between two traps, with and without a flush before; so does one that touches none. */
export function refill(): Crossing {
  const machine = openQuietMachine();
  const testbed = new Testbed(machine), { k } = testbed;
  const touches = (pages: number): Uint8Array => assemble(`li s2, ${PAGES_AT}\n li s3, 4096\n 1: mv s1, s2\n li s4, ${pages}\n beqz s4, 3f\n 2: ld t0, 0(s1)\n add s1, s1, s3\n addi s4, s4, -1\n bnez s4, 2b\n 3: ecall\n j 1b`, TEXT).bytes;
  const programs = [0, PAGES].map((pages) => {
    const p = testbed.program(`touches ${pages}`, touches(pages), 100);
    for (let i = 0; i < pages; i++) testbed.map(p.vspace, PAGES_AT + i * 4096, Right.Read | Right.Write);
    return p;
  });
  const time = (p: Program, traps: number, flush: boolean): number => {
    let left = traps;
    const handler = (frame: number): number => {
      if (flush) k.machine.flushSpace(p.vspace.space);
      return --left === 0 ? -1 : frame;
    };
    const from = process.hrtime.bigint();
    k.machine.run(p.tcb.frame, handler);
    return Number(process.hrtime.bigint() - from) / traps;
  };
  return {
    round(traps) {
      const [none, all] = programs as [Program, Program];
      const times = Math.ceil(traps / FEWER);
      return (time(all, times, true) - time(all, times, false) - (time(none, times, true) - time(none, times, false))) / PAGES;
    },
    close: () => machine.close(),
  };
}
