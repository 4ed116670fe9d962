// The C toolchain: sources → ELF file, by riscv64-unknown-elf-gcc with our library, start code and linker script. It decides nothing about a system.
//
// Outputs are cached by the hash of what the compiler sees (the preprocessed text of every source, the linker script, the flags, the compiler's
// version), so a changed header far away counts too. An output appears whole or not at all: written beside, then renamed.
//
// A C program may include <bailiwick.h> and <bailiwick/NAME.h> for each server NAME of the kit; a `protocol.ts` in the folder of its sources becomes
// "protocol.h". That file is evaluated in a bare context: it is data, and building a system must not run its author's code with the builder's rights.
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { build } from "esbuild";
import { constants, createContext, runInContext } from "node:vm";
import { abiHeader } from "../../caps/abi/header.ts";
import { protocol, protocolHeader, type Method, type Protocol } from "../../caps/protocol/protocol.ts";
import { KIT_PROTOCOLS } from "./protocols.ts";
import { findPlaces } from "./setup/places.mjs";

export interface ToolchainError {
  readonly code: "noCompiler" | "noSource" | "badProtocol" | "compileFailed" | "io";
  /** What went wrong, with the file's name; for compileFailed the compiler's own text. */
  readonly message: string;
  /** What to do about it, when that is known: an exact line to run. */
  readonly fix?: string;
}

export type ToolchainResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ToolchainError };

export interface CProgram {
  /** Names the output; letters, digits and hyphens. */
  readonly name: string;
  /** C and assembly files (.c, .S), at least one. */
  readonly sources: readonly string[];
  /** Where outputs and generated headers go, `<project>/.bailiwick/build`. Made when it is not there. */
  readonly outDir: string;
  /** Folders whose headers are another's: a C library, SQLite. Their text counts for the cache as any other. */
  readonly systemIncludes?: readonly string[];
  /** The compiler; by default riscv64-unknown-elf-gcc from PATH. */
  readonly compiler?: string;
}

export interface Compiled {
  /** Absolute path. */
  readonly elf: string;
  /** False when it was compiled now. */
  readonly cached: boolean;
}

const COMPILER = "riscv64-unknown-elf-gcc";
const COMPILER_FIX = "apt-get install gcc-riscv64-unknown-elf";

const LANGUAGE = [
  "-std=c11", "-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany", "-O2", "-ffreestanding", "-fno-common", "-fno-asynchronous-unwind-tables",
  "-ffunction-sections", "-fdata-sections", "-fno-tree-loop-distribute-patterns", "-fno-ident",
  "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes",
];
const LINKING = ["-nostdlib", "-static", "-Wl,--gc-sections,--build-id=none,--fatal-warnings,-z,max-page-size=4096"];

/** Everything that makes one output. */
interface Recipe {
  readonly program: CProgram;
  readonly script: string;
  readonly sources: readonly string[];
  readonly includes: readonly string[];
  /** The bytes of memory alone, without ELF's headers. */
  readonly flat: boolean;
}

/** Compiles a machine program. Errors: no compiler, a source that is not there, a protocol.ts that is none, what the compiler says. */
export async function compileC(program: CProgram): Promise<ToolchainResult<Compiled>> {
  const library = join(findPlaces(process.env).root, "servers", "lib", "c");
  return guarded(async () => {
    const include = await writeKitHeaders(program.outDir);
    const local = await writeLocalProtocols(program);
    if (!local.ok) return local;
    const built = await produce({
      program,
      script: join(library, "program.ld"),
      sources: [...(await sourcesIn(join(library, "src"))), ...program.sources.map((file) => resolve(file))],
      includes: [join(library, "include"), include, ...local.value],
      flat: false,
    });
    return built.ok ? { ok: true, value: { elf: built.value.file, cached: built.value.cached } } : built;
  });
}

/** Builds the kit's own supervisor-mode guest, guests/bare: a flat image with Linux's Image header, for the same loader. */
export async function buildBareGuest(options: Omit<CProgram, "name" | "sources">): Promise<ToolchainResult<{ readonly image: string; readonly cached: boolean }>> {
  const folder = join(findPlaces(process.env).root, "guests", "bare");
  return guarded(async () => {
    const sources = await sourcesIn(folder);
    const built = await produce({ program: { ...options, name: "bare", sources }, script: join(folder, "guest.ld"), sources, includes: [], flat: true });
    return built.ok ? { ok: true, value: { image: built.value.file, cached: built.value.cached } } : built;
  });
}

