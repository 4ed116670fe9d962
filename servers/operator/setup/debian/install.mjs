// Installs packages in a guest of the kit's own, which then makes the file system of its disk of them: the image, a file here. Packages and tools come in its initial RAM
// disk, and the work is done in its memory; the disk is only written to at the end, by Debian's own mke2fs (install.sh).
//
// It runs by counted blocks and without the host's randomness (--deterministic), and meets the disk, whose answers take as long as the host does, when all files are made:
// the same packages give the same bytes.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../command.mjs";
import { writeCpio } from "../cpio.mjs";
import { SetupFailure } from "../failure.mjs";
import { fieldsOf, readDeb, writeDeb } from "./deb.mjs";
import { inCalls, relationsOf } from "./order.mjs";

const TIME_LIMIT = "1800s";
/** RAM comes in blocks of powers of two; beside the guest's there are the initial RAM disk, some 200 MiB, and the kit. */
const GUEST_MIB = 1024, MACHINE_MIB = 2048;

/**
 * @typedef {object} Work
 * @property {string} folder  to work in; removed by the caller
 * @property {readonly { file: string, base: boolean }[]} packages  paths; base: essential, or what such a one depends on
 * @property {number} time  seconds since 1970: the guest's clock, and the latest time of any file
 * @property {string} settings  a folder: `root` is put over the result, `settle.sh` is run in the guest
 * @property {{ kernel: string, busybox: string, modules: readonly string[], diskModule: string }} guest  files; modules in load order, without that of the disk
 * @property {{ bytes: number, label: string, name: string }} image  bytes: of the disk, whole MiB; label: up to 16 characters; name: anything that its identifiers follow from
 * @property {string} cli  the kit's command line
 */

/**
 * @param {Work} work @param {(text: string) => void} live
 * @returns {Promise<string>} the image, in the folder: whole, on stable storage, and found without fault by e2fsck
 * @throws {SetupFailure}
 */
export async function installPackages({ folder, packages, time, settings, guest, image, cli }, live) {
  live("unpacking the packages");
  /** @type {Map<string, import("../cpio.mjs").CpioEntry>} */
  const initial = new Map();
  const ordered = [];
  for (const { file, base } of packages) {
    const name = file.split("/").at(-1) ?? "";
    addFile(initial, `/build/debs/${name}`, writeDeb(await readDeb(file)));
    ordered.push({ ...relationsOf(await fieldsOf(file)), file: name, base });
  }
  const lines = (/** @type {readonly string[]} */ all) => Buffer.from(all.map((each) => `${each}\n`).join(""));
  const first = ordered.filter(({ base }) => base);
  addFile(initial, "/build/base", lines(first.map(({ file }) => file)));
  addFile(initial, "/build/rest", lines(inCalls(ordered.filter(({ base }) => !base), first).map((call) => call.map(({ file }) => file).join(" "))));
  addFile(initial, "/build/values", lines([`epoch=${time}`, `label=${image.label}`, `uuid=${uuidOf(`uuid ${image.name}`)}`, `hash_seed=${uuidOf(`hash ${image.name}`)}`]));
  addFile(initial, "/build/busybox", readFileSync(guest.busybox), 0o755);
  for (const [index, module] of guest.modules.entries()) addFile(initial, `/build/modules/${String(index).padStart(2, "0")}.ko`, readFileSync(module));
  addFile(initial, "/build/disk.ko", readFileSync(guest.diskModule));
  addFile(initial, "/build/settle", readFileSync(join(settings, "settle.sh")));
  for (const path of filesUnder(join(settings, "root"))) addFile(initial, `/build/root${path}`, readFileSync(join(settings, "root", path)));
  addFile(initial, "/init", readFileSync(new URL("./install.sh", import.meta.url)), 0o755);
  for (const name of ["proc", "sys", "dev", "tmp", "run"]) addFolder(initial, `/${name}`);
  const archive = writeCpio([...initial].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry));

  const appliance = join(folder, "guest");
  mkdirSync(appliance);
  writeFileSync(join(appliance, "initrd"), archive);
  writeFileSync(join(appliance, "kernel"), readFileSync(guest.kernel));
  writeFileSync(join(appliance, "appliance.yaml"), manifestWith(image.bytes));
  await runGuest(cli, appliance, live);
  return join(appliance, DISK_FILE);
}

