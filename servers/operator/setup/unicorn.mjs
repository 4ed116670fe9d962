// Step: libunicorn, the CPU engine, at least 2.1.1: the system's, else Debian's build of another suite unpacked into the cache.
//
// Nothing older works (2.0.1 checks mappings by virtual address), and the reference is 2.1.1. BAILIWICK_UNICORN names an exact version, or is
// `newest`: what Debian's next release has, newer than the reference, for a second run of the conformance suite.
// The version is read from the header, since register numbers differ between versions: header and library must be of one package.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { HOST_ARCHITECTURE, openArchive } from "./apt.mjs";
import { findProgram, run } from "./command.mjs";
import { SetupFailure } from "./failure.mjs";
import { inTemporary, moveIntoPlace, readIfAny } from "./stamp.mjs";

const LOWEST = "2.1.1";
/** The fastest on paged guests; another is taken from the cache only when this one cannot be had. */
const REFERENCE = "2.1.1";
const TRIPLET = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
/** Debian 13 and its successor: 2.1.1 and 2.1.4 when this was written. */
const SUITES = ["trixie", "forky"];

/** @typedef {{ version: string, include: string, lib: string, from: string }} Unicorn */

/** @type {import("./steps.mjs").Step} */
export const unicorn = {
  name: "unicorn",
  title: "libunicorn",
  ready: ({ record, env }) => record.unicorn !== undefined && usable(record.unicorn, env["BAILIWICK_UNICORN"]),
  async run(context, line) {
    const { env, places, record } = context;
    const exact = env["BAILIWICK_UNICORN"];
    const found = (await systemLibrary(exact)) ?? cached(places.cache, exact ?? REFERENCE) ?? (await context.withCache(() => fetchLibrary(places.cache, exact, env, line.live)));
    record.unicorn = found;
    return `${found.version}, ${found.from}`;
  },
};

/** @param {Unicorn} found @param {string | undefined} exact */
function usable(found, exact) {
  return existsSync(join(found.lib, "libunicorn.so")) && suits(headerVersion(found.include), exact) && headerVersion(found.include) === found.version;
}

/**
 * @param {string | undefined} version
 * @param {string | undefined} exact
 * @returns {version is string}
 */
export function suits(version, exact) {
  if (version === undefined) return false;
  const order = compareVersions(version, LOWEST);
  return exact === "newest" ? order > 0 : exact ? version === exact : order >= 0;
}

/** @param {string} left @param {string} right @returns {number} negative, 0 or positive */
function compareVersions(left, right) {
  const numbers = (/** @type {string} */ version) => version.split(".").map(Number);
  const [a, b] = [numbers(left), numbers(right)];
  return a.map((number, index) => number - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
}

/** @param {string} include @returns {string | undefined} for example 2.1.1 */
function headerVersion(include) {
  const text = readIfAny(join(include, "unicorn", "unicorn.h")) ?? "";
  const number = (/** @type {string} */ name) => new RegExp(`#define UC_API_${name} (\\d+)`).exec(text)?.[1];
  const numbers = [number("MAJOR"), number("MINOR"), number("PATCH")];
  return numbers.includes(undefined) ? undefined : numbers.join(".");
}

/** @param {string | undefined} exact @returns {Promise<Unicorn | undefined>} */
async function systemLibrary(exact) {
  const ask = async (/** @type {string} */ name) => (await run("pkg-config", [`--variable=${name}`, "unicorn"])).output.trim();
  const known = findProgram("pkg-config") !== undefined && (await run("pkg-config", ["--exists", "unicorn"])).status === 0;
  const include = known ? await ask("includedir") : "/usr/include";
  const lib = known ? await ask("libdir") : join("/usr/lib", TRIPLET);
  const version = headerVersion(include);
  if (!suits(version, exact) || !existsSync(join(lib, "libunicorn.so"))) return undefined;
  return { version, include, lib, from: "the system's" };
}

/** @param {string} folder @param {string} from @returns {Unicorn | undefined} */
function unpacked(folder, from) {
  const include = join(folder, "usr", "include");
  const lib = join(folder, "usr", "lib", TRIPLET);
  const version = headerVersion(include);
  return version !== undefined && existsSync(join(lib, "libunicorn.so")) ? { version, include, lib, from } : undefined;
}

/** @param {string} cache @param {string | undefined} exact @returns {Unicorn | undefined} the lowest that suits, or the newest */
function cached(cache, exact) {
  if (!existsSync(cache)) return undefined;
  const found = readdirSync(cache).filter((name) => name.startsWith("unicorn-") && name.endsWith(`-${HOST_ARCHITECTURE}`)).flatMap((name) => {
    const engine = unpacked(join(cache, name), "Debian's build, in the cache");
    return engine !== undefined && suits(engine.version, exact) ? [engine] : [];
  }).sort((a, b) => compareVersions(a.version, b.version));
  return exact === "newest" ? found.at(-1) : found[0];
}

/**
 * @param {string} cache @param {string | undefined} exact @param {NodeJS.ProcessEnv} env @param {(text: string) => void} live
 * @returns {Promise<Unicorn>}
 */
async function fetchLibrary(cache, exact, env, live) {
  const already = cached(cache, exact ?? REFERENCE);
  if (already !== undefined) return already;
  /** @type {string[]} */
  const tried = [];
  for (const suite of SUITES) {
    const found = await inTemporary(cache, async (temporary) => {
      try {
        const archive = await openArchive(join(temporary, "apt"), suite, HOST_ARCHITECTURE, env, live);
        const version = (await archive.show("libunicorn2t64"))?.get("version")?.split("-")[0];
        if (!suits(version, exact)) {
          tried.push(`Debian ${suite} has ${version ?? "no libunicorn2t64"}`);
          return undefined;
        }
        await archive.unpack(["libunicorn2t64", "libunicorn-dev"], live);
        if (unpacked(archive.tree, "")?.version !== version) throw new SetupFailure(`libunicorn of Debian ${suite} is not laid out as expected`);
        // 30 MB, never linked: the static library is no use to an addon.
        rmSync(join(archive.tree, "usr", "lib", TRIPLET, "libunicorn.a"), { force: true });
        const place = join(cache, `unicorn-${version}-${HOST_ARCHITECTURE}`);
        moveIntoPlace(archive.tree, place);
        return unpacked(place, `Debian's build (${suite}), signature verified`);
      } catch (error) {
        if (!(error instanceof SetupFailure)) throw error;
        tried.push(error.message);
        return undefined;
      }
    });
    if (found !== undefined) return found;
  }
  const other = cached(cache, exact);
  if (other !== undefined) return other;
  throw new SetupFailure(`libunicorn ${exact ?? `${LOWEST} or newer`}, the CPU engine, is not on this machine and could not be fetched:\n${tried.join("\n")}`,
    "On Debian 13 and newer: apt-get install libunicorn-dev. Elsewhere install Unicorn 2.1.1 with its headers so that pkg-config finds it, or make a Debian mirror reachable.");
}
