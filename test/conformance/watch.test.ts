/** Guests that are debugged: stops at addresses, steps, harts that are held. Each stop is exact, and nothing of it is in the guest. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONTROL, EXIT, RAM_BASE, VCPU_RECORD as R } from "../../core/machine/shared.ts";
import { type MachineOptions } from "../../core/machine/unicorn.ts";
import { runs } from "../model/runs.ts";
import { assemble } from "../support/assemble.ts";
import { PAGE, Rig, withRig } from "./rig.ts";

const GUEST = 0x8000_0000; // guest-physical RAM
const BYTES = 8 << 20;
const DEVICE = 0x1000_0000;
const WATCHED = 1n, STEPPED = 2n, ACCESSED = 3n;
const LOADS = 1, STORES = 2, BOTH = 3;
const NO_MEMORY = new BigUint64Array();
const [A0, A1, A2, T0] = [10, 11, 12, 5];
/** A call to the VMM. */
const DONE = "li a7, 0x0a000001\n ecall\n";

class Watched {
  readonly rig: Rig;
  readonly label: (name: string) => number;
  readonly ram = RAM_BASE + (8 << 20);
  readonly code: Uint8Array;
  readonly vcpus: readonly number[];

  constructor(rig: Rig, source: string, harts = 1) {
    this.rig = rig;
    const code = assemble(source, GUEST);
    this.label = code.label;
    this.code = code.bytes;
    rig.write(this.ram, code.bytes);
    this.vcpus = Array.from({ length: harts }, () => rig.machine.createVcpu());
    rig.machine.mapVcpuRam(this.leader, GUEST, 8 << 20, BYTES);
    rig.machine.mapVcpuDevice(this.leader, DEVICE, PAGE);
    this.vcpus.forEach((vcpu, number) => {
      if (number > 0) rig.machine.addHart(this.leader, vcpu, number);
      rig.machine.readVcpu(vcpu);
      this.words(number)[R.pc] = BigInt(GUEST);
      this.words(number)[R.x + A0] = BigInt(number);
      rig.machine.writeVcpu(vcpu);
    });
  }

  get leader(): number {
    return this.vcpus[0]!;
  }
  words(hart = 0): BigUint64Array {
    return this.rig.record(this.vcpus[hart]!).words;
  }
  watch(...addresses: (number | bigint | string)[]): void {
    this.rig.machine.watchVcpu(this.leader, BigUint64Array.from(addresses, (at) => BigInt(typeof at === "string" ? this.label(at) : at)), NO_MEMORY);
  }
  /** Threes: address, bytes, kinds. */
  watchMemory(...memory: number[]): void {
    this.rig.machine.watchVcpu(this.leader, new BigUint64Array(), BigUint64Array.from(memory, BigInt));
  }
  /** Runs to an access: which hart, where it is then, what it has touched. */
  access(): { readonly hart: number; readonly at: number; readonly touched: number } {
    const { hart, at, why } = this.stop();
    expect(why).toBe(ACCESSED);
    return { hart, at, touched: Number(this.words(hart)[R.a]!) };
  }
  go({ held = false, steps = false, passes = false } = {}, hart = 0): void {
    this.rig.machine.holdVcpu(this.vcpus[hart]!, held, steps, passes);
  }
  run(): number {
    return this.rig.machine.runVcpu(this.leader);
  }
  /** Runs to a debugger's stop: which hart, where, why. */
  stop(): { readonly hart: number; readonly at: number; readonly why: bigint } {
    const reason = this.run();
    if (reason !== EXIT.debug) throw new Error(`left for ${reason}`);
    const hart = Number(this.words()[R.hart]!);
    const { [R.address]: at = 0n, [R.data]: why = 0n } = this.words(hart);
    expect(this.pc(hart)).toBe(Number(at));
    return { hart, at: Number(at), why };
  }
  /** One instruction of hart 0; where it is then. */
  step(): number {
    this.go({ steps: true });
    const { at, why } = this.stop();
    expect(why).toBe(STEPPED);
    return at;
  }
  pc(hart = 0): number {
    this.rig.machine.readVcpu(this.vcpus[hart]!);
    return Number(BigInt.asUintN(64, this.words(hart)[R.pc]!));
  }
  x(i: number, hart = 0): bigint {
    this.rig.machine.readVcpu(this.vcpus[hart]!);
    return this.words(hart)[R.x + i]!;
  }
}

