// Step: Debian's riscv64 kernel, the modules an initramfs needs, and BusyBox, into the cache.
//
// Three ways, tried in turn, since a mirror's index for one suite and architecture can be out of step with its signed Release for days; which was
// taken is said and recorded. Each is verified by apt's signatures. When none works the kit is still usable: the record says so, the operator
// boots guests/bare, and the set-up asks Debian again after an hour, or at once with --retry.
//
// The result is a folder debian-SUITE-VERSION-rRECIPE with Image, busybox, modules/*.ko (not compressed) and SOURCE.json, which describes each file
// with its size and SHA-256 and is what guests/linux reads. BAILIWICK_LINUX=stable|installer|next allows one way only.
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { moduleDependencies, moduleName } from "./elf.mjs";
import { SetupFailure } from "./failure.mjs";
import { inTemporary, moveIntoPlace, readIfAny } from "./stamp.mjs";
import { WAYS } from "./ways.mjs";

/** Raised when what the folder holds changes, so that an older one is not taken. */
const RECIPE = 4;
const RETRY_MS = 3_600_000;
const WANTED = ["virtio_mmio", "virtio_console", "virtio_rng", "virtio_blk", "virtio_net"];
/** By the virtio device, as Linux writes its number, that a guest seldom has: what is loaded only then. */
const WANTED_FOR_DEVICES = { "0x0005": ["virtio_balloon"], "0x0010": ["virtio_gpu"], "0x0012": ["virtio_input", "evdev"] };
/** For a guest whose root is on a disk: ext4, the checksum that it asks for by name only when it mounts, and what systemd mounts on demand with. */
const WANTED_FOR_ROOT = ["crc32c_generic", "ext4", "autofs4"];

/**
 * @typedef {{ path: string, size: number, sha256: string }} Held  path: relative to the folder
 * @typedef {object} LinuxSource  the content of SOURCE.json
 * @property {number} recipe
 * @property {string} way
 * @property {string} source     for people: where it is from and how it was verified
 * @property {string} suite
 * @property {string} release    uname -r
 * @property {string[]} packages
 * @property {Held} kernel
 * @property {Held} busybox
 * @property {(Held & { at: string })[]} files  what a BusyBox that is not static needs, and where
 * @property {{ at: string, to: string }[]} links  its applets, where it cannot install them itself
 * @property {(Held & { name: string })[]} modules  in load order
 * @property {(Held & { name: string, device: string })[]} deviceModules  in load order, after `modules`: for a guest that has this virtio device; compressed where they came so, since every guest's initramfs holds them
 * @property {(Held & { name: string })[]} rootModules  what a root on a disk takes beside them, in load order; none where the source has no ext4
 * @property {string[]} notes
 */

/** @type {import("./steps.mjs").Step} */
export const linux = {
  name: "linux",
  title: "guest Linux",
  ready: ({ record, env, retry }) => {
    if (record.linux === undefined) return false;
    if (record.linux === null) return !retry && Date.now() - (record.linuxTriedAt ?? 0) < RETRY_MS;
    return allowed(env).some(({ name }) => name === record.linux?.way) && whole(record.linux.folder, record.linux);
  },
  async run(context, line) {
    const { env, places, record } = context;
    delete record.linuxTriedAt;
    const found = fetched(places.cache, env) ?? (await context.withCache(() => fetch(places.cache, env, line)));
    record.linux = found ?? null;
    if (found !== undefined) return `${found.release}, ${found.source}${found.notes.map((note) => `\n${" ".repeat(21)}${note}`).join("")}`;
    record.linuxTriedAt = Date.now();
    return "none: Debian's riscv64 packages cannot be had, so the small guest of our own (guests/bare) boots instead; --retry asks again";
  },
};

/** @param {NodeJS.ProcessEnv} env */
function allowed(env) {
  const only = env["BAILIWICK_LINUX"];
  const ways = WAYS.filter(({ name }) => !only || name === only);
  if (ways.length === 0) throw new SetupFailure(`BAILIWICK_LINUX=${only} is not one of ${WAYS.map(({ name }) => name).join(", ")}`);
  return ways;
}

/** Checks sizes only, as it runs each time; guests/linux checks the hashes when it loads the files. @param {string} folder @param {LinuxSource} source */
function whole(folder, source) {
  if (source.recipe !== RECIPE) return false;
  const held = [source.kernel, source.busybox, ...source.files, ...source.modules, ...source.deviceModules, ...source.rootModules];
  return held.every(({ path, size }) => statSync(join(folder, path), { throwIfNoEntry: false })?.size === size);
}

/** @typedef {LinuxSource & { folder: string }} Placed */

