// Images by the command line: built the same everywhere, locked, signed, refused, run, compared; and what minisign and skopeo of Debian's make of them.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { bailiwick as run, CLI, ROOT, type Done } from "../support/command-line.ts";
import { manifestWith } from "../support/appliance-run.ts";
import { greeterManifest, imageBed } from "../support/image.ts";
import { outsideTool } from "../support/outside.ts";

const bed = imageBed();
afterAll(() => bed[Symbol.dispose]());
const { folder } = bed;
const STATE = join(folder, "state");
const bailiwick = (args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = folder): Promise<Done> => run(args, { cwd, env: { XDG_STATE_HOME: STATE, BAILIWICK_PASSWORD: "correct horse", ...env } });
/** A command that must end well; what it printed. */
async function ok(...args: string[]): Promise<string> {
  const { status, out, err } = await bailiwick(args);
  expect(status, err).toBe(0);
  return out;
}
const digestOf = (image: string): string => (JSON.parse(readFileSync(join(folder, image, "index.json"), "utf8")) as { manifests: [{ digest: string }] }).manifests[0].digest;

/** Two versions, signed by two keys. */
const signed = (async () => {
  bed.sources("old", greeterManifest("0.1.0"));
  bed.sources("new", greeterManifest("0.2.0", ", memory: 2MiB"), "hello from a newer image");
  await ok("keygen", "--no-password", "alice");
  await ok("keygen", "--no-password", "bob");
  for (const name of ["old", "new"]) {
    await ok("build", "-q", name, "-o", `${name}.oci`);
    await ok("sign", `${name}.oci`, "--key", "alice.key");
    await ok("sign", `${name}.oci`, "--key", "bob.key");
  }
})();
/** Where the signed ones are, for a test that spoils one. */
async function copyOf(name: string): Promise<string> {
  await signed;
  const copy = `copy-${Math.random().toString(36).slice(2)}.oci`;
  cpSync(join(folder, name), join(folder, copy), { recursive: true });
  return copy;
}

