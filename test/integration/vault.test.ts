// The vault on the real machine: what it seals and signs against libsodium on the host, keys as capabilities, and clients that want more than they were given.
import { join } from "node:path";
import sodium from "libsodium-wrappers";
import { beforeAll, describe, expect, test } from "vitest";
import type { System } from "../../core/boot.ts";
import { TEST_SECRET, until } from "../support/appliance-run.ts";
import { answerIn, bytesIn, chainFor, hasVault, runVault, storageKey, type World } from "./vault/world.ts";

const LIMIT = { timeout: 180_000 };
const vault = test.skipIf(!hasVault);

/** What the client prints when it was given none. */
const ZERO_SIGNATURE = "00".repeat(64);

beforeAll(() => sodium.ready);

describe("what the vault does is libsodium's", () => {
  vault("signatures verify on the host, and what is sealed comes back, up to its limit", LIMIT, async () => {
    const { said } = await runVault({
      a: {
        does: [
          "generate 0 2", "public 0", "sign 0 hello", "generate 1 1", "seal 1 page-1 secret", "info 0", "info 1", "random 16", "random 300", "sealmuch 1 904", "sealmuch 1 0",
          "sealmuch 1 905", "sign 0 -", `sign 0 ${"x".repeat(880)}`, `sign 0 ${"x".repeat(881)}`,
        ],
      },
    });
    expect(said[0]).toBe("a: generate 0 2: done");
    expect(sodium.crypto_sign_verify_detached(bytesIn(said[2]), "hello", bytesIn(said[1]))).toBe(true);
    expect(bytesIn(said[4])).toHaveLength("secret".length + 40);
    expect(said.slice(5, 7)).toEqual(["a: info 0: kind 2 rights 44 done", "a: info 1: kind 1 rights 51 done"]);
    expect(bytesIn(said[7])).toHaveLength(16);
    expect(new Set(bytesIn(said[8])).size).toBeGreaterThan(100);
    expect(said.slice(9, 12).map(answerIn)).toEqual(["done 904 same", "done 0 same", "badRequest 0 same"]);
    expect(sodium.crypto_sign_verify_detached(bytesIn(said[12]), "", bytesIn(said[1]))).toBe(true);
    expect(sodium.crypto_sign_verify_detached(bytesIn(said[13]), "x".repeat(880), bytesIn(said[1]))).toBe(true);
    expect(answerIn(said[14])).toBe("badRequest");
  });

  vault("a storage key is the one that follows from secret, image, client, number and context: the host opens with it, and seals for it", LIMIT, async () => {
    const parties = { a: { does: ["storage 0 1 7 pagekeys", "seal 0 page-1 secret", "derive 1 0 1 9 other", "seal 1 - inner", "storage 2 2 7 pagekeys", "public 2", "dump", "opentyped 0 page-2"] } };
    const key = storageKey(await chainFor(parties, { platform: true }), "a", 7, "pagekeys");
    const nonce = sodium.randombytes_buf(24);
    const typed = [...nonce, ...sodium.crypto_aead_xchacha20poly1305_ietf_encrypt("from the host", "page-2", null, nonce, key)];
    const { said } = await runVault(parties, {
      platform: true,
      options: {
        async during(_, line, ended) {
          await until("it asks", () => line.output.includes("a: type"), 60_000);
          line.type(`${Buffer.from(typed).toString("hex")}\n`);
          await ended();
        },
      },
    });
    const open = (line: string | undefined, under: Uint8Array, associated: string): string => {
      const sealed = bytesIn(line);
      return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed.subarray(24), associated, sealed.subarray(0, 24), under, "text");
    };
    expect(open(said[1], key, "page-1")).toBe("secret");
    const derived = sodium.crypto_kdf_derive_from_key(32, 9, "other\0\0\0", key);
    expect(open(said[3], derived, "")).toBe("inner");
    const pair = sodium.crypto_sign_seed_keypair(key);
    expect(bytesIn(said[5])).toEqual(Buffer.from(pair.publicKey));
    expect(said.at(-1)).toBe(`opened: done ${Buffer.from("from the host").toString("hex")}`);
    // Nothing that the client received, in messages or beside them, has any of the keys' bytes in it.
    const seen = said.join("\n");
    for (const secret of [key, derived, TEST_SECRET, sodium.crypto_kdf_derive_from_key(32, 1, "bwstores", TEST_SECRET), sodium.crypto_kdf_derive_from_key(32, 1, "bwattest", TEST_SECRET)]) {
      for (let at = 0; at + 8 <= secret.length; at += 8) expect(seen).not.toContain(Buffer.from(secret.subarray(at, at + 8)).toString("hex"));
    }
  });

  vault("a storage key is the same in the next run, and another for another client, context, number, platform or image", LIMIT, async () => {
    const does = ["storage 0 2 1 mail", "public 0", "storage 0 2 2 mail", "public 0", "storage 0 2 1 mails", "public 0"];
    const keys = async (name: string, secret: Uint8Array, extra: readonly string[] = []): Promise<string[]> => {
      const { said } = await runVault({ [name]: { does: [...does, ...extra] } }, { platform: true, options: { secret } });
      return [said[1], said[3], said[5]].map(answerIn);
    };
    const other = Uint8Array.from(TEST_SECRET, (byte) => byte ^ 1);
    const first = await keys("a", TEST_SECRET);
    expect(await keys("a", TEST_SECRET)).toEqual(first);
    const all = [...first, ...(await keys("b", TEST_SECRET)), ...(await keys("a", other)), ...(await keys("a", TEST_SECRET, ["random 1"]))];
    for (const key of all) expect(key).toMatch(/^done [0-9a-f]{64}$/);
    expect(new Set(all).size).toBe(all.length);
  });
});