const DISK_FILE = "disk";

/** @param {number} diskBytes */
const manifestWith = (diskBytes) => `apiVersion: bailiwick/1
kind: Appliance
name: install
version: 0.1.0
platform: { board: virt-rv64, memory: ${MACHINE_MIB}MiB, disks: { blk0: { file: ${DISK_FILE}, size: ${diskBytes / 2 ** 20}MiB } } }
components:
  console:
    image: { server: console }
    cpu: { priority: 200 }
    use: { regs: platform.uart0.regs, irq: platform.uart0.irq }
    offer: { console: Console }
  blk:
    image: { server: blk }
    cpu: { priority: 190 }
    use: { regs: platform.blk0.regs, irq: platform.blk0.irq, iospace: platform.blk0.iospace }
    offer: { disk: BlockDriver }
  block:
    image: { server: block }
    memory: 32MiB
    cpu: { priority: 185 }
    use: { disk: blk.disk }
    offer: { whole: Block }
guests:
  debian:
    image: { kernel: kernel, initrd: initrd }
    memory: ${GUEST_MIB}MiB
    cmdline: earlycon=sbi console=hvc0 quiet loglevel=1 panic=-1
    console: console.console
    disks: { disk: block.whole }
    input: false
`;

/** @param {string} cli @param {string} folder @param {(text: string) => void} live */
async function runGuest(cli, folder, live) {
  const onLine = (/** @type {string} */ line) => {
    const step = /^step (.+)$/.exec(line)?.[1];
    if (step !== undefined) live(`installing in a guest: ${step}`);
  };
  live("installing in a guest: starting");
  const { status, output, errors } = await run(process.execPath, [cli, "run", "--quiet", "--deterministic", "--timeout", TIME_LIMIT, folder], { onLine });
  if (status === 0) return;
  const said = `${output}\n${errors}`.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("step "));
  // What went before is the kernel's, and of use only where the guest itself has named no cause.
  const cause = said.findIndex((line) => line.startsWith("failed: "));
  const end = status === null ? "a signal" : `status ${status}`;
  throw new SetupFailure(`the image could not be made: the guest that installs its packages ended with ${end}\n${said.slice(cause < 0 ? -60 : cause).join("\n")}`);
}

/** The same for the same name. Source: RFC 9562, section 5.8 (version 8). @param {string} name */
export function uuidOf(name) {
  const digits = createHash("sha256").update(name).digest("hex");
  return [digits.slice(0, 8), digits.slice(8, 12), `8${digits.slice(13, 16)}`, `8${digits.slice(17, 20)}`, digits.slice(20, 32)].join("-");
}

/** With the folders above it; one that is there stays. @param {Map<string, import("../cpio.mjs").CpioEntry>} archive @param {string} path */
function addFolder(archive, path, mode = 0o755) {
  if (path === "" || archive.has(path)) return;
  addFolder(archive, path.slice(0, path.lastIndexOf("/")));
  archive.set(path, { name: path.slice(1), mode: 0o040000 | mode, body: Buffer.alloc(0) });
}

/** @param {Map<string, import("../cpio.mjs").CpioEntry>} archive @param {string} path @param {Buffer} body */
function addFile(archive, path, body, mode = 0o644) {
  addFolder(archive, path.slice(0, path.lastIndexOf("/")));
  archive.set(path, { name: path.slice(1), mode: 0o100000 | mode, body });
}

/** @param {string} folder @returns {string[]} paths from it, with a leading slash, in order */
function filesUnder(folder) {
  return /** @type {string[]} */ (readdirSync(folder, { recursive: true })).sort().filter((path) => statSync(join(folder, path)).isFile()).map((path) => `/${path}`);
}
