// Clients of a ring that mean harm to its server, and a server that means harm to its clients, beside those that must go on with exact answers.
// What a TypeScript server could be made to do between two of its accesses cannot be tried here (hosted programs are not preempted): test/unit/ring.test.ts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { AddressMap } from "../../caps/image/system.ts";
import { applianceFolder, manifestWith, runAppliance, until, type Run } from "../support/appliance-run.ts";
import { exactRounds, hostileSource } from "../support/bystanders.ts";

const LIMIT_MS = 60_000;
const source = (name: string): string => readFileSync(join(import.meta.dirname, "channel", name), "utf8");

const ENDLESS = ["scribbler", "silent", "bell", "flood", "opener"];
const MORTAL = ["absurd", "dies", "unbell"];
/** In this order: a client's number is its place, from 1. */
const CLIENTS = ["honest", "pair-client", ...ENDLESS, ...MORTAL];
const numberOf = (name: string): string => String(CLIENTS.indexOf(name) + 1).padStart(2, "0");

const honestRounds = (output: string): number => {
  if (output.includes("WRONG")) throw new Error(output.slice(output.indexOf("WRONG") - 20));
  return Number([...output.matchAll(/honest: (\d+) exact\n/g)].at(-1)?.[1] ?? 0);
};

describe.each(["c", "ts"] as const)("clients that mean harm to a server in %s", (language) => {
  let run: Run;
  let rounds = { honest: 0, pair: 0 };
  beforeAll(async () => {
    const use = "victim: { from: victim.victim, rights: [call, grant] }";
    // The scribbler is more urgent than the server, for a little of the time: it comes between any two instructions of the server's.
    const cpu = (name: string): string => (name === "scribbler" ? ", cpu: { priority: 110, budget: 1ms, period: 7ms }" : ENDLESS.includes(name) ? ", cpu: { budget: 1ms, period: 10ms }" : "");
    const hostile = Object.fromEntries([...ENDLESS, ...MORTAL].map((name) => [name, `{ image: { c: ${name}.c }, use: { ${use} }${cpu(name)} }`]));
    using folder = applianceFolder({
      "appliance.yaml": manifestWith({
        victim: `{ image: { ${language}: victim.${language} }, cpu: { priority: 100 }, offer: { victim: Channel } }`,
        honest: `{ image: { c: honest.c }, cpu: { priority: 120, budget: 2ms, period: 10ms }, use: { console: console.console, ${use} } }`,
        "pair-client": "{ image: { c: pair-client.c }, cpu: { priority: 120, budget: 2ms, period: 10ms }, use: { console: console.console, pair: victim.victim } }",
        ...hostile,
      }),
      [`victim.${language}`]: source(`victim.${language}`),
      "pair-client.c": hostileSource("pair-client.c"),
      ...Object.fromEntries(["honest", ...ENDLESS, ...MORTAL].map((name) => [`${name}.c`, source(`${name}.c`)])),
      "attack.h": source("attack.h"),
    });
    const over = new Set<unknown>();
    const logged = new Map<string, number>();
    run = await runAppliance(folder.path, {
      limitMs: LIMIT_MS,
      onEvent({ event, component, text }) {
        if (event === "exit" || event === "fault") over.add(component);
        if (event === "log") logged.set(`${String(component)}: ${String(text)}`, (logged.get(`${String(component)}: ${String(text)}`) ?? 0) + 1);
      },
      async during(_, line) {
        const times = (what: string): number => logged.get(what) ?? 0;
        await until("the mortal ones are done", () => MORTAL.every((name) => over.has(name)), LIMIT_MS);
        await until("the others have done their worst", () => times("scribbler: again") > 5 && times("bell: rang") > 1 && times("flood: sent") > 1 && times("opener: opened") > 2 && times("silent: filled") > 0, LIMIT_MS);
        const before = { honest: honestRounds(line.output), pair: exactRounds(line.output) };
        await until("the honest ones go on", () => honestRounds(line.output) > before.honest + 2 && exactRounds(line.output) > before.pair + 2, LIMIT_MS);
        rounds = { honest: honestRounds(line.output) - before.honest, pair: exactRounds(line.output) - before.pair };
      },
    });
  }, 3 * LIMIT_MS);

  const end = (name: string): Record<string, unknown> | undefined => run.events.find(({ event, component }) => component === name && (event === "exit" || event === "fault"));
  const results = (name: string): string[] => run.events.filter(({ event, component }) => event === "log" && component === "victim").map(({ text }) => String(text)).filter((text) => text.startsWith(`client ${numberOf(name)}: `)).map((text) => text.slice(11));

  test("its other clients have exact answers by ring and by Call all the time, and it does not end", () => {
    expect(rounds.honest).toBeGreaterThan(2);
    expect(rounds.pair).toBeGreaterThan(2);
    for (const name of ["victim", "honest", "pair-client", "console"]) expect(end(name), name).toBeUndefined();
    expect(results("honest")).toEqual([]);
  });
  test("random bytes over the whole memory at any time end that client's channel, by name", () => {
    expect(results("scribbler").length).toBeGreaterThan(5);
    for (const result of results("scribbler")) expect(["Corrupt", "Closed"]).toContain(result);
    expect(results("scribbler")).toContain("Corrupt");
    expect(end("scribbler")).toBeUndefined();
  });
  test("each number that cannot be is Corrupt, and its sender is told that the ring is closed", () => {
    expect(results("absurd")).toEqual(Array.from({ length: 10 }, () => "Corrupt"));
    expect(end("absurd")).toMatchObject({ event: "exit", status: 7 });
  });
  test("one that takes no answers is left alone; one that rings or sends without end has its turn and no more", () => {
    for (const name of ["silent", "bell", "flood"]) {
      expect(results(name), name).toEqual([]);
      expect(end(name), name).toBeUndefined();
    }
    expect(run.events).toContainEqual({ event: "log", component: "silent", text: "filled" });
  });
  test("one that ends in the middle, or takes its bell away, is Gone", () => {
    expect(end("dies")).toMatchObject({ event: "fault", kind: "VMFault", address: 0x2000 });
    expect(results("dies")).toEqual(["Gone"]);
    expect(results("unbell")).toEqual(["Gone"]);
    expect(end("unbell")).toMatchObject({ event: "exit", status: 7 });
  });
  test("one that opens again and again finds nothing of the others' in the memory, and nothing left over in the server", () => {
    expect(end("opener")).toBeUndefined();
    for (const result of results("opener")) expect(["Closed", "Gone"]).toContain(result);
  });
});

