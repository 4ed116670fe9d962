/** Several harts in a guest: turns on one engine, and what each must see of the others. */
import { describe, expect, it } from "vitest";
import { CONTROL, EXIT, RAM_BASE, VCPU_RECORD as R } from "../../core/machine/shared.ts";
import { type MachineOptions } from "../../core/machine/unicorn.ts";
import { assemble } from "../support/assemble.ts";
import { Rig, withRig } from "./rig.ts";

const GUEST = 0x8000_0000; // guest-physical RAM
const BYTES = 8 << 20;
const DEVICE = 0x1000_0000;
const SEIP = 1n << 9n;
const STATE = { started: 0, stopped: 1, suspended: 4 } as const;
/** Ticks after which a guest that goes on for ever is preempted, which no test expects. */
const FOREVER = 1_000_000;
const INVALID_PARAM = BigInt.asUintN(64, -3n);

/** Harts that all begin at the program's start, with their number in a0. Word n of `shared` is at 0x80200000 + 8 n, s0. */
class Harts {
  readonly rig: Rig;
  readonly label: (name: string) => number;
  readonly ram = RAM_BASE + (8 << 20);
  readonly vcpus: readonly number[];

  constructor(rig: Rig, count: number, source: string) {
    this.rig = rig;
    const code = assemble(`li s0, 0x80200000\n ${source}`, GUEST);
    this.label = code.label;
    rig.write(this.ram, code.bytes);
    rig.control[CONTROL.deadline] = FOREVER;
    this.vcpus = Array.from({ length: count }, () => rig.machine.createVcpu());
    const leader = this.vcpus[0]!;
    rig.machine.mapVcpuRam(leader, GUEST, 8 << 20, BYTES);
    rig.machine.mapVcpuDevice(leader, DEVICE, 4096);
    this.vcpus.forEach((vcpu, number) => {
      if (number > 0) rig.machine.addHart(leader, vcpu, number);
      this.write(number, R.pc, GUEST);
      this.write(number, R.x + 10, number);
    });
  }

  run(): number {
    return this.rig.machine.runVcpu(this.vcpus[0]!);
  }
  /** The hart of the last exit. */
  get exited(): number {
    return Number(this.get(0, R.hart));
  }
  get(hart: number, word: number): bigint {
    return this.rig.record(this.vcpus[hart]!).words[word] ?? 0n;
  }
  set(hart: number, word: number, value: bigint | number): void {
    this.rig.record(this.vcpus[hart]!).words[word] = BigInt(value);
  }
  write(hart: number, register: number, value: bigint | number): void {
    this.rig.machine.readVcpu(this.vcpus[hart]!);
    this.set(hart, register, value);
    this.rig.machine.writeVcpu(this.vcpus[hart]!);
  }
  x(hart: number, i: number): bigint {
    this.rig.machine.readVcpu(this.vcpus[hart]!);
    return this.get(hart, R.x + i);
  }
  state(hart: number, state: number): void {
    this.rig.machine.setVcpuState(this.vcpus[hart]!, state);
  }
  shared(n: number): bigint {
    return this.rig.word(this.ram + (2 << 20) + 8 * n);
  }
  /** This machine, whose harts have not run, becomes what another is now: as core/kernel/save.ts does it. */
  load(from: Harts): void {
    for (const vcpu of from.vcpus) from.rig.machine.readVcpu(vcpu);
    new Uint8Array(this.rig.machine.ram).set(new Uint8Array(from.rig.machine.ram));
    new Uint8Array(this.rig.machine.vcpus).set(new Uint8Array(from.rig.machine.vcpus));
    for (const vcpu of this.vcpus) this.rig.machine.restoreVcpu(vcpu);
    this.rig.machine.setClock(from.rig.machine.clock(), from.rig.control[CONTROL.blocks]!);
  }
  /** Runs until so many harts have called the VMM by DONE, and stops each that has. */
  finish(count = this.vcpus.length): void {
    for (let done = 0; done < count; done++) {
      expect([this.run(), this.get(this.exited, R.a + 7)]).toEqual([EXIT.sbi, 0x0a00_0001n]);
      this.state(this.exited, STATE.stopped);
    }
  }
}

