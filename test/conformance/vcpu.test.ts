/** Virtual CPUs: what a hypervisor extension and the firmware under a guest do, done by the native layer. */
import { describe, expect, it } from "vitest";
import { CONTROL, EXIT, FRAME, RAM_BASE, VCPU_RECORD as R } from "../../core/machine/shared.ts";
import { type MachineOptions } from "../../core/machine/unicorn.ts";
import { assemble } from "../support/assemble.ts";
import { PAGE, Rig, withRig } from "./rig.ts";

const GUEST = 0x8000_0000; // guest-physical RAM
const BYTES = 8 << 20;
const DEVICE = 0x1000_0000;
const SEIP = 1n << 9n;

class Guest {
  readonly words: BigUint64Array;
  readonly floats: Float64Array;
  readonly label: (name: string) => number;
  /** Machine-physical start of the guest's RAM. */
  readonly ram: number;
  readonly rig: Rig;
  readonly vcpu: number;

  constructor(rig: Rig, source: string) {
    const vcpu = rig.machine.createVcpu();
    this.rig = rig;
    this.vcpu = vcpu;
    this.ram = RAM_BASE + (8 << 20);
    ({ words: this.words, floats: this.floats } = rig.record(vcpu));
    const code = assemble(source, GUEST);
    this.label = code.label;
    rig.write(this.ram, code.bytes);
    rig.machine.mapVcpuRam(vcpu, GUEST, 8 << 20, BYTES);
    rig.machine.mapVcpuDevice(vcpu, DEVICE, PAGE);
    rig.machine.readVcpu(vcpu);
    this.set(R.pc, GUEST);
    rig.machine.writeVcpu(vcpu);
  }

  run(): number {
    return this.rig.machine.runVcpu(this.vcpu);
  }

  get(word: number): bigint {
    return this.words[word] ?? 0n;
  }

  set(word: number, value: bigint | number): void {
    this.words[word] = BigInt.asUintN(64, BigInt(value));
  }

  /** Register x_i after the last exit. */
  x(i: number): bigint {
    this.rig.machine.readVcpu(this.vcpu);
    return this.get(R.x + i);
  }

  /** The read exit that just happened, answered. */
  answer(value: bigint | number): void {
    this.set(R.data, value);
    this.set(R.completed, 1);
  }
}

const withGuest = <T>(source: string, body: (guest: Guest) => T, options: Partial<MachineOptions> = {}): T =>
  withRig((rig) => body(new Guest(rig, source)), options);

/** A call to the VMM, by an SBI extension that the native layer leaves to it: the end of most snippets. */
const DONE = "li a7, 0x0a000001\n ecall\n";

