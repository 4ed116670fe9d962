// The initramfs: archive form, what is refused, what the image holds, and how damage in the cache is met.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { composeInitramfs, composeLinux, execArchive } from "../../guests/linux/image.ts";
import { joinArchives, writeInitramfs, type InitramfsEntry, type Result } from "../../guests/linux/initramfs.ts";
import { findLinux, type InstalledLinux } from "../../guests/linux/installed.ts";
import { BENCH, INIT, PROFILE } from "../../guests/linux/scripts.ts";
import { readCpio } from "../../servers/operator/setup/cpio.mjs";

const folder = mkdtempSync(join(tmpdir(), "bailiwick-initramfs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

function names(archive: Uint8Array): string[] {
  return [...readCpio(Buffer.from(archive)).keys()];
}

const file = (path: string, content = ""): InitramfsEntry => ({ kind: "file", path, mode: 0o644, bytes: Buffer.from(content) });

describe("the cpio archive", () => {
  test("a file, a folder, a link and a device have the form that the kernel documents", () => {
    const archive = Buffer.from(value(writeInitramfs([
      { kind: "directory", path: "/dev", mode: 0o755 },
      { kind: "device", path: "/dev/console", mode: 0o600, major: 5, minor: 1 },
      file("/abc", "hello"),
      { kind: "link", path: "/l", target: "abc" },
    ])));
    const console = archive.indexOf("dev/console\0") - 110;
    expect(console % 4).toBe(0);
    expect(archive.toString("latin1", console, console + 110)).toBe(
      "070701" + "00000002" + "00002180" + "00000000".repeat(2) + "00000001" + "00000000" + "00000000" + "00000000".repeat(2) + "00000005" + "00000001" + "0000000c" + "00000000");
    const entries = readCpio(archive);
    expect([...entries.keys()]).toEqual(["dev", "dev/console", "abc", "l"]);
    expect(entries.get("abc")?.body.toString()).toBe("hello");
    expect(entries.get("dev")?.mode).toBe(0o040755);
    expect(entries.get("l")).toMatchObject({ mode: 0o120777, body: Buffer.from("abc") });
  });

  test("any files come back by an independent reader, and the same entries give the same bytes", () => {
    const content = fc.uniqueArray(fc.tuple(fc.stringMatching(/^[a-zA-Z0-9 ._-]{1,20}$/).filter((name) => !/^\.{1,2}$/.test(name)), fc.uint8Array({ maxLength: 70 })), { selector: ([name]) => name });
    fc.assert(fc.property(content, (files) => {
      const entries = files.map(([name, bytes]) => ({ kind: "file", path: `/${name}`, mode: 0o644, bytes }) as const);
      const archive = value(writeInitramfs(entries));
      expect(archive.length % 4).toBe(0);
      expect(value(writeInitramfs(entries))).toEqual(archive);
      const back = [...readCpio(Buffer.from(archive))].map(([name, { body }]) => [name, new Uint8Array(body)]);
      expect(back).toEqual(files.map(([name, bytes]) => [name, bytes]));
    }));
  });

  test.each<[string, readonly InitramfsEntry[], RegExp]>([
    ["a relative path", [file("a")], /plain absolute path/],
    ["an empty part", [file("//a")], /plain absolute path/],
    ["a way up", [file("/../a")], /plain absolute path/],
    ["a NUL", [file("/a\0b")], /NUL/],
    ["the trailer's name", [file("/TRAILER!!!")], /ends an archive/],
    ["a path twice", [file("/a"), file("/a")], /twice/],
    ["a file before its folder", [file("/a/b")], /folder is not named/],
    ["a path too long", [file(`/${"x".repeat(4096)}`)], /longer/],
    ["a mode of 13 bits", [{ kind: "directory", path: "/a", mode: 0o10000 }], /mode/],
    ["an empty link", [{ kind: "link", path: "/a", target: "" }], /link/],
    ["a device number out of range", [{ kind: "device", path: "/a", mode: 0o600, major: -1, minor: 0 }], /device number/],
  ])("refuses %s", (_, entries, why) => {
    const result = writeInitramfs(entries);
    expect(result.ok ? "accepted" : result.error).toMatch(why);
  });

  test("joined archives each begin on four bytes", () => {
    const compressed = Uint8Array.from([1, 2, 3, 4, 5]);
    const joined = joinArchives([compressed, execArchive("true")]);
    expect([...joined.subarray(0, 8)]).toEqual([1, 2, 3, 4, 5, 0, 0, 0]);
    expect(names(joined.subarray(8))).toEqual(["bailiwick", "bailiwick/exec"]);
  });
});

describe("the scripts", () => {
  test.each([["init", INIT], ["profile", PROFILE], ["bench", BENCH]])("%s is a shell script without a syntax error", (_, script) => {
    execFileSync("sh", ["-n"], { input: script });
  });

  test("the command is kept byte for byte", () => {
    const entries = readCpio(Buffer.from(execArchive("echo 'a\"$x'\nexit 3")));
    expect(entries.get("bailiwick/exec")?.body.toString()).toBe("echo 'a\"$x'\nexit 3\n");
  });
});

describe("the image", () => {
  function hold(path: string, bytes: Uint8Array) {
    mkdirSync(join(folder, "modules"), { recursive: true });
    writeFileSync(join(folder, path), bytes);
    return { path, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  }
  function install(): InstalledLinux {
    const kernel = Buffer.alloc(64);
    kernel.write("RSC\x05", 0x38, "latin1");
    return {
      way: "stable", source: "made up", suite: "trixie", release: "6.12", packages: [], notes: [], folder,
      kernel: hold("Image", kernel),
      busybox: hold("busybox", Buffer.from("box")),
      files: [],
      links: [],
      modules: [{ ...hold("modules/second.ko", Buffer.from("2")), name: "second" }, { ...hold("modules/first.ko", Buffer.from("1")), name: "first" }],
    };
  }

  test("holds init, BusyBox, the console and the modules in load order", () => {
    const entries = readCpio(Buffer.from(value(composeInitramfs(install()))));
    expect(entries.get("init")?.mode).toBe(0o100755);
    expect(entries.get("bin/busybox")?.body.toString()).toBe("box");
    expect(entries.get("dev/console")?.mode).toBe(0o020600);
    expect(entries.get("bailiwick/modules")?.body.toString()).toBe("second\nfirst\n");
    expect(entries.get("sbin/insmod")?.body.toString()).toBe("/bin/busybox");
    expect(entries.has("bailiwick/exec")).toBe(false);
  });

  test("kmod loads the modules where BusyBox cannot", () => {
    const linux = { ...install(), files: [{ ...hold("kmod", Buffer.from("k")), at: "/bin/kmod" }], links: [{ at: "/bin/ls", to: "busybox" }] };
    const entries = readCpio(Buffer.from(value(composeInitramfs(linux))));
    expect(entries.get("sbin/insmod")?.body.toString()).toBe("/bin/kmod");
    expect(entries.get("bin/ls")?.body.toString()).toBe("busybox");
  });

  test("a command follows as a second archive", () => {
    const linux = install();
    const base = value(composeInitramfs(linux));
    const { initramfs } = value(composeLinux(linux, { command: "true" }));
    expect(initramfs.subarray(0, base.length)).toEqual(base);
    expect(names(initramfs.subarray(base.length))).toContain("bailiwick/exec");
  });

  test("a damaged, a missing and a foreign kernel are each refused in words", () => {
    const linux = install();
    const refusal = (changed: InstalledLinux) => {
      const result = composeLinux(changed);
      return result.ok ? "accepted" : result.error;
    };
    expect(refusal({ ...linux, kernel: hold("elf", Buffer.alloc(64)) })).toMatch(/not a flat riscv Image/);
    expect(refusal({ ...linux, kernel: { ...linux.kernel, path: "nothing" } })).toMatch(/is missing/);
    writeFileSync(join(folder, "Image"), Buffer.alloc(64, 1));
    expect(refusal(linux)).toMatch(/is damaged/);
  });
});

describe("the record of the set-up", () => {
  const record = join(folder, "setup.json");
  test("gives the installed kernel", () => {
    const held = { path: "Image", size: 1, sha256: "0".repeat(64) };
    const linux = { way: "next", source: "", suite: "", release: "7", packages: [], notes: [], folder, kernel: held, busybox: held, files: [], links: [], modules: [] };
    writeFileSync(record, JSON.stringify({ unicorn: {}, linux }));
    expect(value(findLinux(record))).toEqual(linux);
  });
  test("says that Debian could not be reached", () => {
    writeFileSync(record, JSON.stringify({ linux: null }));
    expect(value(findLinux(record))).toBeUndefined();
  });
  test.each([["absent", undefined], ["not JSON", "{"], ["of another shape", JSON.stringify({ linux: { kernel: "x" } })], ["without the step", "{}"]])("is an error when %s", (_, content) => {
    rmSync(record, { force: true });
    if (content !== undefined) writeFileSync(record, content);
    expect(findLinux(record).ok).toBe(false);
  });
});
