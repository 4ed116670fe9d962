// examples/desktop by the command line, as its README says: what is on the screen in the end, pixel by pixel.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { bailiwick } from "../support/command-line.ts";
import { decodePng } from "../support/png.ts";
import { withFont } from "./display/desk.ts";

const EXAMPLE = "examples/desktop";
const folder = mkdtempSync(join(tmpdir(), "bailiwick-desktop-"));
afterAll(() => rmSync(folder, { recursive: true }));

withFont("the picture is the expected one, and the stranger has heard what was typed to it", { timeout: 180_000 }, async () => {
  const file = join(folder, "screen.png");
  const { status, out, err } = await bailiwick(["run", "-q", EXAMPLE, "--picture", file, "--input-script", `${EXAMPLE}/input.txt`]);
  expect([status, err]).toEqual([0, ""]);
  expect(out.split(/\r?\n/).toSorted()).toEqual(["", "notepad: ready", "stranger: floods", "stranger: has the keyboard", ..."hello".split("").map((_, i) => `stranger: heard ${"hello".slice(0, i + 1)}`)]);
  const [picture, expected] = [decodePng(readFileSync(file)), decodePng(readFileSync(`${EXAMPLE}/expected.png`))];
  expect([picture.width, picture.height]).toEqual([expected.width, expected.height]);
  const wrong: string[] = [];
  for (let y = 0; y < expected.height; y++) {
    for (let x = 0; x < expected.width; x++) {
      if (picture.at(x, y) !== expected.at(x, y)) wrong.push(`${x}, ${y}: ${picture.at(x, y).toString(16)}, not ${expected.at(x, y).toString(16)}`);
    }
  }
  expect(wrong.slice(0, 5)).toEqual([]);
});

withFont("the notepad is one: letters are put in and taken out where the cursor is", { timeout: 180_000 }, async () => {
  const shown = async (name: string, script: string): Promise<Buffer> => {
    const [file, keys] = [join(folder, `${name}.png`), join(folder, `${name}.txt`)];
    writeFileSync(keys, `after "stranger: floods"\nwait 300ms\n${script}\nwait 300ms\nkey escape\n`);
    const { status } = await bailiwick(["run", "-q", EXAMPLE, "--picture", file, "--input-script", keys]);
    expect(status).toBe(0);
    return readFileSync(file);
  };
  // The click is on a letter of the second row.
  const plain = await shown("plain", 'type "One line,\\nand another."\nkey left\nmove 790 590');
  const edited = await shown("edited", `type "One lines,\\nnd aother!"\nkey backspace\ntype "."\nkey home\ntype "a"\nkey up\nkey end\nkey left\nkey backspace
key down\nkey left\nkey left\nkey left
move 440 174\nwait 200ms\nclick left\nwait 200ms\ntype "n"\nkey end\nkey left\nmove 790 590`);
  expect(edited.equals(plain)).toBe(true);
});
