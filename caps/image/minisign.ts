// The files of minisign: public keys, secret keys and signatures, as bytes and text. What is done with them is the caller's (servers/operator/image/keys.ts); the functions here
// take the hashes and signatures that they need. Pure, and total: any text gives a value or undefined.
//
// A signature is over the BLAKE2b-512 hash of what is signed ("ED"); the older form over the bytes themselves ("Ed") is not taken. Its trusted comment is signed together with it.
// Source: minisign's manual and format description, versions 0.10 and 0.11.

export const KEY_ID_BYTES = 8;
export const PUBLIC_BYTES = 32;
export const SECRET_BYTES = 64;
export const SIGNATURE_BYTES = 64;
const CHECKSUM_BYTES = 32;
const SALT_BYTES = 32;
/** What a password hides: key id, secret key, checksum. */
export const HIDDEN_BYTES = KEY_ID_BYTES + SECRET_BYTES + CHECKSUM_BYTES;

const ALGORITHM = [0x45, 0x64]; // "Ed"
const PREHASHED = [0x45, 0x44]; // "ED"
const SCRYPT = [0x53, 0x63]; // "Sc"
const PLAIN = [0, 0];
const BLAKE2B = [0x42, 0x32]; // "B2"

/** Lines of comments are no longer: what is shown to people has a limit. */
const MAX_COMMENT = 1024;

export interface PublicKey {
  readonly id: Uint8Array;
  readonly key: Uint8Array;
}

export interface Signature {
  /** Whose key signed, by the id alone: not proven before the signature is checked. */
  readonly id: Uint8Array;
  readonly signature: Uint8Array;
  readonly trustedComment: string;
  /** Over signature and trusted comment. */
  readonly globalSignature: Uint8Array;
}

export interface SecretKeyFile {
  /** How it is hidden; absent: it is not. */
  readonly scrypt?: { readonly salt: Uint8Array; readonly opslimit: number; readonly memlimit: number };
  /** HIDDEN_BYTES of them. */
  readonly hidden: Uint8Array;
}

export interface SecretKey {
  readonly id: Uint8Array;
  /** Seed and public key, as Ed25519's implementations have it. */
  readonly key: Uint8Array;
}

/** As minisign writes it: the eight bytes as a number, its low byte first, in hexadecimal. */
export const keyIdText = (id: Uint8Array): string => Array.from(id, (byte) => byte.toString(16).padStart(2, "0").toUpperCase()).reverse().join("");

const concat = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
};
const begins = (bytes: Uint8Array, with_: readonly number[], at = 0): boolean => with_.every((byte, i) => bytes[at + i] === byte);

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    for (let j = 0; j < 4; j++) text += i + j > bytes.length ? "=" : ALPHABET[(word >>> (18 - 6 * j)) & 63];
  }
  return text;
}

/** Exactly one text stands for some bytes: undefined for any other, and for another length. */
function fromBase64(text: string, bytes: number): Uint8Array | undefined {
  if (text.length !== Math.ceil(bytes / 3) * 4) return undefined;
  const values = [...text.replace(/={1,2}$/, "")].map((digit) => ALPHABET.indexOf(digit));
  if (values.includes(-1)) return undefined;
  const decoded = Uint8Array.from({ length: bytes }, (_, i) => {
    const digit = Math.floor((i * 4) / 3), shift = (i % 3) * 2;
    return ((values[digit]! << (2 + shift)) | (values[digit + 1]! >>> (4 - shift))) & 255;
  });
  return toBase64(decoded) === text ? decoded : undefined;
}

/** The lines of a file, each with its end; undefined where there are others than so many. */
function linesOf(text: string, count: number): string[] | undefined {
  const lines = text.split("\n");
  return lines.pop() === "" && lines.length === count ? lines : undefined;
}

const UNTRUSTED = "untrusted comment: ";
const TRUSTED = "trusted comment: ";
const isComment = (line: string | undefined, prefix: string): line is string => line !== undefined && line.startsWith(prefix) && line.length <= prefix.length + MAX_COMMENT;

export const formatPublicKey = ({ id, key }: PublicKey): string => `${UNTRUSTED}minisign public key ${keyIdText(id)}\n${toBase64(concat(ALGORITHM, id, key))}\n`;

/** A file of two lines, or the second alone, as minisign takes it on its command line. */
export function parsePublicKey(text: string): PublicKey | undefined {
  const lines = linesOf(text, 2) ?? [UNTRUSTED, text.trim()];
  const bytes = isComment(lines[0], UNTRUSTED) ? fromBase64(lines[1] ?? "", 2 + KEY_ID_BYTES + PUBLIC_BYTES) : undefined;
  if (bytes === undefined || !begins(bytes, ALGORITHM)) return undefined;
  return { id: bytes.slice(2, 2 + KEY_ID_BYTES), key: bytes.slice(2 + KEY_ID_BYTES) };
}

