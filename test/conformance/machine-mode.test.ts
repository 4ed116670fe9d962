/** Virtual harts with a machine mode: its registers, its traps and interrupts, as firmware finds them. */
import { describe, expect, it } from "vitest";
import { CONTROL, EXIT, RAM_BASE, VCPU_RECORD as R } from "../../core/machine/shared.ts";
import { type MachineOptions } from "../../core/machine/unicorn.ts";
import { assemble } from "../support/assemble.ts";
import { PAGE, Rig, withRig } from "./rig.ts";

const GUEST = 0x8000_0000;
const DEVICE = 0x1000_0000;
const MACHINE = 3n;
const MSIE = 1n << 3n, MTIE = 1n << 7n, MEIE = 1n << 11n, SEIP = 1n << 9n;

class Firmware {
  readonly words: BigUint64Array;
  readonly label: (name: string) => number;
  readonly ram = RAM_BASE + (8 << 20);
  readonly rig: Rig;
  readonly vcpu: number;

  constructor(rig: Rig, source: string) {
    this.rig = rig;
    this.vcpu = rig.machine.createVcpu();
    this.words = rig.record(this.vcpu).words;
    const code = assemble(source, GUEST);
    this.label = code.label;
    rig.write(this.ram, code.bytes);
    rig.machine.mapVcpuRam(this.vcpu, GUEST, 8 << 20, 8 << 20);
    rig.machine.mapVcpuDevice(this.vcpu, DEVICE, PAGE);
    rig.machine.readVcpu(this.vcpu);
    this.set(R.pc, GUEST);
    rig.machine.writeVcpu(this.vcpu);
    rig.machine.addMachineMode(this.vcpu);
    // What goes wrong ends, too.
    rig.control[CONTROL.deadline] = 5_000_000;
  }

  get(word: number): bigint {
    return this.words[word] ?? 0n;
  }
  set(word: number, value: bigint | number): void {
    this.words[word] = BigInt.asUintN(64, BigInt(value));
  }
  run(): number {
    return this.rig.machine.runVcpu(this.vcpu);
  }
  /** Runs to the snippet's end and reads s1, s2, ... */
  results(count: number): bigint[] {
    expect([this.run(), this.get(R.address)]).toEqual([EXIT.mmio, BigInt(DEVICE)]);
    this.rig.machine.readVcpu(this.vcpu);
    return Array.from({ length: count }, (_, i) => this.get(R.x + (i === 0 ? 9 : 17 + i)));
  }
}

const withFirmware = <T>(source: string, body: (f: Firmware) => T, options: Partial<MachineOptions> = {}): T => withRig((rig) => body(new Firmware(rig, source)), options);

/** Out to the VMM: the end of a snippet. */
const DONE = "li t6, 0x10000000\n sw x0, 0(t6)\n";
/** Handler at mtvec that keeps mcause, mepc, mtval and mstatus in s1..s4, and ends. */
const HANDLER = `\n.balign 4\nhandler: csrr s1, mcause\n csrr s2, mepc\n csrr s3, mtval\n csrr s4, mstatus\n ${DONE}`;
const VECTOR = "la t0, handler\n csrw mtvec, t0\n ";
/** By mret to `lower`, in supervisor or user mode. */
const into = (mode: "s" | "u", more = ""): string => `${VECTOR} la t0, lower\n csrw mepc, t0\n li t0, 0x1800\n csrc mstatus, t0\n ${mode === "s" ? "li t0, 0x800\n csrs mstatus, t0\n" : ""} ${more} mret\n lower: `;
const SUPERVISOR_HANDLER = `\n.balign 4\nhandler: li s1, -1\n ${DONE}\n.balign 4\nsuper: csrr s1, scause\n csrr s2, sepc\n csrr s3, stval\n csrr s4, sstatus\n ${DONE}`;
const DELEGATE = (exceptions: number, interrupts = 0): string => `li t0, ${exceptions}\n csrw medeleg, t0\n li t0, ${interrupts}\n csrw mideleg, t0\n la t0, super\n csrw stvec, t0\n`;
const MPP = 0x1800n, MPIE = 0x80n;

