// The log on the real machine: two writers that write more than they may, and the one that may read.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

const source = (name: string) => readFileSync(`test/integration/log/${name}`);
const writer = "{ image: { c: writer.c }, use: { log: log.log } }";
const parts = (args: string) => ({
  timer: "{ image: { server: timer }, cpu: { priority: 210 }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }",
  log: `{ image: { server: log }, cpu: { priority: 180 }, use: { timer: timer.timer }, offer: { log: Log, history: Log }, args: ${args} }`,
  one: writer,
  two: writer,
  reader: "{ image: { c: reader.c }, use: { console: console.console, log: log.history }, essential: true }",
});

test("lines are in order and say who wrote them; a writer that writes too much is refused, and that is told; who writes cannot read", { timeout: 60_000 }, async () => {
  using folder = applianceFolder({ "appliance.yaml": manifestWith(parts("{ reader: history, rate: 2 }")), "writer.c": source("writer.c"), "reader.c": source("reader.c") });
  const { output, status, events } = await runAppliance(folder.path);
  const each = "first: 1, at least 33 lines and no more than 60: 1, at least 60 refused: 1";
  expect(output.split("\n")).toEqual(["two writers: 1", each, each, "a reader cannot append: 1", ""]);
  expect(status).toBe(0);
  for (const { component, status: of } of events.filter(({ event }) => event === "exit") as { component: string; status: number }[]) expect([component, of]).toEqual([component, 0]);
});

test("a rate that makes no sense keeps the log from starting", { timeout: 60_000 }, async () => {
  using folder = applianceFolder({ "appliance.yaml": manifestWith({ ...parts("{ reader: history, rate: 0 }"), log: parts("{ rate: 0 }").log.replace(" }, args", " }, essential: true, args") }), "writer.c": source("writer.c"), "reader.c": source("reader.c") });
  const { status, events } = await runAppliance(folder.path);
  expect(status).toBe(1);
  expect(events).toContainEqual(expect.objectContaining({ event: "log", component: "log", text: expect.stringContaining("args.rate") }));
});
