// Programs that are no components: built, carried in the image, mapped read-only into the components that use them, and nothing written into them.
import { expect, test } from "vitest";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { applianceFolder, manifestWith, type Run, runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };

/** Declares a use that nobody gives it. */
const PRODUCT = "#include <bailiwick.h>\nBW_USE(input);\nint main(void) { return (int)bw_use_input.cap; }\n";

/** Says what it reads there: where, how much, and a sum over all of it. With args.write it writes there. */
const READER = `#include <bailiwick.h>
BW_USE(product);
int main(void) {
    volatile uint8_t *bytes = (volatile uint8_t *)bw_use_product.address;
    uint32_t sum = 0;
    for (uint64_t i = 0; i < bw_use_product.bytes; i++) sum = sum * 31 + bytes[i];
    const char hex[] = "0123456789abcdef";
    char line[] = "cap 0, 01234567";
    line[4] = (char)('0' + bw_use_product.cap);
    for (uint32_t i = 0; i < 8; i++) line[7 + i] = hex[sum >> (28 - 4 * i) & 15];
    bw_log(line);
    if (bw_arg_number("write", 0) != 0) bytes[0] = 0;
    return 0;
}
`;

const HOSTED = `import type { Env, Op } from "bailiwick/sdk";
export default function* main({ use, mem, sys }: Env): Op<void> {
  const { cap, address, bytes } = use.product!;
  let sum = 0;
  for (const byte of mem.read(address, bytes)) sum = (Math.imul(sum, 31) + byte) >>> 0;
  const text = new TextEncoder().encode("cap " + cap + ", " + sum.toString(16).padStart(8, "0"));
  const words: (number | bigint)[] = [text.length];
  for (let i = 0; i < text.length; i += 8) words.push(text.slice(i, i + 8).reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n));
  yield* sys.call(15, 2, words);
}
`;

const sumOf = (bytes: Uint8Array): string => bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 0).toString(16).padStart(8, "0");
const logs = ({ events }: Run): Record<string, unknown> => Object.fromEntries(events.filter((e) => e["event"] === "log").map((e) => [String(e["component"]), e["text"]]));

const reader = (image: string, more = ""): string => `{ image: ${image}, use: { product: programs.classifier }${more} }`;
const withProgram = (components: Readonly<Record<string, string>>, programs: string): string => `${manifestWith(components).replace(", essential: true", "")}programs:\n${programs}`;

test("a C program is read by several components as it was linked, its uses unwritten", LIMIT, async () => {
  using folder = applianceFolder({
    "appliance.yaml": withProgram({ a: reader("{ c: reader.c }"), b: reader("{ c: reader.c }"), h: reader("{ ts: reader.ts }", ", essential: true, cpu: { priority: 50 }") }, "  classifier: { image: { c: product.c } }\n"),
    "product.c": PRODUCT,
    "reader.c": READER,
    "reader.ts": HOSTED,
  });
  const { files } = await prepareAppliance(folder.path);
  const product = files.find(({ name }) => name === "program/classifier.elf")!.bytes;
  expect(files.filter(({ name }) => name.startsWith("program/"))).toHaveLength(1);
  // The entry is there, by its name, and nothing but zeros behind that.
  const at = Buffer.from(product).indexOf("input\0\0\0");
  expect(at).toBeGreaterThan(0);
  expect([...product.subarray(at + 24, at + 56)]).toEqual(new Array(32).fill(0));
  const said = `cap 0, ${sumOf(product)}`;
  expect(logs(await runAppliance(folder.path))).toEqual({ a: said, b: said, h: said });
});

test("an ELF file of the user's, of more than 1 MiB, is the same", LIMIT, async () => {
  using small = applianceFolder({ "appliance.yaml": withProgram({ a: reader("{ c: reader.c }", ", essential: true") }, "  classifier: { image: { c: product.c } }\n"), "product.c": PRODUCT, "reader.c": READER });
  const product = (await prepareAppliance(small.path)).files.find(({ name }) => name === "program/classifier.elf")!.bytes;
  // What stands behind the sections belongs to the file all the same.
  const large = new Uint8Array(3 * 2 ** 20 + 5);
  large.set(product);
  large.fill(7, product.length);
  using folder = applianceFolder({ "appliance.yaml": withProgram({ a: reader("{ c: reader.c }", ", essential: true") }, "  classifier: { image: { elf: product.elf } }\n"), "product.elf": large, "reader.c": READER });
  expect(logs(await runAppliance(folder.path))).toEqual({ a: `cap 0, ${sumOf(large)}` });
});

test("who writes into it faults, and the others read what they read before", LIMIT, async () => {
  using folder = applianceFolder({
    "appliance.yaml": withProgram({ a: reader("{ c: reader.c }", ", args: { write: 1 }, cpu: { priority: 150 }"), b: reader("{ c: reader.c }", ", essential: true") }, "  classifier: { image: { c: product.c } }\n"),
    "product.c": PRODUCT,
    "reader.c": READER,
  });
  const run = await runAppliance(folder.path);
  expect(run.events).toContainEqual(expect.objectContaining({ event: "fault", component: "a", kind: "VMFault", reason: expect.stringContaining("store") }));
  expect(logs(run)["b"]).toBe(logs(run)["a"]);
});

test("one that nobody uses is neither built nor carried, and that is said", LIMIT, async () => {
  using folder = applianceFolder({ "appliance.yaml": withProgram({ a: "{ image: { c: main.c }, essential: true }" }, "  idle: { image: { c: gone.c } }\n"), "main.c": "int main(void) { return 0; }\n" });
  const notes: string[] = [];
  const { files } = await prepareAppliance(folder.path, { onNote: (text) => notes.push(text) });
  expect(files.map(({ name }) => name)).not.toContain("program/idle.elf");
  expect(notes).toEqual(["no component uses the program 'idle': it is not built, and not in the image"]);
});

test.each<readonly [what: string, image: string, files: Readonly<Record<string, string>>, said: RegExp]>([
  ["that is not there", "{ c: gone.c }", {}, /BW0302[^]*a source of 'classifier'[^]*gone\.c: there is no such file/],
  ["that does not compile", "{ c: bad.c }", { "bad.c": "int main(void) { return x; }\n" }, /BW0304[^]*the program of 'classifier'[^]*bad\.c:1/],
  ["that is no program", "{ elf: bad.elf }", { "bad.elf": "#!/bin/sh\n" }, /BW0306\]: the program 'classifier' cannot be used[^]*ELF's magic number/],
])("one %s is refused by its name", LIMIT, async (_, image, files, said) => {
  using folder = applianceFolder({ "appliance.yaml": withProgram({ a: reader("{ c: reader.c }", ", essential: true") }, `  classifier: { image: ${image} }\n`), "reader.c": READER, ...files });
  await expect(prepareAppliance(folder.path)).rejects.toThrow(said);
});
