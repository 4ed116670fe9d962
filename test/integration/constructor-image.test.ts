// The constructor's reading of ELF files (servers/constructor/image.c) on this machine, with the address and undefined-behaviour sanitizers: files that are right, files of
// which something was changed, files that nobody would link, and random bytes. What must hold of each is in servers/constructor/test/image-test.c.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import fc from "fast-check";
import { ImageReader } from "../support/constructor-image.ts";
import { below, LIMIT, runs, wasLong } from "../model/runs.ts";

const RUNS = 12_000;
const MOST = 512 * 1024;
const PROGRAM = `#include <bailiwick.h>
BW_USE(bank);
static uint64_t numbers[700] = {1, 2, 3};
static uint8_t zeroed[5000];
static const char text[] = "constants";
int main(void) { zeroed[numbers[0]] = (uint8_t)text[numbers[1]]; return (int)(bw_use_bank.cap + zeroed[1]); }
`;

let reader: ImageReader;
let program: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  reader = await ImageReader.build();
  program = await reader.compile("program", PROGRAM);
}, LIMIT);
afterAll(() => reader.close());

/** Fields: where, and bytes. */
type Field = readonly [at: number, size: 1 | 2 | 4 | 8];
const HEADER: readonly Field[] = [[4, 1], [5, 1], [16, 2], [18, 2], [24, 8], [32, 8], [40, 8], [54, 2], [56, 2], [58, 2], [60, 2], [62, 2]];
const SEGMENT: readonly Field[] = [[0, 4], [4, 4], [8, 8], [16, 8], [32, 8], [40, 8]];
const SECTION: readonly Field[] = [[0, 4], [4, 4], [24, 8], [32, 8]];
const view = (file: Uint8Array<ArrayBuffer>): DataView => new DataView(file.buffer);

/** Fields of a file's headers, wherever it says that they are. */
function fieldsOf(file: Uint8Array<ArrayBuffer>): Field[] {
  const at = (from: number, count: number, size: number, fields: readonly Field[]): Field[] => Array.from({ length: count }, (_, i) => fields.map(([field, bytes]): Field => [from + i * size + field, bytes])).flat();
  const v = view(file);
  return [...HEADER, ...at(Number(v.getBigUint64(32, true)), v.getUint16(56, true), 56, SEGMENT), ...at(Number(v.getBigUint64(40, true)), v.getUint16(60, true), 64, SECTION)];
}

