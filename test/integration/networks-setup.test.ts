// The set-up step that builds the helpers of networks: what it can, by what is here or in the cache, and never in the way of all the rest.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { findProgram } from "../../servers/operator/setup/command.mjs";
import { slirpVersion } from "../../servers/operator/setup/networks.mjs";
import { findPlaces } from "../../servers/operator/setup/places.mjs";

const ROOT = join(import.meta.dirname, "../..");
const work = mkdtempSync(join(tmpdir(), "bailiwick-networks-setup-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));
let folder = "";
let places = findPlaces({});
beforeEach(() => {
  folder = mkdtempSync(join(work, "t-"));
  const root = join(folder, "clone");
  for (const part of ["servers/operator/setup", "core/host/helpers"]) cpSync(join(ROOT, part), join(root, part), { recursive: true });
  writeFileSync(join(root, "package.json"), JSON.stringify({ name: "bailiwick", version: "1.2.3" }));
  places = findPlaces({ BAILIWICK_CACHE: join(folder, "cache") }, root);
});

/** Runs the step where there are only these programs, so no apt. */
function setUp(programs: readonly string[], ...args: string[]): { status: number | null; stderr: string } {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  for (const name of programs) if (!existsSync(join(bin, name))) symlinkSync(findProgram(name) ?? "", join(bin, name));
  return spawnSync(process.execPath, [join(places.root, "servers/operator/setup/setup.mjs"), "--only", "networks", ...args], { encoding: "utf8", env: { HOME: folder, PATH: bin, BAILIWICK_CACHE: places.cache } });
}

const COMPILER = ["gcc", "as", "ld"];
const record = (): Record<string, unknown> => JSON.parse(readFileSync(places.record, "utf8")) as Record<string, unknown>;
const built = (): string[] => readdirSync(join(places.own, "networks")).sort();
const NOTHING_LEFT = /nothing left to do/;
const shared = findPlaces(process.env).cache;
const cachedLibraries = existsSync(shared) ? readdirSync(shared).filter((name) => name.startsWith("slirp-")) : [];
const system = slirpVersion("/usr/include/slirp") !== undefined;

test("without a compiler there are neither, which is recorded and said, and no failure; it is looked for again when asked to", () => {
  const first = setUp([]);
  expect(first).toMatchObject({ status: 0, stderr: expect.stringMatching(/gcc, is not on PATH[^]*apt-get install gcc libslirp-dev[^]*neither user networks nor TAP interfaces/) });
  expect(record()).toMatchObject({ tap: null, userNet: null, networksTriedAt: expect.any(Number) });
  expect(setUp([]).stderr).toMatch(NOTHING_LEFT);
  expect(setUp([], "--retry").stderr).toMatch(/is not on PATH/);
});

describe.skipIf(system)("without the system's libslirp", () => {
  test("and without Debian, TAP interfaces alone", () => {
    const first = setUp(COMPILER);
    expect(first).toMatchObject({ status: 0, stderr: expect.stringMatching(/libslirp[^]*cannot be used[^]*apt-get[^]*there are no user networks/) });
    expect(record()).toMatchObject({ tap: join(places.own, "networks/tap"), userNet: null });
    expect(built()).toEqual(["inputs.sha256", "tap"]);
    expect(setUp(COMPILER).stderr).toMatch(NOTHING_LEFT);
  });

  test("one in the cache that cannot be linked, or not loaded, is passed over, and named", () => {
    const library = join(places.cache, `slirp-4.7.0-old-${process.arch === "arm64" ? "arm64" : "amd64"}`);
    const write = (path: string, text: string): void => (mkdirSync(dirname(join(library, path)), { recursive: true }), writeFileSync(join(library, path), text));
    write("usr/include/slirp/libslirp-version.h", "#define SLIRP_MAJOR_VERSION 4\n#define SLIRP_MINOR_VERSION 7\n#define SLIRP_MICRO_VERSION 0\n");
    write("usr/include/slirp/libslirp.h", "#error this one is broken\n");
    write(`usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/libslirp.so`, "");
    expect(setUp(COMPILER)).toMatchObject({ status: 0, stderr: expect.stringMatching(/libslirp 4\.7\.0, Debian's build, in the cache: cannot be compiled: [^]*this one is broken/) });
    expect(record()).toMatchObject({ userNet: null });
  });

  test.skipIf(cachedLibraries.length === 0)("the cache's is taken, without a mirror; changed sources and a library that is gone are noticed", () => {
    for (const name of cachedLibraries) cpSync(join(shared, name), join(places.cache, name), { recursive: true });
    expect(setUp(COMPILER)).toMatchObject({ status: 0, stderr: expect.stringMatching(/user networks by libslirp 4\.\d+\.\d+, Debian's build, in the cache; TAP/) });
    expect(built()).toEqual(["inputs.sha256", "tap", "user-net"]);
    const helper = String(record()["userNet"]);
    expect(spawnSync(helper, ["none"], { input: "" }).stdout).toEqual(Buffer.of(0, 0));
    expect(spawnSync(helper, ["none"], { input: Buffer.of(1, 0, 9) })).toMatchObject({ status: 3 });
    expect(spawnSync(helper, ["all"], { input: "" })).toMatchObject({ status: 2 });
    for (const forward of ["tcp:127.0.0.1:0:80", "tcp:127.0.0.1:70000:80", "tcp:localhost:1:80", "tcp:127.0.0.1:1", "icmp:127.0.0.1:1:1", "tcp:127.0.0.1:1:1:1", "x".repeat(200)])
      expect(spawnSync(helper, ["none", forward], { input: "" }), forward).toMatchObject({ status: 2 });
    expect(setUp(COMPILER).stderr).toMatch(NOTHING_LEFT);
    writeFileSync(join(places.root, "core/host/helpers/records.c"), `${readFileSync(join(places.root, "core/host/helpers/records.c"), "utf8")}\n`);
    expect(setUp(COMPILER).stderr).toMatch(/user networks by libslirp/);
    for (const name of cachedLibraries) rmSync(join(places.cache, name), { recursive: true });
    expect(setUp(COMPILER).stderr).toMatch(/there are no user networks/);
    // The record names no helper whose library is gone.
    expect(record()).toMatchObject({ userNet: null });
  });
});
