// Images that somebody has altered, cut, exchanged or made up: each is refused with status 3, by name, and before anything of it is parsed but the manifest that was signed.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { canonicalBytes } from "../../caps/image/canonical.ts";
import { keyIdText } from "../../caps/image/minisign.ts";
import type { JsonValue, ResolvedSystem } from "../../caps/image/system.ts";
import { writeTar } from "../../caps/image/tar.ts";
import { systemReport } from "../../caps/graph/report.ts";
import { Failure } from "../../servers/operator/failure.ts";
import type { BuiltImage } from "../../servers/operator/image/build.ts";
import { digestOf, sha256, writeLayout } from "../../servers/operator/image/layout.ts";
import { configBytes, INDEX_FILE, indexBytes, LAYOUT_BYTES, LAYOUT_FILE, manifestBytes } from "../../servers/operator/image/oci.ts";
import { applianceOf, openImage } from "../../servers/operator/image/open.ts";
import { verifySignatures } from "../../servers/operator/image/signatures.ts";
import { CREATED, greeterManifest, imageBed, makeKeyPair, type KeyPair } from "../support/image.ts";

const bed = imageBed();
afterAll(() => bed[Symbol.dispose]());
let alice: KeyPair, bob: KeyPair, built: BuiltImage, whole: string, image = "";
beforeAll(async () => {
  [alice, bob] = [await makeKeyPair(), await makeKeyPair()];
  const source = bed.sources("greeter", greeterManifest());
  built = await bed.build(source);
  whole = await bed.image(source, "whole.oci");
  await bed.sign(whole, alice, built);
});
/** A fresh copy to be spoilt. */
beforeEach(() => {
  image = join(bed.folder, "spoilt.oci");
  rmSync(image, { recursive: true, force: true });
  cpSync(whole, image, { recursive: true });
});

const thrown = async (work: Promise<unknown>): Promise<Failure> => {
  const error: unknown = await work.then(() => undefined, (reason: unknown) => reason);
  if (error instanceof Failure) return error;
  throw new Error(`no failure but ${String(error)}`);
};
/** How it is refused. */
const refusal = async (keys = [alice.public], required?: number): Promise<string> => {
  const { status, message } = await thrown(openImage(image, keys, required));
  expect(status, message).toBe(3);
  return message;
};
const blob = (digest: string): string => join(image, "blobs/sha256", digest.slice(7));
const signature = (pair = alice): string => join(image, "signatures", `${keyIdText(pair.public.id)}.minisig`);
const manifest = (): { config: { digest: string }; layers: { digest: string }[] } => JSON.parse(readFileSync(blob(built.digest), "utf8")) as never;

it("an image that nobody has touched is opened", async () => {
  const opened = await openImage(image, [alice.public]);
  expect([opened.signed?.name, opened.signed?.version, opened.digest]).toEqual(["greeter", "0.1.0", built.digest]);
});

