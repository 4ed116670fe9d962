// The network server on the real machine: two stacks, joined by a cable that a test program is, so that real frames go between them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applianceFolder, runAppliance, until } from "../support/appliance-run.ts";

const LIMIT = { timeout: 90_000 };
const FOLDER = "test/integration/net";
const file = (name: string) => readFileSync(join(FOLDER, name), "utf8");
const files = { "appliance.yaml": file("appliance.yaml"), "hub.c": file("hub.c"), "server.c": file("server.c"), "client.c": file("client.c") };

/** What the client says when all is well. Refusals are the protocol's numbers. */
const TALK = [
  "info: 0 a00020f ffffff00 link 1",
  "connect: 0",
  "said hello: 0, heard HELLO",
  "bulk: 100000 back, 0 wrong, 0",
  "close: 0",
];
const DATAGRAMS = [
  "udp: 0",
  ...[0, 5, 928, 1472].map((bytes) => `datagram of ${bytes}: 0 0, ${bytes} back from a000202:7, 0 wrong`),
  "datagram of 1473: 12 0, 1472 back from a000202:7, 0 wrong",
];
const RULES = [
  "not allowed: port 4, host 4, name 4, udp 4, listen 4, nothing 4",
  "restrict wider: 4, nonsense: 1, narrower: 0",
  "narrower: 0, beyond it: 4, and again: 4",
  "said hello: 0, heard HELLO",
  "closed: 0 0",
  "refused: 5, nobody there: 7, no such place: 8, itself: 8",
];
const VANISHED = ["connect: 0", "the peer vanished: 0 7, and then 7", "done"];

test("two stacks talk over TCP and UDP, and a capability does what its rules say and no more", LIMIT, async () => {
  const { output } = await runAppliance(FOLDER, { limitMs: 60_000, during: (_system, line) => until("the client is done", () => line.output.includes("done\n"), 50_000) });
  expect(output.trimEnd().split("\n")).toEqual([...TALK, ...DATAGRAMS, ...RULES, ...VANISHED]);
});

test("frames that are malformed, cut short, too long or not asked for, and answers that no driver gives, harm no connection", LIMIT, async () => {
  using folder = applianceFolder({ ...files, "appliance.yaml": files["appliance.yaml"].replace("mode: plain", "mode: nonsense") });
  const { output, events } = await runAppliance(folder.path, { limitMs: 80_000, during: (_system, line) => until("the client is done", () => line.output.includes("nonsense\n"), 70_000) });
  const said = output.trimEnd().split("\n");
  expect(said.slice(0, -1)).toEqual([...TALK, ...DATAGRAMS, ...RULES, ...VANISHED]);
  // Hundreds of them there were.
  expect(Number(/^(\d+) frames of nonsense$/.exec(said.at(-1) ?? "")?.[1])).toBeGreaterThan(500);
  expect(events.filter(({ event }) => event === "fault" || event === "dmaFault")).toEqual([]);
});
