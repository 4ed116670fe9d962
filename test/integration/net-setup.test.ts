// The set-up step that fetches lwIP's sources: whole or not at all, known by their hash, and never in the way of all the rest.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { machineSource } from "../../servers/operator/package.ts";
import { compileServer } from "../../servers/operator/programs.ts";
import { checkHash } from "../../servers/operator/setup/lwip.mjs";
import { findPlaces } from "../../servers/operator/setup/places.mjs";

const SETUP = join(import.meta.dirname, "../../servers/operator/setup");
const work = mkdtempSync(join(tmpdir(), "bailiwick-net-setup-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));
let folder = "";
let places = findPlaces({});
beforeEach(() => {
  folder = mkdtempSync(join(work, "t-"));
  const root = join(folder, "clone");
  cpSync(SETUP, join(root, "servers/operator/setup"), { recursive: true });
  writeFileSync(join(root, "package.json"), JSON.stringify({ name: "bailiwick", version: "1.2.3" }));
  places = findPlaces({ BAILIWICK_CACHE: join(folder, "cache") }, root);
});

/** Runs the step with a helper of ours in place of apt's. @param helper its script; where the file is to go is $to */
function setUp(helper: string, ...args: string[]): { status: number | null; stderr: string } {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "apt-helper"), `#!/bin/sh\nwhile [ "$1" != download-file ]; do shift; done\nfrom=$2 to=$3 hash=$4\n${helper}\n`);
  chmodSync(join(bin, "apt-helper"), 0o755);
  return spawnSync(process.execPath, [join(places.root, "servers/operator/setup/setup.mjs"), "--only", "lwip", ...args], {
    encoding: "utf8",
    env: { HOME: folder, PATH: `${bin}:${process.env["PATH"] ?? ""}`, BAILIWICK_CACHE: places.cache, BAILIWICK_DEBIAN_MIRROR: "http://mirror.invalid/debian/" },
  });
}

const record = (): Record<string, unknown> => JSON.parse(readFileSync(places.record, "utf8")) as Record<string, unknown>;
const leftOvers = (): string[] => (existsSync(places.cache) ? readdirSync(places.cache).filter((name) => name.startsWith("tmp-") || name.startsWith("lwip-")) : []);

test.each([
  ["the mirror is not reached", "echo 'E: Could not resolve mirror.invalid' >&2; exit 100", /cannot be reached[^]*a Debian mirror/],
  ["the mirror has another file", "echo 'E: Hash Sum mismatch' >&2; exit 100", /does not match/],
  ["nothing is given", "exit 0", /lwIP's sources/],
  ["another archive is given", 'echo other | xz > "$to"', /another archive[^]*altered file/],
])("when it cannot be had, that is recorded and said, and no failure: %s", (_, helper, why) => {
  const first = setUp(helper);
  expect(first).toMatchObject({ status: 0, stderr: expect.stringMatching(why) });
  expect(first.stderr).toMatch(/none: its sources cannot be fetched, so the network server \(image: \{ server: net \}\) cannot be built/);
  expect(record()).toMatchObject({ lwip: null, lwipTriedAt: expect.any(Number) });
  expect(leftOvers()).toEqual([]);
  // Not within the hour, but when asked to.
  expect(setUp(helper).stderr).toMatch(/nothing left to do/);
  expect(setUp(helper, "--retry").stderr).toMatch(why);
});

test("it is asked for in the pool of the mirror that is named, by its hash", () => {
  expect(setUp('echo "E: $from $hash" >&2; exit 100').stderr).toMatch(/http:\/\/mirror\.invalid\/debian\/pool\/main\/l\/lwip\/lwip_2\.2\.1%2bdfsg1\.orig\.tar\.xz SHA256:[0-9a-f]{64}/);
});

const here = findPlaces(process.env);
test.skipIf(!existsSync(here.lwip))("what another clone fetched is taken from the cache, without a mirror; a damaged folder is noticed", () => {
  cpSync(here.lwip, places.lwip, { recursive: true });
  expect(setUp("exit 1")).toMatchObject({ status: 0, stderr: expect.stringMatching(/2\.2\.1/) });
  expect(record()["lwip"]).toBe(places.lwip);
  expect(setUp("exit 1").stderr).toMatch(/nothing left to do/);
  truncateSync(join(places.lwip, "core/tcp.c"), 5);
  expect(setUp("exit 1").stderr).toMatch(/none: its sources/);
});

test("an archive with another hash is refused", () => {
  expect(() => checkHash(Buffer.from("not it"))).toThrow(/another archive/);
});

test("without it the server cannot be built, and that is said with what to do", async () => {
  const source = machineSource("servers/net", "net", { BAILIWICK_CACHE: join(folder, "nothing") });
  await expect(compileServer("net", source, { root: "", version: "", built: false, record: "", cache: folder })).rejects.toThrow(/BW0313[^]*lwIP's sources[^]*setup -- --retry[^]*a Debian mirror in reach/);
});