describe("a hart in machine mode", () => {
  it("begins there, and says so", () => {
    withFirmware(`csrr s1, mhartid\n csrr s2, misa\n csrr s3, mstatus\n csrr s4, mvendorid\n ${DONE}`, (f) => {
      expect(f.get(R.machine)).toBe(1n);
      expect(f.results(4)).toEqual([0n, 0x8000_0000_0014_112dn, 0xa_0000_0000n | MPP | 0x2000n * (f.get(R.sstatus) >> 13n & 3n) | (f.get(R.sstatus) >> 13n & 3n) / 3n << 63n, 0n]);
      expect(f.get(R.priv)).toBe(MACHINE);
      expect(() => f.rig.machine.addMachineMode(f.vcpu)).toThrow(/machine mode/);
    });
  });

  it.each([
    ["mscratch", -1n, -1n],
    ["mepc", -1n, -2n],
    ["mtvec", -1n, -3n],
    ["mcause", -1n, -1n],
    ["mtval", -1n, -1n],
    ["medeleg", -1n, 0xb3ffn],
    ["mideleg", -1n, 0x222n],
    ["mie", -1n, 0xaaan],
    ["mip", -1n, 0x222n],
    ["mcounteren", -1n, 7n],
    ["mcountinhibit", -1n, 5n],
    ["misa", 0n, 0x8000_0000_0014_112dn],
    ["mhpmcounter3", -1n, 0n],
    ["mhpmevent31", -1n, 0n],
    ["pmpaddr15", -1n, (1n << 54n) - 1n],
    ["pmpcfg0", 0x1f1a_0f0e_0b07_0302n, 0x1f18_0f0c_0b07_0300n],
    ["stvec", -1n, -3n],
    ["sscratch", -1n, -1n],
    ["sepc", -1n, -2n],
    ["scause", -1n, -1n],
    ["stval", -1n, -1n],
    ["scounteren", -1n, 7n],
    ["satp", (9n << 60n) | 5n, (9n << 60n) | 5n],
    ["satp", (3n << 60n) | 5n, 0n],
    ["sie", -1n, 0n],
  ])("%s takes %d as %d", (csr, written, read) => {
    withFirmware(`li t0, ${written}\n csrw ${csr}, t0\n csrr s1, ${csr}\n ${DONE}`, (f) => expect(f.results(1)).toEqual([BigInt.asUintN(64, read)]));
  });

  it("csr instructions in all their forms", () => {
    withFirmware(`csrwi mscratch, 21\n li t0, 10\n csrrs s1, mscratch, t0\n csrrci s2, mscratch, 17\n csrrc s3, mscratch, t0\n csrrsi s4, mscratch, 1\n csrrwi s5, mscratch, 2\n csrrw t0, mscratch, t0\n mv s6, t0\n csrr s7, mscratch\n ${DONE}`, (f) => expect(f.results(7)).toEqual([21n, 31n, 14n, 4n, 5n, 2n, 10n]));
  });

  it("a locked PMP entry holds, and the one below a locked top of range", () => {
    withFirmware("li t0, 0x8f00\n csrw pmpcfg0, t0\n csrw pmpcfg0, x0\n csrr s1, pmpcfg0\n li t0, 5\n csrw pmpaddr0, t0\n csrw pmpaddr1, t0\n csrw pmpaddr2, t0\n csrr s2, pmpaddr0\n csrr s3, pmpaddr1\n csrr s4, pmpaddr2\n " + DONE, (f) => expect(f.results(4)).toEqual([0x8f00n, 0n, 0n, 5n]));
  });

  it("the mode that there is not is not written to MPP", () => {
    withFirmware(`li t0, 0x1800\n csrc mstatus, t0\n li t0, 0x1000\n csrw mstatus, t0\n csrr s1, mstatus\n ${DONE}`, (f) => expect(f.results(1)[0]! & MPP).toBe(0n));
  });

  it.each([
    ["a register that there is not", "at: csrr a0, 0x30a", 2n, 0x30a0_2573n],
    ["a write to one that is for reading", "at: csrw mhartid, a0", 2n, 0xf145_1073n],
    ["half of a register of 64 bits", "at: csrr a0, 0x3a1", 2n, 0x3a10_2573n],
    ["an instruction that there is not", "at: .word 0xffffffff", 2n, 0xffff_ffffn],
    ["ecall", "at: ecall", 11n, 0n],
    ["ebreak", "at: ebreak", 3n, undefined],
    ["load from no memory", "li a1, 0x40000000\n at: ld a0, 8(a1)", 5n, 0x4000_0008n],
    ["store to no memory", "li a1, 0x40000000\n at: c.sw a0, 4(a1)", 7n, 0x4000_0004n],
  ])("%s traps to itself", (_name, source, cause, tval) => {
    withFirmware(`${VECTOR} csrsi mstatus, 8\n ${source}${HANDLER}`, (f) => {
      const [mcause, mepc, mtval, mstatus] = f.results(4);
      expect([mcause, mepc, mtval, mstatus! & (MPP | MPIE | 8n)]).toEqual([cause, BigInt(f.label("at")), tval ?? BigInt(f.label("at")), MPP | MPIE]);
    });
  });

  it("a handler that cannot be fetched breaks the guest", () => {
    withFirmware("li t0, 0x40000000\n csrw mtvec, t0\n ecall", (f) => {
      expect([f.run(), f.get(R.address)]).toEqual([EXIT.broken, 0x4000_0000n]);
      expect(f.run()).toBe(EXIT.broken);
    });
  });

  it("is for good, with its registers, across a save", () => {
    withFirmware(`li t0, 77\n csrw mscratch, t0\n ${DONE} csrr s1, mscratch\n csrr s2, mhartid\n ${DONE}`, (f) => {
      f.results(0);
      const saved = f.words.slice();
      f.rig.machine.destroyVcpu(f.vcpu);
      expect(f.rig.machine.createVcpu(f.vcpu)).toBe(f.vcpu);
      f.words.set(saved);
      f.rig.machine.mapVcpuRam(f.vcpu, GUEST, 8 << 20, 8 << 20);
      f.rig.machine.mapVcpuDevice(f.vcpu, DEVICE, PAGE);
      f.rig.machine.restoreVcpu(f.vcpu);
      expect(f.results(2)).toEqual([77n, 0n]);
    });
  });
});

