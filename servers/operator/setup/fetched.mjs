// What the steps have in common that fetch another project's sources: the folder in the cache appears whole and verified or not at all, a record says where it is,
// and where it cannot be had everything else works. Then the record says so, and the set-up asks again after an hour, or at once with --retry.
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { SetupFailure } from "./failure.mjs";
import { inTemporary, moveIntoPlace } from "./stamp.mjs";

const RETRY_MS = 3_600_000;

/**
 * @typedef {object} Source
 * @property {"sqlite" | "libsodium" | "lwip" | "font"} name  of the step, of the place and of the entry in setup.json
 * @property {string} title
 * @property {ReadonlyMap<string, number>} files  all that is taken, with their sizes
 * @property {string} had  what is said when it is there
 * @property {string} server  what cannot be built without it
 * @property {(folder: string, result: string, places: import("./places.mjs").Places, line: import("./progress.mjs").StepLine) => Promise<void>} fetch
 *   puts the files into `result`, by way of `folder`, once their hash is right; throws SetupFailure
 */

/** @param {Source} source @returns {import("./steps.mjs").Step} */
export function fetchedSource({ name, title, files, had, server, fetch }) {
  const triedAt = /** @type {const} */ (`${name}TriedAt`);
  return {
    name,
    title,
    ready: ({ places, record, retry }) => {
      if (record[name] === undefined) return false;
      if (record[name] === null) return !retry && Date.now() - (record[triedAt] ?? 0) < RETRY_MS;
      return record[name] === places[name] && isWhole(places[name], files);
    },
    async run(context, line) {
      const { places, record } = context;
      delete record[triedAt];
      record[name] = null;
      try {
        if (!isWhole(places[name], files)) await context.withCache(() => fill(places, line));
      } catch (error) {
        if (!(error instanceof SetupFailure)) throw error;
        line.note(error.message);
        record[triedAt] = Date.now();
        return `none: its sources cannot be fetched, so ${server} cannot be built; all else can. --retry asks again`;
      }
      record[name] = places[name];
      return had;
    },
  };

  /** @param {import("./places.mjs").Places} places @param {import("./progress.mjs").StepLine} line */
  async function fill(places, line) {
    if (isWhole(places[name], files)) return;
    await inTemporary(places.cache, async (folder) => {
      const result = join(folder, "result");
      await fetch(folder, result, places, line);
      if (!isWhole(result, files)) throw new SetupFailure(`what was fetched does not hold ${title}'s files as expected`);
      moveIntoPlace(result, places[name]);
    });
  }
}

/** By sizes only, as it runs each time: the folder appears by rename, after the hash was checked. @param {string} folder @param {ReadonlyMap<string, number>} files */
const isWhole = (folder, files) => [...files].every(([name, size]) => statSync(join(folder, name), { throwIfNoEntry: false })?.size === size);

/**
 * @param {Uint8Array} archive @param {string} expected in base64
 * @param {string} what the archive is @param {string} remedy what to do if it is another
 */
export function checkSha512(archive, expected, what, remedy) {
  const hash = createHash("sha512").update(archive).digest("base64");
  if (hash !== expected) throw new SetupFailure(`${what} is another archive: its SHA-512 is ${hash}, not ${expected}`, remedy);
}
