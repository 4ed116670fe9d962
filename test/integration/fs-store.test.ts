// The file server's store on this machine: against a naive model, ended at every write, with every call of the disk and every allocation failing, on a full
// volume and on volumes that somebody has changed. The programs are C (servers/fs/test); a seed is a run.
import { beforeAll, describe, expect, test } from "vitest";
import { buildStoreTest, hasSqlite, runProgram } from "../support/fs-build.ts";

// The first run compiles SQLite.
const BUILDING_MS = 240_000;

describe.skipIf(!hasSqlite)("the store", () => {
  let program = "";
  beforeAll(async () => {
    program = await buildStoreTest();
  }, BUILDING_MS);

  test.each([
    ["random operations against the model, closed and opened in between", "model", [1, 2], 20_000, /20000 steps/],
    ["the machine ends at every write, and during recoveries", "kills", [1, 2], 250, /disks opened, [1-9]\d* of them to be recovered/],
    ["every call of the disk fails, once, some times, for long", "disk", [1, 2], 80, /runs, [1-9]\d* losses/],
    ["every allocation fails, once, some times, for long", "heap", [1, 2], 25, /runs, [1-9]\d* losses/],
    ["a volume that is filled again and again", "full", [1], 10, /bytes in/],
    ["what badges name, made, lent and closed at random", "lending", [1, 2, 3], 3000, /[1-9]\d{2,} badges given/],
    ["volumes that somebody has changed", "hostile", [1, 2], 4000, /[1-9]\d* times CORRUPT/],
  ] as const)("%s", async (_, mode, seeds, count, said) => {
    for (const seed of seeds) {
      const { status, output } = await runProgram(program, [mode, String(seed), String(count)]);
      expect({ seed, status, output }).toEqual({ seed, status: 0, output: expect.stringMatching(said) });
    }
  });
});