describe("a new VCPU", () => {
  it("starts in S mode at 0 without translation or timer", () => {
    withRig((rig) => {
      const vcpu = rig.machine.createVcpu();
      rig.machine.readVcpu(vcpu);
      const { words, floats } = rig.record(vcpu);
      expect([words[R.priv], words[R.pc], words[R.satp], floats[R.timecmp]]).toEqual([1n, 0n, 0n, Infinity]);
    });
  });

  it("writes and reads back all its registers", () => {
    withGuest(DONE, (g) => {
      for (let i = 1; i < 32; i++) g.set(R.x + i, 0x1111_0000_0000_0000n + BigInt(i));
      for (let i = 0; i < 32; i++) g.set(R.f + i, 0x2222_0000_0000_0000n + BigInt(i));
      const system = [[R.sstatus, 0xc6122n], [R.sie, 0x222n], [R.stvec, 0x8000_0100n], [R.sscratch, 3n], [R.sepc, 0x8000_0200n], [R.scause, 5n], [R.stval, 6n], [R.sip, 2n], [R.satp, (9n << 60n) | 0x80001n], [R.priv, 0n], [R.scounteren, 7n], [R.fcsr, 0x7fn]] as const;
      for (const [word, value] of system) g.set(word, value);
      g.rig.machine.writeVcpu(g.vcpu);
      for (let i = R.pc; i < R.f + 32; i++) g.set(i, 0);
      g.rig.machine.readVcpu(g.vcpu);
      expect(g.get(R.pc)).toBe(BigInt(GUEST));
      for (let i = 1; i < 32; i++) expect(g.get(R.x + i)).toBe(0x1111_0000_0000_0000n + BigInt(i));
      for (let i = 0; i < 32; i++) expect(g.get(R.f + i)).toBe(0x2222_0000_0000_0000n + BigInt(i));
      for (const [word, value] of system) expect([word, g.get(word)]).toEqual([word, value]);
    });
  });

  it("refuses registers that a hart cannot have", () => {
    withGuest(DONE, (g) => {
      for (const [word, value, name] of [[R.satp, 3n << 60n, /satp/], [R.priv, 3n, /priv/], [R.pc, 0x8000_0001n, /pc/]] as const) {
        g.rig.machine.readVcpu(g.vcpu);
        g.set(word, value);
        expect(() => g.rig.machine.writeVcpu(g.vcpu)).toThrow(name);
      }
    });
  });

  it("shows even addresses only, whatever a guest has written: what is read can be written", () => {
    withGuest(`li t0, 0x80000201\n csrw sepc, t0\n ${DONE}`, (g) => {
      g.run();
      g.rig.machine.readVcpu(g.vcpu);
      expect(g.get(R.sepc)).toBe(0x8000_0200n);
      expect(() => g.rig.machine.writeVcpu(g.vcpu)).not.toThrow();
    });
  });

  it("settled after an exit, has its registers behind it, and does not do it again", () => {
    withGuest(`li s0, ${DEVICE}\n lw a0, 0(s0)\n mv s1, a0\n li a0, 1\n li a1, 2\n ${DONE} mv s2, a0\n sw a1, 4(s0)\n ${DONE}`, (g) => {
      const pcNow = (): number => (g.rig.machine.readVcpu(g.vcpu), Number(g.get(R.pc)));
      expect(g.run()).toBe(EXIT.mmio);
      const at = pcNow();
      // No answer yet: it stays where it is.
      g.rig.machine.settleVcpu(g.vcpu);
      expect(pcNow()).toBe(at);
      expect(g.run()).toBe(EXIT.mmio);
      g.answer(77);
      g.rig.machine.settleVcpu(g.vcpu);
      expect([pcNow() > at, g.x(10)]).toEqual([true, 77n]);
      expect(g.run()).toBe(EXIT.sbi);
      g.set(R.a, 5);
      g.set(R.a + 1, 6);
      g.rig.machine.settleVcpu(g.vcpu);
      expect([g.x(9), g.x(10), g.x(11)]).toEqual([77n, 5n, 6n]);
      expect(g.run()).toBe(EXIT.mmio);
      g.rig.machine.settleVcpu(g.vcpu);
      expect(g.run()).toBe(EXIT.sbi);
      expect(g.x(18)).toBe(5n);
    });
  });

  it("can be destroyed and made again, as many as were ordered", () => {
    withRig((rig) => {
      expect([rig.machine.createVcpu(), rig.machine.createVcpu()]).toEqual([0, 1]);
      expect(() => rig.machine.createVcpu()).toThrow(/in use/);
      rig.machine.destroyVcpu(0);
      expect(() => rig.machine.runVcpu(0)).toThrow(/vcpu/);
      expect(rig.machine.createVcpu()).toBe(0);
    });
  });
});

/** Handler at stvec that keeps scause, sepc, stval and sstatus in s1..s4 and ends. */
const HANDLER = `\n.balign 4\nhandler: csrr s1, scause\n csrr s2, sepc\n csrr s3, stval\n csrr s4, sstatus\n ${DONE}`;
const INTO_USER = "la t0, handler\n csrw stvec, t0\n la t0, user\n csrw sepc, t0\n li t0, 0x100\n csrc sstatus, t0\n li t0, 0x20\n csrs sstatus, t0\n sret\n user: ";
const IN_SUPERVISOR = "la t0, handler\n csrw stvec, t0\n csrsi sstatus, 2\n ";

