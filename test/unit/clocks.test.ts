// Instructions that read a clock (CLK-1): found in every form and at every even address of what is executed, and nowhere else.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clockInstructions, whereabouts } from "../../caps/image/clocks.ts";
import { parseElf, SegmentRight } from "../../caps/image/elf.ts";
import { assemble } from "../support/assemble.ts";
import { writeElf, type WrittenSegment } from "../support/elf-file.ts";

const TEXT = 0x1_0000;
const CODE = SegmentRight.Read | SegmentRight.Execute, CONSTANTS = SegmentRight.Read, DATA = SegmentRight.Read | SegmentRight.Write;
const RDCYCLE = 0xc000_2573, NOP = 0x13;

const words = (...instructions: number[]): Uint8Array => new Uint8Array(new Uint32Array(instructions).buffer);
const halves = (...parts: number[]): Uint8Array => new Uint8Array(new Uint16Array(parts).buffer);
const csr = (number: number, funct3: number, source = 0): number => ((number << 20) | (source << 15) | (funct3 << 12) | (10 << 7) | 0x73) >>> 0;
function clocksOf(...segments: WrittenSegment[]): [address: number, name: string][] {
  const found = clockInstructions(writeElf(TEXT, segments));
  if (!found.ok) throw new Error(found.error.message);
  return found.value.map(({ address, name }) => [address, name]);
}
const inCode = (bytes: Uint8Array): [number, string][] => clocksOf({ address: TEXT, rights: CODE, bytes });

describe("what an assembler makes", () => {
  const lines = [
    "rdcycle a0", "rdtime a0", "rdinstret t6", "csrr s1, hpmcounter3", "csrr s1, hpmcounter31",
    "csrrw a0, cycle, a1", "csrrw x0, time, x0", "csrrs a0, instret, a1", "csrrc a0, hpmcounter7, x0", "csrrwi a0, cycle, 3", "csrrsi a0, time, 0", "csrrci x0, instret, 31",
    "csrr a0, 0xc80", "csrr a0, 0xc81", "csrrw a0, 0xc9f, x0",
  ];
  test("is found, by the names it has there", () => {
    const { bytes } = assemble(lines.join("\n"), TEXT);
    const names = ["rdcycle", "rdtime", "rdinstret", "csrr hpmcounter3", "csrr hpmcounter31", "csrrw cycle", "csrrw time", "csrrs instret", "csrrc hpmcounter7", "csrrwi cycle", "csrrsi time", "csrrci instret", "rdcycleh", "rdtimeh", "csrrw hpmcounter31h"];
    expect(inCode(bytes)).toEqual(names.map((name, i) => [TEXT + 4 * i, name]));
  });

  test("is left alone when it reads no clock", () => {
    const { bytes } = assemble("ecall\n ebreak\n frcsr a0\n csrr a0, fflags\n csrrw a0, frm, a1\n csrr a0, 0xbff\n csrr a0, 0xc20\n csrr a0, 0xc7f\n csrr a0, 0xca0\n csrr a0, 0xd00\n csrr a0, 0xb00\n csrr a0, 0x801\n fence\n fence.i\n wfi\n li a0, 0xc00\n li a1, 0xc0002573", TEXT);
    // The last line's constant is taken apart by the assembler: it is nowhere in one piece.
    expect(inCode(bytes)).toEqual([]);
  });
});

test("all 64 counters, in all six forms, and none of the two that are no access", () => {
  for (const base of [0xc00, 0xc80]) {
    for (let n = 0; n < 32; n++) {
      for (let funct3 = 0; funct3 < 8; funct3++) expect(inCode(words(csr(base + n, funct3))), `${base + n} ${funct3}`).toHaveLength(funct3 % 4 === 0 ? 0 : 1);
    }
  }
});