describe("lower modes", () => {
  it.each([
    ["ecall from supervisor mode", "s", "at: ecall", 9n, 0n, 0x800n],
    ["ecall from user mode", "u", "at: ecall", 8n, 0n, 0n],
    ["a machine register from supervisor mode", "s", "at: csrr a0, mstatus", 2n, 0x3000_2573n, 0x800n],
    ["a supervisor register from user mode", "u", "at: csrr a0, sscratch", 2n, 0x1400_2573n, 0n],
    ["mret from supervisor mode", "s", "at: mret", 2n, 0x3020_0073n, 0x800n],
    ["load from no memory", "s", "li a1, 0x40000000\n at: ld a0, 8(a1)", 5n, 0x4000_0008n, 0x800n],
    ["time that mcounteren denies", "s", "at: rdtime a0", 2n, 0xc010_2573n, 0x800n],
  ] as const)("%s traps to machine mode", (_name, mode, source, cause, tval, mpp) => {
    withFirmware(`${into(mode)} ${source}${HANDLER}`, (f) => {
      const [mcause, mepc, mtval, mstatus] = f.results(4);
      expect([mcause, mepc, mtval, mstatus! & MPP]).toEqual([cause, BigInt(f.label("at")), tval, mpp]);
    });
  });

  it.each([
    ["ecall from user mode", "u", "at: ecall", 8n, 0n],
    ["illegal instruction in supervisor mode", "s", "at: csrr a0, mstatus", 2n, 0x3000_2573n],
    ["load from no memory", "u", "li a1, 0x40000000\n at: ld a0, 8(a1)", 5n, 0x4000_0008n],
    ["ebreak", "s", "at: ebreak", 3n, undefined],
  ] as const)("%s goes to supervisor mode where medeleg says so", (_name, mode, source, cause, tval) => {
    withFirmware(`${into(mode, DELEGATE(0xffff))} ${source}${SUPERVISOR_HANDLER}`, (f) => {
      const [scause, sepc, stval, sstatus] = f.results(4);
      expect([scause, sepc, stval, sstatus! & 0x100n]).toEqual([cause, BigInt(f.label("at")), tval ?? BigInt(f.label("at")), mode === "s" ? 0x100n : 0n]);
    });
  });

  it("an exception of machine mode is never supervisor mode's", () => {
    withFirmware(`${DELEGATE(0xffff)} la t0, other\n csrw mtvec, t0\n at: .word 0\n ${SUPERVISOR_HANDLER}\n .balign 4\n other: csrr s1, mcause\n addi s1, s1, 100\n ${DONE}`, (f) => expect(f.results(1)).toEqual([102n]));
  });

  it.each([
    ["TVM", 1 << 20, "at: csrr a0, satp", 0x1800_2573n],
    ["TVM", 1 << 20, "at: sfence.vma", 0x1200_0073n],
    ["TW", 1 << 21, "at: wfi", 0x1050_0073n],
    ["TSR", 1 << 22, "at: sret", 0x1020_0073n],
  ])("%s traps what it is for", (_name, bit, source, instruction) => {
    withFirmware(`${into("s", `li t0, ${bit}\n csrs mstatus, t0\n`)} ${source}${HANDLER}`, (f) => expect(f.results(3)).toEqual([2n, BigInt(f.label("at")), instruction]));
  });

  it("time is read where mcounteren allows it, and is the CLINT's", () => {
    withFirmware(`${into("s", "csrwi mcounteren, 7\n")} rdtime s1\n li a0, 0x200bff8\n ld s2, 0(a0)\n lw s3, 0(a0)\n lw s4, 4(a0)\n ${DONE}${HANDLER}`, (f) => {
      f.rig.machine.advanceClock(5000);
      const [s1, s2, s3, s4] = f.results(4);
      for (const time of [s1, s2, s3]) expect([time! >= 5000n, time! < 5010n, s4]).toEqual([true, true, 0n]);
    });
  });

  it("paging of supervisor mode comes and goes with it", () => {
    // root at +1 MiB: gigabyte 3 and 2 are gigabyte 2, gigabyte 0 the devices'
    const source = `${VECTOR} la t0, lower\n li t1, 0x40000000\n add t0, t0, t1\n csrw mepc, t0\n li t0, 0x800\n csrc mstatus, t0\n csrs mstatus, t0\n li t0, 0x1000\n csrc mstatus, t0\n li t0, (8 << 60) | 0x80100\n csrw satp, t0\n li s5, 100\n mret
      lower: auipc s6, 0\n ecall\n .balign 4\n handler: csrr t0, mepc\n addi t0, t0, -4\n csrw mepc, t0\n addi s5, s5, -1\n beqz s5, 1f\n mret\n 1: csrr s1, satp\n mv s2, s6\n csrr s3, mcause\n ${DONE}`;
    withFirmware(source, (f) => {
      f.rig.setWord(f.ram + (1 << 20) + 24, (BigInt(GUEST) / 4096n) << 10n | 0xcfn);
      expect(f.results(3)).toEqual([(8n << 60n) | 0x80100n, BigInt(f.label("lower")) + 0x4000_0000n, 9n]);
    });
  });
});

