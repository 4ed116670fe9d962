// The registry on the real machine: what a view reaches, and clients that reach for more.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { applianceFolder, manifestWith, type Run, runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const client = readFileSync("test/integration/names/client.c");

interface Party {
  readonly does: readonly string[];
  readonly offer?: string;
}

/** Each client has done what it does, or waits for ever, before the next one begins; the last one's end is the appliance's. */
async function run(parties: Readonly<Record<string, Party>>, args = "{}", offers = "{ names: Names }", more: Readonly<Record<string, string>> = {}): Promise<{ readonly said: readonly string[]; readonly events: Run["events"] }> {
  const names = Object.keys(parties);
  const components = Object.entries(parties).map(([name, { does, offer = "names" }], i) => [
    name, `{ image: { c: client.c }, use: { console: console.console, names: names.${offer} }, args: { badge: ${2 ** i}, do: ${JSON.stringify(does)} }, cpu: { priority: ${150 - i} }${i === names.length - 1 ? ", essential: true" : ""} }`,
  ]);
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ names: `{ image: { server: names }, cpu: { priority: 180 }, offer: ${offers}, args: ${args} }`, ...Object.fromEntries(components), ...more }),
    "client.c": client,
    "flood.c": FLOOD,
  });
  const { output, events } = await runAppliance(folder.path);
  return { said: output.trimEnd().split("\n"), events };
}

const FLOOD = `#include <bailiwick.h>\n#include <bailiwick/names.h>\nBW_USE(names);\nint main(void) {
  for (uint32_t i = 0; ; i++) {
    bw_ipc()->words[0] = i % 70; bw_ipc()->words[1] = i * 0x9e3779b97f4a7c15UL; bw_ipc()->caps[0] = i % 20;
    (void)bw_call_buffer(bw_use_names.cap, i % 8, i % 12, i % 3);
  }
}\n`;

test("what is published is found, listed, used and taken back", LIMIT, async () => {
  expect((await run({
    a: { does: ["publish lamp", "publish lamp", "publish door", "list", "wait", "stay"] },
    b: { does: ["publish lamp", "list", "ring lamp", "look lamps", "look lam", "withdraw lamp", "withdraw lamps", "publishes endpoint b", "look b", "withdraw b", "look b", "list"] },
  })).said).toEqual([
    "a: publish lamp: done", "a: publish lamp: taken", "a: publish door: done", "a: list: lamp door",
    "b: publish lamp: taken", "b: list: lamp door", "a: rung 1", "b: ring lamp: done, rings: none", "b: look lamps: notFound", "b: look lam: notFound", "b: withdraw lamp: notYours",
    "b: withdraw lamps: notFound", "b: publishes endpoint b: done", "b: look b: done", "b: withdraw b: done", "b: look b: notFound", "b: list: lamp door",
  ]);
});

test("a name has 1 to 64 bytes that are seen; what carries no word is not published", LIMIT, async () => {
  const long = "x".repeat(64);
  expect((await run({
    a: {
      does: [
        "publish ", `publish ${long}`, `publish ${long}y`, `look ${long}`, `withdraw ${long}`, "publish two words", "publish tab\there", "publish gr\u00fcn", "publish ../x", "list",
        ...["nothing", "cnode", "tcb", "names", "untyped", "reply", "frame", "console"].map((kind) => `publishes ${kind} it`),
      ],
    },
  })).said).toEqual([
    "a: publish : badRequest", `a: publish ${long}: done`, `a: publish ${long}y: badRequest`, `a: look ${long}: done`, `a: withdraw ${long}: done`, "a: publish two words: badRequest",
    "a: publish tab\there: badRequest", "a: publish gr\u00c3\u00bcn: badRequest", "a: publish ../x: done", "a: list: ../x",
    ...["nothing: noCapability", "cnode: noCapability", "tcb: noCapability", "names: noCapability", "untyped: noCapability", "reply: noCapability", "frame: done", "console: taken"]
      .map((line) => line.split(": ")).map(([kind, what]) => `a: publishes ${kind} it: ${what}`),
  ]);
});

