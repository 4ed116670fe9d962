// The powerbox and programs that mean harm: what they say draws nothing, what they ask keeps nobody from being heard, and what they were given is no more than that.
import { readFileSync } from "node:fs";
import { expect, test as always } from "vitest";
import { hasSqlite } from "../support/fs-build.ts";
import { until } from "../support/appliance-run.ts";
import { logged, withPowerbox } from "../support/powerbox-run.ts";

const test = always.skipIf(!hasSqlite);
/** The first run of all compiles SQLite. */
const LIMIT = { timeout: 240_000 };
const programs = { "eve.c": readFileSync("test/security/powerbox/eve.c", "utf8"), "mortal.c": readFileSync("test/security/powerbox/mortal.c", "utf8"), "slow.c": readFileSync("test/security/powerbox/slow.c", "utf8") };
const eve = (mode: string) => ({ image: "{ c: eve.c }", use: ", time: platform.cpu.time", mode });
const KEY = "\u001d";
/** Clients in the order of the manifest, behind the filler: the numbers of their views. */
const POWERBOX = `${KEY}2`, FIRST = `${KEY}3`, SECOND = `${KEY}4`;

test("what a program says and what files are called draws nothing, and forges neither a line nor a file", LIMIT, async () => {
  const purpose = `tea"\n\u001b[2J\u001b[Hpowerbox> \rbob asks for a file\u0007\u009b1mx\\${"y".repeat(100)}`, name = "\u001b]0;title\u0007\"\nnotes";
  const files = ["notes=tea", "a\u001b[1A\u001b[2K\n  9  \"notes\"  3 bytes=x", "b\"  3 bytes\\=x", `c${" ".repeat(70)}x=x`, "d\u202egpj.exe=x"];
  const run = await withPowerbox({ args: "{ focus: powerbox }", files, clients: { ann: { does: ["ask r", "read"], purpose, name } } }, async (operator) => {
    await operator.sees("waits");
    await operator.types("", "ann, a file to read> ");
    // All of it is what can be seen, and line ends: the console passes on whatever it gets here.
    expect([...operator.shown].filter((letter) => letter !== "\n" && (letter < " " || letter > "~"))).toEqual([]);
    const lines = operator.shown.split("\n");
    const words = lines.filter((line) => line.startsWith("  | "));
    expect(words.map((line) => line.slice(4)).join("")).toBe(`tea\\"\\x0a\\x1b[2J\\x1b[Hpowerbox> \\x0dbob asks for a file\\x07\\xc2\\x9b1mx\\\\${"y".repeat(100)}`);
    expect(lines).toContain("It suggests the name \"\\x1b]0;title\\x07\\\"\\x0anotes\", which has no meaning but that.");
    expect(lines.filter((line) => line.includes("bytes"))).toEqual([
      expect.stringMatching(/^ {3}1 {2}"a\\x1b\[1A\\x1b\[2K\\x0a {2}9 {2}\\"notes\\" {2}3.*"\.\.\. {2}1 bytes$|^ {3}1 {2}"a\\x1b\[1A\\x1b\[2K\\x0a {2}9 {2}\\"notes\\" {2}3 bytes" {2}1 bytes$/),
      "   2  \"b\\\"  3 bytes\\\\\"  1 bytes", expect.stringMatching(/^ {3}3 {2}"c {38,42}"\.\.\. {2}1 bytes$/), "   4  \"d\\xe2\\x80\\xaegpj.exe\"  1 bytes", "   5  \"notes\"  3 bytes",
    ]);
    expect(lines.every((line) => line.length <= 140)).toBe(true);
    expect(words.every((line) => line.length <= 72)).toBe(true);
    await operator.types("1", "ann may read", "done");
  });
  expect(logged(run)).toEqual(["given to ann: to read \"/a\\x1b[1A\\x1b[2K\\x0a  9  \\\"notes\\\"  3 bytes\""]);
});

