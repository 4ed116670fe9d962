// Installs packages in a guest of the kit's own: what dpkg makes of them, as a tree of files. The guest has neither disk nor network; packages and tools come in its
// initial RAM disk, and the result goes out by its console (install.sh).
//
// It runs by counted blocks and without the host's randomness (--deterministic), so that the same packages give the same tree.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { capture } from "../command.mjs";
import { writeCpio } from "../cpio.mjs";
import { SetupFailure } from "../failure.mjs";
import { mebibytes } from "../progress.mjs";
import { readDeb, writeDeb } from "./deb.mjs";
import { inCalls, relationsOf } from "./order.mjs";
import { readTar } from "./tar.mjs";

const TIME_LIMIT = "1800s";
/** RAM comes in blocks of powers of two; beside the guest's there are the initial RAM disk, some 200 MiB, and the kit. */
const GUEST_MIB = 1024, MACHINE_MIB = 2048;
const DOCUMENTATION = /^\/usr\/share\/(doc|man|info|locale|lintian|bug)\//;

/**
 * @typedef {import("./ext4.mjs").Tree} Tree
 * @typedef {object} Work
 * @property {string} folder  to work in; removed by the caller
 * @property {readonly { file: string, base: boolean }[]} packages  paths; base: essential, or what such a one depends on
 * @property {number} time  seconds since 1970: the guest's clock, and the latest time of any file
 * @property {string} settings  a folder: `root` is put over the result, `settle.sh` is run in the guest
 * @property {{ kernel: string, busybox: string, modules: readonly string[] }} guest  files; modules in load order
 * @property {string} cli  the kit's command line
 */

/** @param {Work} work @param {(text: string) => void} live @returns {Promise<Tree>} @throws {SetupFailure} */
export async function installPackages({ folder, packages, time, settings, guest, cli }, live) {
  live("unpacking the packages");
  /** @type {Map<string, Buffer>} by SHA-256 */
  const known = new Map();
  /** @type {Map<string, import("../cpio.mjs").CpioEntry>} */
  const initial = new Map();
  const ordered = [];
  for (const { file, base } of packages) {
    const deb = await readDeb(file);
    const name = file.split("/").at(-1) ?? "";
    for (const entry of entriesOf(deb.data, name)) {
      if (entry.kind === "file") known.set(sha256(entry.body), entry.body);
      if (base && !DOCUMENTATION.test(entry.path)) addEntry(initial, entry);
    }
    addFile(initial, `/build/debs/${name}`, writeDeb(deb));
    const control = archiveEntries(deb.control, name).find(({ path }) => path === "/control")?.body.toString("utf8");
    if (control === undefined) throw new SetupFailure(`${name} has no control file`);
    ordered.push({ ...relationsOf(control), file: name, base });
  }
  const lines = (/** @type {readonly string[]} */ all) => Buffer.from(all.map((each) => `${each}\n`).join(""));
  const first = ordered.filter(({ base }) => base);
  addFile(initial, "/build/base", lines(first.map(({ file }) => file)));
  addFile(initial, "/build/rest", lines(inCalls(ordered.filter(({ base }) => !base), first).map((call) => call.map(({ file }) => file).join(" "))));
  addFile(initial, "/build/known", lines([...known.keys()].sort()));
  addFile(initial, "/build/epoch", Buffer.from(`${time}\n`));
  addFile(initial, "/build/busybox", readFileSync(guest.busybox), 0o755);
  for (const [index, module] of guest.modules.entries()) addFile(initial, `/build/modules/${String(index).padStart(2, "0")}.ko`, readFileSync(module));
  addFile(initial, "/build/settle", readFileSync(join(settings, "settle.sh")));
  for (const path of filesUnder(join(settings, "root"))) addFile(initial, `/build/root${path}`, readFileSync(join(settings, "root", path)));
  addFile(initial, "/init", readFileSync(new URL("./install.sh", import.meta.url)), 0o755);
  for (const name of ["proc", "sys", "dev", "tmp", "run"]) addFolder(initial, `/${name}`);
  const archive = writeCpio([...initial].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry));

  mkdirSync(join(folder, "guest"));
  writeFileSync(join(folder, "guest", "initrd"), archive);
  writeFileSync(join(folder, "guest", "kernel"), readFileSync(guest.kernel));
  writeFileSync(join(folder, "guest", "appliance.yaml"), MANIFEST);
  const payload = await runGuest(cli, join(folder, "guest"), live);
  live("reading the result");
  return readResult(payload, known, time);
}

const MANIFEST = `apiVersion: bailiwick/1
kind: Appliance
name: install
version: 0.1.0
platform: { board: virt-rv64, memory: ${MACHINE_MIB}MiB }
components:
  console:
    image: { server: console }
    cpu: { priority: 200 }
    use: { regs: platform.uart0.regs, irq: platform.uart0.irq }
    offer: { console: Console }
guests:
  debian:
    image: { kernel: kernel, initrd: initrd }
    memory: ${GUEST_MIB}MiB
    cmdline: earlycon=sbi console=hvc0 quiet loglevel=1 panic=-1
    console: console.console
    input: false
`;

