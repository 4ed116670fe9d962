// The capability patterns of the library on the real machine: what each gives, and a stranger that tries to get round it. The same script for each language.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance, type Run } from "../support/appliance-run.ts";

const LIMIT_MS = 60_000;
const LIMIT = { timeout: 180_000 };
const FOLDER = join(import.meta.dirname, "patterns");

/** One folder for all runs, so that each program is compiled once. */
const folder = applianceFolder(Object.fromEntries(readdirSync(FOLDER).map((name) => [name, readFileSync(join(FOLDER, name))])));
afterAll(() => folder[Symbol.dispose]());

interface Setting {
  /** What the stranger has beside its friend, as S: a component's door. */
  readonly direct?: string;
  readonly threads?: number;
  /** Another that runs a script, before the stranger does. */
  readonly first?: readonly string[];
}

/** A stranger, its friend, the inner service, and between them a host: what the stranger said of its script, a line each. */
async function run(host: string, script: readonly string[], { direct = "friend", threads = 3, first }: Setting = {}): Promise<{ readonly lines: readonly string[]; readonly run: Run }> {
  const party = (magic: number): string => `{ image: { c: party.c }, offer: { door: Party }, args: { magic: ${magic} } }`;
  const to = (name: string): string => `{ from: ${name}.door, rights: [call, grant] }`;
  const stranger = (lines: readonly string[], more: string): string =>
    `{ image: { c: stranger.c }, memory: 1MiB, ${more} offer: { door: Party }, use: { console: console.console, host: ${to("host")}, friend: ${to("friend")}, direct: ${to(direct)} }, args: { do: ${JSON.stringify(lines)} } }`;
  writeFileSync(
    join(folder.path, "appliance.yaml"),
    manifestWith({
      secret: party(777),
      friend: party(5),
      host: `{ image: { ${host.endsWith(".c") ? "c" : "ts"}: ${host} }, memory: 2MiB, offer: { door: Host }, use: { inner: ${to("secret")}${host === "threads.c" ? ", time: platform.cpu.time" : ""} }, args: { threads: ${threads} } }`,
      ...(first === undefined ? {} : { first: stranger(first, "cpu: { priority: 120 },") }),
      stranger: stranger(script, "essential: true,"),
    }),
  );
  const result = await runAppliance(folder.path, { limitMs: LIMIT_MS });
  return { lines: result.output.trimEnd().split("\n"), run: result };
}

/** Runs the lines that are the keys; each must say what is its value. */
async function expectSaid(host: string, said: readonly (readonly [line: string, answer: string])[], setting: Setting = {}): Promise<void> {
  const { lines, run: { status, events } } = await run(host, said.map(([line]) => line), setting);
  expect(lines).toEqual(said.map(([line, answer]) => `${line}: ${answer}`.trimEnd()));
  expect(events).not.toContainEqual(expect.objectContaining({ event: "fault" }));
  expect(status).toBe(0);
}

const ENDPOINT = "4", NOTIFICATION = "5";
const FROM = 2 ** 31;

