// A snapshot of a guest on the host: a folder that is there whole or not at all.
//
//   snapshot.json   what it is of, and of each other file how long it is and its sum
//   state.json      registers and devices, as the VMM wrote them down (vmm/state.ts)
//   memory-N        a piece of its RAM (core/machine/native/ram_image.h)
//   disk-DEVICE     a disk, raw, with holes
//
// A snapshot of changes has of the memory only what is not in the one that it names as its base, whose memory must be as it was.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, readFile, rename, rm, stat, writeFile, type FileHandle } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import type { Disk } from "../../../core/host/disk.ts";
import { verifyRamImage } from "../../../core/machine/unicorn.ts";
import { ExitStatus, FailureCode, failure, textOf, type Failure } from "../failure.ts";

export const SNAPSHOT_FORMAT = 1;
export const SNAPSHOT_FILE = "snapshot.json";
const STATE_FILE = "state.json";
const SECTOR = 512;
/** A disk is copied in pieces of so many bytes; one that holds zeros only is left out. */
const PIECE = 1024 * 1024;

const whole = z.number().int().min(0);
const file = z.strictObject({ file: z.string().regex(/^[a-z0-9.-]+$/), bytes: whole, sha256: z.string().regex(/^[0-9a-f]{64}$/) });
const schema = z.strictObject({
  format: z.literal(SNAPSHOT_FORMAT),
  guest: z.string(),
  taken: z.iso.datetime(),
  /** Absolute folder of the snapshot whose memory this one's lies on. */
  base: z.string().optional(),
  state: file,
  memory: z.array(z.strictObject({ file: z.string().regex(/^memory-\d+$/), guestPhysical: whole, bytes: whole })).min(1),
  disks: z.array(file.extend({ device: z.string() })),
});
export type SnapshotDescription = z.infer<typeof schema>;

export interface Snapshot extends SnapshotDescription {
  readonly folder: string;
  readonly stateBytes: Uint8Array;
  /** Images of memory in the order in which they are to be placed: the base's first. The pieces of each have all of the guest's RAM, but not the same boundaries. */
  readonly layers: readonly (readonly ImageFile[])[];
}

export interface ImageFile {
  readonly guestPhysical: number;
  readonly bytes: number;
  readonly path: string;
}

const damaged = (folder: string, what: string, fix = "restore another snapshot: this one cannot be relied upon"): Failure =>
  failure(FailureCode.snapshot, `the snapshot ${folder} is not what was saved`, { cause: what, fix, status: ExitStatus.verification });

/** Reads a snapshot and checks every byte of it. @throws Failure that names the file and what is wrong with it */
export async function openSnapshot(path: string): Promise<Snapshot> {
  const folder = resolve(path), described = await describe(folder);
  const state = join(folder, described.state.file);
  await Promise.all([described.state, ...described.disks].map((each) => checkFile(folder, each)));
  const base = described.base === undefined ? undefined : await openBase(folder, described.base, described);
  const own = await Promise.all(described.memory.map(async ({ guestPhysical, bytes, file: name }) => ({ guestPhysical, bytes, path: await checkImage(folder, name) })));
  return { ...described, folder, layers: [...(base?.layers ?? []), own], stateBytes: await readFile(state) };
}

async function describe(folder: string): Promise<SnapshotDescription> {
  let text: string;
  try {
    text = await readFile(join(folder, SNAPSHOT_FILE), "utf8");
  } catch (error) {
    throw failure(FailureCode.snapshot, `there is no snapshot in ${folder}`, { cause: textOf(error), fix: "name the folder that 'snapshot' made" });
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw damaged(folder, `${SNAPSHOT_FILE} is no JSON`);
  }
  const format = (data as { readonly format?: unknown } | null)?.format;
  if (format !== SNAPSHOT_FORMAT) {
    throw failure(FailureCode.snapshot, `the snapshot ${folder} is of another version`, { cause: `it has format ${String(format)}; this version of Bailiwick reads format ${SNAPSHOT_FORMAT}`, fix: "restore it with the version that saved it", status: ExitStatus.verification });
  }
  const parsed = schema.safeParse(data);
  if (!parsed.success) throw damaged(folder, `${SNAPSHOT_FILE}: ${parsed.error.issues[0]?.path.join(".") ?? ""}: ${parsed.error.issues[0]?.message ?? ""}`);
  return parsed.data;
}

