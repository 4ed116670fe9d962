// The JSON Schema for editors against the parser: what an editor shows as wrong is refused, what the parser takes is not shown as wrong, and the files that
// are published are what the parser's schema says today.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { FACULTY_NAMES } from "../../caps/image/faculties.ts";
import { parseManifest } from "../../caps/manifest/parse.ts";
import { manifestJsonSchema, manifestSchemaText } from "../../caps/manifest/schema.ts";
import { accepts } from "../support/json-schema.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const PUBLISHED = join(ROOT, "caps", "manifest", "appliance.schema.json");
const schema = manifestJsonSchema() as Readonly<Record<string, unknown>>;
const shows = (data: unknown): boolean => !accepts(schema, data);
const refuses = (data: unknown): boolean => !parseManifest(stringify(data), "generated.yaml").ok;

/** A key that is there or not. */
const record = <T>(always: { [K in keyof T]: fc.Arbitrary<T[K]> }, sometimes: Record<string, fc.Arbitrary<unknown>> = {}): fc.Arbitrary<unknown> =>
  fc.record({ ...always, ...sometimes }, { requiredKeys: Object.keys(always) as never[] });
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,22}$/);
const identifier = fc.stringMatching(/^[a-z][A-Za-z0-9_]{0,22}$/);
const size = fc.tuple(fc.integer({ min: 1, max: 999 }), fc.constantFrom("KiB", "MiB", "GiB")).map((parts) => parts.join(""));
const duration = fc.tuple(fc.integer({ min: 1, max: 999 }), fc.constantFrom("us", "ms", "s")).map((parts) => parts.join(""));
const file = fc.constantFrom("a.c", "src/b.ts", "c.elf");
const rights = fc.uniqueArray(fc.constantFrom("call", "send", "grant"), { minLength: 1 });
const use = fc.oneof(fc.constantFrom("console.console", "platform.uart0.regs", "programs.p"), record({ from: fc.constant("log.log") }, { rights, quota: fc.constantFrom("1/s", "64KiB/s", "100/s", "64MiB", "100", ["1/s", "2MiB/s"], []) }));
const offer = fc.oneof(fc.constant("Console"), record({ protocol: fc.constant("Log") }, { rights, gives: fc.boolean() }));
const cpu = record({}, { priority: fc.integer({ min: -1, max: 256 }), budget: duration, period: fc.constant("1000s") });
const machineImage = fc.oneof(record({ c: fc.oneof(file, fc.array(file, { minLength: 1, maxLength: 3 })) }), record({ elf: file }));
const image = fc.oneof(machineImage, record({ server: name }), record({ ts: file }));
const component = record({ image }, {
  memory: size, stack: size, slots: fc.constantFrom(128, 256, 300, 1024), cpu, use: fc.dictionary(identifier, use, { maxKeys: 3 }), offer: fc.dictionary(identifier, offer, { maxKeys: 2 }),
  args: fc.jsonValue({ maxDepth: 2 }), essential: fc.boolean(),
  restart: record({}, { on: fc.constantFrom("fault", "exit", "always"), max: fc.integer({ min: 0, max: 101 }), window: fc.constantFrom("1s", "60s", "90000s"), backoff: fc.constantFrom("1ms", "10ms", "2s") }), confined: fc.boolean(),
});
const guest = record({ image: fc.oneof(name, record({ kernel: file }, { initrd: file })), memory: size, console: use }, {
  cmdline: fc.string({ maxLength: 20 }), input: fc.boolean(), cpu, essential: fc.boolean(), cpus: fc.integer({ min: 0, max: 9 }), clock: use, display: use, balloon: size,
  disks: fc.dictionary(identifier, use, { maxKeys: 3 }), ports: fc.dictionary(identifier, use, { maxKeys: 2 }), devices: fc.dictionary(identifier, fc.constantFrom("platform.blk1", "platform.net0", "blk.disk"), { maxKeys: 2 }),
});
const disk = record({}, { file, image: fc.constantFrom("debian", "other"), mode: fc.constantFrom("rw", "ro", "overlay", "memory"), size });
const network = fc.oneof(
  record({ cable: record({ listen: fc.constantFrom("127.0.0.1:9001", "9001", "0"), peer: fc.constantFrom("127.0.0.1:9002", "[::1]:9002") }) }),
  record({ user: record({}, { hosts: fc.constantFrom("none", "loopback", "any"), forward: fc.array(fc.constantFrom("tcp:127.0.0.1:8080:80", "udp:53:53", "tcp:99999:1"), { maxLength: 2 }) }) }),
  record({ tap: fc.constantFrom("tap0", "0tap") }),
);
const trusting = fc.array(name, { maxLength: 2 });
const names = fc.oneof(name, fc.array(name, { minLength: 1, maxLength: 2 }));
const thing = fc.constantFrom("console.console", "platform", "platform.uart0");
const claim = fc.oneof(
  record({ "no-path": record({ from: names, to: thing }, { trusting }) }),
  record({ "only-holders": record({ of: thing, are: trusting }, { trusting }) }),
  record({ confined: fc.oneof(name, record({ component: name }, { holes: fc.array(thing, { maxLength: 2 }), trusting })) }),
  record({ "max-rights": record({ of: name, on: thing, rights }, { trusting }) }),
  record({ "flows-only-via": record({ from: thing, to: thing, via: trusting }, { trusting }) }),
);
const faculties = fc.array(fc.constantFrom(...FACULTY_NAMES), { maxLength: 3 });
const manifest = record(
  {
    apiVersion: fc.constant("bailiwick/1"), kind: fc.constant("Appliance"), name, version: fc.constantFrom("0.1.0", "1.2.3-rc.1"),
    platform: record({ board: fc.constant("virt-rv64"), memory: size }, {
      terminal: identifier, disks: fc.dictionary(identifier, disk, { maxKeys: 2 }), networks: fc.dictionary(identifier, network, { maxKeys: 2 }),
      display: record({}, { width: fc.integer({ min: 10, max: 4000 }), height: fc.integer({ min: 10, max: 4000 }) }),
    }),
  },
  { components: fc.dictionary(name, component, { maxKeys: 3 }), programs: fc.dictionary(name, record({ image: machineImage }, { confined: fc.boolean() }), { maxKeys: 2 }), guests: fc.dictionary(name, guest, { maxKeys: 2 }), assert: fc.array(claim, { maxLength: 3 }), operator: record({}, { grants: faculties, deny: faculties }) },
);

