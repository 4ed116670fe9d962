// Which packages the image is made of, in which versions: the lock, guests/debian/lock.json, or, where Debian's mirrors have moved on, what apt finds today.
//
// Locked files are known by their hashes, so they come from any mirror and no index is read. A lock is made of a signed index: its hashes are apt's.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openArchive } from "../apt.mjs";
import { SetupFailure } from "../failure.mjs";
import { downloadFilesFromPool } from "../pool.mjs";
import { mebibytes } from "../progress.mjs";

/**
 * @typedef {object} Lock
 * @property {string} suite
 * @property {string} version  of the release: 13.8
 * @property {string} date  of the index, in ISO 8601
 * @property {string[]} asked  the packages that were asked for
 * @property {(import("../apt.mjs").Indexed & { base?: true })[]} packages  base: essential, or what such a one depends on
 */

const ARCHITECTURE = "riscv64";
/** Files fetched by one call of apt's helper: few enough to see that it goes on. */
const AT_ONCE = 12;

/** @param {string} folder guests/debian @returns {{ suite: string, packages: string[] }} */
export function readWanted(folder) {
  return JSON.parse(readFileSync(join(folder, "packages.json"), "utf8"));
}

/** @param {string} text @param {readonly string[]} asked @returns {Lock} @throws {SetupFailure} when it is none, or one of other packages */
export function parseLock(text, asked) {
  /** @type {Lock} */
  let lock;
  try {
    lock = JSON.parse(text);
  } catch {
    throw new SetupFailure("guests/debian/lock.json is no JSON");
  }
  const isPackage = (/** @type {Lock["packages"][number]} */ { name, version, path, size, sha256 }) => {
    const isNamed = [name, version].every((value) => typeof value === "string" && value !== "");
    return isNamed && /^pool\/[\w./%+~-]+\.deb$/.test(path) && !path.includes("..") && Number.isInteger(size) && size > 0 && /^[0-9a-f]{64}$/.test(sha256);
  };
  const wrong = !Array.isArray(lock.packages) || lock.packages.length === 0 ? "has no packages" : Number.isNaN(Date.parse(lock.date)) ? "has no date" : undefined;
  if (wrong !== undefined) throw new SetupFailure(`guests/debian/lock.json ${wrong}`);
  const bad = lock.packages.find((each) => !isPackage(each));
  if (bad !== undefined) throw new SetupFailure(`guests/debian/lock.json describes the package ${bad.name ?? "(without a name)"} in a way that cannot be`);
  if (lock.asked.join() !== asked.join()) throw new SetupFailure("guests/debian/lock.json is of other packages than packages.json asks for", RELOCK);
  return lock;
}

const RELOCK = "BAILIWICK_DEBIAN=newest bailiwick setup --only debian takes today's; lock.json beside the image is then what belongs into guests/debian";

/** @param {{ temporary: string, env: NodeJS.ProcessEnv, live: (text: string) => void }} means @param {ReturnType<typeof readWanted>} wanted @returns {Promise<Lock>} */
export async function lockNewest({ temporary, env, live }, { suite, packages }) {
  const archive = await openArchive(join(temporary, "apt"), suite, ARCHITECTURE, env, live);
  live("resolving the packages");
  const base = new Set((await archive.resolve(["?essential"])).map(({ name }) => name));
  const all = await archive.resolve(["?essential", ...packages]);
  return { suite, ...archive.release(), asked: packages, packages: all.map((each) => (base.has(each.name) ? { ...each, base: true } : each)) };
}

/**
 * @param {Lock} lock @param {string} folder where they go @param {(text: string) => void} live
 * @returns {Promise<{ file: string, base: boolean }[]>}
 * @throws {SetupFailure} when a mirror does not have one of them, or has another file by its name
 */
export async function fetchPackages({ packages }, folder, live) {
  const total = packages.reduce((sum, { size }) => sum + size, 0);
  const files = packages.map(({ path, sha256, base }) => ({ path, sha256, to: join(folder, decodeURIComponent(path.split("/").at(-1) ?? "")), base: base === true }));
  let done = 0;
  for (let at = 0; at < files.length; at += AT_ONCE) {
    live(`fetching ${mebibytes(done)} of ${mebibytes(total)}`);
    await downloadFilesFromPool(`Debian's packages ${packages.slice(at, at + AT_ONCE).map(({ name }) => name).join(", ")}`, files.slice(at, at + AT_ONCE));
    done += packages.slice(at, at + AT_ONCE).reduce((sum, { size }) => sum + size, 0);
  }
  return files.map(({ to, base }) => ({ file: to, base }));
}

/** A package a line. @param {Lock} lock */
export function formatLock({ packages, ...head }) {
  const lines = packages.map((each) => `    ${JSON.stringify(each)}`).join(",\n");
  return `${JSON.stringify(head, undefined, 2).replace(/\n\}$/, "")},\n  "packages": [\n${lines}\n  ]\n}\n`;
}
