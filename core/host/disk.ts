// Disks on the host: what a block device's requests are done with. An image file, an image whose changes go away, or bytes in memory.
//
// Invariants:
//   - how it waits, and what a flush is: file-backend.ts;
//   - one image is opened for writing at most once: image-lock.ts.
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { open, stat, unlink, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BlockBackend, BlockDone } from "../devices/virtio/block-backend.ts";
import { SECTOR_BYTES } from "../devices/virtio/spec.ts";
import { codeOf, DiskError, reason } from "./disk-error.ts";
import { fileBackend } from "./file-backend.ts";
import { lockForWriting } from "./image-lock.ts";
import { overlay } from "./overlay.ts";
import { SectorMap } from "./sector-map.ts";

export { DiskError };

export interface DiskOptions {
  /** Of the image file. */
  readonly path: string;
  /** rw: the image is changed. ro: writes are refused. overlay: the image is only read, and what is written is gone when the disk is closed. */
  readonly mode: "rw" | "ro" | "overlay";
  /** Bytes, a multiple of 512: what the image must have. In mode rw an image that is missing is created, sparse and all zero. */
  readonly size?: number;
  /** Serial number that the driver sees, up to 20 characters of ASCII. Not the path: that is the host's own affair. */
  readonly id?: string;
}

export interface Disk extends BlockBackend {
  readonly path: string;
  /** Ends after all that was begun; what is asked for later fails. Every call ends when the first does. */
  close(): Promise<void>;
}

const DEFAULT_ID = "bailiwick";
/** Changes to an image up to this size are kept in memory, others in a file. */
const MEMORY_OVERLAY_BYTES = 8 * 1024 * 1024;
/** A sector number of 44 bits: offsets in bytes stay exact in a number, and below the largest file of any host. */
const MAX_BYTES = 2 ** 52;

/**
 * Opens an image, or creates it. What is wrong with the image, with the place for an overlay or with the options is thrown as a DiskError.
 * The caller closes it.
 */
export async function openDisk({ path, mode, size, id = DEFAULT_ID }: DiskOptions): Promise<Disk> {
  if (size !== undefined) checkSize(size, `the size asked for '${path}'`);
  const { handle, created } = await openImage(path, mode, size);
  const undo: (() => unknown)[] = [() => handle.close()];
  try {
    const { size: found, dev, ino } = await handle.stat({ bigint: true });
    if (mode === "rw") undo.push(await lockForWriting(path, `${dev}:${ino}`));
    const bytes = created ? size! : Number(found);
    checkSize(bytes, `disk image '${path}'`);
    if (size !== undefined && size !== bytes)
      throw new DiskError(`disk image '${path}' has ${bytes} bytes, not the ${size} asked for: leave the size out, or change the image with 'truncate -s ${size} ${path}'`);
    if (created) await grow(handle, bytes, path);
    const disk = closable(fileBackend({ fd: handle.fd, sectors: bytes / SECTOR_BYTES, readOnly: mode !== "rw", id }), path, mode === "rw" ? [() => handle.datasync(), ...undo] : undo);
    return mode === "overlay" ? await openOverlay(disk) : disk;
  } catch (error) {
    if (created) await unlink(path).catch(() => undefined);
    await all(undo).catch(() => undefined);
    throw error;
  }
}

/** A disk over another, and which sectors are its own. */
export interface LayeredDisk extends Disk {
  readonly written: { has(sector: number): boolean };
}

/** What is written over a disk and is gone when it is closed; the disk below is closed with it. @throws DiskError when there is no place for it; the disk below stays open */
export async function openOverlay(base: Disk): Promise<LayeredDisk> {
  const bytes = base.sectors * SECTOR_BYTES, written = new SectorMap();
  if (bytes <= MEMORY_OVERLAY_BYTES) return { ...closable(overlay(base, ramDisk(new Uint8Array(bytes)), written), base.path, [() => base.close()]), written };
  const changes = await openChanges(bytes);
  const top = fileBackend({ fd: changes.fd, sectors: base.sectors, readOnly: false, id: base.id });
  return { ...closable(overlay(base, top, written), base.path, [() => base.close(), () => changes.close()]), written };
}

/** Every step in order, also after one that failed; then the first failure is thrown. */
async function all(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** A disk in memory: `bytes`, which stay the caller's to look at. @throws DiskError for a length that no disk has. */
export function ramDisk(bytes: Uint8Array, id = DEFAULT_ID): BlockBackend {
  checkSize(bytes.length, "a disk in memory");
  return {
    sectors: bytes.length / SECTOR_BYTES,
    readOnly: false,
    id,
    read(offset, into, done) {
      into.set(bytes.subarray(offset, offset + into.length));
      done(null);
    },
    write(offset, data, done) {
      bytes.set(data, offset);
      done(null);
    },
    flush: (done) => done(null),
  };
}

function checkSize(bytes: number, what: string): void {
  if (bytes === 0) throw new DiskError(`${what} is empty: a disk has at least one sector of ${SECTOR_BYTES} bytes`);
  if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > MAX_BYTES) throw new DiskError(`${what} is ${bytes} bytes: a disk has ${SECTOR_BYTES} to ${MAX_BYTES}`);
  if (bytes % SECTOR_BYTES !== 0) {
    const whole = Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES;
    throw new DiskError(`${what} is ${bytes} bytes, not a multiple of ${SECTOR_BYTES}: is it cut short? The next that is one is ${whole}`);
  }
}

