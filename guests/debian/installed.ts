// Where the set-up put the image of a Debian user space: the typed reader of setup.json's part `debian`.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { err, ok, type Result } from "../linux/initramfs.ts";

const installedDebian = z.object({
  source: z.string(),
  version: z.string(),
  /** false: made of newer packages than guests/debian/lock.json has. */
  locked: z.boolean(),
  packages: z.number().int().positive(),
  image: z.object({ path: z.string(), size: z.number().int().positive(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  folder: z.string(),
});

/** A Debian user space as the image of a disk: an ext4 file system. */
export interface InstalledDebian extends z.infer<typeof installedDebian> {
  /** The image's file, for disks in mode overlay or ro, or to be copied: it is everybody's. */
  readonly file: string;
}

export const MAKE_DEBIAN = "npx bailiwick setup --only debian";

/**
 * @param record path of setup.json (the operator's set-up knows it)
 * @returns an error in words, with what to run, when it has not been made, or is not there any more. Its hash is not looked at: the file is large
 */
export function findDebian(record: string): Result<InstalledDebian> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(record, "utf8"));
  } catch {
    return err(`${record} cannot be read: run the set-up first`);
  }
  const parsed = z.object({ debian: installedDebian.optional() }).safeParse(content);
  if (!parsed.success) return err(`${record} does not describe a Debian user space: ${MAKE_DEBIAN}`);
  const { debian } = parsed.data;
  if (debian === undefined) return err(`a Debian user space has not been made on this machine: ${MAKE_DEBIAN}`);
  const file = join(debian.folder, debian.image.path);
  if (statSync(file, { throwIfNoEntry: false })?.size !== debian.image.size) return err(`${file} is missing or damaged: ${MAKE_DEBIAN}`);
  return ok({ ...debian, file });
}
