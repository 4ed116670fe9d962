// ELF files of machine programs: what is let through, what is refused and by which name, and that no bytes whatever do anything else.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clockInstructions, whereabouts } from "../../caps/image/clocks.ts";
import { declaredUses, parseElf, patchUses, SegmentRight, type ElfErrorCode } from "../../caps/image/elf.ts";
import { AddressMap } from "../../caps/image/system.ts";

const { Read, Write, Execute } = SegmentRight;
const CODE = Read | Execute, CONSTANTS = Read, DATA = Read | Write;

interface Part {
  readonly address: number;
  readonly rights: number;
  readonly content?: Uint8Array;
  /** In memory; by default as long as the content. */
  readonly bytes?: number;
  readonly type?: number;
}
interface Sketch {
  readonly parts: readonly Part[];
  readonly entry?: number;
  /** Content of section .bw_uses, which becomes the content of the part that has these rights. */
  readonly usesIn?: number;
}

/** Writes an ELF file as a linker would. */
function elf({ parts, entry = AddressMap.TEXT, usesIn }: Sketch): Uint8Array {
  const names = new TextEncoder().encode("\0.bw_uses\0.shstrtab\0");
  const headers = 64 + 56 * parts.length;
  let at = headers;
  const offsets = parts.map(({ content }) => {
    const offset = at;
    at += content?.length ?? 0;
    return offset;
  });
  const namesAt = at;
  const sectionsAt = namesAt + names.length;
  const file = new Uint8Array(sectionsAt + 3 * 64);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 243, true);
  view.setUint32(20, 1, true);
  const wide = (offset: number, value: number): void => view.setBigUint64(offset, BigInt(value), true);
  wide(24, entry);
  wide(32, 64);
  wide(40, sectionsAt);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, parts.length, true);
  view.setUint16(58, 64, true);
  view.setUint16(60, 3, true);
  view.setUint16(62, 2, true);
  parts.forEach(({ address, rights, content = new Uint8Array(0), bytes = content.length, type = 1 }, i) => {
    const header = 64 + 56 * i;
    view.setUint32(header, type, true);
    view.setUint32(header + 4, rights, true);
    wide(header + 8, offsets[i]!);
    wide(header + 16, address);
    wide(header + 24, address);
    wide(header + 32, content.length);
    wide(header + 40, bytes);
    wide(header + 48, 4096);
    file.set(content, offsets[i]!);
  });
  file.set(names, namesAt);
  const section = (index: number, name: number, address: number, offset: number, bytes: number): void => {
    const header = sectionsAt + 64 * index;
    view.setUint32(header, name, true);
    view.setUint32(header + 4, 1, true);
    wide(header + 16, address);
    wide(header + 24, offset);
    wide(header + 32, bytes);
  };
  const uses = usesIn ?? -1;
  if (uses >= 0) section(1, 1, parts[uses]!.address, offsets[uses]!, parts[uses]!.content?.length ?? 0);
  section(2, 10, 0, namesAt, names.length);
  return file;
}

const nops = (count: number): Uint8Array => new Uint8Array(count * 4).map((_, i) => [0x13, 0, 0, 0][i % 4]!);
const text: Part = { address: 0x1_0000, rights: CODE, content: nops(16) };
const data: Part = { address: 0x1_2000, rights: DATA, content: new Uint8Array([1, 2, 3]), bytes: 100 };

function useEntries(...names: string[]): Uint8Array {
  const bytes = new Uint8Array(56 * names.length);
  names.forEach((name, i) => bytes.set(new TextEncoder().encode(name), 56 * i));
  return bytes;
}
const usesPart = (...names: string[]): Part => ({ address: 0x1_1000, rights: CONSTANTS, content: useEntries(...names) });
const withUses = (...names: string[]): Uint8Array => elf({ parts: [text, usesPart(...names), data], usesIn: 1 });

function codeOf(bytes: Uint8Array): ElfErrorCode | "accepted" {
  const result = parseElf(bytes);
  return result.ok ? "accepted" : result.error.code;
}
/** A good file with one thing changed. */
function changed(change: (view: DataView) => void): Uint8Array {
  const file = elf({ parts: [text, data] });
  change(new DataView(file.buffer));
  return file;
}

