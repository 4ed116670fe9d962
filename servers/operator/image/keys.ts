// Keys that images are signed and checked with, in files of minisign's: a key that minisign made signs here, and one that was made here is minisign's.
import { randomBytes, scryptSync } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import * as minisign from "../../../caps/image/minisign.ts";
import { ExitStatus, type Failure, FailureCode, failure, textOf } from "../failure.ts";
import { loadHash, loadSodium } from "../sodium.ts";
import { readPart } from "./layout.ts";

const MAX_KEY_FILE = 8192;
/** Those of libsodium's "sensitive", which minisign takes: about a gigabyte and some seconds for each guess. */
const OPSLIMIT = 33_554_432;
const MEMLIMIT = 2 ** 30;
const SALT_BYTES = 32;

const keyFailure = (what: string, cause: string, fix?: string, status: number = ExitStatus.failed): Failure => failure(FailureCode.key, what, { cause, ...(fix === undefined ? {} : { fix }), status });

/** A file, or the key itself as minisign's -P takes it. Throws Failure. */
export function readPublicKey(named: string): minisign.PublicKey {
  const inline = existsSync(named) ? undefined : minisign.parsePublicKey(named);
  if (inline !== undefined) return inline;
  const key = minisign.parsePublicKey(readKeyFile(named, "public"));
  if (key === undefined) throw keyFailure(`'${named}' is no public key`, "it is not in minisign's format", "make a pair: bailiwick keygen NAME");
  return key;
}

function readKeyFile(file: string, which: string): string {
  const part = readPart(file, MAX_KEY_FILE);
  if (part.bytes === undefined) throw keyFailure(`the ${which} key '${file}' cannot be read`, part.problem);
  return Buffer.from(part.bytes).toString("utf8");
}

/** @param password asked for only where the file needs one. Throws Failure. */
export async function readSecretKey(file: string, password: () => Promise<string>): Promise<minisign.SecretKey> {
  const parsed = minisign.parseSecretKey(readKeyFile(file, "secret"));
  if (parsed === undefined) throw keyFailure(`'${file}' is no secret key`, "it is not in minisign's format", "make a pair: bailiwick keygen NAME");
  const secret = minisign.unpackSecret(parsed.scrypt === undefined ? parsed.hidden : hide(parsed.hidden, parsed.scrypt, await password()), await loadHash());
  const refuse = (cause: string): Failure => keyFailure(`the secret key '${file}' cannot be used`, cause);
  if (secret === undefined) throw refuse(parsed.scrypt === undefined ? "it is damaged: its checksum is wrong" : "the password is wrong, or the file is damaged");
  const { crypto_sign_seed_keypair } = await loadSodium();
  const { privateKey } = crypto_sign_seed_keypair(secret.key.subarray(0, minisign.PUBLIC_BYTES));
  if (!Buffer.from(privateKey).equals(secret.key)) throw refuse("it is damaged: its two halves do not belong together");
  return secret;
}

/** Its own inverse. */
function hide(bytes: Uint8Array, { salt, opslimit, memlimit }: NonNullable<minisign.SecretKeyFile["scrypt"]>, password: string): Uint8Array {
  const parameters = minisign.scryptParameters(opslimit, memlimit);
  const cause = `it asks for more work than a password takes: ${opslimit} operations, ${memlimit} bytes`;
  if (memlimit > 4 * MEMLIMIT || opslimit > 4 * OPSLIMIT) throw keyFailure("the secret key cannot be used", cause);
  try {
    const stream = scryptSync(password, salt, minisign.HIDDEN_BYTES, { ...parameters, maxmem: 256 * parameters.r * (parameters.N + parameters.p + 2) });
    return bytes.map((byte, i) => byte ^ (stream[i] ?? 0));
  } catch (error) {
    throw keyFailure("the secret key's password cannot be worked out", textOf(error), "scrypt needs about a gigabyte of memory");
  }
}

export interface KeyPair {
  readonly public: minisign.PublicKey;
  readonly secret: minisign.SecretKey;
}

export async function makeKeyPair(): Promise<KeyPair> {
  const { publicKey, privateKey } = (await loadSodium()).crypto_sign_keypair();
  const id = new Uint8Array(randomBytes(minisign.KEY_ID_BYTES));
  return { public: { id, key: publicKey }, secret: { id, key: privateKey } };
}

/** Writes both files, never over others. @param password absent: the secret key is not hidden */
export async function writeKeyPair(pair: KeyPair, files: { readonly public: string; readonly secret: string }, password: string | undefined): Promise<void> {
  const packed = minisign.packSecret(pair.secret, await loadHash());
  const scrypt = { salt: new Uint8Array(randomBytes(SALT_BYTES)), opslimit: OPSLIMIT, memlimit: MEMLIMIT };
  const secret = password === undefined ? { hidden: packed } : { scrypt, hidden: hide(packed, scrypt, password) };
  for (const file of [files.public, files.secret]) if (existsSync(file)) throw keyFailure(`'${file}' is there already`, "a key is never written over another", "name others");
  try {
    writeFileSync(files.secret, minisign.formatSecretKey(secret), { mode: 0o600, flag: "wx" });
    writeFileSync(files.public, minisign.formatPublicKey(pair.public), { flag: "wx" });
  } catch (error) {
    throw keyFailure("the keys cannot be written", textOf(error));
  }
}
