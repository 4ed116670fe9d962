/** Firmware that does anything to its machine mode: every run comes back, twice the same, and whoever shares the engine's process goes on. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VCPU_MACHINE_REGISTERS, VcpuRegister as V } from "../../caps/abi/numbers.ts";
import { CONTROL, EXIT, RAM_BASE, VCPU_RECORD as R } from "../../core/machine/shared.ts";
import { Random } from "../fuzz/random.ts";
import { assemble } from "../support/assemble.ts";
import { PAGE, Rig, withRig } from "./rig.ts";

const GUEST = 0x8000_0000, BYTES = 2 << 20, DEVICE = 0x1000_0000, VALUES = 0x8_0000, ROOT = 0x10_0000;
const RUNS = Number(process.env["BAILIWICK_SEEDS"] ?? 24), INSTRUCTIONS = 400, SLICE = 400, EXITS = 60;
/** Without cycle, which the engine reads from the host's counter in user mode: no two runs are the same with it. */
const CSRS = [0x100, 0x104, 0x105, 0x106, 0x140, 0x141, 0x142, 0x143, 0x144, 0x180, 0x300, 0x301, 0x302, 0x303, 0x304, 0x305, 0x306, 0x320, 0x340, 0x341, 0x342, 0x343, 0x344, 0x3a0, 0x3a1, 0x3a2, 0x3b0, 0x3bf, 0xb00, 0xb02, 0xc01, 0xf14, 0x30a, 0x7a0];
const INTERESTING = [
  0n, 1n, -1n, 2n, 0x222n, 0x888n, 0xaaan, 0x1800n, 0x800n, 0x2_0800n, 0x2_0000n, 0xe_0800n, 0x70_0000n, 0x6000n, 8n, 0x8000_8000n, 0x8000_8001n, 0x8000_0000n, 0x8000_1000n, 0x4000_0000n, 0x200_0000n, 0x200_4000n,
  0x200_bff8n, 0x1000_0000n, 0x7fff_ffff_f000n, 0x1_0000_0000_0000n, (8n << 60n) | 0x8_0100n, (9n << 60n) | 0x8_0100n, (10n << 60n) | 0x8_0100n, (8n << 60n) | 0xfff_ffff_ffffn, (8n << 60n) | 0xf_ffff_ffffn, 0xffff_ffff_c000_0000n,
];

function randomInstruction(random: Random): number {
  const pick = (below: number): number => random.below(below);
  const reg = (): number => 5 + pick(4), csr = CSRS[pick(CSRS.length)]!;
  switch (pick(12)) {
    case 0:
      return [0x3020_0073, 0x1020_0073, 0x1050_0073, 0x1200_0073, 0x73, 0x10_0073, 0x100f][pick(7)]!;
    case 1: // ld rd, 0(rs)
      return (reg() << 15) | (3 << 12) | (reg() << 7) | 0x03;
    case 2: // sd rs2, 0(rs1)
      return (reg() << 20) | (reg() << 15) | ((2 + pick(2)) << 12) | 0x23;
    case 3: // amoadd.d
      return (reg() << 20) | (reg() << 15) | (3 << 12) | (reg() << 7) | 0x2f;
    case 4:
    case 5:
    case 6: // ld rd, 8 * n(x31)
      return ((8 * pick(INTERESTING.length)) << 20) | (31 << 15) | (3 << 12) | (reg() << 7) | 0x03;
    default:
      return ((csr << 20) | (reg() << 15) | ([1, 2, 3, 5, 6, 7][pick(6)]! << 12) | ((pick(3) === 0 ? 0 : reg()) << 7) | 0x73) >>> 0;
  }
}

