// An image's folder: blobs by their digests, read whole and checked before anybody looks at them. What is read is what was checked: a file that changes meanwhile changes nothing.
import { createHash, randomBytes } from "node:crypto";
import { closeSync, constants, existsSync, fstatSync, mkdirSync, openSync, readFileSync, readSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ExitStatus, type Failure, FailureCode, failure } from "../failure.ts";
import { type Blob, INDEX_FILE, LAYOUT_FILE } from "./oci.ts";

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
export const digestOf = (bytes: Uint8Array): string => `sha256:${sha256(bytes)}`;

/** What is wrong with an image, with the status that says so. */
export const imageFailure = (what: string, cause: string, fix?: string): Failure => failure(FailureCode.image, what, { cause, ...(fix === undefined ? {} : { fix }), status: ExitStatus.verification });

/** Whether a target of the command line is an image rather than a manifest: also one of which a part is missing. */
export const isImage = (target: string): boolean => [LAYOUT_FILE, INDEX_FILE, "blobs"].some((name) => existsSync(join(target, name)));

export type Part = { readonly bytes: Uint8Array } | { readonly bytes?: undefined; readonly problem: string };

/** A regular file of at most so many bytes; of anything else, why not. */
export function readPart(file: string, limit: number): Part {
  let opened: number | undefined;
  try {
    // Not to wait at a pipe that somebody has put there.
    opened = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(opened);
    if (!stat.isFile()) return { problem: "it is no file" };
    if (stat.size > limit) return { problem: `it has ${stat.size} bytes, and may have ${limit}` };
    const bytes = new Uint8Array(stat.size);
    let at = 0;
    for (let count; at < bytes.length && (count = readSync(opened, bytes, at, bytes.length - at, at)) > 0; ) at += count;
    return { bytes: bytes.subarray(0, at) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { problem: code === "ENOENT" || code === "ENOTDIR" ? "it is missing" : code === "EACCES" ? "it may not be read" : `it cannot be read (${code})` };
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}

const blobFile = (folder: string, digest: string): string => join(folder, "blobs", ...digest.split(":"));

/** A blob that is what its digest says; of anything else, what is wrong. @param size where it is known; otherwise the most it may have */
export function readBlob(folder: string, { digest, size, limit }: { readonly digest: string; readonly size?: number; readonly limit?: number }): Part {
  const part = readPart(blobFile(folder, digest), size ?? limit ?? 0);
  if (part.bytes === undefined) return part;
  if (size !== undefined && part.bytes.length < size) return { problem: `it is truncated: ${part.bytes.length} of ${size} bytes are there` };
  if (digestOf(part.bytes) !== digest) return { problem: "it was altered: its bytes have another digest" };
  return part;
}

/** The same, where a blob that is not right ends everything. @param what it is, for the message */
export function requireBlob(folder: string, blob: Blob, what: string): Uint8Array {
  const part = readBlob(folder, blob);
  if (part.bytes === undefined) throw imageFailure(`the image '${folder}' is not whole`, `${what}, blob ${blob.digest}: ${part.problem}`, "copy the image anew from where it was built");
  return part.bytes;
}

/**
 * Writes an image whole: beside its place, then renamed. What is there is replaced only if it is an image.
 * @param blobs by digest
 */
export function writeLayout(folder: string, top: ReadonlyMap<string, Uint8Array>, blobs: ReadonlyMap<string, Uint8Array>): void {
  if (existsSync(folder) && !isImage(folder)) throw failure(FailureCode.image, `'${folder}' is there already, and is no image`, { fix: "name another place: -o NAME.oci" });
  const fresh = join(dirname(folder), `.${basename(folder)}.${randomBytes(6).toString("hex")}`);
  try {
    mkdirSync(join(fresh, "blobs", "sha256"), { recursive: true });
    for (const [digest, bytes] of blobs) writeFileSync(blobFile(fresh, digest), bytes);
    for (const [name, bytes] of top) writeFileSync(join(fresh, name), bytes);
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Whether these bytes are in a file already. */
export function holds(file: string, bytes: Uint8Array): boolean {
  try {
    return readFileSync(file).equals(bytes);
  } catch {
    return false;
  }
}
