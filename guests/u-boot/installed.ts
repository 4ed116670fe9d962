// Where the set-up put Debian's OpenSBI and U-Boot: the typed reader of setup.json's part `firmware`.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { err, ok, type Result } from "../linux/initramfs.ts";
import { readHeld } from "../linux/installed.ts";

const held = z.object({ path: z.string(), size: z.number().int().nonnegative(), sha256: z.string().regex(/^[0-9a-f]{64}$/), version: z.string() });

const installedFirmware = z.object({ source: z.string(), opensbi: held, uboot: held, folder: z.string() });
export type InstalledFirmware = z.infer<typeof installedFirmware>;

/** @param record path of setup.json. undefined: the set-up could not fetch them */
export function findFirmware(record: string): InstalledFirmware | undefined {
  try {
    return z.object({ firmware: installedFirmware }).parse(JSON.parse(readFileSync(record, "utf8"))).firmware;
  } catch {
    return undefined;
  }
}

/** OpenSBI, which runs in machine mode, and U-Boot, which it starts in supervisor mode. */
export function readFirmware(installed: InstalledFirmware): Result<{ readonly firmware: Uint8Array; readonly kernel: Uint8Array }> {
  const firmware = readHeld(installed, installed.opensbi), kernel = readHeld(installed, installed.uboot);
  if (!firmware.ok) return err(firmware.error);
  return kernel.ok ? ok({ firmware: firmware.value, kernel: kernel.value }) : err(kernel.error);
}
