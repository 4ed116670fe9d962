// The powerbox on the real machine: programs that have no file ask for one, and somebody types.
import { readFileSync } from "node:fs";
import { expect, test as always } from "vitest";
import { hasSqlite } from "../support/fs-build.ts";
import { logged, withPowerbox } from "../support/powerbox-run.ts";

const test = always.skipIf(!hasSqlite);
/** The first run of all compiles SQLite. */
const LIMIT = { timeout: 240_000 };

test("the operator chooses a file, and the program has that one, with the rights that were shown", LIMIT, async () => {
  const run = await withPowerbox({ clients: { ann: { does: ["ask rw", "read", "write coffee", "read", "window"], purpose: "to note what we need", name: "shopping" } } }, async (operator) => {
    await operator.sees("1 request waits. An empty line shows it.");
    await operator.types("", "ann asks for a file, to read and change.", "What it says it is for, in its own words:", "  | to note what we need", "It suggests the name \"shopping\", which has no meaning but that.", "   1  \"docs\"  directory", "   3  \"notes\"  3 bytes", "ann, a file to read and change> ");
    await operator.types("3", "ann may read and change \"/notes\".", "powerbox> ", "ann: done");
    expect(operator.said("ann")).toEqual(["ask rw: given r w", "read: 'tea'", "write coffee: done", "read: 'coffee'", "window: notAllowed", "done"]);
  });
  expect(logged(run)).toEqual(["given to ann: to read and change \"/notes\""]);
});

test("he goes into directories and up again, page by page, and chooses by name too", LIMIT, async () => {
  const many = Array.from({ length: 23 }, (_, i) => `many/f${String(i).padStart(2, "0")}=${i}`);
  await withPowerbox({ files: ["notes=tea", "7=seven", "r=are", "docs/plan=secret", "docs/deep/well=water", ...many], clients: { ann: { does: ["ask r", "read", "ask r", "read", "ask r", "read", "ask r", "read"] } } }, async (operator) => {
    await operator.sees("waits");
    await operator.types("", "   2  \"docs\"  directory", "It does not say what for.");
    await operator.types("2", "In \"/docs\":\n", "\"plan\"  6 bytes", "\"deep\"  directory");
    await operator.types("deep", "In \"/docs/deep\":\n", "\"well\"");
    await operator.types("deep", "Not done: there is nothing of that name here; an empty line shows what there is.");
    await operator.types("u", "In \"/docs\":\n");
    await operator.types("u", "In \"/\":\n");
    await operator.types("u", "Not done: there is nothing of that name here");
    await operator.types("many", "  10  \"f09\"  1 bytes\n", "n shows more.");
    await operator.types("n", "   1  \"f10\"  2 bytes\n", "  10  \"f19\"");
    await operator.types("n", "   3  \"f22\"  2 bytes\n");
    expect(operator.shown).not.toContain("n shows more.");
    await operator.types("4", "Not done: there is no such number on the page.");
    await operator.types("2", "ann may read \"/many/f21\".", "waits");
    expect(operator.said("ann").slice(0, 2)).toEqual(["ask r: given r", "read: '21'"]);
    // Names that are numbers or commands.
    await operator.types("", "ann, a file to read> ");
    await operator.types("=7", "ann may read \"/7\".", "waits");
    await operator.types("", "ann, a file to read> ");
    await operator.types("=r", "ann may read \"/r\".", "waits");
    await operator.types("", "ann, a file to read> ");
    await operator.types("n0tes\u007f\u007f\u007f\u007fotes", "ann may read \"/notes\".", "ann: done");
    expect(operator.said("ann")).toEqual(["ask r: given r", "read: '21'", "ask r: given r", "read: 'seven'", "ask r: given r", "read: 'are'", "ask r: given r", "read: 'tea'", "done"]);
  });
});

