// What an appliance says of itself: true statements hold, and nothing else does. The example `attested` on the real machine; statements of the host's own making
// where only the platform's key could have signed them.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sodium from "libsodium-wrappers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { loadManifest } from "../../servers/operator/load.ts";
import { buildImage } from "../../servers/operator/image/build.ts";
import { writeLayout } from "../../servers/operator/image/layout.ts";
import { verifyAttestation } from "../../servers/operator/attestation.ts";
import { attestationKey } from "../../servers/operator/platform-key.ts";
import { applianceFolder, manifestWith, runAppliance, TEST_SECRET, until } from "../support/appliance-run.ts";
import { answerIn, hasVault, runVault } from "./vault/world.ts";

const LIMIT = { timeout: 180_000 };
const vault = test.skipIf(!hasVault);
const EXAMPLE = "examples/attested";
const CLI = join(import.meta.dirname, "../../dist/cli.js");
const NONCE = Uint8Array.from({ length: 32 }, (_, i) => 200 - i);
/** How long the list is that it is given stands in its program, and a list of more files is longer. */
const VAULT_DIFFERS: unknown = expect.stringContaining("component/vault.elf is another");
const nonce = Buffer.from(NONCE).toString("hex");

let work = "", key: Uint8Array = new Uint8Array(0), keyText = "", document = "", faults: readonly unknown[] = [];
beforeAll(async () => {
  await sodium.ready;
  work = mkdtempSync(join(tmpdir(), "bailiwick-attestation-"));
  key = await attestationKey(TEST_SECRET);
  keyText = Buffer.from(key).toString("hex");
  if (!hasVault) return;
  let faulted = false;
  const { output, events } = await runAppliance(EXAMPLE, {
    limitMs: 60_000,
    onEvent: ({ event }) => (faulted ||= event === "fault"),
    async during(_, line, ended) {
      await until("the careless one has faulted", () => faulted, 60_000);
      line.type(`${nonce}\n`);
      await ended();
    },
  });
  document = output;
  faults = events.filter(({ event }) => event === "fault").map(({ component }) => component);
}, 180_000);
afterAll(() => rmSync(work, { recursive: true, force: true }));

function bailiwick(...args: readonly string[]): { readonly status: number | null; readonly out: string; readonly err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8", timeout: 180_000 });
  return { status, out: stdout, err: stderr };
}

function saved(text: string, name = "statement"): string {
  const file = join(work, name);
  writeFileSync(file, text);
  return file;
}
const verify = (file: string, ...more: readonly string[]): ReturnType<typeof bailiwick> => bailiwick("verify-attestation", file, "--nonce", nonce, "--key", keyText, ...more);
const wrongWith = async (text: string | Uint8Array, other: Partial<Parameters<typeof verifyAttestation>[1]> = {}): Promise<readonly string[]> =>
  (await verifyAttestation(typeof text === "string" ? Buffer.from(text, "latin1") : text, { nonce: NONCE, key, ...other })).wrong;

/** The example in a folder of its own, with something changed. */
function changed(name: string, edit: (folder: string) => void): string {
  const folder = join(work, name);
  cpSync(EXAMPLE, folder, { recursive: true, filter: (source) => !source.includes(".bailiwick") });
  edit(folder);
  return folder;
}
const replaceIn = (folder: string, file: string, what: string, by: string): void => {
  const text = readFileSync(join(folder, file), "utf8");
  if (!text.includes(what)) throw new Error(`${file} has no ${what}`);
  writeFileSync(join(folder, file), text.replace(what, by));
};

