// Step, on demand (--only debian): a Debian user space as the image of a disk, into the cache.
//
// The packages are those of guests/debian/lock.json, fetched by their hashes; dpkg installs them in a guest of the kit's own, which makes the ext4 file system
// of its disk of them (debian/install.mjs). The same lock gives the same bytes. Where mirrors no longer have a locked package, today's are taken
// and the record says so; BAILIWICK_DEBIAN=locked forbids that, BAILIWICK_DEBIAN=newest takes today's at once.
//
// The result is a folder debian-rootfs-VERSION-HASH with debian.ext4, lock.json and SOURCE.json, which guests/debian reads.
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, renameSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installPackages } from "./debian/install.mjs";
import { fetchPackages, formatLock, lockNewest, parseLock, readWanted } from "./debian/packages.mjs";
import { findProgram } from "./command.mjs";
import { SetupFailure } from "./failure.mjs";
import { mebibytes } from "./progress.mjs";
import { hashOf, inTemporary, moveIntoPlace, readIfAny } from "./stamp.mjs";

/** Of the disk that a guest sees; the file is sparse. */
const IMAGE_BYTES = 2 * 2 ** 30;
/** Packages, their unpacked copies and the image, while it is made. */
const WORK_BYTES = 0.75 * 2 ** 30;
/** What is left of a disk where a write has failed for want of room. */
const FULL_BYTES = 8 * 2 ** 20;

/**
 * @typedef {object} DebianSource  the content of SOURCE.json
 * @property {string} inputs  hash over all that it was made of
 * @property {string} source  for people
 * @property {string} version
 * @property {boolean} locked  false: made of newer packages than the lock's
 * @property {number} packages
 * @property {{ path: string, size: number, sha256: string }} image
 * @typedef {DebianSource & { folder: string }} PlacedDebian
 */

/** @type {import("./steps.mjs").Step} */
export const debian = {
  name: "debian",
  title: "Debian",
  ready: ({ places, record, env, retry }) => {
    const made = record.debian;
    if (made === undefined || made.inputs !== inputs(places, env) || (retry && !made.locked)) return false;
    return statSync(join(made.folder, made.image.path), { throwIfNoEntry: false })?.size === made.image.size;
  },
  async run({ places, record, env, withCache }, line) {
    delete record.debian;
    const linux = record.linux;
    if (linux === undefined || linux === null) throw new SetupFailure("a Debian user space needs Debian's kernel, which is not on this machine", "bailiwick setup --retry");
    const disk = linux.modules.find(({ name }) => name === "virtio_blk");
    if (disk === undefined || !(linux.rootModules?.length > 0)) {
      throw new SetupFailure(`a Debian user space is on a disk, and ${linux.source} comes without the modules virtio_blk and ext4`, "BAILIWICK_LINUX=stable bailiwick setup, or BAILIWICK_LINUX=next, takes a kernel that has them");
    }
    const cli = join(places.root, "dist", "cli.js");
    if (!existsSync(cli)) throw new SetupFailure("the packages are installed in a guest of the kit's own, and the kit is not built", "bailiwick setup");
    if (findProgram("dpkg-deb") === undefined) throw new SetupFailure("packages of Debian are unpacked by dpkg-deb, which is not on this machine", "apt-get install dpkg");
    const at = (/** @type {{ path: string }} */ { path }) => join(linux.folder, path);
    const guest = { kernel: at(linux.kernel), busybox: at(linux.busybox), modules: linux.modules.filter((module) => module !== disk).map(at), diskModule: at(disk) };
    const made = await withCache(() => make(places, env, line, guest, cli));
    record.debian = made;
    return `${made.source}, as an ext4 image of ${mebibytes(made.image.size)}`;
  },
};

/** @param {import("./places.mjs").Places} places */
const settingsOf = ({ root }) => join(root, "guests", "debian");

/** @param {import("./places.mjs").Places} places @param {NodeJS.ProcessEnv} env */
function inputs({ root }, env) {
  const setup = join(root, "servers", "operator", "setup");
  const settings = ["root", "settle.sh", "packages.json", "lock.json"].map((name) => join(root, "guests", "debian", name));
  const files = [...settings, join(setup, "debian"), join(setup, "debian.mjs")];
  return hashOf(root, files, (name) => name.endsWith(".md"), [modeOf(env)]);
}