test("a proper program is read: entry, segments in ascending order with their rights, sections", () => {
  const result = parseElf(elf({ parts: [data, text], entry: 0x1_0008 }));
  expect(result).toMatchObject({
    ok: true,
    value: {
      entry: 0x1_0008,
      segments: [
        { address: 0x1_0000, bytes: 64, fileBytes: 64, rights: CODE },
        { address: 0x1_2000, bytes: 100, fileBytes: 3, rights: DATA },
      ],
    },
  });
});

test("a file inside a larger buffer is read by its own offsets", () => {
  const file = elf({ parts: [text, data] });
  const buffer = new Uint8Array(file.length + 24);
  buffer.set(file, 13);
  expect(parseElf(buffer.subarray(13, 13 + file.length))).toEqual(parseElf(file));
});

describe("refused by name:", () => {
  const cases: [string, Uint8Array, ElfErrorCode][] = [
    ["nothing", new Uint8Array(0), "notElf"],
    ["a script", new TextEncoder().encode("#!/bin/sh\n".repeat(20)), "notElf"],
    ["the first bytes only", elf({ parts: [text] }).subarray(0, 40), "truncated"],
    ["program headers cut off", elf({ parts: [text, data] }).subarray(0, 100), "truncated"],
    ["program headers past 2^53", changed((v) => v.setBigUint64(32, 0xffff_ffff_ffff_ff00n, true)), "truncated"],
    ["32 bits", changed((v) => v.setUint8(4, 1)), "not64Bit"],
    ["big-endian", changed((v) => v.setUint8(5, 2)), "bigEndian"],
    ["x86-64", changed((v) => v.setUint16(18, 62, true)), "wrongMachine"],
    ["an object file", changed((v) => v.setUint16(16, 1, true)), "notExecutable"],
    ["a position-independent executable", changed((v) => v.setUint16(16, 3, true)), "notExecutable"],
    ["odd program headers", changed((v) => v.setUint16(54, 32, true)), "badHeader"],
    ["an interpreter", elf({ parts: [{ ...data, type: 3 }, text] }), "dynamic"],
    ["a dynamic section", elf({ parts: [text, { ...data, type: 2 }] }), "dynamic"],
    ["nothing to load", elf({ parts: [{ ...text, type: 4 }] }), "noSegments"],
    ["more in the file than in memory", elf({ parts: [{ ...text, bytes: 8 }] }), "badHeader"],
    ["a segment past the end", changed((v) => (v.setBigUint64(64 + 32, 0x10000n, true), v.setBigUint64(64 + 40, 0x10000n, true))), "segmentOutsideFile"],
    ["a segment's offset past 2^53", changed((v) => v.setBigUint64(64 + 8, 0xffff_ffff_ffff_fff0n, true)), "segmentOutsideFile"],
    ["writable and executable", elf({ parts: [{ ...text, rights: CODE | Write }] }), "writableExecutable"],
    ["two segments in one page", elf({ parts: [text, { ...data, address: 0x1_0800 }] }), "segmentsOverlap"],
    ["overlapping segments", elf({ parts: [{ ...text, bytes: 0x3000 }, data] }), "segmentsOverlap"],
    ["the same segment twice", elf({ parts: [text, text] }), "segmentsOverlap"],
    ["the null page", elf({ parts: [{ ...text, address: 0 }], entry: 0 }), "belowProgram"],
    ["kernel half", changed((v) => v.setBigUint64(64 + 16, 0xffff_ffff_8000_0000n, true)), "outsideUserHalf"],
    ["beyond Sv39's user half", elf({ parts: [text, { ...data, address: 2 ** 38 - 50 }] }), "outsideUserHalf"],
    ["memory without end", changed((v) => v.setBigUint64(64 + 56 + 40, 0xffff_ffff_ffff_ffffn, true)), "outsideUserHalf"],
    ["the stack", elf({ parts: [text, { ...data, address: AddressMap.STACK_TOP - 4096 }] }), "reservedAddress"],
    ["the IPC buffer", elf({ parts: [text, { ...data, address: AddressMap.IPC_BUFFER }] }), "reservedAddress"],
    ["device registers", elf({ parts: [text, { ...data, address: AddressMap.REGIONS }] }), "reservedAddress"],
    ["growing into the environment", elf({ parts: [text, { ...data, address: AddressMap.ENVIRONMENT - 50 }] }), "reservedAddress"],
    ["an entry outside", elf({ parts: [text], entry: 0x2_0000 }), "badEntry"],
    ["an entry in data", elf({ parts: [text, data], entry: data.address }), "badEntry"],
    ["an entry between instructions", elf({ parts: [text], entry: 0x1_0001 }), "badEntry"],
    ["a section table past the end", changed((v) => v.setBigUint64(40, 0x100000n, true)), "badSections"],
    ["no section names", changed((v) => v.setUint16(62, 9, true)), "badSections"],
  ];
  test.each(cases)("%s", (_, file, code) => expect(codeOf(file)).toBe(code));

  test("the message names what the file is for instead", () => {
    const result = parseElf(changed((v) => v.setUint16(18, 183, true)));
    expect(!result.ok && result.error.message).toMatch(/AArch64/);
  });
});

