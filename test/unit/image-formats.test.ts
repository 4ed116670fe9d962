// The formats that images are made of: canonical JSON, archives, minisign's files, the order of versions. Each reads what it writes and nothing else.
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalBytes, canonicalText, parseCanonical, parseWritten } from "../../caps/image/canonical.ts";
import * as minisign from "../../caps/image/minisign.ts";
import type { JsonValue } from "../../caps/image/system.ts";
import { readTar, writeTar } from "../../caps/image/tar.ts";
import { compareVersions } from "../../caps/image/version.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = fc.jsonValue() as fc.Arbitrary<JsonValue>;
const some = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe("canonical JSON", () => {
  it("has one text for a value, and that text one value", () => {
    expect(canonicalText({ b: [1, { d: null, c: "x" }], a: true })).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}');
    fc.assert(fc.property(json, (value) => {
      const written = canonicalBytes(value);
      expect(canonicalBytes(parseCanonical(written) ?? null)).toEqual(written);
    }));
  });

  it("refuses every other form of a value", () => {
    for (const text of ['{"a":1,"a":1}', '{"b":1,"a":1}', '{ "a":1}', '{"a":1}\n', "1.0", "1e0", "-0", '"\\u0061"', "\ufeff1", "", "{", "nul", `${"[".repeat(65)}${"]".repeat(65)}`]) expect(parseCanonical(bytes(text)), text).toBeUndefined();
    expect(parseCanonical(Uint8Array.of(0x22, 0xff, 0x22)), "no UTF-8").toBeUndefined();
    expect(parseCanonical(bytes("[".repeat(1_000_000))), "nested without end").toBeUndefined();
    expect(parseCanonical(bytes(`${"[".repeat(64)}${"]".repeat(64)}`))).toBeDefined();
    expect(parseCanonical(bytes(JSON.stringify("[".repeat(100)))), "brackets in a string").toBe("[".repeat(100));
  });

  it("can be another form than the canonical, which is then the only one", () => {
    expect(parseWritten(bytes('{"b":1,"a":2}'), JSON.stringify)).toEqual({ b: 1, a: 2 });
    expect(parseWritten(bytes('{"b":1, "a":2}'), JSON.stringify)).toBeUndefined();
  });
});

