// Step: the helper of user networks (core/host/user-net), built by the host's gcc against libslirp: the system's, else Debian's build unpacked into the cache.
//
// It is built anew when its sources, the library or the compiler's machine change, and tried: one that was linked against what is too new for this machine is no use.
// Where it cannot be had everything else works, and the record says so.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { HOST_ARCHITECTURE, openArchive } from "./apt.mjs";
import { findProgram, run } from "./command.mjs";
import { SetupFailure } from "./failure.mjs";
import { hashOf, inTemporary, moveIntoPlace, readIfAny, writeWhole } from "./stamp.mjs";

const RETRY_MS = 3_600_000;
const TRIPLET = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
/** The oldest first: it asks least of the machine's own libraries. */
const SUITES = ["bookworm", "trixie", "forky"];
/** The third version of libslirp's configuration. */
const LOWEST = /** @type {const} */ ([4, 1]);
const REMEDY = "apt-get install gcc libslirp-dev, then bailiwick setup --only user-net --retry";
const FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-fPIE", "-pie", "-Wl,-z,relro,-z,now"];

/** @typedef {{ version: string, include: string, lib: string | undefined, from: string }} Library  lib: undefined where the linker looks anyhow */

/** @type {import("./steps.mjs").Step} */
export const userNet = {
  name: "user-net",
  title: "user network",
  ready: ({ places, record, retry }) => {
    if (record.userNet === undefined) return false;
    if (record.userNet === null) return !retry && Date.now() - (record.userNetTriedAt ?? 0) < RETRY_MS;
    const [hash, library = ""] = (readIfAny(stampOf(places)) ?? "").split("\n");
    return existsSync(record.userNet) && hash === inputs(places) && existsSync(library);
  },
  async run(context, line) {
    const { places, record, env } = context;
    delete record.userNetTriedAt;
    record.userNet = null;
    try {
      const gcc = findProgram("gcc");
      if (gcc === undefined) throw new SetupFailure("the host's C compiler, gcc, is not on PATH", REMEDY);
      rmSync(stampOf(places), { force: true });
      const found = await firstThatWorks(gcc, context, env, line.live);
      record.userNet = outputOf(places);
      writeWhole(stampOf(places), `${inputs(places)}\n${found.lib ?? found.include}`);
      return `built against libslirp ${found.version}, ${found.from}`;
    } catch (error) {
      if (!(error instanceof SetupFailure)) throw error;
      line.note(error.message);
      record.userNetTriedAt = Date.now();
      return "none: its helper cannot be built, so there are no user networks (platform.networks: { net0: { user: … } }); all else works. --retry asks again";
    }
  },
};

/** @param {import("./places.mjs").Places} places */
const sourcesOf = ({ root }) => join(root, "core", "host", "user-net");
/** @param {import("./places.mjs").Places} places */
const outputOf = ({ own }) => join(own, "user-net", "user-net");
/** @param {import("./places.mjs").Places} places */
const stampOf = (places) => `${outputOf(places)}.sha256`;
/** @param {import("./places.mjs").Places} places */
const inputs = (places) => hashOf(places.root, [sourcesOf(places)], (name) => name.endsWith(".md"), [process.arch, ...FLAGS]);

/**
 * @param {string} gcc @param {import("./steps.mjs").Context} context @param {NodeJS.ProcessEnv} env @param {(text: string) => void} live
 * @returns {Promise<Library>}
 */
async function firstThatWorks(gcc, { places, withCache }, env, live) {
  /** @type {string[]} */
  const tried = [];
  for (const library of [systemLibrary(), ...cached(places.cache)]) {
    if (library === undefined) continue;
    const wrong = await buildAndTry(gcc, places, library, live);
    if (wrong === undefined) return library;
    tried.push(`libslirp ${library.version}, ${library.from}: ${wrong}`);
  }
  for (const suite of SUITES) {
    try {
      const library = await withCache(() => fetchLibrary(places.cache, suite, env, live));
      const wrong = await buildAndTry(gcc, places, library, live);
      if (wrong === undefined) return library;
      tried.push(`libslirp ${library.version}, ${library.from}: ${wrong}`);
    } catch (error) {
      if (!(error instanceof SetupFailure)) throw error;
      tried.push(error.message);
    }
  }
  throw new SetupFailure(`libslirp, the TCP/IP stack of user networks, cannot be used:\n${tried.join("\n")}`, REMEDY);
}