describe("interrupts", () => {
  const ON = (mie: bigint): string => `${VECTOR} li t0, ${mie}\n csrw mie, t0\n csrsi mstatus, 8\n `;
  const interrupt = (number: number): bigint => (1n << 63n) | BigInt(number);

  it("MSIP comes by the CLINT, at the instruction after the store", () => {
    withFirmware(`${ON(MSIE)} li a0, 0x2000000\n li a1, 1\n sw a1, 0(a0)\n at: nop${HANDLER}`, (f) => expect(f.results(2)).toEqual([interrupt(3), BigInt(f.label("at"))]));
  });

  it("MTIP comes at mtimecmp and not before, and goes when that is moved", () => {
    withFirmware(`${VECTOR} li t0, 0x80\n csrw mie, t0\n li a0, 0x2004000\n li a1, 100\n sd a1, 0(a0)\n csrr s5, mip\n csrsi mstatus, 8\n 1: j 1b\n .balign 4\n handler: csrr s1, mcause\n li a2, 0x200bff8\n ld s2, 0(a2)\n csrr s3, mip\n li a1, -1\n sw a1, 4(a0)\n csrr s4, mip\n ld s6, 0(a0)\n ${DONE}`, (f) => {
      const [cause, at, before, after, first, compare] = f.results(6);
      expect([cause, before, after, first, compare]).toEqual([interrupt(7), MTIE, 0n, 0n, 0xffff_ffff_0000_0064n]);
      expect(Number(at)).toBeGreaterThanOrEqual(100);
      expect(Number(at)).toBeLessThan(104);
    });
  });

  it("MTIP comes on the host's clock as well, and into supervisor mode whatever its SIE", () => {
    withFirmware(`${into("s", "li t0, 0x80\n csrw mie, t0\n li a0, 0x200bff8\n ld a1, 0(a0)\n li a0, 0x2004000\n li a2, 20000\n add a1, a1, a2\n sd a1, 0(a0)\n")} csrci sstatus, 2\n 1: j 1b${HANDLER}`, (f) => {
      // A minute: the host may have more to do.
      f.rig.control[CONTROL.deadline] = 600_000_000;
      expect(f.results(1)).toEqual([interrupt(7)]);
    }, { clock: "host" });
  });

  it("MEIP and SEIP follow the VMM's lines; without delegation SEIP is machine mode's", () => {
    withFirmware(`${ON(MEIE | SEIP)} ${DONE} 1: j 1b\n .balign 4\n handler: csrr s1, mcause\n csrr s2, mip\n ${DONE} csrsi mstatus, 8\n 1: j 1b`, (f) => {
      f.results(0);
      f.set(R.lines, MEIE);
      expect(f.results(2)).toEqual([interrupt(11), MEIE]);
      f.set(R.lines, SEIP);
      expect(f.results(2)).toEqual([interrupt(9), SEIP]);
    });
  });

  it("machine mode that has them off gets none; a wfi ends nevertheless", () => {
    withFirmware(`${VECTOR} li t0, 8\n csrw mie, t0\n li a0, 0x2000000\n li a1, 1\n sw a1, 0(a0)\n wfi\n li s1, 5\n ${DONE}${HANDLER}`, (f) => expect(f.results(1)).toEqual([5n]));
  });

  it("a wfi with nothing pending leaves with the timer's time", () => {
    withFirmware(`${ON(MTIE)} li a0, 0x2004000\n li a1, 5000\n sd a1, 0(a0)\n wfi\n 1: j 1b${HANDLER}`, (f) => {
      expect(f.run()).toBe(EXIT.wfi);
      expect(f.rig.record(f.vcpu).floats[R.timecmp]).toBe(5000);
      f.rig.machine.advanceClock(5000);
      expect(f.results(1)).toEqual([interrupt(7)]);
    });
  });

  it("the most urgent comes first: external, software, timer", () => {
    const source = `${VECTOR} li t0, 0xaaa\n csrw mie, t0\n li t0, 0x222\n csrw mip, t0\n li a0, 0x2000000\n li a1, 1\n sw a1, 0(a0)\n li a0, 0x2004000\n sd x0, 0(a0)\n mv s1, x0\n ${DONE} csrsi mstatus, 8\n end: mv s1, s2\n ${DONE}
      .balign 4\n handler: csrr t0, mcause\n andi t0, t0, 15\n slli s2, s2, 4\n or s2, s2, t0\n li t1, 1\n sll t1, t1, t0\n csrc mie, t1\n mret`;
    withFirmware(source, (f) => {
      f.results(0);
      f.set(R.lines, MEIE);
      expect(f.results(1)).toEqual([0xb37915n]);
    });
  });

  it("use the vector table when mtvec says so, and exceptions do not", () => {
    withFirmware(`la t0, table + 1\n csrw mtvec, t0\n csrwi mie, 8\n csrsi mstatus, 8\n li a0, 0x2000000\n li a1, 1\n sw a1, 0(a0)\n nop\n .balign 64\n .option norvc\n table: j sync\n j bad\n j bad\n j soft\n bad: li s1, 1\n ${DONE} soft: li s2, 3\n ecall\n sync: li s1, 2\n ${DONE}`, (f) => expect(f.results(2)).toEqual([2n, 3n]));
  });

  it("what mideleg gives away comes to supervisor mode alone, and waits while machine mode runs", () => {
    withFirmware(`${DELEGATE(0, 0x222)} csrwi mie, 2\n csrwi mip, 2\n csrsi mstatus, 8\n nop\n csrsi sstatus, 2\n ${into("s")} nop\n ${SUPERVISOR_HANDLER}`, (f) => expect(f.results(2)).toEqual([interrupt(1), BigInt(f.label("lower"))]));
  });

  it("supervisor mode clears its software interrupt, and machine mode sees that", () => {
    withFirmware(`${into("s", `${DELEGATE(0, 0x222)} csrwi mip, 2\n`)} csrr s5, sip\n csrci sip, 2\n csrr s6, sip\n ecall\n .balign 4\n super: handler: csrr s1, mip\n mv s2, s5\n mv s3, s6\n ${DONE}`, (f) => expect(f.results(3)).toEqual([0n, 2n, 0n]));
  });

  it("a timer of supervisor mode, as firmware passes it on", () => {
    const source = `${into("s", `${DELEGATE(0, 0x222)} li t0, 0xa0\n csrw mie, t0\n li a0, 0x2004000\n li a1, 200\n sd a1, 0(a0)\n`)} csrsi sstatus, 2\n 1: j 1b
      .balign 4\n handler: li t0, 0x80\n csrc mie, t0\n li t0, 0x20\n csrs mip, t0\n addi s5, s5, 1\n mret\n .balign 4\n super: csrr s1, scause\n csrr s2, sip\n mv s3, s5\n ${DONE}`;
    withFirmware(source, (f) => expect(f.results(3)).toEqual([interrupt(5), 0x20n, 1n]));
  });
});