async function openImage(path: string, mode: DiskOptions["mode"], size: number | undefined): Promise<{ handle: FileHandle; created: boolean }> {
  const flags = mode === "rw" ? constants.O_RDWR : constants.O_RDONLY;
  try {
    // Looked at before it is opened: opening a pipe waits for its other end, and opening a tape rewinds it.
    const found = await stat(path);
    if (found.isDirectory()) throw new DiskError(`disk image '${path}' is a directory: give the path of a file in it`);
    if (!found.isFile()) throw new DiskError(`disk image '${path}' is not a regular file: copy it to one, for example with 'dd if=${path} of=disk.img'`);
    return { handle: await open(path, flags), created: false };
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw imageError(error, path, mode);
    if (mode !== "rw") throw new DiskError(`disk image '${path}' is missing: create one with 'truncate -s 64M ${path}', or open it in mode rw with a size`);
    if (size === undefined) throw new DiskError(`disk image '${path}' is missing: give a size to have it created, or create one with 'truncate -s 64M ${path}'`);
  }
  try {
    return { handle: await open(path, flags | constants.O_CREAT | constants.O_EXCL, 0o666), created: true };
  } catch (error) {
    const cause = codeOf(error) === "ENOENT" ? "its directory does not exist: make that first" : reason(error);
    throw new DiskError(`disk image '${path}' cannot be created: ${cause}`, { cause: error });
  }
}

/** Why a file could not be opened, and what helps. */
function imageError(error: unknown, path: string, mode: DiskOptions["mode"]): unknown {
  if (error instanceof DiskError) return error;
  const code = codeOf(error);
  const denied = code === "EACCES" || code === "EPERM" || code === "EROFS" || code === "ETXTBSY";
  const fix = !denied ? "" : mode === "rw" ? ": open it in mode ro or overlay, or make it writable" : ": make it readable for the user who runs this";
  return new DiskError(`disk image '${path}' cannot be opened for ${mode === "rw" ? "writing" : "reading"} (${reason(error)})${fix}`, { cause: error });
}

async function grow(handle: FileHandle, bytes: number, path: string): Promise<void> {
  try {
    await handle.truncate(bytes);
  } catch (error) {
    throw new DiskError(`disk image '${path}' cannot have ${bytes} bytes on this filesystem (${reason(error)}): make it smaller, or put it elsewhere`, { cause: error });
  }
}

/** A sparse file that has no name any more: its space is free again as soon as it is closed, however the process ends. */
async function openChanges(bytes: number): Promise<FileHandle> {
  const path = join(tmpdir(), `bailiwick-overlay-${randomUUID()}`);
  let handle: FileHandle | null = null;
  try {
    handle = await open(path, "wx+", 0o600);
    await unlink(path);
    await handle.truncate(bytes);
    return handle;
  } catch (error) {
    await handle?.close();
    throw new DiskError(`no temporary file for the overlay's changes (${reason(error)}): point TMPDIR at a directory with room`, { cause: error });
  }
}

/** Adds the end of a disk's life: `steps`, in order, once nothing is under way. */
export function closable(inner: BlockBackend, path: string, steps: readonly (() => unknown)[]): Disk {
  let underWay = 0;
  let closing: Promise<void> | null = null;
  let idle: (() => void) | null = null;
  const end = (done: BlockDone): BlockDone => {
    underWay++;
    return (error) => {
      if (--underWay === 0) idle?.();
      done(error);
    };
  };
  const CLOSED = "the disk is closed";
  return {
    path,
    sectors: inner.sectors,
    readOnly: inner.readOnly,
    id: inner.id,
    read: (offset, into, done) => (closing === null ? inner.read(offset, into, end(done)) : done(CLOSED)),
    readNow: (offset, into) => closing === null && (inner.readNow?.(offset, into) ?? false),
    write: (offset, bytes, done) => (closing === null ? inner.write(offset, bytes, end(done)) : done(CLOSED)),
    flush: (done) => (closing === null ? inner.flush(end(done)) : done(CLOSED)),
    close() {
      closing ??= (async () => {
        if (underWay > 0) await new Promise<void>((resolve) => (idle = resolve));
        await all(steps);
      })();
      return closing;
    },
  };
}
