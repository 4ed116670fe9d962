// Where this package is, and whether it runs from its sources or from what was built of them. Works from the work tree, from dist/, and installed.
import { existsSync, readdirSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { findPlaces } from "./setup/places.mjs";

export interface Package {
  readonly root: string;
  readonly version: string;
  /** True in dist/: hosted programs are taken from dist/hosted, built with it. False in the sources: they are bundled when needed. */
  readonly built: boolean;
  /** What the set-up wrote down: libunicorn, compiler, Debian's kernel. */
  readonly record: string;
  /** Folder for what is compiled for the kit itself. */
  readonly cache: string;
}

export function findPackage(env: NodeJS.ProcessEnv = process.env): Package {
  const { root, version, record, own } = findPlaces(env);
  const built = relative(root, fileURLToPath(import.meta.url)).split(/[\\/]/)[0] === "dist";
  return { root, version, built, record, cache: join(own, "build") };
}

export const hostedFile = ({ root }: Package, name: string): string => join(root, "dist", "hosted", `${name}.js`);

/** Folders under servers/ that are no server of an appliance. */
const NOT_SERVERS = new Set(["lib", "operator", "root"]);

/** What the set-up fetches for servers that are built with it. */
interface Foreign {
  readonly title: string;
  /** A step of the set-up, and where it puts the sources. */
  readonly place: "sqlite" | "libsodium" | "lwip" | "font";
  /** Folders in it that hold what is included. */
  readonly includes: readonly string[];
  /** A file that is there when all are. */
  readonly sign: string;
  /** Where the set-up has it from. */
  readonly origin: string;
  /** As SPDX names it. */
  readonly licence: string;
}

const BUILT_WITH: ReadonlyMap<string, Foreign> = new Map([
  ["fs", { title: "SQLite", place: "sqlite", includes: ["."], sign: "sqlite3.c", origin: "the npm registry", licence: "blessing" }],
  ["display", { title: "the console font", place: "font", includes: ["."], sign: "bailiwick/terminus16.h", origin: "a Debian mirror", licence: "OFL-1.1" }],
  ["vault", { title: "libsodium", place: "libsodium", includes: [".", "include", "include/sodium"], sign: "include/sodium/core.h", origin: "a Debian mirror", licence: "ISC" }],
  ["net", { title: "lwIP", place: "lwip", includes: [".", "include"], sign: "include/lwip/init.h", origin: "a Debian mirror", licence: "BSD-3-Clause" }],
]);

/** What a server is built with that another project has made. */
export interface BuiltWith {
  readonly title: string;
  readonly version: string;
  readonly licence: string;
  /** Of its sources, once they are fetched. */
  readonly folder: string;
}

/** undefined: with nothing of anybody else's. */
export function builtWith(server: string, env: NodeJS.ProcessEnv = process.env): BuiltWith | undefined {
  const foreign = BUILT_WITH.get(server);
  if (foreign === undefined) return undefined;
  const folder = findPlaces(env)[foreign.place];
  // The cache's folders are named NAME-VERSION.
  return { title: foreign.title, version: basename(folder).replace(/^.*-/, ""), licence: foreign.licence, folder };
}

/** The source of a server that the kit ships: C, or TypeScript, or (built) only its bundle. */
export type ServerSource = MachineSource | { readonly kind: "hosted"; readonly entry: string };

export interface MachineSource {
  readonly kind: "machine";
  readonly sources: readonly string[];
  readonly systemIncludes: readonly string[];
  /** What it is built with and the set-up has not fetched. */
  readonly missing?: Foreign;
}

/** A folder's own C and assembly files, not those of folders in it (tests); a folder `libc` in it has headers for them. */
export function machineSource(folder: string, name: string, env: NodeJS.ProcessEnv = process.env): MachineSource {
  const sources = readdirSync(folder).filter((file) => file.endsWith(".c") || file.endsWith(".S")).sort().map((file) => join(folder, file));
  const libc = existsSync(join(folder, "libc")) ? [join(folder, "libc")] : [];
  const foreign = BUILT_WITH.get(name);
  if (foreign === undefined) return { kind: "machine", sources, systemIncludes: libc };
  const place = findPlaces(env)[foreign.place];
  return { kind: "machine", sources, systemIncludes: [...libc, ...foreign.includes.map((part) => join(place, part))], ...(existsSync(join(place, foreign.sign)) ? {} : { missing: foreign }) };
}

/** Every server an appliance can name, the VMM among them. */
export function findServers(kit: Package): ReadonlyMap<string, ServerSource> {
  const found = new Map<string, ServerSource>();
  const folders = join(kit.root, "servers");
  for (const name of existsSync(folders) ? readdirSync(folders).sort() : []) {
    if (NOT_SERVERS.has(name)) continue;
    const folder = join(folders, name);
    if (existsSync(join(folder, "main.c"))) found.set(name, machineSource(folder, name));
    else if (existsSync(join(folder, "main.ts"))) found.set(name, { kind: "hosted", entry: join(folder, "main.ts") });
  }
  const vmm = join(kit.root, "vmm", "main.ts");
  if (existsSync(vmm) || existsSync(hostedFile(kit, "vmm"))) found.set("vmm", { kind: "hosted", entry: vmm });
  return found;
}
