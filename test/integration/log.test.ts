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

test("lines are in order and say who wrote them; a writer that writes too much is refused, and that is told; who writes cannot read", { timeout: 180_000 }, async () => {
  using folder = applianceFolder({ "appliance.yaml": manifestWith(parts("{ reader: history, rate: 2 }")), "writer.c": source("writer.c"), "reader.c": source("reader.c") });
  const { output, status, events } = await runAppliance(folder.path);
  const each = "first: 1, at least 33 lines and no more than 60: 1, at least 60 refused: 1";
  expect(output.split("\n")).toEqual(["two writers: 1", each, each, "a reader cannot append: 1", ""]);
  expect(status).toBe(0);
  for (const { component, status: of } of events.filter(({ event }) => event === "exit") as { component: string; status: number }[]) expect([component, of]).toEqual([component, 0]);
});

test("a rate that makes no sense keeps the log from starting", { timeout: 180_000 }, async () => {
  using folder = applianceFolder({ "appliance.yaml": manifestWith({ ...parts("{ reader: history, rate: 0 }"), log: parts("{ rate: 0 }").log.replace(" }, args", " }, essential: true, args") }), "writer.c": source("writer.c"), "reader.c": source("reader.c") });
  const { status, events } = await runAppliance(folder.path);
  expect(status).toBe(1);
  expect(events).toContainEqual(expect.objectContaining({ event: "log", component: "log", text: expect.stringContaining("args.rate") }));
});

test("a writer's quota is its own rate, whatever the others have; a reader has none", { timeout: 180_000 }, async () => {
  const eager = `#include <bailiwick.h>
#include <bailiwick/log.h>
BW_USE(log);
int main(void) {
    uint32_t taken = 0;
    for (uint32_t i = 0; i < 400; i++) {
        const struct bw_msg m = bw_call(bw_use_log.cap, bw_info(LOG_APPEND, 2, 0), 1, 'x', 0, 0);
        taken += bw_error(&m) == 0 && bw_label(&m) == 0;
    }
    bw_log(taken == 400 ? "all" : taken >= 32 && taken < 200 ? "few" : "some");
    return 0;
}
`;
  const writer = (quota: string) => `{ image: { c: eager.c }, use: { log: { from: log.log${quota} } }, cpu: { priority: 150 } }`;
  const { timer, log } = parts("{ reader: history, rate: 5 }");
  const last = "{ image: { c: last.c }, cpu: { priority: 10 }, essential: true }";
  const sources = { "eager.c": eager, "last.c": "int main(void) { return 0; }\n" };
  using folder = applianceFolder({ ...sources, "appliance.yaml": manifestWith({ timer, log, slow: writer(", quota: 1/s"), usual: writer(""), fast: writer(", quota: 999999/s"), last }) .replace("essential: true }\n  timer", "}\n  timer") });
  const { events } = await runAppliance(folder.path);
  expect(Object.fromEntries(events.filter(({ event }) => event === "log").map(({ component, text }) => [component, text]))).toEqual({ slow: "few", usual: "few", fast: "all" });

  using reading = applianceFolder({ ...sources, "appliance.yaml": manifestWith({ timer, log, slow: writer("").replace("log.log", "log.history, quota: 1/s"), last }).replace("essential: true }\n  timer", "}\n  timer") });
  const refused = await runAppliance(reading.path);
  expect(refused.events).toContainEqual(expect.objectContaining({ event: "log", component: "log", text: expect.stringContaining("one that only reads has none") }));
});
