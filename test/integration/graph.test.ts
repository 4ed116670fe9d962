// bailiwick graph as a user has it: pictures of manifests, also of those whose claims do not hold.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { applianceFolder } from "../support/appliance-run.ts";
import { bailiwick, ROOT } from "../support/command-line.ts";

const manifest = (claims: string): string => `apiVersion: bailiwick/1
kind: Appliance
name: shop
version: 0.1.0
platform: { board: virt-rv64, memory: 64MiB }
components:
  console: { image: { server: console }, use: { regs: platform.uart0.regs, irq: platform.uart0.irq }, offer: { console: Console } }
  store: { image: { ts: store.ts }, use: { console: console.console }, offer: { store: Store } }
  web: { image: { ts: web.ts }, use: { store: store.store }, essential: true }
assert:
${claims}
`;
const BROKEN = manifest("  - no-path: { from: web, to: platform.uart0, trusting: [console] }\n  - no-path: { from: web, to: console }");

describe("bailiwick graph", () => {
  test("draws a system whose claims do not hold, with what breaks them, where check refuses it", async () => {
    using folder = applianceFolder({ "appliance.yaml": BROKEN });
    const { status, out, err } = await bailiwick(["graph", folder.path]);
    expect([status, err]).toEqual([0, ""]);
    expect(out).toMatch(/^<svg xmlns=[^]*<\/svg>\n$/);
    expect([...out.matchAll(/class="wire[^"]* broken"[^>]*data-from="([^"]*)" data-to="([^"]*)"/g)].map(([, from, to]) => [from, to])).toEqual([["store", "console"], ["web", "store"]]);
    expect(out).toContain("does not hold: no path from web to console");
    expect((await bailiwick(["check", folder.path])).status).toBe(4);
  });

  test("--trusting, --dot, --html and -o", async () => {
    using folder = applianceFolder({ "appliance.yaml": BROKEN });
    const { out: dot } = await bailiwick(["graph", "--dot", "--trusting", "store,console", folder.path]);
    expect(dot).toMatch(/^digraph "shop 0\.1\.0" \{[^]*peripheries=2/);
    expect(dot).not.toContain("cluster_");
    const file = join(folder.path, "shop.html");
    expect(await bailiwick(["graph", "--html", "-o", file, join(folder.path, "appliance.yaml")])).toMatchObject({ status: 0, out: "", err: "" });
    expect(readFileSync(file, "utf8")).toMatch(/^<!doctype html>[^]*Content-Security-Policy[^]*<\/html>\n$/);
  });

  test("a manifest that is wrong, a file that cannot be, names and forms that are not there", async () => {
    using folder = applianceFolder({ "appliance.yaml": manifest("  - no-path: { from: web, to: nobody }"), "fine/appliance.yaml": manifest("  - no-path: { from: store, to: web }") });
    const fine = join(folder.path, "fine");
    expect(await bailiwick(["graph", folder.path])).toMatchObject({ status: 1, out: "", err: expect.stringContaining("BW0201") });
    expect(await bailiwick(["graph", "-o", join(folder.path, "none", "a.svg"), fine])).toMatchObject({ status: 1, err: expect.stringContaining("BW0329") });
    expect(await bailiwick(["graph", "--trusting", "stroe", fine])).toMatchObject({ status: 2, err: expect.stringContaining("did you mean 'store'") });
    expect(await bailiwick(["graph", "--svg", "--dot", fine])).toMatchObject({ status: 2, out: "" });
  });

  test.each(readdirSync(join(ROOT, "examples")).filter((name) => existsSync(join(ROOT, "examples", name, "appliance.yaml"))))("draws the example %s", async (name) => {
    const { status, out, err } = await bailiwick(["graph", join("examples", name)]);
    expect([status, err]).toEqual([0, ""]);
    expect(out.match(/data-box=/g)?.length).toBeGreaterThan(1);
    expect(out).not.toContain("NaN");
  });
});
