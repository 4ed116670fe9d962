// What the set-up makes a Debian user space with: archives and packages read and written, the order of installation, the lock, what comes out of the guest that
// installs, and the file system, which Debian's own e2fsck and debugfs look at.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { composeRootInitramfs, mountsDisks } from "../../guests/debian/image.ts";
import { findDebian } from "../../guests/debian/installed.ts";
import { ROOT_INIT } from "../../guests/debian/scripts.ts";
import type { InstalledLinux } from "../../guests/linux/installed.ts";
import { findProgram } from "../../servers/operator/setup/command.mjs";
import { readCpio, writeCpio } from "../../servers/operator/setup/cpio.mjs";
import { readDeb, writeDeb } from "../../servers/operator/setup/debian/deb.mjs";
import { writeExt4, type Tree, type TreeNode } from "../../servers/operator/setup/debian/ext4.mjs";
import { readResult } from "../../servers/operator/setup/debian/install.mjs";
import { inCalls, relationsOf } from "../../servers/operator/setup/debian/order.mjs";
import { parseLock, readWanted } from "../../servers/operator/setup/debian/packages.mjs";
import { readTar } from "../../servers/operator/setup/debian/tar.mjs";
import { parseArguments, STEPS } from "../../servers/operator/setup/steps.mjs";