describe("the guest's own traps", () => {
  const SPP = 0x100n;
  const SPIE = 0x20n;
  const trapped = (g: Guest): { cause: bigint; epc: number; tval: bigint; status: bigint } => {
    expect(g.run()).toBe(EXIT.sbi);
    return { cause: g.x(9), epc: Number(g.x(18)), tval: g.x(19), status: g.x(20) & (SPP | SPIE | 2n) };
  };

  it.each([
    ["ecall from user mode", `${INTO_USER} nop\n at: ecall`, 8n, 0n, SPIE],
    ["ebreak in user mode", `${INTO_USER} nop\n at: ebreak`, 3n, undefined, SPIE],
    ["c.ebreak in supervisor mode", `${IN_SUPERVISOR} nop\n at: c.ebreak`, 3n, undefined, SPP | SPIE],
    ["illegal instruction", `${IN_SUPERVISOR} at: .word 0xffffffff`, 2n, 0xffff_ffffn, SPP | SPIE],
    ["compressed illegal instruction", `${INTO_USER} nop\n at: .half 0`, 2n, 0n, SPIE],
    ["supervisor register from user mode", `${INTO_USER} at: csrr a0, sscratch`, 2n, 0x1400_2573n, SPIE],
    ["wfi in user mode", `${INTO_USER} at: wfi`, 2n, 0x1050_0073n, SPIE],
    ["machine register from supervisor mode", `${IN_SUPERVISOR} at: csrr a0, mstatus`, 2n, 0x3000_2573n, SPP | SPIE],
    ["load from no memory", `${IN_SUPERVISOR} li a1, 0x40000000\n at: c.lw a0, 4(a1)`, 5n, 0x4000_0004n, SPP | SPIE],
    ["store to no memory", `${INTO_USER} li a1, 0x40000000\n at: sd a0, 8(a1)`, 7n, 0x4000_0008n, SPIE],
    ["atomic on a device", `${IN_SUPERVISOR} li a1, 0x10000000\n at: amoswap.w a0, a0, (a1)`, 7n, 0x1000_0000n, SPP | SPIE],
    ["rdtime that is not permitted", `csrwi scounteren, 0\n ${INTO_USER} at: rdtime a0`, 2n, 0xc010_2573n, SPIE],
  ])("%s", (_name, source, cause, tval, status) => {
    withGuest(source + HANDLER, (g) => {
      const t = trapped(g);
      expect([t.cause, t.epc, t.tval, t.status]).toEqual([cause, g.label("at"), tval ?? BigInt(g.label("at")), status]);
    });
  });

  it("fetch from no memory", () => {
    withGuest(`${IN_SUPERVISOR} li a1, 0x40000000\n jr a1${HANDLER}`, (g) => {
      const t = trapped(g);
      expect([t.cause, t.epc, t.tval]).toEqual([1n, 0x4000_0000, 0x4000_0000n]);
    });
  });

  it("page faults, exact also for compressed instructions", () => {
    // root at +1 MiB: gigabyte 2 identity, supervisor; everything else absent
    withGuest(`la t0, handler\n csrw stvec, t0\n li t0, (8 << 60) | 0x80100\n csrw satp, t0\n sfence.vma\n li a1, 0x12345000\n nop\n at: c.sw a0, 4(a1)${HANDLER}`, (g) => {
      g.rig.setWord(g.ram + (1 << 20) + 16, (BigInt(GUEST) / 4096n) << 10n | 0xcfn);
      const t = trapped(g);
      expect([t.cause, t.epc, t.tval]).toEqual([15n, g.label("at"), 0x1234_5004n]);
    });
  });

  it("a handler that cannot be fetched breaks the guest, and not its host", () => {
    withGuest("li t0, 0x40000000\n csrw stvec, t0\n .word 0xffffffff", (g) => {
      expect(g.run()).toBe(EXIT.broken);
      expect(g.get(R.address)).toBe(0x4000_0000n);
      expect(g.run()).toBe(EXIT.broken);
    });
  });

  it("returns to user mode and back a thousand times", () => {
    withGuest(`la t0, h\n csrw stvec, t0\n la t0, u\n csrw sepc, t0\n li t0, 0x100\n csrc sstatus, t0\n li s0, 1000\n sret\n u: addi a0, a0, 1\n ecall\n j u\n .balign 4\n h: csrr t1, sepc\n addi t1, t1, 4\n csrw sepc, t1\n addi s0, s0, -1\n beqz s0, 1f\n sret\n 1: ${DONE}`, (g) => {
      expect(g.run()).toBe(EXIT.sbi);
      expect(g.x(10)).toBe(1000n);
    });
  });
});

