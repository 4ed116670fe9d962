// Files as disks: the block server's own test, over a file of the file server, over another block server, over a disk.
import { readFileSync } from "node:fs";
import { expect, test as always } from "vitest";
import { applianceFolder, runAppliance, until } from "../support/appliance-run.ts";
import { hasSqlite } from "../support/fs-build.ts";

const test = always.skipIf(!hasSqlite);
const LIMIT = { timeout: 240_000 };
const client = readFileSync("test/integration/block/client.c");
const manifest = readFileSync("test/integration/filedisk/appliance.yaml", "utf8").replaceAll("../block/client.c", "client.c");

test("a file is shared out as a disk: two clients have their parts and nothing of the other's", LIMIT, async () => {
  using folder = applianceFolder({ "client.c": client, "appliance.yaml": manifest });
  const done = (output: string) => ["left", "right"].every((name) => output.includes(`${name}: more than it has`));
  const { output } = await runAppliance(folder.path, { limitMs: 60_000, during: (_system, line) => until("both are done", () => done(line.output), 50_000) });
  for (const name of ["left", "right"]) {
    expect(output.trimEnd().split("\n").filter((line) => line.startsWith(name))).toEqual([
      `${name}: 2048 sectors, 0 writes failed, flush 0, 0 words wrong`, `${name}: beyond its part 2 2 2`,
      `${name}: part of 16 sectors read-only: read 0 right, write 3, beyond 2`, `${name}: more than it has: 1`,
    ]);
  }
});

/** What the server said before it ended. */
const complaints = async (change: (text: string) => string) => {
  using folder = applianceFolder({ "client.c": client, "appliance.yaml": change(manifest) });
  const events: Record<string, unknown>[] = [];
  const told = (event: Record<string, unknown>) => event["event"] === "log" && event["component"] === "filedisk";
  await runAppliance(folder.path, { onEvent: (event) => events.push(event), during: () => until("it complains", () => events.some(told), 20_000) });
  return events.filter(told).map(({ text }) => text);
};

test("a file that is not there, or has no room, is named", LIMIT, async () => {
  expect(await complaints((text) => text.replace(", sectors: 4096", ""))).toEqual(["there is no such file; with args.sectors it is made"]);
  expect(await complaints((text) => text.replace("args: { format: 1 }", "args: { format: 1, images: { quota: 1048576 } }"))).toEqual(["there is no room for the file at args.sectors"]);
  expect(await complaints((text) => text.replace("file: root.img", "file: a/b"))).toEqual(["the file cannot be opened"]);
});
