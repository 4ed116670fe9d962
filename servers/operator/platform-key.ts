// The platform's secret: 32 bytes in a file of the host's, which stand for what a real machine has in its fuses. What follows from it is worked out here as
// servers/vault/platform.c does it.
import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SECRET_BYTES } from "../../caps/image/measurements.ts";
import { FailureCode, failure, textOf } from "./failure.ts";
import { loadSodium } from "./sodium.ts";

const ATTESTATION = "bwattest";
const NUMBER = 1;
/** Nobody but its owner. */
const MODE = 0o600;

export const defaultKeyFile = (folder: string): string => join(folder, ".bailiwick", "platform.key");

/** The secret in the file that was named; or in the project's own, which is made when it is not there. Throws Failure. */
export function platformSecret(folder: string, named?: string): Uint8Array {
  const file = named ?? defaultKeyFile(folder);
  try {
    if (named === undefined) makeKey(file);
    return readKey(file);
  } catch (error) {
    if (error instanceof Error && "code" in error && typeof error.code === "string" && !error.code.startsWith("BW")) {
      throw failure(FailureCode.platformKey, "the platform's secret cannot be read", {
        cause: textOf(error),
        fix: named === undefined ? "name a file: --platform-key FILE" : `make one: openssl rand -out ${file} ${SECRET_BYTES} && chmod 600 ${file}`,
      });
    }
    throw error;
  }
}

/** Whole or not at all, and never in the place of another. */
function makeKey(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const fresh = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    const found = openSync(file, "r");
    closeSync(found);
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  writeFileSync(fresh, randomBytes(SECRET_BYTES), { mode: MODE, flag: "wx" });
  try {
    linkSync(fresh, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(fresh, { force: true });
  }
}

function readKey(file: string): Uint8Array {
  const opened = openSync(file, "r");
  try {
    const { mode, size } = fstatSync(opened);
    const refuse = (cause: string, fix: string) => failure(FailureCode.platformKey, "the platform's secret cannot be used", { cause: `${file}: ${cause}`, fix });
    if ((mode & 0o077) !== 0 && process.platform !== "win32") throw refuse("others than its owner may read or write it, so it is no secret", `chmod 600 ${file}`);
    if (size !== SECRET_BYTES) throw refuse(`it has ${size} bytes, not ${SECRET_BYTES}`, `make one: openssl rand -out FILE ${SECRET_BYTES} && chmod 600 FILE`);
    return readFileSync(opened);
  } finally {
    closeSync(opened);
  }
}

/** The public key of what a platform with this secret attests. */
export async function attestationKey(secret: Uint8Array): Promise<Uint8Array> {
  const { crypto_kdf_derive_from_key, crypto_sign_seed_keypair } = await loadSodium();
  return crypto_sign_seed_keypair(crypto_kdf_derive_from_key(SECRET_BYTES, NUMBER, ATTESTATION, secret)).publicKey;
}
