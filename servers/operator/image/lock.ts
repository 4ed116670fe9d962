// bailiwick.lock: what an image was built from, and what came of it. Built with the same, it is the same image; `build --locked` says which of them is not the same.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { version as bundlerVersion } from "esbuild";
import { z } from "zod";
import { ExitStatus, FailureCode, failure } from "../failure.ts";
import type { LoadedManifest } from "../load.ts";
import { userFile } from "../user-files.ts";
import { compilerVersion } from "../toolchain.ts";
import type { Ingredient } from "./ingredients.ts";
import { sha256 } from "./layout.ts";

export const LOCK_NAME = "bailiwick.lock";
const FORMAT = "bailiwick-lock/1";

const texts = z.record(z.string(), z.string());
const lockShape = z.strictObject({
  format: z.literal(FORMAT),
  /** Versions of what it was built with. */
  tools: texts,
  /** The manifest, and the user's files that went in, by their paths from the manifest on. */
  sources: texts,
  /** What others have made. */
  packages: texts,
  /** What came of it: boot files. */
  files: texts,
  /** Digest of the image's manifest. */
  image: z.string(),
});
export type Lock = z.infer<typeof lockShape>;

/** What goes into an image, as far as it is known before it is built. */
export type Inputs = Pick<Lock, "tools" | "sources">;

const byName = (entries: Iterable<readonly [string, string]>): Record<string, string> => Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));

export async function inputsOf({ path, resolution, kit }: LoadedManifest): Promise<Inputs> {
  const folder = dirname(path);
  const images = [...resolution.programs, ...resolution.carried].map(({ image }) => image);
  const programs = images.flatMap((image) => (image.kind === "c" ? image.files : image.kind === "elf" || image.kind === "ts" ? [image.file] : []));
  const guests = resolution.guests.flatMap(({ image }) => (image.kind === "files" ? [image.firmware, image.kernel, image.initrd].filter((file) => file !== undefined) : []));
  const files = withIncluded([path, ...[...programs, ...guests].map((file) => userFile(folder, file))]);
  const compiler = await compilerVersion();
  return {
    tools: { bailiwick: kit.version, esbuild: bundlerVersion, ...(compiler === undefined ? {} : { "riscv64-unknown-elf-gcc": compiler }) },
    sources: byName([...files].map(([file, bytes]): [string, string] => [relative(folder, file), sha256(bytes)])),
  };
}

const INCLUDED = /^\s*#\s*include\s+"([^"]+)"/gm;
const IMPORTED = /(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g;

/** Files, and those that C and TypeScript among them include by a path of their own. What is not found here shows in what comes of it. */
function withIncluded(named: readonly string[]): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const open = [...named].map((file) => resolve(file));
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file) || !existsSync(file)) continue;
    const bytes = readFileSync(file);
    files.set(file, bytes);
    if (!/\.([chS]|[cm]?[jt]s)$/.test(file)) continue;
    const text = bytes.toString("utf8");
    for (const [, included = ""] of text.matchAll(/[cm]?[jt]s$/.test(file) ? IMPORTED : INCLUDED)) open.push(join(dirname(file), included));
    // A protocol beside C sources is a header of theirs.
    if (/\.[cS]$/.test(file)) open.push(join(dirname(file), "protocol.ts"));
  }
  return files;
}

export function lockOf(inputs: Inputs, ingredients: readonly Ingredient[], files: ReadonlyMap<string, Uint8Array>, image: string): Lock {
  return {
    format: FORMAT,
    ...inputs,
    packages: byName(ingredients.map(({ title, version, sha256: digest }) => [title, `${version} ${digest}`])),
    files: byName([...files].map(([name, bytes]) => [name, sha256(bytes)])),
    image,
  };
}

/** Beside the manifest, only when it says something new. */
export function writeLock(manifest: string, lock: Lock): string {
  const file = join(dirname(manifest), LOCK_NAME), text = `${JSON.stringify(lock, undefined, 2)}\n`;
  if (!existsSync(file) || readFileSync(file, "utf8") !== text) writeFileSync(file, text);
  return file;
}

/** Throws Failure where there is none, or it is damaged. */
export function readLock(manifest: string): Lock {
  const file = join(dirname(manifest), LOCK_NAME);
  const fix = "bailiwick build, without --locked, writes it";
  const refuse = (cause: string) => failure(FailureCode.lock, "there is no lock to build by", { cause: `${file}: ${cause}`, fix, status: ExitStatus.verification });
  if (!existsSync(file)) throw refuse("there is no such file");
  try {
    return lockShape.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    throw refuse("it is no lock file of this version's");
  }
}

/** What is not as the lock has it, a line each. */
export function lockDifferences(lock: Lock, now: Partial<Lock>): readonly string[] {
  return (Object.keys(now) as (keyof Lock)[]).flatMap((section) => {
    const [is, was] = [now[section], lock[section]];
    if (typeof is !== "object" || typeof was !== "object") return is === was ? [] : [`${section}: ${String(is)}, locked is ${String(was)}`];
    return [...new Set([...Object.keys(was), ...Object.keys(is)])].sort().flatMap((name) => {
      if (is[name] === was[name]) return [];
      if (was[name] === undefined) return [`${section}: ${name} is new`];
      if (is[name] === undefined) return [`${section}: ${name} is not there any more`];
      return [`${section}: ${name} is another: ${is[name]}, locked is ${was[name]}`];
    });
  });
}

/** Throws Failure, naming each difference. */
export function requireLocked(lock: Lock, now: Partial<Lock>): void {
  const wrong = lockDifferences(lock, now);
  if (wrong.length === 0) return;
  throw failure(FailureCode.lock, "what is built is not what the lock has", { cause: wrong.join("\n"), fix: "if the change is meant: bailiwick build, without --locked", status: ExitStatus.verification });
}
