// Where the set-up put Debian's kernel: the typed reader of setup.json's part `linux`.
//
// The record is written by servers/operator/setup; a record of another shape, or files that do not match it, are an error in words, since a user may
// have deleted or changed what is in the cache.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { err, ok, type Result } from "./initramfs.ts";

const held = z.object({ path: z.string(), size: z.number().int().nonnegative(), sha256: z.string().regex(/^[0-9a-f]{64}$/) });

const installedLinux = z.object({
  way: z.string(),
  source: z.string(),
  suite: z.string(),
  release: z.string(),
  packages: z.array(z.string()),
  kernel: held,
  busybox: held,
  files: z.array(held.extend({ at: z.string() })),
  links: z.array(z.object({ at: z.string(), to: z.string() })),
  modules: z.array(held.extend({ name: z.string() })),
  /** What a guest with this virtio device takes beside them ("0x0010", as Linux writes its number), in load order. */
  deviceModules: z.array(held.extend({ name: z.string(), device: z.string() })).optional(),
  /** What a root file system on a disk takes beside them, in load order; not there or empty where the source has no ext4. */
  rootModules: z.array(held.extend({ name: z.string() })).optional(),
  notes: z.array(z.string()),
  folder: z.string(),
});

/** A file of the source, with what it must be; `path` is relative to the folder. */
export type HeldFile = z.infer<typeof held>;

/** Debian's kernel, modules (in load order) and BusyBox, as fetched. */
export type InstalledLinux = z.infer<typeof installedLinux>;

/**
 * @param record path of setup.json (the operator's set-up knows it)
 * @returns undefined when the set-up could not have Debian's packages; an error when it has not run or its record is not ours
 */
export function findLinux(record: string): Result<InstalledLinux | undefined> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(record, "utf8"));
  } catch {
    return err(`${record} cannot be read: run the set-up first`);
  }
  const parsed = z.object({ linux: installedLinux.nullable() }).safeParse(content);
  if (!parsed.success) return err(`${record} does not describe a guest Linux: run the set-up again`);
  return ok(parsed.data.linux ?? undefined);
}

/** Reads one file of the source and checks it against its description. */
export function readHeld(linux: { readonly folder: string }, file: HeldFile): Result<Uint8Array> {
  const path = join(linux.folder, file.path);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch {
    return err(`${path} is missing: run the set-up again to fetch it`);
  }
  if (bytes.length !== file.size || createHash("sha256").update(bytes).digest("hex") !== file.sha256) {
    return err(`${path} is damaged (its SHA-256 is not the one recorded when it was fetched): delete ${linux.folder} and run the set-up again`);
  }
  return ok(bytes);
}