describe("SBI", () => {
  it("leaves to the VMM what is not the hart's own, with a0 to a7, and takes a0 and a1", () => {
    withGuest(`li a0, 1\n li a1, 2\n li a2, 3\n li a6, 7\n li a7, 0x10\n ecall\n add s1, a0, a1\n mv s2, a2\n ${DONE}`, (g) => {
      expect(g.run()).toBe(EXIT.sbi);
      expect([...g.words.subarray(R.a, R.a + 8)]).toEqual([1n, 2n, 3n, 0n, 0n, 0n, 7n, 0x10n]);
      g.set(R.a, -2);
      g.set(R.a + 1, 50);
      expect(g.run()).toBe(EXIT.sbi);
      expect([g.x(9), g.x(18)]).toEqual([48n, 3n]);
      expect(g.get(R.exits)).toBe(2n);
    });
  });

  it("answers RFENCE and IPI to itself below, and refuses another hart", () => {
    withGuest(`li a7, 0x52464e43\n li a6, 1\n li a0, 1\n li a1, 0\n li a2, 0\n li a3, -1\n ecall\n mv s1, a0\n li a7, 0x735049\n li a6, 0\n li a0, 1\n li a1, 0\n ecall\n mv s2, a0\n csrr s3, sip\n csrci sip, 2\n csrr s4, sip\n li a0, 2\n li a1, 0\n ecall\n mv s5, a0\n ${DONE}`, (g) => {
      expect(g.run()).toBe(EXIT.sbi);
      expect([g.x(9), g.x(18), g.x(19), g.x(20), g.x(21)]).toEqual([0n, 0n, 2n, 0n, BigInt.asUintN(64, -3n)]);
      expect(g.get(R.sbiCalls)).toBe(3n);
    });
  });
});

/** An interrupt handler that counts by cause in s1 (timer), s2 (external), s3 (software), and acts. */
const COUNTING = (timer: string, external: string, software: string): string =>
  `\n.balign 4\nhandler: csrr t1, scause\n slli t1, t1, 1\n srli t1, t1, 1\n li t2, 5\n beq t1, t2, 5f\n li t2, 9\n beq t1, t2, 9f\n addi s3, s3, 1\n ${software}\n sret\n 5: addi s1, s1, 1\n ${timer}\n sret\n 9: addi s2, s2, 1\n ${external}\n sret\n`;
const ENABLE = "la t0, handler\n csrw stvec, t0\n li t0, 0x222\n csrw sie, t0\n csrsi sstatus, 2\n ";
const DISARM = "li a7, 0x54494d45\n li a6, 0\n li a0, -1\n ecall";

