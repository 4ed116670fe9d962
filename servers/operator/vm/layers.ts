// What restored guests write to their disks, kept in a folder: a layer for each disk (core/host/layer.ts) over the snapshot that it goes on from. With it the disks are there again without the snapshot's
// memory: a cold boot from the disk as the guest left it.
//
//   layers.json     which snapshots they lie over, by folder and sum, and of each disk its layer
//   layer-DEVICE
//
// The folder is there whole or not at all, and what it lies over is checked before anything is opened.
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { lockForWriting } from "../../../core/host/image-lock.ts";
import { createLayer } from "../../../core/host/layer.ts";
import { SECTOR_BYTES } from "../../../core/devices/virtio/spec.ts";
import type { RestoredDisk } from "../disks.ts";
import { ExitStatus, FailureCode, failure, textOf, type Failure } from "../failure.ts";
import { syncFolder } from "./snapshot-writer.ts";
import { openSnapshotDisks, type Snapshot, type SnapshotDisks } from "./snapshot.ts";

export const LAYERS_FILE = "layers.json";
const schema = z.strictObject({
  format: z.literal(1),
  /** Absolute folders, and the sums of what describes the snapshots there; those that these lie on, too. */
  snapshots: z.array(z.strictObject({ folder: z.string(), sum: z.string().regex(/^[0-9a-f]{64}$/) })),
  disks: z.array(z.strictObject({ device: z.string(), file: z.string().regex(/^layer-[a-z0-9.-]+$/), snapshot: z.string() })),
});
type Description = z.infer<typeof schema>;

/** How a run's disks are found: by device. */
export type RestoredDisks = ReadonlyMap<string, RestoredDisk>;

/** The disks of snapshots, as they were then; what is written to them is gone at the end. */
export const passingDisks = (snapshots: readonly Snapshot[]): RestoredDisks => new Map(snapshots.flatMap(({ diskFiles }) => diskFiles.map((disk) => [disk.device, disk] as const)));

const refused = (folder: string, cause: string, fix: string): Failure => failure(FailureCode.disk, `the layers in ${folder} cannot be used`, { cause, fix, status: ExitStatus.verification });

/**
 * Makes layers over snapshots' disks. @param devices those that can be written to
 * @param replace layers that are there already are given up; otherwise they are refused
 * @throws Failure, and what was there is there
 */