describe("where it stands", () => {
  test("at each address, with the others around it", () => {
    expect(inCode(words(NOP, RDCYCLE, NOP, csr(0xc02, 2)))).toEqual([[TEXT + 4, "rdcycle"], [TEXT + 12, "rdinstret"]]);
  });
  test("behind a short instruction", () => {
    expect(inCode(halves(1, RDCYCLE & 0xffff, RDCYCLE >>> 16, 1))).toEqual([[TEXT + 2, "rdcycle"]]);
  });
  test("in the middle of two instructions: the upper half of one and the lower of the next", () => {
    // lui a0, 0x25730 and, behind it, c.sw's half word 0xc000: read from the middle they are rdcycle.
    expect(inCode(halves(0x0537, 0x2573, 0xc000, 1))).toEqual([[TEXT + 2, "rdcycle"]]);
  });
  test("in a segment that begins at an odd address", () => {
    expect(clocksOf({ address: TEXT, rights: CODE, bytes: words(NOP) }, { address: TEXT + 0x1001, rights: CODE, bytes: new Uint8Array([0, ...words(RDCYCLE)]) })).toEqual([[TEXT + 0x1002, "rdcycle"]]);
    expect(clocksOf({ address: TEXT, rights: CODE, bytes: words(NOP) }, { address: TEXT + 0x1001, rights: CODE, bytes: new Uint8Array([...words(RDCYCLE), 0]) })).toEqual([]);
  });
  test("across two segments that touch, but not where there is a hole, nor where the other is not executed", () => {
    const first = new Uint8Array(4096);
    first.set(words(RDCYCLE).subarray(0, 2), 4094);
    const second = new Uint8Array([...words(RDCYCLE).subarray(2), 0, 0]);
    const beside = (address: number, rights: number, bytes = second) => clocksOf({ address: TEXT, rights: CODE, bytes: first }, { address, rights, bytes });
    expect(beside(TEXT + 0x1000, CODE)).toEqual([[TEXT + 0xffe, "rdcycle"]]);
    expect(beside(TEXT + 0x1000, CODE, second.subarray(0, 2))).toEqual([[TEXT + 0xffe, "rdcycle"]]);
    expect(beside(TEXT + 0x2000, CODE)).toEqual([]);
    expect(beside(TEXT + 0x1000, CONSTANTS)).toEqual([]);
  });
  test("not in constants and data, not cut off at the end", () => {
    const main = { address: TEXT, rights: CODE, bytes: words(NOP) };
    expect(clocksOf(main, { address: TEXT + 0x1000, rights: CONSTANTS, bytes: words(RDCYCLE) }, { address: TEXT + 0x2000, rights: DATA, bytes: words(RDCYCLE) })).toEqual([]);
    for (const kept of [1, 2, 3]) expect(inCode(new Uint8Array([...words(NOP), ...words(RDCYCLE).subarray(0, kept)]))).toEqual([]);
  });
});

test("whatever the code is, each even address is read for itself", () => {
  const half = fc.oneof(fc.constantFrom(0x2573, 0xc000, 0xc01f, 0xc800, 0x1073, 0x4073, 0x0073, 0x7ff3), fc.nat(0xffff));
  fc.assert(
    fc.property(fc.array(half, { minLength: 2, maxLength: 40 }), (parts) => {
      const expected = parts.flatMap((low, i) => {
        const high = parts[i + 1];
        if (high === undefined || (low & 0x7f) !== 0x73 || ((low >> 12) & 3) === 0) return [];
        const number = high >> 4;
        return (number >= 0xc00 && number <= 0xc1f) || (number >= 0xc80 && number <= 0xc9f) ? [TEXT + 2 * i] : [];
      });
      expect(inCode(halves(...parts)).map(([address]) => address)).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
});

test("thousands of segments that touch are read once each", () => {
  const bytes = new Uint8Array(4096).fill(1);
  const segments = Array.from({ length: 2000 }, (_, i) => ({ address: TEXT + 4096 * i, rights: CODE, bytes }));
  expect(clocksOf(...segments)).toEqual([]);
});

test("what is no program is said to be none", () => {
  expect(clockInstructions(new Uint8Array(3))).toMatchObject({ ok: false, error: { code: "notElf" } });
});

test("a file without sections and symbols tells nothing of the place", () => {
  const file = writeElf(TEXT, [{ address: TEXT, rights: CODE, bytes: words(RDCYCLE) }]);
  const elf = parseElf(file);
  if (!elf.ok) throw new Error(elf.error.message);
  expect(whereabouts(file, elf.value, TEXT)).toEqual({ midway: false });
});
