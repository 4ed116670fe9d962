// What a manifest's `operator` denies, `bailiwick run` and a session refuse.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { FACULTY_NAMES, type Faculty } from "../../caps/image/faculties.ts";
import { parseManifest } from "../../caps/manifest/parse.ts";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { startSession, type SessionOptions } from "../../servers/operator/session.ts";
import { applianceFolder } from "../support/appliance-run.ts";
import { bailiwick } from "../support/command-line.ts";

vi.setConfig({ testTimeout: 120_000 });

const manifest = (operator: string): string => `apiVersion: bailiwick/1
kind: Appliance
name: test
version: 0.1.0
platform: { board: virt-rv64, memory: 64MiB, networks: { net0: { user: {} } }, display: {} }
components:
  console: { image: { server: console }, cpu: { priority: 200 }, use: { regs: platform.uart0.regs, irq: platform.uart0.irq }, offer: { console: Console } }
  hello: { image: { c: hello.c }, use: { console: console.console }, essential: true }
operator: ${operator}
`;
const HELLO = '#include <bailiwick.h>\n#include <bailiwick/console.h>\nBW_USE(console);\nint main(void) { bw_console_open(bw_use_console.cap); bw_puts("hello"); return 0; }\n';
const made = (operator: string) => applianceFolder({ "appliance.yaml": manifest(operator), "hello.c": HELLO, script: 'type "x"\n' });

test("who is granted something has that alone; a denial is stronger than a grant; without either everything is allowed", () => {
  const denied = (operator: string): readonly Faculty[] => {
    const parsed = parseManifest(manifest(operator), "a.yaml");
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.diagnostics));
    return parsed.value.manifest.operator.denied;
  };
  expect(denied("{}")).toEqual([]);
  expect(denied("{ deny: [trace] }")).toEqual(["trace"]);
  expect(denied("{ grants: [] }")).toEqual(FACULTY_NAMES);
  expect(denied("{ grants: [input, output, trace], deny: [trace] }")).toEqual(FACULTY_NAMES.filter((faculty) => faculty !== "input" && faculty !== "output"));
});

describe("bailiwick run", () => {
  test.each([
    ["trace", ["--trace", "out"]],
    ["debug", ["--gdb"]],
    ["control", ["--control", "c"]],
    ["capture", ["--capture", "net0=out"]],
    ["display", ["--picture", "out"]],
    ["display", ["--view"]],
    ["input", ["--input-script", "script"]],
    ["input", ["--keys"]],
    ["unchecked", ["--no-iommu"]],
    ["exec", ["--exec", "true"]],
  ])("with %s denied refuses %j, and makes no file; granted, it does not", async (faculty, options) => {
    using denied = made(`{ deny: [${faculty}] }`);
    const { status, out, err } = await bailiwick(["run", "-q", ...options, denied.path], { cwd: denied.path });
    expect([status, out]).toEqual([4, ""]);
    expect(err).toMatch(/^error\[BW0323\]: .* is denied\n {2}\| the manifest does not let its operator /);
    expect(existsSync(join(denied.path, "out"))).toBe(false);
    using granted = made(`{ grants: [${faculty}, output] }`);
    expect((await bailiwick(["run", "-q", ...options, granted.path], { cwd: granted.path })).err).not.toContain("BW0323");
  });

  test("says in check what is denied, and without output shows none", async () => {
    using folder = made("{ deny: [output] }");
    expect((await bailiwick(["check", folder.path])).out).toContain("  its operator may not see what it writes on its terminal (output)\n");
    const { status, out } = await bailiwick(["run", "-q", folder.path]);
    expect([status, out]).toEqual([0, ""]);
    using open = made("{}");
    expect((await bailiwick(["run", "-q", open.path])).out).toBe("hello\n");
  });
});

test("an image denies what its manifest did", async () => {
  using folder = made("{ deny: [output, trace] }");
  const image = join(folder.path, "test.oci");
  expect((await bailiwick(["build", "-q", folder.path, "-o", image], { cwd: folder.path })).status).toBe(0);
  expect(await bailiwick(["run", "-q", "--allow-unsigned", image], { cwd: folder.path })).toMatchObject({ status: 0, out: "" });
  expect(await bailiwick(["run", "-q", "--allow-unsigned", "--trace", "out", image], { cwd: folder.path })).toMatchObject({ status: 4, err: expect.stringContaining("error[BW0323]") });
});

describe("a session", () => {
  /** What reached the console's far end, and whether anybody listened to what is typed there. */
  async function session(operator: string, more: Partial<SessionOptions> = {}): Promise<{ readonly text: string; readonly listens: boolean }> {
    using folder = made(operator);
    let text = "", listens = false;
    const appliance = await prepareAppliance(folder.path);
    const console = { write: (bytes: Uint8Array) => void (text += new TextDecoder().decode(bytes)), ready: () => true, onDrained() {}, onInput: () => void (listens = true) };
    await (await startSession(appliance, { console, timeoutMs: 60_000, ...more })).outcome;
    return { text, listens };
  }

  test("takes no input, shows no output where that is denied", async () => {
    expect(await session("{}")).toEqual({ text: "hello\n", listens: true });
    expect(await session("{ deny: [input] }")).toEqual({ text: "hello\n", listens: false });
    expect(await session("{ deny: [output] }")).toEqual({ text: "", listens: true });
  });

  test("is not to be had with more than the manifest grants", async () => {
    await expect(session("{ deny: [trace] }", { onTrace: () => {} })).rejects.toMatchObject({ status: 4, code: "BW0323" });
    await expect(session("{ deny: [capture] }", { onFrame: () => {} })).rejects.toMatchObject({ status: 4 });
    await expect(session("{ grants: [input] }", { unchecked: true })).rejects.toMatchObject({ status: 4 });
  });
});
