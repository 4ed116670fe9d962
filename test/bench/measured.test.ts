// What the figures repeat does what it says, and a round whose answers are wrong is no measurement.
import { describe, expect, test } from "vitest";
import { Testbed, type Program } from "../support/testbed.ts";
import { crossing, refill } from "./crossing.ts";
import { Crowd } from "./crowd.ts";
import { interrupts } from "./interrupts.ts";
import { kernelAlonePair, machinePair, pairTexts, PRIORITY, realPair, samePair, slowPair } from "./pairs.ts";
import { signalPair } from "./signals.ts";
import { processStart } from "./start.ts";
import { capsPair, keptCapsPair, longPair } from "./transfers.ts";

const REPEATED = {
  "ipc.machine": machinePair, "ipc.same": samePair, "ipc.kernel": kernelAlonePair, "ipc.long": longPair, "ipc.caps": capsPair, "ipc.caps.kept": keptCapsPair,
  "ipc.signal": signalPair, "ipc.irq": () => interrupts("all"), "ipc.irq.first": () => interrupts("first"), "ipc.slow": slowPair,
  "ipc.switch": () => crossing(2), "ipc.rebind": () => crossing(40), "scale.start": processStart,
};

describe("what is repeated", () => {
  test.each(Object.entries(REPEATED))("%s can be, more than once", (_, open) => {
    const repeated = open();
    try {
      for (const times of [1, 300]) expect(repeated.round(times)).toBeGreaterThanOrEqual(0);
    } finally {
      repeated.close();
    }
  });

  test("capabilities that are kept are taken away when their slots are full", () => {
    const pair = keptCapsPair();
    expect(pair.round(22_000)).toBeGreaterThan(0);
    pair.close();
  });

  test("a page's refill is a difference, and can be noise in so short a round", () => {
    const pages = refill();
    expect(pages.round(64)).not.toBeNaN();
    pages.close();
  });
});

describe("a crowd", () => {
  test.each([{ paired: true }, { paired: false }])("does what it is told, and grows, $paired", ({ paired }) => {
    const crowd = new Crowd({ most: 60, paired, shared: paired });
    for (const size of [4, 60]) {
      crowd.grow(size);
      expect(crowd.processes).toBe(size);
      for (const work of paired ? (["switch", "pairs", "alone"] as const) : (["switch", "server"] as const)) expect(crowd.work(work, crowd.clients, 3)).toBeGreaterThan(0);
    }
    crowd.close();
  });
});

describe("a round is refused", () => {
  const server = (testbed: Testbed, text: Uint8Array): Program => testbed.program("server", text, PRIORITY);
  test.each([
    ["answers do not count", {}, pairTexts({ work: "nop" })],
    ["answers are too short", { words: 4 }, pairTexts({ words: 3 })],
    ["capabilities have not arrived", { gain: 3 }, pairTexts({ caps: 3, work: "srli t0, a1, 7\n andi t0, t0, 31\n add a2, a2, t0" })],
    ["what is checked beside is wrong", { check: () => "something is wrong" }, pairTexts()],
  ] as const)("when %s", (_, options, text) => {
    const pair = realPair(server, () => options, text);
    expect(() => pair.round(10)).toThrow(/the client stopped|something is wrong/);
    pair.close();
  });
});