describe("MPRV", () => {
  // root at +1 MiB, gigabyte 1: table at +1 MiB + 4 KiB, its megapage 0: table at +8 KiB, whose page 0 is +2 MiB
  const tables = (f: Firmware, leaf: bigint): void => {
    const at = f.ram + (1 << 20), entry = (offset: number): bigint => (BigInt(GUEST + offset) / 4096n) << 10n;
    f.rig.setWord(at + 8, entry((1 << 20) + PAGE) | 1n);
    f.rig.setWord(at + PAGE, entry((1 << 20) + 2 * PAGE) | 1n);
    f.rig.setWord(at + 2 * PAGE, entry(2 << 20) | leaf);
    f.rig.setWord(f.ram + (2 << 20) + 16, 0x1122_3344_5566_7788n);
  };
  const R_W = 0x7n, X = 0x9n, U = 0x10n;
  const redirected = (mpp: number, more: string, access: string): string => `${VECTOR} li t0, (8 << 60) | 0x80100\n csrw satp, t0\n li t0, 0x1800\n csrc mstatus, t0\n li t0, ${mpp << 11}\n csrs mstatus, t0\n ${more} li a1, 0x40000000\n li a2, -5\n li t0, 0x20000\n csrs mstatus, t0\n ${access}\n csrc mstatus, t0\n ${DONE}${HANDLER}`;

  it("loads and stores as the lower mode would, and fetches as before", () => {
    withFirmware(redirected(1, "", "ld s1, 16(a1)\n c.lw a0, 16(a1)\n mv s2, a0\n lbu s3, 17(a1)\n sd a2, 24(a1)\n lh s4, 24(a1)"), (f) => {
      tables(f, R_W);
      expect(f.results(4)).toEqual([0x1122_3344_5566_7788n, 0x5566_7788n, 0x77n, BigInt.asUintN(64, -5n)]);
      expect(f.rig.word(f.ram + (2 << 20) + 24)).toBe(BigInt.asUintN(64, -5n));
      expect(f.rig.word(f.ram + (1 << 20) + 2 * PAGE) & 0xffn).toBe(R_W | 0xc0n);
    });
  });

  it("goes through the tables also where the address is memory by itself, and even code", () => {
    withFirmware(redirected(1, "", "li a1, 0x80000000\n ld s1, 16(a1)\n ld s2, 16(a1)"), (f) => {
      tables(f, R_W);
      f.rig.setWord(f.ram + (1 << 20) + 16, f.rig.word(f.ram + (1 << 20) + 8));
      expect(f.results(2)).toEqual([0x1122_3344_5566_7788n, 0x1122_3344_5566_7788n]);
    });
  });

  it.each([
    ["a page that is not there", 1, "", 0n, "ld s1, 16(a1)", 13n],
    ["a store to a page for reading", 1, "", 0x3n, "sd a2, 16(a1)", 15n],
    ["a user's page", 1, "", R_W | U, "ld s1, 16(a1)", 13n],
    ["a supervisor's page", 0, "", R_W, "ld s1, 16(a1)", 13n],
    ["code", 1, "", X, "ld s1, 16(a1)", 13n],
    ["an atomic", 1, "", R_W, "addi a1, a1, 16\n amoadd.d s1, a2, (a1)", 7n],
  ])("%s is refused", (_name, mpp, more, leaf, access, cause) => {
    withFirmware(redirected(mpp, more, access), (f) => {
      tables(f, leaf);
      const [mcause, , mtval, mstatus] = f.results(4);
      expect([mcause, mtval, mstatus! & MPP]).toEqual([cause, 0x4000_0010n, MPP]);
    });
  });

  it.each([
    ["a user's page with SUM", 1, "li t0, 1 << 18\n csrs mstatus, t0\n", R_W | U],
    ["code with MXR", 1, "li t0, 1 << 19\n csrs mstatus, t0\n", X],
    ["a user's page for user mode", 0, "", R_W | U],
  ])("%s is allowed", (_name, mpp, more, leaf) => {
    withFirmware(redirected(mpp, more, "ld s1, 16(a1)"), (f) => {
      tables(f, leaf);
      expect(f.results(1)).toEqual([0x1122_3344_5566_7788n]);
    });
  });

  it("is off again after mret to a lower mode", () => {
    withFirmware(`${into("s", "li t0, 0x20000\n csrs mstatus, t0\n")} ecall${HANDLER}`, (f) => expect(f.results(4)[3]! & 0x20000n).toBe(0n));
  });

  it("reaches a device, too", () => {
    withFirmware(redirected(1, "", "lw s1, 8(a1)"), (f) => {
      tables(f, R_W);
      f.rig.setWord(f.ram + (1 << 20) + 2 * PAGE, (BigInt(DEVICE) / 4096n) << 10n | R_W);
      expect([f.run(), f.get(R.address)]).toEqual([EXIT.mmio, BigInt(DEVICE + 8)]);
      f.set(R.data, 41);
      f.set(R.completed, 1);
      expect(f.results(1)).toEqual([41n]);
    });
  });
});