describe("each thing that can be wrong has its name", () => {
  it("no signature, another's key, a file that is none", async () => {
    expect(await refusal([bob.public])).toMatch(new RegExp(`0 of 1 signatures are right[^]*key ${keyIdText(bob.public.id)}: the image has no signature by it[^]*names of other keys: ${keyIdText(alice.public.id)}`));
    rmSync(join(image, "signatures"), { recursive: true });
    expect(await refusal()).toMatch(/the image has no signature by it[^]*it has no signatures/);
    mkdirSync(join(image, "signatures"));
    writeFileSync(signature(), "hello\n");
    expect(await refusal()).toMatch(/no signature of minisign's/);
    writeFileSync(signature(), new Uint8Array(100_000));
    expect(await refusal()).toMatch(/it has 100000 bytes, and may have 8192/);
  });

  it("another's signature under the key's name, and another key with the same id", async () => {
    await bed.sign(image, bob, built);
    cpSync(signature(bob), signature(alice));
    expect(await refusal()).toMatch(new RegExp(`is the signature of another key, ${keyIdText(bob.public.id)}`));
    expect(await refusal([{ id: bob.public.id, key: alice.public.key }])).toMatch(/another key with the same id has made it/);
  });

  it("a signature over something else, and one that says it is for something else", async () => {
    const other = await bed.build(bed.sources("other", greeterManifest("0.2.0"), "another"));
    await bed.sign(image, alice, { ...built, digest: other.digest });
    expect(await refusal()).toMatch(/blob sha256:[0-9a-f]+: it is missing/);
    // The manifest of the one, the comment of the other: what was signed is not what is named.
    writeFileSync(blob(other.digest), other.blobs.get(other.digest) ?? "");
    expect(await refusal()).toMatch(/no signature over the manifest that it names/);
    await bed.sign(image, alice, { ...built, version: "7.0.0" });
    expect(await refusal()).toMatch(/its signatures are for greeter 7\.0\.0, and it is greeter 0\.1\.0/);
    await bed.sign(image, alice, { ...built, name: "Not a name" });
    expect(await refusal()).toMatch(/for no image: its trusted comment does not say which/);
  });

  it("too few signatures, one key named twice, signatures for different images", async () => {
    expect(await refusal([alice.public, bob.public])).toMatch(/1 of 2 signatures are right/);
    expect((await openImage(image, [alice.public, bob.public], 1)).signed?.signers).toHaveLength(1);
    expect(await refusal([alice.public, alice.public], 2)).toMatch(/1 of 2 signatures are right[^]*a key that is named twice counts once/);
    // The same key under another id is the same key.
    cpSync(signature(alice), join(image, "signatures", `${keyIdText(bob.public.id)}.minisig`));
    expect(await refusal([alice.public, { id: bob.public.id, key: alice.public.key }], 2)).toMatch(/1 of 2[^]*counts once/);
    await bed.sign(image, bob, built);
    expect((await openImage(image, [alice.public, bob.public])).signed?.signers).toHaveLength(2);
    await bed.sign(image, bob, { ...built, version: "0.9.0" });
    expect(await refusal([alice.public, bob.public])).toMatch(/signatures are for different images[^]*greeter 0\.1\.0[^]*greeter 0\.9\.0/);
  });

  it("a part that is altered, truncated, longer, missing, no file", async () => {
    const { layers, config } = manifest();
    for (const { digest } of [...layers, config]) {
      const file = blob(digest), bytes = readFileSync(file);
      writeFileSync(file, bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 1 : byte)));
      expect(await refusal()).toMatch(new RegExp(`${digest}: it was altered`));
      truncateSync(file, bytes.length - 1);
      expect(await refusal()).toMatch(new RegExp(`${digest}: it is truncated: ${bytes.length - 1} of ${bytes.length} bytes`));
      writeFileSync(file, Buffer.concat([bytes, Buffer.from([0])]));
      expect(await refusal()).toMatch(new RegExp(`${digest}: it has ${bytes.length + 1} bytes, and may have ${bytes.length}`));
      rmSync(file);
      expect(await refusal()).toMatch(new RegExp(`${digest}: it is missing`));
      mkdirSync(file);
      expect(await refusal()).toMatch(new RegExp(`${digest}: it is no file`));
      rmSync(file, { recursive: true });
      // A pipe that nobody writes to must not hold the command.
      execFileSync("mkfifo", [file]);
      expect(await refusal()).toMatch(new RegExp(`${digest}: it is no file`));
      rmSync(file);
      symlinkSync("/dev/zero", file);
      expect(await refusal()).toMatch(new RegExp(`${digest}: it is no file`));
      rmSync(file);
      writeFileSync(file, bytes);
    }
    await openImage(image, [alice.public]);
  });

  it("parts that were exchanged, and the whole image for another of the same signer", async () => {
    const [first, second] = manifest().layers.slice(1).map(({ digest }) => blob(digest)) as [string, string];
    renameSync(first, `${first}.other`);
    renameSync(second, first);
    renameSync(`${first}.other`, second);
    expect(await refusal()).toMatch(/altered|truncated|may have/);
    const source = bed.sources("newer", greeterManifest("0.2.0"), "newer");
    const newer = await bed.build(source), there = await bed.image(source, "newer.oci");
    await bed.sign(there, alice, newer);
    // All but the signature is the newer image's.
    cpSync(join(whole, "signatures"), join(there, "signatures"), { recursive: true });
    image = there;
    expect(await refusal()).toMatch(/the manifest that was signed, of greeter 0\.1\.0, blob sha256:[0-9a-f]+: it is missing/);
    // And with the older manifest beside it the index names what was not signed.
    for (const name of readdirSync(join(whole, "blobs/sha256"))) if (!existsSync(join(there, "blobs/sha256", name))) cpSync(join(whole, "blobs/sha256", name), join(there, "blobs/sha256", name));
    expect(await refusal()).toMatch(/index\.json: it is not what belongs to the manifest that was signed/);
  });
});