describe.each(["host.c", "threads.c", "host.ts"])("a membrane in %s", (host) => {
  test("wraps what passes, in a request, an answer, a chain; keeps its identity; takes all of it back from whoever has it", LIMIT, () =>
    expectSaid(host, [
      ["get H 0 >a", `done, brings ${ENDPOINT}`], ["add a 5", "done 6 1 777"], ["echo a", "done 120"], ["odd a", "bad request"],
      ["give a 3 >b", `done ${FROM + 3}, brings ${ENDPOINT}`], ["add b 1", `done 2 ${FROM + 3} 777`], ["give b 4 >c", `done ${FROM + 4}, brings ${ENDPOINT}`], ["add c 1", `done 2 ${FROM + 4} 777`],
      // Back home it is what it was.
      ["take a b", `done 1 0 ${FROM + 3}`],
      // To a third party, and on from there.
      ["take F b", "done 1 4 0"], ["call F 1", `done (done) 0 2 ${FROM + 3}`], ["back F >d", `done, brings ${ENDPOINT}`], ["same b d", "3"], ["give a 3 >e", `done ${FROM + 3}, brings ${ENDPOINT}`], ["same b e", "3"],
      ["counts H 0", "done 10 0 3 1"],
      ["revoke H 0", "done"], ["add a 5", "InvalidCapability"], ["add b 5", "InvalidCapability"], ["add c 5", "InvalidCapability"], ["add d 5", "InvalidCapability"], ["add e 5", "InvalidCapability"],
      ["call F 1", "done (InvalidCapability)"], ["probe", "0 answer"],
      // What is lent anew has nothing to do with what was.
      ["get H 0 >f", `done, brings ${ENDPOINT}`], ["add f 1", "done 2 1 777"], ["add a 1", "InvalidCapability"],
    ]));

  test("wraps what the stranger passes too, and gives it back as what it was", LIMIT, () =>
    expectSaid(host, [
      ["get H 0 >a", `done, brings ${ENDPOINT}`], ["take a F", "done 1 4 0"], ["call S 7", "done (done) 0 8 1"], ["back a >f", `done, brings ${ENDPOINT}`], ["same f F", "3"],
      ["part p 2147483700", "none"], ["take a p", "done 1 4 0"], ["back a >q", `done, brings ${ENDPOINT}`], ["same p q", "3"], ["take a Fp", "done 2 4 0"], ["take a ppF", "done 3 4 0"],
      // The host's own is nobody's to pass; nothing is nothing.
      ["take a HH", "cannotPass"], ["take a N", "done 0 4 0"], ["take a F", "done 1 4 0"],
      ["revoke H 0", "done"], ["call S 1", "done (InvalidCapability)"], ["add F 1", "done 2 1 5"],
    ].map(([line, answer]): [string, string] => [line!, host === "threads.c" && line === "take a HH" ? "done 2 4 0" : answer!]), { direct: "secret" }));

  test("passes nothing else: not a table with the original in it, not memory, no thread", LIMIT, () =>
    expectSaid(host, [
      ["get H 0 >a", `done, brings ${ENDPOINT}`],
      ...["C", "U", "T", "V", "M", "D"].flatMap((letter): [string, string][] => [[`take a ${letter}`, "cannotPass"], [`take a F${letter}`, "cannotPass"]]),
      ...([[2, "cannotPass"], [3, "cannotPass"], [7, "cannotPass"], [8, "cannotPass"], [10, "cannotPass"], [17, "cannotPass"], [6, "done"], [0, "done"]] as const).map(([kind, answer]): [string, string] => [`givekind a ${kind} >k`, `${answer}, brings 0`]),
      // Only by what it was given.
      ["probe", "1 answer"], ["counts H 0", "done 9 18 2 0"],
    ]));

  test("notifications: signals pass, each to its own, and no longer after the revocation", LIMIT, () =>
    expectSaid(host, [
      ["get H 0 >a", `done, brings ${ENDPOINT}`], ["take a B", "done 1 5 0"], ["ring a", "done 0"], ["yield", ""], ["bell", "none 8"],
      [`givekind a ${NOTIFICATION} >n`, `done, brings ${NOTIFICATION}`], ["signal n", "none"], ["yield", ""], ["rung a", `done ${2 ** 40}`], ["same n B", "0"],
      ["revoke H 0", "done"], ["signal n", "InvalidCapability"], ["get H 0 >a", `done, brings ${ENDPOINT}`], ["rung a", "done 0"], ["ring a", "done 2"], ["yield", ""], ["bell", "WouldBlock 0"],
    ]));
});

test("a membrane's table: each side has its share, and what is gone leaves its place", LIMIT, () =>
  expectSaid("host.c", [
    ["get H 0 >a", `done, brings ${ENDPOINT}`], ["take a F", "done 1 4 0"], ["many a", "4, then full"],
    ...[9, 10, 11, 12].map((n): [string, string] => [`give a ${n} >b`, `done ${FROM + n}, brings ${ENDPOINT}`]), ["give a 13 >c", "full, brings 0"], ["add a 1", "done 2 1 777"], ["add b 1", `done 2 ${FROM + 12} 777`],
    ["end F", "done"], ["yield", ""], ["many a", "5, then full"],
    ["revoke H 0", "done"], ["get H 0 >a", `done, brings ${ENDPOINT}`], ["many a", "5, then full"],
  ]));

test("a target that calls back through a membrane with threads is answered; one that would wait for itself is refused", LIMIT, async () => {
  const calls: [string, string][] = [["get H 0 >a", `done, brings ${ENDPOINT}`], ["take a F", "done 1 4 0"]];
  await expectSaid("threads.c", [...calls, ["call a 7", "done (done) 0 8 1"], ["counts H 0", "done 3 0 2 0"]], { threads: 3 });
  await expectSaid("threads.c", [...calls, ["call a 7", "done (busy)"], ["add a 7", "done 8 1 777"], ["counts H 0", "done 3 1 2 0"]], { threads: 2 });
});