vault("a hosted program is a client like any other", LIMIT, async () => {
  const { said, events } = await runVault({ a: { does: ["sleep 3000000000"] } }, {
    more: { hosted: "{ image: { ts: hosted.ts }, use: { vault: vault.vault, console: console.console }, cpu: { priority: 155 } }" },
    files: { "hosted.ts": HOSTED },
  });
  expect(events).toContainEqual(expect.objectContaining({ event: "exit", component: "hosted", status: 0 }));
  const [key, signature, ...rest] = said;
  expect(sodium.crypto_sign_verify_detached(Buffer.from(signature ?? "", "hex"), "hello", Buffer.from(key ?? "", "hex"))).toBe(true);
  expect(rest).toEqual(["done hello", "notAuthentic", "notAllowed"]);
});

const SERVERS = join(import.meta.dirname, "../../servers");
const HOSTED = `import { client } from ${JSON.stringify(join(SERVERS, "lib/ts/client.ts"))};
import { Console } from ${JSON.stringify(join(SERVERS, "console/protocol.ts"))};
import { Vault } from ${JSON.stringify(join(SERVERS, "vault/protocol.ts"))};

export default function* main(env) {
  const text = new TextEncoder();
  const console = client(Console, env.sys, env.mem, env.use.console.cap), vault = client(Vault, env.sys, env.mem, env.use.vault.cap);
  const say = (line) => console.write(text.encode(line + "\\n"));
  const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  env.sys.receiveSlots(1, 140, 32, 1);
  yield* vault.generate(2, 63);
  env.sys.receiveSlots(1, 141, 32, 1);
  yield* vault.generate(1, 63);
  const signing = client(Vault, env.sys, env.mem, 140), symmetric = client(Vault, env.sys, env.mem, 141);
  yield* say(hex((yield* signing.publicKey()).bytes));
  yield* say(hex((yield* signing.sign(text.encode("hello"))).bytes));
  const sealed = yield* symmetric.seal(4, text.encode("pagehello"));
  const both = (associated) => Uint8Array.from([...text.encode(associated), ...sealed.bytes]);
  const opened = yield* symmetric.unseal(4, both("page"));
  yield* say(opened.ok ? "done " + new TextDecoder().decode(opened.bytes) : opened.refusal);
  yield* say((yield* symmetric.unseal(4, both("pale"))).refusal);
  yield* say((yield* symmetric.sign(text.encode("x"))).refusal);
}
`;

