// The three ways to Debian's riscv64 kernel, its modules and BusyBox: which packages hold them, and where in these they are.
//
// A way gives bytes; it puts nothing in its place. Modules are taken by name from the few folders' worth that a guest of ours may need.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { HOST_ARCHITECTURE, openArchive } from "./apt.mjs";
import { mustRun } from "./command.mjs";
import { readCpio, resolveFile } from "./cpio.mjs";
import { moduleName, neededLibraries } from "./elf.mjs";
import { SetupFailure } from "./failure.mjs";

/** Debian 13, and the release after it. */
const STABLE = "trixie";
const NEXT = "forky";

/**
 * @typedef {object} Gathered  what a way found, before it is put into a folder
 * @property {string} suite
 * @property {string} version  of the packages, for the folder's name
 * @property {string} release
 * @property {string} source
 * @property {string[]} packages
 * @property {Buffer} kernel
 * @property {Buffer} busybox
 * @property {{ at: string, bytes: Buffer }[]} files
 * @property {{ at: string, to: string }[]} links
 * @property {Map<string, Buffer>} modules  all that may be wanted, by name, not compressed
 * @property {Map<string, Buffer>} packed  of these the ones that came compressed by xz, as they came
 * @property {string[]} notes
 * @typedef {{ temporary: string, env: NodeJS.ProcessEnv, live: (text: string) => void }} Means
 */

/** In the order in which they are tried. @type {{ name: string, gather: (means: Means) => Promise<Gathered> }[]} */
export const WAYS = [
  { name: "stable", gather: (means) => gatherPort(means, STABLE) },
  { name: "installer", gather: gatherInstaller },
  { name: "next", gather: (means) => gatherPort(means, NEXT) },
];

/**
 * Ways 1 and 3: the riscv64 port of a suite. Its kernel is one package (linux-image) or, newer, two (linux-binary, linux-modules).
 * @param {Means} means @param {string} suite @returns {Promise<Gathered>}
 */
async function gatherPort({ temporary, env, live }, suite) {
  const archive = await openArchive(join(temporary, "apt"), suite, "riscv64", env, live);
  const meta = await archive.show("linux-image-riscv64");
  const version = meta?.get("version");
  const release = /\blinux-image-(\d[^\s,]*)/.exec(meta?.get("depends") ?? "")?.[1];
  if (version === undefined || release === undefined) throw new SetupFailure(`Debian ${suite} (riscv64) has no kernel package`);
  const split = (await archive.show(`linux-modules-${release}`)) !== undefined;
  const kernels = split ? [`linux-binary-${release}`, `linux-modules-${release}`] : [`linux-image-${release}`];
  const packages = await archive.unpack([...kernels, "busybox-static"], live);
  live("taking out the kernel, its modules and BusyBox");
  const candidates = [`boot/vmlinux-${release}`, `boot/vmlinuz-${release}`, `usr/lib/modules/${release}/vmlinuz`, `usr/lib/modules/${release}/vmlinux`];
  return {
    suite,
    version,
    release,
    source: `Debian ${suite} riscv64, ${version}, signature verified`,
    packages,
    kernel: inflate(readFirst(archive.tree, candidates)),
    busybox: readFirst(archive.tree, ["usr/bin/busybox", "bin/busybox"]),
    files: [],
    links: [],
    ...(await readModules([`usr/lib/modules/${release}`, `lib/modules/${release}`].map((path) => join(archive.tree, path)))),
    notes: [],
  };
}

/**
 * Way 2: Debian's installer for riscv64, a package for all architectures and so in the index of this machine's own. Its BusyBox has few applets
 * and is not static, so a static one of the next release is taken when that can be had.
 * @param {Means} means @returns {Promise<Gathered>}
 */
