// examples/serial-chat, typed at as by a person: what is typed in one view appears in the other, and neither side has more than its view and the line.
import { expect, test } from "vitest";
import { type Line, runAppliance, until } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const KEY = "\u001d", RESET = "\u001bc";
const screen = (output: string): string => output.slice(output.lastIndexOf(RESET) + 1);
const shows = (line: Line, text: string): Promise<void> => until(`the screen shows ${JSON.stringify(text)}`, () => screen(line.output).includes(text));

const chat = (during: (line: Line, ended: () => Promise<void>) => Promise<void>) => runAppliance("examples/serial-chat", { limitMs: 40_000, during: (_system, line, ended) => during(line, ended) });
async function begin(line: Line): Promise<void> {
  await shows(line, "You are ann; what you type goes to bob.");
  await shows(line, "> ");
}

test("what is typed in one view appears in the other, and in no third place", LIMIT, async () => {
  const { status } = await chat(async (line, ended) => {
    await begin(line);
    line.type("hello bob\r");
    await shows(line, "> hello bob\n> ");
    line.type(`${KEY}2`);
    await shows(line, "ann: hello bob\n> ");
    expect(screen(line.output)).toContain("You are bob; what you type goes to ann.");
    // In bob's own view, and not to ann before the line is ended; a mistake is taken back.
    line.type("hi anm\u007fn, gr\u00c3\u00bc\u00c3\u00bc\u007fn");
    await shows(line, "> hi anm\b \bn, gr\u00c3\u00bc\u00c3\u00bc\b \bn");
    line.type(`${KEY}1`);
    await shows(line, "[1 ann]");
    expect(screen(line.output)).not.toContain("hi an");
    line.type(`half a line${KEY}2\r${KEY}1`);
    await shows(line, "bob: hi ann, gr\u00c3\u00bcn");
    await shows(line, "> half a line");
    line.type("\u0004\u007f\u007f/nothing\r");
    await shows(line, "/nothing\n> ");
    line.type("/quit\r");
    await ended();
  });
  expect(status).toBe(0);
});

test("neither has anything but a view, a line and itself", LIMIT, async () => {
  await chat(async (line) => {
    const held = async (name: string): Promise<string[]> => {
      line.type("/holds\r");
      await until("all is said", () => /\/holds\n(\d+: .*\n)+> $/.test(screen(line.output)));
      const said = screen(line.output).split("/holds\n").at(-1)!.split("\n").slice(0, -1);
      expect(said.length, name).toBeGreaterThan(10);
      return said;
    };
    // What its own memory is made into, and what the line takes, is not of interest here; anything of another kind is.
    const given = (said: readonly string[]): string[] => said.filter((line) => /^(1[6-9]|[2-9][0-9]|1[01][0-9]|12[0-7]): /.test(line));
    const own = /: (its own .*|memory to spend|reply|memory page|page table|the question what a capability is|the root server, to say that it ends|notification)$/;
    await begin(line);
    const ann = await held("ann");
    expect(given(ann)).toEqual(["16: the console, its own view: endpoint", "17: the other's line: endpoint"]);
    line.type(`${KEY}2`);
    await shows(line, "You are bob");
    const bob = await held("bob");
    expect(given(bob)).toEqual(["16: the console, its own view: endpoint"]);
    for (const said of [ann, bob]) expect(said.filter((line) => !given(said).includes(line) && !own.test(line))).toEqual([]);
  });
});

test("the end of either is the end of the chat", LIMIT, async () => {
  const { status } = await chat(async (line, ended) => {
    await begin(line);
    line.type(`${KEY}2`);
    await shows(line, "You are bob");
    line.type("\u0004");
    await ended();
  });
  expect(status).toBe(0);
});