describe("time", () => {
  it("rdtime in all its forms is the machine's clock plus the offset", () => {
    withGuest(`csrwi scounteren, 7\n rdtime s1\n csrrc s2, time, x0\n csrrsi s3, time, 0\n csrrci s4, time, 0\n rdtime x0\n mv s5, x0\n ${DONE}`, (g) => {
      g.rig.machine.advanceClock(1000);
      g.floats[R.offset] = 500_000;
      g.run();
      for (const i of [9, 18, 19, 20]) {
        expect(Number(g.x(i))).toBeGreaterThanOrEqual(501_000);
        expect(Number(g.x(i))).toBeLessThan(501_010);
      }
      expect(g.x(21)).toBe(0n);
    });
  });

  it.each([["0x54494d45", "TIME"], ["0", "the legacy call"]])("an SBI timer set by %s (%s) interrupts at its time and not before", (extension) => {
    withGuest(`${ENABLE} rdtime s4\n addi a0, s4, 100\n li a7, ${extension}\n li a6, 0\n ecall\n 1: beqz s1, 1b\n rdtime s5\n ${DONE}${COUNTING(DISARM, "", "")}`, (g) => {
      expect(g.run()).toBe(EXIT.sbi);
      expect([g.x(9), g.x(18), g.x(19)]).toEqual([1n, 0n, 0n]);
      const waited = Number(g.x(21) - g.x(20));
      expect(waited).toBeGreaterThanOrEqual(100);
      expect(waited).toBeLessThan(104);
      expect(g.floats[R.timecmp]).toBe(Infinity);
    });
  });

  it("the timer is exact to the block and repeatable", () => {
    const once = (): unknown[] =>
      withGuest(`${ENABLE} li s7, 50\n rdtime a0\n addi a0, a0, 7\n li a7, 0x54494d45\n li a6, 0\n ecall\n 1: addi s6, s6, 1\n bnez s7, 1b\n ${DONE}${COUNTING("addi s7, s7, -1\n rdtime a0\n addi a0, a0, 13\n li a7, 0x54494d45\n li a6, 0\n ecall", "", "")}`, (g) => {
        g.run();
        return [g.x(22), g.x(9), g.rig.machine.clock(), g.rig.control[CONTROL.blocks]];
      });
    const first = once();
    expect(first[1]).toBe(50n);
    expect(once()).toEqual(first);
  });

  it("a timer in the past interrupts at once", () => {
    withGuest(`${ENABLE} li a0, 0\n li a7, 0x54494d45\n li a6, 0\n ecall\n mv s5, s1\n ${DONE}${COUNTING(DISARM, "", "")}`, (g) => {
      g.run();
      expect([g.x(9), g.x(21)]).toEqual([1n, 1n]);
    });
  });

  it("a guest with a timer is interrupted on the host's clock as well", () => {
    withGuest(`${ENABLE} rdtime s4\n li t0, 20000\n add a0, s4, t0\n li a7, 0x54494d45\n li a6, 0\n ecall\n 1: beqz s1, 1b\n rdtime s5\n ${DONE}${COUNTING(DISARM, "", "")}`, (g) => {
      expect(g.run()).toBe(EXIT.sbi);
      expect(Number(g.x(21) - g.x(20))).toBeGreaterThanOrEqual(20_000);
    }, { clock: "host" });
  });
});

describe("interrupt lines", () => {
  it("SEIP rises and falls with the VMM's line", () => {
    withGuest(`${ENABLE} csrr s4, sip\n ${DONE} csrr s5, sip\n ${DONE} csrr s6, sip\n ${DONE} ${COUNTING("", "li t3, 0x200\n csrc sie, t3", "")}`, (g) => {
      g.run();
      g.set(R.lines, SEIP);
      g.run();
      g.set(R.lines, 0);
      g.run();
      expect([g.x(20), g.x(21), g.x(22), g.x(18)]).toEqual([0n, SEIP, 0n, 1n]);
    });
  });

  it("SSIP is set once by the VMM and cleared by the guest", () => {
    withGuest(`${ENABLE} ${DONE} ${DONE} ${COUNTING("", "", "csrci sip, 2")}`, (g) => {
      g.run();
      g.set(R.lines, 2);
      g.run();
      expect(g.get(R.lines)).toBe(0n);
      expect([g.x(19), g.get(R.sip)]).toEqual([1n, 0n]);
    });
  });

  it("wait while the guest has interrupts off, and come when it turns them on", () => {
    withGuest(`${ENABLE} csrci sstatus, 2\n ${DONE} nop\n mv s4, s2\n csrsi sstatus, 2\n mv s5, s2\n ${DONE} ${COUNTING("", "li t3, 0x200\n csrc sie, t3", "")}`, (g) => {
      g.run();
      g.set(R.lines, SEIP);
      g.run();
      expect([g.x(20), g.x(21)]).toEqual([0n, 1n]);
    });
  });

  it("use the vector table when stvec says so", () => {
    withGuest(`la t0, table + 1\n csrw stvec, t0\n li t0, 0x200\n csrw sie, t0\n csrsi sstatus, 2\n ${DONE} nop\n .balign 64\n .option norvc\n table: .rept 9\n j bad\n .endr\n j good\n bad: li s1, 1\n ${DONE} good: li s1, 2\n ${DONE}`, (g) => {
      g.run();
      g.set(R.lines, SEIP);
      g.run();
      expect(g.x(9)).toBe(2n);
    });
  });
});