const withHarts = <T>(count: number, source: string, body: (harts: Harts) => T, options: Partial<MachineOptions> = {}): T =>
  withRig((rig) => body(new Harts(rig, count, source)), { maxVcpus: 8, ...options });

const DONE = "li a7, 0x0a000001\n ecall\n";
/** To the hart whose number is in t0, or to the masks in a0 and a1. */
const IPI = "li a7, 0x735049\n li a6, 0\n ecall\n";
const IPI_TO = (hart: number): string => `li a0, 1\n li a1, ${hart}\n ${IPI}`;
const RFENCE = (fn: number): string => `li a7, 0x52464e43\n li a6, ${fn}\n li a2, 0\n li a3, -1\n ecall\n`;
/** Hart 0 goes on below, the others to their own code. */
const OTHERS = "bnez a0, other\n ";

describe("turns", () => {
  it("are the harts' in order, and of one length", () => {
    withHarts(4, "1: addi s1, s1, 1\n j 1b", (h) => {
      h.rig.control[CONTROL.deadline] = 8192; // 131,072 blocks: sixteen turns
      expect(h.run()).toBe(EXIT.preempted);
      const counts = [0, 1, 2, 3].map((n) => Number(h.x(n, 9)));
      expect(counts.reduce((a, b) => a + b)).toBeGreaterThan(130_000);
      for (const count of counts) expect(Math.abs(count - 32_768)).toBeLessThan(10);
    });
  });

  it("end by the host's clock, too", () => {
    withHarts(2, "1: addi s1, s1, 1\n j 1b", (h) => {
      // 0.4 s: an engine that is renewed before has taken some of it, and the host may have more to do.
      h.rig.control[CONTROL.deadline] = h.rig.machine.clock() + 4_000_000;
      h.run();
      expect(Number(h.x(0, 9))).toBeGreaterThan(10_000);
      expect(Number(h.x(1, 9))).toBeGreaterThan(10_000);
    }, { clock: "host" });
  });

  it("are repeatable by counted blocks, whenever the machine preempts", () => {
    const source = `li s2, 20000\n 1: amoadd.d s3, s2, (s0)\n xor s4, s4, s3\n addi s2, s2, -1\n bnez s2, 1b\n ${DONE}`;
    const once = (every: number): unknown =>
      withHarts(3, source, (h) => {
        for (let done = 0; done < 3; ) {
          h.rig.control[CONTROL.deadline] = h.rig.machine.clock() + every;
          if (h.run() !== EXIT.sbi) continue;
          h.state(h.exited, STATE.stopped);
          done++;
        }
        return [h.x(0, 20), h.x(1, 20), h.x(2, 20), h.shared(0), h.rig.machine.clock()];
      });
    const first = once(1e6);
    expect(once(1e6)).toEqual(first);
    expect(once(7)).toEqual(first);
  });

  it("go on exactly on a machine that is loaded with what another was saved as, in the middle of an access too", () => {
    const source = `li t0, 0x2000\n csrs sstatus, t0\n fcvt.d.l f1, a0\n li a5, ${DEVICE}\n li s2, 3000\n 1: amoadd.d s3, s2, (s0)\n xor s4, s4, s3\n fadd.d f2, f2, f1\n andi t1, s2, 255\n bnez t1, 2f\n lw t1, (a5)\n add s4, s4, t1\n 2: addi s2, s2, -1\n bnez s2, 1b\n fmv.x.d s5, f2\n ${DONE}`;
    const answer = (h: Harts): void => (h.set(h.exited, R.data, h.exited + 5), h.set(h.exited, R.completed, 1));
    /** To the end; `after` so many exits all is saved, and goes on elsewhere. */
    const outcome = (h: Harts, after: number): unknown => {
      for (let exits = 0; h.vcpus.some((_, n) => h.get(n, R.state) !== 1n); exits++) {
        if (exits === after) return withHarts(3, source, (other) => (other.load(h), outcome(other, -1)));
        h.rig.control[CONTROL.deadline] = h.rig.machine.clock() + 50;
        const exit = h.run();
        if (exit === EXIT.mmio) answer(h);
        else expect([EXIT.sbi, EXIT.preempted]).toContain(exit);
        if (exit === EXIT.sbi) h.state(h.exited, STATE.stopped);
      }
      return [[0, 1, 2].map((n) => [h.x(n, 20), h.x(n, 21)]), h.shared(0), h.rig.machine.clock()];
    };
    const whole = withHarts(3, source, (h) => outcome(h, -1));
    for (const after of [1, 7, 8, 9, 20, 33]) expect(withHarts(3, source, (h) => outcome(h, after))).toEqual(whole);
  });

  it("of a hart that is alone go on without end", () => {
    withHarts(2, "1: addi s1, s1, 1\n j 1b", (h) => {
      h.state(1, STATE.stopped);
      h.rig.control[CONTROL.deadline] = 10_000;
      h.run();
      expect([h.x(0, 9) > 150_000n, h.x(1, 9)]).toEqual([true, 0n]);
    });
  });
});

