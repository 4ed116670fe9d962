// Step: the helpers of networks (core/host/helpers), built by the host's gcc: of TAP interfaces, and of user networks, the latter against libslirp: the system's,
// else Debian's build unpacked into the cache.
//
// They are built anew when their sources, the library or the compiler's machine change, and the latter is tried: one that was linked against what is too new for this
// machine is no use. Where one cannot be had everything else works, and the record says so.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
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
const REMEDY = "apt-get install gcc libslirp-dev, then bailiwick setup --only networks --retry";
const FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-fPIE", "-pie", "-Wl,-z,relro,-z,now"];

/** @typedef {{ version: string, include: string, lib: string | undefined, from: string }} Library  lib: undefined where the linker looks anyhow */

/** @type {import("./steps.mjs").Step} */
export const networks = {
  name: "networks",
  title: "networks",
  ready: ({ places, record, retry }) => {
    const [hash, library = ""] = (readIfAny(stampOf(places)) ?? "").split("\n");
    if (record.tap === undefined || record.userNet === undefined || hash !== inputs(places)) return false;
    const waits = !retry && Date.now() - (record.networksTriedAt ?? 0) < RETRY_MS;
    return (record.tap === null ? waits : existsSync(record.tap)) && (record.userNet === null ? waits : existsSync(record.userNet) && existsSync(library));
  },
  async run(context, line) {
    const { places, record } = context;
    delete record.networksTriedAt;
    record.tap = null;
    record.userNet = null;
    rmSync(stampOf(places), { force: true });
    /** @type {Library | undefined} */
    let library;
    try {
      const gcc = findProgram("gcc");
      if (gcc === undefined) throw new SetupFailure("the host's C compiler, gcc, is not on PATH", REMEDY);
      line.live("compiling the helpers");
      const wrong = await build(gcc, places, "tap", ["tap.c", ...SHARED], []);
      if (wrong !== undefined) throw new SetupFailure(`the helper of TAP interfaces ${wrong}`);
      record.tap = outputOf(places, "tap");
      library = await firstThatWorks(gcc, context, line.live);
      record.userNet = outputOf(places, "user-net");
    } catch (error) {
      if (!(error instanceof SetupFailure)) throw error;
      line.note(error.message);
      record.networksTriedAt = Date.now();
    }
    writeWhole(stampOf(places), `${inputs(places)}\n${library?.lib ?? library?.include ?? ""}`);
    if (library !== undefined) return `user networks by libslirp ${library.version}, ${library.from}; TAP`;
    const none = record.tap === null ? "neither user networks nor TAP interfaces" : "no user networks";
    return `there are ${none} (platform.networks), since a helper cannot be built; all else works. --retry asks again`;
  },
};

const SHARED = ["confine.c", "records.c"];
/** @param {import("./places.mjs").Places} places */
const sourcesOf = ({ root }) => join(root, "core", "host", "helpers");
/** @param {import("./places.mjs").Places} places @param {"tap" | "user-net"} name */
const outputOf = ({ own }, name) => join(own, "networks", name);
/** @param {import("./places.mjs").Places} places */
const stampOf = ({ own }) => join(own, "networks", "inputs.sha256");
/** @param {import("./places.mjs").Places} places */
const inputs = (places) => hashOf(places.root, [sourcesOf(places)], (name) => name.endsWith(".md"), [process.arch, ...FLAGS]);

/**
 * @param {string} gcc @param {import("./steps.mjs").Context} context @param {(text: string) => void} live
 * @returns {Promise<Library>}
 */
async function firstThatWorks(gcc, { places, env, withCache }, live) {
  /** @type {string[]} */
  const tried = [];
  for (const library of [systemLibrary(), ...cached(places.cache)]) {
    if (library === undefined) continue;
    const wrong = await buildUserNet(gcc, places, library);
    if (wrong === undefined) return library;
    tried.push(`libslirp ${library.version}, ${library.from}: ${wrong}`);
  }
  for (const suite of SUITES) {
    try {
      const library = await withCache(() => fetchLibrary(places.cache, suite, env, live));
      const wrong = await buildUserNet(gcc, places, library);
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
 * @param {string} gcc @param {import("./places.mjs").Places} places @param {Library} library
 * @returns {Promise<string | undefined>} what is wrong
 */
function buildUserNet(gcc, places, { include, lib }) {
  // The old form of the path holds for libraries of libraries, too.
  const where = lib === undefined ? [] : [`-L${lib}`, "-Wl,--disable-new-dtags", `-Wl,-rpath,${lib}`, `-Wl,-rpath-link,${lib}`];
  return build(gcc, places, "user-net", ["user-net.c", "reach.c", ...SHARED], [`-I${include}`, ...where, "-lslirp"], ["none"]);
}

/**
 * It appears whole, and only if it can be compiled and, with `trial` as arguments and no input, ends well.
 * @param {string} gcc @param {import("./places.mjs").Places} places @param {"tap" | "user-net"} name @param {readonly string[]} sources @param {readonly string[]} more @param {readonly string[]} [trial]
 * @returns {Promise<string | undefined>} what is wrong
 */
async function build(gcc, places, name, sources, more, trial) {
  const output = outputOf(places, name);
  const fresh = `${output}.new`;
  mkdirSync(dirname(output), { recursive: true });
  const built = await run(gcc, [...FLAGS, "-o", fresh, ...sources.map((file) => join(sourcesOf(places), file)), ...more]);
  const { status, errors } = built.status === 0 && trial !== undefined ? await run(fresh, trial) : built;
  if (status === 0) {
    renameSync(fresh, output);
    return undefined;
  }
  rmSync(fresh, { force: true });
  return `${built.status === 0 ? "does not start" : "cannot be compiled"}: ${errors.trim().split("\n").slice(0, 4).join("; ") || `status ${status}`}`;
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