/** New firmware at `at` in the machine's RAM, and the hart at its start, in machine mode; what its registers held, it holds. */
function reload(rig: Rig, vcpu: number, random: Random, at: number): void {
  const body = Uint32Array.from({ length: INSTRUCTIONS }, () => randomInstruction(random));
  rig.write(at, HEAD);
  rig.write(at + 0x8000, HANDLER);
  rig.write(at + 0x1000, new Uint8Array(body.buffer));
  rig.write(at + 0x1000 + 4 * INSTRUCTIONS, AGAIN);
  INTERESTING.forEach((value, i) => rig.setWord(at + VALUES + 8 * i, BigInt.asUintN(64, value)));
  // A table that leads to itself, to nowhere, and to memory.
  const entry = (address: number): bigint => (BigInt(address) / 4096n) << 10n;
  for (const [i, value] of [entry(GUEST + ROOT) | 1n, entry(0x7000_0000) | 1n, entry(GUEST) | 0xcfn, entry(GUEST) | 0xdfn, entry(GUEST + PAGE) | 0xcfn].entries()) rig.setWord(at + ROOT + 8 * i, value);
  rig.machine.invalidate(at, BYTES);
  rig.machine.readVcpu(vcpu);
  const { words } = rig.record(vcpu);
  words[R.pc] = BigInt(GUEST);
  words[R.priv] = 3n;
  rig.machine.writeVcpu(vcpu);
}

const HEAD = assemble(`li x31, ${GUEST + VALUES}\n li t0, ${GUEST + 0x8000}\n csrw mtvec, t0\n csrw stvec, t0\n li t0, 0x7fffffff\n csrw mie, t0\n li t0, ${GUEST + 0x1000}\n jr t0`, GUEST).bytes;
const HANDLER = assemble("csrr x10, mcause\n bltz x10, 1f\n csrr x10, mepc\n addi x10, x10, 4\n csrw mepc, x10\n 1: csrw mie, x0\n mret", GUEST + 0x8000).bytes;
const AGAIN = assemble(`li t0, ${GUEST + 0x1000}\n jr t0`, GUEST + 0x1000 + 4 * INSTRUCTIONS).bytes;

/** How it went: the exits, and what the guest left behind. */
function attack(seed: number): string {
  return withRig((rig) => {
    const at = RAM_BASE + (8 << 20), random = new Random(seed), hostile = rig.machine.createVcpu(), { words } = rig.record(hostile);
    rig.machine.mapVcpuRam(hostile, GUEST, at - RAM_BASE, BYTES);
    rig.machine.mapVcpuDevice(hostile, DEVICE, PAGE);
    rig.machine.addMachineMode(hostile);
    const neighbour = rig.machine.createVcpu(), there = rig.record(neighbour).words;
    rig.write(RAM_BASE + (16 << 20), assemble("1: addi a0, a0, 1\n li a7, 16\n ecall\n j 1b", GUEST).bytes);
    rig.machine.mapVcpuRam(neighbour, GUEST, 16 << 20, BYTES);
    rig.machine.readVcpu(neighbour);
    there[R.pc] = BigInt(GUEST);
    rig.machine.writeVcpu(neighbour);
    const exits: number[] = [];
    for (let i = 1; i <= EXITS; i++) {
      // Now and then it goes on instead.
      if (!random.once(3) || i === 1) reload(rig, hostile, random, at);
      rig.control[CONTROL.deadline] = rig.machine.clock() + SLICE;
      words[R.lines] = BigInt(random.pick([0, 2, 0x200, 0x800, 0xa02]));
      words[R.data] = BigInt(random.below(1 << 30));
      words[R.completed] = 1n;
      const exit = rig.machine.runVcpu(hostile);
      exits.push(exit);
      expect([EXIT.mmio, EXIT.wfi, EXIT.preempted, EXIT.broken]).toContain(exit);
      rig.control[CONTROL.deadline] = Infinity;
      expect([rig.machine.runVcpu(neighbour), there[R.a]]).toEqual([EXIT.sbi, BigInt(i)]);
      there[R.a] = BigInt(i);
      if (exit === EXIT.wfi) rig.machine.advanceClock(100);
    }
    rig.machine.readVcpu(hostile);
    const ram = new Uint8Array(rig.machine.ram, at - RAM_BASE, BYTES);
    expect(new Uint8Array(rig.machine.ram, 0, 8 << 20).every((byte) => byte === 0)).toBe(true);
    return `${exits.join(",")} ${createHash("sha256").update(ram).update(Uint8Array.from(new Uint8Array(words.buffer, words.byteOffset, words.byteLength))).digest("hex")}`;
  });
}

