// DET: the same inputs give the same sequence of states. Busy appliances run twice by counted blocks; every few turns of the host all of the kernel's state, the
// registers and the RAM must be the same, byte for byte.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { fingerprint } from "../../core/kernel/save.ts";
import { applianceFolder, Line, manifestWith, runAppliance } from "../support/appliance-run.ts";

interface History {
  readonly states: readonly string[];
  readonly output: string;
}

/** Runs for so many turns, or to the end; a digest of everything after each `every` of them. `type`: what comes in over the serial line, and when. */
async function history(folder: string, { turns, every, type = [] }: { turns: number; every: number; type?: readonly (readonly [turn: number, text: string])[] }): Promise<History> {
  const states: string[] = [], line = new Line();
  let turn = 0;
  const run = await runAppliance(folder, {
    line, deterministic: true, limitMs: 120_000,
    onTurn(system) {
      turn++;
      for (const [when, text] of type) if (when === turn) line.type(text);
      if (turn % every === 0) states.push(createHash("sha256").update(fingerprint(system.kernel)).digest("hex"));
      if (turn === turns) system.stop("enough");
    },
  });
  return { states, output: run.output };
}

async function expectTheSame(folder: string, options: Parameters<typeof history>[1], least: number): Promise<readonly string[]> {
  const first = await history(folder, options), second = await history(folder, options);
  const differs = first.states.findIndex((state, i) => state !== second.states[i]);
  expect(differs, `the states differ first at look ${differs}`).toBe(-1);
  expect(second).toEqual(first);
  expect(first.states.length).toBeGreaterThanOrEqual(least);
  // They are different states, not one again and again.
  expect(new Set(first.states).size).toBe(first.states.length);
  return first.states;
}

describe("DET", { timeout: 240_000 }, () => {
  test.each([["channel", 1], ["pager", 1], ["ipc", 1], ["scheduler", 8]] as const)("001 examples/%s, every %i turns", async (name, every) => {
    await expectTheSame(`examples/${name}`, { turns: 400, every }, 1);
  });

  test("002 a guest machine that boots, computes and prints", async () => {
    await expectTheSame("examples/linux", { turns: 240, every: 40 }, 6);
  });

  test("003 what is typed is an input: the same at the same turn is the same run, at another it is another", async () => {
    using folder = applianceFolder({
      "appliance.yaml": manifestWith({ typist: "{ image: { c: typist.c }, use: { console: console.console }, essential: true }" }),
      "typist.c": `#include <bailiwick.h>
BW_USE(console);
int main(void) {
    bw_console_open(bw_use_console.cap);
    volatile unsigned long sum = 0;
    for (unsigned long n = 0; n < 4000000; n++) sum += n;
    bw_printf("%lu\\n", sum);
    return 0;
}`,
    });
    const typed = [[2, "hello\n"]] as const, later = [[3, "hello\n"]] as const;
    const states = await expectTheSame(folder.path, { turns: 200, every: 1, type: typed }, 3);
    expect((await history(folder.path, { turns: 200, every: 1, type: later })).states).not.toEqual(states);
  });
});