describe("a window", () => {
  vault("takes 64 KiB at once, for the key that is sent along; what is in it is the host's too", LIMIT, async () => {
    const parties = { a: { does: ["storage 0 1 1 data", "window", "fill 0 65536", "sealw 0 0 9000 1000000 page", "show 1000000 9040", "sealw 0 0 65536 1000000 -", "unsealw 0 1000000 65576 500000 -", "show 565520 16", "storage 1 2 1 data", "signw 1 0 1000", "show 0 1000"] } };
    const world = { platform: true, memory: "8MiB" };
    const key = storageKey(await chainFor(parties, world), "a", 1, "data\0\0\0\0");
    const { said } = await runVault(parties, world);
    const plain = Uint8Array.from({ length: 65536 }, (_, i) => (i * 7) & 0xff);
    expect(said[3]).toBe("a: sealw 0 0 9000 1000000 page: done 9040");
    const sealed = bytesIn(said[4]);
    expect(Buffer.from(sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed.subarray(24), "page", sealed.subarray(0, 24), key)).equals(plain.subarray(0, 9000))).toBe(true);
    expect(said.slice(5, 7).map(answerIn)).toEqual(["done 65576", "done 65536"]);
    expect(Buffer.from(plain.subarray(-16)).equals(bytesIn(said[7]))).toBe(true);
    expect(sodium.crypto_sign_verify_detached(bytesIn(said[9]), bytesIn(said[10]), sodium.crypto_sign_seed_keypair(key).publicKey)).toBe(true);
  });

  vault("is a client's own, whoever's key it works with; what is outside it, or not authentic, is not touched", LIMIT, async () => {
    const { said } = await runVault({
      a: { does: ["generate 0 1", "sealw 0 0 1 0 -", "window", "window", "fill 0 16", "restrict 1 0 1", "givekey 1 b 1", "signal 9", "wait 10", "show 0 16", "sealw 0 0 65537 0 -", "sealw 0 2097152 1 0 -", "sealw 0 0 16 2097100 -", "sealw 0 0 16 2097096 -", "sealw 0 2097152 0 0 -", "unsealw 0 0 39 0 -", "unsealw 0 0 100 0 -", "show 0 16", "sealw 9 0 1 0 -", "sealw 8 0 1 0 -", "signw 0 0 1"] },
      b: { does: ["wait 9", "takekey 1 5", "window", "fill 0 16", "sealw 5 0 16 0 -", "unsealw 5 0 56 0 -", "signal 10", "stay"] },
      c: { does: ["sleep 3000000000"] },
    }, { memory: "8MiB" });
    const a = said.filter((line) => line.startsWith("a: ")).map(answerIn), b = said.filter((line) => line.startsWith("b: ")).map(answerIn);
    const filled = Buffer.from(Array.from({ length: 16 }, (_, i) => i * 7)).toString("hex");
    expect(b).toEqual(["done", "done", "", "done 56", "notAllowed 0"]);
    expect(a).toEqual([
      "done", "badRequest 0", "done", "GONE", "", "done", "done", filled,
      "badRequest 0", "badRequest 0", "badRequest 0", "done 56", "done 40", "notAuthentic 0", "notAuthentic 0", expect.stringMatching(/^[0-9a-f]{32}$/), "noCapability 0", "noCapability 0", "notAllowed",
    ]);
  });

  vault("that the vault has no memory for is refused, and the rest goes on", LIMIT, async () => {
    const { said } = await runVault({ a: { does: ["window", "generate 0 1", "sealmuch 0 100"] } });
    expect(said.map(answerIn)).toEqual(["full", "done", "done 100 same"]);
  });
});

