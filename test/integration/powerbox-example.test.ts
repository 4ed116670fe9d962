// examples/powerbox, typed at as by a person: the editor has no file until he says so, has that one, and has it no more when he takes it back.
import { expect, test as always } from "vitest";
import { hasSqlite } from "../support/fs-build.ts";
import { type Line, runAppliance, until } from "../support/appliance-run.ts";

const test = always.skipIf(!hasSqlite);
/** The first run of all compiles SQLite. */
const LIMIT = { timeout: 240_000 };
const RESET = "\u001bc", EDITOR = "\u001d1", POWERBOX = "\u001d2";
const screen = (output: string): string => output.slice(output.lastIndexOf(RESET) + 1);
const shows = (line: Line, text: string): Promise<void> => until(`the screen shows ${JSON.stringify(text)} and not ${JSON.stringify(screen(line.output).slice(-400))}`, () => screen(line.output).includes(text), 30_000);
const ends = (line: Line, text: string): Promise<void> => until(`the screen ends with ${JSON.stringify(text)} and not ${JSON.stringify(screen(line.output).slice(-400))}`, () => screen(line.output).endsWith(text), 30_000);

test("an editor that has no file works on the one that it is given, until it is taken back", LIMIT, async () => {
  let filled = false;
  const { status, events } = await runAppliance("examples/powerbox", {
    limitMs: 120_000,
    onEvent: ({ event, component }) => void (filled ||= event === "exit" && component === "library"),
    async during(_system, line, ended) {
      await until("the files are there", () => filled, 60_000);
      await ends(line, "\n> ");
      line.type("p\r");
      await ends(line, "(there is no file: o or n asks for one)\n> ");
      line.type("o\r");
      await shows(line, "(asks; Ctrl-] then 2 is where you answer)\n");
      line.type(POWERBOX);
      await shows(line, "1 request waits. An empty line shows it.");
      line.type("\r");
      await shows(line, "editor asks for a file, to read and change.");
      await shows(line, "  | the text that you want to work on\n");
      await ends(line, "editor, a file to read and change> ");
      expect(screen(line.output)).toContain("   1  \"keys\"  26 bytes\n   2  \"letters\"  directory\n   3  \"notes\"  9 bytes\n");
      line.type("3\r");
      await shows(line, "editor may read and change \"/notes\".");
      line.type(`${EDITOR}p\r`);
      await ends(line, "file> p\nBuy tea.\n(9 bytes)\nfile> ");
      line.type("+And milk.\rp\r");
      await ends(line, "(added, and on the disk)\nfile> p\nBuy tea.\nAnd milk.\n(19 bytes)\nfile> ");
      // Taken back.
      line.type(POWERBOX);
      await shows(line, "editor may read and change");
      line.type("l\rt 1\r");
      await shows(line, "editor may not read and change \"/notes\" any more.");
      line.type(`${EDITOR}+more\r`);
      await ends(line, "(not added: it was taken back)\n> ");
      // A new one, and one to read only.
      line.type(`n\r${POWERBOX}`);
      await shows(line, "1 request waits.");
      line.type("\r+diary\r");
      await shows(line, "editor may read and change \"/diary\".");
      line.type(`${EDITOR}+Monday\rc\ro\r${POWERBOX}`);
      await ends(line, "1 request waits. An empty line shows it.\npowerbox> ");
      line.type("\rr\rletters\raunt\r");
      await shows(line, "editor may read \"/letters/aunt\".");
      line.type(`${EDITOR}e\rp\r`);
      await ends(line, "(not emptied: it was given for something else)\nfile> p\nDear aunt,\n(11 bytes)\nfile> ");
      line.type("q\r");
      await ended();
    },
  });
  expect(status).toBe(0);
  expect(events.filter(({ event, component }) => event === "log" && component === "powerbox").map(({ text }) => text)).toEqual([
    "given to editor: to read and change \"/notes\"", "taken back from editor, who could read and change \"/notes\"", "given to editor: to read and change \"/diary\", which is new", "given to editor: to read \"/letters/aunt\"",
  ]);
});
