/** A guest's translated code is given back to the host, and the guest goes on as if nothing had been. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { CONTROL, EXIT, RAM_BASE, VCPU_RECORD as R } from "../../core/machine/shared.ts";
import { assemble } from "../support/assemble.ts";
import { withRig } from "./rig.ts";

const GUEST = 0x8000_0000, BYTES = 8 << 20;
const BLOCKS = 30_000;
const S0 = 8;

/** Goes through BLOCKS blocks, counts them in s0, and calls its VMM, again and again. */
const MANY_BLOCKS = `
again:
  .rept ${BLOCKS}
  addi s0, s0, 1
  j 1f
1:
  .endr
  li a7, 0x0a000001
  ecall
  la t0, again
  jr t0
`;

/** KiB that are there of the memory that may be written and executed. */
const translated = (): number => [...readFileSync("/proc/self/smaps", "utf8").matchAll(/^[\da-f]+-[\da-f]+ rwxp [^]*?^Rss: +(\d+) kB$/gm)].reduce((sum, [, rss]) => sum + Number(rss), 0);

it("its memory is the host's again, and what it needs is translated anew", () => {
  withRig((rig) => {
    const { machine } = rig, vcpu = machine.createVcpu(), { words } = rig.record(vcpu);
    rig.write(RAM_BASE + BYTES, assemble(MANY_BLOCKS, GUEST).bytes);
    machine.mapVcpuRam(vcpu, GUEST, BYTES, BYTES);
    machine.readVcpu(vcpu);
    words[R.pc] = BigInt(GUEST);
    machine.writeVcpu(vcpu);
    const round = (n: number): void => {
      expect(machine.runVcpu(vcpu)).toBe(EXIT.sbi);
      machine.readVcpu(vcpu);
      expect(words[R.x + S0]).toBe(BigInt(n * BLOCKS));
    };
    const before = translated();
    round(1);
    const full = translated();
    expect(full - before).toBeGreaterThan(4096);
    machine.forgetVcpu(vcpu);
    expect(translated() - before).toBeLessThan(1024);
    round(2);
    expect(translated() - before).toBeGreaterThan(4096);
    round(3);
    machine.forgetVcpu(vcpu);
    machine.forgetVcpu(vcpu);
    round(4);
  });
});

it("a guest of more code than there is room for goes on exactly where it was, floating-point flags and all", () => {
  // By the longest that each may be, 256 MiB are full at some 367,000 of these.
  const blocks = 900_000, at = (address: number): number => RAM_BASE + BYTES + address - GUEST;
  withRig((rig) => {
    const { machine } = rig, vcpu = machine.createVcpu(), { words } = rig.record(vcpu);
    const begin = assemble(`.option norvc\n li t0, 0x2000\n csrs sstatus, t0\n li t1, 0x15\n fsflags t1\n fcvt.s.w f8, t1\n`, GUEST).bytes;
    const body = GUEST + begin.length, code = new Uint32Array(2 * blocks);
    for (let i = 0; i < blocks; i++) code.set([0x0014_0413, 0x0040_006f], 2 * i); // addi s0, s0, 1; j .+4
    rig.write(at(GUEST), begin);
    rig.write(at(body), new Uint8Array(code.buffer));
    rig.write(at(body + 8 * blocks), assemble(`.option norvc\n frflags s1\n fcvt.w.s s2, f8\n li a7, 0x0a000001\n ecall\n`, body + 8 * blocks).bytes);
    machine.mapVcpuRam(vcpu, GUEST, BYTES, BYTES);
    machine.readVcpu(vcpu);
    words[R.pc] = BigInt(GUEST);
    machine.writeVcpu(vcpu);
    expect(machine.runVcpu(vcpu)).toBe(EXIT.sbi);
    machine.readVcpu(vcpu);
    expect([words[R.x + S0], words[R.x + 9], words[R.x + 18]]).toEqual([BigInt(blocks), 0x15n, 0x15n]);
  });
});

const DONE = "li a7, 0x0a000001\n ecall\n";
const S = (n: number): number => R.x + (n < 2 ? 8 + n : 16 + n);

/** Runs to the first DONE, forgets, runs on to the second; s0, s1, ... then. `meanwhile` is done before. */
function resumed(source: string, count: number, meanwhile: (words: BigUint64Array) => void = () => {}): bigint[] {
  return withRig((rig) => {
    const { machine } = rig, vcpu = machine.createVcpu(), { words } = rig.record(vcpu);
    rig.control[CONTROL.deadline] = 1_000_000; // What goes wrong ends, too.
    rig.write(RAM_BASE + BYTES, assemble(source, GUEST).bytes);
    machine.mapVcpuRam(vcpu, GUEST, BYTES, BYTES);
    machine.readVcpu(vcpu);
    words[R.pc] = BigInt(GUEST);
    machine.writeVcpu(vcpu);
    meanwhile(words);
    expect(machine.runVcpu(vcpu)).toBe(EXIT.sbi);
    machine.forgetVcpu(vcpu);
    expect(machine.runVcpu(vcpu)).toBe(EXIT.sbi);
    machine.readVcpu(vcpu);
    return Array.from({ length: count }, (_, n) => words[S(n)]!);
  });
}

it("what a hart has beside its registers stays: the floating-point flags, and whether floating point is dirty", () => {
  const source = `
    li t0, 0x6000
    csrc sstatus, t0
    li t0, 0x2000
    csrs sstatus, t0
    li t1, 0x15
    fsflags t1
    csrc sstatus, t0
    li t0, 0x4000
    csrs sstatus, t0
    ${DONE}
    csrr s0, sstatus
    frflags s1
    ${DONE}`;
  const [sstatus, flags] = resumed(source, 2);
  expect([sstatus! >> 13n & 3n, flags]).toEqual([2n, 0x15n]);
});

it("an interrupt that was pending and off comes when it is turned on", () => {
  const source = `
    la t0, handler
    csrw stvec, t0
    csrsi sie, 2
    ${DONE}
    csrr s1, sip
    csrsi sstatus, 2
    nop
    j .
  .balign 4
  handler:
    csrr s0, scause
    ${DONE}`;
  expect(resumed(source, 2, (words) => void (words[R.lines] = 2n))).toEqual([1n << 63n | 1n, 2n]);
});

it("code that the guest changes afterwards is run as it is then", () => {
  const source = `
.option norvc
    la t0, patched
    la t1, again
    lw t1, 0(t1)
    jal patched
    mv s1, s0
    ${DONE}
    sw t1, 0(t0)
    jal patched
    ${DONE}
  .balign 4
  patched: li s0, 1
    ret
  .balign 4
  again: li s0, 2`;
  expect(resumed(source, 2)).toEqual([2n, 1n]);
});

it("is refused for what is no VCPU, and while the machine runs", () => {
  withRig((rig) => {
    expect(() => rig.machine.forgetVcpu(0)).toThrow(/vcpu/);
    const vcpu = rig.machine.createVcpu();
    rig.machine.forgetVcpu(vcpu);
    const root = rig.space(0), page = rig.alloc();
    rig.map(root, 0x1000, page, "urx");
    rig.write(page, assemble("ecall", 0x1000).bytes);
    let refusal: unknown;
    rig.thread(0, 0, 0x1000);
    rig.machine.run(0, () => {
      try {
        rig.machine.forgetVcpu(vcpu);
      } catch (error) {
        refusal = error;
      }
      return -1;
    });
    expect(String(refusal)).toMatch(/while the machine runs/);
  });
});
