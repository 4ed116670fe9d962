// What the set-up makes a Debian user space with: archives and packages read and written, the order of installation, the lock, and what the guest that installs is given and
// answers. The image itself is looked at where there is one: test/integration/debian.test.ts.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseManifest } from "../../caps/manifest/parse.ts";
import { composeRootInitramfs, mountsDisks } from "../../guests/debian/image.ts";
import { findDebian } from "../../guests/debian/installed.ts";
import { ROOT_INIT } from "../../guests/debian/scripts.ts";
import type { InstalledLinux } from "../../guests/linux/installed.ts";
import { findProgram } from "../../servers/operator/setup/command.mjs";
import { readCpio, writeCpio } from "../../servers/operator/setup/cpio.mjs";
import { debian } from "../../servers/operator/setup/debian.mjs";
import { fieldsOf, readDeb, writeDeb } from "../../servers/operator/setup/debian/deb.mjs";
import { installPackages, uuidOf } from "../../servers/operator/setup/debian/install.mjs";
import { inCalls, relationsOf } from "../../servers/operator/setup/debian/order.mjs";
import { parseLock, readWanted } from "../../servers/operator/setup/debian/packages.mjs";
import { findPlaces } from "../../servers/operator/setup/places.mjs";
import { parseArguments, STEPS, type Context } from "../../servers/operator/setup/steps.mjs";

