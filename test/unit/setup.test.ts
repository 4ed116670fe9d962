// The set-up: what it reads of the machine, how it knows that nothing is left to do, how two of them and an interrupted one end well.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { explain, findMirrors } from "../../servers/operator/setup/apt.mjs";
import { findProgram, run } from "../../servers/operator/setup/command.mjs";
import { readCpio, resolveFile } from "../../servers/operator/setup/cpio.mjs";
import { moduleDependencies, neededLibraries } from "../../servers/operator/setup/elf.mjs";
import { loadOrder } from "../../servers/operator/setup/linux.mjs";
import { lock } from "../../servers/operator/setup/lock.mjs";
import { packagesMatch } from "../../servers/operator/setup/npm.mjs";
import { findPlaces } from "../../servers/operator/setup/places.mjs";
import { createProgress } from "../../servers/operator/setup/progress.mjs";
import { formatSource, parseDeb822, parseOneLine } from "../../servers/operator/setup/sources.mjs";
import { hashOf, inTemporary, moveIntoPlace } from "../../servers/operator/setup/stamp.mjs";
import { parseArguments } from "../../servers/operator/setup/steps.mjs";
import { suits } from "../../servers/operator/setup/unicorn.mjs";

const SETUP = join(import.meta.dirname, "../../servers/operator/setup");
const work = mkdtempSync(join(tmpdir(), "bailiwick-setup-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(work, "t-"));
});

function write(path: string, content: string): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), content);
}

describe("the machine's apt sources", () => {
  test("one-line form: the main archive of any suite, with its key; not updates, security, sources, comments, others", () => {
    expect(parseOneLine([
      "# deb http://a.example/debian bookworm main",
      "deb http://m.example/debian bookworm main contrib # the usual",
      "deb [arch=amd64 signed-by=/k/debian.gpg trusted=yes] https://n.example/debian/ trixie main",
      "deb-src http://m.example/debian bookworm main",
      "deb http://m.example/debian bookworm-updates main",
      "deb http://s.example/debian-security bookworm-security main",
      "deb http://o.example/ubuntu noble main",
      "deb http://c.example/debian bookworm contrib",
      "deb http://f.example/flat ./",
    ].join("\n"))).toEqual([
      { uri: "http://m.example/debian", signedBy: undefined },
      { uri: "https://n.example/debian/", signedBy: "/k/debian.gpg" },
    ]);
  });

  test("deb822 form: comments, continuation lines, several addresses, disabled entries", () => {
    expect(parseDeb822([
      "Types: deb deb-src", "# http://snapshot.example", "URIs: http://m.example/debian", " http://n.example/debian", "Suites: bookworm bookworm-updates",
      "Components: main", "Signed-By: /k.gpg", "",
      "Types: deb", "URIs: http://off.example/debian", "Suites: trixie", "Components: main", "Enabled: no", " ",
      "types: deb", "URIs: http://s.example/debian-security", "Suites: bookworm-security", "Components: main", "",
    ].join("\n"))).toEqual([{ uri: "http://m.example/debian", signedBy: "/k.gpg" }, { uri: "http://n.example/debian", signedBy: "/k.gpg" }]);
  });

  test("an embedded key survives being read and written", () => {
    const key = ["", "-----BEGIN PGP PUBLIC KEY BLOCK-----", "", "mDMEZ", "-----END PGP PUBLIC KEY BLOCK-----"].join("\n");
    const text = formatSource({ uri: "http://m.example/debian", signedBy: key }, "trixie", "riscv64");
    expect(text).toContain("\n .\n mDMEZ\n");
    expect(parseDeb822(text)).toEqual([{ uri: "http://m.example/debian", signedBy: key.trim() }]);
  });

  test("both forms together, without repetition; a mirror by the environment comes alone", () => {
    write("sources.list", "deb http://m.example/debian bookworm main\n");
    write("sources.list.d/a.sources", "Types: deb\nURIs: http://m.example/debian/\nSuites: bookworm\nComponents: main\n");
    write("sources.list.d/b.list", "deb cdrom:[x]/ bookworm main\ndeb http://b.example/debian sid main\n");
    write("sources.list.d/c.list.disabled", "deb http://no.example/debian sid main\n");
    expect(findMirrors(folder, {}).map(({ uri }) => uri)).toEqual(["http://m.example/debian", "http://b.example/debian"]);
    expect(findMirrors(folder, { BAILIWICK_DEBIAN_MIRROR: "http://e.example" }).map(({ uri }) => uri)).toEqual(["http://e.example"]);
    expect(findMirrors(join(folder, "none"), {})).toEqual([]);
  });

  test.each([
    ["W: GPG error: x InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 1", /debian-archive-keyring/],
    ["E: Failed to fetch x  File has unexpected size (1 != 2). Mirror sync in progress?", /does not match its signed Release/],
    ["Err:1 x\n  Temporary failure resolving 'x'\nE: Failed to fetch x", /cannot be reached/],
    ["E: The repository 'x' does not have a Release file.", /does not have it/],
    ["W: noise\nE: Something else\n", /^Something else$/],
    ["", /gave no reason/],
  ])("apt's complaint %j is put in words", (said, words) => {
    expect(explain(said)).toMatch(words);
  });
});

