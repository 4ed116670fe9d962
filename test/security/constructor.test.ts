// Builders, clients and products of constructors that mean harm, beside a neighbour whose work goes on: none of them brings the server down, keeps it from others, or leaves
// anything behind in it.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/appliance-run.ts";
import { ConstructorBench, type Said } from "../support/constructor-run.ts";

const LIMIT_MS = 240_000;
const source = (name: string): string => readFileSync(`test/security/constructor/${name}`, "utf8");
const BUILD = (bank: string) => [`bank ${bank} 1048576 1048576`, `yield requestor:A p 1 bank:${bank} schedule:a keeper`, "ask p 1", `free bank:${bank}`];
const ROUNDS = 60;

describe("who means harm", () => {
  let bench: ConstructorBench;
  let said: Said;
  beforeAll(async () => {
    bench = new ConstructorBench({ "flood.c": source("flood.c"), "snatcher.c": source("snatcher.c"), "needs.c": source("vandal.c") });
    const over = new Set<unknown>();
    const party = ["flood", "snatcher", "tiny", "vandals", "good"];
    said = await bench.run(
      {
        flood: { does: [], image: "flood.c", cpu: "{ priority: 152, budget: 3ms, period: 10ms }" },
        snatcher: { does: [], image: "snatcher.c", cpu: "{ priority: 185, budget: 3ms, period: 10ms }" },
        // A hundred microseconds: one build takes more than that.
        tiny: { does: ["create A 18 2", "seal A", ...Array.from({ length: 10 }, () => BUILD("t")).flat()], cpu: "{ priority: 150, budget: 100us, period: 2ms }" },
        vandals: { does: ["create A 18 2", "seal A", "create V 18 2 needs", "install V again requestor:A", "seal V", ...Array.from({ length: 4 }, () => ["bank v 4194304 4194304", "yield requestor:V v 1 bank:v schedule:v keeper", "wait 300", "hang product:v", "wait 300", "hung", "free bank:v", "await"]).flat(), "figures bank:v"], cpu: "{ priority: 130, budget: 3ms, period: 10ms }" },
        good: { does: ["create A 18 2", "seal A", ...Array.from({ length: ROUNDS }, () => BUILD("g")).flat(), "figures bank"], bank: "other", priority: 145 },
        last: { does: ["stay"] },
      },
      {
        options: {
          limitMs: LIMIT_MS,
          onEvent: ({ event, component }) => void ((event === "exit" || event === "fault") && over.add(component)),
          during: () => until("all of them are done", () => party.every((name) => over.has(name)), LIMIT_MS),
        },
      },
    );
  }, LIMIT_MS + 60_000);
  afterAll(() => bench[Symbol.dispose]());

  const ends = (name: string): unknown[] => said.run.events.filter(({ event, component }) => component === name && (event === "exit" || event === "fault"));

  test("a neighbour has every one of his products built, and they work, and nothing is left of them", () => {
    expect(said.of("good").slice(2, -1)).toEqual(Array.from({ length: ROUNDS }, () => BUILD("g").map((line) => `${line}: ${line.startsWith("ask") ? "1 1 0" : "done"}`)).flat());
    expect(said.of("good").at(-1)).toBe("figures bank: 0 in 0");
    for (const server of ["constructor", "bank", "times", "console"]) expect(ends(server)).toEqual([]);
  });

  test("nonsense, and files as costly as can be, are refused; who sent them is served as anybody", () => {
    expect(said.of("flood")).toEqual([`the worst file: 0`, "served as anybody: 0 0 0 discreet"]);
  });

  test("what a client takes away in the middle of a building is the end of that building, and of nothing else", () => {
    const [thefts, left] = said.of("snatcher");
    const counts = /^500 thefts, built all the same (\d+), refused for bank (\d+) schedule (\d+) keeper (\d+) memory (\d+), other (\d+)$/.exec(thefts ?? "")!.slice(1).map(Number);
    // Some came in the middle, some too late.
    expect(counts[0]).toBeGreaterThan(50);
    expect(counts.slice(1, 5).reduce((sum, count) => sum + count)).toBeGreaterThan(20);
    expect(counts[5]).toBe(0);
    expect(left).toBe("0 times something was in the way, 0 bytes are left");
  });

  test("a client of a hundred microseconds at a time has his products, too", () => {
    expect(said.of("tiny").filter((line) => line === "ask p 1: 1 1 0")).toHaveLength(10);
  });

  test("a product that calls, buys and destroys whatever it can, and never answers, is gone with its bank; who waits for it is told", () => {
    const lines = said.of("vandals");
    expect(lines.filter((line) => line.startsWith("yield"))).toEqual(Array.from({ length: 4 }, () => "yield requestor:V v 1 bank:v schedule:v keeper: done"));
    expect(lines.filter((line) => line.startsWith("hung") || line.startsWith("await"))).toEqual(Array.from({ length: 4 }, () => ["hung: it waits", "await: told"]).flat());
    expect(lines.at(-1)).toBe("figures bank:v: gone");
  });
});