describe("atomic operations", () => {
  const rounds = 30_000;
  it.each([2, 4])("AMOs of %i harts lose nothing", (count) => {
    withHarts(count, `li s2, ${rounds}\n li s3, 1\n 1: amoadd.d x0, s3, (s0)\n amoadd.w x0, s3, 8(s0)\n addi s2, s2, -1\n bnez s2, 1b\n ${DONE}`.replace("amoadd.w x0, s3, 8(s0)", "addi s4, s0, 8\n amoadd.w x0, s3, (s4)"), (h) => {
      h.finish();
      expect([h.shared(0), h.shared(1)]).toEqual([BigInt(count * rounds), BigInt(count * rounds)]);
    });
  });

  it.each([2, 4])("a lock of LR/SC keeps %i harts from each other", (count) => {
    // The counter is not atomic: load, some blocks, store.
    const lock = "2: lr.w t0, (s0)\n bnez t0, 2b\n sc.w t1, s3, (s0)\n bnez t1, 2b\n fence";
    const work = "ld t2, 8(s0)\n j 3f\n 3: addi t2, t2, 1\n j 4f\n 4: sd t2, 8(s0)";
    withHarts(count, `li s2, ${rounds}\n li s3, 1\n 1: ${lock}\n ${work}\n fence\n sw zero, (s0)\n addi s2, s2, -1\n bnez s2, 1b\n ${DONE}`, (h) => {
      let preempted = 0;
      for (let done = 0; done < count; ) { // also with the machine's own preemption between all of it
        h.rig.control[CONTROL.deadline] = h.rig.machine.clock() + 97;
        const exit = h.run();
        if (exit === EXIT.preempted) preempted++;
        else done += (h.state(h.exited, STATE.stopped), 1);
      }
      expect([h.shared(1), preempted > 100]).toEqual([BigInt(count * rounds), true]);
    });
  });

  it("a reservation is lost with the turn, though another hart has stored what was there before", () => {
    const other = `other: sd zero, (s0)\n ${IPI_TO(0)} 1: j 1b`;
    withHarts(2, `${OTHERS} lr.d t0, (s0)\n ${IPI_TO(1)} li t1, 7\n sc.d s1, t1, (s0)\n ${DONE} ${other}`, (h) => {
      h.finish(1);
      expect([h.x(0, 9), h.shared(0)]).toEqual([1n, 0n]);
    });
  });
});