const withGuest = <T>(source: string, body: (guest: Watched) => T, harts = 1, options: Partial<MachineOptions> = {}): T =>
  withRig((rig) => body(new Watched(rig, source, harts)), { maxVcpus: 4, ...options });

/** Turns Sv39 on: the guest's memory where it is, and the same at 0x4000_0000 above. t0, t1 and t2 are used. */
const PAGING = "li t0, 0x80100000\n li t1, 0x200000cf\n sd t1, 16(t0)\n sd t1, 24(t0)\n li t2, 0x8000000000080100\n csrw satp, t2\n sfence.vma";

describe("an address that is watched", () => {
  it("stops the hart before the instruction there, in the middle of a block; passed, it is executed", () => {
    withGuest(`li a1, 3\n loop: addi a1, a1, -1\n here: addi a2, a2, 1\n nop\n bnez a1, loop\n ${DONE}`, (g) => {
      g.watch("here");
      for (const round of [0n, 1n, 2n]) {
        expect(g.stop()).toEqual({ hart: 0, at: g.label("here"), why: WATCHED });
        expect([g.x(A1), g.x(A2)]).toEqual([2n - round, round]);
        expect(g.stop().at).toBe(g.label("here")); // not passed: it is where it was
        g.go({ passes: true });
      }
      expect(g.run()).toBe(EXIT.sbi);
      expect(g.x(A2)).toBe(3n);
      expect(new Uint8Array(g.rig.machine.ram, g.ram - RAM_BASE, g.code.length)).toEqual(g.code);
    });
  });

  it("may be one that has been executed for long, and be given up again", () => {
    withGuest(`1: addi a1, a1, 1\n here: addi a2, a2, 1\n j 1b`, (g) => {
      const slice = (): number => {
        g.rig.control[CONTROL.deadline] = g.rig.machine.clock() + 1000;
        return g.run();
      };
      expect(slice()).toBe(EXIT.preempted);
      g.watch("here");
      expect(slice()).toBe(EXIT.debug);
      g.watch();
      g.go();
      const before = g.x(A1);
      expect(slice()).toBe(EXIT.preempted);
      expect(g.x(A1)).toBeGreaterThan(before);
      g.watch("here");
      expect(slice()).toBe(EXIT.debug);
      g.rig.machine.stopWatchingVcpu(g.leader);
      expect(slice()).toBe(EXIT.preempted);
      expect(g.x(A1) - g.x(A2)).toBeLessThan(2n);
    });
  });

  it("is virtual: it may mean nothing until the guest turns its paging on", () => {
    withGuest(`${PAGING}\n la t0, here\n li t1, 0x40000000\n add t0, t0, t1\n jr t0\n here: addi a1, a1, 1\n ${DONE}`, (g) => {
      g.watch(g.label("here") + 0x4000_0000);
      expect(g.stop().at).toBe(g.label("here") + 0x4000_0000);
      g.go({ passes: true });
      expect(g.run()).toBe(EXIT.sbi);
      expect(g.x(A1)).toBe(1n);
    });
  });

  it("stays one when the guest writes other code there, and sees what is there when it reads", () => {
    withGuest(`la t0, here\n li t1, 0x00258593\n lw a2, (t0)\n jal ra, here\n sw t1, (t0)\n fence.i\n jal ra, here\n ${DONE} .balign 4\n here: .word 0x00158593\n ret`, (g) => {
      g.watch("here");
      expect(g.stop().at).toBe(g.label("here"));
      expect(g.x(A2)).toBe(0x00158593n);
      g.go({ passes: true });
      expect(g.stop().at).toBe(g.label("here"));
      g.go({ passes: true });
      expect(g.run()).toBe(EXIT.sbi);
      expect(g.x(A1)).toBe(3n);
    });
  });

  it("may be at the first instruction of a trap's handler, and at one of user mode", () => {
    withGuest(`la t0, handler\n csrw stvec, t0\n la t0, user\n csrw sepc, t0\n li t0, 0x100\n csrc sstatus, t0\n sret\n user: addi a1, a1, 1\n ecall\n .balign 4\n handler: addi a2, a2, 1\n ${DONE}`, (g) => {
      g.watch("user", "handler");
      expect(g.stop().at).toBe(g.label("user"));
      expect(g.words()[R.priv]).toBe(0n);
      g.go({ passes: true });
      expect(g.stop().at).toBe(g.label("handler"));
      expect([g.words()[R.scause], g.x(A1), g.x(A2)]).toEqual([8n, 1n, 0n]);
    });
  });

  it("may be one of many, which come and go", () => {
    withGuest(`${Array.from({ length: 80 }, (_, i) => `l${i}: addi a1, a1, 1`).join("\n")}\n ${DONE}`, (g) => {
      for (let i = 0; i < 80; i++) {
        g.watch(`l${i}`);
        expect(g.stop().at).toBe(g.label(`l${i}`));
        g.go({ passes: true });
      }
      g.watch(...Array.from({ length: 80 }, (_, i) => `l${i}`));
      expect(g.run()).toBe(EXIT.sbi);
      expect(g.x(A1)).toBe(80n);
    });
  });
});