/** @param {string} cache @param {NodeJS.ProcessEnv} env @returns {Placed | undefined} the best way's, fetched before by any clone */
function fetched(cache, env) {
  if (!existsSync(cache)) return undefined;
  const folders = readdirSync(cache).filter((name) => name.startsWith("debian-")).sort().reverse().map((name) => join(cache, name));
  const sources = folders.flatMap((folder) => {
    try {
      return [{ .../** @type {LinuxSource} */ (JSON.parse(readIfAny(join(folder, "SOURCE.json")) ?? "{}")), folder }];
    } catch {
      return [];
    }
  });
  return allowed(env).map(({ name }) => sources.find((source) => source.way === name && whole(source.folder, source))).find((source) => source !== undefined);
}

/**
 * @param {string} cache @param {NodeJS.ProcessEnv} env @param {import("./progress.mjs").StepLine} line
 * @returns {Promise<Placed | undefined>}
 */
async function fetch(cache, env, line) {
  const already = fetched(cache, env);
  if (already !== undefined) return already;
  for (const { name, gather } of allowed(env)) {
    try {
      return await inTemporary(cache, async (temporary) => {
        const gathered = await gather({ temporary, env, live: line.live });
        return place(cache, join(temporary, "result"), name, gathered);
      });
    } catch (error) {
      if (!(error instanceof SetupFailure)) throw error;
      line.note(error.message);
    }
  }
  return undefined;
}

/** @param {string} cache @param {string} folder @param {string} way @param {import("./ways.mjs").Gathered} gathered @returns {Placed} */
function place(cache, folder, way, gathered) {
  mkdirSync(join(folder, "modules"), { recursive: true });
  mkdirSync(join(folder, "files"), { recursive: true });
  /** @param {string} path @param {Buffer} bytes @returns {Held} */
  const hold = (path, bytes) => {
    writeFileSync(join(folder, path), bytes);
    return { path, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  };
  const notes = [...gathered.notes];
  const order = loadOrder(gathered.modules, WANTED);
  const known = new Set(order.map(({ name }) => name));
  const deviceOrder = Object.entries(WANTED_FOR_DEVICES).flatMap(([device, names]) =>
    loadOrder(gathered.modules, names).filter(({ name }) => !known.has(name)).map((module) => ({ ...module, device })),
  );
  const rootOrder = gathered.modules.has("ext4") ? loadOrder(gathered.modules, [...WANTED, ...WANTED_FOR_ROOT]).slice(order.length) : [];
  /** @param {{ name: string, bytes: Buffer }} module */
  const holdModule = ({ name, bytes }) => ({ ...hold(`modules/${name}.ko`, bytes), name });
  const absent = WANTED.filter((name) => !gathered.modules.has(name));
  if (absent.length > 0) notes.push(`built into this kernel or not shipped with it: ${absent.join(", ")}`);
  if (gathered.kernel.toString("latin1", 0x38, 0x3c) !== "RSC\x05") {
    throw new SetupFailure(`the kernel of ${gathered.source} is not an uncompressed riscv Image`);
  }
  /** @type {LinuxSource} */
  const source = {
    recipe: RECIPE,
    way,
    source: gathered.source,
    suite: gathered.suite,
    release: gathered.release,
    packages: gathered.packages,
    kernel: hold("Image", gathered.kernel),
    busybox: hold("busybox", gathered.busybox),
    files: gathered.files.map(({ at, bytes }, index) => ({ ...hold(`files/${index}`, bytes), at })),
    links: gathered.links,
    modules: order.map(holdModule),
    deviceModules: deviceOrder.map(({ name, bytes, device }) => {
      const packed = gathered.packed.get(name);
      return { ...hold(`modules/${name}.ko${packed === undefined ? "" : ".xz"}`, packed ?? bytes), name, device };
    }),
    rootModules: rootOrder.map(holdModule),
    notes,
  };
  chmodSync(join(folder, "busybox"), 0o755);
  writeFileSync(join(folder, "SOURCE.json"), `${JSON.stringify(source, undefined, 2)}\n`);
  // With the recipe in its name, clones of different ages that share the cache do not replace each other's.
  const target = join(cache, `debian-${gathered.suite}-${gathered.version}-r${RECIPE}`.replace(/[^\w.+~-]/g, "_"));
  moveIntoPlace(folder, target);
  return { ...source, folder: target };
}

/**
 * @param {Map<string, Buffer>} modules @param {readonly string[]} wanted
 * @returns {{ name: string, bytes: Buffer }[]} the wanted ones that exist, each after those it depends on
 */
export function loadOrder(modules, wanted) {
  /** @type {Map<string, Buffer>} */
  const order = new Map();
  /** @param {string} name @param {readonly string[]} path */
  const add = (name, path) => {
    const bytes = modules.get(name);
    if (bytes === undefined || order.has(name) || path.includes(name)) return;
    for (const other of moduleDependencies(bytes)) {
      if (!modules.has(moduleName(other))) throw new SetupFailure(`kernel module ${name} needs ${other}, which is not there`);
      add(moduleName(other), [...path, name]);
    }
    order.set(name, bytes);
  };
  for (const name of wanted) add(name, []);
  return [...order].map(([name, bytes]) => ({ name, bytes }));
}
