// Step: SQLite's amalgamation, which the file server is built with, into the cache.
//
// No mirror that a machine is sure to reach has it as such, but the npm registry does, inside a package that ships SQLite's sources unchanged. Only the
// two files are taken; nothing of the package runs. The package is known by its hash, so whichever registry or npm cache it comes from, it is that one.
//
// Without it everything works but systems with the file server. The record says so, and the set-up asks again after an hour, or at once with --retry.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "./command.mjs";
import { SetupFailure } from "./failure.mjs";
import { findNpm } from "./npm.mjs";
import { inTemporary, moveIntoPlace } from "./stamp.mjs";

const PACKAGE = "better-sqlite3@12.11.1";
const SHA512 = "dq9AtApgg5PGFtBzPFSBl3HZQjHok5gaQCM6zh2Yk0aSmDCs1CbnVI8/HgASQkNKsWFpseIO9beg5xxpYhbIfA==";
/** The files of SQLite 3.53.2, with their sizes. */
const FILES = /** @type {const} */ ([["sqlite3.c", 9_507_980], ["sqlite3.h", 690_725]]);
const RETRY_MS = 3_600_000;

/** @type {import("./steps.mjs").Step} */
export const sqlite = {
  name: "sqlite",
  title: "SQLite",
  ready: ({ places, record, retry }) => {
    if (record.sqlite === undefined) return false;
    if (record.sqlite === null) return !retry && Date.now() - (record.sqliteTriedAt ?? 0) < RETRY_MS;
    return record.sqlite === places.sqlite && whole(places.sqlite);
  },
  async run(context, line) {
    const { places, record } = context;
    delete record.sqliteTriedAt;
    record.sqlite = null;
    try {
      if (!whole(places.sqlite)) await context.withCache(() => fetch(places, line));
    } catch (error) {
      if (!(error instanceof SetupFailure)) throw error;
      line.note(error.message);
      record.sqliteTriedAt = Date.now();
      return "none: its sources cannot be fetched, so the file server (image: { server: fs }) cannot be built; all else can. --retry asks again";
    }
    record.sqlite = places.sqlite;
    return "3.53.2, its sources as the npm registry has them, hash verified";
  },
};

/** By sizes only, as it runs each time: the folder appears by rename, after the hash was checked. @param {string} folder */
const whole = (folder) => FILES.every(([name, size]) => statSync(join(folder, name), { throwIfNoEntry: false })?.size === size);

/** @param {import("./places.mjs").Places} places @param {import("./progress.mjs").StepLine} line */
async function fetch({ cache, root, sqlite: place }, line) {
  if (whole(place)) return;
  await inTemporary(cache, async (temporary) => {
    line.live(`npm pack ${PACKAGE}`);
    const [program, ...first] = findNpm();
    // In the package's folder, so that npm's configuration for it counts.
    await mustRun(program, [...first, "pack", PACKAGE, "--pack-destination", temporary, "--prefer-offline", "--fetch-retries=1", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: root,
      onLine: (text) => line.live(text),
      remedy: "what is needed: the npm registry, reached directly or by the proxy that npm is configured with",
    });
    const archive = readdirSync(temporary).find((name) => name.endsWith(".tgz"));
    if (archive === undefined) throw new SetupFailure(`npm has put no archive of ${PACKAGE} where it was told to`);
    checkHash(readFileSync(join(temporary, archive)));
    const result = join(temporary, "result");
    mkdirSync(result);
    const inside = FILES.map(([name]) => `package/deps/sqlite3/${name}`);
    await mustRun("tar", ["-xzf", join(temporary, archive), "-C", temporary, ...inside], { remedy: "apt-get install tar gzip" });
    for (const [name] of FILES) renameSync(join(temporary, "package/deps/sqlite3", name), join(result, name));
    if (!whole(result)) throw new SetupFailure(`${PACKAGE} does not hold SQLite 3.53.2 as expected`);
    moveIntoPlace(result, place);
  });
}

/** @param {Uint8Array} archive */
export function checkHash(archive) {
  const hash = createHash("sha512").update(archive).digest("base64");
  if (hash !== SHA512) throw new SetupFailure(`what npm gave as ${PACKAGE} is another archive: its SHA-512 is ${hash}, not ${SHA512}`, "the registry that npm is configured with serves an altered package: use another");
}
