// A cpio archive of the "newc" form, as Linux unpacks one into its first root file system. Pure: entries → bytes.
//
// The same entries give the same bytes: every time is 0, every owner root, inode numbers count from 1.
// Source: kernel documentation, driver-api/early-userspace/buffer-format.

export type InitramfsEntry =
  | { readonly kind: "directory"; readonly path: string; readonly mode: number }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly bytes: Uint8Array }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "device"; readonly path: string; readonly mode: number; readonly major: number; readonly minor: number };

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string };

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
export const err = (error: string): Result<never> => ({ ok: false, error });

const TYPE = { directory: 0o040000, file: 0o100000, link: 0o120000, device: 0o020000 } as const;
/** Longest path the kernel takes (PATH_MAX, with the ending NUL). */
const PATH_BYTES = 4096;
const TRAILER = "TRAILER!!!";

/**
 * @param entries in any order that has a folder before what is in it, as the kernel makes no folder that is not named.
 *   Paths are absolute, with no empty, `.` or `..` part; mode holds the 12 permission bits; only character devices are known.
 * @returns the archive, or what is wrong with an entry
 */
export function writeInitramfs(entries: readonly InitramfsEntry[]): Result<Uint8Array> {
  const folders = new Set([""]);
  const seen = new Set<string>();
  const parts: Uint8Array[] = [];
  for (const [index, entry] of entries.entries()) {
    const wrong = complaint(entry, folders, seen);
    if (wrong !== undefined) return err(`initramfs entry ${entry.path}: ${wrong}`);
    seen.add(entry.path);
    if (entry.kind === "directory") folders.add(entry.path);
    parts.push(...record(entry.path.slice(1), index + 1, entry));
  }
  parts.push(...record(TRAILER, 0, undefined));
  return ok(Buffer.concat(parts));
}

/**
 * The kernel unpacks archives that follow each other, each of them compressed or not, if each begins on a 4-byte boundary. Later files replace
 * earlier ones of the same path.
 */
export function joinArchives(archives: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(archives.flatMap((bytes) => [bytes, padding(bytes.length)]));
}

function complaint(entry: InitramfsEntry, folders: ReadonlySet<string>, seen: ReadonlySet<string>): string | undefined {
  const { path } = entry;
  const names = path.split("/").slice(1);
  if (!path.startsWith("/") || names.some((name) => name === "" || name === "." || name === "..")) return "not a plain absolute path";
  if (path.includes("\0")) return "a NUL in the path";
  if (Buffer.byteLength(path) > PATH_BYTES) return `path longer than ${PATH_BYTES - 1} bytes`;
  if (path.slice(1) === TRAILER) return "the name that ends an archive";
  if (seen.has(path)) return "named twice";
  if (!folders.has(path.slice(0, path.lastIndexOf("/")))) return "its folder is not named before it";
  if (entry.kind !== "link" && (!Number.isInteger(entry.mode) || entry.mode < 0 || entry.mode > 0o7777)) return "mode is not 12 bits";
  if (entry.kind === "file" && entry.bytes.length > 0xffff_ffff) return "file of 4 GiB or more";
  if (entry.kind === "link" && (entry.target === "" || entry.target.includes("\0") || Buffer.byteLength(entry.target) >= PATH_BYTES)) return "bad link target";
  if (entry.kind === "device" && !(isWord(entry.major) && isWord(entry.minor))) return "bad device number";
  return undefined;
}

function isWord(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

/** Header, name and content, each padded to 4 bytes. */
function record(name: string, inode: number, entry: InitramfsEntry | undefined): Uint8Array[] {
  const bytes = entry?.kind === "file" ? entry.bytes : Buffer.from(entry?.kind === "link" ? entry.target : "");
  const permissions = entry === undefined ? 0 : entry.kind === "link" ? 0o777 : entry.mode;
  const nameBytes = Buffer.from(`${name}\0`);
  const fields = [
    inode,
    entry === undefined ? 0 : TYPE[entry.kind] | permissions,
    0, // owner
    0, // group
    entry?.kind === "directory" ? 2 : 1,
    0, // time
    bytes.length,
    0, // device that holds the file
    0,
    entry?.kind === "device" ? entry.major : 0,
    entry?.kind === "device" ? entry.minor : 0,
    nameBytes.length,
    0, // checksum: only in the other form
  ];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [header, nameBytes, padding(header.length + nameBytes.length), bytes, padding(bytes.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array(-length & 3);
}