async function gatherInstaller({ temporary, env, live }) {
  const name = `debian-installer-13-netboot-riscv64`;
  const archive = await openArchive(join(temporary, "apt"), STABLE, HOST_ARCHITECTURE, env, live);
  const version = (await archive.show(name))?.get("version");
  if (version === undefined) throw new SetupFailure(`Debian ${STABLE} has no ${name}`);
  const packages = await archive.unpack([name], live);
  live("taking out the kernel, its modules and BusyBox");
  const images = join(archive.tree, "usr/lib/debian-installer/images/13/riscv64/text/debian-installer/riscv64");
  const kernel = readFirst(images, ["linux"]);
  const initrd = readCpio(gunzipSync(readFirst(images, ["initrd.gz"])));
  const release = [...initrd.keys()].map((path) => /^(?:usr\/)?lib\/modules\/([^/]+)\//.exec(path)?.[1]).find((found) => found !== undefined);
  if (release === undefined) throw new SetupFailure(`${name} holds no kernel modules`);
  const modules = new Map();
  const packed = new Map();
  for (const [path, { body }] of initrd) {
    const module = /\/([^/]+)\.ko(?:\.xz)?$/.exec(path);
    if (!module || !mayMatter(module[1] ?? "")) continue;
    modules.set(moduleName(module[1] ?? ""), await unxz(temporary, path, body));
    if (path.endsWith(".xz")) packed.set(moduleName(module[1] ?? ""), body);
  }
  const programs = await installerPrograms({ temporary, env, live }, initrd);
  return {
    suite: STABLE,
    version: `installer-${version}`,
    release,
    source: `Debian ${STABLE}'s installer, ${version}, signature verified`,
    kernel: inflate(kernel),
    modules,
    packed,
    ...programs,
    packages: [...packages, ...programs.packages],
  };
}

/**
 * @param {Means} means @param {Map<string, import("./cpio.mjs").CpioEntry>} initrd
 * @returns {Promise<Pick<Gathered, "busybox" | "files" | "links" | "packages" | "notes">>}
 */
async function installerPrograms({ temporary, env, live }, initrd) {
  try {
    const archive = await openArchive(join(temporary, "apt-busybox"), NEXT, "riscv64", env, live);
    const packages = await archive.unpack(["busybox-static"], live);
    return { busybox: readFirst(archive.tree, ["usr/bin/busybox", "bin/busybox"]), files: [], links: [], packages, notes: [`BusyBox: ${packages.join(" ")} of Debian ${NEXT}`] };
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
  }
  const take = (/** @type {string[]} */ paths) => {
    const body = paths.map((path) => resolveFile(initrd, path)?.body).find((found) => found !== undefined);
    if (body === undefined) throw new SetupFailure(`the installer's initrd holds no ${paths[0]}`);
    return body;
  };
  const busybox = take(["bin/busybox"]);
  // Its BusyBox loads no modules: kmod does.
  const files = [{ at: "/bin/kmod", bytes: take(["bin/kmod"]) }];
  const queue = [busybox, ...files.map(({ bytes }) => bytes)];
  for (let bytes = queue.shift(); bytes !== undefined; bytes = queue.shift()) {
    const { interpreter, libraries } = neededLibraries(bytes);
    for (const library of [...(interpreter === undefined ? [] : [interpreter]), ...libraries]) {
      const file = library.split("/").at(-1) ?? library;
      if (files.some(({ at }) => at === `/lib/${file}`)) continue;
      const body = take([`lib/${file}`, `lib/riscv64-linux-gnu/${file}`, `usr/lib/${file}`, `usr/lib/riscv64-linux-gnu/${file}`]);
      files.push({ at: `/lib/${file}`, bytes: body });
      queue.push(body);
    }
  }
  /** @type {Map<string, string>} */
  const links = new Map();
  for (const path of initrd.keys()) {
    const name = /^usr\/s?bin\/([^/]+)$/.exec(path)?.[1];
    const body = name === undefined ? undefined : resolveFile(initrd, path)?.body;
    if (body === undefined || name === "busybox" || name === "kmod" || (body !== busybox && body !== files[0]?.bytes)) continue;
    links.set(`/bin/${name}`, body === busybox ? "busybox" : "kmod");
  }
  return { busybox, files, links: [...links].map(([at, to]) => ({ at, to })), packages: [], notes: ["BusyBox: the installer's, with few applets and shared libraries"] };
}

/** Modules beside the wanted ones that these may depend on live in few folders; reading thousands would take long. @param {string} file */
function mayMatter(file) {
  return (
    /^(virtio|failover$|net_failover$|rng-core$|drm$|drm_kms_helper$|drm_client_lib$|drm_shmem_helper$|evdev$|ext4$|jbd2$|mbcache$|crc16$|crc32c_generic$|libcrc32c$|autofs4$)/.test(file) &&
    !/snd|crypto|scsi|vdpa|pmem/.test(file)
  );
}

/** @param {string[]} roots @returns {Promise<Pick<Gathered, "modules" | "packed">>} */
async function readModules(roots) {
  const modules = new Map();
  const packed = new Map();
  for (const root of roots.filter((path) => existsSync(path))) {
    for (const path of /** @type {string[]} */ (readdirSync(root, { recursive: true }))) {
      const module = /(?:^|\/)([^/]+)\.ko(?:\.xz)?$/.exec(path);
      if (!module || !mayMatter(module[1] ?? "")) continue;
      const bytes = readFileSync(join(root, path));
      modules.set(moduleName(module[1] ?? ""), await unxz(root, path, bytes));
      if (path.endsWith(".xz")) packed.set(moduleName(module[1] ?? ""), bytes);
    }
  }
  return { modules, packed };
}

/** @param {string} folder to work in @param {string} name @param {Buffer} bytes @returns {Promise<Buffer>} */
async function unxz(folder, name, bytes) {
  if (!name.endsWith(".xz")) return bytes;
  const file = join(folder, "module.ko");
  writeFileSync(`${file}.xz`, bytes);
  await mustRun("xz", ["-d", "-f", `${file}.xz`]);
  return readFileSync(file);
}

/** @param {string} folder @param {string[]} paths @returns {Buffer} */
function readFirst(folder, paths) {
  const path = paths.find((candidate) => existsSync(join(folder, candidate)));
  if (path === undefined) throw new SetupFailure(`the packages are not laid out as expected: none of ${paths.join(", ")}`);
  return readFileSync(join(folder, path));
}

/** @param {Buffer} bytes @returns {Buffer} a kernel packed by gzip is unpacked */
function inflate(bytes) {
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
}