describe("a step", () => {
  it("is one instruction: jumps, branches to itself, compressed ones, loads and stores", () => {
    withGuest(`li t0, 2\n la a0, data\n loop: c.addi a1, 1\n sd a1, (a0)\n ld a2, (a0)\n addi t0, t0, -1\n bnez t0, loop\n self: j self\n .balign 8\n data: .dword 0`, (g) => {
      const seen: number[] = [];
      for (let i = 0; i < 30; i++) seen.push(g.step());
      expect(seen.filter((at) => at === g.label("loop")).length).toBe(2);
      expect(seen.slice(-5)).toEqual(Array.from({ length: 5 }, () => g.label("self")));
      expect(g.x(A2)).toBe(2n);
    });
  });

  it("of an instruction that traps ends at the handler; sret and a call to the firmware are instructions like others", () => {
    withGuest(`la t0, handler\n csrw stvec, t0\n start: .word 0xffffffff\n behind: li a7, 0\n li a0, 0\n li a0, -1\n call: ecall\n after: nop\n .balign 4\n handler: csrr t1, sepc\n addi t1, t1, 4\n csrw sepc, t1\n ret: sret`, (g) => {
      g.watch("start");
      g.stop();
      expect(g.step()).toBe(g.label("handler"));
      g.watch("ret");
      g.go();
      expect(g.stop().at).toBe(g.label("ret"));
      expect(g.step()).toBe(g.label("behind"));
      g.watch("call");
      g.go();
      g.stop();
      expect(g.step()).toBe(g.label("after"));
    });
  });

  it("of a device access and of a call to the VMM ends when they are answered", () => {
    withGuest(`li t0, ${DEVICE}\n access: lw a1, 4(t0)\n behind: addi a1, a1, 1\n li a7, 0x0a000001\n call: ecall\n after: nop`, (g) => {
      g.watch("access", "call");
      g.stop();
      g.go({ steps: true });
      expect(g.run()).toBe(EXIT.mmio);
      Object.assign(g.words(), { [R.data]: 41n, [R.completed]: 1n });
      expect(g.stop()).toMatchObject({ at: g.label("behind"), why: STEPPED });
      expect(g.x(A1)).toBe(41n);
      g.go();
      expect(g.stop()).toMatchObject({ at: g.label("call"), why: WATCHED });
      g.go({ steps: true });
      expect(g.run()).toBe(EXIT.sbi);
      g.words()[R.a] = 7n;
      expect(g.stop()).toMatchObject({ at: g.label("after"), why: STEPPED });
      expect(g.x(A0)).toBe(7n);
    });
  });

  it("of wfi ends when something wakes the hart; an interrupt before the instruction ends it at the handler", () => {
    withGuest(`la t0, handler\n csrw stvec, t0\n li t0, 0x200\n csrw sie, t0\n here: wfi\n behind: nop\n csrsi sstatus, 2\n on: nop\n nop\n .balign 4\n handler: nop`, (g) => {
      g.watch("here");
      g.stop();
      g.go({ steps: true });
      expect(g.run()).toBe(EXIT.wfi);
      g.words()[R.lines] = 1n << 9n;
      expect(g.stop()).toMatchObject({ at: g.label("behind"), why: STEPPED });
      g.words()[R.lines] = 0n;
      g.watch("on");
      g.go();
      expect(g.stop().at).toBe(g.label("on"));
      g.words()[R.lines] = 1n << 9n;
      expect(g.step()).toBe(g.label("handler"));
      expect(g.words()[R.sepc]).toBe(BigInt(g.label("on")));
    });
  });

  it("is taken also when the turn is over before it", () => {
    withGuest("1: addi a1, a1, 1\n j 1b", (g) => {
      for (let i = 0; i < 20; i++) {
        g.rig.control[CONTROL.deadline] = 0;
        g.go({ steps: true });
        let exit = g.run();
        if (exit === EXIT.preempted) {
          g.rig.control[CONTROL.deadline] = Infinity;
          exit = g.run();
        }
        expect(exit).toBe(EXIT.debug);
        expect(g.x(A1)).toBe(BigInt(1 + (i >> 1)));
      }
    });
  });
});