test("segments may touch the edges of what is allowed", () => {
  expect(codeOf(elf({ parts: [text, { ...data, address: AddressMap.ENVIRONMENT - 100 }] }))).toBe("accepted");
  expect(codeOf(elf({ parts: [{ ...text, bytes: 0x1000 }, { ...data, address: 0x1_1000 }] }))).toBe("accepted");
});

test("a program without a section table has no uses, and is fine", () => {
  const file = changed((v) => v.setUint16(60, 0, true));
  expect(declaredUses(file)).toEqual({ ok: true, value: [] });
});

describe("uses", () => {
  const record = { cap: 16, address: 0x5000_0000, bytes: 4096, badge: 2 ** 52 };

  test("are listed in order, each once", () => {
    expect(declaredUses(withUses("console", "irq", "console"))).toEqual({ ok: true, value: ["console", "irq"] });
  });

  test("are filled in where they are, and nothing else changes", () => {
    const file = withUses("console", "irq");
    const before = file.slice();
    const result = patchUses(file, { irq: record, console: { cap: 17, address: 0, bytes: 0, badge: 5 }, more: record });
    expect(file).toEqual(before);
    if (!result.ok) throw new Error(result.error.message);
    const at = new TextDecoder("latin1").decode(file).indexOf("console\0\0");
    const view = new DataView(result.value.buffer);
    const numbers = (from: number): bigint[] => [0, 8, 16, 24].map((offset) => view.getBigUint64(from + 24 + offset, true));
    expect(numbers(at)).toEqual([17n, 0n, 0n, 5n]);
    expect(numbers(at + 56)).toEqual([16n, 0x5000_0000n, 4096n, 2n ** 52n]);
    const differing = [...result.value.keys()].filter((i) => result.value[i] !== before[i]);
    expect(differing.every((i) => i >= at + 24 && i < at + 112)).toBe(true);
  });

  test("that the manifest lacks are named, all of them", () => {
    const result = patchUses(withUses("console", "disk", "net"), { console: record });
    expect(result).toMatchObject({ ok: false, error: { code: "unwired" } });
    expect(!result.ok && result.error.message).toMatch(/disk, net/);
  });

  test("a name from Object.prototype is not taken for a use", () => {
    expect(patchUses(withUses("constructor"), {})).toMatchObject({ ok: false, error: { code: "unwired" } });
  });

  test("that may be left out stay zero when they are, and are told by their name without the mark", () => {
    const file = withUses("console", "?timer");
    expect(declaredUses(file)).toEqual({ ok: true, value: ["console", "timer"] });
    expect(patchUses(file, { console: record })).toMatchObject({ ok: true });
    const [without, given] = [patchUses(file, { console: record }), patchUses(file, { console: record, timer: record })];
    if (!without.ok || !given.ok) throw new Error("refused");
    // 56 bytes of the second entry; its numbers are the last 32.
    const differing = [...without.value.keys()].filter((at) => without.value[at] !== given.value[at]);
    expect(differing.length).toBeGreaterThan(0);
    for (const at of differing) expect(without.value[at]).toBe(0);
    expect(patchUses(file, { timer: record })).toMatchObject({ ok: false, error: { code: "unwired", message: expect.stringContaining("console") } });
    expect(declaredUses(withUses("?"))).toMatchObject({ ok: false, error: { code: "badUses" } });
    expect(declaredUses(withUses("??timer"))).toMatchObject({ ok: false, error: { code: "badUses" } });
  });

  test.each([-1, 1.5, 2 ** 53, NaN])("a record with %d is refused", (cap) => {
    expect(patchUses(withUses("console"), { console: { ...record, cap } })).toMatchObject({ ok: false, error: { code: "badRecord" } });
  });

  test.each([
    ["half an entry", elf({ parts: [text, { ...usesPart("a"), content: new Uint8Array(57) }], usesIn: 1 })],
    ["an entry without a name", elf({ parts: [text, { ...usesPart(""), content: new Uint8Array(56) }], usesIn: 1 })],
    ["a name that is not ended", elf({ parts: [text, usesPart("a".repeat(24))], usesIn: 1 })],
    ["a name with other characters", withUses("a/b")],
  ])("%s is refused", (_, file) => expect(declaredUses(file)).toMatchObject({ ok: false, error: { code: "badUses" } }));

  test("that would not be loaded are refused", () => {
    const file = elf({ parts: [text, { ...usesPart("console"), type: 4 }, data], usesIn: 1 });
    expect(declaredUses(file)).toMatchObject({ ok: false, error: { code: "badUses" } });
  });
});