/** @param {string} cli @param {string} folder @param {(text: string) => void} live @returns {Promise<Buffer>} the archive that comes out */
async function runGuest(cli, folder, live) {
  let head = "", expected = 0, got = 0;
  const onBytes = (/** @type {Buffer} */ chunk) => {
    got += chunk.length;
    if (expected > 0) return void live(`reading the result: ${mebibytes(got)} of ${mebibytes(expected)}`);
    head = (head + chunk.toString("latin1")).slice(-4096);
    const step = /^step (.+)\n/m.exec(head.slice(head.lastIndexOf("step ")))?.[1];
    if (step !== undefined) live(`installing in a guest: ${step}`);
    expected = Number(/^payload (\d+)\n/m.exec(head)?.[1] ?? 0);
    if (expected > 0) got = 0;
  };
  live("installing in a guest: starting");
  const { status, bytes, errors } = await capture(process.execPath, [cli, "run", "--quiet", "--deterministic", "--timeout", TIME_LIMIT, folder], { onBytes });
  const mark = /(?:^|\n)payload (\d+)\n/.exec(bytes.toString("latin1"));
  const from = mark === null ? 0 : mark.index + mark[0].length;
  const payload = bytes.subarray(from, from + Number(mark?.[1] ?? 0));
  if (status === 0 && mark !== null && payload.length === Number(mark[1])) return payload;
  const said = `${(mark === null ? bytes : bytes.subarray(0, from)).toString("latin1")}\n${errors}`.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("step "));
  throw new SetupFailure(`the packages could not be installed: the guest ended with status ${status}\n${said.slice(-60).join("\n")}`);
}

/**
 * What the guest says it has, with the contents that it says it has.
 * @param {Buffer} payload @param {ReadonlyMap<string, Buffer>} known @param {number} time @returns {Tree}
 */
export function readResult(payload, known, time) {
  const archive = new Map(archiveEntries(gunzipSync(payload), "the guest's result").map((entry) => [entry.path, entry.body]));
  const [listing, hashes] = [archive.get("/listing"), archive.get("/hashes")];
  if (listing === undefined || hashes === undefined) throw new SetupFailure("the guest's result has no list of its files");
  const hashOf = new Map(hashes.toString("utf8").split("\n").filter(Boolean).map((line) => [line.slice(66), line.slice(0, 64)]));
  /** @type {Tree} */
  const tree = new Map();
  /** @type {Map<string, string>} by inode number */
  const firstNames = new Map();
  for (const line of listing.toString("utf8").split("\0").filter(Boolean).sort()) {
    const [type = "", mode = "", uid = "", gid = "", mtime = "", inode = "", path = "", target = ""] = line.split("\t");
    const common = { mode: Number.parseInt(mode, 8), uid: Number(uid), gid: Number(gid), mtime: Math.min(Math.floor(Number(mtime)), time) };
    if (!Object.values(common).every((value) => Number.isInteger(value) && value >= 0)) throw new SetupFailure(`the guest's list of its files is damaged: ${JSON.stringify(line)}`);
    const at = path === "/" ? "" : path;
    if (type === "d") tree.set(at, { kind: "directory", ...common, body: Buffer.alloc(0) });
    else if (type === "l") tree.set(at, { kind: "link", ...common, body: Buffer.from(target) });
    else if (type === "f") {
      const sameAs = firstNames.get(inode);
      if (sameAs === undefined) firstNames.set(inode, at);
      const hash = hashOf.get(at) ?? "";
      const body = known.get(hash) ?? archive.get(at);
      if (body === undefined || sha256(body) !== hash) throw new SetupFailure(`the guest's result lacks the file ${at}, or has another`);
      tree.set(at, { kind: "file", ...common, body: sameAs === undefined ? body : Buffer.alloc(0), ...(sameAs === undefined ? {} : { sameAs }) });
    } else throw new SetupFailure(`the guest's ${at} is of a kind (${type}) that an image cannot have`);
  }
  for (const [path, mode] of /** @type {const} */ ([["/proc", 0o555], ["/sys", 0o555], ["/dev", 0o755], ["/run", 0o755], ["/tmp", 0o1777]])) {
    tree.set(path, { kind: "directory", mode, uid: 0, gid: 0, mtime: time, body: Buffer.alloc(0) });
  }
  return tree;
}

/** @param {Buffer} data @param {string} name */
function entriesOf(data, name) {
  const entries = archiveEntries(data, name);
  const files = new Map(entries.map((entry) => [entry.path, entry]));
  return entries.map((entry) => {
    if (entry.kind !== "hardlink") return entry;
    const original = files.get(entry.target);
    if (original?.kind !== "file") throw new SetupFailure(`${name}: ${entry.path} is another name of nothing`);
    return { ...original, path: entry.path };
  });
}

/** @param {Buffer} bytes @param {string} name */
function archiveEntries(bytes, name) {
  try {
    return readTar(bytes);
  } catch (error) {
    throw new SetupFailure(`${name} is damaged: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {Map<string, import("../cpio.mjs").CpioEntry>} archive @param {import("./tar.mjs").TarEntry} entry */
function addEntry(archive, { path, kind, mode, target, body }) {
  if (path === "") return;
  if (kind === "directory") return addFolder(archive, path, mode);
  if (kind === "file") return addFile(archive, path, body, mode);
  addFolder(archive, path.slice(0, path.lastIndexOf("/")));
  archive.set(path, { name: path.slice(1), mode: 0o120777, body: Buffer.from(target) });
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

/** @param {Buffer} bytes */
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
