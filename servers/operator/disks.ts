// The disks of an appliance, open as long as it runs.
import type { DiskOrder } from "../../caps/manifest/resolve.ts";
import { copyable, type CopyableDisk } from "../../core/host/copying.ts";
import { DiskError, openDisk, openOverlay, ramDisk, type Disk, type LayeredDisk } from "../../core/host/disk.ts";
import { openLayer } from "../../core/host/layer.ts";
import { findDebian } from "../../guests/debian/installed.ts";
import { FailureCode, failure } from "./failure.ts";
import { findPackage } from "./package.ts";

/** A layer's file (core/host/layer.ts), and what it must say that it lies over: a SHA-256 in hexadecimal. */
export interface LayerFile {
  readonly path: string;
  readonly over: string;
}

/** A disk as a snapshot has it: an image, and layers over it, which are only read. */
export interface DiskFiles {
  readonly device: string;
  readonly image: string;
  readonly layers: readonly LayerFile[];
  /** Folder of the snapshot that has the image. */
  readonly origin: string;
}

/** What is behind a device instead of what the manifest says: a disk of a snapshot, and what is written over it. */
export interface RestoredDisk extends DiskFiles {
  /** Where what is written stays; absent: it is gone at the end. */
  readonly top?: LayerFile;
}

/** A disk of a run. */
export interface RunDisk extends CopyableDisk {
  /** It lies over an image of a snapshot's: in whose folder that is, and which sectors are others now. */
  readonly changes?: { readonly origin: string; has(sector: number): boolean };
}

export interface OpenDisks {
  /** By device. */
  readonly behind: Readonly<Record<string, RunDisk>>;
  /** Ends when all that was written is the host's. */
  close(): Promise<void>;
}

const memoryDisk = (bytes: number, id: string): Disk => ({ ...ramDisk(new Uint8Array(bytes), id), path: "", close: () => Promise.resolve() });

/** The order with another file, which the user has named, instead of what it says. */
export const withFile = ({ device, mode, bytes }: DiskOrder, file: string): DiskOrder => ({ device, file, mode, ...(bytes === undefined ? {} : { bytes }) });

/** Where an order's image is. An image of the kit's was made when it was asked for, or is not there. @throws Failure */
function imageOf({ device, file, image }: DiskOrder): string {
  if (image === undefined) return file;
  const made = findDebian(findPackage().record);
  if (!made.ok) throw failure(FailureCode.disk, `there is no disk for ${device}`, { cause: made.error });
  return made.value.file;
}

/** Opens all of them or none. @param restored by device. @throws Failure naming the device, its image and what is wrong with it */
export async function openDisks(orders: readonly DiskOrder[], restored: ReadonlyMap<string, RestoredDisk> = new Map()): Promise<OpenDisks> {
  const behind: Record<string, RunDisk> = {};
  const close = async (): Promise<void> => void (await Promise.all(Object.values(behind).map((disk) => disk.close())));
  for (const order of orders) {
    const { device } = order, instead = restored.get(device);
    try {
      behind[device] = instead === undefined ? copyable(await openOrder(order)) : await openRestored(instead, order.mode === "ro");
    } catch (error) {
      await close();
      if (error instanceof DiskError) throw failure(FailureCode.disk, `there is no disk for ${device}`, { cause: error.message });
      throw error;
    }
  }
  return { behind, close };
}

async function openOrder(order: DiskOrder): Promise<Disk> {
  const { device, mode, bytes } = order;
  return mode === "memory" ? memoryDisk(bytes ?? 0, device) : openDisk({ path: imageOf(order), mode, id: device, ...(bytes === undefined ? {} : { size: bytes }) });
}

/** @param readOnly nothing can be written to it, and then nothing is above what the snapshot has */
async function openRestored({ device, image, layers, origin, top }: RestoredDisk, readOnly: boolean): Promise<RunDisk> {
  let disk = await openDisk({ path: image, mode: "ro", id: device });
  const own: LayeredDisk["written"][] = [];
  try {
    const add = (layer: LayeredDisk): void => void (own.push(layer.written), (disk = layer));
    for (const { path, over } of layers) add(await openLayer({ path, base: disk, over: Buffer.from(over, "hex"), mode: "ro" }));
    if (!readOnly) add(top === undefined ? await openOverlay(disk) : await openLayer({ path: top.path, base: disk, over: Buffer.from(top.over, "hex"), mode: "rw" }));
  } catch (error) {
    await disk.close();
    throw error;
  }
  return { ...copyable(disk), changes: { origin, has: (sector) => own.some((each) => each.has(sector)) } };
}