/**
 * @param {string} gcc @param {import("./places.mjs").Places} places @param {Library} library @param {(text: string) => void} live
 * @returns {Promise<string | undefined>} what is wrong
 */
async function buildAndTry(gcc, places, { include, lib }, live) {
  live("compiling the user network's helper");
  const output = outputOf(places);
  const fresh = `${output}.new`;
  mkdirSync(join(output, ".."), { recursive: true });
  const folder = sourcesOf(places);
  const sources = readdirSync(folder).filter((name) => name.endsWith(".c")).sort().map((name) => join(folder, name));
  // The old form of the path holds for libraries of libraries, too.
  const where = lib === undefined ? [] : [`-L${lib}`, "-Wl,--disable-new-dtags", `-Wl,-rpath,${lib}`, `-Wl,-rpath-link,${lib}`];
  const built = await run(gcc, [...FLAGS, `-I${include}`, "-o", fresh, ...sources, ...where, "-lslirp"]);
  const { status, errors } = built.status === 0 ? await run(fresh, ["none"]) : built;
  if (status === 0) {
    renameSync(fresh, output);
    return undefined;
  }
  rmSync(fresh, { force: true });
  return `${built.status === 0 ? "the helper does not start" : "the helper cannot be compiled"}: ${errors.trim().split("\n").slice(0, 4).join("; ") || `status ${status}`}`;
}

/** @param {string} include @returns {string | undefined} when it is new enough */
export function slirpVersion(include) {
  const text = readIfAny(join(include, "libslirp-version.h")) ?? "";
  const number = (/** @type {string} */ name) => Number(new RegExp(`#define SLIRP_${name}_VERSION (\\d+)`).exec(text)?.[1] ?? Number.NaN);
  const [major, minor, micro] = [number("MAJOR"), number("MINOR"), number("MICRO")];
  return major === LOWEST[0] && minor >= LOWEST[1] ? `${major}.${minor}.${micro}` : undefined;
}

/** @returns {Library | undefined} */
function systemLibrary() {
  const include = "/usr/include/slirp";
  const version = slirpVersion(include);
  return version === undefined ? undefined : { version, include, lib: undefined, from: "the system's" };
}

/** @param {string} folder @param {string} from @returns {Library | undefined} */
function unpacked(folder, from) {
  const include = join(folder, "usr", "include", "slirp");
  const lib = join(folder, "usr", "lib", TRIPLET);
  const version = slirpVersion(include);
  return version !== undefined && existsSync(join(lib, "libslirp.so")) ? { version, include, lib, from } : undefined;
}

/** @param {string} cache @returns {(Library | undefined)[]} */
function cached(cache) {
  if (!existsSync(cache)) return [];
  const names = readdirSync(cache).filter((name) => name.startsWith("slirp-") && name.endsWith(`-${HOST_ARCHITECTURE}`)).sort();
  return names.map((name) => unpacked(join(cache, name), "Debian's build, in the cache"));
}

/**
 * @param {string} cache @param {string} suite @param {NodeJS.ProcessEnv} env @param {(text: string) => void} live
 * @returns {Promise<Library>}
 */
function fetchLibrary(cache, suite, env, live) {
  return inTemporary(cache, async (temporary) => {
    const archive = await openArchive(join(temporary, "apt"), suite, HOST_ARCHITECTURE, env, live);
    // GLib, on which it stands, is on most machines.
    const wanted = ["libslirp-dev", "libslirp0", ...(hasGlib() ? [] : ["libglib2.0-0", "libglib2.0-0t64", "libpcre2-8-0"])];
    /** @type {string[]} */
    const names = [];
    for (const name of wanted) if ((await archive.show(name))?.has("filename")) names.push(name);
    if (!names.includes("libslirp-dev")) throw new SetupFailure(`Debian ${suite} has no libslirp-dev`);
    await archive.unpack(names, live);
    const version = unpacked(archive.tree, "")?.version;
    if (version === undefined) throw new SetupFailure(`libslirp of Debian ${suite} is not laid out as expected`);
    const place = join(cache, `slirp-${version}-${suite}-${HOST_ARCHITECTURE}`);
    moveIntoPlace(archive.tree, place);
    const found = unpacked(place, `Debian's build (${suite}), signature verified`);
    if (found === undefined) throw new SetupFailure(`${place} is gone`);
    return found;
  });
}

const hasGlib = () => ["/usr/lib", "/lib", "/usr/lib64"].some((folder) => [join(folder, TRIPLET), folder].some((place) => existsSync(join(place, "libglib-2.0.so.0"))));
