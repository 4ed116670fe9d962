// Step: the npm packages that package-lock.json names.
//
// npm itself records what it put into node_modules in .package-lock.json, last of all. When that record has every package of the lock file in
// its version, and the folders are there, nothing is left to do; an interrupted `npm ci` has not written it.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { findProgram, mustRun } from "./command.mjs";
import { SetupFailure } from "./failure.mjs";
import { readIfAny } from "./stamp.mjs";

/** @typedef {{ version?: string, optional?: boolean, link?: boolean }} Locked */

/** @type {import("./steps.mjs").Step} */
export const npm = {
  name: "npm",
  title: "npm packages",
  ready: ({ places }) => places.installed || packagesMatch(places.root),
  async run({ places }, line) {
    line.live("npm ci");
    const [program, ...first] = findNpm();
    await mustRun(program, [...first, "ci", "--include=dev", "--no-audit", "--no-fund"], {
      cwd: places.root,
      onLine: (text) => line.live(text),
      remedy: "what is needed: the npm registry, reached directly or by the proxy that npm is configured with, and a package-lock.json that fits package.json",
    });
    return "installed from package-lock.json";
  },
};

/** @param {string} root */
export function packagesMatch(root) {
  const wanted = lockedPackages(join(root, "package-lock.json"));
  const present = lockedPackages(join(root, "node_modules", ".package-lock.json"));
  if (wanted === undefined || present === undefined) return false;
  return Object.entries(wanted).every(([path, { version, optional, link }]) => {
    if (path === "" || link) return true;
    const entry = present[path];
    if (entry === undefined) return optional === true;
    return entry.version === version && existsSync(join(root, path));
  });
}

/** @param {string} file @returns {Record<string, Locked> | undefined} */
function lockedPackages(file) {
  const text = readIfAny(file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text).packages;
  } catch {
    return undefined;
  }
}

/** @returns {[string, ...string[]]} npm of the running Node: the one that called us, the one beside it, the one on PATH */
export function findNpm() {
  const beside = join(dirname(process.execPath), "..", "lib", "node_modules", "npm", "bin", "npm-cli.js");
  const caller = process.env["npm_execpath"];
  if (caller?.endsWith("npm-cli.js")) return [process.execPath, caller];
  if (existsSync(beside)) return [process.execPath, beside];
  const found = findProgram("npm");
  if (found === undefined) throw new SetupFailure("npm is not on this machine", "apt-get install npm");
  return [found];
}