describe("several harts", () => {
  it("have a machine mode each, and interrupt one another by the CLINT", () => {
    // Hart 0 waits; hart 1 interrupts it and reads its msip and mtimecmp through the CLINT.
    const source = `csrr s1, mhartid\n ${VECTOR} bnez s1, other\n csrwi mie, 8\n csrsi mstatus, 8\n 1: wfi\n j 1b\n other: li a0, 0x2000000\n li a1, 1\n sw a1, 0(a0)\n 1: j 1b\n .balign 4\n handler: csrr s2, mcause\n li a0, 0x2000000\n sw x0, 0(a0)\n csrr s3, mip\n ${DONE}`;
    withFirmware(source, (f) => {
      const second = f.rig.machine.createVcpu();
      f.rig.machine.addHart(f.vcpu, second, 1);
      const other = f.rig.record(second).words;
      f.rig.machine.readVcpu(second);
      other[R.pc] = BigInt(GUEST);
      f.rig.machine.writeVcpu(second);
      f.rig.machine.addMachineMode(second);
      expect(f.run()).toBe(EXIT.mmio);
      expect(f.get(R.hart)).toBe(0n);
      f.rig.machine.readVcpu(f.vcpu);
      expect([f.get(R.x + 9), f.get(R.x + 18), f.get(R.x + 19)]).toEqual([0n, (1n << 63n) | 3n, 0n]);
    });
  });

  it("one that waits with its timer due, and that interrupt off, takes no time from the others, nor from anyone when all do", () => {
    const source = `csrr s1, mhartid\n li a0, 0x2004000\n slli t0, s1, 3\n add a0, a0, t0\n sd x0, 0(a0)\n bnez s1, 2f\n li t0, 100000\n 1: addi s2, s2, 1\n bne s2, t0, 1b\n ${DONE} 2: wfi\n j 2b`;
    withFirmware(source, (f) => {
      const second = f.rig.machine.createVcpu();
      f.rig.machine.addHart(f.vcpu, second, 1);
      f.rig.machine.readVcpu(second);
      f.rig.record(second).words[R.pc] = BigInt(GUEST);
      f.rig.machine.writeVcpu(second);
      f.rig.machine.addMachineMode(second);
      f.rig.control[CONTROL.deadline] = 1_000_000;
      expect(f.results(2)).toEqual([0n, 100_000n]);
      expect(f.run()).toBe(EXIT.wfi);
      for (const vcpu of [f.vcpu, second]) expect(f.rig.record(vcpu).floats[R.timecmp]).toBe(Infinity);
    });
  });
});