test("revoking ends a call that is inside a target which does not answer", LIMIT, async () => {
  const { lines } = await run("threads.c", ["yield", "add S 1", "revoke H 0", "yield", "get H 0 >a", "add F 1"], { first: ["get H 0 >a", "hang a"] });
  expect(lines).toContain("hang a: revoked");
  expect(lines.at(-1)).toBe("add F 1: done 2 2 5");
});

describe.each(["host.c", "host.ts"])("gates, loans and boxes in %s", (host) => {
  test("a facet has the methods it was given, and no way to the others", LIMIT, () =>
    expectSaid(host, [
      ["get H 1 >f", `done, brings ${ENDPOINT}`], ["add f 1", "done 2 1 777"], ["echo f", "done 120"], ["give f 1 >x", "notAllowed, brings 0"], ["hang f", "notAllowed"], ["end f", "notAllowed"], ["odd f", "notAllowed"],
      ["get f 0 >x", "notAllowed, brings 0"], ["back f >x", "notAllowed, brings 0"],
      // Not by a capability beside a method that is there, nor by one that leads back.
      ["add f 1 F", "cannotPass"], ["add f 1 f", "cannotPass"], ["add f 1 C", "cannotPass"], ["add f 1", "done 2 1 777"], ["counts H 1", "done 3 9 0 0"], ["probe", "1 answer"],
    ]));

  test("a caretaker is closed and opened by its owner, and counts", LIMIT, () =>
    expectSaid(host, [
      ["get H 2 >c", `done, brings ${ENDPOINT}`], ["add c 1", "done 2 1 777"], ["take c F", "done 1 4 0"], ["call c 1", "done (done) 0 2 1"], ["back c >x", `done, brings ${ENDPOINT}`], ["same x F", "3"], ["echo c", "done 120"],
      ["take c c", "cannotPass"], ["take c H", "cannotPass"], ["counts H 2", "done 5 2 0 0"],
      ["pause H 1", "done"], ["add c 1", "paused"], ["take c F", "paused"], ["back c >x", "paused, brings 0"], ["counts H 2", "done 5 5 0 0"], ["pause H 0", "done"], ["add c 1", "done 2 1 777"],
      // It carries what the target gives as it is: that is what a membrane is for.
      ["give c 3 >d", `done ${FROM + 3}, brings ${ENDPOINT}`], ["revoke H 2", "done"], ["add c 1", "InvalidCapability"], ["add d 1", `done 2 ${FROM + 3} 777`],
    ]));

  test("a target that is gone is named by the one who stands before it", LIMIT, () =>
    expectSaid(host, [
      ["get H 2 >c", `done, brings ${ENDPOINT}`], ["get H 0 >a", `done, brings ${ENDPOINT}`], ["get H 1 >f", `done, brings ${ENDPOINT}`], ["give a 1 >b", `done ${FROM + 1}, brings ${ENDPOINT}`],
      ["end c", "done"], ["yield", ""], ["add c 1", "gone"], ["add f 1", "gone"], ["add a 1", "gone"], ["add b 1", "gone"],
    ]));

  test("a target that is gone keeps its place as long as a call names it: what comes with that call does not stand there instead", LIMIT, () =>
    expectSaid(host, [
      ["get H 0 >a", `done, brings ${ENDPOINT}`], ["take a F", "done 1 4 0"], ["many a", "4, then full"], ["end F", "done"], ["end a", "done"], ["yield", ""], ["part p 2147483700", "none"], ["take a p", "gone"], ["take a p", "gone"],
    ]));

  test("what the kernel lends it takes back, at no cost for a call, from whoever has it", LIMIT, () =>
    expectSaid(host, [
      ["get H 3 >l", `done, brings ${ENDPOINT}`], ["add l 1", `done 2 ${FROM + 2 ** 24 + 3} 42`], ["copy l m", "none"], ["take F m", "done 1 4 0"], ["back F >n", `done, brings ${ENDPOINT}`],
      ["forge l", "0 made"], ["add n 1", `done 2 ${FROM + 2 ** 24 + 3} 42`],
      ["revoke H 3", "done"], ...["l", "m", "n"].map((letter): [string, string] => [`add ${letter} 1`, "InvalidCapability"]), ["back F >o", "done, brings 0"], ["get H 3 >p", `done, brings ${ENDPOINT}`], ["add p 1", `done 2 ${FROM + 2 ** 24 + 3} 42`],
    ]));

  test("what is sealed comes out by the unsealer of its brand and by nothing else", LIMIT, () =>
    expectSaid(host, [
      ["get H 4 >s", `done, brings ${ENDPOINT}`], ["get H 5 >u", `done, brings ${ENDPOINT}`], ["get H 6 >t", `done, brings ${ENDPOINT}`], ["get H 7 >v", `done, brings ${ENDPOINT}`],
      ["seal s 0 F >b", `done, brings ${ENDPOINT}`], ["unseal u 0 b >x", `done, brings ${ENDPOINT}`], ["same x F", "3"], ["unseal u 0 b >x", `done, brings ${ENDPOINT}`],
      // By the wrong hands.
      ["unseal v 0 b >x", "otherBrand, brings 0"], ["unseal s 0 b >x", "badRequest, brings 0"], ["unseal b 0 b >x", "badRequest, brings 0"], ["add b 1", "badRequest"], ["seal u 0 F >x", "badRequest, brings 0"], ["discard v 0 b", "otherBrand"], ["discard s 0 b", "badRequest"],
      // What is no box.
      ["unseal u 0 F >x", "noBox, brings 0"], ["unseal u 0 s >x", "noBox, brings 0"], ["unseal u 0 H >x", "noBox, brings 0"], ["unseal u >x", "noBox, brings 0"], ["unseal u 0 bb >x", "noBox, brings 0"], ["unseal u 0 C >x", "noBox, brings 0"], ["seal s >x", "badRequest, brings 0"],
      ["seal s 0 FF >x", "badRequest, brings 0"], ["seal s 0 b >x", "cannotPass, brings 0"], ["forge b", "0 made"],
      // A box goes from hand to hand, and is still that box.
      ["take F b", "done 1 4 0"], ["call F 1", "done (badRequest)"], ["back F >c", `done, brings ${ENDPOINT}`], ["unseal u 0 c >x", `done, brings ${ENDPOINT}`], ["same x F", "3"],
      // A brand has its share of the boxes.
      ["seal s 0 B >y", `done, brings ${ENDPOINT}`], ["seal s 0 M >z", `done, brings ${ENDPOINT}`], ["seal s 0 F >w", "full, brings 0"], ["seal t 0 F >w", `done, brings ${ENDPOINT}`], ["seal t 0 F >x", "full, brings 0"], ["unseal v 0 w >x", `done, brings ${ENDPOINT}`], ["unseal u 0 w >x", "otherBrand, brings 0"],
      ["unseal u 0 z >x", "done, brings 10"], ["discard u 0 b", "done"], ["unseal u 0 c >x", "gone, brings 0"], ["seal s 0 F >d", `done, brings ${ENDPOINT}`], ["unseal u 0 b >x", "gone, brings 0"],
      // What is sealed is gone with its maker.
      ["end F", "done"], ["yield", ""], ["unseal u 0 d >x", "gone, brings 0"],
    ]));
});