test("a view reaches what begins with its prefix and nothing else, under shorter names; one made of it reaches less", LIMIT, async () => {
  expect((await run({
    a: { does: ["publish house/lamp", "publish house/cellar/wine", "publish garden/pond", "publish house/", "stay"] },
    b: {
      does: [
        "restrict 0 house/", "list", "look lamp", "look house/lamp", "look garden/pond", "look ../garden/pond", "publish attic", "restrict 1 cellar/", "list", "look wine", "look lamp", "publish beer",
        "withdraw wine", "restrict 0 ", "publish beer", "restrict 0 w", "list", "look ine", "whole", "list", `restrict 0 ${"p".repeat(63)}`, "publish q", "publish qq", "restrict 0 q",
      ],
    },
  })).said).toEqual([
    "a: publish house/lamp: done", "a: publish house/cellar/wine: done", "a: publish garden/pond: done", "a: publish house/: done",
    "b: restrict house/: done", "b: list: lamp cellar/wine", "b: look lamp: done", "b: look house/lamp: notFound", "b: look garden/pond: notFound", "b: look ../garden/pond: notFound",
    "b: publish attic: done", "b: restrict cellar/: done", "b: list: wine", "b: look wine: done", "b: look lamp: notFound", "b: publish beer: notYours", "b: withdraw wine: notYours",
    "b: restrict : done", "b: publish beer: notYours", "b: restrict w: done", "b: list: ine", "b: look ine: done", "b: list: house/lamp house/cellar/wine garden/pond house/ house/attic",
    `b: restrict ${"p".repeat(63)}: done`, "b: publish q: done", "b: publish qq: badRequest", "b: restrict q: badRequest",
  ]);
});

test("offers are views that the manifest makes", LIMIT, async () => {
  const offers = "{ names: Names, house: Names, look: Names }", args = "{ house: { prefix: house/ }, look: { prefix: house/, lookUpOnly: 1 } }";
  expect((await run({
    a: { does: ["publish lamp", "stay"], offer: "house" },
    b: { does: ["list", "ring lamp", "publish door", "withdraw lamp"], offer: "look" },
    c: { does: ["list", "look house/lamp"] },
  }, args, offers)).said).toEqual(["a: publish lamp: done", "b: list: lamp", "b: ring lamp: done, rings: none", "b: publish door: notYours", "b: withdraw lamp: notYours", "c: list: house/lamp", "c: look house/lamp: done"]);
  for (const wrong of ["{ names: { prefix: 'a b' } }", "{ names: { lookUpOnly: 2 } }"]) {
    const { events } = await run({ a: { does: ["list"] } }, wrong);
    expect(events).toContainEqual(expect.objectContaining({ event: "log", component: "names", text: expect.stringContaining("prefix") }));
  }
});

test("who publishes all he can takes no place of another's, whatever views he makes for it", LIMIT, async () => {
  expect((await run({
    greedy: { does: ["many x", "restrict 0 more/", "many y", "whole", "views", "withdraw xaa", "many z", "stay"] },
    b: { does: ["many b", "views", "look xab"] },
    c: { does: ["many c", "restrict 0 c"] },
  })).said).toEqual([
    "greedy: many: 16, then full", "greedy: restrict more/: done", "greedy: many: 0, then full", "greedy: views: 15, then full", "greedy: withdraw xaa: done", "greedy: many: 1, then full",
    "b: many: 16, then full", "b: views: 16, then full", "b: look xab: done", "c: many: 16, then full", "c: restrict c: done",
  ]);
});

test("what a publisher made is gone with it, and its names are free", LIMIT, async () => {
  expect((await run({
    a: { does: ["publish lamp", "publishes console shared", "many x"] },
    b: { does: ["list", "look lamp", "ring lamp", "look shared", "publish lamp", "look lamp", "withdraw shared"] },
  })).said).toEqual([
    "a: publish lamp: done", "a: publishes console shared: done", "a: many: 14, then full",
    "b: list: shared", "b: look lamp: notFound", "b: ring lamp: notFound, rings: InvalidCapability", "b: look shared: done", "b: publish lamp: done", "b: look lamp: done", "b: withdraw shared: notYours",
  ]);
});

test("one that sends nonsense without pause harms itself", LIMIT, async () => {
  const { said, events } = await run({ a: { does: ["publish lamp", "look lamp", "list", "many x"] } }, "{}", "{ names: Names }", { eve: "{ image: { c: flood.c }, use: { names: names.names }, cpu: { priority: 160, budget: 2ms, period: 10ms } }" });
  expect(said[0]).toBe("a: publish lamp: done");
  expect(said[1]).toBe("a: look lamp: done");
  expect(said.at(-1)).toBe("a: many: 15, then full");
  expect(events).not.toContainEqual(expect.objectContaining({ component: "names", event: "fault" }));
});
