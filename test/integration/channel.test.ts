// Rings and channels on the real machine: the C ends against a queue, both languages with each other, and what a server refuses to open.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";
import { finish, RingBed } from "../support/ring-bed.ts";

const LIMIT = { timeout: 180_000 };
const source = (name: string): string => readFileSync(join(import.meta.dirname, "channel", name), "utf8");

test("in C: random operations on random shapes come to what a queue would; the memory afterwards is what TypeScript makes of it", LIMIT, async () => {
  using folder = applianceFolder({ "appliance.yaml": manifestWith({ main: "{ image: { c: both-ends.c }, use: { console: console.console }, essential: true }" }), "both-ends.c": source("both-ends.c") });
  const { output, status } = await runAppliance(folder.path, { limitMs: 60_000 });
  expect(output.split("\n")[0]).toBe("as the queue");
  expect(status).toBe(0);

  // The same course as `image` of both-ends.c.
  const bed = new RingBed({ capacity: 4, bytes: 16 });
  for (let i = 0; i < 1234; i++) {
    const message = new Uint8Array(BigUint64Array.of(BigInt(i), ~BigInt(i)).buffer);
    if (finish(bed.sender.trySend(message)) === "Full") {
      bed.sender.sleeps();
      for (let n = 0; n < 3; n++) finish(bed.receiver.tryReceive());
    }
    if (i % 5 === 0) bed.receiver.sleeps();
  }
  finish(bed.receiver.close());
  let sum = 0xcbf29ce484222325n;
  for (const byte of bed.bytes) sum = BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n);
  expect(output.split("\n")[1]).toBe(`image ${sum.toString(16)}, rung ${bed.sender.rung} and ${bed.receiver.rung}`);
});

const LANGUAGES = ["c", "ts"] as const;
const PAIRS = LANGUAGES.flatMap((client) => LANGUAGES.flatMap((server) => [90, 100, 110].map((priority) => ({ client, server, priority }))));

describe("requests and answers by ring, Calls in between", () => {
  test.each(PAIRS)("client in $client at priority $priority, server in $server at 100", LIMIT, async ({ client, server, priority }) => {
    using folder = applianceFolder({
      "appliance.yaml": manifestWith({
        server: `{ image: { ${server}: echo-server.${server} }, offer: { echo: Channel } }`,
        client: `{ image: { ${client}: echo-client.${client} }, cpu: { priority: ${priority} }, use: { console: console.console, echo: server.echo }, essential: true }`,
      }),
      [`echo-server.${server}`]: source(`echo-server.${server}`),
      [`echo-client.${client}`]: source(`echo-client.${client}`),
    });
    const { output, status, events } = await runAppliance(folder.path, { limitMs: 60_000 });
    expect(output.trimEnd().split("\n")).toEqual(["1 and 1 messages of 1 words", "64 and 64 messages of 2 words", "256 and 8 messages of 3 words", "4 and 128 messages of 8 words", "16 and 16 messages of 64 words"].map((line) => `${line}: 20000 exact`));
    expect(status).toBe(0);
    expect(events.filter(({ event, component }) => event === "fault" || (event === "exit" && component === "server"))).toEqual([]);
  });
});

describe("what cannot be opened", () => {
  const [BAD, NO_CAPABILITY, TOO_LARGE] = [1, 2, 4];
  test.each(LANGUAGES)("is refused by a server in %s, which goes on", LIMIT, async (server) => {
    using folder = applianceFolder({
      "appliance.yaml": manifestWith({
        server: `{ image: { ${server}: echo-server.${server} }, offer: { echo: Channel } }`,
        client: "{ image: { c: refused.c }, use: { console: console.console, echo: server.echo }, essential: true }",
      }),
      [`echo-server.${server}`]: source(`echo-server.${server}`),
      "refused.c": source("refused.c"),
    });
    const { output, status, events } = await runAppliance(folder.path, { limitMs: 60_000 });
    const answer = (what: string, label: number, caps = 0): string => `${what}: answer ${label}, ${caps} capabilities`;
    expect(output.trimEnd().split("\n")).toEqual([
      ...["no words", "three words", "no ring at all", "three messages", "messages of nine bytes", "messages of no bytes", "no messages of some bytes", "2^32 + 4 messages", "2^64 - 1 of everything", "2^63 bytes"].map((what) => answer(what, BAD)),
      answer("more than its memory", TOO_LARGE), answer("a little more than its memory", TOO_LARGE),
      ...["no capability", "an empty slot", "a capability of the server itself", "another endpoint", "a frame", "its CNode", "a notification that it may not signal"].map((what) => answer(what, NO_CAPABILITY)),
      // There is one receive slot, so the second stays behind.
      answer("two capabilities", 0, 2),
      "memory of no channel: 0", answer("one that can be", 0, 2), "memory beyond it: 1", "memory far beyond it: 1", "memory of no page: 1",
      "no ring: RangeError, refusal 0, 0 slots in use", "an address off the page: RangeError, refusal 0, 0 slots in use", "over the end of a table: RangeError, refusal 0, 0 slots in use",
      "a bit below the signals: RangeError, refusal 0, 0 slots in use", "two bits: RangeError, refusal 0, 0 slots in use",
      "too much for the server: IllegalOperation, refusal 4, 0 slots in use", "over its own stack: DeleteFirst, refusal 0, 0 slots in use",
      "where it has no tables at all: none, refusal 0, 3 slots in use", "elsewhere, its page tables in the same slots: DeleteFirst, refusal 0, 0 slots in use", "there again: none, refusal 0, 3 slots in use",
    ]);
    expect(status).toBe(0);
    expect(events.filter(({ event, component }) => event === "fault" || (event === "exit" && component === "server"))).toEqual([]);
  });
});