export async function createLayers(path: string, snapshots: readonly Snapshot[], devices: readonly string[], replace: boolean): Promise<RestoredDisks> {
  const folder = resolve(path), old = await present(folder);
  if (old === "other") throw failure(FailureCode.exists, `there is something else than layers in ${folder}`, { fix: "name a folder that is empty, or not there" });
  if (old === "layers" && !replace) {
    throw failure(FailureCode.exists, `there are layers in ${folder} already`, { cause: "a guest that goes on from a snapshot finds its disks as they were then, and these have been written to since", fix: "to go on with these disks, leave --restore out: the guest boots; to give them up, --replace-layers" });
  }
  const passing = passingDisks(snapshots), disks = [...passing.values()].filter(({ device }) => devices.includes(device));
  const nameOf = (device: string): Snapshot => snapshots.findLast(({ diskFiles }) => diskFiles.some((disk) => disk.device === device))!;
  const description: Description = {
    format: 1,
    snapshots: [...new Map(snapshots.flatMap(({ chain }) => chain.map(({ folder, sum }) => [folder, { folder, sum }] as const))).values()],
    disks: disks.map(({ device }) => ({ device, file: `layer-${device}`, snapshot: nameOf(device).folder })),
  };
  const draft = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`)).catch((error: unknown) => {
    throw failure(FailureCode.disk, `no layers can be made in ${folder}`, { cause: textOf(error) });
  });
  const away = `${draft}-old`;
  try {
    for (const { device, image } of disks) {
      await createLayer(join(draft, `layer-${device}`), (await stat(image)).size / SECTOR_BYTES, Buffer.from(nameOf(device).chain[0]!.sum, "hex"));
    }
    await writeFile(join(draft, LAYERS_FILE), `${JSON.stringify(description, null, 2)}\n`, { flush: true });
    await syncFolder(draft);
    if (old === "layers") {
      await mustBeUnused(folder);
      await rename(folder, away);
    }
    await rename(draft, folder);
    await syncFolder(dirname(folder));
  } catch (error) {
    await rename(away, folder).catch(() => undefined);
    throw failure(FailureCode.disk, `no layers can be made in ${folder}`, { cause: textOf(error) });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  await rm(away, { recursive: true, force: true });
  return new Map([...passing].map(([device, disk]) => [device, devices.includes(device) ? { ...disk, top: { path: join(folder, `layer-${device}`), over: nameOf(device).chain[0]!.sum } } : disk]));
}

/** The disks that were made so, as they are now. @throws Failure when there are none, or they lie over what is gone or is another */
export async function openLayers(path: string): Promise<RestoredDisks> {
  const folder = resolve(path);
  const description = await read(folder), byFolder = new Map<string, SnapshotDisks>();
  for (const { folder: below, sum } of description.snapshots) {
    if (!description.disks.some(({ snapshot }) => snapshot === below)) continue;
    const disks = await openSnapshotDisks(below).catch((error: unknown) => {
      throw refused(folder, `they lie over the snapshot ${below}, which is not what it was: ${textOf(error)}`, "put that back");
    });
    if (disks.chain[0]!.sum !== sum) throw refused(folder, `they lie over a snapshot that was in ${below}, and there is another now`, "put that back");
    byFolder.set(below, disks);
  }
  return new Map(description.disks.map(({ device, file, snapshot }) => {
    const found = byFolder.get(snapshot), disk = found?.diskFiles.find((each) => each.device === device);
    if (found === undefined || disk === undefined) throw refused(folder, `${LAYERS_FILE} says not over what the disk ${device} lies`, "restore the snapshot again");
    return [device, { ...disk, top: { path: join(folder, file), over: found.chain[0]!.sum } }] as const;
  }));
}

/** Folders of the snapshots that layers lie over; none: there are no layers, or none that can be used. */
export function snapshotsBelow(folder: string): readonly string[] {
  try {
    const { snapshots, disks } = schema.parse(JSON.parse(readFileSync(join(folder, LAYERS_FILE), "utf8")));
    return disks.length === 0 ? [] : snapshots.map((each) => each.folder);
  } catch {
    return [];
  }
}

async function read(folder: string): Promise<Description> {
  const text = await readFile(join(folder, LAYERS_FILE), "utf8").catch((error: unknown) => {
    throw failure(FailureCode.disk, `there are no layers in ${folder}`, { cause: textOf(error), fix: "--restore DIR --layers FOLDER makes them" });
  });
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw refused(folder, `${LAYERS_FILE} is damaged: ${error instanceof z.ZodError ? `${error.issues[0]?.path.join(".") ?? ""}: ${error.issues[0]?.message ?? ""}` : textOf(error)}`, "restore the snapshot again");
  }
}

async function present(folder: string): Promise<"nothing" | "layers" | "other"> {
  if (await stat(join(folder, LAYERS_FILE)).then(() => true, () => false)) return "layers";
  return readdir(folder).then((names) => (names.length === 0 ? "nothing" : "other"), (error: { readonly code?: string }) => (error.code === "ENOENT" ? "nothing" : "other"));
}

/** @throws DiskError when a machine writes to one of them */
async function mustBeUnused(folder: string): Promise<void> {
  for (const { file } of (await read(folder).catch(() => undefined))?.disks ?? []) {
    const path = join(folder, file), found = await stat(path, { bigint: true }).catch(() => undefined);
    if (found !== undefined) (await lockForWriting(path, `${found.dev}:${found.ino}`, "layer"))();
  }
}
