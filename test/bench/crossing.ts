// What a trap costs with nothing behind it: a loop of system calls whose handler answers at once which thread goes on. The floor of the IPC figures.
import { assemble } from "../support/assemble.ts";
import { Testbed, TEXT } from "../support/testbed.ts";
import { openQuietMachine } from "./pairs.ts";

export interface Crossing {
  /** @returns nanoseconds a trap, of so many */
  round(traps: number): number;
  close(): void;
}

/** @param spaces 1: the thread goes on after its trap; 2: the other one does, in its own address space */
export function crossing(spaces: 1 | 2): Crossing {
  const machine = openQuietMachine();
  const testbed = new Testbed(machine);
  const { bytes } = assemble("1: ecall\n addi s1, s1, 1\n j 1b", TEXT);
  const frames = Array.from({ length: spaces }, (_, i) => testbed.program(`t${i}`, bytes, 100).tcb.frame);
  const [first, second] = [frames[0]!, frames.at(-1)!];
  return {
    round(traps) {
      let left = traps;
      const handler = spaces === 1 ? (frame: number): number => (--left === 0 ? -1 : frame) : (frame: number): number => (--left === 0 ? -1 : frame === first ? second : first);
      const from = process.hrtime.bigint();
      machine.run(first, handler);
      const ns = Number(process.hrtime.bigint() - from);
      if (left !== 0) throw new Error(`the loop ended with ${left} traps to go`);
      return ns / traps;
    },
    close: () => machine.close(),
  };
}
