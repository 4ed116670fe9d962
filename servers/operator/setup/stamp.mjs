// How a step knows that nothing is left to do, and how it never leaves a half: hashes over inputs, files and folders that appear by rename.
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/**
 * A hash over the names and contents of files; folders are walked in name order.
 * @param {string} root names are taken relative to it
 * @param {readonly string[]} paths files or folders, absolute; what does not exist counts as absent
 * @param {(name: string) => boolean} leaveOut by base name
 * @param {readonly string[]} extra further inputs: versions, settings
 * @returns {string}
 */
export function hashOf(root, paths, leaveOut = () => false, extra = []) {
  const hash = createHash("sha256");
  for (const text of extra) hash.update(`=${text}\0`);
  /** @param {string} path */
  const add = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) if (!leaveOut(name)) add(join(path, name));
    } else {
      const content = readFileSync(path);
      hash.update(`${relative(root, path)}\0${content.length}\0`).update(content);
    }
  };
  for (const path of paths) add(path);
  return hash.digest("hex");
}

/** @param {string} file @param {string | Uint8Array} content */
export function writeWhole(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, file);
}

/** @param {string} file @returns {string | undefined} */
export function readIfAny(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

const STALE_MS = 3_600_000;

/**
 * A folder to work in that is removed afterwards; one left by an interrupted run is removed by the next (the caller holds the cache's lock).
 * Its name says whose it is, and in which process namespace: a container that shares the cache cannot see whether another's process lives,
 * and goes by age.
 * @template T
 * @param {string} cache
 * @param {(folder: string) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function inTemporary(cache, work) {
  mkdirSync(cache, { recursive: true });
  const space = readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  for (const name of readdirSync(cache)) {
    const owner = /^tmp-(\d+)-(\d+)-/.exec(name);
    if (owner === null) continue;
    const gone = owner[1] === space && !existsSync(`/proc/${owner[2]}`);
    if (gone || Date.now() - statSync(join(cache, name)).mtimeMs > STALE_MS) rmSync(join(cache, name), { recursive: true, force: true });
  }
  const folder = join(cache, `tmp-${space}-${process.pid}-${randomBytes(4).toString("hex")}`);
  mkdirSync(folder);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    return await work(folder);
  } finally {
    process.off("exit", remove);
    remove();
  }
}

/**
 * Puts a finished folder in its place. If another set-up was first, its result is kept: both hold the same.
 * @param {string} from @param {string} to
 */
export function moveIntoPlace(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  try {
    renameSync(from, to);
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    const old = `${from}-replaced`;
    renameSync(to, old);
    renameSync(from, to);
    rmSync(old, { recursive: true, force: true });
  }
}
