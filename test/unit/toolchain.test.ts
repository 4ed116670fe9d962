// The C toolchain with the real compiler: what comes out, when it is made anew, and what is said when it cannot be.
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clockInstructions } from "../../caps/image/clocks.ts";
import { declaredUses, parseElf, SegmentRight } from "../../caps/image/elf.ts";
import { buildBareGuest, compileC, readProtocols } from "../../servers/operator/toolchain.ts";

let folder: string;
let outDir: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bailiwick-toolchain-"));
  outDir = join(folder, "build");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function source(name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
  return file;
}

async function compile(name: string, ...sources: string[]): Promise<{ elf: string; cached: boolean }> {
  const result = await compileC({ name, sources, outDir });
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

const HELLO = `#include <bailiwick.h>
#include <bailiwick/console.h>
BW_USE(console);
static int counted = 3;
static volatile char zeros[10000];
int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_printf("%s %d %lu\\n", "hello", counted++, (unsigned long)sizeof zeros);
    return zeros[0];
}
`;

test("a C program becomes an ELF file that the checker lets through, with text, constants and data apart", async () => {
  const { elf } = await compile("hello", source("hello.c", HELLO));
  const bytes = readFileSync(elf);
  const parsed = parseElf(bytes);
  if (!parsed.ok) throw new Error(parsed.error.message);
  const { Read, Write, Execute } = SegmentRight;
  expect(parsed.value.segments.map(({ rights }) => rights)).toEqual([Read | Execute, Read, Read | Write]);
  expect(parsed.value.segments[0]?.address).toBe(0x1_0000);
  expect(parsed.value.segments[2]!.bytes - parsed.value.segments[2]!.fileBytes).toBeGreaterThan(10_000);
  expect(declaredUses(bytes)).toEqual({ ok: true, value: ["console"] });
  expect(clockInstructions(bytes)).toEqual({ ok: true, value: [] });
});

test("compiled again it is taken from the cache; changed, or a header of it changed, it is made anew", async () => {
  const main = source("cache/main.c", `#include "number.h"\nint main(void) { return NUMBER; }\n`);
  const header = source("cache/number.h", "#define NUMBER 1\n");
  const first = await compile("cache", main);
  expect(first.cached).toBe(false);
  utimesSync(main, 1, 1);
  expect(await compile("cache", main)).toEqual({ elf: first.elf, cached: true });
  writeFileSync(header, "#define NUMBER 2\n");
  const second = await compile("cache", main);
  expect(second.cached).toBe(false);
  expect(second.elf).not.toBe(first.elf);
  writeFileSync(header, "#define NUMBER 1\n");
  expect(await compile("cache", main)).toEqual({ elf: first.elf, cached: true });
});

describe("what the compiler sees is remembered,", () => {
  /** A compiler that counts how often it is asked to look. */
  function counting(): { readonly compiler: string; readonly looks: () => number } {
    const log = join(folder, "looks");
    const compiler = source("counting/gcc", `#!/bin/sh\ncase " $* " in *" -E "*) echo >>${log};; esac\nexec riscv64-unknown-elf-gcc "$@"\n`);
    chmodSync(compiler, 0o755);
    const lines = (): number => (existsSync(log) ? readFileSync(log, "utf8").length : 0), before = lines();
    return { compiler, looks: () => lines() - before };
  }
  /** As files are that nobody has just written. */
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));

  test("and asked for anew when a file, or what stands beside it, is another", async () => {
    const main = source("seen/main.c", `#include "number.h"\nint main(void) { return NUMBER; }\n`);
    const own = source("seen/own/number.h", "#define NUMBER 1\n");
    const { compiler, looks } = counting();
    await settle();
    const build = async (): Promise<string> => {
      const result = await compileC({ name: "seen", sources: [main], outDir, compiler, systemIncludes: [join(own, "..")] });
      if (!result.ok) throw new Error(result.error.message);
      return result.value.elf;
    };
    const first = await build(), once = looks();
    expect(once).toBeGreaterThan(0);
    expect(await build()).toBe(first);
    expect(looks()).toBe(once);
    // One that is found before the other. As long as it is too new to be relied on, it is looked at each time.
    const other = source("seen/number.h", "#define NUMBER 2\n"), later = new Date(Date.now() + 3_600_000);
    utimesSync(other, later, later);
    const second = await build();
    expect(second).not.toBe(first);
    expect(await build()).toBe(second);
    expect(looks()).toBe(once + 2);
    // Then once more.
    utimesSync(other, 1, 1);
    await settle();
    for (let n = 0; n < 3; n++) expect(await build()).toBe(second);
    expect(looks()).toBe(once + 3);
    rmSync(join(folder, "seen/number.h"));
    expect(await build()).toBe(first);
    writeFileSync(own, "#define NUMBER 3\n");
    expect(new Set([first, second, await build()]).size).toBe(3);
  });

  test("for the surroundings that it heeds; a place that may not be looked at is passed over", async () => {
    const main = source("path/main.c", "#include <elsewhere.h>\nint main(void) { return NUMBER; }\n");
    const [one, two] = ["one", "two"].map((name, i) => join(source(`path/${name}/elsewhere.h`, `#define NUMBER ${i}\n`), ".."));
    await settle();
    const path = process.env["PATH"] ?? "", odd = source("path/no-folder", "");
    try {
      process.env["PATH"] = `${odd}:${folder}:${path}`;
      const elfs: string[] = [];
      for (const place of [one, two, one]) {
        process.env["CPATH"] = place;
        elfs.push((await compile("path", main)).elf);
      }
      expect(elfs[1]).not.toBe(elfs[0]);
      expect(elfs[2]).toBe(elfs[0]);
    } finally {
      process.env["PATH"] = path;
      delete process.env["CPATH"];
    }
  });

  test("but by no file that has been damaged", async () => {
    const main = source("damaged/main.c", "int main(void) { return 4; }\n");
    const { compiler, looks } = counting();
    await settle();
    const build = () => compileC({ name: "damaged", sources: [main], outDir, compiler });
    const first = await build(), before = new Set(readdirSync(join(outDir, "seen"))), once = looks();
    for (const name of before) writeFileSync(join(outDir, "seen", name), "{ \"compiler\": 3");
    expect(await build()).toMatchObject({ ok: true, value: { elf: first.ok && first.value.elf } });
    expect(looks()).toBe(once + 1);
  });
});