test("messages of noise are refused, and a request of every byte there is is shown as what can be seen", LIMIT, async () => {
  await withPowerbox({ args: "{ focus: powerbox }", programs, clients: { eve: eve("noise"), ann: { does: ["ask r", "read"] } } }, async (operator) => {
    await operator.sees("eve: refused 20000, other 0");
    await operator.types("", "ann, a file to read> ");
    await operator.types("notes", "ann may read \"/notes\".", "ann: read: 'tea'", "waits");
    await operator.types("", "eve, a file to read> ");
    expect([...operator.shown].filter((letter) => letter !== "\n" && (letter < " " || letter > "~"))).toEqual([]);
    // 400 bytes, from 64 on, in lines of their own.
    expect(operator.shown.split("\n").filter((line) => line.startsWith("  | ")).join("")).toContain("@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\\\]^_`abc");
    await operator.types("d", "eve: all bytes: 2");
  });
});

test("a flood from one client is one request: another's is heard, and the dialog on the screen is not disturbed", LIMIT, async () => {
  const run = await withPowerbox({ programs, clients: { ann: { does: ["ask r", "read", "ask r", "read"] }, eve: eve("floods") } }, async (operator) => {
    await operator.hears("eve", "busy 5000, other 0");
    await operator.hears("eve", "asked anew 2000 times");
    // Said once, however often she asked; one of each waits.
    expect(operator.seen.split("An empty line shows").length - 1).toBe(1);
    await operator.types("", " a file to read");
    const first = operator.shown.includes("ann, a file to read> ") ? "ann" : "eve";
    expect(first).toBe("ann");
    await operator.types("notes", "ann may read \"/notes\".", "1 request waits.");
    await operator.hears("ann", "read: 'tea'");
    await operator.types("", "eve, a file to read and change> ");
    await operator.types("d", "Nothing was given to eve.", "wait");
    await operator.types("", "ann, a file to read> ");
    await operator.types("list", "ann may read \"/list\".", "ann: done");
    expect(operator.said("ann")).toEqual(["ask r: given r", "read: 'tea'", "ask r: given r", "read: 'milk'", "done"]);
  });
  expect(logged(run)).toEqual(["given to ann: to read \"/notes\"", "given to ann: to read \"/list\""]);
});

test("requests that nobody waits behind are none", LIMIT, async () => {
  await withPowerbox({ programs, clients: { eve: eve("sends"), ann: { does: ["stay"] } } }, async (operator) => {
    await operator.hears("eve", "sent");
    await operator.types("", "Nobody asks for anything.");
    expect(operator.seen).not.toContain("wait");
    expect(operator.seen.split("powerbox> ").length).toBeLessThan(4);
  });
});

test("a client that ends while its request is on the screen: it is said, nothing is given, and the answer meant for it is nobody else's", LIMIT, async () => {
  let dead = false;
  const run = await withPowerbox({ programs, clients: { eve: eve("ends"), ann: { does: ["ask r", "read"] } } }, async (operator) => {
    await operator.sees("waits");
    await operator.hears("eve", "asks: none");
    await operator.types("", " a file to read");
    // Whoever was first: ann's request is denied, and eve's is on the screen.
    if (operator.shown.includes("ann, a file")) {
      await operator.types("d", "wait");
      await operator.types("", "eve, a file to read and change> ");
    }
    operator.line.type(`${FIRST}die\n`);
    await until("eve is dead", () => dead, 30_000);
    operator.line.type(POWERBOX);
    await operator.types("notes", "eve has ended, or does not wait any more. Nothing was given.");
    await operator.types("l", "Nothing is given to anybody.");
    expect(operator.said("ann").filter((line) => line.includes("given"))).toEqual([]);
  }, { onEvent: ({ event, component }) => void (dead ||= event === "fault" && component === "eve") });
  expect(logged(run)).toEqual([]);
});

