// Step: Debian's OpenSBI and U-Boot for riscv64, into the cache. Their packages are architecture-independent, so this machine's own index has them. Where they cannot be had, all
// but the guest `u-boot` works; the record says so, and the set-up asks again after an hour, or at once with --retry.
//
// The result is a folder firmware-SUITE-VERSIONS with fw_dynamic.bin and u-boot.bin, which guests/u-boot reads.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HOST_ARCHITECTURE, openArchive } from "./apt.mjs";
import { SetupFailure } from "./failure.mjs";
import { inTemporary, moveIntoPlace } from "./stamp.mjs";

const RETRY_MS = 3_600_000;
/** The newest first. */
const SUITES = ["trixie", "bookworm"];
const PARTS = /** @type {const} */ ({
  opensbi: { package: "opensbi", at: "usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin", as: "fw_dynamic.bin" },
  uboot: { package: "u-boot-qemu", at: "usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin", as: "u-boot.bin" },
});

/**
 * @typedef {{ path: string, size: number, sha256: string, version: string }} FirmwareFile  path: relative to the folder
 * @typedef {{ source: string, opensbi: FirmwareFile, uboot: FirmwareFile, folder: string }} PlacedFirmware
 */

/** @type {import("./steps.mjs").Step} */
export const firmware = {
  name: "firmware",
  title: "firmware",
  ready: ({ record: { firmware: placed, firmwareTriedAt = 0 }, retry }) =>
    placed === null ? !retry && Date.now() - firmwareTriedAt < RETRY_MS : placed !== undefined && [placed.opensbi, placed.uboot].every(({ path, size }) => statSync(join(placed.folder, path), { throwIfNoEntry: false })?.size === size),
  async run({ places, env, record, withCache }, line) {
    delete record.firmwareTriedAt;
    record.firmware = null;
    let placed;
    try {
      placed = record.firmware = await withCache(() => fetch(places.cache, env, line));
    } catch (error) {
      if (!(error instanceof SetupFailure)) throw error;
      line.note(error.message);
      record.firmwareTriedAt = Date.now();
      return "none: Debian's OpenSBI and U-Boot cannot be had, so there is no guest u-boot; all else works. --retry asks again";
    }
    return `OpenSBI ${placed.opensbi.version}, U-Boot ${placed.uboot.version}, ${placed.source}`;
  },
};

/** @param {string} cache @param {NodeJS.ProcessEnv} env @param {import("./progress.mjs").StepLine} line @returns {Promise<PlacedFirmware>} */
async function fetch(cache, env, line) {
  /** @type {string[]} */
  const tried = [];
  for (const suite of SUITES) {
    try {
      return await inTemporary(cache, async (temporary) => {
        const archive = await openArchive(join(temporary, "apt"), suite, HOST_ARCHITECTURE, env, line.live);
        const folder = join(temporary, "result");
        mkdirSync(folder);
        await archive.unpack(Object.values(PARTS).map((part) => part.package), line.live);
        const opensbi = await take(archive, folder, PARTS.opensbi), uboot = await take(archive, folder, PARTS.uboot);
        const target = join(cache, `firmware-${suite}-${opensbi.version}-${uboot.version}`.replace(/[^\w.+~-]/g, "_"));
        moveIntoPlace(folder, target);
        return { source: `Debian ${suite}, signature verified`, opensbi, uboot, folder: target };
      });
    } catch (error) {
      if (!(error instanceof SetupFailure)) throw error;
      tried.push(error.message);
    }
  }
  throw new SetupFailure(`Debian's OpenSBI and U-Boot could not be fetched:\n${tried.join("\n")}`);
}

/** @param {import("./apt.mjs").Archive} archive @param {string} folder @param {{ package: string, at: string, as: string }} part @returns {Promise<FirmwareFile>} */
async function take(archive, folder, part) {
  const version = (await archive.show(part.package))?.get("version") ?? "unknown";
  let bytes;
  try {
    bytes = readFileSync(join(archive.tree, part.at));
  } catch {
    throw new SetupFailure(`${part.package} ${version} of Debian ${archive.suite} has no ${part.at}`);
  }
  writeFileSync(join(folder, part.as), bytes);
  return { path: part.as, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex"), version };
}