async function openBase(folder: string, path: string, { memory }: SnapshotDescription): Promise<Snapshot> {
  const base = await openSnapshot(path).catch((error: unknown) => {
    throw failure(FailureCode.snapshot, `the snapshot ${folder} lies on ${path}, which is not what it was`, { cause: textOf(error), fix: "put that back, or restore a snapshot that is whole", status: ExitStatus.verification });
  });
  if (memoryBytes(memory) !== memoryBytes(base.memory)) throw damaged(folder, `it has not as much memory as its base ${path}`);
  return base;
}

export const memoryBytes = (pieces: readonly { readonly bytes: number }[]): number => pieces.reduce((sum, { bytes }) => sum + bytes, 0);

async function checkFile(folder: string, { file: name, bytes, sha256 }: { readonly file: string; readonly bytes: number; readonly sha256: string }): Promise<void> {
  const path = join(folder, name), found = await stat(path).catch((error: unknown) => {
    throw damaged(folder, textOf(error));
  });
  if (found.size !== bytes) throw damaged(folder, `${name} has ${found.size} bytes, and had ${bytes}`);
  if ((await hashOf(path)) !== sha256) throw damaged(folder, `${name} does not have the sum that it had`);
}

async function checkImage(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  const handle = await open(path, "r").catch((error: unknown) => {
    throw damaged(folder, textOf(error));
  });
  try {
    const problem = await verifyRamImage(handle.fd);
    if (problem !== "") throw damaged(folder, `${name}: ${problem}`);
    return path;
  } finally {
    await handle.close();
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: PIECE }), hash);
  return hash.digest("hex");
}

/** What a snapshot is made of, by whoever can have it. */
export interface SnapshotParts {
  readonly guest: string;
  /** The snapshot that its memory lies on; only changes are saved then. */
  readonly base?: string;
  readonly memory: readonly { readonly guestPhysical: number; readonly bytes: number }[];
  readonly disks: Readonly<Record<string, Disk>>;
}

/** A snapshot that is being written, beside the place where it will stand. */
export class SnapshotWriter {
  readonly #folder: string;
  readonly #draft: string;
  readonly #parts: SnapshotParts;
  readonly #open: FileHandle[] = [];

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

  /** The disks as they are now. */
  async copyDisks(): Promise<void> {
    for (const [device, disk] of Object.entries(this.#parts.disks)) await copyDisk(disk, join(this.#draft, `disk-${device}`));
  }

  /** It stands where it should from now on, and is on stable storage. @param state as the VMM wrote it down. @throws Failure */
  async finish(state: string): Promise<SnapshotDescription> {
    const { guest, base, memory, disks } = this.#parts;
    await writeFile(join(this.#draft, STATE_FILE), state);
    const about = async (name: string): Promise<z.infer<typeof file>> => ({ file: name, bytes: (await stat(join(this.#draft, name))).size, sha256: await hashOf(join(this.#draft, name)) });
    const description: SnapshotDescription = {
      format: SNAPSHOT_FORMAT, guest, taken: new Date().toISOString(), ...(base === undefined ? {} : { base: resolve(base) }), state: await about(STATE_FILE),
      memory: memory.map(({ guestPhysical, bytes }, i) => ({ file: `memory-${i}`, guestPhysical, bytes })),
      disks: await Promise.all(Object.keys(disks).map(async (device) => ({ ...(await about(`disk-${device}`)), device }))),
    };
    for (const handle of this.#open) await handle.sync();
    await writeFile(join(this.#draft, SNAPSHOT_FILE), `${JSON.stringify(description, null, 2)}\n`, { flush: true });
    await rename(this.#draft, this.#folder);
    await this.#close();
    return description;
  }

  /** Nothing of it stays. */
  async abandon(): Promise<void> {
    await this.#close();
    await rm(this.#draft, { recursive: true, force: true });
  }

  async #close(): Promise<void> {
    for (const handle of this.#open.splice(0)) await handle.close();
  }
}

/** Reads a disk from its start to its end into a file with holes. @throws Error what the disk or the file said */
async function copyDisk(disk: Disk, path: string): Promise<void> {
  const bytes = disk.sectors * SECTOR, handle = await open(path, "wx");
  try {
    const piece = new Uint8Array(PIECE), zeros = Buffer.alloc(PIECE);
    for (let at = 0; at < bytes; at += PIECE) {
      const part = piece.subarray(0, Math.min(PIECE, bytes - at));
      const error = await new Promise<string | null>((done) => disk.read(at, part, done));
      if (error !== null) throw new Error(`disk ${disk.id}: ${error}`);
      if (!zeros.subarray(0, part.length).equals(part)) await handle.write(part, 0, part.length, at);
    }
    await handle.truncate(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