test("a client that waits no more when the file has been opened for it: what was made for it ends too", LIMIT, async () => {
  const more = { slow: "{ image: { c: slow.c }, cpu: { priority: 145 }, use: { console: console.console }, offer: { box: File } }" };
  const run = await withPowerbox({ programs, from: "slow.box", more, clients: { eve: eve("withdraws") } }, async (operator) => {
    await operator.sees("waits");
    await operator.types("", "eve, a file to read and change> ");
    await operator.types("notes", "slow: opens");
    operator.line.type(`${FIRST}now\n`);
    await operator.hears("eve", "withdraws: none");
    operator.line.type(`${SECOND}go\n${POWERBOX}`);
    await operator.sees("eve has ended, or does not wait any more. Nothing was given.");
    await operator.types("l", "Nothing is given to anybody.");
    expect(operator.said("slow")).toEqual(["opens", "lends", "closes 2", "closes 1"]);
  });
  expect(logged(run)).toEqual([]);
});

const CROWD = `import { askPowerbox, client, Console, FileKind, FileRight, type Env, type Op } from "bailiwick/sdk";
export default function* main(env: Env): Op<void> {
  const asked = yield* askPowerbox(env, env.use["powerbox"]!.cap, { rights: FileRight.Read, kind: FileKind.File }, 128);
  yield* client(Console, env.sys, env.mem, env.use["console"]!.cap).write(new TextEncoder().encode(env.name + ": " + (asked.ok ? "given" : asked.refusal) + "\\n"));
}
`;

test("more clients than there is room for: those beyond it are told so, the others are heard one after the other", LIMIT, async () => {
  const names = Array.from({ length: 36 }, (_, i) => `c${i + 1}`);
  await withPowerbox({ args: "{ focus: powerbox }", programs: { "crowd.ts": CROWD }, clients: Object.fromEntries(names.map((name) => [name, { image: "{ ts: crowd.ts }" }])) }, async (operator) => {
    await until("three are refused", () => operator.seen.split(": full\n").length === 4, 60_000);
    await operator.types("", " asks for a file");
    await operator.types("d", "32 requests wait.");
    for (let left = 31; left > 0; left--) {
      await operator.types("", " asks for a file");
      await operator.types("d", left === 1 ? "1 request waits." : `${left} requests wait.`);
    }
    await operator.types("", " asks for a file");
    await operator.types("d", "Nothing was given to ");
    await operator.types("", "Nobody asks for anything.");
    expect(new Set([...operator.seen.matchAll(/(c\d+): denied$/gm)].map(([, name]) => name)).size).toBe(33);
  });
});

test("a client neither reads what is typed at the dialog nor types into it", LIMIT, async () => {
  const run = await withPowerbox({ programs, clients: { ann: { does: ["ask r", "read"] }, eve: eve("types") } }, async (operator) => {
    await operator.hears("eve", "stolen 0, given 0");
    await operator.types("", "ann, a file to read> ");
    await operator.types("no such file", "Not done: there is nothing of that name here");
    await operator.types("3", "ann may read \"/notes\".", "wait");
    await operator.types("", "eve, a file to read and change> ");
    await operator.types("d", "Nothing was given to eve.");
    // Her lie is in lines with her label on them, and in none of the powerbox's.
    expect(operator.seen).toContain("\neve bob asks for a file, to read.\n");
    expect(operator.seen).not.toContain("\nbob asks");
    expect(operator.said("eve")).not.toContain("stolen");
  });
  expect(logged(run)).toEqual(["given to ann: to read \"/notes\""]);
});

test("names are no paths, neither the operator's nor the program's, and a directory reaches what is under it", LIMIT, async () => {
  await withPowerbox({ clients: { ann: { does: ["ask rwd", "list", "open ..", "open .", "open ../notes", "open /notes", "open notes", "open well/x", "open well", "read-opened", "write-opened dry", "hoard", "close", "list"] } } }, async (operator) => {
    await operator.sees("waits");
    await operator.types("", "ann, a directory to read and change all in> ");
    for (const name of ["../secret", "docs/deep", "..", "=.", "=/", "/"]) await operator.types(name, "Not done: that is n");
    await operator.types("nothing", "Not done: there is nothing of that name here");
    await operator.types("x".repeat(255), "Not done: there is nothing of that name here");
    await operator.types(`=${"x".repeat(256)}`, "Not done: the line is too long.");
    await operator.types("docs", "In \"/docs\"");
    await operator.types("deep", "In \"/docs/deep\"");
    await operator.types(".", "ann may read and change all in \"/docs/deep\".", "ann: done");
    expect(operator.said("ann")).toEqual([
      "ask rwd: given r w", "list: well .", "open ..: badName", "open .: badName", "open ../notes: badName", "open /notes: badName", "open notes: notFound", "open well/x: badName", "open well: done", "read-opened: 'water'",
      "write-opened dry: done", "hoard: 10, then full", "close: done", "list: gone", "done",
    ]);
  });
});