describe("nothing is parsed before it is known to be what was signed", () => {
  const files = (): string[] => ["oci-layout", "index.json", `signatures/${keyIdText(alice.public.id)}.minisig`, ...readdirSync(join(whole, "blobs/sha256")).map((name) => `blobs/sha256/${name}`)];
  /** minisign's first line is not signed, and says so. */
  const firstByte = (name: string): number => (name.startsWith("signatures/") ? readFileSync(join(whole, name)).indexOf(10) : 0);
  const size = (name: string): number => statSync(join(whole, name)).size;

  /** Opens what was spoilt: refused with status 3, and the parser was given nothing but the manifest's true bytes. */
  async function refusedUnparsed(): Promise<void> {
    const parser = vi.spyOn(JSON, "parse");
    try {
      const { status, message } = await thrown(openImage(image, [alice.public]));
      expect(status, message).toBe(3);
      const original = readFileSync(join(whole, "blobs/sha256", built.digest.slice(7)), "utf8");
      for (const [text] of parser.mock.calls) expect(text).toBe(original);
      expect(parser.mock.calls.length).toBeLessThanOrEqual(1);
    } finally {
      parser.mockRestore();
    }
  }

  it("whichever byte of whichever file is another, or the file is cut or longer there", async () => {
    const kinds = ["flip", "cut", "insert", "remove"] as const;
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.integer({ min: 1, max: 255 }), fc.constantFrom(...kinds), async (which, where, mask, kind) => {
        const name = files()[which % files().length]!, bytes = readFileSync(join(whole, name)), first = firstByte(name), at = first + Math.floor(where * (size(name) - first));
        const spoilt = { flip: Buffer.from(bytes.map((byte, i) => (i === at ? byte ^ mask : byte))), cut: bytes.subarray(0, at), insert: Buffer.concat([bytes.subarray(0, at), Buffer.from([mask]), bytes.subarray(at)]), remove: Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]) }[kind];
        // One of several like it put in or taken out beside the others, or before the end of the line that is not signed, is no change.
        if (spoilt.equals(bytes) || (kind === "insert" && at === first && first > 0)) return;
        writeFileSync(join(image, name), spoilt);
        await refusedUnparsed();
        writeFileSync(join(image, name), bytes);
      }),
      { numRuns: 300 },
    );
  }, 180_000);

  it("each bit of the signature", async () => {
    const name = signature(), bytes = readFileSync(name);
    for (let at = bytes.indexOf(10); at < bytes.length; at++) {
      writeFileSync(name, bytes.map((byte, i) => (i === at ? byte ^ (1 << (at % 8)) : byte)));
      expect((await thrown(verifySignatures(image, [alice.public]))).status, `byte ${at}`).toBe(3);
    }
  }, 180_000);

  it("two files exchanged, whichever", async () => {
    for (const a of files()) for (const b of files()) {
      if (a >= b) continue;
      const [one, other] = [readFileSync(join(whole, a)), readFileSync(join(whole, b))];
      writeFileSync(join(image, a), other);
      writeFileSync(join(image, b), one);
      await refusedUnparsed();
      writeFileSync(join(image, a), one);
      writeFileSync(join(image, b), other);
    }
  }, 180_000);
});