describe("whatever the bytes are, the answer is a value or a named error:", () => {
  const good = withUses("console", "irq");
  const consume = (file: Uint8Array): void => {
    const result = parseElf(file);
    if (result.ok) {
      for (const { address, bytes, offset, fileBytes, rights } of result.value.segments) {
        expect(offset + fileBytes).toBeLessThanOrEqual(file.length);
        expect(address).toBeGreaterThanOrEqual(AddressMap.TEXT);
        expect(address + bytes).toBeLessThanOrEqual(AddressMap.ENVIRONMENT);
        expect(rights & (Write | Execute)).not.toBe(Write | Execute);
      }
      const clocks = clockInstructions(file);
      expect(clocks.ok && clocks.value.every(({ address }) => address % 2 === 0)).toBe(true);
      for (const at of [AddressMap.TEXT, AddressMap.TEXT + 2, 0, 2 ** 38]) whereabouts(file, result.value, at);
    } else {
      expect(result.error.message).not.toBe("");
    }
    declaredUses(file);
    const patched = patchUses(file, { console: { cap: 1, address: 2, bytes: 3, badge: 4 }, irq: { cap: 1, address: 2, bytes: 3, badge: 4 } });
    if (patched.ok) expect(patched.value.length).toBe(file.length);
  };
  const mutation = fc.array(fc.record({ at: fc.nat(good.length - 1), value: fc.constantFrom(0, 1, 2, 4, 7, 0x10, 0x7f, 0x80, 0xff) }), { minLength: 1, maxLength: 12 });

  test("a good file with bytes changed", () => {
    fc.assert(fc.property(mutation, (changes) => {
      const file = good.slice();
      for (const { at, value } of changes) file[at] = value;
      consume(file);
    }), { numRuns: 3000 });
  });
  test("a good file's headers changed and its end cut off", () => {
    fc.assert(fc.property(mutation, fc.nat(good.length), (changes, length) => {
      const file = good.slice(0, length);
      for (const { at, value } of changes) file[at % 240] = value;
      consume(file);
    }), { numRuns: 2000 });
  });
  test("bytes at random behind the right magic number", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
      consume(new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, ...noise]));
    }), { numRuns: 1000 });
  });
});
