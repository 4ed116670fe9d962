// Space banks on the real machine: what is bought, what it is limited to, and that destroying a bank takes back exactly what it sold.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 90_000 };
const client = readFileSync("test/integration/bank/client.c");

interface Setting {
  readonly memory?: string;
  readonly slots?: number;
  readonly offers?: string;
  readonly args?: string;
}

/** Each client does what it says, one after the other; the last one's end is the appliance's. */
async function run(clients: Readonly<Record<string, { readonly does: readonly string[]; readonly offer?: string }>>, { memory = "8MiB", slots = 8192, offers = "{ bank: Bank }", args = "{}" }: Setting = {}) {
  const names = Object.keys(clients);
  const components = Object.entries(clients).map(([name, { does, offer = "bank" }], i) => [
    name,
    `{ image: { c: client.c }, memory: 2MiB, slots: 4096, use: { console: console.console, bank: bank.${offer}, time: platform.cpu.time }, args: { do: ${JSON.stringify(does)} }, cpu: { priority: ${150 - i} }${i === names.length - 1 ? ", essential: true" : ""} }`,
  ]);
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ bank: `{ image: { server: bank }, memory: ${memory}, slots: ${slots}, cpu: { priority: 180 }, offer: ${offers}, args: ${args} }`, ...Object.fromEntries(components) }),
    "client.c": client,
  });
  const { output, events, status } = await runAppliance(folder.path, { limitMs: 60_000 });
  return { said: output.trimEnd().split("\n"), logs: events.filter(({ event }) => event === "log").map(({ text }) => text), events, status };
}

test("a block is bought, is memory, and is freed with all that was made of it", LIMIT, async () => {
  const { said, events } = await run({ a: { does: ["figures b", "buy b 12", "figures b", "frame 0", "free b 1", "buy b 13", "figures b"] } });
  console.log(said, events);
  expect(said).toEqual([]);
});