describe("registers of harts", () => {
  it("floating point is each hart's own, flags and rounding too", () => {
    // Each hart divides by its own numbers in its own rounding mode; hart 0 alone divides by zero.
    const source = `li t0, 0x2000\n csrs sstatus, t0\n fsrm a0\n fcvt.d.l f1, a0\n addi t0, a0, 3\n fcvt.d.l f2, t0\n li s2, 40000\n bnez a0, 1f\n fdiv.d f3, f2, f1\n 1: fadd.d f4, f4, f2\n addi s2, s2, -1\n bnez s2, 1b\n frcsr s3\n fmv.x.d s4, f4\n ${DONE}`;
    withHarts(3, source, (h) => {
      h.finish();
      expect([0, 1, 2].map((n) => h.x(n, 19))).toEqual([8n, 1n << 5n, 2n << 5n]);
      expect([0, 1, 2].map((n) => new Float64Array(BigUint64Array.of(h.x(n, 20)).buffer)[0])).toEqual([120_000, 160_000, 200_000]);
    });
  });

  it("page tables are each hart's own", () => {
    // Roots at +1 MiB and +1 MiB + 4096 show different pages at the gigabyte of 0xc0000000.
    const source = `add s0, s0, a0\n li t0, (8 << 60) | 0x80100\n add t0, t0, a0\n csrw satp, t0\n sfence.vma\n li a1, 0xc0005000\n li s2, 40000\n 1: lbu t1, (a1)\n beq t1, a0, 2f\n addi s3, s3, 1\n 2: addi s2, s2, -1\n bnez s2, 1b\n ${DONE}`;
    withHarts(2, source, (h) => {
      for (const hart of [0, 1]) {
        const root = h.ram + (1 << 20) + hart * 4096, middle = h.ram + (1 << 20) + (2 + hart) * 4096;
        h.rig.setWord(root + 16, (BigInt(GUEST) / 4096n) << 10n | 0xcfn);
        h.rig.setWord(root + 24, (BigInt(GUEST + (1 << 20) + (2 + hart) * 4096) / 4096n) << 10n | 1n);
        h.rig.setWord(middle, (BigInt(GUEST + (4 << 20) + hart * (2 << 20)) / 4096n) << 10n | 0xcfn);
        h.rig.setWord(h.ram + (4 << 20) + hart * (2 << 20) + 0x5000, BigInt(hart));
      }
      h.finish();
      expect([h.x(0, 19), h.x(1, 19)]).toEqual([0n, 0n]);
    });
  });
});

