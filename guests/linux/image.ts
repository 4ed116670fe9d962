// Debian's kernel and an initramfs for it, made from what the set-up fetched.
//
// The initramfs is not compressed: the host copies it into the guest's RAM for nothing, and the guest would have to unpack it. For another machine
// (QEMU takes either) it may be compressed as a whole.
import { err, joinArchives, ok, writeInitramfs, type InitramfsEntry, type Result } from "./initramfs.ts";
import { readHeld, type InstalledLinux } from "./installed.ts";
import { BENCH, DHCP, INIT, PROFILE } from "./scripts.ts";

/** What a VMM needs: all in the guest's RAM before it starts. */
export interface LinuxImage {
  /** Flat riscv Image; to be placed on a 2 MiB boundary. */
  readonly kernel: Uint8Array;
  readonly initramfs: Uint8Array;
}

const FOLDERS = ["/bin", "/sbin", "/dev", "/etc", "/etc/udhcpc", "/lib", "/lib/modules", "/proc", "/sys", "/root", "/run", "/tmp", "/bailiwick"];
const KERNEL_MAGIC = "RSC\x05";

/**
 * @param linux from findLinux
 * @param options command: run this by `sh` instead of an interactive shell, then power off (see scripts.ts)
 * @returns an error when a file is missing or damaged
 */
export function composeLinux(linux: InstalledLinux, options: { readonly command?: string } = {}): Result<LinuxImage> {
  const kernel = readHeld(linux, linux.kernel);
  if (!kernel.ok) return kernel;
  if (Buffer.from(kernel.value.subarray(0x38, 0x3c)).toString("latin1") !== KERNEL_MAGIC) return err("the kernel is not a flat riscv Image");
  const base = composeInitramfs(linux);
  if (!base.ok) return base;
  if (options.command === undefined) return ok({ kernel: kernel.value, initramfs: base.value });
  return ok({ kernel: kernel.value, initramfs: joinArchives([base.value, execArchive(options.command)]) });
}

/**
 * The initramfs without a command: BusyBox, modules, scripts.
 * @param parts another init than the interactive one, and modules in load order
 */
export function composeInitramfs(linux: InstalledLinux, { init, modules }: { readonly init: string; readonly modules: InstalledLinux["modules"] } = { init: INIT, modules: linux.modules }): Result<Uint8Array> {
  const busybox = readHeld(linux, linux.busybox);
  if (!busybox.ok) return busybox;
  const { deviceModules = [] } = linux;
  const devices = [...new Set(deviceModules.map(({ device }) => device))];
  const entries: InitramfsEntry[] = [
    ...FOLDERS.map((path) => ({ kind: "directory", path, mode: path === "/tmp" ? 0o1777 : path === "/root" ? 0o700 : 0o755 }) as const),
    { kind: "device", path: "/dev/console", mode: 0o600, major: 5, minor: 1 },
    { kind: "device", path: "/dev/null", mode: 0o666, major: 1, minor: 3 },
    script("/init", init),
    script("/bailiwick/bench", BENCH),
    script("/etc/udhcpc/default.script", DHCP),
    text("/etc/profile", PROFILE),
    text("/etc/passwd", "root::0:0:root:/root:/bin/sh\n"),
    text("/etc/group", "root:x:0:\n"),
    text("/bailiwick/modules", modules.map(({ name }) => `${name}\n`).join("")),
    ...devices.map((device) => text(`/bailiwick/modules.${device}`, deviceModules.filter((module) => module.device === device).map(({ name }) => `${name}\n`).join(""))),
    { kind: "file", path: "/bin/busybox", mode: 0o755, bytes: busybox.value },
    { kind: "link", path: "/bin/sh", target: "busybox" },
  ];
  for (const file of linux.files) {
    const content = readHeld(linux, file);
    if (!content.ok) return content;
    entries.push({ kind: "file", path: file.at, mode: 0o755, bytes: content.value });
  }
  for (const { at, to } of linux.links) if (at !== "/bin/sh") entries.push({ kind: "link", path: at, target: to });
  // A BusyBox that cannot load modules comes with kmod, which answers to the name it is called by.
  const loader = linux.files.some(({ at }) => at === "/bin/kmod") ? "/bin/kmod" : "/bin/busybox";
  entries.push({ kind: "link", path: "/sbin/insmod", target: loader });
  for (const module of [...modules, ...deviceModules]) {
    const content = readHeld(linux, module);
    if (!content.ok) return content;
    entries.push({ kind: "file", path: `/lib/modules/${module.name}${module.path.endsWith(".xz") ? ".ko.xz" : ".ko"}`, mode: 0o644, bytes: content.value });
  }
  return writeInitramfs(entries);
}

/**
 * An archive to follow the initramfs (joinArchives): with it init runs the command by `sh`, reports its exit status and powers off.
 * @param command any text that `sh` reads as a script
 */
export function execArchive(command: string): Uint8Array {
  const archive = writeInitramfs([
    { kind: "directory", path: "/bailiwick", mode: 0o755 },
    text("/bailiwick/exec", command.endsWith("\n") ? command : `${command}\n`),
  ]);
  if (!archive.ok) throw new Error(`an archive of two fixed paths was refused: ${archive.error}`);
  return archive.value;
}

function text(path: string, content: string): InitramfsEntry {
  return { kind: "file", path, mode: 0o644, bytes: Buffer.from(content) };
}

function script(path: string, content: string): InitramfsEntry {
  return { kind: "file", path, mode: 0o755, bytes: Buffer.from(content) };
}
