// The disk images of an appliance, open as long as it runs.
import type { DiskOrder } from "../../caps/manifest/resolve.ts";
import { DiskError, openDisk, ramDisk, type Disk } from "../../core/host/disk.ts";
import { findDebian } from "../../guests/debian/installed.ts";
import { FailureCode, failure } from "./failure.ts";
import { findPackage } from "./package.ts";

export interface OpenDisks {
  /** By device. */
  readonly behind: Readonly<Record<string, Disk>>;
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

/** Opens all of them or none. @throws Failure naming the device, its image and what is wrong with it */
export async function openDisks(orders: readonly DiskOrder[]): Promise<OpenDisks> {
  const behind: Record<string, Disk> = {};
  const close = async (): Promise<void> => void (await Promise.all(Object.values(behind).map((disk) => disk.close())));
  for (const order of orders) {
    const { device, mode, bytes } = order;
    try {
      behind[device] = mode === "memory" ? memoryDisk(bytes ?? 0, device) : await openDisk({ path: imageOf(order), mode, id: device, ...(bytes === undefined ? {} : { size: bytes }) });
    } catch (error) {
      await close();
      if (error instanceof DiskError) throw failure(FailureCode.disk, `there is no disk for ${device}`, { cause: error.message });
      throw error;
    }
  }
  return { behind, close };
}