describe("interrupts between harts", () => {
  const WAIT = `other: csrwi sie, 2\n 1: wfi\n csrr t0, sip\n andi t0, t0, 2\n beqz t0, 1b\n csrci sip, 2\n `;

  it("wake one that waits in a wfi", () => {
    withHarts(2, `${OTHERS} li s2, 1000\n 1: addi s2, s2, -1\n bnez s2, 1b\n ${IPI_TO(1)} mv s1, a0\n 2: ld t0, (s0)\n beqz t0, 2b\n ${DONE} ${WAIT} li t0, 5\n sd t0, (s0)\n 3: j 3b`, (h) => {
      h.finish(1);
      expect([h.x(0, 9), h.shared(0)]).toEqual([0n, 5n]);
    });
  });

  it("stay pending while others run and clear their own", () => {
    // Hart 0 has interrupts off and one pending; hart 1 sends itself one and clears it; then hart 0 turns them on.
    const source = `la t0, handler\n csrw stvec, t0\n csrwi sie, 2\n ${OTHERS} ${IPI_TO(0)} ${IPI_TO(1)} 1: ld t0, (s0)\n beqz t0, 1b\n csrsi sstatus, 2\n nop\n li s1, 1\n ${DONE} .balign 4\n handler: csrci sip, 2\n li s1, 2\n ${DONE}
      other: csrr t0, sip\n andi t0, t0, 2\n beqz t0, other\n csrci sip, 2\n ${IPI_TO(1)} csrci sip, 2\n li t0, 1\n sd t0, (s0)\n 2: j 2b`;
    withHarts(2, source, (h) => {
      h.finish(1);
      expect(h.x(0, 9)).toBe(2n);
    });
  });

  it("go to all by a base of -1, and to a mask from a base", () => {
    const source = `${OTHERS} li a0, 0\n li a1, -1\n ${IPI} csrr s1, sip\n csrci sip, 2\n ${DONE} li a0, 6\n li a1, 1\n ${IPI} csrr s2, sip\n ${DONE} other: csrwi sie, 2\n 1: wfi\n csrr t0, sip\n andi t0, t0, 2\n beqz t0, 1b\n csrci sip, 2\n slli t1, a0, 3\n add t1, t1, s0\n ld t2, (t1)\n addi t2, t2, 1\n sd t2, (t1)\n j 1b`;
    withHarts(4, source, (h) => {
      expect(h.run()).toBe(EXIT.sbi);
      expect(h.x(0, 9)).toBe(2n);
      expect(h.run()).toBe(EXIT.sbi);
      h.state(0, STATE.stopped);
      expect(h.run()).toBe(EXIT.wfi);
      expect([1, 2, 3].map((n) => h.shared(n))).toEqual([1n, 2n, 2n]);
    });
  });

  it.each([
    ["a hart that there is not", 4, 0], ["one among others", 5, 0], ["a base beyond", 1, 2], ["a base far beyond", 1, 2 ** 40], ["bits that would fall off", "0x8000000000000001", 1], ["a mask from the last", 2, 1],
  ])("are refused to %s, and nobody gets one", (_name, mask, base) => {
    withHarts(2, `${OTHERS} li a0, ${mask}\n li a1, ${base}\n ${IPI} mv s1, a0\n li a0, ${mask}\n li a1, ${base}\n ${RFENCE(0)} mv s2, a0\n csrr s3, sip\n ${DONE} other: j other`, (h) => {
      h.finish(1);
      h.rig.machine.readVcpu(h.vcpus[1]!);
      expect([h.x(0, 9), h.x(0, 18), h.x(0, 19), h.get(1, R.sip)]).toEqual([INVALID_PARAM, INVALID_PARAM, 0n, 0n]);
    });
  });

  it("are none for one that is stopped, which has none pending when it starts again", () => {
    withHarts(2, `${OTHERS} ${IPI_TO(1)} mv s1, a0\n ${DONE} other: csrr s1, sip\n ${DONE}`, (h) => {
      h.write(1, R.sip, 2);
      h.state(1, STATE.stopped);
      h.finish(1);
      expect(h.x(0, 9)).toBe(0n);
      h.state(1, STATE.started);
      h.finish(1);
      expect(h.x(1, 9)).toBe(0n);
    });
  });

  it("from outside are each hart's own lines", () => {
    withHarts(2, `li t0, 0x200\n csrw sie, t0\n wfi\n csrr s1, sip\n ${DONE}`, (h) => {
      expect(h.run()).toBe(EXIT.wfi);
      h.set(1, R.lines, SEIP);
      h.finish(1);
      expect([h.exited, h.x(1, 9)]).toEqual([1, SEIP]);
      expect(h.run()).toBe(EXIT.wfi);
    });
  });

  it("a timer wakes its hart while another computes, in the middle of that one's turn", () => {
    const source = `${OTHERS} 1: addi s2, s2, 1\n ld t0, (s0)\n beqz t0, 1b\n ${DONE} other: li t0, 0x20\n csrw sie, t0\n rdtime a0\n addi a0, a0, 100\n li a7, 0x54494d45\n li a6, 0\n ecall\n wfi\n rdtime s1\n sd s1, (s0)\n 2: j 2b`;
    withHarts(2, source, (h) => {
      h.finish(1);
      // a turn is 512 ticks
      expect(h.shared(0)).toBeLessThan(110n);
      expect(h.shared(0)).toBeGreaterThanOrEqual(100n);
    });
  });

  it("when all wait, the run leaves, and goes on with whoever has something to do", () => {
    withHarts(2, `li t0, 0x20\n csrw sie, t0\n li a1, 1000\n mul a1, a1, a0\n addi a0, a1, 1000\n li a7, 0x54494d45\n li a6, 0\n ecall\n wfi\n ${DONE}`, (h) => {
      expect(h.run()).toBe(EXIT.wfi);
      expect([0, 1].map((n) => h.rig.record(h.vcpus[n]!).floats[R.timecmp])).toEqual([1000, 2000]);
      expect(h.run()).toBe(EXIT.wfi);
      h.rig.machine.advanceClock(1000);
      expect([h.run(), h.exited]).toEqual([EXIT.sbi, 0]);
      h.state(0, STATE.stopped);
      expect(h.run()).toBe(EXIT.wfi);
      h.rig.machine.advanceClock(1000);
      expect([h.run(), h.exited]).toEqual([EXIT.sbi, 1]);
    });
  });
});