describe("what is suitable", () => {
  test.each([["2.1.1", undefined, true], ["2.1.4", undefined, true], ["2.10.0", undefined, true], ["3.0.0", undefined, true], ["2.0.1", undefined, false], ["2.1.0", undefined, false],
    ["2.1.4", "2.1.4", true], ["2.1.1", "2.1.4", false], ["2.1.1", "newest", false], ["2.1.10", "newest", true], [undefined, undefined, false]])("libunicorn %s when %s is asked for: %s", (version, exact, answer) => {
    expect(suits(version, exact)).toBe(answer);
  });

  test("npm packages: those of the lock file, in its versions, and there", () => {
    const lockfile = (version: string) => JSON.stringify({ packages: { "": {}, "node_modules/a": { version }, "node_modules/b": { version: "1.0.0", optional: true } } });
    expect(packagesMatch(folder)).toBe(false);
    write("package-lock.json", lockfile("1.0.0"));
    expect(packagesMatch(folder)).toBe(false);
    write("node_modules/.package-lock.json", JSON.stringify({ packages: { "node_modules/a": { version: "1.0.0" } } }));
    expect(packagesMatch(folder)).toBe(false);
    write("node_modules/a/package.json", "{}");
    expect(packagesMatch(folder)).toBe(true);
    write("package-lock.json", lockfile("1.0.1"));
    expect(packagesMatch(folder)).toBe(false);
    write("node_modules/.package-lock.json", "{ interrupted");
    expect(packagesMatch(folder)).toBe(false);
  });

  test.each([[["--quiet", "--only", "npm,linux"], { quiet: true, retry: false, only: ["npm", "linux"] }], [[], { quiet: false, retry: false, only: [] }]])("arguments %j are taken", (args, options) => {
    expect(parseArguments(args)).toEqual(options);
  });
  test.each([[["--only", "nothing"], /no step nothing/], [["--only"], /needs the name/], [["--what"], /unknown argument/]])("arguments %j are refused", (args, why) => {
    expect(parseArguments(args)).toMatch(why);
  });
});

describe("what an ELF file asks for", () => {
  test("the running node names its interpreter and the C library", () => {
    const { interpreter, libraries } = neededLibraries(readFileSync(process.execPath));
    expect(interpreter).toMatch(/\/ld-linux/);
    expect(libraries).toContain("libc.so.6");
  });
  test("what is no ELF file is refused", () => {
    expect(() => neededLibraries(Buffer.from("#!/bin/sh\n".repeat(10)))).toThrow(/not a 64-bit/);
    expect(() => moduleDependencies(Buffer.from("nothing"))).toThrow(/not a kernel module/);
  });

  const module = (...depends: string[]) => Buffer.from(`ELF\0license=GPL\0depends=${depends.join(",")}\0name=x\0`);
  test("modules are ordered after those they depend on; absent ones are left out", () => {
    const modules = new Map([["virtio_net", module("net-failover")], ["net_failover", module("failover")], ["failover", module()], ["virtio_mmio", module()], ["unused", module()]]);
    expect(loadOrder(modules, ["virtio_mmio", "virtio_console", "virtio_net"]).map(({ name }) => name)).toEqual(["virtio_mmio", "failover", "net_failover", "virtio_net"]);
  });
  test("a module whose dependency is not there is a failure", () => {
    expect(() => loadOrder(new Map([["a", module("b")]]), ["a"])).toThrow(/needs b/);
  });
});

describe("an initrd", () => {
  const entry = (name: string, mode: number, body: string): [string, { name: string; mode: number; body: Buffer }] => [name, { name, mode, body: Buffer.from(body) }];
  test("links are followed in the last part and before it, and a loop ends", () => {
    const entries = new Map([entry("lib", 0o120777, "usr/lib"), entry("usr/lib/x.so.1", 0o120777, "../lib/x.so.1.2"), entry("usr/lib/x.so.1.2", 0o100644, "it"),
      entry("a", 0o120777, "/b"), entry("b", 0o120777, "a")]);
    expect(resolveFile(entries, "/lib/x.so.1")?.body.toString()).toBe("it");
    expect(resolveFile(entries, "a")).toBeUndefined();
    expect(resolveFile(entries, "usr")).toBeUndefined();
  });
  test("a damaged archive is refused", () => {
    expect(() => readCpio(Buffer.from("garbage"))).toThrow(/not a newc cpio header/);
    const header = Buffer.from(`070701${"00000000".repeat(6)}00ffffff${"00000000".repeat(4)}00000002${"00000000"}a\0`);
    expect(() => readCpio(header)).toThrow(/past the end/);
  });
});

