// The files of an example, to be changed and run elsewhere: with a hostile program in the place of one, or another manifest.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./command-line.ts";

export function exampleFiles(name: string): Readonly<Record<string, string>> {
  const folder = join(ROOT, "examples", name);
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(files.map((entry) => [entry.name, readFileSync(join(folder, entry.name), "utf8")]));
}

/** A program that tries all that a component can try: see there. */
export const GRASP = readFileSync(join(ROOT, "test/integration/example-attacks/grasp.c"), "utf8");