test("he gives fewer rights than were asked for, or nothing", LIMIT, async () => {
  const run = await withPowerbox({ clients: { ann: { does: ["ask rw", "read", "write x", "append x", "ask ra", "append !", "read", "write x", "ask rwa", "append ?", "ask r", "ask w"] } } }, async (operator) => {
    await operator.sees("waits");
    await operator.types("", "ann, a file to read and change> ");
    await operator.types("a", "Not done: ann does not ask for that.", "ann, a file to read and change> ");
    await operator.types("r", "ann, a file to read> ");
    await operator.types("notes", "ann may read \"/notes\".", "waits");
    await operator.types("", "ann, a file to read and add to> ");
    await operator.types("a", "ann, a file to add to> ");
    await operator.types("notes", "ann may add to \"/notes\".", "waits");
    await operator.types("", "ann, a file to read and change> ");
    await operator.types("r", "ann, a file to read> ");
    await operator.types("f", "ann, a file to read and change> ");
    await operator.types("notes", "waits");
    await operator.types("", "ann, a file to read> ");
    await operator.types("d", "Nothing was given to ann.", "waits");
    await operator.types("", "ann, a file to change> ");
    await operator.types("r", "Not done: ann does not ask for that.");
    await operator.types("d", "ann: done");
    expect(operator.said("ann")).toEqual([
      "ask rw: given r", "read: 'tea'", "write x: notAllowed", "append x: notAllowed", "ask ra: given a", "append !: done", "read: notAllowed", "write x: notAllowed",
      "ask rwa: given r w a", "append ?: done", "ask r: denied", "ask w: denied", "done",
    ]);
  });
  expect(logged(run)).toEqual(["given to ann: to read \"/notes\"", "given to ann: to add to \"/notes\"", "given to ann: to read and change \"/notes\""]);
});

test("a new file, and a directory, where they are asked for", LIMIT, async () => {
  const run = await withPowerbox({ clients: { ann: { does: ["ask rwn", "write fresh", "read", "ask r", "ask rwd", "list", "open well", "write-opened dry", "ask rwdn", "list"], name: "letter" } } }, async (operator) => {
    await operator.sees("waits");
    await operator.types("", "ann asks for a file, to read and change; it may be a new one.", "It suggests the name \"letter\"");
    await operator.types("+notes", "Not done: there is something of that name here; = and the name chooses it.");
    await operator.types("+a/b", "Not done: that is no name");
    await operator.types("+", "Not done: that is no name");
    await operator.types(".", "Not done: ann asks for a file, and this is a directory.");
    await operator.types("+draft", "ann may read and change \"/draft\".", "waits");
    await operator.types("", "ann, a file to read> ");
    await operator.types("+other", "Not done: ann does not ask for a new file.");
    await operator.types("d", "waits");
    await operator.types("", "ann, a directory to read and change all in> ", "\"draft\"  5 bytes");
    await operator.types("draft", "Not done: that is a file, and ann asks for a directory.");
    await operator.types("docs", "In \"/docs\"");
    await operator.types("deep", "In \"/docs/deep\"");
    await operator.types(".", "ann may read and change all in \"/docs/deep\".", "waits");
    await operator.types("", "may be a new one");
    await operator.types("+attic", "ann may read and change all in \"/attic\".", "ann: done");
    expect(operator.said("ann")).toEqual([
      "ask rwn: given r w new", "write fresh: done", "read: 'fresh'", "ask r: denied", "ask rwd: given r w", "list: well .", "open well: done", "write-opened dry: done", "ask rwdn: given r w new", "list: .", "done",
    ]);
  });
  expect(logged(run)).toEqual(["given to ann: to read and change \"/draft\", which is new", "given to ann: to read and change all in \"/docs/deep\"", "given to ann: to read and change all in \"/attic\", which is new"]);
});

test("what was given is listed and taken back: the capability, copies, and what was made of it end, and nobody else's", LIMIT, async () => {
  const run = await withPowerbox({ clients: { ann: { does: ["ask rwd", "open well", "keep"] }, bob: { does: ["ask r", "read", "stay"] } } }, async (operator) => {
    await operator.sees("wait");
    await operator.types("l", "Nothing is given to anybody.");
    await operator.types("t 1", "Not done: nothing has that number. l lists what is given.");
    for (const _ of [1, 2]) {
      await operator.types("", "asks for a ");
      if (operator.shown.includes("bob asks")) await operator.types("notes", "bob may read \"/notes\".");
      else {
        await operator.types("docs", "In \"/docs\"");
        await operator.types("deep", "In \"/docs/deep\"");
        await operator.types(".", "ann may read and change all in \"/docs/deep\".");
      }
    }
    await operator.hears("ann", "keeps it");
    await operator.types("l", "Given, until it is taken back", "ann may read and change all in \"/docs/deep\"\n", "bob may read \"/notes\"\n");
    const number = /(\d) {2}ann may/.exec(operator.shown)?.[1] ?? "none";
    await operator.types(`t ${number}`, "ann may not read and change all in \"/docs/deep\" any more.", "ann: done");
    expect(operator.said("ann")).toEqual(["ask rwd: given r w", "open well: done", "keeps it", "it: badRequest, a copy: badRequest, made of it: badRequest, opened: badRequest", "done"]);
    await operator.types("l", "bob may read \"/notes\"\n");
    expect(operator.shown).not.toContain("ann");
    await operator.types(`t ${number}`, "Not done: nothing has that number.");
  });
  expect(logged(run)).toContain("taken back from ann, who could read and change all in \"/docs/deep\"");
});