describe("states of harts", () => {
  it("one that was stopped goes on where its registers say when it is started", () => {
    withHarts(2, `${OTHERS} ${DONE} 1: ld t0, (s0)\n beqz t0, 1b\n ${DONE} other: addi a1, a1, 1\n sd a1, (s0)\n ${DONE}`, (h) => {
      h.state(1, STATE.stopped);
      expect([h.run(), h.exited]).toEqual([EXIT.sbi, 0]);
      h.write(1, R.x + 11, 41);
      h.state(1, STATE.started);
      expect([h.run(), h.exited, h.shared(0)]).toEqual([EXIT.sbi, 1, 42n]);
      h.state(1, STATE.stopped);
      expect([h.run(), h.exited]).toEqual([EXIT.sbi, 0]);
    });
  });

  it("one that is suspended starts again by an interrupt, and what it left for is completed", () => {
    withHarts(2, `csrwi sie, 2\n ${OTHERS} ${DONE} ${IPI_TO(1)} 1: ld t0, (s0)\n beqz t0, 1b\n ${DONE} other: li a7, 0x48534d\n ecall\n sd a1, (s0)\n 2: j 2b`, (h) => {
      h.state(0, STATE.stopped);
      expect([h.run(), h.exited]).toEqual([EXIT.sbi, 1]);
      h.set(1, R.a + 1, 77);
      h.state(1, STATE.suspended);
      expect(h.run()).toBe(EXIT.wfi);
      expect(h.get(1, R.state)).toBe(4n);
      h.state(0, STATE.started);
      expect([h.run(), h.exited]).toEqual([EXIT.sbi, 0]);
      expect([h.run(), h.exited, h.get(1, R.state), h.shared(0)]).toEqual([EXIT.sbi, 0, 0n, 77n]);
    });
  });

  it("when all are stopped the run leaves", () => {
    withHarts(2, DONE, (h) => {
      h.finish();
      expect(h.run()).toBe(EXIT.wfi);
    });
  });
});

describe("code that another hart writes", () => {
  /** A function at `code`, called; hart 1 has run it often before hart 0 overwrites its first instruction, c.li a0, 1, by c.li a0, 2. */
  const program = (told: string, waits: string): string => `${OTHERS} 1: ld t0, (s0)\n beqz t0, 1b\n la t1, code\n li t2, 0x4509\n sh t2, (t1)\n fence\n ${told}\n 2: ld t0, 16(s0)\n beqz t0, 2b\n jal code\n mv s1, a0\n ${DONE}
    other: li s2, 500\n 3: jal code\n addi s2, s2, -1\n bnez s2, 3b\n li t0, 1\n sd t0, (s0)\n ${waits}\n jal code\n sd a0, 8(s0)\n li t0, 1\n sd t0, 16(s0)\n 9: j 9b\n .balign 4096\n code: c.li a0, 1\n ret`;
  const seen = (h: Harts): bigint[] => (h.finish(1), [h.x(0, 9), h.shared(1)]);

  it("is run anew after RFENCE.I and an interrupt", () => {
    withHarts(2, program(`li a0, 2\n li a1, 0\n ${RFENCE(0)} ${IPI_TO(1)}`, "csrwi sie, 2\n 4: wfi\n csrr t0, sip\n andi t0, t0, 2\n beqz t0, 4b"), (h) => expect(seen(h)).toEqual([2n, 2n]));
  });

  it("is run anew after a fence.i of the hart that runs it", () => {
    withHarts(2, program("li t0, 1\n sd t0, 24(s0)", "4: ld t0, 24(s0)\n beqz t0, 4b\n fence.i"), (h) => expect(seen(h)).toEqual([2n, 2n]));
  });

  it("is run anew when it was written through another address, as Linux patches its text", () => {
    // Sv39, the same table on both harts: gigabyte 2 is RAM, and so is gigabyte 3.
    const paging = "li t0, (8 << 60) | 0x80100\n csrw satp, t0\n sfence.vma\n ";
    const patch = program(`li a0, 2\n li a1, 0\n ${RFENCE(0)} li t0, 1\n sd t0, 24(s0)`, "4: ld t0, 24(s0)\n beqz t0, 4b\n fence.i").replace("la t1, code", "la t1, code\n li t3, 0x40000000\n add t1, t1, t3\n sfence.vma t1");
    withHarts(2, paging + patch, (h) => {
      for (const entry of [16, 24]) h.rig.setWord(h.ram + (1 << 20) + entry, (BigInt(GUEST) / 4096n) << 10n | 0xcfn);
      expect(seen(h)).toEqual([2n, 2n]);
    });
  });

  it("a hundred times over", () => {
    // Hart 0 writes c.li a0, i and tells hart 1 by a word; hart 1 fences, calls, and tells what it saw.
    const source = `${OTHERS} la t1, code\n li s2, 1\n 1: andi t2, s2, 15\n slli t2, t2, 2\n li t3, 0x4501\n or t2, t2, t3\n sh t2, (t1)\n fence\n sd s2, (s0)\n 2: ld t0, 8(s0)\n bne t0, s2, 2b\n ld t0, 16(s0)\n andi t4, s2, 15\n beq t0, t4, 3f\n addi s3, s3, 1\n 3: addi s2, s2, 1\n li t0, 100\n ble s2, t0, 1b\n ${DONE}
      other: ld s2, (s0)\n beq s2, s4, other\n mv s4, s2\n fence.i\n jal code\n sd a0, 16(s0)\n fence\n sd s2, 8(s0)\n j other\n .balign 4096\n code: c.li a0, 1\n ret`;
    withHarts(2, source, (h) => {
      h.finish(1);
      expect([h.x(0, 18), h.x(0, 19)]).toEqual([101n, 0n]);
    });
  });
});

