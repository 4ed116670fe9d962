// The matrix of guests (guests/README.md): what each line names as its proof is there.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findPackage } from "../../servers/operator/package.ts";

const { root } = findPackage();
const COLUMNS = ["guest", "version", "source", "what was tried", "result", "boot", "again"];

const readme = readFileSync(join(root, "guests", "README.md"), "utf8").split("\n");
const cells = (line: string): string[] => line.split("|").slice(1, -1).map((cell) => cell.trim());
const heading = readme.findIndex((line) => cells(line).join() === COLUMNS.join());
const end = readme.findIndex((line, i) => i > heading && !line.startsWith("|"));
const rows = readme.slice(heading + 2, end).map(cells);

test("it has a line for each folder of guests, and no empty cell", () => {
  expect(heading).toBeGreaterThan(0);
  const guests = new Set(rows.map(([guest]) => guest));
  for (const folder of readdirSync(join(root, "guests"), { withFileTypes: true })) if (folder.isDirectory()) expect(guests, "guests/README.md").toContain(folder.name);
  for (const row of rows) expect(row.length === COLUMNS.length && row.every((cell) => cell !== ""), row.join(" | ")).toBe(true);
});

describe("can be had again:", () => {
  test.each(rows.map((row): [string, string] => [`${row[0]}: ${row[3]}`, row.at(-1) ?? ""]))("%s", (_, again) => {
    const tests = [...again.matchAll(/`(test\/[\w/.-]+\.test\.ts)`, "([^"]+)"/g)], examples = [...again.matchAll(/`npx bailiwick run (examples\/[\w-]+)/g)];
    expect(tests.length + examples.length).toBeGreaterThan(0);
    for (const [, file = "", name = ""] of tests) {
      expect(existsSync(join(root, file)), file).toBe(true);
      expect(readFileSync(join(root, file), "utf8"), file).toContain(name);
    }
    for (const [, folder = ""] of examples) expect(existsSync(join(root, folder, "appliance.yaml")), folder).toBe(true);
  });
});
