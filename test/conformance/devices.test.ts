/** Device windows of the machine: each access happens once, exactly, between two instructions. */
import { describe, expect, it } from "vitest";
import { CAUSE, FRAME, RAM_BASE } from "../../core/machine/shared.ts";
import { PAGE, Rig, roundRobin, withRig } from "./rig.ts";

const TEXT = 0x1_0000;

describe("device window of the machine", () => {
  const DEVICE = 0x1000_0000;
  const AT = 0x3_0000;
  const withDevice = <T>(source: string, body: (rig: Rig, log: unknown[]) => T, read = (offset: number): number => offset): T =>
    withRig((rig) => {
      const log: unknown[] = [];
      rig.machine.mapDevice(DEVICE, PAGE, (offset, size) => (log.push(["r", offset, size]), read(offset)), (...w) => void log.push(["w", ...w]));
      const root = rig.space(0);
      rig.program(root, TEXT, source);
      rig.map(root, AT, DEVICE, "urw");
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 15, AT);
      return body(rig, log);
    });

  it("answers a load into its own base register", () => {
    withDevice("lw a5, 0(a5)\n ecall", (rig, log) => {
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect(rig.get(0, FRAME.x + 15)).toBe(0xffff_ffff_8765_4321n);
      expect(log).toEqual([["r", 0, 4]]);
    }, () => 0x8765_4321);
  });

  it("sees each store once, under preemption too", () => {
    withDevice("1: sw a0, 8(a5)\n addi a0, a0, 1\n bne a0, a1, 1b\n ecall", (rig, log) => {
      rig.set(0, FRAME.x + 11, 5000);
      expect(roundRobin(rig, [0], 1)).toBeGreaterThan(200);
      expect(log.length).toBe(5000);
      expect(log[4999]).toEqual(["w", 8, 4, 4999, 0]);
    });
  });

  it.each([
    ["lb", "lb a0, 1(a5)", 0xf8, 1, 0xffff_ffff_ffff_fff8n],
    ["lbu", "lbu a0, 1(a5)", 0xf8, 1, 0xf8n],
    ["lh", "lh a0, 2(a5)", 0x8001, 2, 0xffff_ffff_ffff_8001n],
    ["lhu", "lhu a0, 2(a5)", 0x8001, 2, 0x8001n],
    ["lw", ".option norvc\n lw a0, 4(a5)", 0x8000_0001, 4, 0xffff_ffff_8000_0001n],
    ["lwu", "lwu a0, 4(a5)", 0x8000_0001, 4, 0x8000_0001n],
    ["ld", ".option norvc\n ld a0, 8(a5)", 0x8123_4567_89ab_cdefn, 8, 0x8123_4567_89ab_cdefn],
    ["c.lw", "c.lw a0, 124(a5)", 0x8000_0001, 4, 0xffff_ffff_8000_0001n],
    ["c.ld", "c.ld a0, 248(a5)", 77n, 8, 77n],
    ["c.lwsp", "mv sp, a5\n c.lwsp a0, 252(sp)", 5, 4, 5n],
    ["c.ldsp", "mv sp, a5\n c.ldsp a0, 504(sp)", 6, 8, 6n],
    ["negative offset", "addi a5, a5, 2047\n lw a0, -2047(a5)", 9, 4, 9n],
  ])("answers %s with the right size, offset and extension", (_name, instruction, value, size, expected) => {
    withDevice(`${instruction}\n ecall`, (rig, log) => {
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect(rig.get(0, FRAME.x + 10)).toBe(expected);
      expect(log).toEqual([["r", Number(/(\d+)\(/.exec(instruction)?.[1]) % 2047, size]]);
    }, () => value as number);
  });

  it.each([
    ["sb", "sb a1, 1(a5)", [1, 1, 0xf7, 0]],
    ["sh", "sh a1, 2(a5)", [2, 2, 0xe6f7, 0]],
    ["sw", ".option norvc\n sw a1, 2044(a5)", [2044, 4, 0xc4d5_e6f7, 0]],
    ["sd", ".option norvc\n sd a1, 8(a5)", [8, 8, 0xc4d5_e6f7, 0x8091_a2b3]],
    ["c.sw", "c.sw a1, 124(a5)", [124, 4, 0xc4d5_e6f7, 0]],
    ["c.sd", "c.sd a1, 248(a5)", [248, 8, 0xc4d5_e6f7, 0x8091_a2b3]],
    ["c.swsp", "mv sp, a5\n c.swsp a1, 252(sp)", [252, 4, 0xc4d5_e6f7, 0]],
    ["c.sdsp", "mv sp, a5\n c.sdsp a1, 504(sp)", [504, 8, 0xc4d5_e6f7, 0x8091_a2b3]],
    ["x0", "sw x0, 4(a5)", [4, 4, 0, 0]],
  ])("sees %s with the right size, offset and value", (_name, instruction, expected) => {
    withDevice(`${instruction}\n ecall`, (rig, log) => {
      rig.set(0, FRAME.x + 11, 0x8091_a2b3_c4d5_e6f7n);
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect(log).toEqual([["w", ...expected]]);
    });
  });

  it("keeps x0 zero, and the access still happens", () => {
    withDevice("lw x0, 0(a5)\n mv a0, x0\n ecall", (rig, log) => {
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect([rig.get(0, FRAME.x + 10), log.length]).toEqual([0n, 1]);
    }, () => 7);
  });

  it.each([
    ["an atomic", "amoadd.w a0, a1, (a5)", CAUSE.storeAccess],
    ["a reservation", "lr.w a0, (a5)", CAUSE.loadAccess],
    ["a misaligned load", "addi a5, a5, 2\n at: lw a0, 0(a5)", CAUSE.loadAccess],
    ["a floating-point load", "fld fa0, 0(a5)", CAUSE.loadAccess],
    ["a floating-point store", "fsd fa0, 0(a5)", CAUSE.storeAccess],
  ])("refuses %s with an access fault", (_name, instruction, cause) => {
    withDevice(`${instruction}\n ecall`, (rig, log) => {
      expect(rig.trap(0)).toBe(cause);
      expect(log).toEqual([]);
    });
  });

  it("cannot be executed from", () => {
    withDevice("jr a5", (rig) => {
      const root = Number((rig.word(RAM_BASE) >> 10n) * 4096n);
      expect(root).toBeGreaterThan(0);
      rig.map(RAM_BASE, AT, DEVICE, "urx");
      expect(rig.trap(0)).toBe(CAUSE.fetchAccess);
      expect(rig.get(0, FRAME.tval)).toBe(BigInt(AT));
    });
  });

  it("may kick: the thread stops at once, the access done", () => {
    withRig((rig) => {
      rig.machine.mapDevice(DEVICE, PAGE, () => 0, () => void (rig.kick[0] = 1));
      const root = rig.space(0);
      rig.program(root, TEXT, ".option norvc\n sw a0, 0(a5)\n addi a0, a0, 1\n1: j 1b");
      rig.map(root, AT, DEVICE, "urw");
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 15, AT);
      expect(rig.trap(0)).toBe(CAUSE.preempted);
      expect([rig.get(0, FRAME.x + 10), rig.get(0, FRAME.pc)]).toEqual([0n, BigInt(TEXT + 4)]);
    });
  });

  it("that throws ends run() with the access undone, to be tried again", () => {
    let broken = true;
    withDevice("addi a0, a0, 1\n lw a5, 0(a5)\n ecall", (rig) => {
      expect(() => rig.trap(0)).toThrow("no such register");
      expect(rig.get(0, FRAME.x + 15)).toBe(BigInt(AT));
      expect(rig.get(0, FRAME.pc)).toBe(BigInt(TEXT + 2));
      broken = false;
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect([rig.get(0, FRAME.x + 10), rig.get(0, FRAME.x + 15)]).toEqual([1n, 5n]);
    }, () => {
      if (broken) throw new Error("no such register");
      return 5;
    });
  });

  it("may be added after harts were opened, and must not overlap", () => {
    withDevice("lw a5, 0(a5)\n ecall", (rig) => {
      rig.trap(0);
      rig.machine.mapDevice(DEVICE + PAGE, PAGE, () => 0x77, () => {});
      rig.map(RAM_BASE, AT + PAGE, DEVICE + PAGE, "urw");
      rig.machine.flushSpace(0);
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 15, AT + PAGE);
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect(rig.get(0, FRAME.x + 15)).toBe(0x77n);
      expect(() => rig.machine.mapDevice(DEVICE, PAGE, () => 0, () => {})).toThrow(/overlap/);
      expect(() => rig.machine.mapDevice(RAM_BASE, PAGE, () => 0, () => {})).toThrow(/overlap/);
    });
  });
});
