// How a run ends, as the command line and the benchmarks see it.
import { expect, test } from "vitest";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { startSession } from "../../servers/operator/session.ts";
import { applianceFolder } from "../support/appliance-run.ts";

test("an appliance without a driver, whose machine is idle as soon as it has ended, ends with its own status", { timeout: 180_000 }, async () => {
  using folder = applianceFolder({
    "appliance.yaml": "apiVersion: bailiwick/1\nkind: Appliance\nname: test\nversion: 0.1.0\nplatform: { board: virt-rv64, memory: 32MiB }\ncomponents:\n  main: { image: { c: main.c }, essential: true }\n",
    "main.c": "#include <bailiwick.h>\nint main(void) { return 3; }\n",
  });
  const session = await startSession(await prepareAppliance(folder.path), { console: { write() {}, ready: () => true, onDrained() {}, onInput() {} }, timeoutMs: 30_000 });
  expect(await session.outcome).toEqual({ status: 3 });
});
