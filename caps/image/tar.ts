// Archives of files that hold nothing but names and bytes: the same files, the same archive. Pure, and total: any bytes give a value or a reason.
//
//   TAR-1  An archive is made of regular files alone, with mode 0644, owner 0, time 0; names are relative, and have no part that is empty, `.` or `..`.
//   TAR-2  What readTar lets through is what writeTar makes of its files: so there is one archive for a list of files, and nothing can be hidden in one.
// Source: POSIX.1-2017, pax, "ustar Interchange Format".

export interface ArchivedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const BLOCK = 512;
const MAX_NAME = 100;
/** Sizes are eleven octal digits. */
const MAX_BYTES = 8 ** 11 - 1;
const CHECKSUM = { at: 148, bytes: 8 } as const;
const SIZE = { at: 124, bytes: 12 } as const;

const isName = (name: string): boolean => /^[\x21-\x7e]+$/.test(name) && name.length <= MAX_NAME && name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
const padded = (bytes: number): number => Math.ceil(bytes / BLOCK) * BLOCK;

/** @throws RangeError for a name or a length that an archive cannot hold */
export function writeTar(files: readonly ArchivedFile[]): Uint8Array {
  const archive = new Uint8Array(files.reduce((sum, { bytes }) => sum + BLOCK + padded(bytes.length), 2 * BLOCK));
  let at = 0;
  for (const { name, bytes } of files) {
    archive.set(header(name, bytes.length), at);
    archive.set(bytes, at + BLOCK);
    at += BLOCK + padded(bytes.length);
  }
  return archive;
}

function header(name: string, bytes: number): Uint8Array {
  if (!isName(name)) throw new RangeError(`'${name}' is no name for a file in an archive`);
  if (bytes > MAX_BYTES) throw new RangeError(`${name} is too large for an archive`);
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string): void => block.set(new TextEncoder().encode(text), at);
  put(0, name);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(SIZE.at, `${bytes.toString(8).padStart(11, "0")}\0`);
  put(136, "00000000000\0");
  put(CHECKSUM.at, " ".repeat(CHECKSUM.bytes));
  put(156, "0");
  put(257, "ustar\x0000");
  put(329, "0000000\x000000000\0");
  put(CHECKSUM.at, `${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** The files of an archive, as views of it; or what is wrong with it, in words. */
export function readTar(archive: Uint8Array): readonly ArchivedFile[] | string {
  const files: ArchivedFile[] = [];
  const text = (at: number, bytes: number): string => String.fromCharCode(...archive.subarray(at, at + bytes));
  let at = 0;
  for (; at + BLOCK <= archive.length && archive[at] !== 0; ) {
    const name = text(at, MAX_NAME).replace(/\0.*$/s, "");
    const size = text(at + SIZE.at, SIZE.bytes);
    if (!isName(name) || !/^[0-7]{11}\0$/.test(size)) return `what stands at byte ${at} is no file's header`;
    const bytes = Number.parseInt(size, 8), end = at + BLOCK + padded(bytes);
    if (end > archive.length) return `${name} is cut off`;
    if (!header(name, bytes).every((byte, i) => archive[at + i] === byte)) return `${name} has a header that is not ours`;
    if (files.some((file) => file.name === name)) return `${name} is in it twice`;
    if (archive.subarray(at + BLOCK + bytes, end).some((byte) => byte !== 0)) return `there is something behind ${name}`;
    files.push({ name, bytes: archive.subarray(at + BLOCK, at + BLOCK + bytes) });
    at = end;
  }
  if (archive.length !== at + 2 * BLOCK || archive.subarray(at).some((byte) => byte !== 0)) return "it does not end as an archive does";
  return files;
}
