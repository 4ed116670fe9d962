// Step: SQLite's amalgamation, which the file server is built with, into the cache.
//
// No mirror that a machine is sure to reach has it as such, but the npm registry does, inside a package that ships SQLite's sources unchanged. Only the
// two files are taken; nothing of the package runs. The package is known by its hash, so whichever registry or npm cache it comes from, it is that one.
import { mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "./command.mjs";
import { SetupFailure } from "./failure.mjs";
import { checkSha512, fetchedSource } from "./fetched.mjs";
import { findNpm } from "./npm.mjs";

const PACKAGE = "better-sqlite3@12.11.1";
const SHA512 = "dq9AtApgg5PGFtBzPFSBl3HZQjHok5gaQCM6zh2Yk0aSmDCs1CbnVI8/HgASQkNKsWFpseIO9beg5xxpYhbIfA==";
/** The files of SQLite 3.53.2, with their sizes. */
const FILES = new Map([["sqlite3.c", 9_507_980], ["sqlite3.h", 690_725]]);

export const sqlite = fetchedSource({
  name: "sqlite",
  title: "SQLite",
  files: FILES,
  had: "3.53.2, its sources as the npm registry has them, hash verified",
  server: "the file server (image: { server: fs })",
  async fetch(temporary, result, { root }, line) {
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
    mkdirSync(result);
    const inside = [...FILES.keys()].map((name) => `package/deps/sqlite3/${name}`);
    await mustRun("tar", ["-xzf", join(temporary, archive), "-C", temporary, ...inside], { remedy: "apt-get install tar gzip" });
    for (const name of FILES.keys()) renameSync(join(temporary, "package/deps/sqlite3", name), join(result, name));
  },
});

/** @param {Uint8Array} archive */
export const checkHash = (archive) => checkSha512(archive, SHA512, `what npm gave as ${PACKAGE}`, "the registry that npm is configured with serves an altered package: use another");