describe("wfi", () => {
  it("without anything pending leaves, and goes on when resumed", () => {
    withGuest(`wfi\n li s1, 1\n ${DONE}`, (g) => {
      expect(g.run()).toBe(EXIT.wfi);
      expect(g.run()).toBe(EXIT.sbi);
      expect(g.x(9)).toBe(1n);
    });
  });

  it("with an enabled interrupt pending goes straight on, taken or not", () => {
    withGuest(`la t0, handler\n csrw stvec, t0\n li t0, 0x222\n csrw sie, t0\n wfi\n mv s4, s2\n csrsi sstatus, 2\n ${DONE}${COUNTING("", "li t3, 0x200\n csrc sie, t3", "")}`, (g) => {
      g.set(R.lines, SEIP);
      expect(g.run()).toBe(EXIT.sbi);
      expect([g.x(20), g.x(18)]).toEqual([0n, 1n]);
    });
  });

  it("with the timer armed leaves with its time, and wakes when that has passed", () => {
    withGuest(`${ENABLE} li a0, 5000\n li a7, 0x54494d45\n li a6, 0\n ecall\n wfi\n mv s5, s1\n ${DONE}${COUNTING(DISARM, "", "")}`, (g) => {
      expect(g.run()).toBe(EXIT.wfi);
      expect(g.floats[R.timecmp]).toBe(5000);
      g.rig.machine.advanceClock(5000 - g.rig.machine.clock());
      expect(g.run()).toBe(EXIT.sbi);
      expect(g.x(21)).toBe(1n);
    });
  });
});