describe.each(["c", "ts"] as const)("a server that means harm to its clients in %s", (language) => {
  test("each says what is wrong with the answer, and calls nothing that nobody answers", { timeout: LIMIT_MS }, async () => {
    const names = Array.from({ length: 7 }, (_, i) => `client${i + 1}`);
    using folder = applianceFolder({
      "appliance.yaml": manifestWith({
        server: "{ image: { c: false-server.c }, offer: { victim: Channel } }",
        ...Object.fromEntries(names.map((name) => [name, `{ image: { ${language}: believer.${language} }, use: { victim: server.victim } }`])),
      }),
      "false-server.c": source("false-server.c"),
      [`believer.${language}`]: source(`believer.${language}`),
    });
    const over = new Set<unknown>();
    const { events } = await runAppliance(folder.path, {
      limitMs: LIMIT_MS,
      onEvent: ({ event, component }) => void ((event === "exit" || event === "fault") && over.add(component)),
      during: () => until("all clients are done", () => names.every((name) => over.has(name)), LIMIT_MS),
    });
    const wrong = language === "c" ? "IllegalOperation" : "unknown";
    const texts = names.map((name) => events.filter(({ event, component }) => event === "log" && component === name).map(({ text }) => text));
    expect(texts).toEqual([[wrong], [wrong], [wrong], [wrong], [wrong], [wrong], ["Corrupt"]]);
    expect(events.filter(({ event }) => event === "exit").map(({ component, status }) => [component, status]).sort()).toEqual(names.map((name) => [name, 0]));
    expect(events.filter(({ event }) => event === "fault")).toEqual([]);
  });
});

// The price of sharing memory, as CAVEATS says it: the one who maps another's depends on the other.
test("a server that ends takes its memory along: its client's next look at the ring is a fault at the ring's address", { timeout: LIMIT_MS }, async () => {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({
      server: "{ image: { c: mortal-server.c }, offer: { victim: Channel } }",
      orphan: "{ image: { c: orphan.c }, use: { victim: server.victim }, essential: true }",
    }),
    ...Object.fromEntries(["mortal-server.c", "orphan.c", "attack.h"].map((name) => [name, source(name)])),
  });
  const { events, status } = await runAppliance(folder.path, { limitMs: LIMIT_MS });
  expect(events).toContainEqual({ event: "exit", component: "server", status: 3 });
  const fault = events.find(({ event }) => event === "fault");
  expect(fault).toMatchObject({ component: "orphan", kind: "VMFault" });
  expect(Number(fault?.["address"]) - AddressMap.OWN).toBeGreaterThanOrEqual(0);
  expect(Number(fault?.["address"]) - AddressMap.OWN).toBeLessThan(4096);
  expect(status).toBe(70);
});
