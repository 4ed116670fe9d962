// Packages of another Debian suite or architecture, fetched by apt with a configuration of its own, so that the machine's stays untouched and
// no root is needed. apt verifies the archive's signature, the index and each package; nothing here weakens that.
//
// Source: apt.conf(5), apt-get(8). The private settings come by `-c`, which is read after the machine's own, so its proxy, credentials and
// time-outs hold and ours win where they meet.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { capture, findProgram, mustRun, run } from "./command.mjs";
import { SetupFailure } from "./failure.mjs";
import { mebibytes } from "./progress.mjs";
import { formatSource, parseDeb822, parseOneLine } from "./sources.mjs";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Debian's name of this machine's architecture. */
export const HOST_ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";

/**
 * @param {string} etc the machine's /etc/apt
 * @param {NodeJS.ProcessEnv} env BAILIWICK_DEBIAN_MIRROR names a mirror where the machine's configuration has none (it is not Debian)
 * @returns {import("./sources.mjs").Mirror[]} without repetition, each with a key
 */
export function findMirrors(etc, env) {
  const keyring = existsSync(KEYRING) ? KEYRING : undefined;
  const named = env["BAILIWICK_DEBIAN_MIRROR"];
  if (named) return [{ uri: named, signedBy: keyring }];
  const read = (/** @type {string} */ file) => (existsSync(file) ? readFileSync(file, "utf8") : "");
  const parts = join(etc, "sources.list.d");
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  const found = [
    ...parseOneLine(read(join(etc, "sources.list"))),
    ...names.filter((name) => name.endsWith(".list")).flatMap((name) => parseOneLine(read(join(parts, name)))),
    ...names.filter((name) => name.endsWith(".sources")).flatMap((name) => parseDeb822(read(join(parts, name)))),
  ];
  const seen = new Set();
  return found.filter(({ uri }) => {
    const key = uri.replace(/\/+$/, "");
    return !seen.has(key) && seen.add(key) && !uri.startsWith("cdrom:");
  }).map(({ uri, signedBy }) => ({ uri, signedBy: signedBy ?? keyring }));
}

/**
 * @typedef {object} Archive
 * @property {string} suite
 * @property {string} architecture
 * @property {(name: string) => Promise<Map<string, string> | undefined>} show  the newest version's fields, by lower-case name
 * @property {(names: readonly string[], onProgress: (text: string) => void) => Promise<string[]>} unpack
 *   fetches, verifies and unpacks packages into `tree`, deletes the package files; gives the packages' file names
 * @property {string} tree  where packages are unpacked
 * @property {(names: readonly string[]) => Promise<Indexed[]>} resolve
 *   the packages that a system takes on which these, and nothing yet, are installed, without what is only recommended; by name. Names may be apt's patterns
 * @property {() => { version: string, date: string }} release  of the suite, as its signed Release file says: 13.8, and a time in ISO 8601
 *
 * @typedef {object} Indexed  a package as the signed index has it
 * @property {string} name
 * @property {string} version
 * @property {string} architecture
 * @property {string} path  in the archive, as it stands in an address (apt writes a plus as %2b, and some mirrors know no other)
 * @property {number} size  bytes
 * @property {string} sha256
 */

/**
 * Reads the index of a suite.
 * @param {string} folder empty, private, removed by the caller
 * @param {string} suite code name
 * @param {string} architecture Debian's name
 * @param {NodeJS.ProcessEnv} env
 * @param {(text: string) => void} onProgress
 * @returns {Promise<Archive>}
 * @throws {SetupFailure} when apt is missing, no mirror is known, none can be reached, or what it serves cannot be verified
 */
