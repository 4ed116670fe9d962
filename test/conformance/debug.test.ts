/** Single steps and breakpoints on the engine: each stop is exact, and nobody else is touched by them. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { BREAKPOINTS, CAUSE, CONTROL, DEBUG, FRAME, FRAME_BYTES } from "../../core/machine/shared.ts";
import { runs } from "../model/runs.ts";
import { PAGE, withRig, type Rig } from "./rig.ts";

const TEXT = 0x1_0000, DATA = 0x2_0000;
const [A0, A1, A2] = [10, 11, 12];

/** All registers of a thread but pc. */
const registers = (rig: Rig, frame: number): readonly bigint[] => Array.from({ length: 64 }, (_, i) => rig.get(frame, i + 1));

function setup(rig: Rig, source: string): { readonly root: number; readonly data: number; readonly label: (name: string) => number } {
  const root = rig.space(0);
  const { label } = rig.program(root, TEXT, source);
  const data = rig.data(root, DATA);
  rig.thread(0, 0, TEXT);
  rig.set(0, A0, DATA);
  return { root, data, label };
}

/** Steps a thread to its first trap of another cause; the pcs it stopped at. */
function stepAll(rig: Rig, frame: number, most = 10_000): { readonly pcs: readonly number[]; readonly cause: number } {
  const pcs: number[] = [];
  let last = -1;
  rig.set(frame, FRAME.debug, DEBUG.step);
  rig.machine.run(frame, (_frame, cause) => {
    last = cause;
    if (cause === CAUSE.preempted) return frame;
    if (cause !== CAUSE.stepped) return -1;
    pcs.push(Number(rig.get(frame, FRAME.pc)));
    return pcs.length === most ? -1 : frame;
  });
  return { pcs, cause: last };
}

test("a step is one instruction, whatever it is: branches, compressed ones, loads and stores, to itself", () =>
  withRig((rig) => {
    const { label } = setup(rig, `
      li t0, 3
      loop: addi a1, a1, 1
      sd a1, 0(a0)
      ld a2, 0(a0)
      addi t0, t0, -1
      bnez t0, loop
      nop
      end: ecall`);
    const { pcs, cause } = stepAll(rig, 0);
    expect(cause).toBe(CAUSE.call);
    expect(rig.get(0, A2)).toBe(3n);
    expect(pcs.filter((pc) => pc === label("loop")).length).toBe(3);
    expect(pcs.at(-1)).toBe(label("end"));
    expect(pcs.length).toBe(1 + 3 * 5 + 1);
  }));

test("an instruction that branches to itself is stepped like any other", () =>
  withRig((rig) => {
    setup(rig, "self: j self");
    const { pcs } = stepAll(rig, 0, 50);
    expect(pcs).toEqual(Array.from({ length: 50 }, () => TEXT));
  }));

const REGS = [11, 12, 13, 14, 15, 28, 29, 30];
const reg = fc.constantFrom(...REGS);
const instruction: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.constantFrom("add", "sub", "xor", "and", "or", "mul", "sltu", "sll", "divu", "remu", "addw", "mulh"), reg, reg, reg).map(([op, a, b, c]) => `${op} x${a}, x${b}, x${c}`),
  fc.tuple(fc.constantFrom("addi", "xori", "andi", "slti"), reg, reg, fc.integer({ min: -2048, max: 2047 })).map(([op, a, b, n]) => `${op} x${a}, x${b}, ${n}`),
  fc.tuple(fc.constantFrom("sd", "sw", "sb", "ld", "lw", "lbu"), reg, fc.integer({ min: 0, max: 200 })).map(([op, a, n]) => `${op} x${a}, ${n * 8}(a0)`),
  fc.tuple(fc.constantFrom("beq", "bne", "bltu", "bge"), reg, reg).map(([op, a, b]) => `${op} x${a}, x${b}, 1f\n nop\n addi x11, x11, 7\n 1:`),
  fc.tuple(reg, reg).map(([a, b]) => `amoadd.d x${a}, x${b}, (a0)`),
  fc.tuple(reg, reg).map(([a, b]) => `fcvt.d.l f1, x${a}\n fadd.d f2, f1, f2\n fcvt.l.d x${b}, f2, rtz`),
  fc.constantFrom("nop", "jal x1, 1f\n nop\n 1:", "fence"),
);