async function sourcesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => /\.[cS]$/.test(name)).sort().map((name) => join(folder, name));
}

async function produce(recipe: Recipe): Promise<ToolchainResult<{ readonly file: string; readonly cached: boolean }>> {
  const { program, sources } = recipe;
  const compiler = program.compiler ?? COMPILER;
  for (const source of sources) {
    if (!(await exists(source))) return failed("noSource", `${source}: there is no such file`);
  }
  const flags = [...LANGUAGE, ...recipe.includes.flatMap((folder) => ["-I", folder]), ...(program.systemIncludes ?? []).flatMap((folder) => ["-isystem", resolve(folder)])];
  const version = await run(compiler, ["-dumpfullversion"]);
  if (version === undefined) return failed("noCompiler", `the C compiler for 64-bit RISC-V (${compiler}) is not on this machine`, COMPILER_FIX);
  const seen = await run(compiler, [...flags, "-E", ...sources]);
  if (seen === undefined || seen.status !== 0) return compileFailed(program.name, seen);
  const key = createHash("sha256");
  for (const part of [version.stdout, ...LANGUAGE, ...LINKING, await readFile(recipe.script, "utf8"), seen.stdout]) key.update(part).update("\0");
  await mkdir(program.outDir, { recursive: true });
  const file = join(resolve(program.outDir), `${program.name}-${key.digest("hex").slice(0, 32)}${recipe.flat ? ".image" : ".elf"}`);
  if (await exists(file)) return { ok: true, value: { file, cached: true } };
  // The linker writes object files' names into the output, so they are ours, not the compiler's random ones.
  const work = await mkdtemp(`${file}.`);
  try {
    const objects = sources.map((source, i) => `${i}-${basename(source)}.o`);
    const steps = await Promise.all(sources.map((source, i) => run(compiler, [...flags, "-c", "-o", join(work, objects[i] ?? ""), source])));
    if (steps.every(succeeded)) steps.push(await run(compiler, [...LANGUAGE, ...LINKING, "-T", recipe.script, "-o", OUTPUT, ...objects, "-lgcc"], work));
    if (recipe.flat && steps.every(succeeded)) steps.push(await flatten(compiler, work));
    const wrong = steps.find((step) => !succeeded(step));
    if (wrong !== undefined) return compileFailed(program.name, wrong);
    await rename(join(work, OUTPUT), file);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return { ok: true, value: { file, cached: false } };
}

const OUTPUT = "output";

const succeeded = (step: Finished | undefined): boolean => step?.status === 0;

/** By the objcopy that belongs to the compiler. */
async function flatten(compiler: string, folder: string): Promise<Finished | undefined> {
  const objcopy = await run(compiler, ["-print-prog-name=objcopy"]);
  return objcopy && run(objcopy.stdout.trim(), ["-O", "binary", OUTPUT], folder);
}

interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; undefined when there is no such program. */
function run(command: string, args: readonly string[], folder = process.cwd()): Promise<Finished | undefined> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, LC_ALL: "C" } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? done(undefined) : fail(error)));
    child.on("close", (status) => done({ status: status ?? 1, stdout, stderr }));
  });
}

// Generated headers.

/** Writes <bailiwick/abi.h> and one header a server of the kit below `outDir`; the include folder. */
async function writeKitHeaders(outDir: string): Promise<string> {
  const include = join(resolve(outDir), "include");
  await writeWhole(join(include, "bailiwick", "abi.h"), abiHeader());
  for (const [name, declared] of Object.entries(KIT_PROTOCOLS)) await writeWhole(join(include, "bailiwick", `${name}.h`), protocolHeader(declared));
  return include;
}