const folder = mkdtempSync(join(tmpdir(), "bailiwick-debian-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

const hasDpkg = findProgram("dpkg-deb") !== undefined;

describe("archives", () => {
  test("cpio: what is written is read again, the same", () => {
    const entries = [{ name: "a", mode: 0o040755, body: Buffer.alloc(0) }, { name: "a/file", mode: 0o100644, body: Buffer.from("hello") }, { name: "a/link", mode: 0o120777, body: Buffer.from("file") }];
    expect([...readCpio(writeCpio(entries)).values()].map(({ name, mode, body }) => ({ name, mode, body: body.toString() }))).toEqual(entries.map(({ name, mode, body }) => ({ name, mode, body: body.toString() })));
  });

  test.skipIf(!hasDpkg)("a package written anew is one that dpkg-deb reads, with the same in it; a damaged one is refused by name", async () => {
    const file = join(folder, "p_1_all.deb"), again = join(folder, "again.deb");
    const make = "mkdir -p p/DEBIAN p/usr && printf 'Package: p\\nVersion: 1\\nArchitecture: all\\nMaintainer: n <n@example.org>\\nDescription: d\\n' >p/DEBIAN/control && echo hello >p/usr/f && dpkg-deb --root-owner-group -Zxz -b p p_1_all.deb";
    expect(spawnSync("sh", ["-ec", make], { cwd: folder }).status).toBe(0);
    const deb = await readDeb(file);
    writeFileSync(again, writeDeb(deb));
    expect(await readDeb(again)).toEqual(deb);
    expect(spawnSync("dpkg-deb", ["-f", again, "Package"]).stdout.toString()).toBe("p\n");
    expect(spawnSync("tar", ["-xO", "./usr/f"], { input: deb.data }).stdout.toString()).toBe("hello\n");
    expect(relationsOf(await fieldsOf(again))).toMatchObject({ name: "p" });
    writeFileSync(again, readFileSync(file).subarray(0, 300));
    await expect(readDeb(again)).rejects.toThrow(/dpkg-deb cannot read .*again\.deb/);
    await expect(fieldsOf(again)).rejects.toThrow(/dpkg-deb cannot read .*again\.deb/);
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

describe.skipIf(!hasDpkg)("the guest that installs", () => {
  /** Packages, settings and a guest's files; in place of the command line a program that does as told with the folder of the appliance. */
  function work(does: string) {
    const at = mkdtempSync(join(folder, "work-"));
    const file = (name: string, content = name): string => {
      writeFileSync(join(at, name), content);
      return join(at, name);
    };
    const packaged = (name: string, more = ""): string => {
      const make = `mkdir -p ${name}/DEBIAN && printf 'Package: ${name}\\nVersion: 1\\nArchitecture: all\\nMaintainer: n <n@example.org>\\n${more}Description: d\\n' >${name}/DEBIAN/control && dpkg-deb --root-owner-group -Zxz -b ${name} ${name}_1_all.deb`;
      expect(spawnSync("sh", ["-ec", make], { cwd: at }).status).toBe(0);
      return join(at, `${name}_1_all.deb`);
    };
    const settings = join(at, "settings");
    mkdirSync(join(settings, "root", "etc"), { recursive: true });
    writeFileSync(join(settings, "root", "etc", "over"), "over");
    writeFileSync(join(settings, "settle.sh"), "settle");
    return {
      folder: at, settings, time: 1234, cli: file("cli.mjs", `import { writeFileSync } from "node:fs";\nimport { join } from "node:path";\nconst folder = process.argv.at(-1);\n${does}`),
      packages: [{ file: packaged("app", "Pre-Depends: lib\\n"), base: false }, { file: packaged("lib"), base: false }, { file: packaged("base"), base: true }],
      guest: { kernel: file("Image"), busybox: file("busybox"), modules: [file("virtio_mmio.ko"), file("virtio_rng.ko")], diskModule: file("virtio_blk.ko") },
      image: { bytes: 64 * 2 ** 20, label: "test", name: "one" },
    };
  }

  test("is given the packages in their order, the tools, and what the file system is to be", async () => {
    const steps: string[] = [], given = work('console.log("step all other packages"); writeFileSync(join(folder, "disk"), "made");');
    const made = await installPackages(given, (text) => steps.push(text));
    expect(readFileSync(made, "utf8")).toBe("made");
    expect(steps).toContain("installing in a guest: all other packages");
    const entries = readCpio(readFileSync(join(given.folder, "guest", "initrd")));
    const text = (name: string): string | undefined => entries.get(name)?.body.toString();
    expect(text("build/base")).toBe("base_1_all.deb\n");
    expect(text("build/rest")).toBe("lib_1_all.deb\napp_1_all.deb\n");
    expect(text("build/values")).toBe(`epoch=1234\nlabel=test\nuuid=${uuidOf("uuid one")}\nhash_seed=${uuidOf("hash one")}\n`);
    expect([text("build/modules/00.ko"), text("build/modules/01.ko"), text("build/disk.ko"), text("build/settle"), text("build/root/etc/over")]).toEqual(["virtio_mmio.ko", "virtio_rng.ko", "virtio_blk.ko", "settle", "over"]);
    expect(entries.get("init")?.mode).toBe(0o100755);
    expect(entries.get("build/debs/base_1_all.deb")?.body.toString("latin1")).toMatch(/^!<arch>\ndebian-binary/);
  });
  test("is an appliance with a disk of that size, and no network", async () => {
    const given = work("");
    await installPackages(given, () => {});
    const parsed = parseManifest(readFileSync(join(given.folder, "guest", "appliance.yaml"), "utf8"), "appliance.yaml");
    expect(parsed).toMatchObject({ ok: true, value: { manifest: { platform: { disks: { blk0: { file: "disk", mode: "rw", size: 64 * 2 ** 20 } }, networks: {} } } } });
  });
  test.each([
    ["fails", 'console.log("[ 0.0] Linux\\nstep one\\nfailed: the packages (status 2)"); console.error("error: why"); process.exitCode = 1;', /ended with status 1\nfailed: the packages \(status 2\)\nerror: why$/],
    ["dies", 'console.log("[ 0.0] Linux\\n[ 9.9] panic"); process.exitCode = 82;', /ended with status 82\n\[ 0\.0\] Linux\n\[ 9\.9\] panic$/],
    ["is ended", 'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000);', /ended with a signal/],
  ])("that %s has made no image, and what it said is told", async (_, does, why) => {
    await expect(installPackages(work(does), () => {})).rejects.toThrow(why);
  });
  test("gives identifiers that follow from the name, in the form of a UUID", () => {
    expect(uuidOf("one")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(uuidOf("one")).toBe(uuidOf("one"));
    expect(uuidOf("two")).not.toBe(uuidOf("one"));
  });
});

describe("the step", () => {
  const linux = { source: "made up", folder, kernel: { path: "Image" }, busybox: { path: "busybox" }, modules: [{ name: "virtio_mmio", path: "x" }], rootModules: [] };
  const context = (record: object) => ({ places: findPlaces(process.env), env: {}, retry: false, record, withCache: () => Promise.reject(new Error("began")) }) as unknown as Context;
  const line = { live: () => {}, note: () => {}, done: () => {} };
  test.each([
    ["no kernel of Debian's", { linux: null }, /needs Debian's kernel/],
    ["one that cannot mount a disk", { linux }, /made up comes without the modules virtio_blk and ext4/],
  ])("refuses to begin with %s", async (_, record, why) => {
    await expect(debian.run(context(record), line)).rejects.toThrow(why);
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
