// Builds the file server's store with its test programs (servers/fs/test) for this machine, with the address sanitizer, over the SQLite that the set-up fetched.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { findPlaces } from "../../servers/operator/setup/places.mjs";

const places = findPlaces(process.env);
const folder = join(places.root, "servers", "fs");
const outDir = join(places.own, "fs-test");

/** Without SQLite there is no store to test. */
export const hasSqlite = existsSync(join(places.sqlite, "sqlite3.c"));

const WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes"];
const FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O1", "-g", ...WARNINGS, "-isystem", places.sqlite];
const SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
/** The server's part, the C library of the machine program, and what is compiled apart. */
const LEFT_OUT = new Set(["main.c", "volume-block.c", "libc.c", "sqlite.c"]);

const filesIn = (path: string, ends: RegExp): string[] => readdirSync(path).filter((name) => ends.test(name)).sort().map((name) => join(path, name));

export interface Ended {
  readonly status: number | null;
  readonly output: string;
}

export function runProgram(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.on("error", fail);
    child.on("close", (status) => done({ status, output }));
  });
}

/** Runs the compiler; the output appears whole or not at all, and only when one of the inputs has changed. */
async function compile(name: string, args: readonly string[], inputs: readonly string[]): Promise<string> {
  const key = createHash("sha256").update(args.join("\0"));
  for (const input of inputs) key.update(`\0${basename(input)}\0`).update(readFileSync(input));
  const file = join(outDir, `${name}-${key.digest("hex").slice(0, 32)}`);
  if (existsSync(file)) return file;
  mkdirSync(outDir, { recursive: true });
  for (const old of readdirSync(outDir)) if (old.startsWith(`${name}-`)) rmSync(join(outDir, old));
  const fresh = `${file}.${process.pid}`;
  const { status, output } = await runProgram("cc", [...args, "-o", fresh]);
  if (status !== 0) throw new Error(`${name} does not compile:\n${output}`);
  renameSync(fresh, file);
  return file;
}

/** SQLite takes most of a minute, and once only: nothing of ours but its options goes into it. */
export function buildSqlite(): Promise<string> {
  const source = join(folder, "sqlite.c");
  return compile("sqlite.o", [...FLAGS, "-c", source], [source, join(folder, "sqlite-options.h"), ...filesIn(places.sqlite, /^sqlite3\.[ch]$/)]);
}

/** The test program: MODE SEED COUNT, see servers/fs/test/modes.h. */
export async function buildStoreTest(): Promise<string> {
  const sqlite = await buildSqlite();
  const sources = [...filesIn(folder, /\.c$/).filter((file) => !LEFT_OUT.has(basename(file))), ...filesIn(join(folder, "test"), /\.c$/)];
  const headers = [...filesIn(folder, /\.h$/), ...filesIn(join(folder, "test"), /\.h$/)];
  return compile("store-test", [...FLAGS, ...SANITIZERS, "-Wl,--wrap=sqlite3_initialize", ...sources, sqlite], [...sources, ...headers, sqlite]);
}