/** What each word of a machine mode's registers can hold, however it was written: by VcpuRegister. */
const LEGAL: readonly (readonly [first: number, last: number, isLegal: (value: bigint) => boolean])[] = [
  [V.mstatus, V.mstatus, (value) => (value & ~0x72_1888n) === 0n && (value & 0x1800n) !== 0x1000n],
  [V.medeleg, V.medeleg, (value) => (value & ~0xb3ffn) === 0n],
  [V.mideleg, V.mideleg, (value) => (value & ~0x222n) === 0n],
  [V.mie, V.mie, (value) => (value & ~0xaaan) === 0n],
  [V.mip, V.mip, (value) => (value & ~0x2a2n) === 0n],
  [V.mtvec, V.mtvec, (value) => (value & 2n) === 0n],
  [V.mepc, V.mepc, (value) => (value & 1n) === 0n],
  [V.mcounteren, V.mcounteren, (value) => value < 8n],
  [V.mcountinhibit, V.mcountinhibit, (value) => (value & ~5n) === 0n],
  [V.msip, V.msip, (value) => value < 2n],
  [V.pmpcfg0, V.pmpcfg2, (value) => [0n, 8n, 16n, 24n, 32n, 40n, 48n, 56n].every((shift) => ((value >> shift) & 0x60n) === 0n && ((value >> shift) & 3n) !== 2n)],
  [V.pmpaddr0, V.pmpaddr0 + 15, (value) => value >> 54n === 0n],
];

