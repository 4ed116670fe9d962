// `confined`: a program that holds an instruction which reads a clock is refused when it is built, with the place of each; without the word it is warned of.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { compileC } from "../../servers/operator/toolchain.ts";
import { applianceFolder, runAppliance } from "../support/appliance-run.ts";
import { bailiwick } from "../support/command-line.ts";
import { writeElf } from "../support/elf-file.ts";

const LIMIT = { timeout: 180_000 };
const HEAD = "apiVersion: bailiwick/1\nkind: Appliance\nname: test\nversion: 0.1.0\nplatform: { board: virt-rv64, memory: 64MiB }\n";
const CLOCK = "#include <bailiwick.h>\n__attribute__((noinline)) static uint64_t ticks(void) { uint64_t t; __asm__ volatile(\"rdcycle %0\" : \"=r\"(t)); return t; }\nint main(void) { return ticks() == 0; }\n";
const QUIET = "#include <bailiwick.h>\nint main(void) { return 3; }\n";
const READER = "#include <bailiwick.h>\nBW_USE(product);\nint main(void) { return bw_use_product.bytes > 64 ? 4 : 5; }\n";

const component = (more: string, image = "{ c: main.c }"): string => `${HEAD}components:\n  main: { image: ${image}, essential: true${more} }\n`;
const carried = (more: string, image = "{ c: product.c }"): string => `${HEAD}components:\n  main: { image: { c: reader.c }, use: { product: programs.product }, essential: true }\nprograms:\n  product: { image: ${image}${more} }\n`;
const folderOf = (manifest: string, files: Readonly<Record<string, string | Uint8Array>> = {}) => applianceFolder({ "appliance.yaml": manifest, "main.c": CLOCK, "product.c": CLOCK, "reader.c": READER, ...files });

async function notesOf(path: string): Promise<string[]> {
  const notes: string[] = [];
  await prepareAppliance(path, { onNote: (text) => notes.push(text) });
  return notes;
}

test("a confined component with rdcycle is refused: where it is, and what to do", LIMIT, async () => {
  using folder = folderOf(component(", confined: true"));
  const { status, out, err } = await bailiwick(["run", "-q", "--timeout", "20s", folder.path]);
  expect([status, out]).toEqual([1, ""]);
  expect(err).toMatch(/^error\[BW0306\]: the program of 'main' cannot be used\n {2}\| it is confined, [^\n]*read a clock:\n {2}\| {3}rdcycle at 0x1[0-9a-f]{4} in ticks, section \.text\n {2}\| Every even address/);
  expect(err).toMatch(/= fix: take them out of the source[^]*leave 'confined' out of components\.main\n$/);
});

test("a confined program for components to read is refused in the same words", LIMIT, async () => {
  using folder = folderOf(carried(", confined: true"));
  const { status, out, err } = await bailiwick(["run", "-q", "--timeout", "20s", folder.path]);
  expect([status, out]).toEqual([1, ""]);
  expect(err).toMatch(/^error\[BW0306\]: the program 'product' cannot be used\n[^]*rdcycle at 0x1[0-9a-f]{4} in ticks, section \.text\n[^]*leave 'confined' out of programs\.product\n$/);
});

test("without the word both are warned of, and run", LIMIT, async () => {
  for (const [manifest, name] of [[component(""), "main"], [component(", confined: false"), "main"], [carried(""), "product"]] as const) {
    using folder = folderOf(manifest);
    expect(await notesOf(folder.path)).toEqual([expect.stringMatching(`^'${name}' holds an instruction at 0x1[0-9a-f]{4} that reads the host's cycle counter: a timing channel`)]);
  }
  using folder = folderOf(carried(""));
  expect((await runAppliance(folder.path)).status).toBe(4);
});

test("what has no such instruction is confined and runs, a hosted program as well", LIMIT, async () => {
  using machine = folderOf(component(", confined: true"), { "main.c": QUIET });
  expect(await notesOf(machine.path)).toEqual([]);
  expect((await runAppliance(machine.path)).status).toBe(3);
  using product = folderOf(carried(", confined: true"), { "product.c": QUIET });
  expect((await runAppliance(product.path)).status).toBe(4);
  using hosted = folderOf(component(", confined: true", "{ ts: main.ts }"), { "main.ts": "export default function* main() {}\n" });
  expect((await runAppliance(hosted.path)).status).toBe(0);
});

test.each<readonly [what: string, source: string, said: RegExp]>([
  ["what the engine would refuse anyway", '__asm__ volatile("rdtime a0\\n csrrwi a0, hpmcounter9, 1" ::: "a0");', / {3}rdtime at [^]* {3}csrrwi hpmcounter9 at /],
  ["one that a jump into the middle makes", '__asm__ volatile(".option push\\n .option rvc\\n .half 0x0537, 0x2573, 0xc000\\n .option pop" ::: "a0");', / {3}rdcycle at 0x[0-9a-f]+ in main, section [.\w]+ \(where no instruction begins\)/],
  ["a constant among the instructions", '__asm__ volatile("j 1f\\n .balign 4\\n .word 0xc0002573\\n1:");', / {3}rdcycle at 0x[0-9a-f]+ in main/],
])("found as well: %s", LIMIT, async (_, body, said) => {
  using folder = folderOf(component(", confined: true"), { "main.c": `int main(void) {\n  ${body}\n  return 0;\n}\n` });
  await expect(prepareAppliance(folder.path)).rejects.toThrow(said);
});

test("a constant where nothing is executed harms nobody", LIMIT, async () => {
  using folder = folderOf(component(", confined: true"), { "main.c": "static const unsigned words[] = {0xc0002573u, 0xc0102573u};\nint main(void) { return (int)(*(const volatile unsigned *)&words[1] >> 30); }\n" });
  expect((await runAppliance(folder.path)).status).toBe(3);
});

test("a hostile ELF file: as many as it holds are counted, eight are shown; none of its names reaches the terminal", LIMIT, async () => {
  const code = new Uint8Array(new Uint32Array(5000).fill(0xc000_2573).buffer);
  const file = writeElf(0x1_0000, [{ address: 0x1_0000, rights: 5, bytes: code }]);
  using folder = folderOf(component(", confined: true", "{ elf: main.elf }"), { "main.elf": file });
  const error = await prepareAppliance(folder.path).then(() => "", (thrown: Error) => thrown.message);
  expect(error.match(/rdcycle at 0x/g)).toHaveLength(8);
  expect(error).toMatch(/and 4992 more/);
  // The same with a name that would drive the terminal written over the function's.
  using named = folderOf(component(", confined: true", "{ elf: main.elf }"));
  const compiled = await compileC({ name: "named", sources: [join(named.path, "main.c")], outDir: join(named.path, "build") });
  if (!compiled.ok) throw new Error(compiled.error.message);
  const bytes = readFileSync(compiled.value.elf);
  const at = bytes.indexOf("\0ticks\0");
  expect(at).toBeGreaterThan(0);
  bytes.write("\u001b[2Jx", at + 1, "latin1");
  writeFileSync(join(named.path, "main.elf"), bytes);
  await expect(prepareAppliance(named.path)).rejects.toThrow(/rdcycle at 0x1[0-9a-f]{4} in section \.text/);
});