/** @param {NodeJS.ProcessEnv} env @returns {"usual" | "locked" | "newest"} */
function modeOf(env) {
  const mode = env["BAILIWICK_DEBIAN"] || "usual";
  if (mode !== "usual" && mode !== "locked" && mode !== "newest") throw new SetupFailure(`BAILIWICK_DEBIAN=${mode} is neither locked nor newest`);
  return mode;
}

/**
 * @param {import("./places.mjs").Places} places @param {NodeJS.ProcessEnv} env @param {import("./progress.mjs").StepLine} line
 * @param {import("./debian/install.mjs").Work["guest"]} guest @param {string} cli @returns {Promise<PlacedDebian>}
 */
async function make(places, env, line, guest, cli) {
  const settings = settingsOf(places), hash = inputs(places, env);
  return inTemporary(places.cache, async (temporary) => {
    checkRoom(places.cache, WORK_BYTES);
    try {
      const { lock, packages, locked } = await gather({ temporary, env, live: line.live }, settings, line);
      const time = Math.floor(Date.parse(lock.date) / 1000);
      const image = { bytes: IMAGE_BYTES, label: "debian", name: `bailiwick debian ${lock.version}` };
      const made = await installPackages({ folder: temporary, packages, time, settings, guest, image, cli }, line.live);
      line.live("taking its hash");
      const result = join(temporary, "result"), file = join(result, "debian.ext4");
      mkdirSync(result);
      renameSync(made, file);
      writeFileSync(join(result, "lock.json"), formatLock(lock));
      const source = {
        inputs: hash,
        source: `Debian ${lock.version} riscv64, ${lock.packages.length} packages${locked ? " of the lock" : ", newer than the lock"}, verified`,
        version: lock.version,
        locked,
        packages: lock.packages.length,
        image: { path: "debian.ext4", size: IMAGE_BYTES, sha256: await hashOfFile(file) },
      };
      writeFileSync(join(result, "SOURCE.json"), `${JSON.stringify(source, undefined, 2)}\n`);
      const folder = join(places.cache, `debian-rootfs-${lock.version}-${hash.slice(0, 12)}`);
      moveIntoPlace(result, folder);
      return { ...source, folder };
    } catch (error) {
      // Whoever met the full disk, apt, the guest or we: it is said here, once.
      checkRoom(places.cache, FULL_BYTES);
      throw error;
    }
  });
}

/** @param {string} cache @param {number} bytes @throws {SetupFailure} when fewer are free */
function checkRoom(cache, bytes) {
  const { bavail, bsize } = statfsSync(cache);
  if (bavail * bsize >= bytes) return;
  throw new SetupFailure(`not enough room in ${cache}: ${mebibytes(WORK_BYTES)} are needed while the image is made, ${mebibytes(bavail * bsize)} free`, "make room, or set BAILIWICK_CACHE to a folder elsewhere");
}

/** Piece by piece: it is larger than what Node reads at once. @param {string} file */
async function hashOfFile(file) {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(file)) hash.update(piece);
  return hash.digest("hex");
}

/**
 * The locked packages, or where they cannot be had any more today's.
 * @param {Parameters<typeof lockNewest>[0]} means @param {string} settings @param {import("./progress.mjs").StepLine} line
 */
async function gather(means, settings, line) {
  const mode = modeOf(means.env), wanted = readWanted(settings);
  const folder = join(means.temporary, "packages");
  mkdirSync(folder);
  if (mode !== "newest") {
    try {
      const lock = parseLock(readIfAny(join(settings, "lock.json")) ?? "", wanted.packages);
      return { lock, packages: await fetchPackages(lock, folder, line.live), locked: true };
    } catch (error) {
      if (!(error instanceof SetupFailure) || mode === "locked") throw error;
      line.note(`not all packages of the lock can be had (${error.message.split("\n")[0]}): today's are taken`);
    }
  }
  const lock = await lockNewest(means, wanted);
  return { lock, packages: await fetchPackages(lock, folder, line.live), locked: false };
}
