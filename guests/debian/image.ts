// The initial RAM disk of a guest whose root is on a disk: BusyBox, the modules that lead to the disk, and the script that goes over to it.
import { composeInitramfs } from "../linux/image.ts";
import { err, type Result } from "../linux/initramfs.ts";
import type { InstalledLinux } from "../linux/installed.ts";
import { ROOT_INIT } from "./scripts.ts";

/** Whether what was fetched can mount a disk: the installer's kernel comes without ext4. */
export const mountsDisks = ({ rootModules = [], modules }: InstalledLinux): boolean => rootModules.length > 0 && modules.some(({ name }) => name === "virtio_blk");

/** @returns an error when a file is missing or damaged, or the kernel's source has no ext4 */
export function composeRootInitramfs(linux: InstalledLinux): Result<Uint8Array> {
  if (!mountsDisks(linux)) return err(`${linux.source} comes without the modules virtio_blk and ext4, so it cannot boot from a disk`);
  return composeInitramfs(linux, { init: ROOT_INIT, modules: [...linux.modules, ...(linux.rootModules ?? [])] });
}