describe("stamps and folders", () => {
  test("a hash changes with a name, a content, an extra input, and not with what is left out", () => {
    write("a/x", "1");
    const hash = (...extra: string[]) => hashOf(folder, [join(folder, "a")], (name) => name === "build", extra);
    const first = hash();
    write("a/build/out", "noise");
    expect(hash()).toBe(first);
    expect(hash("2.1.4")).not.toBe(first);
    write("a/x", "2");
    const second = hash();
    expect(second).not.toBe(first);
    write("a/y", "");
    expect(hash()).not.toBe(second);
  });

  test("a folder to work in is removed after success and failure, and one of a dead process by the next", async () => {
    const dead = spawnSync("true").pid;
    const space = (await run("readlink", ["/proc/self/ns/pid"])).output.replace(/\D/g, "");
    write(`tmp-${space}-${dead}-00/half`, "");
    write(`tmp-${space}-${process.pid}-00/ours`, "");
    await inTemporary(folder, async (path) => writeFileSync(join(path, "x"), ""));
    await expect(inTemporary(folder, async () => { throw new Error("no"); })).rejects.toThrow("no");
    expect(readdirSync(folder)).toEqual([`tmp-${space}-${process.pid}-00`]);
  });

  test("a finished folder takes the place of what was there", () => {
    write("new/a", "new");
    write("place/a", "old");
    moveIntoPlace(join(folder, "new"), join(folder, "place"));
    expect(readFileSync(join(folder, "place/a"), "utf8")).toBe("new");
    expect(readdirSync(folder)).toEqual(["place"]);
  });
});

describe("the lock", () => {
  test("is held by one at a time, who waits is told by whom", async () => {
    const waits: string[] = [];
    const first = await lock(folder, () => undefined);
    let second: (() => void) | undefined;
    const waiting = lock(folder, (pid) => waits.push(pid)).then((release) => (second = release));
    await expect.poll(() => waits).toEqual([String(process.pid)]);
    expect(second).toBeUndefined();
    first();
    await waiting;
    second?.();
    (await lock(folder, () => undefined))();
  });

  test("dies with its holder, however that ends", async () => {
    const script = `import(${JSON.stringify(pathToFileURL(join(SETUP, "lock.mjs")).href)}).then(({lock}) => lock(${JSON.stringify(folder)}, () => {})).then(() => { console.log("held"); setInterval(() => {}, 1000); });`;
    const holder = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    let told = "";
    const waiting = lock(folder, (pid) => (told = pid));
    await expect.poll(() => told).toBe(String(holder.pid));
    holder.kill("SIGKILL");
    (await waiting)();
  });
});

describe("progress", () => {
  const lines = (isTTY: boolean) => {
    const written: string[] = [];
    let time = 0;
    const progress = createProgress({ write: (text) => written.push(text), isTTY, columns: 40 }, () => time);
    const line = progress.step("fetch");
    for (time = 0; time <= 12_000; time += 1000) line.live(`${time / 1000} of 12`);
    line.done("done");
    return written;
  };
  test("without a terminal: a line every five seconds and the result", () => {
    expect(lines(false)).toEqual(["   5.0s  fetch       5 of 12\n", "  10.0s  fetch       10 of 12\n", "  13.0s  fetch       done\n"]);
  });
  test("on a terminal: one line that is redrawn, never wider than the screen", () => {
    const written = lines(true);
    expect(written.length).toBeGreaterThan(12);
    expect(written.slice(0, -2).every((text) => text.startsWith("\r\x1b[K") && text.length < 45)).toBe(true);
    expect(written.slice(-2)).toEqual(["\r\x1b[K", "  13.0s  fetch       done\n"]);
  });
});

describe("a program run by the set-up", () => {
  test("its outputs and status are given; a missing one has no status", async () => {
    expect(await run("sh", ["-c", "echo a; echo b >&2; exit 3"])).toEqual({ status: 3, output: "a\n", errors: "b\n" });
    expect((await run(join(folder, "none"), [])).status).toBeNull();
  });
  test("is found on a PATH only when it may be executed", () => {
    write("bin/tool", "");
    expect(findProgram("tool", join(folder, "bin"))).toBeUndefined();
    symlinkSync(process.execPath, join(folder, "bin/node"));
    expect(findProgram("node", `${folder}:${join(folder, "bin")}`)).toBe(join(folder, "bin/node"));
  });
});

