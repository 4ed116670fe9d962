// core/kernel/INVARIANTS.md as data, and what the sources say: a number is defined at the head of the file that keeps it, as `// NUM-1  Sentence.`
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = new URL("../..", import.meta.url).pathname;
const FOLDERS = ["caps/model", "core/kernel", "core/kernel/objects"];
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const NUMBER = /[A-Z]+-[0-9]+/;

export interface Row {
  readonly number: string;
  readonly sentence: string;
  readonly keptBy: string;
  /** What the file that keeps it says of it. */
  readonly saidIn: string;
  readonly checkedIn: readonly { readonly file: string; readonly names: boolean }[];
}

/** The numbers that some kassert of the kernel or the model gives. */
export function checkedNumbers(): Set<string> {
  const files = FOLDERS.flatMap((folder) => readdirSync(join(ROOT, folder)).filter((name) => name.endsWith(".ts")).map((name) => join(folder, name)));
  const found = files.flatMap((file) => [...read(file).matchAll(/kassert\([^;]*?"([A-Z]+-[0-9]+)"/gs)].map((match) => match[1]!));
  return new Set(found);
}

/** What a file's head says of an invariant: from its number to the next one, or to where the indented text ends. */
export function definition(file: string, number: string): string {
  const lines = read(file).split("\n");
  const at = lines.findIndex((line) => new RegExp(`^// +${number}  `).test(line));
  if (at < 0) return "";
  const text = [lines[at]!.replace(new RegExp(`^// +${number} +`), "")];
  for (let i = at + 1; /^\/\/ {6,}\S/.test(lines[i] ?? ""); i++) text.push(lines[i]!.replace(/^\/\/ +/, ""));
  return text.join(" ");
}

/** The rows of the table: | number | sentence | kept by | checked in, files separated by commas |. */
export function readTable(): Row[] {
  const rows: Row[] = [];
  for (const line of read("core/kernel/INVARIANTS.md").split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    if (cells.length !== 6 || !NUMBER.test(cells[1]!)) continue;
    const [, number, sentence, keptBy, checkedIn] = cells as [string, string, string, string, string];
    const file = keptBy.replaceAll("`", "");
    rows.push({
      number, sentence, keptBy: file, saidIn: definition(file, number),
      checkedIn: checkedIn.split(",").map((name) => name.trim().replaceAll("`", "")).map((name) => ({ file: name, names: read(name).includes(number) })),
    });
  }
  return rows;
}