describe("MMIO", () => {
  it("answers a load into its own base register", () => {
    withGuest(`li a5, 0x10000000\n lw a5, 8(a5)\n ${DONE}`, (g) => {
      expect(g.run()).toBe(EXIT.mmio);
      expect([g.get(R.address), g.get(R.size), g.get(R.isWrite)]).toEqual([BigInt(DEVICE + 8), 4n, 0n]);
      g.answer(0x8765_4321n);
      expect(g.run()).toBe(EXIT.sbi);
      expect(g.x(15)).toBe(0xffff_ffff_8765_4321n);
    });
  });

  it("exits again for a read that was not answered", () => {
    withGuest(`li a5, 0x10000000\n lbu a5, 3(a5)\n ${DONE}`, (g) => {
      for (let i = 0; i < 3; i++) expect([g.run(), g.get(R.address), g.get(R.size)]).toEqual([EXIT.mmio, BigInt(DEVICE + 3), 1n]);
      g.answer(0xff5n);
      expect(g.run()).toBe(EXIT.sbi);
      expect(g.x(15)).toBe(0xf5n);
    });
  });

  it("exits once for each store, with 8 bytes as one, also in a block of several", () => {
    withGuest(`li a5, 0x10000000\n li a0, 0x1122334455667788\n sb a0, 1(a5)\n sh a0, 2(a5)\n addi a0, a0, 1\n sw a0, 4(a5)\n sd a0, 8(a5)\n sd a0, 8(a5)\n ${DONE}`, (g) => {
      const seen: bigint[][] = [];
      while (g.run() === EXIT.mmio) seen.push([g.get(R.address) - BigInt(DEVICE), g.get(R.size), g.get(R.isWrite), g.get(R.data)]);
      expect(seen).toEqual([[1n, 1n, 1n, 0x88n], [2n, 2n, 1n, 0x7788n], [4n, 4n, 1n, 0x5566_7789n], [8n, 8n, 1n, 0x1122_3344_5566_7789n], [8n, 8n, 1n, 0x1122_3344_5566_7789n]]);
      expect(g.x(10)).toBe(0x1122_3344_5566_7789n);
    });
  });

  it("loses and repeats nothing under preemption, with interrupts arriving between exit and completion", () => {
    const rounds = 3000;
    withGuest(`${ENABLE} li a5, 0x10000000\n li s6, ${rounds}\n li s7, 0\n 1: sw s7, 0(a5)\n lw a4, 4(a5)\n add s8, s8, a4\n addi s7, s7, 1\n blt s7, s6, 1b\n ${DONE}${COUNTING("", "lw t3, 8(a5)", "")}`, (g) => {
      const writes: number[] = [];
      let preempted = 0, raised = 0, claimed = 0;
      const raise = (): void => {
        if (g.get(R.lines) !== 0n) return;
        g.set(R.lines, SEIP);
        raised++;
      };
      g.rig.control[CONTROL.deadline] = 1;
      for (let exit = g.run(); exit !== EXIT.sbi; exit = g.run()) {
        if (exit === EXIT.preempted) {
          preempted++;
          g.rig.control[CONTROL.deadline] = g.rig.machine.clock() + 1;
        } else if (g.get(R.isWrite) === 1n) {
          writes.push(Number(g.get(R.data)));
          if (writes.length % 3 === 0) raise();
        } else if (g.get(R.address) === BigInt(DEVICE + 8)) {
          g.set(R.lines, 0);
          claimed++;
          g.answer(0);
        } else {
          g.answer(2);
          if (writes.length % 5 === 0) raise();
        }
      }
      expect(writes).toEqual([...Array(rounds).keys()]);
      expect(g.x(24)).toBe(BigInt(2 * rounds));
      expect([claimed, Number(g.x(18))]).toEqual([raised, raised]);
      expect(preempted).toBeGreaterThan(100);
    });
  });

  it("reaches devices through the guest's page tables", () => {
    withGuest(`li t0, (8 << 60) | 0x80100\n csrw satp, t0\n sfence.vma\n li a1, 0xd0000000\n lw a0, 16(a1)\n ${DONE}`, (g) => {
      g.rig.setWord(g.ram + (1 << 20) + 16, (BigInt(GUEST) / 4096n) << 10n | 0xcfn);
      g.rig.setWord(g.ram + (1 << 20) + 24, 0xcfn); // 0xc0000000: the gigabyte at 0
      expect(g.run()).toBe(EXIT.mmio);
      expect(g.get(R.address)).toBe(BigInt(DEVICE + 16));
      g.answer(9);
      expect(g.run()).toBe(EXIT.sbi);
      expect(g.get(R.a)).toBe(9n);
    });
  });
});

