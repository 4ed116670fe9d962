// What the steps have in common that see to another project's program with which tests look at what our own code makes: the system's, else Debian's build unpacked into the
// cache. In a work tree alone: an installed package has no tests. None of them needs rights, and where one cannot be had its tests are skipped, and the record says so.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { HOST_ARCHITECTURE, openArchive } from "./apt.mjs";
import { findProgram, run } from "./command.mjs";
import { SetupFailure } from "./failure.mjs";
import { inTemporary, moveIntoPlace } from "./stamp.mjs";

const RETRY_MS = 3_600_000;
const TRIPLET = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
/** The oldest first: it asks least of the machine's own libraries. No more of them: where no mirror answers each costs time. */
const SUITES = ["bookworm", "trixie"];

/** @typedef {{ program: string, lib?: string }} Found  lib: for LD_LIBRARY_PATH */

/**
 * @typedef {object} Tool
 * @property {"tcpdump" | "minisign" | "skopeo" | "dtc" | "promtool"} name  of the program, the step and the entry in setup.json
 * @property {string} [from]  its package, where that has another name
 * @property {readonly string[]} libraries  packages that it stands on, by the names of all suites; what these stand on is on every Debian
 * @property {readonly string[]} versionOption
 * @property {RegExp} version  in what it says then
 * @property {string} tests  which are skipped without it
 */

/** @param {Tool} tool @returns {import("./steps.mjs").Step} */
export function fetchedTool({ name, from: packageName = name, libraries, versionOption, version, tests }) {
  const triedAt = /** @type {const} */ (`${name}TriedAt`);
  return {
    name,
    title: name,
    ready: ({ places, record, retry }) => {
      if (places.installed) return true;
      const found = record[name];
      if (found === undefined) return false;
      if (found === null) return !retry && Date.now() - (record[triedAt] ?? 0) < RETRY_MS;
      return existsSync(found.program);
    },
    async run({ places, record, env, withCache }, line) {
      delete record[triedAt];
      record[name] = null;
      try {
        const [found, said] = await firstThatWorks(places.cache, () => withCache(() => fetchPackages(places.cache, env, line.live)));
        record[name] = found;
        return said;
      } catch (error) {
        if (!(error instanceof SetupFailure)) throw error;
        line.note(error.message);
        record[triedAt] = Date.now();
        return `none: tests that ${tests} with it are skipped; all else works. --retry asks again`;
      }
    },
  };

  /** @param {string} cache @param {() => Promise<[Found, string]>} fetch @returns {Promise<[Found, string]>} */
  async function firstThatWorks(cache, fetch) {
    // Where administrators' programs are, too: it is in one or the other.
    const system = findProgram(name, `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`);
    const candidates = [
      ...(system === undefined ? [] : [/** @type {[Found, string]} */ ([{ program: system }, "the system's"])]),
      ...cached(cache).map((found) => /** @type {[Found, string]} */ ([found, "Debian's build, in the cache"])),
    ];
    for (const [found, from] of candidates) {
      const is = await versionOf(found);
      if (is !== undefined) return [found, `${is}, ${from}`];
    }
    return await fetch();
  }

  /** @param {string} folder @returns {Found[]} */
  function unpacked(folder) {
    const program = ["bin", "sbin"].map((place) => join(folder, "usr", place, name)).find((path) => existsSync(path));
    return program === undefined ? [] : [{ program, lib: join(folder, "usr", "lib", TRIPLET) }];
  }

  /** @param {string} cache */
  function cached(cache) {
    if (!existsSync(cache)) return [];
    const folders = readdirSync(cache).filter((entry) => entry.startsWith(`${name}-`) && entry.endsWith(`-${HOST_ARCHITECTURE}`));
    return folders.sort().flatMap((entry) => unpacked(join(cache, entry)));
  }

  /** @param {Found} found @returns {Promise<string | undefined>} undefined: it does not run here */
  async function versionOf({ program, lib }) {
    const { status, output, errors } = await run(program, versionOption, lib === undefined ? {} : { env: { LD_LIBRARY_PATH: lib } });
    return status === 0 ? version.exec(`${output}\n${errors}`)?.[1] : undefined;
  }

  /** @param {string} cache @param {NodeJS.ProcessEnv} env @param {(text: string) => void} live @returns {Promise<[Found, string]>} */
  async function fetchPackages(cache, env, live) {
    /** @type {string[]} */
    const tried = [];
    for (const suite of SUITES) {
      try {
        return await inTemporary(cache, async (temporary) => {
          const archive = await openArchive(join(temporary, "apt"), suite, HOST_ARCHITECTURE, env, live);
          /** @type {string[]} */
          const names = [];
          for (const candidate of [packageName, ...libraries]) if ((await archive.show(candidate))?.has("filename")) names.push(candidate);
          if (!names.includes(packageName)) throw new SetupFailure(`Debian ${suite} has no ${packageName}`);
          await archive.unpack(names, live);
          const [fresh] = unpacked(archive.tree), is = fresh === undefined ? undefined : await versionOf(fresh);
          if (is === undefined) throw new SetupFailure(`${name} of Debian ${suite} does not run here`);
          const place = join(cache, `${name}-${is}-${suite}-${HOST_ARCHITECTURE}`);
          moveIntoPlace(archive.tree, place);
          const [found] = unpacked(place);
          if (found === undefined) throw new SetupFailure(`${place} is gone`);
          return [found, `${is}, Debian's build (${suite}), signature verified`];
        });
      } catch (error) {
        if (!(error instanceof SetupFailure)) throw error;
        tried.push(error.message);
      }
    }
    throw new SetupFailure(`${name} is not on this machine and could not be fetched:\n${tried.join("\n")}`, `apt-get install ${packageName}, then npm run setup -- --only ${name} --retry`);
  }
}
