// What others have made that is in an image: for its bill of materials, and for the lock file.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import type { Resolution } from "../../../caps/manifest/resolve.ts";
import { findLinux } from "../../../guests/linux/installed.ts";
import { findFirmware } from "../../../guests/u-boot/installed.ts";
import { ROOT_FILE } from "../../../caps/image/system.ts";
import type { Composition } from "../appliance.ts";
import type { LoadedManifest } from "../load.ts";
import { builtWith } from "../package.ts";

export interface Ingredient {
  readonly title: string;
  readonly version: string;
  /** As SPDX names it. */
  readonly licence: string;
  readonly from: string;
  /** Of its sources, or of its file: SHA-256. */
  readonly sha256: string;
  /** Boot files with something of it in them. */
  readonly files: readonly string[];
  /** How it is in them. */
  readonly how: "STATIC_LINK" | "GENERATED_FROM";
}

/** Boot files that are built from the kit's own sources. */
export function kitFiles({ programs, guests }: Resolution, composition: Composition): readonly string[] {
  const bare = guests.filter(({ guest }) => composition.guests.find((one) => one.guest === guest)?.kind === "bare");
  return [ROOT_FILE, ...new Set([...programs.flatMap(({ image, file }) => (image.kind === "server" ? [file] : [])), ...bare.flatMap(({ kernel = [] }) => kernel)])];
}

export function ingredientsOf({ resolution, kit }: LoadedManifest, composition: Composition): readonly Ingredient[] {
  const inServers = resolution.programs.flatMap(({ image, file }): Ingredient[] => {
    const other = image.kind === "server" ? builtWith(image.name) : undefined;
    if (other === undefined) return [];
    const { title, version, licence, folder } = other;
    return [{ title, version, licence, from: "sources, compiled into the server", sha256: folderDigest(folder), files: [file], how: "STATIC_LINK" }];
  });
  // A server may be in an image more than once, wired otherwise each time.
  const byTitle = new Map<string, Ingredient>();
  for (const one of inServers) byTitle.set(one.title, { ...one, files: [...(byTitle.get(one.title)?.files ?? []), ...one.files] });
  const servers = [...byTitle.values(), ...firmwareIngredients(resolution, composition, kit.record)];
  const linux = findLinux(kit.record), order = resolution.guests.find(({ guest }) => composition.guests.find((one) => one.guest === guest)?.kind === "linux");
  if (!linux.ok || linux.value === undefined || order === undefined) return servers;
  const { release, source, kernel, busybox, modules } = linux.value;
  const initrd = order.initrd === undefined ? [] : [order.initrd];
  const busyboxVersion = linux.value.packages.map((name) => /^busybox(?:-static)?_([^_]+)_/.exec(name)?.[1]).find((version) => version !== undefined) ?? "unknown";
  return [
    ...servers,
    { title: "Linux", version: release, licence: "GPL-2.0-only WITH Linux-syscall-note", from: source, sha256: kernel.sha256, files: order.kernel === undefined ? [] : [order.kernel], how: "GENERATED_FROM" },
    ...modules.map((module): Ingredient => ({ title: `Linux module ${module.name}`, version: release, licence: "GPL-2.0-only", from: source, sha256: module.sha256, files: initrd, how: "GENERATED_FROM" })),
    { title: "BusyBox", version: decodeURIComponent(busyboxVersion), licence: "GPL-2.0-only", from: source, sha256: busybox.sha256, files: initrd, how: "GENERATED_FROM" },
  ];
}

function firmwareIngredients({ guests }: Resolution, composition: Composition, record: string): readonly Ingredient[] {
  const installed = findFirmware(record), order = guests.find(({ guest }) => composition.guests.find((one) => one.guest === guest)?.kind === "u-boot");
  if (installed === undefined || order?.firmware === undefined || order.kernel === undefined) return [];
  const { opensbi, uboot, source } = installed;
  return [
    { title: "OpenSBI", version: opensbi.version, licence: "BSD-2-Clause", from: source, sha256: opensbi.sha256, files: [order.firmware], how: "GENERATED_FROM" },
    { title: "U-Boot", version: uboot.version, licence: "GPL-2.0-or-later", from: source, sha256: uboot.sha256, files: [order.kernel], how: "GENERATED_FROM" },
  ];
}

/** Of all files below it, by their names and bytes. */
function folderDigest(folder: string): string {
  const hash = createHash("sha256");
  const add = (path: string): void => {
    if (statSync(path).isDirectory()) return readdirSync(path).sort().forEach((name) => add(join(path, name)));
    const bytes = readFileSync(path);
    hash.update(`${relative(folder, path)}\0${bytes.length}\0`).update(bytes);
  };
  if (existsSync(folder)) add(folder);
  return hash.digest("hex");
}