const REGS = [11, 12, 13, 14, 15, 28, 29, 30];
const reg = fc.constantFrom(...REGS);
const instruction: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.constantFrom("add", "sub", "xor", "mul", "sltu", "divu", "addw"), reg, reg, reg).map(([op, a, b, c]) => `${op} x${a}, x${b}, x${c}`),
  fc.tuple(fc.constantFrom("sd", "sw", "ld", "lbu"), reg, fc.integer({ min: 0, max: 200 })).map(([op, a, n]) => `${op} x${a}, ${n * 8}(a0)`),
  fc.tuple(fc.constantFrom("beq", "bne", "bltu"), reg, reg).map(([op, a, b]) => `${op} x${a}, x${b}, 1f\n nop\n addi x11, x11, 7\n 1:`),
  fc.tuple(reg, reg).map(([a, b]) => `amoadd.d x${a}, x${b}, (a0)`),
  fc.tuple(reg, reg).map(([a, b]) => `csrs sstatus, s1\n fcvt.d.l f1, x${a}\n fadd.d f2, f1, f2\n fcvt.l.d x${b}, f2, rtz`),
  fc.constantFrom("c.nop", "jal x1, 1f\n nop\n 1:", ".word 0xffffffff", "csrr x30, sstatus"),
);

it("stepped, stopped everywhere or left alone, random code comes to the same", () => {
  fc.assert(
    fc.property(fc.array(instruction, { minLength: 5, maxLength: 50 }), (code) => {
      const setup = `la t0, handler\n csrw stvec, t0\n li s1, 0x6000\n li a0, 0x80200000\n ${REGS.map((r, i) => `li x${r}, ${1_000_003 * (i + 3)}`).join("\n")}\n`;
      const source = `${setup} start: ${code.join("\n")}\n end: ${DONE}\n .balign 4\n handler: csrr t1, sepc\n addi t1, t1, 4\n csrw sepc, t1\n sret`;
      const outcome = (how: "plain" | "stepped" | "stopped") =>
        withGuest(source, (g) => {
          if (how !== "plain") {
            g.watch("start");
            g.stop();
          }
          let exit: number, count = 0;
          if (how === "stopped") g.watch(...Array.from({ length: (g.label("end") - g.label("start")) / 2 }, (_, i) => g.label("start") + 2 * i));
          do {
            g.go({ steps: how === "stepped", passes: true });
            exit = g.run();
            count++;
          } while (exit === EXIT.debug);
          expect(exit).toBe(EXIT.sbi);
          if (how !== "plain") expect(count).toBeGreaterThanOrEqual(code.length);
          g.rig.machine.readVcpu(g.leader);
          return { registers: [...g.words().subarray(R.pc, R.f + 32)], memory: [...new Uint8Array(g.rig.machine.ram, g.ram - RAM_BASE + 0x20_0000, PAGE)] };
        });
      const plain = outcome("plain");
      expect(outcome("stepped")).toEqual(plain);
      expect(outcome("stopped")).toEqual(plain);
    }),
    runs(10),
  );
}, 180_000);