function write(file: Uint8Array<ArrayBuffer>, [at, size]: Field, value: bigint): void {
  for (let i = 0; i < size; i++) file[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
}

/** Numbers at which something ends: of files, of memory, of what 64 bits hold. */
const edge = fc.oneof(
  fc.constantFrom(0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 24n, 56n, 64n, 0x1000n, 0x1_0000n, 0x1_1000n, 0x1_2000n, 0x3fdf_f000n, 0x3fe0_0000n, 0x4000_0000n, 0x8_0000n, 0xffffn, 0xffff_ffffn, 2n ** 63n, 2n ** 64n - 1n),
  fc.tuple(fc.constantFrom(0n, 0x1_0000n, 0x1_1000n, 0x3fe0_0000n, BigInt(MOST), 2n ** 32n, 2n ** 63n, 2n ** 64n), fc.bigInt(-4200n, 4200n)).map(([base, by]) => (base + by) & (2n ** 64n - 1n)),
  fc.bigInt(0n, 2n ** 64n - 1n),
  fc.bigInt(0n, 0x5000n),
);
/** Instructions, whole and halved: rdcycle, rdtime, rdinstret, a counter read by its number; and what looks like one. */
const instruction = fc.constantFrom(0xc0002573n, 0xc0102573n, 0xc0202573n, 0xc1f02573n, 0xc8002573n, 0xc0052573n, 0xc0004573n, 0xbff02573n, 0x00000073n, 0x2573n, 0xc000n);
const changes = fc.array(fc.record({ field: below(1 << 16), value: edge }), { minLength: 0, maxLength: 4 });
const pokes = fc.array(fc.record({ at: below(1 << 20), half: fc.boolean(), value: instruction }), { maxLength: 3 });

/** A file that nobody linked: headers of every shape, over bytes of which some are instructions that read a clock. */
const made = fc.record({
  pages: fc.integer({ min: 1, max: 6 }), odd: below(4096), entry: edge,
  segments: fc.array(fc.record({ flags: fc.constantFrom(4, 5, 6, 5, 1, 5, 6, 4, 5, 6, 4, 5, 6, 0, 7), page: fc.constantFrom(0, 0, 1, 2, 5, -1), pages: fc.integer({ min: 1, max: 2 }), inFile: below(6), cut: below(4096), data: below(5000), shift: fc.constantFrom(...Array.from({ length: 20 }, (_, i) => (i < 18 ? 0 : i === 18 ? 8 : 1))) }), { minLength: 1, maxLength: 9 }),
  sections: fc.array(fc.record({ type: fc.constantFrom(1, 1, 1, 8), name: fc.constantFrom(0, 1, 1, 2, 900), offset: below(80), count: fc.constantFrom(0, 1, 2, 64, 65), empty: fc.boolean() }), { maxLength: 3 }),
  clocks: fc.array(fc.record({ at: below(6 * 4096), value: instruction }), { maxLength: 6 }),
});

function build({ pages, odd, entry, segments, sections, clocks }: typeof made extends fc.Arbitrary<infer T> ? T : never): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(pages * 4096 + (odd === 0 ? 0 : odd)), v = view(file);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  v.setUint16(16, 2, true);
  v.setUint16(18, 243, true);
  v.setBigUint64(24, entry < 0x1000n ? 0x1_0000n + entry : entry, true);
  v.setBigUint64(32, 64n, true);
  v.setBigUint64(40, sections.length === 0 ? 0n : 1024n, true);
  [[54, 56], [56, segments.length], [58, 64], [60, sections.length + 1], [62, 0]].forEach(([at, value]) => v.setUint16(at!, value!, true));
  let free = 16;
  segments.forEach((s, i) => {
    const address = (free + s.page) * 4096 + s.shift, written = (s.flags & 2) !== 0, inFile = s.inFile % pages, bytes = Math.min(s.pages, written ? 2 : pages - inFile) * 4096 - s.cut;
    free += s.page + s.pages;
    const fields: readonly (readonly [number, number])[] = [[8, inFile * 4096 + (written ? s.data % 100 : s.shift === 1 ? 0 : s.shift)], [16, address], [24, address], [32, written ? Math.min(s.data, bytes, file.length - inFile * 4096 - 100) : bytes], [40, bytes], [48, 4096]];
    v.setUint32(64 + 56 * i, 1, true);
    v.setUint32(64 + 56 * i + 4, s.flags, true);
    for (const [at, value] of fields) v.setBigUint64(64 + 56 * i + at, BigInt(value), true);
  });
  // The names' section is the first; it is the page's end, where the name stands.
  const names = 3072;
  file.set(new TextEncoder().encode("\0.bw_uses\0"), names);
  v.setBigUint64(1024 + 24, BigInt(names), true);
  sections.forEach((s, i) => {
    const at = 1024 + 64 * (i + 1);
    v.setUint32(at, s.name, true);
    v.setUint32(at + 4, s.type, true);
    v.setBigUint64(at + 24, BigInt(s.offset * 56), true);
    v.setBigUint64(at + 32, BigInt(s.count * 56), true);
    // A name that is there, or what the place holds by chance.
    for (let n = 0; n < s.count && !s.empty && s.offset * 56 + 56 * (n + 1) <= file.length; n++) file.set(new TextEncoder().encode("bank"), s.offset * 56 + 56 * n);
  });
  for (const { at, value } of clocks) if (at + 4 <= file.length && at >= 3200) write(file, [at & ~1, 4], value);
  return file;
}

const REASONS = [
  "it is no ELF file", "it is no ELF file for 64-bit RISC-V", "it is not a static executable", "its program headers reach past the end of the file", "it is dynamically linked", "it has more than 8 segments",
  "a segment reaches past the end of the file", "a segment lies outside the addresses of programs", "a segment is writable and executable", "a segment can be neither read nor executed",
  "a segment that is not written has less in the file than in memory", "a segment does not lie in the file as in memory: link with -z max-page-size=4096", "two segments share a page",
  "two executable segments lie on neighbouring pages", "its entry point is not in an executable segment", "its section table is damaged", "its section .bw_uses is damaged", "it has more than 64 uses",
  "it has more than one section .bw_uses", "it has more than 56 KiB of initialised data", "it uses a capability that was not installed: ",
];