export async function openArchive(folder, suite, architecture, env, onProgress) {
  if (findProgram("apt-get") === undefined || findProgram("dpkg-deb") === undefined) {
    throw new SetupFailure("packages of Debian are fetched by apt-get and dpkg-deb, which are not on this machine");
  }
  const mirrors = findMirrors("/etc/apt", env);
  if (mirrors.length === 0) {
    throw new SetupFailure("this machine's apt configuration names no Debian mirror",
      "set BAILIWICK_DEBIAN_MIRROR to the address of one, and install debian-archive-keyring");
  }
  /** @type {string[]} */
  const reasons = [];
  for (const mirror of mirrors) {
    rmSync(folder, { recursive: true, force: true });
    writeConfiguration(folder, mirror, suite, architecture);
    onProgress(`reading the index of Debian ${suite} (${architecture})`);
    const { status, output, errors } = await run("apt-get", [...options(folder), "update"]);
    if (status === 0) return archive(folder, suite, architecture);
    reasons.push(explain(`${output}\n${errors}`));
  }
  throw new SetupFailure(`Debian ${suite} (${architecture}): ${[...new Set(reasons)].join("; ")}`);
}

/**
 * @param {string} folder @param {string} suite @param {string} architecture
 * @returns {Archive}
 */
function archive(folder, suite, architecture) {
  const tree = join(folder, "tree");
  return {
    suite,
    architecture,
    tree,
    async show(name) {
      const { status, output } = await run("apt-cache", [...options(folder), "show", "--no-all-versions", name]);
      if (status !== 0) return undefined;
      const fields = fieldsOf(output);
      return fields.size === 0 ? undefined : fields;
    },
    async unpack(names, onProgress) {
      const packages = join(folder, "packages");
      mkdirSync(packages, { recursive: true });
      const sizes = await mustRun("apt-get", [...options(folder), "download", "--print-uris", ...names], { cwd: packages });
      const total = [...sizes.matchAll(/^'\S+' \S+ (\d+) /gm)].reduce((sum, match) => sum + Number(match[1]), 0);
      requireSpace(folder, total * 4);
      const { status, output, errors } = await run("apt-get", [...options(folder), "-o", "APT::Status-Fd=3", "download", ...names], {
        cwd: packages,
        statusFd(line) {
          const percent = Number(/^dlstatus:\d+:([\d.]+):/.exec(line)?.[1] ?? Number.NaN);
          if (!Number.isNaN(percent)) onProgress(`fetching ${mebibytes((total * percent) / 100)} of ${mebibytes(total)}`);
        },
      });
      if (status !== 0) throw new SetupFailure(`Debian ${suite} (${architecture}): ${explain(`${output}\n${errors}`)}`);
      const files = readdirSync(packages).filter((name) => name.endsWith(".deb"));
      onProgress(`unpacking ${mebibytes(total)}`);
      for (const file of files) {
        await mustRun("dpkg-deb", ["-x", join(packages, file), tree]);
        rmSync(join(packages, file));
      }
      return files;
    },
    async resolve(names) {
      const { status, bytes, errors } = await capture("apt-get", [...options(folder), "-y", "--no-install-recommends", "--print-uris", "install", ...names]);
      const output = bytes.toString();
      if (status !== 0) throw new SetupFailure(`Debian ${suite} (${architecture}): ${explain(`${output}\n${errors}`)}`);
      // Of a package in several versions the one that apt has chosen is the one of this file.
      const chosen = new Set([...output.matchAll(/^'\S*\/([^/']+)' /gm)].map((match) => decodeURIComponent(match[1] ?? "")));
      const shown = await capture("apt-cache", [...options(folder), "show", ...[...chosen].map((file) => file.replace(/_.*/, ""))]);
      const found = shown.bytes.toString().split("\n\n").map(fieldsOf).filter((fields) => chosen.has(fields.get("filename")?.split("/").at(-1) ?? ""));
      if (found.length !== chosen.size) throw new SetupFailure(`Debian ${suite} (${architecture}): apt chose ${chosen.size} packages and described ${found.length}`);
      return found.map(indexed).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    release() {
      const file = readdirSync(join(folder, "lists")).find((name) => /_(In)?Release$/.test(name));
      const fields = fieldsOf(file === undefined ? "" : readFileSync(join(folder, "lists", file), "utf8"));
      const [version, date] = [fields.get("version") ?? fields.get("codename") ?? suite, new Date(fields.get("date") ?? "")];
      if (Number.isNaN(date.getTime())) throw new SetupFailure(`Debian ${suite}: its Release file has no date`);
      return { version, date: date.toISOString() };
    },
  };
}

/** @param {string} paragraph @returns {Map<string, string>} the one-line fields, by lower-case name */
function fieldsOf(paragraph) {
  return new Map(paragraph.split("\n").flatMap((line) => {
    const field = /^([A-Za-z0-9-]+): (.*)$/.exec(line);
    return field ? [/** @type {const} */ ([(field[1] ?? "").toLowerCase(), field[2] ?? ""])] : [];
  }));
}

/** @param {Map<string, string>} fields of a package in the index @returns {Indexed} */
function indexed(fields) {
  const of = (/** @type {string} */ name) => {
    const value = fields.get(name);
    if (value === undefined) throw new SetupFailure(`the index describes ${fields.get("package") ?? "a package"} without ${name}`);
    return value;
  };
  return { name: of("package"), version: of("version"), architecture: of("architecture"), path: encodeURI(of("filename")).replaceAll("+", "%2b"), size: Number(of("size")), sha256: of("sha256") };
}

/** @param {string} folder */
function options(folder) {
  return ["-q", "-c", join(folder, "apt.conf")];
}

/**
 * @param {string} folder
 * @param {import("./sources.mjs").Mirror} mirror
 * @param {string} suite
 * @param {string} architecture
 */
function writeConfiguration(folder, mirror, suite, architecture) {
  for (const name of ["lists/partial", "cache/archives/partial", "sources", "preferences", "tree"]) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "sources", "debian.sources"), formatSource(mirror, suite, architecture));
  const quoted = (/** @type {string} */ value) => `"${value}"`;
  const settings = {
    "Dir::Etc::SourceList": "/dev/null",
    "Dir::Etc::SourceParts": join(folder, "sources"),
    "Dir::Etc::Preferences": "/dev/null",
    "Dir::Etc::PreferencesParts": join(folder, "preferences"),
    "Dir::State": folder,
    "Dir::State::lists": join(folder, "lists"),
    "Dir::State::status": "/dev/null",
    "Dir::Cache": join(folder, "cache"),
    "Dir::Cache::pkgcache": "pkgcache.bin",
    "APT::Architecture": architecture,
    // The folder is this user's alone; apt's own download user could not write to it.
    "APT::Sandbox::User": "root",
    // A part of the index that fails is an error, not a warning about an old copy.
    "APT::Update::Error-Mode": "any",
    "Acquire::Languages": "none",
    "Acquire::Retries": "2",
    "Acquire::http::Timeout": "20",
    "Acquire::https::Timeout": "20",
  };
  writeFileSync(join(folder, "apt.conf"), [
    "#clear APT::Architectures;",
    `APT::Architectures { ${quoted(architecture)}; };`,
    "#clear APT::Update::Pre-Invoke;",
    "#clear APT::Update::Post-Invoke;",
    "#clear APT::Update::Post-Invoke-Success;",
    ...Object.entries(settings).map(([name, value]) => `${name} ${quoted(value)};`),
    "",
  ].join("\n"));
}