it("stepped now and then, preempted, and left alone in between, a program comes to the same", () => {
  const source = `li sp, 0x80300000\n li s0, 40\n li s1, 0\n outer: li a0, 7\n jal ra, work\n add s1, s1, a0\n rdtime t0\n li t3, ${DEVICE}\n sw s1, (t3)\n addi s0, s0, -1\n bnez s0, outer\n ${DONE}
    work: addi sp, sp, -16\n sd ra, (sp)\n sd a0, 8(sp)\n addi a0, a0, -1\n beqz a0, 1f\n jal ra, work\n 1: ld ra, (sp)\n ld a1, 8(sp)\n addi sp, sp, 16\n mul a0, a0, a1\n add a0, a0, a1\n ret`;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 20 })), { minLength: 1, maxLength: 6 }), (rounds) => {
      const outcome = (debugged: boolean): { writes: readonly bigint[]; result: bigint } =>
        withGuest(source, (g) => {
          const writes: bigint[] = [];
          const plan = debugged ? [...rounds] : [];
          for (;;) {
            const [steps, runs_, slice] = plan.shift() ?? [0, Infinity, 50];
            for (let i = 0; i < steps; i++) {
              g.go({ steps: true });
              g.rig.control[CONTROL.deadline] = Infinity;
              const exit = g.run();
              if (exit === EXIT.mmio) writes.push(g.words()[R.data]!);
              if (exit === EXIT.sbi) return { writes, result: g.x(9) };
            }
            g.go();
            // Hooks that are there, and nowhere near.
            g.watch(0x8040_0000 + 4 * plan.length);
            for (let i = 0; i < runs_; i++) {
              g.rig.control[CONTROL.deadline] = g.rig.machine.clock() + slice / 4;
              const exit = g.run();
              if (exit === EXIT.mmio) writes.push(g.words()[R.data]!);
              else if (exit === EXIT.sbi) return { writes, result: g.x(9) };
              else expect(exit).toBe(EXIT.preempted);
            }
          }
        });
      expect(outcome(true)).toEqual(outcome(false));
    }),
    runs(20),
  );
}, 180_000);

describe("several harts", () => {
  const LOOP = "li t0, 0\n 1: addi t0, t0, 1\n here: nop\n j 1b";

  it("each stops by itself; one that is held has no turns", () => {
    withGuest(LOOP, (g) => {
      g.watch("here");
      const first = g.stop();
      g.go({ held: true }, first.hart);
      const second = g.stop();
      expect(second.hart).toBe(1 - first.hart);
      g.watch();
      const before = g.x(T0, first.hart);
      g.go({}, second.hart);
      g.rig.control[CONTROL.deadline] = g.rig.machine.clock() + 10_000;
      expect(g.run()).toBe(EXIT.preempted);
      expect(g.x(T0, second.hart)).toBeGreaterThan(1000n);
      expect(g.x(T0, first.hart)).toBe(before);
      g.go({}, first.hart);
      g.rig.control[CONTROL.deadline] = g.rig.machine.clock() + 10_000;
      g.run();
      expect(g.x(T0, first.hart)).toBeGreaterThan(before);
    }, 2);
  });

  it("one steps while the other is held, or runs", () => {
    withGuest(LOOP, (g) => {
      g.go({ held: true }, 1);
      g.go({ steps: true }, 0);
      for (let i = 0; i < 10; i++) {
        expect(g.stop().hart).toBe(0);
        g.go({ steps: true }, 0);
      }
      expect([g.x(T0, 0) > 1n, g.x(T0, 1)]).toEqual([true, 0n]);
      g.go({}, 1);
      for (let i = 0; i < 5; i++) {
        expect(g.stop()).toMatchObject({ hart: 0, why: STEPPED });
        g.go({ steps: true }, 0);
      }
    }, 2);
  });

  it("all held, nothing runs", () => {
    withGuest(LOOP, (g) => {
      for (const hart of [0, 1]) g.go({ held: true }, hart);
      expect(g.run()).toBe(EXIT.wfi);
      expect([g.x(T0, 0), g.x(T0, 1)]).toEqual([0n, 0n]);
    }, 2);
  });
});