describe("ELF files that nobody vouches for", () => {
  const seen = new Map<string, number>();
  const ask = async (file: Uint8Array<ArrayBuffer>): Promise<string> => {
    const line = await reader.ask(file), what = line.startsWith("good") ? (line.endsWith(" 0") ? "good" : "good, with a clock") : line;
    seen.set(what, (seen.get(what) ?? 0) + 1);
    return line;
  };

  test("a program is one, and has its use", { timeout: LIMIT }, async () => {
    expect(await ask(program)).toBe("good 10000 0");
  });

  test("a use that is not there is named; 64 uses and 56 KiB of initialised data are enough, and no more", { timeout: LIMIT }, async () => {
    expect(await ask(await reader.compile("phone", `#include <bailiwick.h>\nBW_USE(bank);\nBW_USE(phone);\nint main(void) { return (int)(bw_use_bank.cap + bw_use_phone.cap); }\n`))).toBe("it uses a capability that was not installed: phone");
    const uses = (count: number): string => `#include <bailiwick.h>\n__attribute__((used, section(".bw_uses"))) const volatile struct bw_use uses[] = {${'{.name = "bank"}, '.repeat(count)}};\nint main(void) { return (int)uses[0].cap; }\n`;
    expect(await ask(await reader.compile("uses", uses(64)))).toBe("good 10000 0");
    expect(await ask(await reader.compile("too-many", uses(65)))).toBe("it has more than 64 uses");
    const data = (bytes: number): string => `#include <bailiwick.h>\nstatic volatile uint8_t data[${bytes}] = {1};\nint main(void) { return data[0]; }\n`;
    expect(await ask(await reader.compile("enough", data(57_000)))).toBe("good 10000 0");
    expect(await ask(await reader.compile("more", data(58_000)))).toBe("it has more than 56 KiB of initialised data");
  });

  test("whatever is changed in it, nothing is read or written beyond it, and what is promised of a good one holds", { timeout: LIMIT }, async () => {
    const fields = fieldsOf(program);
    await fc.assert(
      fc.asyncProperty(changes, pokes, below(1 << 20), fc.boolean(), async (changed, poked, cut, isCut) => {
        const file = program.slice(0, isCut ? 1 + (cut % program.length) : program.length);
        for (const { at, half, value } of poked) write(file, [(at % program.length) & ~1, half ? 2 : 4], value);
        for (const { field, value } of changed) write(file, fields[field % fields.length]!, value);
        await ask(file.slice(0, isCut ? 1 + (cut % program.length) : program.length));
      }),
      runs(RUNS),
    );
  });

  test("so it does of files that nobody linked", { timeout: LIMIT }, async () => {
    await fc.assert(fc.asyncProperty(made, async (parts) => void (await ask(build(parts)))), runs(RUNS));
  });

  test("and of random bytes, with a header before them or not", { timeout: LIMIT }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 3000 }), fc.boolean(), async (bytes, headed) => {
        const file = new Uint8Array(bytes.length + 64);
        if (headed) file.set(program.subarray(0, 64));
        file.set(bytes, headed ? 24 : 0);
        await ask(file);
      }),
      runs(RUNS / 4),
    );
  });

  test("every reason was given, and enough were good", () => {
    if (!wasLong(RUNS)) return;
    const all = Object.fromEntries([...seen].sort(([, a], [, b]) => b - a));
    for (const reason of REASONS) expect(all).toHaveProperty([reason]);
    expect(all["good"]).toBeGreaterThan(1000);
    expect(all["good, with a clock"]).toBeGreaterThan(200);
  });

  test("a file costs no more than a few passes over it, whatever its headers say", { timeout: LIMIT }, async () => {
    // Eight thousand headers of sections, all of whose names are one string without an end, or `.bw_uses`.
    for (const ends of [false, true]) {
      const file = new Uint8Array(MOST).fill(0x41), v = view(file);
      file.set(program.subarray(0, 64));
      v.setBigUint64(32, 64n, true);
      v.setUint16(56, 1, true);
      file.set([1, 0, 0, 0, 5, 0, 0, 0], 64);
      [0x1000, 0x1_0000, 0x1_0000, MOST - 0x1000, MOST - 0x1000, 4096].forEach((value, i) => v.setBigUint64(72 + 8 * i, BigInt(value), true));
      v.setBigUint64(40, 192n, true);
      v.setUint16(60, 8000, true);
      v.setUint16(62, 0, true);
      if (ends) file.set(new TextEncoder().encode(".bw_uses\0"), 120);
      for (let at = 192; at < 192 + 64 * 8000; at += 64) {
        file.fill(0, at, at + 64);
        v.setUint32(at + 4, 1, true);
        v.setBigUint64(at + 24, ends ? 120n : BigInt(MOST - 1000), true);
      }
      const from = performance.now();
      expect(await ask(file)).toBe(ends ? "it has more than one section .bw_uses" : "good 10000 0");
      expect(performance.now() - from).toBeLessThan(5000);
    }
  });
});
