// Reads and writes a cpio archive of the "newc" form, as a Linux initrd is one (kernel documentation, driver-api/early-userspace/buffer-format). Pure.

/**
 * @typedef {object} CpioEntry
 * @property {string} name  without a leading slash or "./"
 * @property {number} mode  type and permission bits
 * @property {Buffer} body  a link's target for a symbolic link
 */

const HEADER = 110;

/**
 * @param {Buffer} bytes one archive, not compressed
 * @returns {Map<string, CpioEntry>} by name; hard links after the first have an empty body, as they are stored
 * @throws {Error} when the archive is damaged
 */
export function readCpio(bytes) {
  /** @type {Map<string, CpioEntry>} */
  const entries = new Map();
  for (let at = 0; ; ) {
    if (bytes.toString("latin1", at, at + 6) !== "070701") throw new Error(`not a newc cpio header at byte ${at}`);
    const field = (/** @type {number} */ index) => Number.parseInt(bytes.toString("latin1", at + 6 + index * 8, at + 14 + index * 8), 16);
    const mode = field(1);
    const size = field(6);
    const nameSize = field(11);
    const name = bytes.toString("utf8", at + HEADER, at + HEADER + nameSize - 1);
    const start = align(at + HEADER + nameSize);
    if (!(start + size <= bytes.length)) throw new Error(`cpio entry ${name} reaches past the end`);
    if (name === "TRAILER!!!") return entries;
    entries.set(name.replace(/^(\.?\/)+/, ""), { name, mode, body: bytes.subarray(start, start + size) });
    at = align(start + size);
  }
}

/**
 * Follows symbolic links, in the last part of the path and before it.
 * @param {Map<string, CpioEntry>} entries
 * @param {string} path
 * @returns {CpioEntry | undefined} a regular file
 */
export function resolveFile(entries, path, depth = 0) {
  if (depth > 40) return undefined;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  for (let count = 1; count <= parts.length; count++) {
    const entry = entries.get(parts.slice(0, count).join("/"));
    if (entry !== undefined && (entry.mode & 0o170000) === 0o120000) {
      const target = entry.body.toString("utf8");
      const from = target.startsWith("/") ? [] : parts.slice(0, count - 1);
      const whole = [];
      for (const part of [...from, ...target.split("/"), ...parts.slice(count)]) {
        if (part === "..") whole.pop();
        else whole.push(part);
      }
      return resolveFile(entries, whole.join("/"), depth + 1);
    }
  }
  const entry = entries.get(parts.join("/"));
  return entry !== undefined && (entry.mode & 0o170000) === 0o100000 ? entry : undefined;
}

/** @param {number} offset */
function align(offset) {
  return (offset + 3) & ~3;
}

/**
 * @param {Iterable<CpioEntry>} entries a folder before what is in it; names without a leading slash
 * @returns {Buffer} the archive: every time is 0, every owner root
 */
export function writeCpio(entries) {
  const parts = [];
  let inode = 0;
  for (const { name, mode, body } of [...entries, { name: "TRAILER!!!", mode: 0, body: Buffer.alloc(0) }]) {
    const nameBytes = Buffer.from(`${name}\0`);
    const fields = [++inode, mode, 0, 0, 1, 0, body.length, 0, 0, 0, 0, nameBytes.length, 0];
    const header = Buffer.concat([Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`), nameBytes]);
    parts.push(header, Buffer.alloc(-header.length & 3), body, Buffer.alloc(-body.length & 3));
  }
  return Buffer.concat(parts);
}