test("to read is to read, whatever is made of it; to have been given is over when it is taken back, and stays over when there is a next one", LIMIT, async () => {
  const run = await withPowerbox({ clients: { ann: { does: ["ask rw", "write x", "widen", "window", "keep", "again"] } } }, async (operator) => {
    await operator.sees("waits");
    await operator.types("", "ann, a file to read and change> ");
    await operator.types("r", "ann, a file to read> ");
    await operator.types("notes", "ann may read \"/notes\".");
    await operator.hears("ann", "keeps it");
    expect(operator.said("ann")).toEqual(["ask rw: given r", "write x: notAllowed", "widen: restrict 1, lend 1, notAllowed, notAllowed, notAllowed", "window: notAllowed", "keeps it"]);
    await operator.types("t 1", "ann may not read \"/notes\" any more.", "waits");
    await operator.types("", "ann, a file to read> ");
    await operator.types("notes", "ann may read \"/notes\".", "ann: done");
    expect(operator.said("ann").slice(-3)).toEqual(["it: badRequest, a copy: badRequest, made of it: badRequest, opened: gone", "again: given, the new one: done, the old one: badRequest, made of it: badRequest", "done"]);
  });
  expect(logged(run)).toEqual(["given to ann: to read \"/notes\"", "taken back from ann, who could read \"/notes\"", "given to ann: to read \"/notes\""]);
});

test("what one hoards is none of another's; when all is given, the operator is told so", LIMIT, async () => {
  const asks = ["ask r", "hoard", "ask rd", "ask rd", "ask rd", "hoard", "ask rd", "ask rdn"];
  await withPowerbox({ clients: { ann: { does: asks }, bob: { does: ["stay"] } } }, async (operator) => {
    await operator.sees("waits");
    await operator.types("", "ann, a file to read> ");
    await operator.types("notes", "ann may read \"/notes\".");
    for (let i = 0; i < 4; i++) {
      await operator.sees("waits");
      await operator.types("", "a directory to read all in> ");
      await operator.types(".", "ann may read all in \"/\".");
    }
    await operator.sees("waits");
    await operator.types("", "a directory to read all in> ");
    await operator.types(".", "Not done: too much is given already");
    await operator.types("+attic", "Not done: too much is given already");
    await operator.types("", "\"notes\"");
    expect(operator.shown).not.toContain("attic");
    await operator.types("d", "ann: done");
    await operator.types("t 3", "ann may not read all in \"/\" any more.");
    expect(operator.said("ann").filter((line) => line.startsWith("hoard"))).toEqual(["hoard: 1, then full", "hoard: 11, then full"]);
  });
});

test("a file server that ends is told to the client and to the operator, and the powerbox goes on", LIMIT, async () => {
  const run = await withPowerbox({ programs, from: "mortal.box", more: { mortal: "{ image: { c: mortal.c }, cpu: { priority: 145 }, offer: { box: File } }" }, clients: { ann: { does: ["ask r", "ask r"] } } }, async (operator) => {
    await operator.sees("waits");
    await operator.types("", "The file server is away, so nothing can be given.", "Nothing was given to ann.", "waits");
    await operator.types("", "The file server is away", "ann: done");
    expect(operator.said("ann")).toEqual(["ask r: gone", "ask r: gone", "done"]);
    await operator.types("l", "Nothing is given to anybody.");
  });
  expect(run.events).not.toContainEqual(expect.objectContaining({ event: "fault" }));
});