/** "protocol.h" for each folder of sources that has a protocol.ts; the include folders, one for each. */
async function writeLocalProtocols(program: CProgram): Promise<ToolchainResult<string[]>> {
  const includes: string[] = [];
  for (const folder of new Set(program.sources.map((source) => dirname(resolve(source))))) {
    const file = join(folder, "protocol.ts");
    if (!(await exists(file))) continue;
    const declared = await readProtocols(file);
    if (!declared.ok) return declared;
    const id = createHash("sha256").update(folder).digest("hex").slice(0, 16);
    const include = join(resolve(program.outDir), "include-local", id);
    await writeWhole(join(include, "protocol.h"), declared.value.map(protocolHeader).join("\n"));
    includes.push(include);
  }
  return { ok: true, value: includes };
}

/** The protocols that a protocol.ts exports, at least one. */
export async function readProtocols(file: string): Promise<ToolchainResult<Protocol[]>> {
  const bad = (why: string): ToolchainResult<never> => failed("badProtocol", `${relativeName(file)}: ${why}`);
  const sdk = join(findPlaces(process.env).root, "servers", "operator", "sdk.ts");
  const alias = { "bailiwick/sdk": (await exists(sdk)) ? sdk : join(findPlaces(process.env).root, "dist", "sdk.js") };
  let json: unknown;
  try {
    const bundle = await build({ entryPoints: [file], alias, bundle: true, write: false, format: "iife", globalName: "exported", platform: "neutral", target: "es2022", logLevel: "silent" });
    // No host object goes in and only a string comes out, so the file's code meets nothing of this process.
    const context = createContext(constants.DONT_CONTEXTIFY, { codeGeneration: { strings: false, wasm: false } });
    const text: unknown = runInContext(`${bundle.outputFiles[0]?.text ?? ""}; JSON.stringify(Object.values(exported))`, context, { timeout: 2000 });
    json = JSON.parse(String(text));
  } catch (error) {
    return bad(error instanceof Error ? error.message : String(error));
  }
  const protocols = Array.isArray(json) ? json.filter(isProtocol) : [];
  if (protocols.length === 0) return bad("it exports no protocol: { name, methods, refusals }");
  try {
    return { ok: true, value: protocols.map((declared) => protocol(declared)) };
  } catch (error) {
    return bad(error instanceof Error ? error.message : String(error));
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const isName = (value: unknown): value is string => typeof value === "string" && /^[A-Za-z][A-Za-z0-9]*$/.test(value);
const isLabel = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 0x7fff;
const isNames = (value: unknown): value is string[] => Array.isArray(value) && value.every(isName);

function isMethod(value: unknown): value is Method {
  // The text lands in a C comment.
  return isObject(value) && isLabel(value["label"]) && typeof value["doc"] === "string" && !value["doc"].includes("*/") && isNames(value["words"]) && isNames(value["returns"]);
}

function isProtocol(value: unknown): value is Protocol {
  if (!isObject(value) || !isName(value["name"])) return false;
  const { methods, refusals } = value;
  return isObject(methods) && isObject(refusals)
    && Object.entries(methods).every(([name, method]) => isName(name) && isMethod(method))
    && Object.entries(refusals).every(([name, code]) => isName(name) && isLabel(code));
}

// Files and errors.

/** Writes a file whole, and only when it says something new. */
async function writeWhole(file: string, text: string): Promise<void> {
  const old = await readFile(file, "utf8").catch(() => undefined);
  if (old === text) return;
  await mkdir(dirname(file), { recursive: true });
  const fresh = `${file}.${randomBytes(6).toString("hex")}`;
  await writeFile(fresh, text);
  await rename(fresh, file);
}

const exists = (file: string): Promise<boolean> => access(file).then(() => true, () => false);

function relativeName(file: string): string {
  const name = relative(process.cwd(), file);
  return name.startsWith("..") || isAbsolute(name) ? file : name;
}

function failed(code: ToolchainError["code"], message: string, fix?: string): { readonly ok: false; readonly error: ToolchainError } {
  return { ok: false, error: fix === undefined ? { code, message } : { code, message, fix } };
}

function compileFailed(name: string, finished: Finished | undefined): ToolchainResult<never> {
  const text = (finished?.stderr ?? "").trim();
  return failed("compileFailed", `the C program ${name} does not compile:\n${text === "" ? "the compiler gives no reason" : text}`);
}

/** What the file system refuses is a result too. */
async function guarded<T>(work: () => Promise<ToolchainResult<T>>): Promise<ToolchainResult<T>> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && "code" in error) return failed("io", error.message);
    throw error;
  }
}