describe("what a signer has made himself is looked at all the same", () => {
  const text = new TextDecoder();
  type Documents = Record<string, JsonValue> & { "appliance.json": JsonValue; "report.json": JsonValue };
  /** The image with other documents or boot files, whole and signed. */
  const oneFile = (name: string, bytes: Uint8Array) => [{ name: `boot/${name}`, bytes }];
  async function resigned(change: (documents: Documents, files: Map<string, Uint8Array>) => void, archive = oneFile): Promise<void> {
    const opened = await openImage(whole, [alice.public]);
    const documents = { "appliance.json": JSON.parse(JSON.stringify(opened.description)), "report.json": JSON.parse(JSON.stringify(opened.report)), "sbom.spdx.json": opened.sbom } as Documents;
    const files = new Map(opened.files);
    change(documents, files);
    const described = documents["appliance.json"] as { files: { name: string; bytes: number; sha256: string }[] };
    described.files = [...files].map(([name, bytes]) => ({ name, bytes: bytes.length, sha256: sha256(bytes) }));
    const blobs = new Map<string, Uint8Array>();
    const put = (bytes: Uint8Array) => (blobs.set(digestOf(bytes), bytes), { digest: digestOf(bytes), size: bytes.length });
    const layers = [{ title: "appliance.json", ...put(writeTar(Object.entries(documents).map(([name, value]) => ({ name, bytes: canonicalBytes(value) })))) }, ...[...files].map(([name, bytes]) => ({ title: name, ...put(writeTar(archive(name, bytes))) }))];
    const config = put(configBytes({ name: "greeter", version: "0.1.0", kit: "0", created: CREATED, layers }));
    const top = put(manifestBytes({ name: "greeter", version: "0.1.0", config, layers }));
    writeLayout(image, new Map([[LAYOUT_FILE, LAYOUT_BYTES], [INDEX_FILE, indexBytes({ version: "0.1.0", manifest: top })]]), blobs);
    await bed.sign(image, alice, { ...built, digest: top.digest });
  }
  const system = (files: Map<string, Uint8Array>): ResolvedSystem => JSON.parse(text.decode(files.get("system.json"))) as ResolvedSystem;
  /** The system with a change, its report as it then is. */
  const withSystem = (change: (system: any) => void) =>
    resigned((documents, files) => {
      const changed = system(files);
      change(changed);
      files.set("system.json", Buffer.from(JSON.stringify(changed)));
      documents["report.json"] = JSON.parse(JSON.stringify(systemReport(changed))) as JsonValue;
    });

  it("and is opened when nothing of it was changed", async () => {
    await resigned(() => {});
    expect((await openImage(image, [alice.public])).report.name).toBe("greeter");
  });

  it("a report that leaves something out", async () => {
    await resigned((documents) => ((documents["report.json"] as { components: { holds: unknown[] }[] }).components[1]!.holds = []));
    expect(await refusal()).toMatch(/report\.json says other things/);
  });

  it("a system that the resolver would not make", async () => {
    const wrong: [RegExp, (system: any) => void][] = [
      [/no device uart0 there/, (s) => (s.components[0].uses[0].physical = 0x8000_0000)],
      [/the board has no device ctl0/, (s) => (s.components[0].uses[0].device = "ctl0")],
      [/two components are named console/, (s) => (s.components[1].name = "console")],
      [/greeter has number 7/, (s) => (s.components[1].number = 7)],
      [/there is no greeter before it/, (s) => (s.components[1].uses[0].from = "greeter")],
      [/console has no such offer/, (s) => (s.components[1].uses[0].offer = 3)],
      [/its badge is not that of a client/, (s) => (s.components[1].uses[0].badge = 0)],
      [/console has it/, (s) => s.components[1].uses.push({ ...s.components[0].uses[0], name: "regs" })],
      [/not where it should be/, (s) => (s.components[0].uses[0].address += 0x20_0000)],
      [/is not in the image/, (s) => (s.components[1].program.file = "component/other.elf")],
      [/not a system of this version's/, (s) => (s.components[1].more = true)],
      [/not a system of this version's/, (s) => (s.components[1].cpu.priority = 255)],
      [/cannot have 0 bytes/, (s) => (s.memory = 0)],
      [/of different appliances/, (s) => (s.version = "0.2.0")],
    ];
    for (const [says, change] of wrong) {
      await withSystem(change);
      expect(await refusal(), String(says)).toMatch(says);
    }
  });

  it("a description of other things than there are", async () => {
    const wrong: [RegExp, (description: any) => void][] = [
      [/no disk can be behind net0/, (d) => d.disks.push({ device: "net0", file: "x", mode: "rw" })],
      [/no network can be behind blk0/, (d) => d.networks.push({ device: "blk0", kind: "tap", name: "tap0" })],
      [/no terminal can be behind rng0/, (d) => (d.terminal = "rng0")],
      [/its guests are not those/, (d) => d.guests.push({ guest: "linux", kind: "linux" })],
      [/not a description of this version's/, (d) => (d.format = "bailiwick-image/2")],
      [/not a description of this version's/, (d) => (d.display = { width: 0, height: 1 })],
    ];
    for (const [says, change] of wrong) {
      await resigned((documents) => void change(documents["appliance.json"]));
      expect(await refusal(), String(says)).toMatch(says);
    }
  });

  it("a secret among its boot files, and a file that nothing describes", async () => {
    await resigned((_, files) => void files.set("platform.secret", new Uint8Array(32)));
    expect(await refusal()).toMatch(/there cannot be a boot file platform\.secret/);
  });

  it("claims that do not hold are status 4, with the way that breaks them", async () => {
    await withSystem((s) => s.assertions.push({ kind: "no-path", from: ["greeter"], to: "console", trusting: [] }));
    const { status, message } = await thrown(openImage(image, [alice.public]));
    expect([status, message]).toEqual([4, expect.stringMatching(/claims what does not hold[^]*greeter can come to hold console/)]);
  });

  it("a disk from outside the folder that one is in is given only when it is named", async () => {
    await resigned((documents) => void (documents["appliance.json"] as { disks: unknown[] }).disks.push({ device: "blk0", file: "../../etc/shadow", mode: "ro" }));
    const opened = await openImage(image, [alice.public]);
    expect(await thrown(applianceOf(opened, new Map(), {}))).toMatchObject({ status: 4, message: expect.stringMatching(/outside this folder[^]*--disk blk0=/) });
    expect((await applianceOf(opened, new Map([["blk0", "/etc/hostname"]]), {})).disks).toEqual([{ device: "blk0", file: "/etc/hostname", mode: "ro" }]);
  });

  it("archives with other things in them than one file", async () => {
    const wrong: [RegExp, typeof oneFile][] = [
      [/boot file root\.js is not the one/, (name, bytes) => [...oneFile(name, bytes), { name: "more", bytes }]],
      [/boot file root\.js is not the one/, (name, bytes) => [{ name, bytes }]],
      [/boot file root\.js is not the one/, (name, bytes) => oneFile(name, bytes.map((byte) => byte ^ 1))],
      [/boot file root\.js is not the one/, () => []],
    ];
    for (const [says, archive] of wrong) {
      await resigned(() => {}, archive);
      expect(await refusal(), String(says)).toMatch(says);
    }
  });
});
