// The network server's checksum (servers/net/checksum.c), compiled for this machine with sanitizers, against a naive one: two stacks of the same mistake would agree.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runProgram } from "../support/fs-build.ts";

const FLAGS = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
const folder = mkdtempSync(join(tmpdir(), "bailiwick-net-sum-"));
const program = join(folder, "sum");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  const { status, output } = await runProgram("cc", [...FLAGS, "-Iservers/net", "servers/net/checksum.c", "test/integration/net-sum/host.c", "-o", program]);
  expect(output).toBe("");
  expect(status).toBe(0);
}, 180_000);

/** 16-bit words in this processor's order, each carry added again as it comes. */
function naive(bytes: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += bytes[i]! | ((bytes[i + 1] ?? 0) << 8);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

function sums(all: readonly (readonly number[])[]): number[][] {
  const { status, stdout, stderr } = spawnSync(program, { input: all.map((bytes) => `${Buffer.from(bytes).toString("hex")}\n`).join(""), encoding: "latin1", maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(stderr);
  return stdout.trimEnd().split("\n").map((line) => line.split(" ").map(Number));
}

test("the sum is the naive one, wherever the bytes lie", () => {
  const bytes = fc.oneof(fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 80 }), fc.array(fc.constantFrom(0, 254, 255), { maxLength: 200 }), fc.array(fc.constant(255), { minLength: 1400, maxLength: 1520 }));
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 30 }), (all) => {
      expect(sums(all)).toEqual(all.map((each) => Array.from({ length: 16 }, () => naive(each))));
    }),
    { numRuns: 40 },
  );
});
