// Files of Debian's pool: Debian keeps the sources and packages of every suite there; apt fetches the one file from the mirror that this machine uses, by the machine's own
// configuration. No index is read: the file is known by its hash, which is the one that Debian's signed index gives, so whichever mirror it comes from, it is that one.
import { existsSync } from "node:fs";
import { explain, findMirrors } from "./apt.mjs";
import { findProgram, run } from "./command.mjs";
import { SetupFailure } from "./failure.mjs";

/** Where apt keeps its helper, which is on no PATH. */
const APT_FOLDER = "/usr/lib/apt";

/** @typedef {{ path: string, sha256: string, to: string }} PoolFile  path: in the archive, as it stands in an address; to: where it goes */

/**
 * From the first mirror that has it.
 * @param {{ what: string, path: string, sha256: string }} file what: for messages
 * @param {string} to @param {import("./progress.mjs").StepLine} line
 */
export async function downloadFromPool({ what, path, sha256 }, to, line) {
  line.live(`fetching ${what} from Debian's pool`);
  await downloadFilesFromPool(what, [{ path, sha256, to }]);
}

/**
 * Several files by one call of apt's helper, all from the first mirror that has them all.
 * @param {string} what for messages @param {readonly PoolFile[]} files
 */
export async function downloadFilesFromPool(what, files) {
  const remedy = "what is needed: a Debian mirror, by this machine's apt configuration or named in BAILIWICK_DEBIAN_MIRROR";
  const helper = findProgram("apt-helper", `${process.env["PATH"] ?? ""}:${APT_FOLDER}`);
  if (helper === undefined) throw new SetupFailure("Debian's files are fetched by apt, which is not on this machine", remedy);
  const mirrors = findMirrors("/etc/apt", process.env);
  if (mirrors.length === 0) throw new SetupFailure("this machine's apt configuration names no Debian mirror", remedy);
  const reasons = new Set();
  for (const { uri } of mirrors) {
    const wanted = files.flatMap(({ path, sha256, to }) => [`${uri.replace(/\/+$/, "")}/${path}`, to, `SHA256:${sha256}`]);
    // The folder is this user's alone; apt's own download user could not write to it.
    const { status, output, errors } = await run(helper, ["-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=1", "download-file", ...wanted]);
    if (status === 0 && files.every(({ to }) => existsSync(to))) return;
    reasons.add(explain(`${output}\n${errors}`));
  }
  throw new SetupFailure(`${what}: ${[...reasons].join("; ")}`, remedy);
}