describe("a key is a capability", () => {
  vault("with the rights that make sense for its kind, and never more by restricting", LIMIT, async () => {
    const { said } = await runVault({
      a: {
        does: [
          "generate 0 1 1", "info 0", "unseal 0 - x", "derive 1 0 1 1", "destroy 0", "seal 0 - x",
          "restrict 2 0 63", "info 2", "restrict 3 0 0", "info 3", "seal 3 - x", "close 0", "seal 2 - x",
          "generate 4 2 8", "sign 4 x", "public 4", "seal 4 - x", "derive 5 4 1 1", "generate 6 3", "generate 6 0", "random 0",
        ],
      },
    });
    const answers = said.map(answerIn);
    expect(answers.slice(0, 5)).toEqual(["done", "kind 1 rights 1 done", "notAllowed", "notAllowed", "notAllowed"]);
    expect(answers[5]).toMatch(/^done [0-9a-f]{82}$/);
    expect(answers.slice(6, 12)).toEqual(["done", "kind 1 rights 1 done", "done", "kind 1 rights 0 done", "notAllowed", "done"]);
    expect(answers[12]).toMatch(/^done/);
    expect(answers.slice(13, 15)).toEqual(["done", "notAllowed"]);
    expect(answers[15]).toMatch(/^done [0-9a-f]{64}$/);
    expect(answers.slice(16)).toEqual(["notAllowed", "notAllowed", "badRequest", "badRequest", "done"]);
  });

  vault("that ends with all its copies, and whose place is never another key's for them", LIMIT, async () => {
    const { said } = await runVault({
      a: {
        does: [
          "generate 0 1", "copy 1 0", "restrict 2 0 63", "close 0", "seal 1 - x", "info 2", "destroy 2", "info 1",
          // The same places again: what was closed stays dead.
          "generate 3 1", "generate 4 1", "info 1", "seal 1 - x", "destroy 1", "close 1", "info 3", "info 4",
        ],
      },
    });
    expect(said.map(answerIn)).toEqual([
      "done", "done", "done", "done", "gone", "kind 1 rights 51 done", "done", "gone",
      "done", "done", "gone", "gone", "gone", "gone", "kind 1 rights 51 done", "kind 1 rights 51 done",
    ]);
  });

  vault("whose bytes are nowhere in the machine once it is destroyed, or its last capability is closed", LIMIT, async () => {
    const does = ["storage 0 1 7 pagekeys", "seal 0 - secret", "storage 1 2 8 pagekeys", "sign 1 text", "derive 2 0 1 1", "seal 2 - x", "random 1", "sleep 3000000000", "close 2", "destroy 0", "close 1", "random 2", "sleep 3000000000"];
    let found: readonly number[] = [], left: readonly number[] = [];
    const count = (system: System, what: Uint8Array): number => {
      const ram = Buffer.from(system.kernel.machine.ram);
      let times = 0;
      for (let at = ram.indexOf(what); at >= 0; at = ram.indexOf(what, at + 1)) times++;
      return times;
    };
    const parties = { a: { does } };
    const chain = await chainFor(parties, { platform: true });
    const key = storageKey(chain, "a", 7, "pagekeys");
    const keys = [key, storageKey(chain, "a", 8, "pagekeys"), sodium.crypto_kdf_derive_from_key(32, 1, "\0\0\0\0\0\0\0\0", key)];
    await runVault(parties, {
      platform: true,
      options: {
        async during(system, line, ended) {
          await until("they are there", () => /random 1: done \w+\n/.test(line.output), 60_000);
          found = keys.map((bytes) => count(system, bytes));
          await until("they are gone", () => /random 2: done \w+\n/.test(line.output), 60_000);
          left = keys.map((bytes) => count(system, bytes));
          await ended();
        },
      },
    });
    // Once each: in the key's entry and nowhere else.
    expect(found).toEqual([1, 1, 1]);
    expect(left).toEqual([0, 0, 0]);
  });
});

