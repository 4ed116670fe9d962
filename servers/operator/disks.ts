// The disk images of an appliance, open as long as it runs.
import type { DiskOrder } from "../../caps/manifest/resolve.ts";
import { DiskError, openDisk, ramDisk, type Disk } from "../../core/host/disk.ts";
import { FailureCode, failure } from "./failure.ts";

export interface OpenDisks {
  /** By device. */
  readonly behind: Readonly<Record<string, Disk>>;
  /** Ends when all that was written is the host's. */
  close(): Promise<void>;
}

const memoryDisk = (bytes: number, id: string): Disk => ({ ...ramDisk(new Uint8Array(bytes), id), path: "", close: () => Promise.resolve() });

/** Opens all of them or none. @throws Failure naming the device, its image and what is wrong with it */
export async function openDisks(orders: readonly DiskOrder[]): Promise<OpenDisks> {
  const behind: Record<string, Disk> = {};
  const close = async (): Promise<void> => void (await Promise.all(Object.values(behind).map((disk) => disk.close())));
  for (const { device, file, mode, bytes } of orders) {
    try {
      behind[device] = mode === "memory" ? memoryDisk(bytes ?? 0, device) : await openDisk({ path: file, mode, id: device, ...(bytes === undefined ? {} : { size: bytes }) });
    } catch (error) {
      await close();
      if (error instanceof DiskError) throw failure(FailureCode.disk, `there is no disk for ${device}`, { cause: error.message });
      throw error;
    }
  }
  return { behind, close };
}
