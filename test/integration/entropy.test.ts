// The entropy driver on the real machine, over sources of every temper.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { System } from "../../core/boot.ts";
import type { Iommu } from "../../core/machine/iommu.ts";
import { applianceFolder, manifestWith, pause, runAppliance, until } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const source = (name: string) => readFileSync(`test/integration/entropy/${name}`);
const entropy = "{ image: { server: entropy }, cpu: { priority: 210 }, use: { regs: platform.rng0.regs, irq: platform.rng0.irq, iospace: platform.rng0.iospace }, offer: { entropy: Entropy } }";
const use = "use: { console: console.console, entropy: entropy.entropy }";
const asker = (args: string, more = "") => `{ image: { c: asker.c }, ${use}, args: ${args}${more} }`;
const files = (components: Record<string, string>) => applianceFolder({ "appliance.yaml": manifestWith({ entropy, ...components }), "client.c": source("client.c"), "asker.c": source("asker.c") });
const SAID = "nothing: 1, too much: 1, no count: 1\nwrong: 0, like bits that are tossed: 1, twice the same: 0\n";
const client = `{ image: { c: client.c }, ${use}, essential: true }`;
const count = (output: string, line: string) => output.split("\n").filter((one) => one === line).length;

for (const deterministic of [false, true]) {
  test(`bytes of every count come whole, what makes no sense is refused${deterministic ? ", deterministic" : ""}`, LIMIT, async () => {
    using folder = files({ main: client });
    const { output, status } = await runAppliance(folder.path, { deterministic });
    expect(output).toBe(SAID);
    expect(status).toBe(0);
    if (deterministic) expect((await runAppliance(folder.path, { deterministic })).output).toBe(SAID);
  });
}

test("a source that gives a byte at a time is asked until it is enough", LIMIT, async () => {
  let given = 0;
  using folder = files({ main: asker("{ times: 40, bytes: 1 }", ", essential: true") });
  const { output } = await runAppliance(folder.path, { entropy: () => Uint8Array.of(given++) });
  expect(output).toBe("main: 0\nmain is done\n");
  expect(given).toBeGreaterThanOrEqual(40);
});

test("a source that never gives anything is an answer, and one that begins to is asked again", LIMIT, async () => {
  let silent = true;
  using folder = files({ main: asker("{ bytes: 256, rest: 100 }") .replace("image", "essential: true, image") });
  const { output, events } = await runAppliance(folder.path, {
    entropy: (most) => new Uint8Array(silent ? 0 : most).fill(1),
    during: async (_system, line) => {
      await until("it is refused", () => line.output.includes("main: 2\n"));
      await pause(200);
      expect(line.output).toBe("main: 2\n");
      silent = false;
      await until("it is given", () => line.output.includes("main: 0\n"));
    },
  });
  expect(output.startsWith("main: 2\nmain: 0\n")).toBe(true);
  expect(events.filter(({ event, component }) => event === "log" && component === "entropy")).toEqual([]);
});

test("a client that asks without pause does not take what is kept for others", LIMIT, async () => {
  let left = 2048;
  // What there is is enough for the pool and no more; then the source is silent.
  using folder = files({ greedy: asker("{ bytes: 256 }", ", cpu: { budget: 2ms, period: 10ms }"), late: asker("{ bytes: 128, times: 3, rest: 20000 }", ", cpu: { priority: 90 }") });
  const { output } = await runAppliance(folder.path, {
    entropy: (most) => {
      const bytes = new Uint8Array(Math.min(most, left)).fill(5);
      left -= bytes.length;
      return bytes;
    },
    during: (_system, line) => until("the late one is done", () => line.output.includes("late is done\n"), 30_000),
  });
  // SHARE is 256: two requests of 128, and the third is refused like any of the greedy one's.
  expect(output.split("\n").filter((line) => line.startsWith("late"))).toEqual(["late: 0", "late: 2", "late is done"]);
  expect(count(output, "greedy: 2")).toBeGreaterThan(0);
});

test("a device that fails is started anew, and the client is told to come again", LIMIT, async () => {
  let system: System | undefined;
  let fail = false;
  using folder = files({ main: asker("{ bytes: 256, rest: 100 }").replace("image", "essential: true, image") });
  const { events } = await runAppliance(folder.path, {
    // In the middle of a request the page that it is to write to is gone.
    entropy: (most) => {
      if (fail) iommuOf(system!).break();
      return new Uint8Array(most).fill(3);
    },
    during: async (running, line) => {
      system = running;
      await until("it works", () => line.output.includes("main: 0\n"));
      fail = true;
      await until("it fails", () => line.output.includes("main: 2\n"));
      fail = false;
      iommuOf(running).repair();
      await until("it works again", () => line.output.endsWith("main: 0\n"));
    },
  });
  expect(events).toContainEqual(expect.objectContaining({ event: "log", component: "entropy", text: "the device failed; it is started anew when somebody asks" }));
  expect(events.filter(({ event, component, text }) => event === "log" && component === "entropy" && String(text).includes("failed"))).toHaveLength(1);
});

let kept: { ioAddress: number; physical: number; bytes: number; rights: number } | undefined;
function iommuOf(system: System) {
  const iommu = system.kernel.machine.iommu as Iommu;
  const device = iommu.devices.indexOf("rng0");
  return {
    break() {
      for (const mapping of iommu.dma(device)) {
        kept = mapping;
        iommu.unmap(device, mapping.ioAddress);
      }
    },
    repair() {
      if (kept !== undefined) iommu.map(device, kept.ioAddress, kept.physical, kept.bytes, kept.rights);
    },
  };
}
