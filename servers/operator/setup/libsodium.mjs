// Step: libsodium's sources, which the vault is built with, into the cache.
//
// They come from Debian's pool (pool.mjs), by the hash that the index of trixie gives. Only the reference code in C is taken, and nothing of it runs here.
import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { mustRun } from "./command.mjs";
import { checkSha512, fetchedSource } from "./fetched.mjs";
import { downloadFromPool } from "./pool.mjs";

const PATH = "pool/main/libs/libsodium/libsodium_1.0.18.orig.tar.gz";
const SHA256 = "d59323c6b712a1519a5daf710b68f5e7fde57040845ffec53850911f10a5d4f4";
const SHA512 = "cn/lCl+x34bsXYB3cPQIpSYJy+uFELT0GDsqNaU3kFcZvbY0ivyxA/8AzpRqgJSslVm24+WyzMKi0MCPdVd+6w==";
const INSIDE = "libsodium-1.0.18/src/libsodium";

/** What servers/vault/sodium-*.c include, and what that includes: files of libsodium 1.0.18, with their sizes. */
const FILES = new Map([
  ["crypto_aead/xchacha20poly1305/sodium/aead_xchacha20poly1305.c", 9406],
  ["crypto_core/ed25519/ref10/ed25519_ref10.c", 79518],
  ["crypto_core/ed25519/ref10/fe_51/base.h", 75894],
  ["crypto_core/ed25519/ref10/fe_51/base2.h", 2280],
  ["crypto_core/ed25519/ref10/fe_51/constants.h", 1254],
  ["crypto_core/ed25519/ref10/fe_51/fe.h", 2473],
  ["crypto_core/hchacha20/core_hchacha20.c", 2232],
  ["crypto_generichash/blake2b/ref/blake2.h", 4543],
  ["crypto_generichash/blake2b/ref/blake2b-compress-ref.c", 2971],
  ["crypto_generichash/blake2b/ref/blake2b-ref.c", 11817],
  ["crypto_generichash/blake2b/ref/generichash_blake2b.c", 3977],
  ["crypto_hash/sha512/cp/hash_sha512_cp.c", 9407],
  ["crypto_kdf/blake2b/kdf_blake2b.c", 1635],
  ["crypto_onetimeauth/poly1305/donna/poly1305_donna.c", 3494],
  ["crypto_onetimeauth/poly1305/donna/poly1305_donna.h", 293],
  ["crypto_onetimeauth/poly1305/donna/poly1305_donna64.h", 5282],
  ["crypto_onetimeauth/poly1305/onetimeauth_poly1305.c", 2464],
  ["crypto_onetimeauth/poly1305/onetimeauth_poly1305.h", 1016],
  ["crypto_sign/ed25519/ref10/keypair.c", 1978],
  ["crypto_sign/ed25519/ref10/open.c", 2638],
  ["crypto_sign/ed25519/ref10/sign.c", 4364],
  ["crypto_sign/ed25519/ref10/sign_ed25519_ref10.h", 823],
  ["crypto_stream/chacha20/ref/chacha20_ref.c", 8466],
  ["crypto_stream/chacha20/ref/chacha20_ref.h", 190],
  ["crypto_stream/chacha20/stream_chacha20.c", 5623],
  ["crypto_stream/chacha20/stream_chacha20.h", 947],
  ["crypto_verify/sodium/verify.c", 2296],
  ["include/sodium/core.h", 391],
  ["include/sodium/crypto_aead_chacha20poly1305.h", 8782],
  ["include/sodium/crypto_aead_xchacha20poly1305.h", 4848],
  ["include/sodium/crypto_core_hchacha20.h", 816],
  ["include/sodium/crypto_generichash_blake2b.h", 3963],
  ["include/sodium/crypto_hash_sha512.h", 1496],
  ["include/sodium/crypto_kdf_blake2b.h", 1071],
  ["include/sodium/crypto_onetimeauth_poly1305.h", 2198],
  ["include/sodium/crypto_scalarmult_curve25519.h", 1098],
  ["include/sodium/crypto_sign_ed25519.h", 4341],
  ["include/sodium/crypto_stream_chacha20.h", 3672],
  ["include/sodium/crypto_verify_16.h", 419],
  ["include/sodium/crypto_verify_32.h", 419],
  ["include/sodium/crypto_verify_64.h", 419],
  ["include/sodium/export.h", 1347],
  ["include/sodium/private/chacha20_ietf_ext.h", 632],
  ["include/sodium/private/common.h", 6224],
  ["include/sodium/private/ed25519_ref10.h", 3535],
  ["include/sodium/private/ed25519_ref10_fe_51.h", 10968],
  ["include/sodium/private/implementations.h", 433],
  ["include/sodium/randombytes.h", 1847],
  ["include/sodium/runtime.h", 889],
  ["include/sodium/utils.h", 6149],
  ["sodium/utils.c", 20685],
]);

export const libsodium = fetchedSource({
  name: "libsodium",
  title: "libsodium",
  files: FILES,
  had: "1.0.18, its sources as Debian has them, hash verified",
  server: "the vault (image: { server: vault })",
  async fetch(temporary, result, _, line) {
    const archive = join(temporary, "libsodium.tar.gz");
    await downloadFromPool({ what: "libsodium's sources", path: PATH, sha256: SHA256 }, archive, line);
    checkHash(readFileSync(archive));
    await mustRun("tar", ["-xzf", archive, "-C", temporary, ...[...FILES.keys()].map((name) => `${INSIDE}/${name}`)], { remedy: "apt-get install tar gzip" });
    for (const name of FILES.keys()) {
      mkdirSync(dirname(join(result, name)), { recursive: true });
      renameSync(join(temporary, INSIDE, name), join(result, name));
    }
  },
});

/** @param {Uint8Array} archive */
export const checkHash = (archive) => checkSha512(archive, SHA512, "what the mirror gave as libsodium 1.0.18", "the mirror serves an altered file: use another");