test("what a program gives back is off the list; whom x silences is denied at once until he is heard again", LIMIT, async () => {
  await withPowerbox({ clients: { ann: { does: ["ask r", "close", "ask r", "ask r", "ask r"] }, bob: { does: ["stay"] } } }, async (operator) => {
    await operator.sees("waits");
    await operator.types("", "ann, a file to read> ");
    await operator.types("notes", "ann may read \"/notes\".", "waits");
    await operator.types("l", "Nothing is given to anybody.");
    await operator.types("", "ann, a file to read> ");
    await operator.types("x", "ann is not heard any more; h hears everybody again.", "Nothing was given to ann.", "ann: done");
    expect(operator.said("ann")).toEqual(["ask r: given r", "close: done", "ask r: denied", "ask r: denied", "ask r: denied", "done"]);
    await operator.types("h", "Everybody is heard.");
    await operator.types("", "Nobody asks for anything.");
    await operator.types("nonsense", "Not done: that is nothing that can be done here. ? says what can.");
    await operator.types("?", "t NUMBER: takes it back.");
    await operator.types("n".repeat(300), "Not done: the line is too long. A name has up to 255 bytes.");
  });
});

test("a powerbox gives no more than it has", LIMIT, async () => {
  await withPowerbox({ rights: "r", clients: { ann: { does: ["ask rwn", "read", "write x", "ask w"] } } }, async (operator) => {
    await operator.sees("waits");
    await operator.types("", "ann asks for a file, to read; it may be a new one.");
    await operator.types("+new", "Not done: the powerbox itself may not do that here");
    await operator.types("notes", "ann may read \"/notes\".", "waits");
    await operator.types("", "ann asks for what the powerbox itself may not do with its directory.", "ann: done");
    expect(operator.said("ann")).toEqual(["ask rwn: given r", "read: 'tea'", "write x: notAllowed", "ask w: denied", "done"]);
  });
});

test("a powerbox that may only add shows nothing of what is there, and makes what is new", LIMIT, async () => {
  await withPowerbox({ rights: "a", clients: { ann: { does: ["ask ran", "append one", "read", "write x", "ask adn", "list"] } } }, async (operator) => {
    await operator.sees("waits");
    await operator.types("", "ann asks for a file, to add to; it may be a new one.", "Not done: the powerbox itself may not do that here; its directory is the manifest's to choose.", "ann, a file to add to> ");
    expect(operator.shown).not.toContain("notes");
    await operator.types("notes", "Not done: the powerbox itself may not do that here");
    await operator.types("+notes", "Not done: there is something of that name here");
    await operator.types("+diary", "ann may add to \"/diary\".", "waits");
    await operator.types("", "ann, a directory to put new things into> ");
    await operator.types("+inbox", "ann may put new things into \"/inbox\".", "ann: done");
    expect(operator.said("ann")).toEqual(["ask ran: given a new", "append one: done", "read: notAllowed", "write x: notAllowed", "ask adn: given a new", "list: notAllowed", "done"]);
  });
});

test("a client in TypeScript", LIMIT, async () => {
  const program = readFileSync("test/integration/powerbox/client.ts", "utf8");
  await withPowerbox({ programs: { "client.ts": program }, clients: { tess: { image: "{ ts: client.ts }" } } }, async (operator) => {
    await operator.sees("waits");
    // What is not ASCII is shown as its bytes.
    await operator.types("", "  | gr\\xc3\\xbcne Tinte", "It suggests the name \"letter\"");
    await operator.types("+letter", "tess may read and change \"/letter\".", "waits");
    await operator.types("", "tess, a directory to read all in> ");
    await operator.types(".", "tess may read all in \"/\".", "waits");
    await operator.types("", "tess, a directory to read all in> ");
    await operator.types("d", "tess: done");
    expect(operator.said("tess")).toEqual(["given 3, new", "written true, 8 bytes", "given 1", "4 entries", "denied", "badRequest", "badRequest", "error", "done"]);
  });
});
