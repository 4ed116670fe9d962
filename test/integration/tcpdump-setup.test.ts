// The set-up steps that see to programs of others, by the example of tcpdump: what is here or in the cache, if it runs; and never in the way of all the rest.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { findPlaces } from "../../servers/operator/setup/places.mjs";

const SETUP = join(import.meta.dirname, "../../servers/operator/setup");
const work = mkdtempSync(join(tmpdir(), "bailiwick-tcpdump-setup-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));
let folder = "";
let places = findPlaces({});
beforeEach(() => {
  folder = mkdtempSync(join(work, "t-"));
  const root = join(folder, "clone");
  cpSync(SETUP, join(root, "servers/operator/setup"), { recursive: true });
  writeFileSync(join(root, "package.json"), JSON.stringify({ name: "bailiwick", version: "1.2.3" }));
  writeFileSync(join(root, "package-lock.json"), "{}");
  places = findPlaces({ BAILIWICK_CACHE: join(folder, "cache") }, root);
});

const program = (path: string, body: string): void => (mkdirSync(join(path, ".."), { recursive: true }), writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 }));
/** Runs the step where there are only the programs of `bin`, so no apt. */
const setUp = (...args: string[]): { status: number | null; stderr: string } =>
  spawnSync(process.execPath, [join(places.root, "servers/operator/setup/setup.mjs"), "--only", "tcpdump", ...args], { encoding: "utf8", env: { HOME: folder, PATH: join(folder, "bin"), BAILIWICK_CACHE: places.cache } });
const record = (): Record<string, unknown> => JSON.parse(readFileSync(places.record, "utf8")) as Record<string, unknown>;
const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";
const inSystem = ["/usr/sbin", "/sbin"].some((place) => existsSync(join(place, "tcpdump")));

test.skipIf(inSystem)("where it cannot be had, that is recorded and said, and no failure; it is looked for again when asked to", () => {
  const first = setUp();
  expect(first).toMatchObject({ status: 0, stderr: expect.stringMatching(/tcpdump is not on this machine and could not be fetched:[^]*apt-get[^]*--only tcpdump --retry[^]*none: tests that read packets with it are skipped/) });
  expect(record()).toMatchObject({ tcpdump: null, tcpdumpTriedAt: expect.any(Number) });
  expect(setUp().stderr).toMatch(/nothing left to do/);
  program(join(folder, "bin/tcpdump"), "echo tcpdump version 4.99.9 >&2");
  expect(setUp("--retry").stderr).toMatch(/4\.99\.9, the system's/);
  expect(record()).toMatchObject({ tcpdump: { program: join(folder, "bin/tcpdump") } });
  expect(record()).not.toHaveProperty("tcpdumpTriedAt");
});

test("one that does not run here is passed over, and one of the cache is given the libraries that it came with", () => {
  program(join(folder, "bin/tcpdump"), "echo no such library >&2; exit 127");
  for (const [name, body] of [["tcpdump-4.99.1-old", "exit 1"], ["tcpdump-4.99.3-new", 'case $LD_LIBRARY_PATH in */tcpdump-4.99.3-new-*) echo tcpdump version 4.99.3 ;; *) exit 1 ;; esac']] as const) program(join(places.cache, `${name}-${ARCHITECTURE}`, "usr/bin/tcpdump"), body);
  expect(setUp()).toMatchObject({ status: 0, stderr: expect.stringMatching(/4\.99\.3, Debian's build, in the cache/) });
  const place = join(places.cache, `tcpdump-4.99.3-new-${ARCHITECTURE}`);
  expect(record()).toMatchObject({ tcpdump: { program: join(place, "usr/bin/tcpdump"), lib: expect.stringMatching(new RegExp(`^${place}/usr/lib/`)) } });
  expect(setUp().stderr).toMatch(/nothing left to do/);
  // One that is gone is looked for again.
  rmSync(place, { recursive: true });
  expect(setUp().stderr).not.toMatch(/nothing left to do/);
});

test("an installed package, which has no tests, does without", () => {
  rmSync(join(places.root, "package-lock.json"));
  expect(setUp()).toMatchObject({ status: 0, stderr: expect.stringMatching(/nothing left to do/) });
  expect(existsSync(places.cache) ? readdirSync(places.cache) : []).toEqual([]);
});
