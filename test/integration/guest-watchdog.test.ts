// examples/guest-watchdog: a guest that hangs is begun anew and comes to its end; one that hangs in each life is ended when its restarts are used up.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { applianceFolder, runAppliance } from "../support/appliance-run.ts";
import { exampleFiles } from "../support/example-files.ts";

const LIMIT_MS = 120_000;
vi.setConfig({ testTimeout: LIMIT_MS + 30_000 });
const installed = findLinux(findPackage().record);
const EXPECTED = readFileSync(join(findPackage().root, "examples/guest-watchdog/expected.txt"), "utf8");

async function run(change: (manifest: string) => string) {
  const files = exampleFiles("guest-watchdog");
  using folder = applianceFolder({ ...files, "appliance.yaml": change(String(files["appliance.yaml"])) });
  return await runAppliance(folder.path, { limitMs: LIMIT_MS });
}

describe.skipIf(!installed.ok || installed.value === undefined)("guest-watchdog", () => {
  test("the worker hangs, is begun anew, and comes to its end", async () => {
    const { output, status, events } = await run((manifest) => manifest);
    expect(output.replaceAll("\r", "")).toBe(EXPECTED);
    expect(status).toBe(0);
    expect(events.filter(({ event }) => event === "guest" || event === "restarting").map(({ event, state, component, detail }) => [state ?? event, detail ?? component])).toEqual([
      ["running", undefined], ["stopped", "begun anew by watchdog"], ["restarting", "worker"], ["running", undefined], ["poweroff", undefined],
    ]);
  });

  test("one that hangs in each life is begun anew as often as the manifest says, and then ended", async () => {
    const { output, status } = await run((manifest) => manifest.replace("[ $life = 1 ]", "true").replace("for step in 1 2 3", "for step in 1").replace("max: 3", "max: 1").replace("patience: 4", "patience: 2"));
    expect(output.replaceAll("\r", "").split("\n").slice(4)).toEqual([
      "worker: life 1, step 1", "watchdog: the worker said nothing for 2 s, and is begun anew",
      "worker: life 2, step 1", "watchdog: the worker hangs, and cannot be begun anew: spent", "watchdog: the worker has ended in life 2: stopped, status 85", "",
    ]);
    expect(status).toBe(0);
  });
});
