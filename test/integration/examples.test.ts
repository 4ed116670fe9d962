// Every example with an expected output is built and run on the real machine, and its output compared to the byte.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runAppliance } from "../support/appliance-run.ts";

const EXAMPLES = join(import.meta.dirname, "../../examples");
const argsOf = (name: string): string => (existsSync(join(EXAMPLES, name, "args")) ? readFileSync(join(EXAMPLES, name, "args"), "utf8").trim() : "");
/** Those that need no more of the command line than its clock. */
const examples = readdirSync(EXAMPLES).filter((name) => existsSync(join(EXAMPLES, name, "expected.txt")) && ["", "--deterministic"].includes(argsOf(name)));

test("the examples that run by themselves are found", () => expect(examples).toEqual(expect.arrayContaining(["confinement", "hello", "ipc"])));

test.each(examples)("%s prints what is expected and ends with status 0", { timeout: 180_000 }, async (name) => {
  const { output, status } = await runAppliance(join(EXAMPLES, name), { deterministic: argsOf(name) === "--deterministic" });
  expect(output).toBe(readFileSync(join(EXAMPLES, name, "expected.txt"), "utf8"));
  expect(status).toBe(0);
});
