// Where things are: the package's root, the cache outside the work tree, the record of what was set up.
//
// The root is found by climbing from this file, so the answer is the same from the source tree and from the bundled dist/.
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * @typedef {object} Places
 * @property {string} root    folder of package.json
 * @property {string} version of this package
 * @property {boolean} installed  true when this is an installed package (no lock file beside package.json): it has dist/ and needs no build
 * @property {string} cache   what is fetched; shared by every clone of this user
 * @property {string} own     what belongs to this clone alone: setup.json, stamps
 * @property {string} record  setup.json
 * @property {string} sqlite  where SQLite's sources are, once they are fetched: sqlite3.c and sqlite3.h
 * @property {string} font  where the console font is, once it is fetched: a folder of headers for C programs
 * @property {string} libsodium  where libsodium's sources are, once they are fetched: what was under src/libsodium
 * @property {string} lwip  where lwIP's sources are, once they are fetched: what was under src
 */

/**
 * @param {NodeJS.ProcessEnv} env BAILIWICK_CACHE, else XDG_CACHE_HOME/bailiwick, else ~/.cache/bailiwick
 * @param {string} [root]
 * @returns {Places}
 */
export function findPlaces(env, root = packageRoot()) {
  const { version } = /** @type {{version: string}} */ (JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
  const cache = resolve(env["BAILIWICK_CACHE"] || join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "bailiwick"));
  const installed = !existsSync(join(root, "package-lock.json"));
  const own = installed ? join(cache, `installed-${version}`) : join(root, ".bailiwick");
  return { root, version, installed, cache, own, record: join(own, "setup.json"), sqlite: join(cache, "sqlite-3.53.2"), libsodium: join(cache, "libsodium-1.0.18"), lwip: join(cache, "lwip-2.2.1"), font: join(cache, "font-terminus-1.221") };
}

/** @returns {string} */
function packageRoot() {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file) && JSON.parse(readFileSync(file, "utf8")).name === "bailiwick") return folder;
    if (folder === dirname(folder)) throw new Error("no package.json of bailiwick above the set-up's own file");
  }
}
