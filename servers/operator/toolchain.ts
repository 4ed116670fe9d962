// The C toolchain: sources → ELF file, by riscv64-unknown-elf-gcc with our library, start code and linker script. It decides nothing about a system.
//
// Outputs are cached by the hash of what they are made of: what the compiler sees (seen.ts: a changed header far away counts too), the linker
// script and the flags. So is the library, as object files, apart. An output appears whole or not at all: written beside, then renamed.
//
// A C program may include <bailiwick.h> and <bailiwick/NAME.h> for each server NAME of the kit; a `protocol.ts` in the folder of its sources becomes
// "protocol.h". That file is evaluated in a bare context: it is data, and building a system must not run its author's code with the builder's rights.
import { createHash, randomBytes } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { build } from "esbuild";
import { constants, createContext, runInContext } from "node:vm";
import { abiHeader } from "../../caps/abi/header.ts";
import { protocol, protocolHeader, type Method, type Protocol } from "../../caps/protocol/protocol.ts";
import { KIT_PROTOCOLS } from "./protocols.ts";
import { type Finished, runTool } from "./run-tool.ts";
import { type Seen, seenByCompiler } from "./seen.ts";
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
  /** Linked before the sources' own; their folder is named after what they were made of. */
  readonly library?: Library;
  /** The bytes of memory alone, without ELF's headers. */
  readonly flat: boolean;
}

/** The kit's C library as object files. */
interface Library {
  readonly folder: string;
  readonly objects: readonly string[];
}

/** Compiles a machine program. Errors: no compiler, a source that is not there, a protocol.ts that is none, what the compiler says. */
export async function compileC(program: CProgram): Promise<ToolchainResult<Compiled>> {
  const { own, root } = findPlaces(process.env);
  const place = join(root, "servers", "lib", "c");
  return guarded(async () => {
    const include = await writeKitHeaders(join(own, "build"));
    const local = await writeLocalProtocols(program);
    if (!local.ok) return local;
    const includes = [join(place, "include"), include];
    const library = await compileLibrary(program.compiler ?? COMPILER, place, includes, join(own, "build"));
    if (!library.ok) return library;
    const built = await produce({ program, script: join(place, "program.ld"), sources: program.sources.map((file) => resolve(file)), includes: [...includes, ...local.value], library: library.value, flat: false });
    return built.ok ? { ok: true, value: { elf: built.value.file, cached: built.value.cached } } : built;
  });
}

/** undefined: there is no compiler. */
export const compilerVersion = async (): Promise<string | undefined> => (await runTool(COMPILER, ["-dumpfullversion"]))?.stdout.trim();

const libraries = new Map<string, Promise<ToolchainResult<Library>>>();

/** The library is the same for every program, and most of what there is to compile: it is compiled once, and looked at once in a process. */
function compileLibrary(compiler: string, place: string, includes: readonly string[], cache: string): Promise<ToolchainResult<Library>> {
  const key = `${compiler} ${place}`;
  const known = libraries.get(key) ?? produceLibrary(compiler, place, includes, cache);
  libraries.set(key, known);
  // A failure may be mended before the next program.
  void known.then((library) => library.ok || libraries.delete(key), () => libraries.delete(key));
  return known;
}

async function produceLibrary(compiler: string, place: string, includes: readonly string[], cache: string): Promise<ToolchainResult<Library>> {
  const sources = await sourcesIn(join(place, "src"));
  const flags = [...LANGUAGE, ...includes.flatMap((folder) => ["-I", folder])];
  const key = await keyOf(compiler, flags, sources, cache, []);
  if (!key.ok) return key.error === undefined ? noCompiler(compiler) : compileFailed("library", key.error);
  const folder = join(cache, `library-${key.value}`);
  const objects = objectsOf(sources, "library-");
  if (await exists(folder)) return { ok: true, value: { folder, objects } };
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(`${folder}.`);
  try {
    const wrong = (await compileAll(compiler, flags, sources, objects, work)).find((step) => !succeeded(step));
    if (wrong !== undefined) return compileFailed("library", wrong);
    // Another process may have been faster: its files are the same.
    await rename(work, folder).catch(async (error: unknown) => { if (!(await exists(folder))) throw error; });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return { ok: true, value: { folder, objects } };
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
  return (await readdir(folder, { recursive: true })).filter((name) => /\.[cS]$/.test(name)).sort().map((name) => join(folder, name));
}

/** The linker writes object files' names into the output, so they are ours, not the compiler's random ones. */
const objectsOf = (sources: readonly string[], prefix = ""): string[] => sources.map((source, i) => `${prefix}${i}-${basename(source)}.o`);

const compileAll = (compiler: string, flags: readonly string[], sources: readonly string[], objects: readonly string[], folder: string) =>
  Promise.all(sources.map((source, i) => runTool(compiler, [...flags, "-c", "-o", join(folder, objects[i] ?? ""), source])));

/** A hash of all that an output is made of: what the compiler sees, the flags, and `more`. */
async function keyOf(compiler: string, flags: readonly string[], sources: readonly string[], cache: string, more: readonly string[]): Promise<Seen> {
  const seen = await seenByCompiler(compiler, flags, sources, cache);
  if (!seen.ok) return seen;
  const key = createHash("sha256");
  for (const part of [...LANGUAGE, ...LINKING, ...more, seen.value]) key.update(part).update("\0");
  return { ok: true, value: key.digest("hex").slice(0, 32) };
}

async function produce(recipe: Recipe): Promise<ToolchainResult<{ readonly file: string; readonly cached: boolean }>> {
  const { program, sources, library } = recipe;
  const compiler = program.compiler ?? COMPILER;
  for (const source of sources) {
    if (!(await exists(source))) return failed("noSource", `${source}: there is no such file`);
  }
  const flags = [...LANGUAGE, ...recipe.includes.flatMap((folder) => ["-I", folder]), ...(program.systemIncludes ?? []).flatMap((folder) => ["-isystem", resolve(folder)])];
  const key = await keyOf(compiler, flags, sources, program.outDir, [await readFile(recipe.script, "utf8"), basename(library?.folder ?? "")]);
  if (!key.ok) return key.error === undefined ? noCompiler(compiler) : compileFailed(program.name, key.error);
  await mkdir(program.outDir, { recursive: true });
  const file = join(resolve(program.outDir), `${program.name}-${key.value}${recipe.flat ? ".image" : ".elf"}`);
  if (await exists(file)) return { ok: true, value: { file, cached: true } };
  const work = await mkdtemp(`${file}.`);
  try {
    const objects = objectsOf(sources);
    const steps = await compileAll(compiler, flags, sources, objects, work);
    for (const name of library?.objects ?? []) await symlink(join(library?.folder ?? "", name), join(work, name));
    if (steps.every(succeeded)) steps.push(await runTool(compiler, [...LANGUAGE, ...LINKING, "-T", recipe.script, "-o", OUTPUT, ...(library?.objects ?? []), ...objects, "-lgcc"], work));
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
  const objcopy = await runTool(compiler, ["-print-prog-name=objcopy"]);
  return objcopy && runTool(objcopy.stdout.trim(), ["-O", "binary", OUTPUT], folder);
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

const noCompiler = (compiler: string) => failed("noCompiler", `the C compiler for 64-bit RISC-V (${compiler}) is not on this machine`, COMPILER_FIX);

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
