// A snapshot of a guest on the host: a folder that is there whole or not at all.
//
//   snapshot.json   what it is of, and of each other file how long it is and its sum
//   state.json      registers and devices, as the VMM wrote them down (vmm/state.ts)
//   memory-N        a piece of its RAM (core/machine/native/ram_image.h)
//   disk-DEVICE     a disk, raw, with holes
//   layer-DEVICE    of a disk only what is others than in the base (core/host/layer.ts)
//
// A snapshot of changes has of memory and disks only what is not in the one that it names as its base, which must be as it was. One with layers has format 2, any other format 1, which earlier
// versions read, too.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { verifyRamImage } from "../../../core/machine/unicorn.ts";
import type { DiskFiles } from "../disks.ts";
import { ExitStatus, FailureCode, failure, textOf, type Failure } from "../failure.ts";

/** Of a snapshot with whole disks, and of one with layers. */
export const SNAPSHOT_FORMATS = { whole: 1, layers: 2 } as const;
export const SNAPSHOT_FILE = "snapshot.json";
export const STATE_FILE = "state.json";
/** Sums are made of so many bytes at a time. */
const PIECE = 1024 * 1024;

const whole = z.number().int().min(0);
const FORMATS: readonly unknown[] = Object.values(SNAPSHOT_FORMATS);
const file = z.strictObject({ file: z.string().regex(/^[a-z0-9.-]+$/), bytes: whole, sha256: z.string().regex(/^[0-9a-f]{64}$/) });
const schema = z.strictObject({
  format: z.literal(Object.values(SNAPSHOT_FORMATS)),
  guest: z.string(),
  taken: z.iso.datetime(),
  /** Absolute folder of the snapshot whose memory and disks this one's lie on. */
  base: z.string().optional(),
  state: file,
  memory: z.array(z.strictObject({ file: z.string().regex(/^memory-\d+$/), guestPhysical: whole, bytes: whole })).min(1),
  /** `layer`: of the base's disk, what is others now. */
  disks: z.array(file.extend({ device: z.string(), layer: z.literal(true).optional() })),
});
export type FileSum = z.infer<typeof file>;
export type SnapshotDescription = z.infer<typeof schema>;

/** A snapshot by its folder, and the sum of its description, which has the sums of all else. */
export interface SnapshotName {
  readonly folder: string;
  readonly sum: string;
}

/** The disks of a snapshot, and what they lie on. */
export interface SnapshotDisks {
  /** The snapshot itself, then its base. */
  readonly chain: readonly SnapshotName[];
  readonly diskFiles: readonly DiskFiles[];
}

export interface Snapshot extends SnapshotDescription, SnapshotDisks {
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
  const folder = resolve(path), { described, sum } = await describe(folder);
  await Promise.all([described.state, ...described.disks].map((each) => checkFile(folder, each)));
  const base = described.base === undefined ? undefined : await openBase(folder, described.base, openSnapshot);
  if (base !== undefined && memoryBytes(described.memory) !== memoryBytes(base.memory)) throw damaged(folder, `it has not as much memory as its base ${base.folder}`);
  const own = await Promise.all(described.memory.map(async ({ guestPhysical, bytes, file: name }) => ({ guestPhysical, bytes, path: await checkImage(folder, name) })));
  return { ...described, folder, ...placeDisks({ folder, sum }, described, base), layers: [...(base?.layers ?? []), own], stateBytes: await readFile(join(folder, described.state.file)) };
}

/** Reads what a snapshot has of disks, and checks every byte of that; with its base when a disk lies on that. @throws Failure as above */
export async function openSnapshotDisks(path: string): Promise<SnapshotDisks> {
  const folder = resolve(path), { described, sum } = await describe(folder);
  await Promise.all(described.disks.map((each) => checkFile(folder, each)));
  const needed = described.base !== undefined && described.disks.some(({ layer }) => layer === true);
  return placeDisks({ folder, sum }, described, needed ? await openBase(folder, described.base!, openSnapshotDisks) : undefined);
}

function placeDisks(name: SnapshotName, { disks }: SnapshotDescription, base: SnapshotDisks | undefined): SnapshotDisks {
  const diskFiles = disks.map(({ device, file, layer }): DiskFiles => {
    const path = join(name.folder, file), lower = base?.diskFiles.find((each) => each.device === device);
    if (layer === undefined) return { device, image: path, layers: [], origin: name.folder };
    if (base === undefined || lower === undefined) throw damaged(name.folder, `of disk ${device} it has changes only, and there is no base that has the disk`);
    return { ...lower, layers: [...lower.layers, { path, over: base.chain[0]!.sum }] };
  });
  return { chain: [name, ...(base?.chain ?? [])], diskFiles };
}

async function describe(folder: string): Promise<{ readonly described: SnapshotDescription; readonly sum: string }> {
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
  if (!FORMATS.includes(format)) {
    throw failure(FailureCode.snapshot, `the snapshot ${folder} is of another version`, { cause: `it has format ${String(format)}; this version of Bailiwick reads formats ${FORMATS.join(" and ")}`, fix: "restore it with the version that saved it", status: ExitStatus.verification });
  }
  const parsed = schema.safeParse(data);
  if (!parsed.success) throw damaged(folder, `${SNAPSHOT_FILE}: ${parsed.error.issues[0]?.path.join(".") ?? ""}: ${parsed.error.issues[0]?.message ?? ""}`);
  return { described: parsed.data, sum: createHash("sha256").update(text).digest("hex") };
}

async function openBase<T>(folder: string, path: string, read: (path: string) => Promise<T>): Promise<T> {
  try {
    // Changes are saved against a whole snapshot; one that names another, or itself, could go round for ever.
    if ((await describe(resolve(path))).described.base !== undefined) throw damaged(path, "it is a base, and lies on a base itself");
    return await read(path);
  } catch (error) {
    throw failure(FailureCode.snapshot, `the snapshot ${folder} lies on ${path}, which is not what it was`, { cause: textOf(error), fix: "put that back, or restore a snapshot that is whole", status: ExitStatus.verification });
  }
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

export async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: PIECE }), hash);
  return hash.digest("hex");
}