test("the same sources give the same bytes", async () => {
  const main = source("same.c", HELLO);
  const first = readFileSync((await compile("same", main)).elf);
  const again = await compileC({ name: "same", sources: [main], outDir: join(folder, "elsewhere") });
  expect(again.ok && !again.value.cached && readFileSync(again.value.elf).equals(first)).toBe(true);
});

test("compiling the same program several times at once gives one whole file and no leftovers", async () => {
  const main = source("race.c", HELLO);
  const results = await Promise.all([1, 2, 3].map(() => compile("race", main)));
  expect(new Set(results.map(({ elf }) => elf)).size).toBe(1);
  expect(parseElf(readFileSync(results[0]!.elf)).ok).toBe(true);
  expect(readdirSync(outDir).filter((name) => name.startsWith("race-"))).toHaveLength(1);
});

test("C and assembly link together", async () => {
  const main = source("mixed/main.c", `extern int seven(void);\nint main(void) { return seven(); }\n`);
  const seven = source("mixed/seven.S", `    .globl seven\nseven:\n    li a0, 7\n    ret\n`);
  expect(parseElf(readFileSync((await compile("mixed", main, seven)).elf)).ok).toBe(true);
});

test("the console driver compiles, and declares its registers and its interrupt", async () => {
  const { elf } = await compile("console", join(import.meta.dirname, "../../servers/console/main.c"));
  const uses = declaredUses(readFileSync(elf));
  expect(uses.ok && uses.value.sort()).toEqual(["irq", "regs", "timer"]);
});

test("the bare guest is a Linux Image of the length its header says, but for what is zeroed", async () => {
  const result = await buildBareGuest({ outDir });
  if (!result.ok) throw new Error(result.error.message);
  const image = readFileSync(result.value.image);
  expect(image.toString("latin1", 0x38, 0x3c)).toBe("RSC\x05");
  expect(image.toString("latin1", 0x30, 0x35)).toBe("RISCV");
  expect(image.readBigUInt64LE(8)).toBe(0x20_0000n);
  expect(Number(image.readBigUInt64LE(16))).toBeGreaterThan(image.length);
});