describe("remote fences", () => {
  it.each([["SFENCE.VMA", 1], ["SFENCE.VMA with an ASID", 2]])("%s: another hart sees a changed page table", (_name, fn) => {
    // Both harts use one table, and have switched to it. Hart 1 reads through the gigabyte at 0xc0000000; hart 0 lets it show another two megabytes, and fences hart 1.
    const source = `li t0, (8 << 60) | 0x80100\n csrw satp, t0\n sfence.vma\n li a5, 0xc0005000\n ${OTHERS} li t0, 1\n sd t0, 24(s0)\n 1: ld t0, (s0)\n beqz t0, 1b\n li t1, 0x80102000\n li t2, ${((GUEST + (6 << 20)) / 4096) * 1024 + 0xcf}\n sd t2, (t1)\n li a0, 2\n li a1, 0\n li a4, 0\n ${RFENCE(fn)} li t0, 2\n sd t0, 8(s0)\n 2: ld s1, 16(s0)\n beqz s1, 2b\n ${DONE}
      other: ld t0, 24(s0)\n beqz t0, other\n ld t1, (a5)\n li t0, 1\n sd t0, (s0)\n 3: ld t0, 8(s0)\n beqz t0, 3b\n ld t1, (a5)\n sd t1, 16(s0)\n 4: j 4b`;
    withHarts(2, source, (h) => {
      const root = h.ram + (1 << 20);
      h.rig.setWord(root + 16, (BigInt(GUEST) / 4096n) << 10n | 0xcfn);
      h.rig.setWord(root + 24, (BigInt(GUEST + (1 << 20) + 8192) / 4096n) << 10n | 1n);
      h.rig.setWord(root + 8192, (BigInt(GUEST + (4 << 20)) / 4096n) << 10n | 0xcfn);
      h.rig.setWord(h.ram + (4 << 20) + 0x5000, 44n);
      h.rig.setWord(h.ram + (6 << 20) + 0x5000, 66n);
      h.finish(1);
      expect(h.x(0, 9)).toBe(66n);
    });
  });
});