describe("bailiwick build", () => {
  it("makes the same image of the same sources, wherever and whenever", async () => {
    const files = { ts: `${greeterManifest().replace("{ c: greeter.c }", "{ ts: main.ts }")}`, main: 'import { text } from "./parts/text.ts";\nexport default function* main(): Generator { return text.length; }\n', text: 'export const text = "hello";\n' };
    const digests: string[] = [];
    for (const place of ["a", "b/deep/er"]) {
      for (const kind of ["c", "ts"]) {
        const at = join(folder, place, kind);
        mkdirSync(join(at, "parts"), { recursive: true });
        bed.sources(join(place, kind), kind === "c" ? greeterManifest() : files.ts);
        writeFileSync(join(at, "main.ts"), files.main);
        writeFileSync(join(at, "parts/text.ts"), files.text);
        const { status, out, err } = await bailiwick(["build", "--json", place === "a" ? at : ".", "-o", join(folder, "same.oci")], {}, place === "a" ? folder : at);
        expect(status, err).toBe(0);
        digests.push((JSON.parse(out) as { digest: string }).digest);
      }
    }
    expect(digests.slice(0, 2)).toEqual(digests.slice(2));
    expect(new Set(digests).size).toBe(2);
    const lock = JSON.parse(readFileSync(join(folder, "a/ts/bailiwick.lock"), "utf8")) as { sources: object };
    expect(Object.keys(lock.sources)).toEqual(["appliance.yaml", "main.ts", "parts/text.ts"]);
    expect((await bailiwick(["build", "-q", "a/c"], { SOURCE_DATE_EPOCH: "1700000000" })).out).not.toContain(digests[0]);
    expect((await bailiwick(["build", "a/c"], { SOURCE_DATE_EPOCH: "yesterday" })).status).toBe(2);
  }, 180_000);

  it("keeps the signatures of an image that it would write the same again, and drops those of another", async () => {
    const copy = await copyOf("old.oci");
    expect(await ok("build", "-q", "old", "-o", copy)).toMatch(/as it was/);
    expect(readdirSync(join(folder, copy, "signatures"))).toHaveLength(2);
    await ok("build", "-q", "new", "-o", copy);
    expect(existsSync(join(folder, copy, "signatures"))).toBe(false);
    mkdirSync(join(folder, "precious"), { recursive: true });
    writeFileSync(join(folder, "precious", "thesis"), "");
    expect(await bailiwick(["build", "-q", "old", "-o", "precious"])).toMatchObject({ status: 1, err: expect.stringMatching(/is there already, and is no image/) });
    expect(readdirSync(join(folder, "precious"))).toEqual(["thesis"]);
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
  }, 180_000);

  it("--locked builds what the lock has, and names what is not the same", async () => {
    const source = bed.sources("locked", greeterManifest());
    expect(await bailiwick(["build", "--locked", "locked"])).toMatchObject({ status: 3, err: expect.stringMatching(/BW0332[^]*no such file/) });
    writeFileSync(join(source, "text.h"), "/* nothing */\n");
    writeFileSync(join(source, "greeter.c"), `#include "text.h"\n${readFileSync(join(source, "greeter.c"), "utf8")}`);
    await ok("build", "-q", "locked", "-o", "locked.oci");
    await ok("build", "-q", "--locked", "locked", "-o", "locked2.oci");
    expect(digestOf("locked.oci")).toBe(digestOf("locked2.oci"));
    rmSync(join(folder, "locked2.oci"), { recursive: true });
    const refused = async (says: RegExp): Promise<void> => {
      expect(await bailiwick(["build", "-q", "--locked", "locked", "-o", "locked2.oci"])).toMatchObject({ status: 3, err: expect.stringMatching(says) });
      expect(existsSync(join(folder, "locked2.oci"))).toBe(false);
    };
    writeFileSync(join(source, "text.h"), "/* something */\n");
    await refused(/sources: text\.h is another/);
    writeFileSync(join(source, "text.h"), "/* nothing */\n");
    const file = join(source, "bailiwick.lock"), lock = JSON.parse(readFileSync(file, "utf8")) as { tools: Record<string, string>; files: Record<string, string> };
    const relock = (change: object): void => writeFileSync(file, JSON.stringify({ ...lock, ...change }));
    relock({ tools: { ...lock.tools, "riscv64-unknown-elf-gcc": "1.0.0" } });
    await refused(/tools: riscv64-unknown-elf-gcc is another: [\d.]+, locked is 1\.0\.0/);
    relock({ files: { ...lock.files, "component/greeter.elf": "0".repeat(64) } });
    await refused(/files: component\/greeter\.elf is another/);
    writeFileSync(file, "{}");
    await refused(/no lock file of this version's/);
  }, 180_000);

  it("shares the files that images have in common, by their digests", async () => {
    await signed;
    const blobs = (image: string): string[] => readdirSync(join(folder, image, "blobs/sha256"));
    expect(blobs("old.oci").filter((name) => blobs("new.oci").includes(name)).length).toBeGreaterThanOrEqual(2);
  }, 180_000);
});

describe("bailiwick run IMAGE", () => {
  it("runs what was signed, and nothing else without being told to", async () => {
    await signed;
    expect(await bailiwick(["run", "-q", "old.oci", "--key", "alice.pub"])).toMatchObject({ status: 3, out: "hello from an image\n" });
    expect(await bailiwick(["run", "-q", "old.oci", "--key", "alice.pub", "--key", "bob.pub"])).toMatchObject({ status: 3, out: "hello from an image\n" });
    const unnamed = await bailiwick(["run", "-q", "old.oci"]);
    expect(unnamed).toMatchObject({ status: 3, out: "", err: expect.stringMatching(/nobody is named who vouches[^]*--key FILE\.pub[^]*--allow-unsigned/) });
    expect(await bailiwick(["run", "-q", "--allow-unsigned", "old.oci"])).toMatchObject({ status: 3, out: "hello from an image\n", err: expect.stringContaining("nobody vouches") });
    const copy = await copyOf("old.oci");
    writeFileSync(join(folder, copy, "index.json"), "{}");
    expect(await bailiwick(["run", "-q", copy, "--key", "alice.pub"])).toMatchObject({ status: 3, out: "", err: expect.stringMatching(/BW0330[^]*index\.json/) });
    expect(JSON.parse((await bailiwick(["run", "--json", copy, "--key", "alice.pub"])).out)).toMatchObject({ event: "error", code: "BW0330", status: 3 });
  }, 180_000);

  it("takes options of images for images alone, and keys that are some", async () => {
    await signed;
    for (const args of [["run", "old", "--key", "alice.pub"], ["run", "old", "--allow-rollback"], ["run", "old.oci", "--key", "alice.pub", "--require", "2"], ["run", "old.oci", "--key", "alice.pub", "--require", "0"], ["run", "old.oci", "--key", "alice.pub", "--disk", "blk0"], ["run", "old.oci", "--key", "alice.pub", "--disk", "blk0=x"], ["verify", "old.oci"], ["verify"], ["sign", "old.oci"], ["diff", "old.oci"], ["keygen"]]) {
      expect(await bailiwick(args), args.join(" ")).toMatchObject({ status: 2, out: "" });
    }
    expect(await bailiwick(["run", "old.oci", "--key", "alice.key"])).toMatchObject({ status: 1, err: expect.stringContaining("no public key") });
    expect(await bailiwick(["verify", "old", "--key", "alice.pub"])).toMatchObject({ status: 3 });
    // One of which a part is missing is an image all the same.
    for (const part of ["oci-layout", "index.json", "blobs"]) {
      const copy = await copyOf("old.oci");
      rmSync(join(folder, copy, part), { recursive: true });
      expect(await bailiwick(["run", copy, "--key", "alice.pub"]), part).toMatchObject({ status: 3, out: "", err: expect.stringContaining("missing") });
    }
  }, 180_000);

  it("refuses what is older than what it ran before, by the same signer, unless told to", async () => {
    await signed;
    const state = { XDG_STATE_HOME: join(folder, "other-state") };
    const go = (image: string, ...more: string[]): Promise<Done> => bailiwick(["run", "-q", image, ...more], state);
    expect((await go("old.oci", "--key", "alice.pub")).out).toMatch(/hello/);
    // What was not signed, or is not run, is not remembered.
    await bailiwick(["verify", "new.oci", "--key", "alice.pub"], state);
    await go("new.oci", "--allow-unsigned");
    expect((await go("old.oci", "--key", "alice.pub")).out).toMatch(/hello/);
    expect((await go("new.oci", "--key", "alice.pub")).out).toMatch(/newer/);
    expect(await go("old.oci", "--key", "alice.pub")).toMatchObject({ status: 4, out: "", err: expect.stringMatching(/BW0333[^]*greeter 0\.1\.0 is older than 0\.2\.0[^]*--allow-rollback/) });
    expect(await go("old.oci", "--key", "bob.pub", "--key", "alice.pub")).toMatchObject({ status: 4, out: "" });
    expect((await go("old.oci", "--key", "bob.pub")).out).toMatch(/hello/);
    expect((await go("old.oci", "--key", "alice.pub", "--allow-rollback")).out).toMatch(/hello/);
    expect(await go("old.oci", "--key", "alice.pub")).toMatchObject({ status: 4 });
    expect((await go("new.oci", "--key", "alice.pub")).out).toMatch(/newer/);
  }, 180_000);

  it("runs a command in an image's guest", async () => {
    const manifest = `${manifestWith({}).replace(", essential: true", "")}guests:\n  g: { image: bare, memory: 32MiB, console: console.console, essential: true }\n`;
    mkdirSync(join(folder, "guest"));
    writeFileSync(join(folder, "guest/appliance.yaml"), manifest);
    await ok("build", "-q", "guest", "-o", "guest.oci");
    expect(await bailiwick(["run", "-q", "--allow-unsigned", "--exec", "trap", "guest.oci"])).toMatchObject({ status: 0, out: expect.stringContaining("trapped and recovered") });
    // No seed is in an image: each run draws its own.
    const blobs = join(folder, "guest.oci/blobs/sha256");
    expect(readdirSync(blobs).map((name) => readFileSync(join(blobs, name), "latin1")).filter((text) => text.includes('"seed":')).every((text) => text.includes('"seed":""'))).toBe(true);
  }, 180_000);

  it("gives an image the disks that lie here, or that are named", async () => {
    const manifest = manifestWith({ blk: "{ image: { server: blk }, cpu: { priority: 210 }, use: { regs: platform.blk0.regs, irq: platform.blk0.irq, iospace: platform.blk0.iospace }, offer: { disk: Disk }, essential: true }" }).replace("memory: 64MiB }", "memory: 64MiB, disks: { blk0: { file: disk.img, size: 1MiB } } }");
    mkdirSync(join(folder, "disk"));
    writeFileSync(join(folder, "disk/appliance.yaml"), manifest);
    await ok("build", "-q", "disk", "-o", "disk.oci");
    mkdirSync(join(folder, "elsewhere"));
    await bailiwick(["run", "-q", "--allow-unsigned", "--timeout", "500ms", "../disk.oci"], {}, join(folder, "elsewhere"));
    expect(statSync(join(folder, "elsewhere/disk.img")).size).toBe(2 ** 20);
    await bailiwick(["run", "-q", "--allow-unsigned", "--timeout", "500ms", "--disk", "blk0=elsewhere/second.img", "disk.oci"]);
    expect(statSync(join(folder, "elsewhere/second.img")).size).toBe(2 ** 20);
    expect([existsSync(join(folder, "disk/disk.img")), existsSync(join(folder, "disk.img"))]).toEqual([false, false]);
  }, 180_000);
});

describe("bailiwick inspect and diff", () => {
  it("say how much a client may have, and an image keeps it", async () => {
    const quoted = (quota: string): string => manifestWith({
      timer: "{ image: { server: timer }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }",
      log: "{ image: { server: log }, use: { timer: timer.timer }, offer: { log: Log } }",
      greeter: `{ image: { c: greeter.c }, use: { console: console.console, log: { from: log.log, quota: ${quota} } }, essential: true }`,
    });
    bed.sources("few", quoted("100/s"));
    bed.sources("many", quoted("200/s"));
    await ok("build", "-q", "few", "-o", "few.oci");
    expect(await ok("inspect", "few.oci")).toContain("    holds log.log [call, grant], at most 100/s\n");
    expect(await bailiwick(["diff", "few.oci", "many"])).toMatchObject({ out: expect.stringContaining("greeter holds log.log [call, grant], at most 200/s, before [call, grant], at most 100/s") });
    expect(await bailiwick(["run", "-q", "--allow-unsigned", "few.oci"])).toMatchObject({ status: 3, out: "hello from an image\n" });
  }, 180_000);

  it("say who signed, what it may do and what is in it", async () => {
    await signed;
    const text = await ok("inspect", "old.oci", "--key", "alice.pub");
    expect(text).toMatch(/^greeter 0\.1\.0 on virt-rv64[^]*signed by [0-9A-F]{16}\n[^]*greeter: machine program[^]*holds console\.console \[call, grant\][^]*could come to hold platform\.uart0\.regs[^]*file root\.js: \d+ bytes/);
    expect(await ok("inspect", "old.oci")).toMatch(/which were not checked: --key PUB/);
    const all = JSON.parse(await ok("inspect", "--json", "old.oci")) as { report: { components: { name: string }[] }; sbom: { spdxVersion: string }; digest: string };
    expect([all.report.components.map(({ name }) => name), all.sbom.spdxVersion, all.digest]).toEqual([["console", "greeter"], "SPDX-2.3", digestOf("old.oci")]);
  }, 180_000);

  it("show what another version may do first, then settings, then files; 0 the same, 1 different", async () => {
    await signed;
    expect(await bailiwick(["diff", "old.oci", "old"])).toMatchObject({ status: 0, out: "" });
    bed.sources("greedy", greeterManifest("0.3.0", ", cpu: { priority: 7 }").replace("console: console.console }", "console: console.console, regs: platform.rng0.regs }"), "more");
    const { status, out } = await bailiwick(["diff", "old.oci", "greedy"]);
    const lines = out.trimEnd().split("\n");
    expect([status, lines[0]]).toEqual([1, "+ capability: greeter holds platform.rng0.regs use"]);
    expect(lines[1]).toBe("+ worst case: console could come to hold platform.rng0.regs use");
    expect(lines.slice(2)).toEqual([
      "~ setting: greeter: priority 7, before 100",
      "~ setting: version 0.3.0, before 0.1.0",
      expect.stringMatching(/^~ file: component\/greeter\.elf sha256:/),
      expect.stringMatching(/^~ file: system\.json sha256:/),
    ]);
    expect(JSON.parse((await bailiwick(["diff", "--json", "old.oci", "greedy"])).out)).toMatchObject({ same: false, changes: [{ of: "capability", sign: "+", component: "greeter" }, {}, {}, {}, {}, {}] });
  }, 180_000);

  it("have a bill of materials that holds together", async () => {
    cpSync(join(ROOT, "examples/powerbox"), join(folder, "powerbox"), { recursive: true });
    await ok("build", "-q", "powerbox", "-o", "sbom.oci");
    const { sbom } = JSON.parse(await ok("inspect", "--json", "sbom.oci")) as { sbom: any };
    const ids = new Set([sbom.SPDXID, ...sbom.packages.map((one: any) => one.SPDXID), ...sbom.files.map((one: any) => one.SPDXID)]);
    expect(ids.size).toBe(1 + sbom.packages.length + sbom.files.length);
    for (const { spdxElementId, relatedSpdxElement } of sbom.relationships) expect([ids.has(spdxElementId), ids.has(relatedSpdxElement)]).toEqual([true, true]);
    for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
    for (const file of sbom.files) expect(file.checksums.map(({ algorithm }: { algorithm: string }) => algorithm)).toEqual(["SHA1", "SHA256"]);
    expect(sbom.creationInfo.created).toBe("1970-01-01T00:00:00Z");
    expect(sbom.packages).toContainEqual(expect.objectContaining({ name: "SQLite", versionInfo: expect.stringMatching(/^3\.\d+\.\d+$/), licenseDeclared: "blessing" }));
    expect(sbom.relationships).toContainEqual({ spdxElementId: expect.stringMatching(/^SPDXRef-File-component\./), relationshipType: "STATIC_LINK", relatedSpdxElement: "SPDXRef-Package-SQLite" });
    const sha1s = sbom.files.map((file: any) => file.checksums[0].checksumValue).sort();
    expect(sbom.packages[0].packageVerificationCode.packageVerificationCodeValue).toBe(createHash("sha1").update(sha1s.join("")).digest("hex"));
  }, 180_000);
});

describe("keys", () => {
  it("are never written over others, and are their owner's alone", async () => {
    await ok("keygen", "--no-password", "carol");
    expect(statSync(join(folder, "carol.key")).mode & 0o777).toBe(0o600);
    expect(await bailiwick(["keygen", "--no-password", "carol"])).toMatchObject({ status: 1, err: expect.stringMatching(/is there already/) });
    expect(await bailiwick(["keygen", "dave"], { BAILIWICK_PASSWORD: "" })).toMatchObject({ status: 1, err: expect.stringMatching(/an empty password/) });
    expect(existsSync(join(folder, "dave.key"))).toBe(false);
  }, 180_000);

  it("are hidden by a password that is typed twice, and is not shown", async () => {
    const { BAILIWICK_PASSWORD: _, ...env } = process.env;
    const typed = (line: string, answers: readonly string[]): Promise<{ screen: string; status: unknown }> => {
      const child = spawn("script", ["-qec", line, "/dev/null"], { cwd: folder, env, stdio: ["pipe", "pipe", "inherit"] }), rest = [...answers];
      let screen = "";
      child.stdout.on("data", (piece) => {
        screen += String(piece);
        while (rest.length > 0 && screen.split(": ").length > answers.length - rest.length + 1) child.stdin.write(rest.shift() ?? "");
      });
      return new Promise((done) => child.on("close", (status) => done({ screen, status })));
    };
    const cli = `'${process.execPath}' '${CLI}'`;
    const differ = await typed(`${cli} keygen heidi`, ["unus\r", "duo\r"]);
    expect(differ).toMatchObject({ status: 1, screen: expect.stringMatching(/not the same/) });
    const made = await typed(`${cli} keygen heidi`, ["sesame\r", "sesamx\u007fe\r"]);
    expect(made, made.screen).toMatchObject({ status: 0, screen: expect.stringMatching(/heidi\.key signs/) });
    expect(made.screen + differ.screen).not.toMatch(/sesam|unus|duo/);
    expect(await bailiwick(["sign", await copyOf("old.oci"), "--key", "heidi.key"], { BAILIWICK_PASSWORD: "sesame" })).toMatchObject({ status: 0 });
    expect(await typed(`${cli} keygen ivan`, ["\u0003"])).toMatchObject({ status: 1, screen: expect.stringMatching(/no password was typed/) });
  }, 180_000);
});

const minisign = outsideTool("minisign", "-v"), skopeo = outsideTool("skopeo", "--version");

describe.skipIf(!minisign.there)("minisign of Debian's", () => {
  it("checks what we sign, with a key that we made", async () => {
    await signed;
    const digest = digestOf("old.oci").slice(7), [file = ""] = readdirSync(join(folder, "old.oci/signatures"));
    const owner = readFileSync(join(folder, "alice.pub"), "utf8").includes(file.slice(0, 16)) ? "alice.pub" : "bob.pub";
    const { status, stdout } = minisign.run(["-Vm", `old.oci/blobs/sha256/${digest}`, "-x", `old.oci/signatures/${file}`, "-p", owner], { cwd: folder });
    expect([status, stdout]).toEqual([0, expect.stringMatching(new RegExp(`Signature and comment signature verified\\nTrusted comment: bailiwick-image/1 name=greeter version=0\\.1\\.0 manifest=sha256:${digest}`))]);
  }, 180_000);

  it("signs what we check, with a key that we made and hid", async () => {
    const copy = await copyOf("old.oci"), digest = digestOf("old.oci");
    await ok("keygen", "erin");
    const id = /[0-9A-F]{16}/.exec(readFileSync(join(folder, "erin.pub"), "utf8"))?.[0];
    const { status, stderr } = minisign.run(["-S", "-s", "erin.key", "-m", `${copy}/blobs/sha256/${digest.slice(7)}`, "-x", `${copy}/signatures/${id}.minisig`, "-t", `bailiwick-image/1 name=greeter version=0.1.0 manifest=${digest}`], { cwd: folder, input: "correct horse\n" });
    expect(status, stderr).toBe(0);
    expect(await ok("verify", copy, "--key", "erin.pub")).toMatch(`signed by ${id}`);
  }, 180_000);

  it("makes keys that we sign and check with, hidden and not", async () => {
    const copy = await copyOf("old.oci");
    expect(minisign.run(["-G", "-p", "frank.pub", "-s", "frank.key"], { cwd: folder, input: "correct horse\ncorrect horse\n" }).status).toBe(0);
    expect(minisign.run(["-G", "-W", "-p", "grace.pub", "-s", "grace.key"], { cwd: folder }).status).toBe(0);
    for (const name of ["frank", "grace"]) await ok("sign", copy, "--key", `${name}.key`);
    await ok("verify", copy, "--key", "frank.pub", "--key", "grace.pub", "--key", "alice.pub");
    const grace = readFileSync(join(folder, "grace.key"), "utf8").split("\n");
    writeFileSync(join(folder, "broken.key"), [grace[0], `${grace[1]?.slice(0, 90)}${grace[1]?.[90] === "A" ? "B" : "A"}${grace[1]?.slice(91)}`, ""].join("\n"));
    expect(await bailiwick(["sign", copy, "--key", "broken.key"])).toMatchObject({ status: 1, err: expect.stringMatching(/its two halves do not belong together/) });
    expect(await bailiwick(["sign", copy, "--key", "frank.key"], { BAILIWICK_PASSWORD: "battery staple" })).toMatchObject({ status: 1, err: expect.stringMatching(/the password is wrong/) });
  }, 180_000);
});

describe.skipIf(!skopeo.there)("skopeo of Debian's", () => {
  it("reads an image, and copies it to the same one", async () => {
    await signed;
    const read = skopeo.run(["inspect", "oci:old.oci:0.1.0"], { cwd: folder });
    expect(JSON.parse(read.stdout), read.stderr).toMatchObject({ Digest: digestOf("old.oci"), Architecture: "riscv64", Labels: { "org.opencontainers.image.title": "greeter", "org.opencontainers.image.version": "0.1.0" } });
    const { status, stderr } = skopeo.run(["--insecure-policy", "copy", "--preserve-digests", "oci:old.oci:0.1.0", "oci:copied.oci:0.1.0"], { cwd: folder });
    expect(status, stderr).toBe(0);
    expect(digestOf("copied.oci")).toBe(digestOf("old.oci"));
    expect((await bailiwick(["diff", "old.oci", "copied.oci"])).status).toBe(0);
    // Its own index is not what belongs to the signed manifest, and ours is.
    cpSync(join(folder, "old.oci/signatures"), join(folder, "copied.oci/signatures"), { recursive: true });
    expect(await bailiwick(["verify", "copied.oci", "--key", "alice.pub"])).toMatchObject({ status: 3, err: expect.stringContaining("another tool has written it") });
    for (const name of ["index.json", "oci-layout"]) cpSync(join(folder, "old.oci", name), join(folder, "copied.oci", name));
    await ok("verify", "copied.oci", "--key", "alice.pub");
  }, 180_000);

  it("copies it into another kind of archive, and unpacks it for tar", async () => {
    await signed;
    const { status, stderr } = skopeo.run(["--insecure-policy", "copy", "oci:old.oci:0.1.0", "docker-archive:old.tar:greeter:0.1.0"], { cwd: folder });
    expect(status, stderr).toBe(0);
    expect(statSync(join(folder, "old.tar")).size).toBeGreaterThan(10_000);
  }, 180_000);
});