test("stepped or not, preempted or not, random code comes to the same", () => {
  fc.assert(
    fc.property(fc.array(instruction, { minLength: 5, maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (code, slice) => {
      const outcome = (how: "plain" | "stepped" | "sliced") =>
        withRig((rig) => {
          const { data } = setup(rig, `${REGS.map((r, i) => `li x${r}, ${1_000_003 * (i + 3)}`).join("\n")}\n${code.join("\n")}\n ecall`);
          if (how === "plain") expect(rig.trap(0)).toBe(CAUSE.call);
          if (how === "stepped") expect(stepAll(rig, 0).cause).toBe(CAUSE.call);
          if (how === "sliced") {
            // A deadline at every few blocks beside the steps.
            let steps = 0;
            rig.set(0, FRAME.debug, DEBUG.step);
            rig.control[CONTROL.deadline] = rig.machine.clock() + slice / 8;
            rig.machine.run(0, (_f, cause) => {
              rig.control[CONTROL.deadline] = rig.machine.clock() + slice / 8;
              steps++;
              return cause === CAUSE.stepped || cause === CAUSE.preempted ? 0 : -1;
            });
            expect(steps).toBeGreaterThan(code.length);
          }
          return { registers: registers(rig, 0), pc: rig.get(0, FRAME.pc), memory: [...new Uint8Array(rig.machine.ram, data - 0x8000_0000, PAGE)] };
        });
      const plain = outcome("plain");
      expect(outcome("stepped")).toEqual(plain);
      expect(outcome("sliced")).toEqual(plain);
    }),
    runs(40),
  );
}, 180_000);

test("the number of steps is the number of instructions", () =>
  withRig((rig) => {
    setup(rig, `li t0, 100\n 1: addi a1, a1, 1\n addi t0, t0, -1\n bnez t0, 1b\n ecall`);
    expect(stepAll(rig, 0).pcs.length).toBe(1 + 100 * 3);
    expect(rig.get(0, A1)).toBe(100n);
  }));

test("a breakpoint behind a call, behind a jump to a page that is not there yet, and behind a preemption is met like any other", () =>
  withRig((rig) => {
    const FAR = 0x5_0000;
    const { root, label } = setup(rig, `
      call: ecall
      behind: li t0, ${FAR}
      jump: jr t0
      alone: j next
      next: ecall`);
    let mapped = false;
    const at = [label("call"), label("behind"), label("jump"), FAR, label("alone"), label("next")];
    at.forEach((address, number) => rig.machine.setBreakpoint(0, number, address, true));
    rig.set(0, FRAME.debug, DEBUG.break);
    const seen: number[] = [];
    rig.machine.run(0, (_f, cause) => {
      rig.control[CONTROL.deadline] = cause === CAUSE.preempted ? Infinity : rig.machine.clock();
      const pc = Number(rig.get(0, FRAME.pc));
      if (cause === CAUSE.breakpointHit) {
        seen.push(pc);
        rig.set(0, FRAME.debug, DEBUG.break | DEBUG.pass);
        return 0;
      }
      if (cause === CAUSE.preempted) return 0;
      if (cause === CAUSE.call) return pc === label("behind") ? 0 : -1;
      expect([pc, mapped]).toEqual([FAR, false]);
      mapped = true;
      rig.program(root, FAR, `li t0, ${label("alone")}\n jr t0`);
      return 0;
    });
    expect(seen).toEqual(at);
  }));

test("memory that is watched: a thread stops before each access, and goes through to it; others of its memory, what traps, and other threads do not", () =>
  withRig((rig) => {
    const { label, data } = setup(rig, `
      li s2, 3
      mv s0, a0
      loop: addi a1, a1, 1
      sd a1, 8(s0)
      at: sd a1, (s0)
      addi s2, s2, -1
      bnez s2, loop
      li t0, 0x70000
      ld t1, (t0)
      ecall`);
    const watch = (bytes: number, kinds: number): void => rig.machine.setWatchpoints(0, BigUint64Array.of(BigInt(DATA), BigInt(bytes), BigInt(kinds), 0x7_0000n, 8n, 1n));
    watch(8, 2);
    rig.set(0, FRAME.debug, DEBUG.watch);
    const seen: bigint[][] = [];
    let kicked = 0;
    const run = (): number => {
      let end = 0;
      rig.machine.run(0, (_f, cause) => {
        end = cause;
        rig.control[CONTROL.deadline] = cause === CAUSE.preempted || kicked++ > 40 ? Infinity : rig.machine.clock();
        if (cause === CAUSE.preempted) return 0;
        if (cause !== CAUSE.accessed) return -1;
        seen.push([rig.get(0, FRAME.pc), rig.get(0, FRAME.tval), rig.get(0, A1), rig.word(data)]);
        return 0;
      });
      return end;
    };
    expect(run()).toBe(CAUSE.loadPage);
    expect(seen).toEqual([1n, 2n, 3n].map((count) => [BigInt(label("at")), BigInt(DATA), count, count - 1n]));
    // Loads are others.
    seen.length = 0;
    const again = (debug: number): number => {
      rig.set(0, FRAME.pc, label("loop"));
      rig.set(0, FRAME.x + 18, 1);
      rig.set(0, FRAME.debug, debug);
      return run();
    };
    watch(8, 1);
    expect([again(DEBUG.watch), seen.length]).toEqual([CAUSE.loadPage, 0]);
    rig.machine.setWatchpoints(0, new BigUint64Array());
    expect([again(DEBUG.watch), seen.length]).toEqual([CAUSE.loadPage, 0]);
    watch(16, 3);
    expect([again(0), seen.length]).toEqual([CAUSE.loadPage, 0]);
    expect([again(DEBUG.watch), seen.map(([, touched]) => touched)]).toEqual([CAUSE.loadPage, [BigInt(DATA + 8), BigInt(DATA)]]);
    // A breakpoint there comes first, once.
    const order: number[] = [];
    rig.control[CONTROL.deadline] = Infinity;
    rig.machine.setBreakpoint(0, 0, label("at"), true);
    rig.set(0, FRAME.pc, label("loop"));
    rig.set(0, FRAME.x + 18, 1);
    rig.set(0, FRAME.debug, DEBUG.watch | DEBUG.break);
    rig.machine.run(0, (_f, cause) => {
      order.push(cause);
      if (cause === CAUSE.breakpointHit) rig.set(0, FRAME.debug, DEBUG.watch | DEBUG.break | DEBUG.pass);
      return cause === CAUSE.loadPage ? -1 : 0;
    });
    expect(order).toEqual([CAUSE.accessed, CAUSE.breakpointHit, CAUSE.accessed, CAUSE.loadPage]);
  }));

test("a breakpoint stops before its instruction, once for each time it is come to, also in the middle of a block", () =>
  withRig((rig) => {
    const { label } = setup(rig, `li t0, 5\n loop: addi a1, a1, 1\n here: addi a1, a1, 100\n addi t0, t0, -1\n bnez t0, loop\n ecall`);
    rig.machine.setBreakpoint(0, 3, label("here"), true);
    rig.set(0, FRAME.debug, DEBUG.break);
    const seen: (readonly [number, bigint])[] = [];
    let end = 0;
    rig.machine.run(0, (_f, cause) => {
      end = cause;
      if (cause !== CAUSE.breakpointHit) return -1;
      seen.push([Number(rig.get(0, FRAME.pc)), rig.get(0, A1)]);
      rig.set(0, FRAME.debug, DEBUG.break | DEBUG.pass);
      return 0;
    });
    expect(end).toBe(CAUSE.call);
    expect(seen).toEqual([1n, 102n, 203n, 304n, 405n].map((a1) => [label("here"), a1]));
    expect(rig.get(0, A1)).toBe(505n);
  }));

test("without pass the same breakpoint stops again and nothing is executed; all of a thread's work; taken away it is gone", () =>
  withRig((rig) => {
    const { label } = setup(rig, Array.from({ length: BREAKPOINTS + 1 }, (_, i) => `l${i}: addi a1, a1, 1`).join("\n") + "\n ecall");
    for (let i = 0; i < BREAKPOINTS; i++) rig.machine.setBreakpoint(0, i, label(`l${i}`), true);
    rig.set(0, FRAME.debug, DEBUG.break);
    for (let again = 0; again < 3; again++) expect([rig.trap(0), rig.get(0, A1)]).toEqual([CAUSE.breakpointHit, 0n]);
    for (let i = 0; i < BREAKPOINTS; i++) {
      expect(Number(rig.get(0, FRAME.pc))).toBe(label(`l${i}`));
      rig.set(0, FRAME.debug, DEBUG.break | DEBUG.pass);
      expect(rig.trap(0)).toBe(i + 1 < BREAKPOINTS ? CAUSE.breakpointHit : CAUSE.call);
    }
    rig.thread(0, 0, TEXT);
    for (let i = 1; i < BREAKPOINTS; i++) rig.machine.setBreakpoint(0, i, 0, false);
    rig.set(0, FRAME.debug, DEBUG.break);
    expect(rig.trap(0)).toBe(CAUSE.breakpointHit);
    rig.machine.setBreakpoint(0, 0, 0, false);
    expect(rig.trap(0)).toBe(CAUSE.call);
  }));

test("an instruction at a breakpoint that faults is passed when it is done again; the next time it is a breakpoint", () =>
  withRig((rig) => {
    const { root, label } = setup(rig, "here: ld a1, 0(a2)\n ecall\n j here");
    rig.set(0, A2, DATA + PAGE);
    rig.machine.setBreakpoint(0, 0, label("here"), true);
    rig.set(0, FRAME.debug, DEBUG.break);
    expect(rig.trap(0)).toBe(CAUSE.breakpointHit);
    rig.set(0, FRAME.debug, DEBUG.break | DEBUG.pass);
    expect(rig.trap(0)).toBe(CAUSE.loadPage);
    rig.setWord(rig.data(root, DATA + PAGE), 77n);
    rig.machine.flushSpace(0);
    expect([rig.trap(0), rig.get(0, A1)]).toEqual([CAUSE.call, 77n]);
    expect(rig.trap(0)).toBe(CAUSE.breakpointHit);
  }));

test("a fault comes before the step, and the step after the repair", () =>
  withRig((rig) => {
    const { root } = setup(rig, "ld a1, 0(a2)\n addi a1, a1, 1\n ecall");
    rig.set(0, A2, DATA + PAGE);
    rig.set(0, FRAME.debug, DEBUG.step);
    expect([rig.trap(0), Number(rig.get(0, FRAME.pc))]).toEqual([CAUSE.loadPage, TEXT]);
    rig.setWord(rig.data(root, DATA + PAGE), 41n);
    rig.machine.flushSpace(0);
    expect([rig.trap(0), rig.get(0, A1)]).toEqual([CAUSE.stepped, 41n]);
    expect([rig.trap(0), rig.get(0, A1)]).toEqual([CAUSE.stepped, 42n]);
    expect(rig.trap(0)).toBe(CAUSE.call);
  }));

test("an access to a device is one step, and happens once", () =>
  withRig((rig) => {
    const { root } = setup(rig, "lw a1, 0(a2)\n sw a1, 4(a2)\n ecall");
    const seen: string[] = [];
    rig.machine.mapDevice(0x1000_0000, PAGE, (offset) => (seen.push(`read ${offset}`), 9), (offset, _size, lo) => void seen.push(`write ${offset} ${lo}`));
    rig.map(root, 0x3_0000, 0x1000_0000, "urw");
    rig.set(0, A2, 0x3_0000);
    const { pcs, cause } = stepAll(rig, 0);
    expect([pcs.length, cause]).toEqual([2, CAUSE.call]);
    expect(seen).toEqual(["read 0", "write 4 9"]);
  }));

test("an ebreak and an illegal instruction are themselves, not steps", () =>
  withRig((rig) => {
    setup(rig, "nop\n ebreak\n .word 0\n nop");
    rig.set(0, FRAME.debug, DEBUG.step);
    expect(rig.trap(0)).toBe(CAUSE.stepped);
    expect([rig.trap(0), Number(rig.get(0, FRAME.pc)) - TEXT]).toEqual([CAUSE.breakpoint, rig.get(0, FRAME.pc) === BigInt(TEXT + 2) ? 2 : 4]);
    rig.set(0, FRAME.pc, rig.get(0, FRAME.pc) + (rig.get(0, FRAME.pc) === BigInt(TEXT + 2) ? 2n : 4n));
    expect(rig.trap(0)).toBe(CAUSE.illegalInstruction);
  }));

test("another thread of the same space runs at full speed past the breakpoints, and both see the same memory", () =>
  withRig((rig) => {
    const { data, label } = setup(rig, `li t0, 200\n loop: amoadd.d zero, a2, (a0)\n addi t0, t0, -1\n bnez t0, loop\n ecall`);
    rig.thread(1, 0, TEXT);
    for (const frame of [0, 1]) {
      rig.set(frame, A0, DATA);
      rig.set(frame, A2, 1);
    }
    rig.machine.setBreakpoint(0, 0, label("loop"), true);
    rig.set(0, FRAME.debug, DEBUG.break);
    let hits = 0;
    const done = new Set<number>();
    rig.machine.run(0, (frame, cause) => {
      if (cause === CAUSE.breakpointHit) {
        expect(frame).toBe(0);
        hits++;
        rig.set(0, FRAME.debug, DEBUG.break | DEBUG.pass);
        return done.has(1) ? 0 : 1;
      }
      if (cause === CAUSE.call) done.add(frame);
      return done.size === 2 ? -1 : 0;
    });
    expect([hits, rig.word(data)]).toEqual([200, 400n]);
  }));

test("what is unmapped or written is seen by a thread that is debugged too", () =>
  withRig((rig) => {
    const { root, data } = setup(rig, "loop: ld a1, 0(a0)\n ecall\n j loop");
    rig.machine.setBreakpoint(0, 0, 0x7777_0000, true);
    rig.set(0, FRAME.debug, DEBUG.break);
    rig.setWord(data, 1n);
    expect([rig.trap(0), rig.get(0, A1)]).toEqual([CAUSE.call, 1n]);
    const other = rig.alloc();
    rig.setWord(other, 2n);
    rig.map(root, DATA, other, "urw");
    rig.machine.flushSpace(0);
    expect([rig.trap(0), rig.get(0, A1)]).toEqual([CAUSE.call, 2n]);
    // Code that was changed.
    const { phys } = rig.program(root, TEXT + PAGE, "li a1, 5\n ecall");
    rig.set(0, FRAME.pc, TEXT + PAGE);
    expect([rig.trap(0), rig.get(0, A1)]).toEqual([CAUSE.call, 5n]);
    rig.program(root, TEXT + 2 * PAGE, "li a1, 6\n ecall");
    new Uint8Array(rig.machine.ram).copyWithin(phys - 0x8000_0000, phys + PAGE - 0x8000_0000, phys + PAGE + 16 - 0x8000_0000);
    rig.machine.invalidate(phys, PAGE);
    rig.set(0, FRAME.pc, TEXT + PAGE);
    expect(rig.trap(0)).toBe(CAUSE.call);
    // Debugging ends: the ordinary hart has the same.
    rig.set(0, FRAME.debug, 0);
    rig.set(0, FRAME.pc, TEXT);
    expect([rig.trap(0), rig.get(0, A1)]).toEqual([CAUSE.call, 2n]);
  }));

test("threads of several spaces are debugged in turn, and a space that is dropped is gone", () =>
  withRig((rig) => {
    for (let id = 0; id < 3; id++) {
      const root = rig.space(id);
      rig.program(root, TEXT, `li a1, ${10 + id}\n addi a1, a1, ${id}\n ecall`);
      rig.thread(id, id, TEXT);
      rig.set(id, FRAME.debug, DEBUG.step);
    }
    const order: number[] = [];
    rig.machine.run(0, (frame, cause) => {
      if (cause === CAUSE.call) return frame === 2 ? -1 : frame + 1;
      order.push(frame);
      return (frame + 1) % 3;
    });
    expect([0, 1, 2].map((id) => rig.get(id, A1))).toEqual([10n, 12n, 14n]);
    rig.machine.dropSpace(1);
    const root = rig.space(1);
    rig.program(root, TEXT, "li a1, 99\n ecall");
    rig.thread(1, 1, TEXT);
    rig.set(1, FRAME.debug, DEBUG.step);
    rig.trap(1);
    expect(rig.get(1, A1)).toBe(99n);
  }));

test("floating-point registers that are written into a frame are the thread's", () =>
  withRig((rig) => {
    setup(rig, "fadd.d fa0, fa1, fa2\n frflags a1\n ecall");
    const bits = (n: number): bigint => new BigUint64Array(new Float64Array([n]).buffer)[0]!;
    rig.set(0, FRAME.f + 11, bits(1.5));
    rig.set(0, FRAME.f + 12, bits(2.25));
    rig.set(0, FRAME.fcsr, 0x1f);
    expect(rig.trap(0)).toBe(CAUSE.call);
    expect([rig.get(0, FRAME.f + 10), rig.get(0, A1)]).toEqual([bits(3.75), 0x1fn]);
  }));

test("frames and numbers are checked", () =>
  withRig((rig) => {
    expect(() => rig.machine.setBreakpoint(32, 0, 0, true)).toThrow(/frame/);
    expect(() => rig.machine.setBreakpoint(0, BREAKPOINTS, 0, true)).toThrow(/number/);
    expect(() => rig.machine.setBreakpoint(0, 0, -1, true)).toThrow(/address/);
    expect(FRAME_BYTES).toBe(704);
  }));