describe("a true statement", () => {
  vault("holds by the command line, and tells what faulted", LIMIT, () => {
    const { status, out, err } = verify(saved(document), "--image", EXAMPLE);
    expect([status, err]).toEqual([0, ""]);
    expect(out).toMatch(/^the statement holds: attested 0\.1\.0, all that was loaded is the image's\nchain [0-9a-f]{64}\ntime \d+ ns/);
    expect(out).toMatch(/\n {2}worker +running +[0-9a-f]{64}\n/);
    expect(out).toMatch(/\n {2}careless +faulted +[0-9a-f]{64}\n/);
    expect(faults).toEqual(["careless"]);
    expect(JSON.parse(verify(saved(document), "--json").out)).toMatchObject({ format: "bailiwick-attestation/1", nonce, image: { name: "attested" } });
    // A terminal's line ends, and what else the console showed.
    expect(verify(saved(`booting\n\n${document.replaceAll("\n", "\r\n")}`)).status).toBe(0);
    expect(verify(saved(document), "--all-running")).toMatchObject({ status: 3, err: expect.stringContaining("component 'careless' is not running: it has faulted") });
  });

  vault("is of the same image wherever that is built", LIMIT, async () => {
    const elsewhere = changed("elsewhere", () => {});
    expect(await wrongWith(document, { image: await (await prepareAppliance(elsewhere)).measure() })).toEqual([]);
    const { top, blobs } = await buildImage(loadManifest(elsewhere), "1970-01-01T00:00:00Z");
    writeLayout(join(work, "attested.oci"), top, blobs);
    expect(verify(saved(document), "--image", join(work, "attested.oci"))).toMatchObject({ status: 0, out: expect.stringContaining("all that was loaded is the image's") });
  });
});

describe("is refused with the right words:", () => {
  vault("every altered bit, every shorter file", LIMIT, async () => {
    const bytes = Buffer.from(document, "latin1");
    for (let bit = 0; bit < 8 * (bytes.length - 1); bit++) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      if ((await wrongWith(altered)).length === 0) throw new Error(`bit ${bit & 7} of byte ${bit >> 3} counts for nothing`);
    }
    for (let length = 0; length < bytes.length - 1; length++) if ((await wrongWith(bytes.subarray(0, length))).length === 0) throw new Error(`${length} bytes suffice`);
    const at = document.indexOf('"faulted"');
    expect(verify(saved(`${document.slice(0, at)}"running"${document.slice(at + 9)}`))).toMatchObject({ status: 3, err: expect.stringMatching(/the statement or the signature was altered, or another platform made it/) });
    expect(verify(saved("hello\n"))).toMatchObject({ status: 3, err: expect.stringContaining("there is no statement in the file") });
    expect(verify(saved(document.split("\n")[0] ?? ""))).toMatchObject({ status: 3, err: expect.stringContaining("is not its signature") });
  });

  vault("another nonce, another key", LIMIT, () => {
    const file = saved(document), other = "ab".repeat(32);
    expect(bailiwick("verify-attestation", file, "--nonce", other, "--key", keyText)).toMatchObject({ status: 3, err: expect.stringMatching(/made for another nonce, c8c7.*an old one that is shown again/) });
    for (const wrong of [other, "00".repeat(32)]) expect(bailiwick("verify-attestation", file, "--nonce", nonce, "--key", wrong)).toMatchObject({ status: 3, err: expect.stringContaining("another platform made it") });
  });

  vault("another image: an argument, a program, a component more, a name", LIMIT, async () => {
    // In one folder, so that what stays the same is compiled once.
    const differences = async (edit: (folder: string) => void): Promise<readonly string[]> => wrongWith(document, { image: await (await prepareAppliance(changed("other", edit))).measure() });
    expect(await differences((folder) => replaceIn(folder, "appliance.yaml", "may: a", "may: ka"))).toEqual([expect.stringMatching(/^system\.json is another: loaded was [0-9a-f]{16}…, the image has [0-9a-f]{16}…$/)]);
    expect(await differences((folder) => replaceIn(folder, "worker.c", "NOTIFICATION", "NOTIFICATION + 0 * BW_SLOT_TCB + 1"))).toEqual([expect.stringMatching(/^component\/worker\.elf is another/)]);
    expect(verify(saved(document), "--image", join(work, "other"))).toMatchObject({ status: 3, err: expect.stringContaining("component/worker.elf is another") });
    expect(await differences((folder) => replaceIn(folder, "appliance.yaml", "  witness:", "  spy: { image: { c: worker.c } }\n  witness:"))).toEqual([expect.stringContaining("system.json is another"), VAULT_DIFFERS, "component/spy.elf was not loaded"]);
    expect(await differences((folder) => replaceIn(folder, "appliance.yaml", "  worker:\n    image: { c: worker.c }\n    cpu: { priority: 150 }\n", ""))).toEqual([expect.stringContaining("system.json is another"), VAULT_DIFFERS, "component/worker.elf was loaded and is not in the image"]);
    expect(await differences((folder) => replaceIn(folder, "appliance.yaml", "version: 0.1.0", "version: 0.2.0"))).toEqual(["the image is attested 0.1.0, not attested 0.2.0", expect.stringContaining("system.json is another")]);
  });

  vault("what the platform's key has signed and still makes no sense", LIMIT, async () => {
    const secret = sodium.crypto_sign_seed_keypair(sodium.crypto_kdf_derive_from_key(32, 1, "bwattest", TEST_SECRET)).privateKey;
    const statement = document.split("\n")[0] ?? "";
    const signed = (text: string): string => `${text}\nsignature ${Buffer.from(sodium.crypto_sign_detached(text, secret)).toString("hex")}\n`;
    const edited = (from: string | RegExp, to: string): string => {
      const text = statement.replace(from, to);
      expect(text).not.toBe(statement);
      return signed(text);
    };
    expect(await wrongWith(signed(statement))).toEqual([]);
    expect(await wrongWith(edited(/"chain":"../, '"chain":"00'))).toEqual(["its chain does not follow from its measurements"]);
    expect(await wrongWith(edited(/"hash":"../, '"hash":"00'))).toEqual(["its chain does not follow from its measurements"]);
    expect(await wrongWith(edited(/"program":"../, '"program":"00'))).toEqual([expect.stringMatching(/^the program of component 'console' is not among what was measured/)]);
    for (const [from, to] of [["attestation/1", "attestation/2"], ['"nonce"', '"once"'], ['"running"', '"jumping"'], [',"time"', ',"more":1,"time"'], [/"nonce":"../, '"nonce":"']] as const) {
      expect(await wrongWith(edited(from, to))).toEqual([expect.stringMatching(/not a statement of the format bailiwick-attestation\/1/)]);
    }
    expect(await wrongWith(edited("}]", "}"))).toEqual(["what is signed is not JSON"]);
  });
});

describe("the commands", () => {
  test("say how they are used", () => {
    const file = saved("x");
    for (const [args, why] of [
      [[], /needs the file/], [[file, "more"], /one argument too many/], [[file], /needs --nonce/], [[file, "--nonce", "00"], /--nonce is not 32 bytes/], [[file, "--nonce", nonce], /needs --key/],
      [[file, "--nonce", nonce, "--key", "xyz"], /--key is not 32 bytes/], [[file, "--nonse", nonce], /did you mean --nonce/],
    ] as const) expect(bailiwick("verify-attestation", ...args), String(why)).toMatchObject({ status: 2, err: expect.stringMatching(why) });
    expect(bailiwick("verify-attestation", join(work, "none"), "--nonce", nonce, "--key", nonce)).toMatchObject({ status: 1, err: expect.stringContaining("there is no such file") });
  });

  test("a platform's key is made once, for its owner alone, and named files are looked at", () => {
    const folder = join(work, "platform");
    mkdirSync(folder);
    writeFileSync(join(folder, "appliance.yaml"), "");
    const first = bailiwick("attestation-key", folder), file = join(folder, ".bailiwick", "platform.key");
    expect(first).toMatchObject({ status: 0, out: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(file).size).toBe(32);
    expect(bailiwick("attestation-key", join(folder, "appliance.yaml")).out).toBe(first.out);
    expect(bailiwick("attestation-key", "--platform-key", file).out).toBe(first.out);
    chmodSync(file, 0o640);
    expect(bailiwick("attestation-key", folder)).toMatchObject({ status: 1, err: expect.stringMatching(/BW0316[^]*no secret[^]*chmod 600/) });
    const short = join(work, "short");
    writeFileSync(short, "12345", { mode: 0o600 });
    expect(bailiwick("attestation-key", "--platform-key", short)).toMatchObject({ status: 1, err: expect.stringMatching(/5 bytes, not 32/) });
    expect(bailiwick("attestation-key", "--platform-key", join(work, "nowhere"))).toMatchObject({ status: 1, err: expect.stringMatching(/cannot be read[^]*openssl rand/) });
    expect(bailiwick("attestation-key", join(work, "no-folder"))).toMatchObject({ status: 1, err: expect.stringContaining("no manifest") });
  });

  vault("run an appliance with the key that is named, and leave no secret in its image", LIMIT, async () => {
    const secret = join(work, "secret.key");
    writeFileSync(secret, TEST_SECRET, { mode: 0o600 });
    const { files, wantsSecret } = await prepareAppliance(EXAMPLE);
    expect(wantsSecret).toBe(true);
    for (const { name, bytes } of files) expect(Buffer.from(bytes).includes(Buffer.from(TEST_SECRET)), name).toBe(false);
    const folder = changed("run", () => {});
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, "run", "-q", "--platform-key", secret, folder], { encoding: "utf8", input: `${nonce}\n`, timeout: 180_000 });
    expect([status, stderr]).toEqual([0, expect.stringContaining("careless faulted")]);
    expect(existsSync(join(folder, ".bailiwick", "platform.key"))).toBe(false);
    expect(verify(saved(stdout), "--image", folder).status).toBe(0);
  });
});

describe("the vault's statements", () => {
  vault("are each client's own, and are made when they are asked for", LIMIT, async () => {
    const other = "cd".repeat(32);
    const { said } = await runVault({
      a: { does: [`attest #${nonce}`, "attestationkey", "signal 1", "wait 2", "reread"] },
      b: { does: ["reread", `attest #${other}`, "signal 2", "stay"] },
      c: { does: ["sleep 3000000000"] },
    }, { platform: true });
    expect(answerIn(said[0])).toBe("done");
    expect(await wrongWith(`${said[1]}\nsignature ${said[2]}\n`)).toEqual([]);
    expect(answerIn(said[3])).toBe(`done ${keyText}`);
    // b has none of its own, and gets nothing of a's.
    expect(said[4]).toBe("b: reread: ");
    const at = said.findIndex((line) => line.startsWith("b: attest"));
    expect(await wrongWith(`${said[at + 1]}\nsignature ${said[at + 2]}\n`, { nonce: Buffer.from(other, "hex") })).toEqual([]);
    const again = said.findIndex((line) => line.startsWith("a: reread"));
    expect(said[again + 1]).toBe(said[1]);
  });

  test("what runs is told to nobody but who has the measurements", LIMIT, async () => {
    const ask = `#include <bailiwick.h>\n#include <bailiwick/console.h>\n#include <bailiwick/root.h>\nBW_USE(console);\nBW_USE_OPTIONAL(list);\nint main(void) {
      bw_console_open(bw_use_console.cap);
      for (uint64_t i = 0; i < 5; i++) {
        const struct bw_msg m = bw_call(BW_SLOT_PARENT, bw_info(PARENT_COMPONENT, 1, 0), i == 4 ? UINT64_MAX : i, 0, 0, 0);
        if (bw_label(&m) != 0) bw_printf("%s: refused %u, %u words\\n", bw_name(), bw_label(&m), bw_length(&m));
        else bw_printf("%s: %lu %lu %lu\\n", bw_name(), m.w[0], m.w[1], m.w[2]);
      }
      bw_printf("%d\\n", bw_use_list.bytes > 100);
      return 0;
    }\n`;
    using folder = applianceFolder({
      "appliance.yaml": manifestWith({
        plain: "{ image: { c: ask.c }, use: { console: console.console }, cpu: { priority: 150 } }",
        told: "{ image: { c: ask.c }, use: { console: console.console, list: platform.measurements }, essential: true }",
      }),
      "ask.c": ask,
    });
    const { output } = await runAppliance(folder.path);
    expect(output.trimEnd().split("\n")).toEqual([
      ...Array.from({ length: 5 }, () => "plain: refused 2, 0 words"), "0",
      "told: 1 7 28", "told: 2 5 24", "told: 1 4 22", "told: refused 3, 0 words", "told: refused 3, 0 words", "1",
    ]);
  });

  test("the seeds of guests are fresh, and make it no other image", LIMIT, async () => {
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith({})}guests:\n  g: { image: bare, memory: 16MiB, console: console.console }\n`.replace(", essential: true", "") });
    const [one, two] = [await prepareAppliance(folder.path), await prepareAppliance(folder.path)];
    expect(one.system).not.toEqual(two.system);
    expect(await one.measure()).toEqual(await two.measure());
    expect((await one.measure()).files.map(({ name }) => name)).toContain("guest/bare.kernel");
  });
});
