// What was loaded, as it is measured before the machine starts: a hash of every boot file, in order, and one value that stands for all of them. The list is a
// boot file itself (platform.measurements), the one that is not measured; its length follows from the names alone, so that it can be placed before it is known.
//
// The text, a line each: the format; the image's name and version in JSON; for each file its hash and its name; `chain` and the chain's value. With H as BLAKE2b of
// 32 bytes, the chain begins as H(the first two lines) and each file makes H(chain, hash, name) of it. servers/vault/platform.c reads the same text.
import type { ResolvedSystem } from "./system.ts";
import { ROOT_FILE, SYSTEM_FILE } from "./system.ts";

export const MEASUREMENTS_FORMAT = "bailiwick-measurements/1";
/** Names of boot files that the platform adds. The secret is added when the machine starts, and is part of no image. */
export const MEASUREMENTS_FILE = "platform.measurements";
export const SECRET_FILE = "platform.secret";
export const SECRET_BYTES = 32;
export const HASH_BYTES = 32;

/** BLAKE2b of these bytes, 32 long. */
export type Hash = (bytes: Uint8Array) => Uint8Array;

export interface Measurement {
  readonly name: string;
  /** In hexadecimal, as all hashes here. */
  readonly hash: string;
}

export interface Measurements {
  readonly image: { readonly name: string; readonly version: string };
  readonly files: readonly Measurement[];
  readonly chain: string;
}

export const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @returns undefined when it is not hexadecimal of exactly so many bytes */
export function fromHex(text: string, bytes: number): Uint8Array | undefined {
  if (text.length !== 2 * bytes || !/^[0-9a-f]*$/i.test(text)) return undefined;
  return Uint8Array.from({ length: bytes }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const head = ({ name, version }: Measurements["image"]): string => `${MEASUREMENTS_FORMAT}\n${JSON.stringify({ name, version })}\n`;

/** The chain's value. Throws RangeError for a hash that is none: the caller has checked them. */
export function chainOf(image: Measurements["image"], files: readonly Measurement[], hash: Hash): string {
  const text = new TextEncoder();
  let chain = hash(text.encode(head(image)));
  for (const file of files) {
    const bytes = fromHex(file.hash, HASH_BYTES);
    if (bytes === undefined) throw new RangeError(`${file.name} has no hash`);
    chain = hash(joined(chain, bytes, text.encode(file.name)));
  }
  return toHex(chain);
}

/** The order in which boot files are measured: the root server, what it carries out, the components' programs, all else by name. */
export function measuredOrder(system: ResolvedSystem, files: Iterable<string>): string[] {
  const first = [ROOT_FILE, SYSTEM_FILE, ...system.components.map(({ program }) => program.file)];
  const left = [...files].filter((name) => !first.includes(name) && name !== MEASUREMENTS_FILE && name !== SECRET_FILE);
  return [...new Set([...first, ...left.sort()])];
}

export function measurementsOf(system: ResolvedSystem, files: ReadonlyMap<string, Uint8Array>, hash: Hash): Measurements {
  const image = { name: system.name, version: system.version };
  const measured = measuredOrder(system, files.keys()).map((name) => ({ name, hash: toHex(hash(files.get(name) ?? new Uint8Array(0))) }));
  return { image, files: measured, chain: chainOf(image, measured, hash) };
}

export function formatMeasurements({ image, files, chain }: Measurements): string {
  return `${head(image)}${files.map(({ name, hash }) => `${hash} ${name}\n`).join("")}chain ${chain}\n`;
}

/** How long that text will be. */
export function measurementsBytes(system: ResolvedSystem, files: Iterable<string>): number {
  const none = "0".repeat(2 * HASH_BYTES);
  return new TextEncoder().encode(formatMeasurements({ image: system, files: measuredOrder(system, files).map((name) => ({ name, hash: none })), chain: none })).length;
}
