/** Traps of machine programs: the cause, the exact pc and the exact address, for each kind. */
import { describe, expect, it } from "vitest";
import { CAUSE, FRAME, RAM_BASE } from "../../core/machine/shared.ts";
import { PAGE, Rig, withRig } from "./rig.ts";

const TEXT = 0x1_0000;
const NOWHERE = 0x40_0000;

interface Seen {
  cause: number;
  pc: number;
  tval: bigint;
}

function trapOf(source: string, before: (rig: Rig, root: number) => void = () => {}): Seen & { label: (name: string) => number } {
  return withRig((rig) => {
    const root = rig.space(0);
    const program = rig.program(root, TEXT, source);
    rig.thread(0, 0, TEXT);
    rig.set(0, FRAME.x + 11, NOWHERE);
    before(rig, root);
    const cause = rig.trap(0);
    expect(rig.get(0, FRAME.cause)).toBe(BigInt(cause));
    return { cause, pc: Number(rig.get(0, FRAME.pc)), tval: rig.get(0, FRAME.tval), label: program.label };
  });
}

describe("trap", () => {
  it("of a call has pc after it", () => {
    const t = trapOf("nop\n at: ecall");
    expect([t.cause, t.pc]).toEqual([CAUSE.call, t.label("at") + 4]);
  });

  it.each([
    ["load", "ld a0, 8(a1)", CAUSE.loadPage],
    ["compressed load", "c.lw a0, 8(a1)", CAUSE.loadPage],
    ["store", "sd a0, 8(a1)", CAUSE.storePage],
    ["compressed store", "c.sw a0, 8(a1)", CAUSE.storePage],
    ["floating-point load", "fld fa0, 8(a1)", CAUSE.loadPage],
  ])("of a %s page fault is exact", (_name, instruction, cause) => {
    const t = trapOf(`nop\n li a3, 7\n at: ${instruction}\n ecall`);
    expect([t.cause, t.pc, t.tval]).toEqual([cause, t.label("at"), BigInt(NOWHERE + 8)]);
  });

  it("of a store to a read-only page is a store page fault", () => {
    const t = trapOf("at: sd a0, 16(a1)", (rig, root) => rig.map(root, NOWHERE, rig.alloc(), "ur"));
    expect([t.cause, t.pc, t.tval]).toEqual([CAUSE.storePage, t.label("at"), BigInt(NOWHERE + 16)]);
  });

  it("of a fetch from nowhere is at the target", () => {
    const t = trapOf("jr a1");
    expect([t.cause, t.pc, t.tval]).toEqual([CAUSE.fetchPage, NOWHERE, BigInt(NOWHERE)]);
  });

  it("of a fetch from a page without execute permission is a fetch page fault", () => {
    const t = trapOf("jr a1", (rig, root) => rig.data(root, NOWHERE));
    expect([t.cause, t.pc]).toEqual([CAUSE.fetchPage, NOWHERE]);
  });

  it("of an instruction that crosses into a missing page names that page", () => {
    withRig((rig) => {
      const root = rig.space(0);
      const program = rig.program(root, TEXT, `.fill ${(PAGE - 2) / 2}, 2, 0x0001\n addi a0, a0, 0x123\n ecall`);
      rig.setWord(rig.leaf(root, TEXT + PAGE), 0n);
      rig.thread(0, 0, TEXT + PAGE - 2);
      expect(program.bytes.length).toBeGreaterThan(PAGE);
      expect(rig.trap(0)).toBe(CAUSE.fetchPage);
      expect(rig.get(0, FRAME.pc)).toBe(BigInt(TEXT + PAGE - 2));
      expect(rig.get(0, FRAME.tval)).toBe(BigInt(TEXT + PAGE));
    });
  });

  it.each([["ebreak", 4], ["c.ebreak", 2]])("of %s is a breakpoint at it", (instruction) => {
    const t = trapOf(`nop\n li a3, 7\n at: ${instruction}\n ecall`);
    expect([t.cause, t.pc]).toEqual([CAUSE.breakpoint, t.label("at")]);
  });

  it.each([
    ["an undefined instruction", ".word 0xffffffff", 0xffff_ffffn],
    ["an undefined compressed instruction", ".half 0", 0n],
    ["wfi", "wfi", 0x1050_0073n],
    ["rdtime", "rdtime a0", 0xc010_2573n],
    ["a supervisor register", "csrr a0, sstatus", 0x1000_2573n],
    ["sret", "sret", 0x1020_0073n],
    ["sfence.vma", "sfence.vma", 0x1200_0073n],
  ])("of %s is an illegal instruction with its bits", (_name, instruction, bits) => {
    const t = trapOf(`nop\n at: ${instruction}\n ecall`);
    expect([t.cause, t.pc, t.tval]).toEqual([CAUSE.illegalInstruction, t.label("at"), bits]);
  });

  it("of an illegal instruction is the same when floating point is in use", () => {
    const t = trapOf("fmv.d.x fa0, a1\n at: .word 0xffffffff");
    expect([t.cause, t.pc, t.tval]).toEqual([CAUSE.illegalInstruction, t.label("at"), 0xffff_ffffn]);
  });

  it.each([
    ["load", "ld a0, 8(a1)", CAUSE.loadAccess, NOWHERE + 8],
    ["compressed store", "c.sw a0, 8(a1)", CAUSE.storeAccess, NOWHERE + 8],
    ["fetch", "jr a1", CAUSE.fetchAccess, NOWHERE],
  ])("of a %s through a mapping to no memory is an access fault", (_name, instruction, cause, tval) => {
    const t = trapOf(`nop\n at: ${instruction}`, (rig, root) => rig.map(root, NOWHERE, 0x4000_0000, "urwx"));
    expect([t.cause, t.pc, t.tval]).toEqual([cause, cause === CAUSE.fetchAccess ? NOWHERE : t.label("at"), BigInt(tval)]);
  });

  it("of a page table outside memory is an access fault", () => {
    const t = trapOf("at: ld a0, 8(a1)", (rig, root) => rig.setWord(root + 8 * 4, (0x4000_0000n / 4096n) << 10n | 1n));
    const far = trapOf("li a1, 0x100000000\n at: ld a0, 0(a1)", (rig, root) => rig.setWord(root + 8 * 4, (0x4000_0000n / 4096n) << 10n | 1n));
    expect(t.cause).toBe(CAUSE.loadPage);
    expect([far.cause, far.pc, far.tval]).toEqual([CAUSE.loadAccess, far.label("at"), 0x1_0000_0000n]);
  });

  it("of a misaligned atomic is a misaligned access", () => {
    const t = trapOf("at: amoadd.d a0, a0, (a1)", (rig, root) => {
      rig.data(root, NOWHERE);
      rig.set(0, FRAME.x + 11, NOWHERE + 3);
    });
    expect([[CAUSE.loadMisaligned, CAUSE.storeMisaligned].includes(t.cause as 4 | 6), t.pc, t.tval]).toEqual([true, t.label("at"), BigInt(NOWHERE + 3)]);
  });

  it("of a kernel page is a page fault in user mode", () => {
    const t = trapOf("at: ld a0, 0(a1)", (rig, root) => rig.map(root, NOWHERE, rig.alloc(), "rw"));
    expect([t.cause, t.tval]).toEqual([CAUSE.loadPage, BigInt(NOWHERE)]);
  });

  it("lets the handler repair a fault and go on at the same instruction", () => {
    withRig((rig) => {
      const root = rig.space(0);
      rig.program(root, TEXT, "c.lw a0, 8(a1)\n ecall");
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 11, NOWHERE);
      const causes: number[] = [];
      rig.machine.run(0, (frame, cause) => {
        causes.push(cause);
        if (cause !== CAUSE.loadPage) return -1;
        rig.setWord(rig.data(root, NOWHERE) + 8, 99n);
        rig.machine.flushSpace(0);
        return frame;
      });
      expect(causes).toEqual([CAUSE.loadPage, CAUSE.call]);
      expect(rig.get(0, FRAME.x + 10)).toBe(99n);
    });
  });

  it("cannot happen outside RAM for a root table", () => {
    withRig((rig) => {
      expect(() => rig.machine.bindSpace(0, RAM_BASE - PAGE)).toThrow(/rootPhys/);
      expect(() => rig.machine.bindSpace(0, RAM_BASE + 8)).toThrow(/rootPhys/);
      expect(() => rig.machine.bindSpace(32, RAM_BASE)).toThrow(/space/);
    });
  });
});