describe("the whole", () => {
  function setUp(args: string[], env: NodeJS.ProcessEnv = {}, nodeArgs: string[] = []) {
    const root = join(folder, "clone");
    cpSync(SETUP, join(root, "servers/operator/setup"), { recursive: true });
    writeFileSync(join(root, "package.json"), JSON.stringify({ name: "bailiwick", version: "1.2.3" }));
    const entry = join(root, "servers/operator/setup/setup.mjs");
    // No program is on PATH: whatever the set-up could start or install is out of reach.
    return spawnSync(process.execPath, [...nodeArgs, entry, ...args], { encoding: "utf8", env: { HOME: folder, PATH: join(folder, "empty"), BAILIWICK_CACHE: join(folder, "cache"), ...env } });
  }
  const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const engine = (version: string) => {
    const place = `cache/unicorn-${version}-${process.arch === "arm64" ? "arm64" : "amd64"}/usr`;
    write(`${place}/include/unicorn/unicorn.h`, version.split(".").map((number, index) => `#define UC_API_${["MAJOR", "MINOR", "PATCH"][index]} ${number}\n`).join(""));
    write(`${place}/lib/${triplet}/libunicorn.so`, "");
  };

  test("an old Node is refused in words, by a file that it can parse", () => {
    const { status, stderr } = setUp([], {}, ["--import", "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.18.3'}})"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/needs Node.js 20.19 or newer; this is 20.18.3/);
    const code = readFileSync(join(SETUP, "setup.mjs"), "utf8").replace(/\/\/.*|\/\*[^]*?\*\//g, "");
    expect(code).not.toMatch(/\?\?|\?\.|^\s*import\s+[^(]|\bawait\b|#\w|=>/m);
  });

  test("what another clone fetched is taken from the cache, the second run has nothing to do, a damaged cache is noticed", () => {
    engine("9.8.1");
    const exact = { BAILIWICK_UNICORN: "9.8.1" };
    expect(setUp(["--only", "unicorn"], exact)).toMatchObject({ status: 0, stderr: expect.stringMatching(/9.8.1, Debian's build, in the cache\n/) });
    expect(setUp(["--only", "unicorn"], exact)).toMatchObject({ status: 0, stderr: "Bailiwick is set up: nothing left to do.\n" });
    expect(setUp(["--only", "unicorn", "--quiet"], exact)).toMatchObject({ status: 0, stderr: "" });
    rmSync(join(folder, "cache"), { recursive: true });
    expect(setUp(["--only", "unicorn"], exact).status).toBe(1);
  });

  test("without a version named, the reference in the cache goes before a newer one, and a newer one before nothing", () => {
    engine("2.1.4");
    const record = () => JSON.parse(readFileSync(findPlaces({ BAILIWICK_CACHE: join(folder, "cache") }, join(folder, "clone")).record, "utf8")).unicorn.version;
    // A suitable library of the system goes first; there is none to be seen only where it is not installed.
    const system = existsSync("/usr/include/unicorn/unicorn.h");
    expect(setUp(["--only", "unicorn"]).status).toBe(0);
    if (!system) expect(record()).toBe("2.1.4");
    rmSync(join(folder, "clone"), { recursive: true });
    rmSync(join(folder, "cache/installed-1.2.3"), { recursive: true });
    engine("2.1.1");
    expect(setUp(["--only", "unicorn"]).status).toBe(0);
    if (!system) expect(record()).toBe("2.1.1");
  });

  test("what cannot be had is said, with what to do", () => {
    const missing = setUp(["--only", "unicorn"], { BAILIWICK_UNICORN: "9.9.9" });
    expect(missing.status).toBe(1);
    expect(missing.stderr).toMatch(/libunicorn 9\.9\.9[^]*apt-get install libunicorn-dev/);
    const compiler = setUp(["--only", "toolchain"]);
    expect(compiler.status).toBe(1);
    expect(compiler.stderr).toMatch(/not on this machine: riscv64-unknown-elf-gcc[^]*gcc-riscv64-unknown-elf/);
    expect(setUp(["--only", "rubbish"]).status).toBe(2);
  });

  test("without Debian's packages the guest is recorded as none, not asked for again within the hour, and asked for with --retry", () => {
    const first = setUp(["--only", "linux"]);
    expect(first).toMatchObject({ status: 0, stderr: expect.stringMatching(/none: Debian's riscv64 packages cannot be had/) });
    const { record } = findPlaces({ BAILIWICK_CACHE: join(folder, "cache") }, join(folder, "clone"));
    expect(JSON.parse(readFileSync(record, "utf8"))).toMatchObject({ linux: null });
    expect(setUp(["--only", "linux"]).stderr).toMatch(/nothing left to do/);
    expect(setUp(["--only", "linux", "--retry"]).stderr).toMatch(/none: Debian/);
    expect(existsSync(record)).toBe(true);
  });
});
