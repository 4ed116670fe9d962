// A layer: what was written over a disk that is only read, in a file that outlives the process. An overlay (overlay.ts) whose map is kept.
//
//   0                 header: magic, version, sectors, what it lies over, sum; little-endian
//   4096              map: of 512 bytes each, bits of 4064 sectors (sector-map.ts) and their sum; all zero: none of them
//   whole pages on    the data, each sector at its place: a file with holes
//
// Invariants:
//   L1  After a flush, and after a close, every write that was done is there, however the host ends: the data is on stable storage before the map says so, and then the map.
//   L2  Nothing else is: a sector whose mark is not there is the lower disk's, whatever is at its place. A part of the map is written whole or not, as the host's disk writes a sector.
//   L3  What is no layer, is damaged, or lies over something else is refused by name before anything of it is used.
//   L4  A layer is opened for writing at most once (image-lock.ts).
import { constants } from "node:fs";
import { open, stat, unlink, type FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { BlockBackend, BlockDone } from "../devices/virtio/block-backend.ts";
import { SECTOR_BYTES } from "../devices/virtio/spec.ts";
import { closable, DiskError, type Disk, type LayeredDisk } from "./disk.ts";
import { reason } from "./disk-error.ts";
import { fileBackend } from "./file-backend.ts";
import { lockForWriting } from "./image-lock.ts";
import { overlay } from "./overlay.ts";
import { MAP_PIECE_BYTES, MAP_PIECE_SECTORS, SectorMap } from "./sector-map.ts";

const MAGIC = "BWLAYER\n", VERSION = 1;
const PAGE = 4096;
const Header = { version: 8, sectors: 16, over: 24, sum: 56, BYTES: 60 } as const;
/** Bytes of what says over what a layer lies: a SHA-256. */
export const OVER_BYTES = 32;
/** 16 TiB: all of a map is read when it is opened. */
const MOST_SECTORS = 2 ** 35;
/** So much of the map is read at once. */
const READ_BYTES = 256 * 1024;

const pages = (bytes: number): number => Math.ceil(bytes / PAGE) * PAGE;
const dataStart = (sectors: number): number => PAGE + pages(Math.ceil(sectors / MAP_PIECE_SECTORS) * SECTOR_BYTES);

/** Makes a layer in which nothing was written. @param over what it lies over, 32 bytes that tell that from all else. @throws DiskError, and nothing is left */
export async function createLayer(path: string, sectors: number, over: Uint8Array): Promise<void> {
  if (over.length !== OVER_BYTES) throw new RangeError(`a layer lies over what ${OVER_BYTES} bytes name, not ${over.length}`);
  if (sectors > MOST_SECTORS) throw new DiskError(`no layer '${path}' can be made: the disk has ${sectors} sectors, and a layer at most ${MOST_SECTORS}`);
  const handle = await open(path, "wx", 0o600).catch((error: unknown) => {
    throw new DiskError(`the layer '${path}' cannot be created: ${reason(error)}`, { cause: error });
  });
  try {
    const header = Buffer.alloc(PAGE);
    header.write(MAGIC, "latin1");
    header.writeUInt32LE(VERSION, Header.version);
    header.writeBigUInt64LE(BigInt(sectors), Header.sectors);
    header.set(over, Header.over);
    header.writeUInt32LE(crc32(header.subarray(0, Header.sum)), Header.sum);
    await handle.truncate(dataStart(sectors) + sectors * SECTOR_BYTES);
    await writeAll(handle, header, 0);
    await handle.sync();
    await handle.close();
  } catch (error) {
    await handle.close().catch(() => undefined);
    await unlink(path).catch(() => undefined);
    throw new DiskError(`the layer '${path}' cannot be created: ${reason(error)}`, { cause: error });
  }
}

export interface LayerOptions {
  readonly path: string;
  /** The disk below, closed with this one; but it stays open when this cannot be opened. */
  readonly base: Disk;
  /** What the layer must say that it lies over. */
  readonly over: Uint8Array;
  /** ro: what was written is there, and writes are refused. */
  readonly mode: "rw" | "ro";
}

/** @throws DiskError that names the layer and what is wrong with it */
export async function openLayer({ path, base, over, mode }: LayerOptions): Promise<LayeredDisk> {
  const damaged = (what: string): DiskError => new DiskError(`the layer '${path}' is damaged: ${what}`);
  const found = await stat(path).catch((error: unknown) => {
    throw new DiskError(`the layer '${path}' cannot be opened: ${reason(error)}`, { cause: error });
  });
  if (!found.isFile()) throw new DiskError(`the layer '${path}' is not a regular file`);
  const handle = await open(path, mode === "rw" ? constants.O_RDWR : constants.O_RDONLY).catch((error: unknown) => {
    throw new DiskError(`the layer '${path}' cannot be opened: ${reason(error)}`, { cause: error });
  });
  const undo: (() => unknown)[] = [() => handle.close()];
  try {
    const { size, dev, ino } = await handle.stat({ bigint: true });
    if (mode === "rw") undo.push(await lockForWriting(path, `${dev}:${ino}`, "layer"));
    const header = Buffer.alloc(Header.BYTES);
    if ((await handle.read(header, 0, header.length, 0)).bytesRead < header.length || header.toString("latin1", 0, MAGIC.length) !== MAGIC) throw new DiskError(`'${path}' is no layer`);
    const version = header.readUInt32LE(Header.version), sectors = Number(header.readBigUInt64LE(Header.sectors));
    if (version !== VERSION) throw new DiskError(`the layer '${path}' is of version ${version}, and this version of Bailiwick reads ${VERSION}`);
    if (crc32(header.subarray(0, Header.sum)) !== header.readUInt32LE(Header.sum) || sectors > MOST_SECTORS) throw damaged("its header");
    if (!header.subarray(Header.over, Header.over + OVER_BYTES).equals(over)) throw new DiskError(`the layer '${path}' lies over another disk than this one`);
    if (sectors !== base.sectors) throw new DiskError(`the layer '${path}' is of a disk of ${sectors} sectors, and this one has ${base.sectors}`);
    if (Number(size) !== dataStart(sectors) + sectors * SECTOR_BYTES) throw damaged(`it has ${size} bytes, and had ${dataStart(sectors) + sectors * SECTOR_BYTES}`);
    const written = await readMap(handle, sectors, damaged);
    const top = fileBackend({ fd: handle.fd, sectors, readOnly: mode === "ro", id: base.id, start: dataStart(sectors) });
    const flush = flushes(handle, top, written);
    const flushed = (): Promise<void> => new Promise((done, failed) => flush((error) => (error === null ? done() : failed(new Error(`the layer '${path}' is not on stable storage: ${error}`)))));
    return { ...closable(overlay(base, top, written, flush), path, [...(mode === "rw" ? [flushed] : []), ...undo, () => base.close()]), written };
  } catch (error) {
    for (const step of undo) await step();
    throw error instanceof DiskError ? error : new DiskError(`the layer '${path}' cannot be opened: ${reason(error)}`, { cause: error });
  }
}

async function readMap(handle: FileHandle, sectors: number, damaged: (what: string) => DiskError): Promise<SectorMap> {
  const map = new SectorMap(), none = Buffer.alloc(READ_BYTES), count = Math.ceil(sectors / MAP_PIECE_SECTORS);
  const bytes = Buffer.alloc(Math.min(READ_BYTES, count * SECTOR_BYTES));
  for (let first = 0; first < count; first += READ_BYTES / SECTOR_BYTES) {
    const part = bytes.subarray(0, Math.min(READ_BYTES, (count - first) * SECTOR_BYTES));
    for (let had = 0; had < part.length; ) {
      const { bytesRead } = await handle.read(part, had, part.length - had, PAGE + first * SECTOR_BYTES + had);
      if (bytesRead === 0) throw damaged("its map ends too soon");
      had += bytesRead;
    }
    if (part.equals(none.subarray(0, part.length))) continue;
    for (let i = 0; i * SECTOR_BYTES < part.length; i++) {
      const piece = part.subarray(i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES), n = first + i;
      if (piece.equals(none.subarray(0, SECTOR_BYTES))) continue;
      const bits = piece.subarray(0, MAP_PIECE_BYTES);
      if (sumOf(n, bits) !== piece.readUInt32LE(MAP_PIECE_BYTES)) throw damaged(`the map of sectors from ${n * MAP_PIECE_SECTORS} on`);
      map.load(n, bits);
    }
  }
  for (let sector = sectors; sector < count * MAP_PIECE_SECTORS; sector++) if (map.has(sector)) throw damaged("its map goes beyond its end");
  return map;
}

/** Of a piece of the map at its place. */
const sumOf = (n: number, bits: Uint8Array): number => crc32(bits, n);

/** One at a time: those that are asked for meanwhile are the next, all together. */
function flushes(handle: FileHandle, top: BlockBackend, written: SectorMap): BlockBackend["flush"] {
  let waiting: BlockDone[] = [], busy = false;
  const once = async (): Promise<string | null> => {
    if (top.readOnly) return null;
    // What is marked now was done before: the data's turn is first (L1).
    const taken = written.take();
    const error = await new Promise<string | null>((done) => top.flush(done));
    if (error === null && taken.length === 0) return null;
    try {
      if (error !== null) throw new Error(error);
      for (const [n, bits] of taken) {
        const piece = Buffer.alloc(SECTOR_BYTES);
        piece.set(bits);
        piece.writeUInt32LE(sumOf(n, bits), MAP_PIECE_BYTES);
        await writeAll(handle, piece, PAGE + n * SECTOR_BYTES);
      }
      await handle.datasync();
      return null;
    } catch (error) {
      written.putBack(taken);
      return reason(error);
    }
  };
  return (done) => {
    waiting.push(done);
    if (busy) return;
    busy = true;
    void (async () => {
      while (waiting.length > 0) {
        const now = waiting;
        waiting = [];
        const error = await once();
        for (const each of now) each(error);
      }
      busy = false;
    })();
  };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) written += (await handle.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
}