describe("refused in words:", () => {
  test("no compiler, with the line that installs it", async () => {
    const result = await compileC({ name: "hello", sources: [source("none.c", HELLO)], outDir, compiler: "riscv64-no-such-gcc" });
    expect(result).toEqual({ ok: false, error: { code: "noCompiler", message: expect.stringContaining("riscv64-no-such-gcc"), fix: "apt-get install gcc-riscv64-unknown-elf" } });
  });

  test("a source that is not there, by its name", async () => {
    const result = await compileC({ name: "gone", sources: [join(folder, "gone.c")], outDir });
    expect(result).toMatchObject({ ok: false, error: { code: "noSource", message: expect.stringContaining("gone.c") } });
  });

  test.each([
    ["a mistake", "int main(void) { return x; }\n", /bad\.c:1:\d+: error: 'x' undeclared/],
    ["a warning", "int main(void) { int unused; return 0; }\n", /bad\.c:1:.*unused variable/],
    ["a header that is not there", `#include <no-such.h>\nint main(void) { return 0; }\n`, /no-such\.h/],
    ["a function that is nowhere", "extern int nowhere(void);\nint main(void) { return nowhere(); }\n", /undefined reference to `nowhere'/],
    ["a conversion that loses bits", "int main(void) { unsigned char c = 300 * (int)sizeof(int); return c; }\n", /conversion|overflow/],
  ])("%s, in the compiler's own words", async (_, text, expected) => {
    const result = await compileC({ name: "bad", sources: [source("bad.c", text)], outDir });
    expect(result).toMatchObject({ ok: false, error: { code: "compileFailed", message: expect.stringMatching(expected) } });
    expect(readdirSync(outDir).filter((name) => name.startsWith("bad-"))).toEqual([]);
  });

  test("an output folder that cannot be written", async () => {
    const result = await compileC({ name: "hello", sources: [source("io.c", HELLO)], outDir: join(source("file", "not a folder"), "build") });
    expect(result).toMatchObject({ ok: false, error: { code: "io" } });
  });

  test("a compiler that breaks down", async () => {
    const broken = source("broken-gcc", "#!/bin/sh\n[ \"$1\" = -dumpfullversion ] && echo 12 && exit 0\necho 'internal compiler error' >&2\nexit 4\n");
    chmodSync(broken, 0o755);
    const result = await compileC({ name: "hello", sources: [source("broken.c", HELLO)], outDir, compiler: broken });
    expect(result).toMatchObject({ ok: false, error: { code: "compileFailed", message: expect.stringContaining("internal compiler error") } });
  });
});

describe("a protocol.ts beside the sources", () => {
  const ADDER = `export const Adder = { name: "Adder", methods: { add: { label: 1, doc: "Sum.", words: ["a", "b"], returns: ["sum"] } }, refusals: { overflow: 1 } };\n`;

  test('is there in C as "protocol.h"', async () => {
    source("adder/protocol.ts", ADDER);
    const main = source("adder/main.c", `#include "protocol.h"\n_Static_assert(ADDER_ADD == 1 && ADDER_E_OVERFLOW == 1, "labels");\nint main(void) { return ADDER_ADD; }\n`);
    expect((await compile("adder", main)).cached).toBe(false);
  });

  test("does not reach the process that builds", async () => {
    const reaching = `export const P = { name: typeof process + typeof Buffer + typeof globalThis.fetch, methods: {}, refusals: {} };\n`;
    expect(await readProtocols(source("reach/protocol.ts", reaching))).toEqual({ ok: true, value: [{ name: "undefinedundefinedundefined", methods: {}, refusals: {} }] });
    const escaping = `export const P = { name: Object.constructor("return typeof process")(), methods: {}, refusals: {} };\n`;
    expect(await readProtocols(source("escape/protocol.ts", escaping))).toMatchObject({ ok: false, error: { code: "badProtocol" } });
  });

  test.each([
    ["does not parse", "export const = ;", /protocol\.ts/],
    ["exports none", "export const x = 1;", /exports no protocol/],
    ["gives a label twice", `export const P = { name: "P", methods: { a: { label: 1, doc: "", words: [], returns: [] }, b: { label: 1, doc: "", words: [], returns: [] } }, refusals: {} };`, /label 1/],
    ["would end a comment of the header", `export const P = { name: "P", methods: { a: { label: 1, doc: "*/ int x;", words: [], returns: [] } }, refusals: {} };`, /exports no protocol/],
    ["runs for ever", "for (;;) {}", /timed out/],
    ["imports a module of Node", `import { readFileSync } from "node:fs"; export const P = readFileSync;`, /node:fs/],
  ])("that %s is refused", async (_, text, expected) => {
    const result = await readProtocols(source(`odd/protocol.ts`, text));
    expect(result).toMatchObject({ ok: false, error: { code: "badProtocol", message: expect.stringMatching(expected) } });
  });
});