test.each(["c", "ts"])("petnames in %s: one to one, and none that looks like another", LIMIT, async (language) => {
  const said: readonly (readonly [string, string])[] = [
    ["add a Bank of Evil|My bank", "done"], ["find My bank", "My bank, who says Bank of Evil"], ["find my bank", "nobody"], ["of a", "My bank, who says Bank of Evil"],
    // The same capability has that name, by whatever slot; another badge or object does not.
    ["of c", "My bank, who says Bank of Evil"], ["of b", "nobody"], ["of d", "nobody"], ["of f", "nobody"], ["of 0", "nobody"], ["add c |Other", "hasOne (My bank)"], ["add f |Other", "nothing"], ["add 0 |Other", "nothing"],
    ["add b |My bank", "taken (My bank)"], ["add b |my-bank", "lookAlike (My bank)"], ["add b |MYBANK", "lookAlike (My bank)"], ["add b |rny bank", "lookAlike (My bank)"], ["add b |My  bank", "badName"], ["add b | My bank", "badName"], ["add b |", "badName"], ["add b |--", "badName"],
    ["add b |My b\u00e4nk", "badName"], ["add b |tab\there", "badName"], [`add b |${"n".repeat(33)}`, "badName"], [`add b |${"n".repeat(32)}`, "done"],
    // What a capability says of itself is nobody's name here.
    ["add d My bank|Clerk 10", "done"], ["find Clerk 10", "Clerk 10, who says My bank"], ["of e", "Clerk 10, who says My bank"], ["like My b4nk", "nobody"], ["like my_bank.", "My bank, who says Bank of Evil"], ["like derk lO", "Clerk 10, who says My bank"], ["like ", "nobody"],
    ["add g |C1erk IO", "lookAlike (Clerk 10)"], ["rename Clerk 10|my bank", "lookAlike (My bank)"], ["rename Clerk 10|My bank", "taken (My bank)"], ["rename Clerk 10|C1erk IO", "done"], ["rename Clerk 10|Clark", "nothing"],
    ["add g |Garden", "done"], ["add h |House", "full"], ["remove Garden", "1"], ["remove Garden", "0"], ["add h |House", "done"],
  ];
  writeFileSync(join(folder.path, "appliance.yaml"), manifestWith({ main: `{ image: { ${language}: petnames.${language} }, essential: true, use: { console: console.console }, args: { do: ${JSON.stringify(said.map(([line]) => line))} } }` }));
  const { output, status } = await runAppliance(folder.path, { limitMs: LIMIT_MS });
  expect(output.trimEnd().split("\n")).toEqual(said.map(([line, answer]) => `${language === "c" ? Buffer.from(line).toString("latin1") : line}: ${answer}`));
  expect(status).toBe(0);
});

