// What the compiler sees of a program: a hash of itself, and of the text of the sources with all that they include.
//
// To ask it is a process for each source. So the answer is kept with the names and hashes of the files that it came from, and of what their folders hold (a header that is new there may
// be found before another): while all are as they were, so is what the compiler sees.
import { createHash, randomBytes } from "node:crypto";
import { accessSync, constants, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { type Finished, runTool } from "./run-tool.ts";

interface Remembered {
  readonly compiler: string;
  /** Hashes, by path. */
  readonly files: Readonly<Record<string, string>>;
  readonly folders: Readonly<Record<string, string>>;
  readonly seen: string;
}

export type Seen = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly error: Finished | undefined };

/** What gcc takes from its surroundings, of what it sees. Source: gcc(1), Environment Variables. */
const HEEDED = ["CPATH", "C_INCLUDE_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "SOURCE_DATE_EPOCH"];

/** Of a file system's times, ms: what was written so shortly before the compiler looked may have been written while it did. */
const COARSE_MS = 50;

const hash = (...parts: readonly (string | Uint8Array)[]): string => {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(part).update("\0");
  return sum.digest("hex");
};

/** @param flags @param sources with absolute paths @param cache where answers are kept @returns error undefined: there is no such compiler; else what it said */
export async function seenByCompiler(compiler: string, flags: readonly string[], sources: readonly string[], cache: string): Promise<Seen> {
  const program = identityOf(compiler);
  if (program === undefined) return { ok: false, error: undefined };
  const surroundings = HEEDED.map((name) => process.env[name] ?? "");
  const kept = join(cache, "seen", `${hash(compiler, ...surroundings, ...flags, "", ...sources).slice(0, 32)}.json`);
  const known = read(kept);
  if (known !== undefined && known.compiler === program && same(known.files, hashOfFile) && same(known.folders, hashOfFolder)) return { ok: true, value: known.seen };
  const began = Date.now();
  const version = await runTool(compiler, ["-dumpfullversion"]);
  if (version === undefined) return { ok: false, error: undefined };
  const texts: string[] = [];
  for (const shown of await Promise.all(sources.map((source) => runTool(compiler, [...flags, "-E", source])))) {
    if (shown === undefined || shown.status !== 0) return { ok: false, error: shown };
    texts.push(shown.stdout);
  }
  // Without the names of files, which end up in no output.
  const seen = hash(version.stdout, ...texts.map((text) => text.replace(MARKER, "").replace(/\n{2,}/g, "\n")));
  const files = [...new Set([...sources, ...texts.flatMap(filesIn)].map((file) => resolve(file)))].sort();
  remember(kept, program, files, seen, began - COARSE_MS);
  return { ok: true, value: seen };
}

/** `# 12 "stdint.h" 2 3`: where the lines that follow are from. */
const MARKER = /^# \d+ "((?:[^"\\\n]|\\.)*)"[ \d]*$/gm;

/** What the compiler puts into brackets is no file. */
function filesIn(text: string): string[] {
  return [...text.matchAll(MARKER)].map((marker) => marker[1]!.replace(/\\(.)/g, "$1")).filter((name) => !name.startsWith("<") && !name.endsWith("//"));
}

/** Which program a command is: where, how large and how old. */
function identityOf(command: string): string | undefined {
  const places = command.includes("/") ? [command] : (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, command));
  const place = places.find(isExecutable);
  if (place === undefined) return undefined;
  const { size, mtimeMs } = statSync(place);
  return `${place} ${size} ${mtimeMs}`;
}

/** What may not be looked at is passed over, as by who runs it. */
function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

const hashOfFile = (path: string): string => hash(readFileSync(path));
/** Of the names alone; what a run leaves in folders of its own is none of them. */
const hashOfFolder = (path: string): string => hash(...readdirSync(path).filter((name) => !name.startsWith(".")).sort());
const hashes = (paths: readonly string[], of: (path: string) => string): Record<string, string> => Object.fromEntries(paths.map((path) => [path, of(path)]));

function same(known: Readonly<Record<string, string>>, of: (path: string) => string): boolean {
  try {
    return Object.entries(known).every(([path, was]) => of(path) === was);
  } catch {
    return false;
  }
}

function isOlder(path: string, than: number): boolean {
  const { mtimeMs, ctimeMs } = statSync(path);
  return Math.max(mtimeMs, ctimeMs) < than;
}

const isHashes = (value: unknown): boolean => typeof value === "object" && value !== null && Object.values(value).every((each) => typeof each === "string");

function read(file: string): Remembered | undefined {
  try {
    const { compiler, files, folders, seen } = JSON.parse(readFileSync(file, "utf8")) as Remembered;
    return typeof compiler === "string" && typeof seen === "string" && isHashes(files) && isHashes(folders) ? { compiler, files, folders, seen } : undefined;
  } catch {
    return undefined;
  }
}

/** What cannot be kept is asked for again, and so is what came of files that are not older than this. */
function remember(kept: string, compiler: string, files: readonly string[], seen: string, olderThan: number): void {
  const fresh = `${kept}.${randomBytes(6).toString("hex")}`;
  try {
    if (!files.every((file) => isOlder(file, olderThan))) return;
    const folders = [...new Set(files.map((file) => dirname(file)))];
    const answer: Remembered = { compiler, files: hashes(files, hashOfFile), folders: hashes(folders, hashOfFolder), seen };
    mkdirSync(dirname(kept), { recursive: true });
    writeFileSync(fresh, JSON.stringify(answer));
    renameSync(fresh, kept);
  } catch {
    rmSync(fresh, { force: true });
  }
}