/** Every place in a value: how to read it there, and a copy with something else. */
function places(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.keys(value).flatMap((key) => places((value as Record<string, unknown>)[key], [...path, Array.isArray(value) ? Number(key) : key]))];
}
function changed(value: unknown, [step, ...rest]: readonly (string | number)[], to: (there: unknown) => unknown): unknown {
  if (step === undefined) return to(value);
  const copy = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) };
  (copy as Record<string | number, unknown>)[step] = changed((value as Record<string | number, unknown>)[step], rest, to);
  return copy;
}
const isMap = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
/** What people do to a manifest. */
const mistake = fc.constantFrom<(there: unknown) => unknown>(
  (there) => (isMap(there) ? { ...there, unknown: 1 } : ["a list"]),
  (there) => (isMap(there) ? Object.fromEntries(Object.entries(there).slice(1)) : null),
  (there) => (typeof there === "string" ? `${there} ` : "text"),
  (there) => (typeof there === "number" ? there + 0.5 : 7),
  () => true,
  () => ({}),
  () => [],
);
const spoilt = manifest.chain((value) => fc.tuple(fc.constantFrom(...places(value)), mistake).map(([path, to]) => changed(value, path, to)));

describe("the JSON Schema and the parser", () => {
  test("what the parser takes, the schema takes; so whatever an editor shows as wrong is refused", () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(manifest, spoilt), (data) => {
        const refused = refuses(data);
        if (!refused) taken++;
        return refused || !shows(data);
      }),
      { numRuns: 800 },
    );
    expect(taken).toBeGreaterThan(5);
  });

  test("of what the parser refuses, an editor shows all but what no pattern can say", () => {
    let shown = 0, refusedOnly = 0;
    // Each is a relation between two values, or arithmetic on one: refusals that need more than a pattern.
    const beyond = /multiple of|no longer than|of at least 10ms|of at most 24 hours|of at least 10us|at least 64KiB|at least 16MiB|at least one sector|at most 64MiB|a power of two|an image, unless|not both|overlay or ro|less than .memory.|a size up to|another address|of the same kind|of loopback for udp|hosts: none|this computer/;
    fc.assert(
      fc.property(fc.oneof(manifest, spoilt), (data) => {
        if (shows(data)) return ++shown > 0;
        const parsed = parseManifest(stringify(data), "generated.yaml");
        if (parsed.ok) return true;
        refusedOnly++;
        expect(parsed.diagnostics.map(({ cause }) => cause).filter((cause) => !beyond.test(cause))).toEqual([]);
        return true;
      }),
      { numRuns: 800 },
    );
    expect(shown).toBeGreaterThan(100);
    expect(refusedOnly).toBeGreaterThan(10);
  });
});

test("an image of a guest's that is neither firmware nor a kernel is shown", () => {
  const data = (image: object): object => ({ apiVersion: "bailiwick/1", kind: "Appliance", name: "a", version: "0.1.0", platform: { board: "virt-rv64", memory: "64MiB" }, components: {}, guests: { g: { image, memory: "16MiB", console: "console.console" } } });
  expect([{ kernel: "a" }, { firmware: "a" }, { firmware: "a", kernel: "b", initrd: "c" }, { initrd: "c" }, {}].map((image) => shows(data(image)))).toEqual([false, false, false, true, true]);
});

describe("what is published", () => {
  test("is what the parser's schema says today (npm run reference writes it)", () => expect(readFileSync(PUBLISHED, "utf8")).toBe(manifestSchemaText()));

  const manifests = ["examples", join("servers", "operator", "templates")].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { withFileTypes: true }).filter((entry) => entry.isDirectory()).flatMap(({ name }) => readdirSync(join(ROOT, folder, name)).filter((file) => file.endsWith(".yaml")).map((file) => join(ROOT, folder, name, file))),
  );
  test("has manifests to be tried on", () => expect(manifests.length).toBeGreaterThan(20));
  test.each(manifests)("%s names it in its first line, and is right by it", (path) => {
    const text = readFileSync(path, "utf8");
    const named = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text)?.[1] ?? "";
    // A template's stands beside it once `new` has made a folder of it.
    if (path.includes("templates")) expect(named).toBe("./appliance.schema.json");
    else expect(existsSync(resolve(dirname(path), named)) && resolve(dirname(path), named)).toBe(PUBLISHED);
    expect(accepts(schema, parse(text))).toBe(true);
  });
});