describe("hostile clients", () => {
  vault("every altered bit and every shorter length of what was sealed or signed is refused", LIMIT, async () => {
    const { said } = await runVault({ a: { does: ["generate 0 1", "spoilsealed 0 page-1 some-text", "spoilsealed 0 - -", "generate 1 2", "spoilsigned 1 text"] } });
    const bytes = "some-text".length + 40, associated = "page-1".length;
    expect(answerIn(said[1]).trim()).toBe(`done x1 notAuthentic x${8 * bytes + bytes + 8 * associated}`);
    expect(answerIn(said[2]).trim()).toBe(`done x1 notAuthentic x${9 * 40}`);
    expect(answerIn(said[4]).trim()).toBe(`done x1 notAuthentic x${8 * (64 + 4)}`);
  });

  vault("what was made with one key is nothing to another", LIMIT, async () => {
    // By the same entropy a key is the same in both runs; which nonces were drawn does not change the keys before.
    const entropy = (most: number): Uint8Array => new Uint8Array(most).fill(3);
    const keys = ["generate 0 1", "generate 1 1", "generate 2 2", "generate 3 2"];
    const first = await runVault({ a: { does: [...keys, "seal 0 - secret", "sign 2 text"] } }, { options: { entropy } });
    const [sealed, signature] = first.said.slice(4).map((line) => answerIn(line).replace("done ", "#"));
    const { said } = await runVault({
      a: { does: [...keys, `unseal 0 - ${sealed}`, `unseal 1 - ${sealed}`, `unseal 0 x ${sealed}`, `verify 2 text ${signature}`, `verify 3 text ${signature}`, `verify 2 test ${signature}`] },
    }, { options: { entropy } });
    expect(said.slice(4).map(answerIn)).toEqual([`done ${Buffer.from("secret").toString("hex")}`, "notAuthentic", "notAuthentic", "done", "notAuthentic", "notAuthentic"]);
  });

  vault("one that makes all the keys it can, and sends nonsense, takes nothing of its neighbour's", LIMIT, async () => {
    const { said, events } = await runVault({
      greedy: { does: ["many 0", "manyrestrict 1 0", "nonsense", "generate 2 1", "nonsense 2", "nonsense 0"] },
      b: { does: ["many 0", "close 0", "generate 0 1", "seal 0 - x", "nonsense 0"] },
    });
    expect(said.slice(0, 4)).toEqual(["greedy: many 0: 16, then full", "greedy: manyrestrict 1 0: 0, then GONE", "greedy: nonsense: done", "greedy: generate 2 1: full"]);
    const b = said.filter((line) => line.startsWith("b: ")).map(answerIn);
    expect(b.slice(0, 3)).toEqual(["16, then full", "GONE", "full"]);
    expect(events).not.toContainEqual(expect.objectContaining({ event: "fault", component: "vault" }));
  });

  vault("handles are counted for the client whose key it is", LIMIT, async () => {
    const { said } = await runVault({ a: { does: ["generate 0 1", "manyrestrict 1 0", "generate 2 1", "close 0"] }, b: { does: ["generate 0 1", "manyrestrict 1 0"] } });
    expect(said.map(answerIn)).toEqual(["done", "31, then full", "full", "done", "done", "31, then full"]);
  });
});

describe("the manifest", () => {
  vault("says what an offer is for", LIMIT, async () => {
    const { said } = await runVault({
      a: { offer: "keys", does: ["generate 0 1", "give 1 b", "attest #00"] },
      b: { offer: "capabilities", does: ["generate 0 1", "random 1", "storage 0 1 1 x", "give 1 a"] },
    }, { offers: "{ keys: Vault, capabilities: Vault }", args: "{ keys: { may: k }, capabilities: { may: c } }" });
    expect(said.map(answerIn)).toEqual(["done", "notAllowed", "notAllowed", "", ZERO_SIGNATURE, "notAllowed", "notAllowed", "notAllowed", "done"]);
  });

  vault("need not give it platform or clock; what wants them is refused", LIMIT, async () => {
    const { said } = await runVault({ a: { does: ["storage 0 1 1 x", `attest #${"00".repeat(32)}`, "attestationkey", "givetill 1 a 5", "give 1 a"] } }, { clock: false });
    expect(said.map(answerIn)).toEqual(["noPlatform", "noPlatform", "", ZERO_SIGNATURE, "noPlatform", "noClock", "done"]);
  });

  vault("that makes no sense is said to the operator", LIMIT, async () => {
    const logs = async (world: World): Promise<unknown[]> =>
      (await runVault({ a: { does: ["random 1"] } }, world)).events.filter(({ event, component }) => event === "log" && component === "vault").map(({ text }) => text);
    expect(await logs({ args: "{ vault: { may: kx } }" })).toEqual([expect.stringContaining("letters of 'kca'")]);
    expect(await logs({ options: { entropy: () => new Uint8Array(0) } })).toEqual([expect.stringContaining("entropy")]);
  });
});