describe("an archive", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}(\/[a-z][a-z0-9.-]{0,20}){0,2}$/);
  const files = fc.uniqueArray(fc.record({ name, bytes: fc.uint8Array({ maxLength: 1500 }) }), { selector: (file) => file.name, maxLength: 6 });

  it("gives back what went in, and is the same each time", () => {
    fc.assert(fc.property(files, (list) => {
      const archive = writeTar(list);
      expect(writeTar(list)).toEqual(archive);
      expect(readTar(archive)).toEqual(list);
    }));
  });

  it("is refused when anything of it is another than was written, but for the bytes of files", () => {
    const archive = writeTar([{ name: "boot/a", bytes: bytes("first") }, { name: "boot/b", bytes: new Uint8Array(512) }]);
    const inFiles = (at: number): boolean => (at >= 512 && at < 517) || (at >= 1536 && at < 2048);
    for (let at = 0; at < archive.length; at++) {
      if (inFiles(at)) continue;
      const altered = archive.slice();
      altered[at] = altered[at]! ^ 1;
      expect(typeof readTar(altered), `byte ${at}`).toBe("string");
    }
    for (let length = 0; length < archive.length; length += 64) expect(typeof readTar(archive.subarray(0, length)), `${length} bytes`).toBe("string");
    expect(readTar(Buffer.concat([archive, new Uint8Array(512)]))).toMatch(/does not end/);
    expect(readTar(writeTar([{ name: "a", bytes: bytes("1") }, { name: "a", bytes: bytes("2") }]))).toMatch(/twice/);
  });

  it("of any bytes is files or a reason", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 3000 }), (any) => ["string", "object"].includes(typeof readTar(any))));
  });

  it("holds no name that leads out of it", () => {
    for (const wrong of ["/a", "../a", "a/../b", "a//b", "./a", "", "a\u0000", "ä", "x".repeat(101)]) expect(() => writeTar([{ name: wrong, bytes: bytes("") }]), wrong).toThrow(RangeError);
  });

  it("is unpacked by the system's tar to the same", () => {
    const folder = mkdtempSync(join(tmpdir(), "bailiwick-tar-"));
    try {
      writeFileSync(join(folder, "x.tar"), writeTar([{ name: "boot/guest/linux.kernel", bytes: bytes("kernel") }, { name: "b", bytes: new Uint8Array(1000).fill(7) }]));
      const { status, stderr } = spawnSync("tar", ["-xf", "x.tar"], { cwd: folder, encoding: "utf8" });
      expect([status, stderr]).toEqual([0, ""]);
      expect(readFileSync(join(folder, "boot/guest/linux.kernel"), "utf8")).toBe("kernel");
      expect(readFileSync(join(folder, "b"))).toEqual(Buffer.alloc(1000, 7));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("minisign's files", () => {
  const hash = (data: Uint8Array): Uint8Array => createHash("sha256").update(data).digest();

  it("are read as they are written", () => {
    fc.assert(fc.property(some(8), some(32), some(64), some(64), fc.stringMatching(/^[ -~]{0,80}$/), (id, key, signature, globalSignature, trustedComment) => {
      expect(minisign.parsePublicKey(minisign.formatPublicKey({ id, key }))).toEqual({ id, key });
      expect(minisign.parsePublicKey(minisign.formatPublicKey({ id, key }).split("\n")[1] ?? "")).toEqual({ id, key });
      const whole = { id, signature, trustedComment, globalSignature };
      expect(minisign.parseSignature(minisign.formatSignature(whole))).toEqual(whole);
      const packed = minisign.packSecret({ id, key: signature }, hash);
      expect(minisign.unpackSecret(packed, hash)).toEqual({ id, key: signature });
      expect(minisign.parseSecretKey(minisign.formatSecretKey({ hidden: packed }))).toEqual({ hidden: packed });
      const scrypt = { salt: key, opslimit: 33_554_432, memlimit: 2 ** 30 };
      expect(minisign.parseSecretKey(minisign.formatSecretKey({ scrypt, hidden: packed }))).toEqual({ scrypt, hidden: packed });
    }));
  });

  it("are read as minisign writes them, as its manual has a key", () => {
    const key = minisign.parsePublicKey("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3");
    expect(key && minisign.keyIdText(key.id)).toBe("E7620F1842B4E81F");
  });

  it("of another form are none", () => {
    const signature = minisign.formatSignature({ id: new Uint8Array(8), signature: new Uint8Array(64), trustedComment: "x", globalSignature: new Uint8Array(64) });
    for (const wrong of [signature.slice(0, -1), `${signature}\n`, signature.replace("untrusted", "trusted"), signature.replace("\ntrusted", "\nuntrusted"), signature.replaceAll("\n", "\r\n"), signature.replace("RUQ", "RWQ"), signature.replace("A=", "B="), ""]) {
      expect(minisign.parseSignature(wrong), JSON.stringify(wrong.slice(0, 80))).toBeUndefined();
    }
    fc.assert(fc.property(fc.string(), (text) => minisign.parseSignature(text) === undefined && minisign.parseSecretKey(text) === undefined && minisign.parsePublicKey(text) === undefined));
  });

  it("hide a key from every wrong password, by the checksum", () => {
    const packed = minisign.packSecret({ id: new Uint8Array(8), key: new Uint8Array(64) }, hash);
    for (let at = 0; at < packed.length; at++) expect(minisign.unpackSecret(packed.map((byte, i) => (i === at ? byte ^ 1 : byte)), hash), `byte ${at}`).toBeUndefined();
  });

  it("take scrypt's parameters from two limits, as libsodium does", () => {
    expect(minisign.scryptParameters(33_554_432, 2 ** 30)).toEqual({ N: 2 ** 20, r: 8, p: 1 });
    expect(minisign.scryptParameters(524_288, 16_777_216)).toEqual({ N: 2 ** 14, r: 8, p: 1 });
    expect(minisign.scryptParameters(1, 2 ** 30)).toEqual({ N: 2 ** 10, r: 8, p: 1 });
  });
});

describe("versions", () => {
  it("are in semantic versioning's order", () => {
    const order = ["0.1.0", "0.1.1", "0.2.0", "0.10.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1-0", "9007199254740993.0.0", "9007199254740994.0.0"];
    for (const [i, a] of order.entries()) for (const [j, b] of order.entries()) expect(Math.sign(compareVersions(a, b)), `${a} ${b}`).toBe(Math.sign(i - j));
    expect(compareVersions("01.2.3", "1.2.3")).toBe(0);
  });
});