describe("exits of harts", () => {
  it("interleaved accesses to devices are each answered to the hart that made them, also under preemption", () => {
    const rounds = 500;
    withHarts(3, `li a5, ${DEVICE}\n slli t0, a0, 8\n add a5, a5, t0\n li s2, 0\n li s6, ${rounds}\n 1: sw s2, 0(a5)\n lw t1, 4(a5)\n add s3, s3, t1\n addi s2, s2, 1\n j 2f\n 2: blt s2, s6, 1b\n ${DONE}`, (h) => {
      const writes: number[][] = [[], [], []];
      let runs = 0, preempted = 0;
      for (let done = 0; done < 3; ) {
        if (runs++ % 3 === 0) h.rig.control[CONTROL.deadline] = h.rig.machine.clock() + 1;
        const exit = h.run(), hart = h.exited;
        if (exit === EXIT.preempted) {
          preempted++;
          h.rig.control[CONTROL.deadline] = FOREVER;
          h.set(0, R.turnEnds, 0); // often between two accesses of one hart
        } else if (exit === EXIT.sbi) {
          h.state(hart, STATE.stopped);
          done++;
        } else {
          expect(Number(h.get(hart, R.address)) - DEVICE >> 8).toBe(hart);
          if (h.get(hart, R.isWrite) === 1n) writes[hart]!.push(Number(h.get(hart, R.data)));
          h.set(hart, R.data, hart + 1);
          h.set(hart, R.completed, 1);
        }
      }
      for (const w of writes) expect(w).toEqual([...Array(rounds).keys()]);
      expect([0, 1, 2].map((n) => h.x(n, 19))).toEqual([1n, 2n, 3n].map((n) => n * BigInt(rounds)));
      expect(preempted).toBeGreaterThan(50);
    });
  });

  it("one that breaks its machine is named", () => {
    withHarts(2, `${OTHERS} 1: j 1b\n other: li t0, 0x40000000\n csrw stvec, t0\n .word 0xffffffff`, (h) => {
      expect([h.run(), h.exited]).toEqual([EXIT.broken, 1]);
    });
  });
});

describe("what no hart can be", () => {
  it("is refused by name", () => {
    withHarts(3, DONE, (h) => {
      const { machine } = h.rig, [leader = 0, hart = 0] = h.vcpus, fresh = machine.createVcpu(), another = machine.createVcpu();
      expect(() => machine.addHart(leader, leader, 3)).toThrow(/neither memory nor harts/);
      expect(() => machine.addHart(leader, hart, 3)).toThrow(/neither memory nor harts/);
      expect(() => machine.addHart(hart, fresh, 3)).toThrow(/leader/);
      expect(() => machine.addHart(leader, fresh, 2)).toThrow(/number/);
      expect(() => machine.addHart(leader, fresh, 8)).toThrow(/at/);
      expect(() => machine.addHart(leader, 9, 3)).toThrow(/vcpu/);
      machine.mapVcpuDevice(fresh, DEVICE, 4096);
      expect(() => machine.addHart(leader, fresh, 3)).toThrow(/neither memory/);
      machine.addHart(fresh, another, 1);
      expect(() => machine.addHart(leader, fresh, 3)).toThrow(/neither memory nor harts/);
      expect(() => machine.addHart(another, hart, 3)).toThrow(/leader/);
      expect(() => machine.runVcpu(hart)).toThrow(/another's guest/);
      expect(() => machine.mapVcpuRam(hart, 0, 0, 4096)).toThrow(/another's guest/);
      for (const state of [2, 3]) expect(() => machine.setVcpuState(hart, state)).toThrow(/state/);
    });
  });

  it("one that is destroyed is missing, and the others go on", () => {
    withHarts(3, `${OTHERS} ${DONE} li a0, 2\n li a1, 0\n ${IPI} mv s1, a0\n li a0, 0\n li a1, -1\n ${IPI} mv s2, a0\n ${DONE} other: addi s1, s1, 1\n j other`, (h) => {
      expect([h.run(), h.exited]).toEqual([EXIT.sbi, 0]);
      h.rig.control[CONTROL.deadline] = 100;
      h.rig.machine.destroyVcpu(h.vcpus[1]!);
      h.rig.control[CONTROL.deadline] = FOREVER;
      expect([h.run(), h.exited]).toEqual([EXIT.sbi, 0]);
      expect([h.x(0, 9), h.x(0, 18)]).toEqual([INVALID_PARAM, 0n]);
      expect(h.x(2, 9)).toBeGreaterThan(0n);
    });
  });

  it("one whose leader is destroyed runs no more, and its place is free for others", () => {
    withHarts(2, DONE, (h) => {
      const { machine } = h.rig, [leader = 0, hart = 0] = h.vcpus;
      h.finish(1);
      machine.destroyVcpu(leader);
      expect(() => machine.runVcpu(hart)).toThrow(/another's guest/);
      machine.readVcpu(hart);
      const fresh = machine.createVcpu();
      expect(() => machine.addHart(fresh, hart, 1)).toThrow(/nor be one/);
      expect(() => machine.addHart(hart, fresh, 1)).toThrow(/leader/);
      machine.destroyVcpu(hart);
      machine.destroyVcpu(fresh);
    });
  });
});
