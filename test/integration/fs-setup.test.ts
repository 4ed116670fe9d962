// The set-up step that fetches SQLite's sources: whole or not at all, known by its hash, and never in the way of all the rest.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { findPlaces } from "../../servers/operator/setup/places.mjs";
import { checkHash } from "../../servers/operator/setup/sqlite.mjs";

const SETUP = join(import.meta.dirname, "../../servers/operator/setup");
const work = mkdtempSync(join(tmpdir(), "bailiwick-fs-setup-"));
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

/** Runs the step with a npm of ours in place of the machine's. @param npm its script; what it is told to fetch ends in the folder $to */
function setUp(npm: string, ...args: string[]): { status: number | null; stderr: string } {
  const cli = join(folder, "npm-cli.js");
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "npm.sh"), `to=$(while [ $# -gt 1 ]; do [ "$1" = --pack-destination ] && echo "$2"; shift; done)\n${npm}\n`);
  chmodSync(join(bin, "npm.sh"), 0o755);
  writeFileSync(cli, `const { spawnSync } = require("node:child_process"); process.exit(spawnSync("/bin/sh", [${JSON.stringify(join(bin, "npm.sh"))}, ...process.argv.slice(2)], { stdio: "inherit" }).status);\n`);
  return spawnSync(process.execPath, [join(places.root, "servers/operator/setup/setup.mjs"), "--only", "sqlite", ...args], {
    encoding: "utf8",
    env: { HOME: folder, PATH: process.env["PATH"], BAILIWICK_CACHE: places.cache, npm_execpath: cli },
  });
}

const record = (): Record<string, unknown> => JSON.parse(readFileSync(places.record, "utf8")) as Record<string, unknown>;
const leftOvers = (): string[] => readdirSync(places.cache).filter((name) => name.startsWith("tmp-") || name.startsWith("sqlite-"));

describe("when it cannot be had, that is recorded and said, and no failure:", () => {
  test.each([
    ["npm fails", "echo 'npm error network unreachable' >&2; exit 1", /network unreachable[^]*the npm registry, reached/],
    ["npm gives nothing", "exit 0", /has put no archive/],
    ["npm gives another archive", 'echo other | gzip > "$to/x.tgz"', /another archive[^]*altered package/],
  ])("%s", (_, npm, why) => {
    const first = setUp(npm);
    expect(first).toMatchObject({ status: 0, stderr: expect.stringMatching(why) });
    expect(first.stderr).toMatch(/none: its sources cannot be fetched, so the file server \(image: \{ server: fs \}\) cannot be built/);
    expect(record()).toMatchObject({ sqlite: null, sqliteTriedAt: expect.any(Number) });
    expect(leftOvers()).toEqual([]);
    // Not within the hour, but when asked to.
    expect(setUp(npm).stderr).toMatch(/nothing left to do/);
    expect(setUp(npm, "--retry").stderr).toMatch(why);
  });
});

test("what another clone fetched is taken from the cache, without npm; a damaged folder is noticed", () => {
  // By its sizes: the hash was checked before the folder appeared.
  mkdirSync(places.sqlite, { recursive: true });
  for (const [name, size] of [["sqlite3.c", 9_507_980], ["sqlite3.h", 690_725]] as const) {
    writeFileSync(join(places.sqlite, name), "");
    truncateSync(join(places.sqlite, name), size);
  }
  expect(setUp("exit 1")).toMatchObject({ status: 0, stderr: expect.stringMatching(/3\.53\.2/) });
  expect(record()["sqlite"]).toBe(places.sqlite);
  expect(setUp("exit 1").stderr).toMatch(/nothing left to do/);
  truncateSync(join(places.sqlite, "sqlite3.h"), 5);
  expect(setUp("exit 1").stderr).toMatch(/none: its sources/);
});

test("an archive with another hash is refused", () => {
  expect(() => checkHash(Buffer.from("not it"))).toThrow(/another archive/);
});

const here = findPlaces(process.env);
test.skipIf(!existsSync(here.sqlite))("this machine's cache holds SQLite's two files and nothing else", () => {
  expect(readdirSync(here.sqlite).sort()).toEqual(["sqlite3.c", "sqlite3.h"]);
  expect(readFileSync(join(here.sqlite, "sqlite3.h"), "latin1")).toContain('#define SQLITE_VERSION        "3.53.2"');
  expect(statSync(join(here.sqlite, "sqlite3.c")).size).toBe(9_507_980);
});