describe("a VMM that writes anything into the machine mode's registers", () => {
  const word = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(...INTERESTING).map((value) => BigInt.asUintN(64, value)));
  const count = VCPU_MACHINE_REGISTERS - V.mstatus;

  it("finds there what a hart can hold, and its guest comes back and disturbs nobody, whatever it then does", () => {
    withRig((rig) => {
      const hart = rig.machine.createVcpu(), neighbour = rig.machine.createVcpu(), { words } = rig.record(hart), there = rig.record(neighbour).words;
      rig.machine.mapVcpuRam(hart, GUEST, 8 << 20, BYTES);
      rig.machine.mapVcpuDevice(hart, DEVICE, PAGE);
      rig.machine.addMachineMode(hart);
      rig.write(RAM_BASE + (16 << 20), assemble("1: addi a0, a0, 1\n li a7, 16\n ecall\n j 1b", GUEST).bytes);
      rig.machine.mapVcpuRam(neighbour, GUEST, 16 << 20, BYTES);
      rig.machine.readVcpu(neighbour);
      there[R.pc] = BigInt(GUEST);
      rig.machine.writeVcpu(neighbour);
      let rounds = 0n;
      fc.assert(
        fc.property(fc.array(word, { minLength: count, maxLength: count }), fc.array(word, { minLength: 11, maxLength: 11 }), fc.constantFrom(0n, 1n, 3n), fc.integer(), (values, supervisor, priv, seed) => {
          reload(rig, hart, new Random(seed), RAM_BASE + (8 << 20));
          rig.machine.readVcpu(hart);
          supervisor.forEach((value, i) => void (words[R.sstatus + i] = value));
          words[R.sepc] = supervisor[4]! & ~1n;
          words[R.satp] = [0n, 8n, 9n, 10n][seed & 3]! << 60n | (supervisor[8]! & (2n ** 60n - 1n));
          words[R.priv] = priv;
          values.forEach((value, i) => void (words[R.mstatus + i] = value));
          rig.machine.writeVcpu(hart);
          for (let run = 0; run < 3; run++) {
            rig.machine.readVcpu(hart);
            for (const [first, last, isLegal] of LEGAL) for (let n = first; n <= last; n++) expect([n, words[R.mstatus + n - V.mstatus], isLegal(words[R.mstatus + n - V.mstatus]!)]).toEqual([n, words[R.mstatus + n - V.mstatus], true]);
            // What is read can be written, and is the same then.
            const before = words.slice(R.pc, R.f + 32), machine = words.slice(R.mstatus, R.mstatus + count);
            rig.machine.writeVcpu(hart);
            rig.machine.readVcpu(hart);
            expect([words.slice(R.pc, R.f + 32), words.slice(R.mstatus, R.mstatus + count)]).toEqual([before, machine]);
            rig.control[CONTROL.deadline] = rig.machine.clock() + SLICE;
            words[R.completed] = 1n;
            expect([EXIT.mmio, EXIT.wfi, EXIT.preempted, EXIT.broken]).toContain(rig.machine.runVcpu(hart));
            rig.control[CONTROL.deadline] = Infinity;
            expect([rig.machine.runVcpu(neighbour), there[R.a]]).toEqual([EXIT.sbi, ++rounds]);
            there[R.a] = rounds;
          }
          expect(new Uint8Array(rig.machine.ram, 0, 8 << 20).every((byte) => byte === 0)).toBe(true);
        }),
        { numRuns: RUNS * 2 },
      );
    });
  });

  it("writes them into a hart that has not run, and has no room for MPRV's table: that is off", () => {
    withRig((rig) => {
      const hart = rig.machine.createVcpu(), { words } = rig.record(hart);
      rig.write(RAM_BASE + (8 << 20), assemble("csrr s1, mstatus\n li t0, 0x10000000\n sw x0, 0(t0)", GUEST).bytes);
      rig.machine.mapVcpuDevice(hart, DEVICE, PAGE);
      for (let run = 0; run < 8; run++) rig.machine.mapVcpuRam(hart, GUEST + 2 * run * PAGE, (8 << 20) + 2 * run * PAGE, PAGE);
      rig.machine.addMachineMode(hart);
      words[R.pc] = BigInt(GUEST);
      words[R.satp] = (8n << 60n) | 0x8_0001n;
      words[R.mstatus] = 0x2_0800n;
      rig.machine.writeVcpu(hart);
      expect([rig.machine.runVcpu(hart), words[R.address]]).toEqual([EXIT.mmio, BigInt(DEVICE)]);
      rig.machine.readVcpu(hart);
      expect([words[R.x + 9]! & 0x2_0000n, words[R.mstatus]]).toEqual([0n, 0x800n]);
    });
  });
});

describe("hostile firmware", () => {
  it.each(Array.from({ length: RUNS }, (_, seed) => seed))("of seed %d comes back each time, twice the same, and disturbs nobody", (seed) => {
    expect(attack(seed)).toBe(attack(seed));
  });

  it("that is interrupted without end still meets its deadline", () => {
    withRig((rig) => {
      const source = "la t0, handler\n csrw mtvec, t0\n csrwi mie, 8\n li a0, 0x2000000\n li a1, 1\n sw a1, 0(a0)\n li t0, 0x88\n csrs mstatus, t0\n 1: j 1b\n .balign 4\n handler: addi s1, s1, 1\n mret";
      const vcpu = rig.machine.createVcpu();
      rig.write(RAM_BASE + (8 << 20), assemble(source, GUEST).bytes);
      rig.machine.mapVcpuRam(vcpu, GUEST, 8 << 20, BYTES);
      rig.machine.readVcpu(vcpu);
      rig.record(vcpu).words[R.pc] = BigInt(GUEST);
      rig.machine.writeVcpu(vcpu);
      rig.machine.addMachineMode(vcpu);
      rig.control[CONTROL.deadline] = 1000;
      expect([rig.machine.runVcpu(vcpu), rig.machine.clock()]).toEqual([EXIT.preempted, 1000]);
      rig.machine.readVcpu(vcpu);
      expect(rig.record(vcpu).words[R.x + 9]).toBeGreaterThan(1000n);
    });
  });
});
