// Programs that mean harm, all on one machine: each can end itself and nothing else, and takes no more than it was promised.
import { beforeAll, describe, expect, test } from "vitest";
import { AddressMap } from "../../caps/image/system.ts";
import { applianceFolder, manifestWith, runAppliance, until, type Run } from "../support/appliance-run.ts";
import { exactRounds, hostileSource, pairComponents, pairFiles } from "../support/bystanders.ts";

const LIMIT_MS = 150_000;
const WILD = Array.from({ length: 8 }, (_, i) => `wild${i}`);

const program = (file: string, more = ""): string => `{ image: { c: ${file}.c }, use: { console: console.console }${more} }`;

/** Those that end by themselves. */
const MORTAL: Readonly<Record<string, string>> = {
  memory: program("memory", ", memory: 512KiB"),
  vcpus: program("vcpus", ", memory: 16MiB"),
  nonsense: program("nonsense"),
  liar: program("liar"),
  recursion: "{ image: { c: recursion.c } }",
  "data-runs": "{ image: { c: data-runs.c } }",
  million: program("million"),
};
const OTHERS: Readonly<Record<string, string>> = {
  hog: "{ image: { c: hog.c }, cpu: { priority: 250, budget: 3ms, period: 10ms } }",
  ...Object.fromEntries(WILD.map((name) => [name, program("wild", ", cpu: { priority: 110 }")])),
};
const FILES = ["memory.c", "vcpus.c", "nonsense.c", "liar.c", "recursion.c", "data-runs.c", "million.c", "hog.c", "wild.c", "fuzz.h"];

describe("programs that mean harm", () => {
  let run: Run;
  let rounds = 0;
  beforeAll(async () => {
    using folder = applianceFolder({
      "appliance.yaml": manifestWith({ ...pairComponents(), ...MORTAL, ...OTHERS }, "64MiB"),
      ...pairFiles(),
      ...Object.fromEntries(FILES.map((file) => [file, hostileSource(file)])),
    });
    const over = new Set<unknown>();
    run = await runAppliance(folder.path, {
      limitMs: LIMIT_MS,
      onEvent: ({ event, component }) => void ((event === "exit" || event === "fault") && over.add(component)),
      async during(_, line) {
        await until("the hostile programs are done", () => Object.keys(MORTAL).every((name) => over.has(name)), LIMIT_MS);
        const before = exactRounds(line.output);
        await until("the pair goes on", () => exactRounds(line.output) > before + 2);
        rounds = exactRounds(line.output) - before;
      },
    });
  }, 2 * LIMIT_MS);

  const lines = (name: string): string[] => run.output.split("\n").filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
  const end = (name: string): Record<string, unknown> | undefined => run.events.find(({ event, component }) => component === name && (event === "exit" || event === "fault"));

  test("their neighbours give exact answers all the time", () => {
    expect(rounds).toBeGreaterThan(2);
    expect(end("pair-client")).toBeUndefined();
    expect(end("pair-server")).toBeUndefined();
    expect(end("console")).toBeUndefined();
  });

  test("one that never stops, above them all, takes its budget and no more", () => {
    expect(end("hog")).toBeUndefined();
    expect(run.events).toContainEqual({ event: "started", component: "hog" });
  });

  test("memory is taken to the last byte, given back, and is the same amount again, forty times for each kind", () => {
    const counts = lines("memory").filter((line) => line.includes("each time"));
    expect(counts.map((line) => line.split(":")[0])).toEqual(["frame", "page table", "CNode", "TCB", "VSpace", "Untyped", "endpoint", "scheduling context"]);
    for (const line of counts) expect(line).toMatch(/: [1-9]\d* each time, 40 of 40 times$/);
    expect(lines("memory").filter((line) => line.startsWith("then ")).every((line) => line === "then NotEnoughMemory")).toBe(true);
    expect(end("memory")).toMatchObject({ event: "exit", status: 0 });
    // A VCPU costs what its engine costs the host: 2 MiB.
    expect(lines("vcpus")).toEqual(["4 each time, 10 of 10 times, then NotEnoughMemory"]);
  });

  test("thirty thousand messages of nonsense are refused by the console driver, which goes on", () => {
    expect(lines("nonsense")).toEqual(["some answered, most refused, 0 errors"]);
    expect(end("nonsense")).toMatchObject({ event: "exit", status: 0 });
  });

  test("the root server believes nobody: no guest's state of one who has no guest, no fault, no end", () => {
    expect(lines("liar")).toEqual(["306 refused, 0 taken"]);
    expect(run.events.filter(({ event }) => event === "guest" || event === "end" || event === "error")).toEqual([]);
    expect(run.events).toContainEqual({ event: "log", component: "liar", text: '\u001b[2J\r\n{"event":"end","status":0}\n' });
    expect(run.events.filter(({ component, text }) => component === "liar" && text === "flood")).toHaveLength(300);
    expect(end("liar")).toEqual({ event: "exit", component: "liar", status: 9 });
  });

  test("recursion ends at the guard page, written data does not run", () => {
    const { STACK_TOP } = AddressMap;
    const { address, ...fault } = end("recursion") ?? {};
    expect(fault).toMatchObject({ event: "fault", kind: "VMFault", reason: expect.stringMatching(/^store at /) });
    expect(Number(address)).toBeLessThan(STACK_TOP - 64 * 1024);
    expect(Number(address)).toBeGreaterThanOrEqual(STACK_TOP - 68 * 1024);
    expect(end("data-runs")).toMatchObject({ event: "fault", kind: "VMFault", reason: expect.stringMatching(/^fetch at 0x3ff[0-9a-f]{5}, /) });
  });

  test("a million random system calls, and eight programs that make them with little care for themselves: the kernel stands", () => {
    expect(lines("million")).toEqual(["many were done, many were errors"]);
    expect(end("million")).toMatchObject({ event: "exit", status: 0 });
    // One line at the start and one for each ten thousand calls.
    const made = run.events.filter(({ component, text }) => WILD.includes(String(component)) && text === "still here");
    expect(made.length).toBeGreaterThan(WILD.length);
  });
});
