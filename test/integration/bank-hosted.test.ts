// The space bank asked by a hosted program, through "bailiwick/sdk".
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

test("a hosted program makes a bank, buys, looks, and gets back what it was refused or given", { timeout: 180_000 }, async () => {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({
      bank: "{ image: { server: bank }, memory: 4MiB, slots: 2048, cpu: { priority: 180 }, offer: { bank: Bank } }",
      main: "{ image: { ts: client.ts }, memory: 4MiB, use: { console: console.console, bank: bank.bank }, essential: true }",
    }),
    "client.ts": readFileSync("test/integration/bank/client.ts"),
  });
  const { output, status, events } = await runAppliance(folder.path, { limitMs: 60_000 });
  expect(events.filter(({ event }) => event === "fault")).toEqual([]);
  const said = output.trimEnd().split("\n").map((line) => [line.slice(0, line.indexOf(":")), JSON.parse(line.slice(line.indexOf(":") + 1)) as unknown]);
  const refused = (refusal: string): object => ({ ok: false, refusal });
  expect(said).toEqual([
    ["make", expect.objectContaining({ ok: true })], ["verify", { ok: true, official: true, rights: 15, alone: true }], ["verify console", { ok: true, official: false, rights: 0, alone: false }], ["verify nothing", expect.objectContaining(refused("noCapability"))],
    ["buy", { ok: true, number: 8 }], ["retype", { error: false, kind: "something" }], ["buy again", { ok: true, number: 18 }], ["buy into what is full", refused("slot")], ["buy too much", expect.objectContaining(refused("limit"))],
    ["make a bad name", refused("badRequest")], ["make too much", expect.objectContaining(refused("limit"))], ["restrict", { ok: true, rights: 8 }], ["buy without the right", expect.objectContaining(refused("notAllowed"))],
    ["figures", expect.objectContaining({ ok: true, limit: 65536, reserve: 65536, used: 12288, peak: 12288, blocks: 2, banks: 0 })],
    ["list 0", { ok: true, depth: 0, limit: 0, reserve: 0, used: 65536, peak: 65536, blocks: 0, name: "bank" }], ["list 1", { ok: true, depth: 1, limit: 65536, reserve: 65536, used: 12288, peak: 12288, blocks: 2, name: "tenant" }], ["list 2", expect.objectContaining(refused("notFound"))],
    ["free", expect.objectContaining({ ok: true })], ["free again", expect.objectContaining(refused("notFound"))], ["what was made", { block: "nothing", frame: "nothing" }], ["many", { many: 40 }], ["destroy the tenant", expect.objectContaining({ ok: true })],
    ["destroy again", expect.objectContaining(refused("gone"))], ["figures of what is gone", expect.objectContaining(refused("gone"))], ["destroy all", expect.objectContaining({ ok: true })],
    ["figures", expect.objectContaining({ ok: true, used: 0, peak: 229376, blocks: 0, banks: 0 })], ["no endpoint", expect.objectContaining(refused("error"))],
  ]);
  expect(status).toBe(0);
});