describe("guest memory", () => {
  it("is the machine's RAM: both sides see writes", () => {
    withGuest(`li a1, 0x80200000\n ld a0, 0(a1)\n addi a0, a0, 1\n sd a0, 8(a1)\n ${DONE}`, (g) => {
      g.rig.setWord(g.ram + (2 << 20), 41n);
      g.run();
      expect(g.rig.word(g.ram + (2 << 20) + 8)).toBe(42n);
    });
  });

  it("can be taken away in the middle, and given back elsewhere", () => {
    withGuest(`la t0, handler\n csrw stvec, t0\n 1: li a1, 0x80401000\n ld a0, 0(a1)\n ${DONE} j 1b${HANDLER}`, (g) => {
      const at = g.ram + (4 << 20) + PAGE;
      g.rig.setWord(at, 5n);
      g.rig.setWord(at + PAGE, 6n);
      expect([g.run(), g.get(R.a)]).toEqual([EXIT.sbi, 5n]);
      g.rig.machine.unmapVcpuRam(g.vcpu, GUEST + (4 << 20) + PAGE, PAGE);
      expect(g.run()).toBe(EXIT.sbi);
      expect([g.x(9), g.x(19)]).toEqual([5n, 0x8040_1000n]); // load access fault
      g.rig.machine.mapVcpuRam(g.vcpu, GUEST + (4 << 20) + PAGE, (8 << 20) + (4 << 20) + 2 * PAGE, PAGE);
      g.set(R.pc, GUEST);
      g.rig.machine.writeVcpu(g.vcpu);
      expect([g.run(), g.get(R.a)]).toEqual([EXIT.sbi, 6n]);
      expect(() => g.rig.machine.mapVcpuRam(g.vcpu, GUEST, 0, PAGE)).toThrow(/overlaps/);
      expect(() => g.rig.machine.mapVcpuDevice(g.vcpu, GUEST, PAGE)).toThrow(/overlaps/);
      expect(() => g.rig.machine.mapVcpuRam(g.vcpu, 0, 32 << 20, PAGE)).toThrow(/RAM/);
      expect(() => g.rig.machine.unmapVcpuRam(g.vcpu, 0, PAGE)).toThrow(/not mapped/);
      g.rig.machine.unmapVcpuDevice(g.vcpu, DEVICE, PAGE);
      expect(() => g.rig.machine.unmapVcpuDevice(g.vcpu, DEVICE, PAGE)).toThrow(/no such/);
    });
  });

  it("may be mapped frame by frame", () => {
    withRig((rig) => {
      const vcpu = rig.machine.createVcpu();
      const code = assemble(`li a1, 0x803ff000\n ld a0, 0(a1)\n ${DONE}`, GUEST);
      rig.write(RAM_BASE + (8 << 20), code.bytes);
      for (let i = 0; i < 1024; i++) rig.machine.mapVcpuRam(vcpu, GUEST + i * PAGE, (8 << 20) + i * PAGE, PAGE);
      rig.setWord(RAM_BASE + (8 << 20) + 0x3f_f000, 7n);
      rig.machine.readVcpu(vcpu);
      const { words } = rig.record(vcpu);
      words[R.pc] = BigInt(GUEST);
      rig.machine.writeVcpu(vcpu);
      expect([rig.machine.runVcpu(vcpu), words[R.a]]).toEqual([EXIT.sbi, 7n]);
    });
  });

  it("that the host writes runs anew after invalidate by machine address", () => {
    withGuest(`1: c.li a0, 1\n ${DONE} j 1b`, (g) => {
      expect([g.run(), g.get(R.a)]).toEqual([EXIT.sbi, 1n]);
      g.rig.write(g.ram, Uint8Array.of(0x09, 0x45)); // c.li a0, 2
      g.rig.machine.invalidate(g.ram, 2);
      expect([g.run(), g.get(R.a)]).toEqual([EXIT.sbi, 2n]);
    });
  });
});

describe("a VCPU beside machine programs", () => {
  it("is preempted at the machine's deadline, exactly, and goes on where it was", () => {
    withGuest(`1: addi s1, s1, 1\n j 1b`, (g) => {
      for (let i = 1; i <= 20; i++) {
        g.rig.control[CONTROL.deadline] = i * 10;
        expect(g.run()).toBe(EXIT.preempted);
        expect([g.rig.machine.clock(), g.x(9)]).toEqual([i * 10, BigInt(i * 160)]);
      }
      g.rig.kick[0] = 1;
      expect([g.run(), g.rig.kick[0]]).toEqual([EXIT.preempted, 0]);
    });
  });

  it("may run from inside a trap, and the machine program goes on unharmed", () => {
    withGuest(`1: addi a0, a0, 1\n ${DONE} j 1b`, (g) => {
      const root = g.rig.space(0);
      g.rig.program(root, 0x1_0000, "1: addi a0, a0, 1\n ecall\n j 1b");
      g.rig.thread(0, 0, 0x1_0000);
      let turns = 0;
      g.rig.machine.run(0, (frame) => {
        expect(g.run()).toBe(EXIT.sbi);
        return ++turns < 100 ? frame : -1;
      });
      expect([g.get(R.a), g.rig.get(0, FRAME.x + 10)]).toEqual([100n, 100n]);
      expect(g.rig.control[CONTROL.engines]).toBe(2);
    });
  });

  it("loses its reservation when it has left the hart", () => {
    withGuest(`li a1, 0x80200000\n lr.d a2, (a1)\n li a7, 0x10\n ecall\n sc.d a3, a2, (a1)\n ${DONE}`, (g) => {
      g.run();
      g.run();
      expect(g.x(13)).toBe(1n);
    });
  });
});