/** @param {string} folder @param {number} bytes */
function requireSpace(folder, bytes) {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < bytes) {
    throw new SetupFailure(`not enough room in ${folder}: ${mebibytes(bytes)} needed, ${mebibytes(bavail * bsize)} free`,
      "make room, or set BAILIWICK_CACHE to a folder elsewhere");
  }
}

/**
 * What apt's complaint means for the user.
 * @param {string} said
 * @returns {string}
 */
export function explain(said) {
  if (/NO_PUBKEY|public key is not available|is not signed|EXPKEYSIG|GPG error/.test(said)) {
    return "the signature cannot be verified with this machine's keys (apt-get install debian-archive-keyring brings the newest)";
  }
  if (/unexpected size|Hash Sum mismatch|Mirror sync in progress/i.test(said)) {
    return "the mirror's index does not match its signed Release file (a mirror in the middle of an update)";
  }
  if (/Could not resolve|Temporary failure|Unable to connect|Could not connect|Connection (failed|refused|timed out)|Network is unreachable|No route to host/i.test(said)) {
    return "the mirror cannot be reached (no network, or a proxy that apt does not know)";
  }
  if (/does not have a Release file|404 +Not Found/i.test(said)) return "the mirror does not have it";
  return said.split("\n").reverse().find((line) => /^[EW]:/.test(line))?.slice(3) ?? "apt-get gave no reason";
}
