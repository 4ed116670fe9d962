// Step: tcpdump, with which tests read what goes over networks: the system's, else Debian's build unpacked into the cache. In a work tree alone: an installed package has no tests.
// It reads files and no network, so it needs no rights. Where it cannot be had those tests are skipped, and the record says so.
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
/** It, and what it stands on, by the names of all suites; what these stand on is on every Debian. */
const PACKAGES = ["tcpdump", "libpcap0.8", "libpcap0.8t64", "libssl3", "libssl3t64", "libdbus-1-3"];

/** @typedef {{ program: string, lib?: string }} Tcpdump  lib: for LD_LIBRARY_PATH */

/** @type {import("./steps.mjs").Step} */
export const tcpdump = {
  name: "tcpdump",
  title: "tcpdump",
  ready: ({ places, record, retry }) => {
    if (places.installed) return true;
    if (record.tcpdump === undefined) return false;
    if (record.tcpdump === null) return !retry && Date.now() - (record.tcpdumpTriedAt ?? 0) < RETRY_MS;
    return existsSync(record.tcpdump.program);
  },
  async run({ places, record, env, withCache }, line) {
    delete record.tcpdumpTriedAt;
    record.tcpdump = null;
    try {
      const [found, said] = await firstThatWorks(places.cache, () => withCache(() => fetchPackages(places.cache, env, line.live)));
      record.tcpdump = found;
      return said;
    } catch (error) {
      if (!(error instanceof SetupFailure)) throw error;
      line.note(error.message);
      record.tcpdumpTriedAt = Date.now();
      return "none: tests that read packets with it are skipped; all else works. --retry asks again";
    }
  },
};

/** @param {string} cache @param {() => Promise<[Tcpdump, string]>} fetch @returns {Promise<[Tcpdump, string]>} */
async function firstThatWorks(cache, fetch) {
  // Where administrators' programs are, too: it is in one or the other.
  const system = findProgram("tcpdump", `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`);
  const candidates = [
    ...(system === undefined ? [] : [/** @type {[Tcpdump, string]} */ ([{ program: system }, "the system's"])]),
    ...cached(cache).map((found) => /** @type {[Tcpdump, string]} */ ([found, "Debian's build, in the cache"])),
  ];
  for (const [found, from] of candidates) {
    const version = await versionOf(found);
    if (version !== undefined) return [found, `${version}, ${from}`];
  }
  return await fetch();
}

/** @param {string} folder @returns {Tcpdump[]} */
function unpacked(folder) {
  const program = ["bin", "sbin"].map((name) => join(folder, "usr", name, "tcpdump")).find((path) => existsSync(path));
  return program === undefined ? [] : [{ program, lib: join(folder, "usr", "lib", TRIPLET) }];
}

/** @param {string} cache */
const cached = (cache) => (existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith("tcpdump-") && name.endsWith(`-${HOST_ARCHITECTURE}`)).sort().flatMap((name) => unpacked(join(cache, name))) : []);

/** @param {Tcpdump} found @returns {Promise<string | undefined>} undefined: it does not run here */
async function versionOf({ program, lib }) {
  const { status, output, errors } = await run(program, ["--version"], lib === undefined ? {} : { env: { LD_LIBRARY_PATH: lib } });
  return status === 0 ? /^tcpdump version (\S+)/m.exec(`${output}\n${errors}`)?.[1] : undefined;
}

/** @param {string} cache @param {NodeJS.ProcessEnv} env @param {(text: string) => void} live @returns {Promise<[Tcpdump, string]>} */
async function fetchPackages(cache, env, live) {
  /** @type {string[]} */
  const tried = [];
  for (const suite of SUITES) {
    try {
      return await inTemporary(cache, async (temporary) => {
        const archive = await openArchive(join(temporary, "apt"), suite, HOST_ARCHITECTURE, env, live);
        /** @type {string[]} */
        const names = [];
        for (const name of PACKAGES) if ((await archive.show(name))?.has("filename")) names.push(name);
        if (!names.includes("tcpdump")) throw new SetupFailure(`Debian ${suite} has no tcpdump`);
        await archive.unpack(names, live);
        const [fresh] = unpacked(archive.tree), version = fresh === undefined ? undefined : await versionOf(fresh);
        if (version === undefined) throw new SetupFailure(`tcpdump of Debian ${suite} does not run here`);
        const place = join(cache, `tcpdump-${version}-${suite}-${HOST_ARCHITECTURE}`);
        moveIntoPlace(archive.tree, place);
        const [found] = unpacked(place);
        if (found === undefined) throw new SetupFailure(`${place} is gone`);
        return [found, `${version}, Debian's build (${suite}), signature verified`];
      });
    } catch (error) {
      if (!(error instanceof SetupFailure)) throw error;
      tried.push(error.message);
    }
  }
  throw new SetupFailure(`tcpdump is not on this machine and could not be fetched:\n${tried.join("\n")}`, "apt-get install tcpdump, then npm run setup -- --only tcpdump --retry");
}