/** What the second signature is over. */
export const globallySigned = (signature: Uint8Array, trustedComment: string): Uint8Array => concat(signature, new TextEncoder().encode(trustedComment));

export function formatSignature({ id, signature, trustedComment, globalSignature }: Signature): string {
  return `${UNTRUSTED}signature from minisign secret key ${keyIdText(id)}\n${toBase64(concat(PREHASHED, id, signature))}\n${TRUSTED}${trustedComment}\n${toBase64(globalSignature)}\n`;
}

export function parseSignature(text: string): Signature | undefined {
  const [untrusted, first, trusted, second] = linesOf(text, 4) ?? [];
  if (!isComment(untrusted, UNTRUSTED) || !isComment(trusted, TRUSTED)) return undefined;
  const bytes = fromBase64(first ?? "", 2 + KEY_ID_BYTES + SIGNATURE_BYTES), globalSignature = fromBase64(second ?? "", SIGNATURE_BYTES);
  if (bytes === undefined || globalSignature === undefined || !begins(bytes, PREHASHED)) return undefined;
  return { id: bytes.slice(2, 2 + KEY_ID_BYTES), signature: bytes.slice(2 + KEY_ID_BYTES), trustedComment: trusted.slice(TRUSTED.length), globalSignature };
}

/** Numbers of 64 bits, low byte first; undefined where JavaScript would round. */
function wide(bytes: Uint8Array, at: number): number | undefined {
  const value = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}
function wideBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

export function formatSecretKey({ scrypt, hidden }: SecretKeyFile): string {
  const parameters = scrypt === undefined ? new Uint8Array(SALT_BYTES + 16) : concat(scrypt.salt, wideBytes(scrypt.opslimit), wideBytes(scrypt.memlimit));
  return `${UNTRUSTED}minisign ${scrypt === undefined ? "" : "encrypted "}secret key\n${toBase64(concat(ALGORITHM, scrypt === undefined ? PLAIN : SCRYPT, BLAKE2B, parameters, hidden))}\n`;
}

export function parseSecretKey(text: string): SecretKeyFile | undefined {
  const [comment, line] = linesOf(text, 2) ?? [];
  const bytes = isComment(comment, UNTRUSTED) ? fromBase64(line ?? "", 6 + SALT_BYTES + 16 + HIDDEN_BYTES) : undefined;
  if (bytes === undefined || !begins(bytes, ALGORITHM) || !begins(bytes, BLAKE2B, 4)) return undefined;
  const hidden = bytes.slice(6 + SALT_BYTES + 16);
  if (begins(bytes, PLAIN, 2)) return { hidden };
  const opslimit = wide(bytes, 6 + SALT_BYTES), memlimit = wide(bytes, 6 + SALT_BYTES + 8);
  return begins(bytes, SCRYPT, 2) && opslimit !== undefined && memlimit !== undefined ? { scrypt: { salt: bytes.slice(6, 6 + SALT_BYTES), opslimit, memlimit }, hidden } : undefined;
}

/** BLAKE2b of 32 bytes. */
type Hash = (bytes: Uint8Array) => Uint8Array;
const checksum = ({ id, key }: SecretKey, hash: Hash): Uint8Array => hash(concat(ALGORITHM, id, key));

/** What a file holds, before it is hidden. */
export const packSecret = (secret: SecretKey, hash: Hash): Uint8Array => concat(secret.id, secret.key, checksum(secret, hash));

/** @param plain what was hidden; undefined where the checksum is wrong: it was hidden with another password. Without a password minisign writes none, but zeros */
export function unpackSecret(plain: Uint8Array, hash: Hash): SecretKey | undefined {
  const secret = { id: plain.slice(0, KEY_ID_BYTES), key: plain.slice(KEY_ID_BYTES, KEY_ID_BYTES + SECRET_BYTES) };
  const written = plain.slice(KEY_ID_BYTES + SECRET_BYTES);
  return written.every((byte) => byte === 0) || begins(written, [...checksum(secret, hash)]) ? secret : undefined;
}

/** Scrypt's N, r and p, as libsodium takes them from its two limits. */
export function scryptParameters(opslimit: number, memlimit: number): { readonly N: number; readonly r: number; readonly p: number } {
  const r = 8, operations = Math.max(opslimit, 32768);
  const cost = (most: number): number => {
    let log = 1;
    while (log < 63 && 2 ** log <= most / 2) log++;
    return 2 ** log;
  };
  if (operations < memlimit / 32) return { N: cost(Math.floor(operations / (r * 4))), r, p: 1 };
  const N = cost(Math.floor(memlimit / (r * 128)));
  return { N, r, p: Math.max(1, Math.floor(Math.min(Math.floor(operations / 4 / N), 0x3fff_ffff) / r)) };
}
