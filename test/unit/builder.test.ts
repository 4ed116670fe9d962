// appliance(): the manifest as TypeScript. What comes out is what the parser reads, and a mistake is an exception at its call.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { appliance, ManifestError, parseManifest, type ComponentInput, type ManifestInput } from "../../servers/operator/index.ts";
import { manifestSchema } from "../../caps/manifest/schema.ts";
import { ROOT, runProcess } from "../support/command-line.ts";

const HEAD = { name: "test", version: "0.1.0", platform: { board: "virt-rv64", memory: "64MiB" } } as const;

function small() {
  const built = appliance(HEAD);
  const console = built.component("console", { image: { server: "console" }, use: { regs: "platform.uart0.regs" }, offer: { console: "Console", other: { protocol: "Mine", rights: ["call"], gives: false } } });
  const reader = built.program("reader", { image: { c: ["a.c", "b.c"] }, confined: true });
  built.component("main", { image: { ts: "main.ts" }, use: { terminal: { from: console.offers.console, rights: ["call"] }, reader }, args: { deep: [1, { x: null }] }, essential: true });
  const guest = built.guest("debian", { image: "linux", memory: "256MiB", console: console.offers.console });
  built.assert({ "no-path": { from: guest.name, to: "platform.uart0", trusting: [console.name] } });
  return { built, console, reader };
}

describe("what is built", () => {
  test("is the data that would be written in YAML", () => {
    const { built, console, reader } = small();
    expect([console.name, console.offers.console, console.offers.other, reader]).toEqual(["console", "console.console", "console.other", "programs.reader"]);
    expect(built.toManifest()).toEqual({
      apiVersion: "bailiwick/1", kind: "Appliance", ...HEAD,
      components: {
        console: { image: { server: "console" }, use: { regs: "platform.uart0.regs" }, offer: { console: "Console", other: { protocol: "Mine", rights: ["call"], gives: false } } },
        main: { image: { ts: "main.ts" }, use: { terminal: { from: "console.console", rights: ["call"] }, reader: "programs.reader" }, args: { deep: [1, { x: null }] }, essential: true },
      },
      programs: { reader: { image: { c: ["a.c", "b.c"] }, confined: true } },
      guests: { debian: { image: "linux", memory: "256MiB", console: "console.console" } },
      assert: [{ "no-path": { from: "debian", to: "platform.uart0", trusting: ["console"] } }],
    } satisfies ManifestInput);
  });

  test("parses to the same as its text, whatever the arguments hold", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,22}$/), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 }), (all) => {
        const built = appliance(HEAD);
        for (const [name, args] of Object.entries(all)) built.component(name, { image: { elf: "yes" }, args: args as NonNullable<ComponentInput["args"]> });
        const parsed = parseManifest(built.toYaml(), "built.yaml");
        expect(parsed.ok && parsed.value.manifest).toEqual(manifestSchema.parse(built.toManifest()));
      }),
    );
  });

  test("is not changed by what the caller does with his own data afterwards", () => {
    const built = appliance(HEAD), component = { image: { c: "a.c" }, args: { list: [1] } };
    built.component("a", component);
    component.args.list.push(2);
    const first = built.toManifest();
    delete first.components?.["a"];
    expect(built.toManifest().components).toEqual({ a: { image: { c: "a.c" }, args: { list: [1] } } });
  });
});

describe("a mistake", () => {
  const refused = (call: () => unknown): string => {
    try {
      call();
    } catch (error) {
      expect(error).toBeInstanceOf(ManifestError);
      return (error as Error).message;
    }
    throw new Error("it was taken");
  };

  test("is told at its call, in the parser's words", () => {
    const built = appliance(HEAD);
    built.component("a", { image: { c: "a.c" } });
    // @ts-expect-error: 'memry' is no key
    expect(refused(() => built.component("b", { image: { c: "b.c" }, memry: "1MiB" }))).toMatch(/unknown key 'memry' in components\.b.*memory/);
    expect(refused(() => built.component("b", { image: { c: "b.c" }, memory: "1 MiB" }))).toMatch(/components\.b\.memory.*a size with its unit/);
    expect(refused(() => built.component("B", { image: { c: "b.c" } }))).toMatch(/'B' cannot be a name/);
    expect(refused(() => built.component("a", { image: { c: "b.c" } }))).toMatch(/'a' in components already/);
    expect(refused(() => built.component("__proto__", { image: { c: "b.c" } }))).toMatch(/cannot be|missing|unknown/);
    expect(refused(() => built.guest("g", { image: "linux", memory: "3MiB", console: "c.c" }))).toMatch(/multiple of 2MiB/);
    expect(refused(() => built.assert({ "no-path": { from: "a", to: "platform" }, confined: "a" }))).toMatch(/exactly one/);
    expect(refused(() => appliance({ ...HEAD, version: "1" }))).toMatch(/version/);
    // @ts-expect-error: a function is no data
    expect(refused(() => built.component("b", { image: { c: "b.c" }, args: { f: () => {} } }))).toMatch(/cannot hold a function/);
    expect(refused(() => built.component("b", { image: { c: "b.c" }, args: Number.NaN }))).toMatch(/cannot hold NaN/);
    expect(Object.keys(built.toManifest().components ?? {})).toEqual(["a"]);
  });

  test("in the name of an offer is one of types, and of the run", () => {
    const built = appliance(HEAD);
    const server = built.component("server", { image: { c: "s.c" }, offer: { thing: "Thing" } });
    // @ts-expect-error: it offers 'thing'
    const wrong: string = server.offers.think;
    expect(refused(() => built.component("client", { image: { c: "c.c" }, use: { x: { from: wrong } } }))).toMatch(/use\.x/);
  });
});

test("the example's manifest is what its program makes today", async () => {
  const folder = join(ROOT, "examples", "crowd");
  const { status, out, err } = await runProcess(process.execPath, ["make.mjs"], { cwd: folder });
  expect([status, err]).toEqual([0, ""]);
  expect(out).toBe(readFileSync(join(folder, "appliance.yaml"), "utf8"));
  expect(Object.keys(appliance(HEAD).toManifest())).toEqual(["apiVersion", "kind", "name", "version", "platform"]);
  const parsed = parseManifest(out, "crowd.yaml");
  expect(parsed.ok && Object.keys(parsed.value.manifest.components).length).toBe(200);
});
