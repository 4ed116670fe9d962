// Who has signed an image. A signature is minisign's, over the bytes of the manifest blob; which blob that is, and of which image and version, its trusted comment says, which is signed too.
//
//   SIG-1  Nothing of an image is parsed, and no blob read, before a signature's own text is right for one of the keys that the user named; and no more than
//          the hash of the manifest is taken before the signature over it is right.
//   SIG-2  A signature is looked for by the id of a key that was named. What else lies in the folder is never read, and nobody counts twice.
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatSignature, globallySigned, keyIdText, parseSignature, type PublicKey, type SecretKey } from "../../../caps/image/minisign.ts";
import { NAME_PATTERN, VERSION_PATTERN } from "../../../caps/manifest/schema.ts";
import { loadSodium } from "../sodium.ts";
import { imageFailure, readBlob, readPart } from "./layout.ts";
import { DIGEST } from "./oci.ts";

const FOLDER = "signatures";
const MAX_SIGNATURE = 8192;
export const MAX_MANIFEST = 2 ** 20;
const PREHASH_BYTES = 64;
const FILE = /^([0-9A-F]{16})\.minisig$/;

/** What a signature is for. */
export interface SignedFor {
  readonly name: string;
  readonly version: string;
  /** Of the manifest blob. */
  readonly digest: string;
}

export interface SignedImage extends SignedFor {
  readonly manifest: Uint8Array;
  readonly signers: readonly PublicKey[];
}

const formatComment = ({ name, version, digest }: SignedFor): string => `bailiwick-image/1 name=${name} version=${version} manifest=${digest}`;

function parseComment(text: string): SignedFor | undefined {
  const [, name = "", version = "", digest = ""] = /^bailiwick-image\/1 name=(\S+) version=(\S+) manifest=(\S+)$/.exec(text) ?? [];
  return NAME_PATTERN.test(name) && VERSION_PATTERN.test(version) && DIGEST.test(digest) ? { name, version, digest } : undefined;
}

/** Signs the manifest's bytes; the file that it was written to. */
export async function signImage(folder: string, image: SignedFor, manifest: Uint8Array, { id, key }: SecretKey): Promise<string> {
  const { crypto_generichash, crypto_sign_detached } = await loadSodium();
  const signature = crypto_sign_detached(crypto_generichash(PREHASH_BYTES, manifest, null), key);
  const trustedComment = formatComment(image);
  const file = join(folder, FOLDER, `${keyIdText(id)}.minisig`);
  mkdirSync(join(folder, FOLDER), { recursive: true });
  writeFileSync(file, formatSignature({ id, signature, trustedComment, globalSignature: crypto_sign_detached(globallySigned(signature, trustedComment), key) }));
  return file;
}

/** Ids in the names of an image's signatures: who claims to have signed, which nobody has checked. */
export function claimedSigners(folder: string): readonly string[] {
  try {
    return readdirSync(join(folder, FOLDER)).flatMap((name) => FILE.exec(name)?.[1] ?? []).sort();
  } catch {
    return [];
  }
}

export interface SignatureCheck {
  readonly key: PublicKey;
  /** Absent: the signature is right. */
  readonly problem?: string;
  readonly signed?: SignedFor & { readonly manifest: Uint8Array };
}

/** What each of the keys has to say of the image. */
export async function checkSignatures(folder: string, keys: readonly PublicKey[]): Promise<readonly SignatureCheck[]> {
  return Promise.all(distinct(keys).map(async (key): Promise<SignatureCheck> => {
    const found = await checkOne(folder, key);
    return typeof found === "string" ? { key, problem: found } : { key, signed: found };
  }));
}

/** Keys that are the same count once, whatever ids their files give them. */
function distinct(keys: readonly PublicKey[]): readonly PublicKey[] {
  const text = ({ key }: PublicKey): string => Buffer.from(key).toString("hex");
  return keys.filter((key, index) => keys.findIndex((other) => text(other) === text(key)) === index);
}

async function checkOne(folder: string, { id, key }: PublicKey): Promise<(SignedFor & { readonly manifest: Uint8Array }) | string> {
  const { crypto_generichash, crypto_sign_verify_detached } = await loadSodium();
  const file = `${FOLDER}/${keyIdText(id)}.minisig`, part = readPart(join(folder, file), MAX_SIGNATURE);
  if (part.bytes === undefined) return part.problem === "it is missing" ? "the image has no signature by it" : `${file}: ${part.problem}`;
  const parsed = parseSignature(Buffer.from(part.bytes).toString("latin1"));
  if (parsed === undefined) return `${file} is no signature of minisign's: it was altered or cut off`;
  if (keyIdText(parsed.id) !== keyIdText(id)) return `${file} is the signature of another key, ${keyIdText(parsed.id)}`;
  if (!crypto_sign_verify_detached(parsed.globalSignature, globallySigned(parsed.signature, parsed.trustedComment), key)) {
    return `${file} is wrong: it, or its trusted comment, was altered, or another key with the same id has made it`;
  }
  const image = parseComment(parsed.trustedComment);
  if (image === undefined) return `${file} is right, but for no image: its trusted comment does not say which`;
  const manifest = readBlob(folder, { digest: image.digest, limit: MAX_MANIFEST });
  if (manifest.bytes === undefined) return `the manifest that was signed, of ${image.name} ${image.version}, blob ${image.digest}: ${manifest.problem}`;
  if (!crypto_sign_verify_detached(parsed.signature, crypto_generichash(PREHASH_BYTES, manifest.bytes, null), key)) return `${file} is no signature over the manifest that it names`;
  return { ...image, manifest: manifest.bytes };
}

/** The image that enough of the keys have signed. Throws Failure, naming what each key's signature lacks. @param required how many; by default all */
export async function verifySignatures(folder: string, keys: readonly PublicKey[], required?: number): Promise<SignedImage> {
  const checks = await checkSignatures(folder, keys), needed = required ?? checks.length;
  const good = checks.flatMap(({ key, signed }) => (signed === undefined ? [] : [{ key, signed }]));
  const bad = checks.flatMap(({ key, problem }) => (problem === undefined ? [] : [`key ${keyIdText(key.id)}: ${problem}`]));
  const what = `the image '${folder}' is refused: nothing of it was looked at but its signatures`;
  if (good.length < needed) {
    const twice = checks.length < keys.length ? ["a key that is named twice counts once"] : [];
    const others = claimedSigners(folder).filter((id) => !checks.some(({ key }) => keyIdText(key.id) === id));
    const none = claimedSigners(folder).length === 0 ? ["it has no signatures"] : [];
    const claims = others.length === 0 ? none : [`it has signatures in the names of other keys: ${others.join(", ")}`];
    throw imageFailure(what, [`${good.length} of ${needed} signatures are right`, ...bad, ...twice, ...claims].join("\n"), "have it from where it was signed, or check that these are the signers' keys");
  }
  const [first] = good;
  const digests = new Set(good.map(({ signed }) => formatComment(signed)));
  if (first === undefined || digests.size !== 1) {
    const each = good.map(({ key, signed }) => `key ${keyIdText(key.id)}: ${signed.name} ${signed.version}, ${signed.digest}`);
    throw imageFailure(what, ["its signatures are for different images:", ...each].join("\n"));
  }
  return { ...first.signed, signers: good.map(({ key }) => key) };
}