it("what cannot be asked for is refused by name", () => {
  withGuest(DONE, (g) => {
    const { machine } = g.rig;
    expect(() => machine.watchVcpu(g.leader, new Uint8Array(8) as unknown as BigUint64Array, NO_MEMORY)).toThrow(/addresses/);
    for (const memory of [[1], [1, 0, 1], [1, 4097, 1], [1, 8, 0], [1, 8, 4]]) expect(() => machine.watchVcpu(g.leader, new BigUint64Array(), BigUint64Array.from(memory, BigInt))).toThrow(/watchpoints/);
    expect(() => machine.watchVcpu(g.vcpus[1]!, new BigUint64Array(1), NO_MEMORY)).toThrow(/another's guest/);
    expect(() => machine.holdVcpu(3, true, false, false)).toThrow(/vcpu/);
    expect(() => machine.settleVcpu(3)).toThrow(/vcpu/);
    expect(() => machine.stopWatchingVcpu(g.vcpus[1]!)).toThrow(/another's guest/);
  }, 2);
});

describe("memory that is watched", () => {
  const DATA = 0x8020_0000;
  const at = (address: number): string => `li t0, ${address}\n`;

  it.each([
    ["lb", "lb a1, 9(t0)", LOADS, 9, 1], ["lhu", "lhu a1, 10(t0)", LOADS, 10, 2], ["lw", "lw a1, 8(t0)", LOADS, 8, 4], ["ld", "ld a1, -8(t0)", LOADS, -8, 8], ["c.lw", "addi a4, t0, 4\n c.lw a1, 4(a4)", LOADS, 8, 4],
    ["c.ld", "mv a4, t0\n c.ld a1, 64(a4)", LOADS, 64, 8], ["c.lwsp", "mv sp, t0\n c.lwsp a1, 12(sp)", LOADS, 12, 4], ["c.ldsp", "mv sp, t0\n c.ldsp a1, 64(sp)", LOADS, 64, 8],
    ["flw", "flw fa1, 4(t0)", LOADS, 4, 4], ["fld", "fld fa1, 8(t0)", LOADS, 8, 8], ["c.fld", "mv a4, t0\n c.fld fa1, 16(a4)", LOADS, 16, 8], ["c.fldsp", "mv sp, t0\n c.fldsp fa1, 24(sp)", LOADS, 24, 8],
    ["lr.d", "lr.d a1, (t0)", LOADS, 0, 8], ["sb", "sb a1, -3(t0)", STORES, -3, 1], ["sh", "sh a1, 6(t0)", STORES, 6, 2], ["sw", "sw a1, 4(t0)", STORES, 4, 4], ["sd", "sd a1, 2040(t0)", STORES, 2040, 8],
    ["c.sw", "mv a4, t0\n c.sw a1, 68(a4)", STORES, 68, 4], ["c.sd", "mv a4, t0\n c.sd a1, 32(a4)", STORES, 32, 8], ["c.swsp", "mv sp, t0\n c.swsp a1, 72(sp)", STORES, 72, 4], ["c.sdsp", "mv sp, t0\n c.sdsp a1, 72(sp)", STORES, 72, 8],
    ["fsw", "fsw fa1, 4(t0)", STORES, 4, 4], ["fsd", "fsd fa1, 8(t0)", STORES, 8, 8], ["c.fsd", "mv a4, t0\n c.fsd fa1, 16(a4)", STORES, 16, 8], ["c.fsdsp", "mv sp, t0\n c.fsdsp fa1, 24(sp)", STORES, 24, 8],
    ["sc.w", "lr.w a1, (t0)\n sc.w a1, a2, (t0)", STORES, 0, 4], ["amoadd.d", "amoadd.d a1, a2, (t0)", BOTH, 0, 8], ["amoswap.w", "amoswap.w a1, a2, (t0)", BOTH, 0, 4],
    ["one that is not aligned", "sw a1, 3(t0)", STORES, 3, 4], ["one across pages", "sd a1, -3(t0)", STORES, -3, 8], ["a load across pages", "ld a1, -5(t0)", LOADS, -5, 8],
  ] as const)("%s: stops before it, until it goes on, and tells what it touches", (_name, source, kinds, offset, bytes) => {
    const first = DATA + offset, steps = source.split("\n"), last = steps.pop();
    const whole = `li t1, 0x2000\n csrs sstatus, t1\n ${at(DATA)} li a2, -1\n ${steps.join("\n")}\n access: ${last}\n after: addi a3, a3, 1\n ${DONE}`;
    const ends = (g: Watched): void => {
      expect(g.run()).toBe(EXIT.sbi);
      expect(g.x(13)).toBe(1n);
    };
    const memory = (g: Watched): string => Buffer.from(g.rig.machine.ram, g.ram - RAM_BASE + DATA - GUEST - 64, 4096).toString("hex");
    const registers = (g: Watched): bigint[] => [...g.words().subarray(R.x + 1, R.x + 32), ...g.words().subarray(R.f, R.f + 32)];
    for (const [from, length, watched] of [[bytes - 1, 8, kinds], [-4, 5, kinds]] as const) {
      withGuest(whole, (g) => {
        g.rig.write(g.ram + DATA - GUEST - 64, Uint8Array.from({ length: 3000 }, (_, i) => i + 1));
        const isDone = source.includes("sc.w");
        // A stop would end the reservation.
        if (!isDone) {
          g.watch("access");
          expect(g.stop().at).toBe(g.label("access"));
        }
        const before = [memory(g), registers(g)];
        g.watchMemory(first + from, length, watched);
        g.go({ passes: true });
        for (let again = 0; again < (isDone ? 1 : 2); again++) {
          expect(g.access()).toEqual({ hart: 0, at: g.label(isDone ? "after" : "access"), touched: first + Math.max(0, from) });
          if (!isDone) expect([memory(g), registers(g)]).toEqual(before);
        }
        g.go();
        ends(g);
        expect(memory(g) === before[0]).toBe(kinds === LOADS);
      });
    }
    withGuest(whole, (g) => {
      g.watchMemory(first - 8, 8, BOTH, first + bytes, 8, BOTH);
      ends(g);
    });
    if (kinds === BOTH || source.startsWith("lr.w")) return;
    withGuest(whole, (g) => {
      g.watchMemory(first, bytes, BOTH - kinds);
      ends(g);
    });
  });

  it("is touched by nothing beside it, nor at that place of another page, nor by one that traps", () => {
    withGuest(`la t1, handler\n csrw stvec, t1\n ${at(DATA)} sd a1, -8(t0)\n sd a1, 8(t0)\n li t2, 4096\n add t2, t2, t0\n sd a1, 0(t2)\n ld a1, -3(t2)\n li t3, 0x40000000\n li a2, 0x7ff00000\n add t3, t3, t0\n ld a3, 0(t3)\n .balign 4\n handler: csrr a5, scause\n after: ld a1, 0(t0)\n ${DONE}`, (g) => {
      g.watchMemory(DATA, 8, BOTH, DATA + 0x4000_0000, 8, BOTH);
      expect(g.access()).toEqual({ hart: 0, at: g.label("after"), touched: DATA });
      expect(g.x(15)).toBe(5n);
      g.go();
      expect(g.run()).toBe(EXIT.sbi);
    });
  });

  it("is virtual, and stops in the middle of a loop each time, before the store", () => {
    withGuest(`${PAGING}\n li t0, ${DATA + 0x4000_0000}\n li a4, ${DATA}\n li a1, 3\n loop: addi a1, a1, -1\n sd a1, (a4)\n after: sd a1, 16(t0)\n bnez a1, loop\n ${DONE}`, (g) => {
      g.watchMemory(DATA + 0x4000_0010, 8, STORES);
      for (const left of [2n, 1n, 0n]) {
        expect(g.access()).toEqual({ hart: 0, at: g.label("after"), touched: DATA + 0x4000_0010 });
        expect([g.x(A1), g.rig.word(g.ram + DATA - GUEST + 16)]).toEqual([left, left === 2n ? 0n : left + 1n]);
        g.go();
      }
      expect(g.run()).toBe(EXIT.sbi);
    });
  });

  it("by whichever hart, each by itself; and is told also when a turn ends with the access", () => {
    // Both harts store in turns; the last instruction of a block is the store.
    const source = `${at(DATA)} slli t1, a0, 3\n add t0, t0, t1\n li a1, 0\n loop: addi a1, a1, 1\n after: sd a1, (t0)\n j loop`;
    withGuest(
      source,
      (g) => {
        g.watchMemory(DATA, 16, STORES);
        const seen = [0, 0];
        for (let i = 0; i < 60; i++) {
          // Deadlines fall anywhere.
          g.rig.control[CONTROL.deadline] = g.rig.machine.clock() + (i % 3);
          const reason = g.run();
          if (reason === EXIT.preempted) continue;
          expect(reason).toBe(EXIT.debug);
          const hart = Number(g.words()[R.hart]!);
          expect([g.words(hart)[R.data], Number(g.words(hart)[R.a]!)]).toEqual([ACCESSED, DATA + 8 * hart]);
          seen[hart]!++;
          expect([g.pc(hart), g.x(A1, hart), g.rig.word(g.ram + DATA - GUEST + 8 * hart)]).toEqual([g.label("after"), BigInt(seen[hart]!), BigInt(seen[hart]! - 1)]);
          // The other's turn.
          g.go({ held: true }, hart);
          g.go({}, 1 - hart);
        }
        expect(Math.min(...seen)).toBeGreaterThan(10);
      },
      2,
    );
  });

  it("also beside breakpoints and steps, and is given up again", () => {
    withGuest(`${at(DATA)} loop: addi a1, a1, 1\n here: sd a1, (t0)\n after: addi a2, a2, 1\n j loop`, (g) => {
      g.rig.machine.watchVcpu(g.leader, BigUint64Array.of(BigInt(g.label("here"))), BigUint64Array.of(BigInt(DATA), 8n, 2n));
      for (const round of [1n, 2n]) {
        expect(g.stop()).toEqual({ hart: 0, at: g.label("here"), why: WATCHED });
        g.go({ passes: true });
        expect([g.access().at, g.x(A1)]).toEqual([g.label("here"), round]);
        g.go();
      }
      g.rig.machine.watchVcpu(g.leader, new BigUint64Array(), BigUint64Array.of(BigInt(DATA), 8n, 2n));
      expect(g.access().at).toBe(g.label("here"));
      g.go({ steps: true });
      expect(g.stop()).toEqual({ hart: 0, at: g.label("after"), why: STEPPED });
      g.watchMemory();
      g.go();
      g.rig.control[CONTROL.deadline] = g.rig.machine.clock() + 100;
      expect(g.run()).toBe(EXIT.preempted);
      g.watchMemory(DATA, 8, LOADS);
      g.rig.control[CONTROL.deadline] = g.rig.machine.clock() + 100;
      expect(g.run()).toBe(EXIT.preempted);
      g.rig.control[CONTROL.deadline] = Infinity;
      g.watchMemory(DATA, 8, BOTH);
      expect(g.access().touched).toBe(DATA);
      g.rig.machine.stopWatchingVcpu(g.leader);
      g.rig.control[CONTROL.deadline] = g.rig.machine.clock() + 100;
      expect(g.run()).toBe(EXIT.preempted);
    });
  });
});