const folder = mkdtempSync(join(tmpdir(), "bailiwick-debian-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const ADMIN_PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/** By GNU tar, as dpkg-deb's archives are. */
function tarOf(make: string, ...options: string[]): Buffer {
  const from = mkdtempSync(join(folder, "tar-"));
  const made = spawnSync("sh", ["-ec", make], { cwd: from });
  expect(made.status, made.stderr.toString()).toBe(0);
  const done = spawnSync("tar", ["-c", "--sort=name", "--mtime=@1000", ...options, "."], { cwd: from, maxBuffer: 2 ** 26 });
  expect(done.status, done.stderr.toString()).toBe(0);
  return done.stdout;
}
const LONG = `${"long/".repeat(30)}${"n".repeat(120)}`;
const MAKE = `mkdir -p "$(dirname ${LONG})" && echo deep >${LONG} && printf hello >f && chmod 4711 f && ln f hard && ln -s f soft && ln -s ${"t".repeat(150)} far && mkdir d && chmod 1777 d`;

describe("archives", () => {
  test.each([["GNU", "--format=gnu"], ["pax", "--format=pax"], ["ustar, which has a prefix", "--format=ustar", "--exclude=*nnn*", "--exclude=far"]])("tar, in %s's form: kinds, modes, owners, times, long names", (_, ...options) => {
    const entries = new Map(readTar(tarOf(MAKE, "--owner=:70000", "--group=:5", ...options)).map((entry) => [entry.path, entry]));
    expect(entries.get("/f")).toMatchObject({ kind: "file", mode: 0o4711, uid: 70000, gid: 5, mtime: 1000, body: Buffer.from("hello") });
    expect(entries.get("/hard")).toMatchObject({ kind: "hardlink", target: "/f" });
    expect(entries.get("/soft")).toMatchObject({ kind: "link", target: "f" });
    expect(entries.get("/d")).toMatchObject({ kind: "directory", mode: 0o1777 });
    expect(entries.get("")).toMatchObject({ kind: "directory" });
    if (options.length === 1) {
      expect(entries.get(`/${LONG}`)?.body.toString()).toBe("deep\n");
      expect(entries.get("/far")?.target).toBe("t".repeat(150));
    } else expect(entries.has(`/${"long/".repeat(30).slice(0, -1)}`)).toBe(true);
  });

  test("a damaged tar is refused: cut off, without its end, with a changed header, with a path that leads out", () => {
    const whole = tarOf("echo hello >f");
    expect(() => readTar(whole.subarray(0, 512 * 2 + 2))).toThrow(/reaches past/);
    expect(() => readTar(whole.subarray(0, 1536))).toThrow(/without its end/);
    const changed = Buffer.from(whole);
    changed[514] = 0x7a;
    expect(() => readTar(changed)).toThrow(/not a tar header/);
    expect(() => readTar(tarOf("mkdir a && cd a && touch f", "--transform=s,a/f,../f,", "-P"))).toThrow(/leads out/);
    expect(() => readTar(tarOf("mkfifo p"))).toThrow(/of a kind/);
  });

  test("cpio: what is written is read again, the same", () => {
    const entries = [{ name: "a", mode: 0o040755, body: Buffer.alloc(0) }, { name: "a/file", mode: 0o100644, body: Buffer.from("hello") }, { name: "a/link", mode: 0o120777, body: Buffer.from("file") }];
    expect([...readCpio(writeCpio(entries)).values()].map(({ name, mode, body }) => ({ name, mode, body: body.toString() }))).toEqual(entries.map(({ name, mode, body }) => ({ name, mode, body: body.toString() })));
  });

  const hasDpkg = findProgram("dpkg-deb") !== undefined;
  test.skipIf(!hasDpkg)("a package written anew is one that dpkg-deb reads, with the same in it; a damaged one is refused by name", async () => {
    const file = join(folder, "p_1_all.deb"), again = join(folder, "again.deb");
    const make = "mkdir -p p/DEBIAN p/usr && printf 'Package: p\\nVersion: 1\\nArchitecture: all\\nMaintainer: n <n@example.org>\\nDescription: d\\n' >p/DEBIAN/control && echo hello >p/usr/f && dpkg-deb --root-owner-group -Zxz -b p p_1_all.deb";
    expect(spawnSync("sh", ["-ec", make], { cwd: folder }).status).toBe(0);
    const deb = await readDeb(file);
    writeFileSync(again, writeDeb(deb));
    expect(await readDeb(again)).toEqual(deb);
    expect(spawnSync("dpkg-deb", ["-f", again, "Package"]).stdout.toString()).toBe("p\n");
    expect(readTar(deb.data).find(({ path }) => path === "/usr/f")?.body.toString()).toBe("hello\n");
    writeFileSync(again, readFileSync(file).subarray(0, 300));
    await expect(readDeb(again)).rejects.toThrow(/dpkg-deb cannot read .*again\.deb/);
  });
});

describe("the order of installation", () => {
  const fields = (name: string, more = "") => relationsOf(`Package: ${name}\n${more}`);
  test("relations: versions, architectures, alternatives and continued lines", () => {
    expect(fields("a", "Pre-Depends: b (>= 1) | c:any,\n d\nDepends: e\nProvides: v (= 1), w\nDescription: x\n Depends: no\n")).toEqual({ name: "a", needsFirst: [["b", "c"], ["d"]], needs: [["e"]], provides: ["v", "w"] });
  });
  test("what must be configured first is in a call before, with what it depends on", () => {
    const all = [fields("a", "Pre-Depends: virtual\n"), fields("b", "Provides: virtual\nDepends: c | none\n"), fields("c"), fields("d", "Depends: there\nPre-Depends: there\n")];
    expect(inCalls(all, [fields("there")]).map((call) => call.map(({ name }) => name))).toEqual([["c", "b"], ["a", "d"]]);
  });
  test("packages that need each other come all the same, once", () => {
    const all = [fields("a", "Depends: b\n"), fields("b", "Depends: a\n"), fields("c", "Pre-Depends: c\n")];
    expect(inCalls(all, []).flat().map(({ name }) => name).sort()).toEqual(["a", "b", "c"]);
  });
});

describe("the lock", () => {
  const debian = join(import.meta.dirname, "../../guests/debian");
  const text = readFileSync(join(debian, "lock.json"), "utf8");
  const { packages, suite } = readWanted(debian);
  const lock = parseLock(text, packages);

  test("has the packages that are asked for, each once, by file and hash", () => {
    const names = lock.packages.map(({ name }) => name);
    expect(packages.filter((name) => !names.includes(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    expect(lock.suite).toBe(suite);
    expect(lock.packages.find(({ name }) => name === "dpkg")?.base).toBe(true);
  });
  const changed = (change: (made: typeof lock) => void): string => {
    const made = structuredClone(lock);
    change(made);
    return JSON.stringify(made);
  };
  test.each([
    ["no JSON", "{", /no JSON/],
    ["without packages", changed((made) => (made.packages = [])), /has no packages/],
    ["without a date", changed((made) => (made.date = "soon")), /has no date/],
    ["with a path that leads elsewhere", changed((made) => (made.packages[0]!.path = "pool/../../x.deb")), /in a way that cannot be/],
    ["with an address", changed((made) => (made.packages[0]!.path = "http://x/x.deb")), /in a way that cannot be/],
    ["with a hash that is none", changed((made) => (made.packages[0]!.sha256 = "0")), /in a way that cannot be/],
    ["of other packages", changed((made) => made.asked.push("emacs")), /other packages than packages\.json/],
  ])("%s is refused", (_, bad, why) => expect(() => parseLock(bad, packages)).toThrow(why));
});

describe("what comes out of the guest", () => {
  const known = new Map([[sha256("known"), Buffer.from("known")]]);
  const line = (...fields: string[]) => `${fields.join("\t")}\0`;
  const LISTING = line("d", "755", "0", "0", "5000.25", "1", "/", "") + line("f", "4755", "0", "42", "7.5", "2", "/a", "") + line("f", "4755", "0", "42", "7.5", "2", "/b", "") + line("l", "777", "0", "0", "9", "3", "/l", "a\\x2db") + line("f", "600", "1", "1", "9", "4", "/new", "");
  const payload = (listing: string, hashes: string, files = "printf new >new"): Buffer => gzipSync(archive(listing, hashes, files));
  function archive(listing: string, hashes: string, files: string): Buffer {
    const from = mkdtempSync(join(folder, "out-"));
    writeFileSync(join(from, "listing"), listing);
    writeFileSync(join(from, "hashes"), hashes);
    expect(spawnSync("sh", ["-ec", files], { cwd: from }).status).toBe(0);
    return spawnSync("tar", ["-c", "."], { cwd: from }).stdout;
  }
  const HASHES = `${sha256("known")}  /a\n${sha256("known")}  /b\n${sha256("new")}  /new\n`;

  test("is the tree it says: contents by hash, names of one file, times no later than asked for", () => {
    const tree = readResult(payload(LISTING, HASHES), known, 1000);
    expect(tree.get("")).toMatchObject({ kind: "directory", mtime: 1000 });
    expect(tree.get("/a")).toMatchObject({ kind: "file", mode: 0o4755, gid: 42, mtime: 7, body: Buffer.from("known") });
    expect(tree.get("/b")).toMatchObject({ sameAs: "/a" });
    expect(tree.get("/l")?.body.toString()).toBe("a\\x2db");
    expect(tree.get("/new")).toMatchObject({ uid: 1, body: Buffer.from("new") });
    expect(tree.get("/tmp")?.mode).toBe(0o1777);
  });
  test.each([
    ["a file that is missing", LISTING, HASHES, "true", /lacks the file \/new/],
    ["a file that is another", LISTING, HASHES, "printf other >new", /lacks the file \/new/],
    ["a device", LISTING + line("c", "600", "0", "0", "1", "9", "/dev0", ""), HASHES, "printf new >new", /of a kind/],
    ["a damaged line", LISTING + line("f", "x"), HASHES, "printf new >new", /is damaged/],
  ])("with %s is refused", (_, listing, hashes, files, why) => expect(() => readResult(payload(listing, hashes, files), known, 1000)).toThrow(why));
});

describe("the file system", () => {
  const node = (kind: TreeNode["kind"], body: string | Buffer = "", mode = 0o755, more: Partial<TreeNode> = {}): TreeNode => ({ kind, mode, uid: 0, gid: 0, mtime: 1_000_000_000, body: Buffer.from(body), ...more });
  const tree = (): Tree => {
    const made: Tree = new Map([["", node("directory")], ["/z", node("file", "set\n", 0o4755, { uid: 100_000, gid: 42 })], ["/a", node("file", "", 0o755, { sameAs: "/z" })], ["/d", node("directory", "", 0o1777, { gid: 70_000 })]]);
    made.set("/short", node("link", "x".repeat(59), 0o777)).set("/long", node("link", "y".repeat(60), 0o777)).set("/empty", node("file"));
    // Across the border of a group, and a folder of several blocks.
    made.set("/big", node("file", Buffer.alloc(110 * 2 ** 20, 7)));
    for (let index = 0; index < 700; index++) made.set(`/d/a file with a name of some length, number ${index}`, node("file", `${index}`));
    return made;
  };
  const options = { bytes: 224 * 2 ** 20, time: 1_700_000_000, label: "test", name: "one" };
  const image = join(folder, "one.ext4");
  writeExt4(image, tree(), options);

  test("the same tree gives the same bytes, whatever order it comes in; another name, others", () => {
    const again = join(folder, "two.ext4");
    writeExt4(again, new Map([...tree()].reverse()), options);
    const hash = sha256(readFileSync(image));
    expect(sha256(readFileSync(again))).toBe(hash);
    writeExt4(again, tree(), { ...options, name: "another" });
    expect(sha256(readFileSync(again))).not.toBe(hash);
    expect(statSync(image).blocks * 512).toBeLessThan(200 * 2 ** 20);
  });

  const e2fsck = findProgram("e2fsck", ADMIN_PATH), debugfs = findProgram("debugfs", ADMIN_PATH);
  test.skipIf(e2fsck === undefined)("e2fsck finds nothing to mend; in a damaged one it does", () => {
    const check = (file: string) => spawnSync(e2fsck!, ["-fn", file]);
    const { status, stdout } = check(image);
    expect(stdout.toString()).not.toMatch(/FIXED|no\n|ERROR/);
    expect(status).toBe(0);
    const damaged = join(folder, "damaged.ext4"), bytes = readFileSync(image);
    bytes[2 * 4096] = (bytes[2 * 4096] ?? 0) ^ 0xff; // the first block's bitmap
    writeFileSync(damaged, bytes);
    expect(check(damaged).status).not.toBe(0);
  });
  test.skipIf(debugfs === undefined)("debugfs reads what was put in: owners, modes, links, contents", () => {
    const ask = (command: string): string => spawnSync(debugfs!, ["-R", command, image], { maxBuffer: 2 ** 28 }).stdout.toString();
    expect(ask("stat /z")).toMatch(/Mode: +04755[^]*User: 100000 +Group: +42 [^]*Size: 4\n[^]*Links: 2 [^]*mtime: 0x3b9aca00/);
    expect(ask("cat /a")).toBe("set\n");
    expect(ask("stat /d")).toMatch(/Mode: +01777[^]*Group: 70000/);
    expect(ask("stat /short")).toContain(`Fast link dest: "${"x".repeat(59)}"`);
    expect(ask("cat /long")).toBe("y".repeat(60));
    for (const line of [/104755 \(1\) .* z\n/, /41777 \(2\) .* d\n/, /120777 \(7\) .* long\n/]) expect(ask("ls -l /")).toMatch(line);
    expect(ask("stat /empty")).toMatch(/Size: 0\n/);
    expect(ask("ls -p /d").split("\n").filter((line) => line.includes("a file with a name"))).toHaveLength(700);
    expect(ask('cat "/d/a file with a name of some length, number 699"')).toBe("699");
    expect(sha256(spawnSync(debugfs!, ["-R", "cat /big", image], { maxBuffer: 2 ** 28 }).stdout)).toBe(sha256(Buffer.alloc(110 * 2 ** 20, 7)));
  });

  test.each([
    ["does not fit", new Map([["", node("directory")], ["/big", node("file", Buffer.alloc(70 * 2 ** 20))]]), { bytes: 64 * 2 ** 20 }, /too small: \/big does not fit/],
    ["has a file in no folder", new Map([["", node("directory")], ["/x/y", node("file")]]), {}, /in no folder/],
    ["has another name of nothing", new Map([["", node("directory")], ["/x", node("file", "", 0o644, { sameAs: "/y" })]]), {}, /another name of/],
    ["has a name that is too long", new Map([["", node("directory")], [`/${"n".repeat(256)}`, node("file")]]), {}, /too long/],
    ["has no root", new Map([["/x", node("file")]]), {}, /no root/],
    ["is for an image of no size", new Map([["", node("directory")]]), { bytes: 4096 }, /cannot be made/],
  ] as [string, Tree, Partial<typeof options>, RegExp][])("a tree that %s is refused", (_, bad, more, why) => {
    expect(() => writeExt4(join(folder, "bad.ext4"), bad, { ...options, ...more })).toThrow(why);
  });
});

describe("the record of the set-up", () => {
  const record = join(folder, "setup.json");
  const image = { path: "debian.ext4", size: 4, sha256: "0".repeat(64) };
  const debian = { source: "made up", version: "13", locked: true, packages: 1, image, folder };
  test.each([
    ["cannot be read", undefined, /run the set-up first/],
    ["has none", {}, /has not been made.*--only debian/],
    ["has one of another form", { debian: { version: 13 } }, /does not describe/],
    ["names an image that is not there", { debian }, /is missing or damaged/],
  ])("one that %s says what to do", (_, content, why) => {
    rmSync(record, { force: true });
    if (content !== undefined) writeFileSync(record, JSON.stringify(content));
    const found = findDebian(record);
    expect(found.ok ? "found" : found.error).toMatch(why);
  });
  test("gives the image's file", () => {
    writeFileSync(join(folder, "debian.ext4"), "1234");
    writeFileSync(record, JSON.stringify({ debian }));
    expect(findDebian(record)).toMatchObject({ ok: true, value: { file: join(folder, "debian.ext4"), version: "13" } });
  });
});

test("the step runs when it is named, and not otherwise", () => {
  expect(parseArguments(["--only", "debian"])).toMatchObject({ only: ["debian"] });
  expect(STEPS.map(({ name }) => name)).not.toContain("debian");
});

describe("the initial RAM disk", () => {
  const hold = (path: string) => {
    writeFileSync(join(folder, path), path);
    return { path, size: path.length, sha256: sha256(path) };
  };
  const module = (name: string) => ({ ...hold(`${name}.ko`), name });
  const linux: InstalledLinux = {
    way: "stable", source: "made up", suite: "trixie", release: "6.12", packages: [], notes: [], folder, kernel: hold("Image"), busybox: hold("busybox"), files: [], links: [],
    modules: [module("virtio_mmio"), module("virtio_blk")], rootModules: [module("jbd2"), module("ext4")],
  };
  test("loads what leads to the disk, in order, and goes over to it", () => {
    const made = composeRootInitramfs(linux);
    const entries = readCpio(Buffer.from(made.ok ? made.value : []));
    expect(entries.get("bailiwick/modules")?.body.toString()).toBe("virtio_mmio\nvirtio_blk\njbd2\next4\n");
    expect(entries.get("lib/modules/ext4.ko")?.body.toString()).toBe("ext4.ko");
    expect(entries.get("init")?.body.toString()).toBe(ROOT_INIT);
  });
  test.each([["without ext4", { ...linux, rootModules: [] }], ["of an older set-up", { ...linux, rootModules: undefined }], ["without virtio_blk", { ...linux, modules: linux.modules.slice(0, 1) }]])("a kernel %s cannot boot from a disk, and that is said", (_, other) => {
    const { rootModules, ...rest } = other;
    const without: InstalledLinux = rootModules === undefined ? rest : { ...rest, rootModules };
    expect(mountsDisks(without)).toBe(false);
    const made = composeRootInitramfs(without);
    expect(made.ok ? "made" : made.error).toMatch(/comes without the modules virtio_blk and ext4/);
  });
  test("its script is one that a shell reads", () => {
    expect(spawnSync("sh", ["-n"], { input: ROOT_INIT })).toMatchObject({ status: 0 });
    const install = join(import.meta.dirname, "../../servers/operator/setup/debian/install.sh"), settle = join(import.meta.dirname, "../../guests/debian/settle.sh");
    for (const file of [install, settle]) expect(spawnSync("sh", ["-n", file])).toMatchObject({ status: 0 });
  });
});
