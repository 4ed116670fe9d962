// A snapshot that is being written, beside the place where it will stand: there whole, or not at all.
import { mkdtemp, open, rename, rm, stat, writeFile, type FileHandle } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { DiskCopy } from "../../../core/host/copying.ts";
import { openDisk, ramDisk, type Disk } from "../../../core/host/disk.ts";
import { createLayer, openLayer } from "../../../core/host/layer.ts";
import { SECTOR_BYTES } from "../../../core/devices/virtio/spec.ts";
import type { RunDisk } from "../disks.ts";
import { FailureCode, failure, textOf } from "../failure.ts";
import { hashOf, SNAPSHOT_FILE, SNAPSHOT_FORMATS, STATE_FILE, type FileSum, type SnapshotDescription, type SnapshotName } from "./snapshot.ts";

/** What a snapshot is made of, by whoever can have it. */
export interface SnapshotParts {
  readonly guest: string;
  /** The snapshot that its memory lies on; only changes are saved then. */
  readonly base?: SnapshotName;
  readonly memory: readonly { readonly guestPhysical: number; readonly bytes: number }[];
  readonly disks: Readonly<Record<string, RunDisk>>;
}

interface Target {
  readonly device: string;
  readonly source: RunDisk;
  readonly file: string;
  readonly disk: Disk;
  /** Only sectors for which it says so; absent: all. */
  readonly only?: (sector: number) => boolean;
}

export class SnapshotWriter {
  readonly #folder: string;
  readonly #draft: string;
  readonly #parts: SnapshotParts;
  readonly #open: FileHandle[] = [];
  readonly #targets: Target[] = [];
  readonly #copies: DiskCopy[] = [];

  private constructor(folder: string, draft: string, parts: SnapshotParts) {
    this.#folder = folder;
    this.#draft = draft;
    this.#parts = parts;
  }

  /** @throws Failure when there is something already, or nothing can be made there */
  static async begin(path: string, parts: SnapshotParts): Promise<SnapshotWriter> {
    const folder = resolve(path);
    if (await stat(folder).then(() => true, () => false)) throw failure(FailureCode.exists, `there is something at ${folder} already`, { fix: "name a folder that is not there: a snapshot is never written over another" });
    const draft = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`)).catch((error: unknown) => {
      throw failure(FailureCode.snapshot, `no snapshot can be written to ${folder}`, { cause: textOf(error) });
    });
    return new SnapshotWriter(folder, draft, parts);
  }

  /** The file for the `i`th piece of memory, open for writing. */
  async memoryFile(i: number): Promise<number> {
    const handle = await open(join(this.#draft, `memory-${i}`), "w");
    this.#open.push(handle);
    return handle.fd;
  }

  /** Makes the files for the disks. One that lies over the base's, and only changes are saved, has a layer. */
  async diskFiles(): Promise<void> {
    const { base, disks } = this.#parts;
    for (const [device, source] of Object.entries(disks)) {
      const { changes } = source, layer = base !== undefined && changes?.origin === base.folder, file = `${layer ? "layer" : "disk"}-${device}`, path = join(this.#draft, file);
      this.#targets.push({ device, source, file, ...(layer ? { disk: await newLayer(path, source.sectors, base.sum), only: changes.has } : { disk: await openDisk({ path, mode: "rw", size: source.sectors * SECTOR_BYTES }) }) });
    }
  }

  /** The disks as they are now are what the snapshot has. */
  markDisks(): void {
    for (const { source, disk, only } of this.#targets) this.#copies.push(source.copy(disk, only));
  }

  /** Ends when they are copied; `abandon` gives up what is under way. @throws Error what went wrong */
  async copyDisks(): Promise<void> {
    for (const copy of this.#copies) copy.begin();
    await Promise.all(this.#copies.map(({ done }) => done));
  }

  /** It stands where it should from now on, and is on stable storage. @param state as the VMM wrote it down. @throws Failure */
  async finish(state: string): Promise<SnapshotDescription> {
    const { guest, base, memory } = this.#parts;
    for (const { disk } of this.#targets) await disk.close();
    await writeFile(join(this.#draft, STATE_FILE), state, { flush: true });
    const about = async (name: string): Promise<FileSum> => ({ file: name, bytes: (await stat(join(this.#draft, name))).size, sha256: await hashOf(join(this.#draft, name)) });
    const layers = this.#targets.some(({ only }) => only !== undefined);
    const description: SnapshotDescription = {
      format: layers ? SNAPSHOT_FORMATS.layers : SNAPSHOT_FORMATS.whole, guest, taken: new Date().toISOString(), ...(base === undefined ? {} : { base: resolve(base.folder) }), state: await about(STATE_FILE),
      memory: memory.map(({ guestPhysical, bytes }, i) => ({ file: `memory-${i}`, guestPhysical, bytes })),
      disks: await Promise.all(this.#targets.map(async ({ device, file, only }) => ({ ...(await about(file)), device, ...(only === undefined ? {} : { layer: true as const }) }))),
    };
    for (const handle of this.#open) await handle.sync();
    await writeFile(join(this.#draft, SNAPSHOT_FILE), `${JSON.stringify(description, null, 2)}\n`, { flush: true });
    await syncFolder(this.#draft);
    await rename(this.#draft, this.#folder);
    await syncFolder(dirname(this.#folder));
    await this.#close();
    return description;
  }

  /** Nothing of it stays. */
  async abandon(): Promise<void> {
    for (const copy of this.#copies) copy.giveUp("the snapshot is not finished");
    await Promise.allSettled(this.#copies.map(({ done }) => done));
    await this.#close();
    await rm(this.#draft, { recursive: true, force: true });
  }

  async #close(): Promise<void> {
    for (const { disk } of this.#targets) await disk.close().catch(() => undefined);
    for (const handle of this.#open.splice(0)) await handle.close();
  }
}

/** What was made, renamed or removed in it is on stable storage. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A layer that is only written to: what lies below it is nothing. */
async function newLayer(path: string, sectors: number, over: string): Promise<Disk> {
  const sum = Buffer.from(over, "hex");
  await createLayer(path, sectors, sum);
  const nothing: Disk = { ...ramDisk(new Uint8Array(SECTOR_BYTES)), sectors, readOnly: true, path: "", read: (_, into, done) => (into.fill(0), done(null)), close: () => Promise.resolve() };
  return openLayer({ path, base: nothing, over: sum, mode: "rw" });
}