test("a membrane with threads under three that use it without pause, one that fills it and one that revokes it: every answer is right", LIMIT, async () => {
  const to = (name: string): string => `{ from: ${name}.door, rights: [call, grant] }`;
  const storm = (base: number, cpu: string): string => `{ image: { c: storm.c }, memory: 512KiB, cpu: { ${cpu} }, offer: { door: Party }, use: { host: ${to("host")} }, args: { base: ${base} } }`;
  writeFileSync(
    join(folder.path, "appliance.yaml"),
    manifestWith({
      secret: "{ image: { c: party.c }, offer: { door: Party }, args: { magic: 777 } }",
      host: `{ image: { c: threads.c }, memory: 2MiB, offer: { door: Host }, use: { inner: ${to("secret")}, time: platform.cpu.time }, args: { threads: 4 } }`,
      one: storm(100, "priority: 100"),
      // These come between any two instructions of the membrane's threads.
      two: storm(200, "priority: 105, budget: 300us, period: 1ms"),
      three: storm(300, "priority: 110, budget: 150us, period: 1ms"),
      revoker: `{ image: { c: revoker.c }, cpu: { priority: 120, budget: 100us, period: 2ms }, essential: true, use: { host: ${to("host")} }, args: { times: 400 } }`,
    }),
  );
  const right = new Map<string, number>();
  const { status, events } = await runAppliance(folder.path, {
    limitMs: 40_000,
    onEvent: ({ event, component, text }) => void (event === "log" && text === "right" && right.set(String(component), (right.get(String(component)) ?? 0) + 1)),
  });
  expect(events.filter(({ event, text }) => event === "fault" || (event === "log" && text !== "right"))).toEqual([]);
  expect(status).toBe(0);
  for (const name of ["one", "two", "three"]) expect(right.get(name) ?? 0, name).toBeGreaterThan(2);
});

test.each(["c", "ts"])("attenuation in %s: less stays less, weak stays weak, and what was given is not lent by the kernel", LIMIT, async (language) => {
  writeFileSync(join(folder.path, "appliance.yaml"), manifestWith({ main: `{ image: { ${language}: attenuate.${language} }, memory: 1MiB, essential: true, use: { console: console.console } }` }));
  const { output, status } = await runAppliance(folder.path, { limitMs: LIMIT_MS });
  expect(output.trimEnd().split("\n")).toEqual([
    "less: none 9", "of that all: none 9", "weak: none 22, none 22, InvalidArgument", "mapped to write: MissingRight", "fetched: none 30", "mapped to write: MissingRight", "put into it: MissingRight",
    "lent: IllegalOperation IllegalOperation none", "taken back: none 0",
  ]);
  expect(status).toBe(0);
});
