// Reads a tar archive, as packages of Debian hold one and as GNU tar writes it: ustar, with GNU's records for long names and pax's for paths. Pure.
// Source: GNU tar manual, "Basic Tar Format"; deb(5); POSIX.1 pax, "pax Header Block".

/**
 * @typedef {object} TarEntry
 * @property {string} path  absolute, without a slash at the end; "" for the root
 * @property {"file" | "directory" | "link" | "hardlink"} kind
 * @property {number} mode  the 12 permission bits
 * @property {number} uid
 * @property {number} gid
 * @property {number} mtime  seconds since 1970
 * @property {string} target  of a symbolic link, as it stands; of a hard link a path as the entry's own
 * @property {Buffer} body  of a file
 */

const BLOCK = 512;
const KINDS = /** @type {const} */ ({ "0": "file", "\0": "file", "7": "file", "5": "directory", "2": "link", "1": "hardlink" });

/**
 * @param {Buffer} bytes
 * @returns {TarEntry[]} in the archive's order
 * @throws {Error} when it is damaged, or holds what no package of a plain system does: devices, fifos, paths that lead out
 */
export function readTar(bytes) {
  /** @type {TarEntry[]} */
  const entries = [];
  /** @type {{ path?: string, linkpath?: string }} */
  let long = {};
  for (let at = 0; ; ) {
    if (at + BLOCK > bytes.length) throw new Error(`the archive ends at byte ${bytes.length} without its end mark`);
    const header = bytes.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return entries;
    checkSum(header, at);
    const size = number(header, 124, 12, at);
    const body = bytes.subarray(at + BLOCK, at + BLOCK + size);
    if (body.length !== size) throw new Error(`the entry at byte ${at} reaches past the archive's end`);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === "L" || type === "K") long[type === "L" ? "path" : "linkpath"] = text(body, 0, size);
    else if (type === "x") Object.assign(long, paxRecords(body));
    else if (type !== "g") {
      const kind = KINDS[/** @type {keyof typeof KINDS} */ (type)];
      const prefix = text(header, 257, 6).startsWith("ustar") && header[262] === 0 ? text(header, 345, 155) : "";
      const path = plain(long.path ?? (prefix === "" ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`));
      if (kind === undefined) throw new Error(`${path} is of a kind (${JSON.stringify(type)}) that is not known here`);
      const target = long.linkpath ?? text(header, 157, 100);
      entries.push({
        path, kind, body,
        mode: number(header, 100, 8, at) & 0o7777, uid: number(header, 108, 8, at), gid: number(header, 116, 8, at), mtime: number(header, 136, 12, at),
        target: kind === "hardlink" ? plain(target) : target,
      });
      long = {};
    }
  }
}

/** @param {string} path @returns {string} */
function plain(path) {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new Error(`the path ${JSON.stringify(path)} leads out of the archive`);
  return parts.map((part) => `/${part}`).join("");
}

/** @param {Buffer} header @param {number} at */
function checkSum(header, at) {
  let sum = 8 * 0x20;
  for (const [index, byte] of header.entries()) if (index < 148 || index >= 156) sum += byte;
  if (sum !== number(header, 148, 8, at)) throw new Error(`not a tar header at byte ${at}`);
}

/** Up to the first NUL. @param {Buffer} bytes @param {number} from @param {number} length */
function text(bytes, from, length) {
  const field = bytes.subarray(from, from + length), end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}

/** Octal digits, or GNU's binary form. @param {Buffer} header @param {number} from @param {number} length @param {number} at */
function number(header, from, length, at) {
  if (header[from] === 0x80) return Number(header.readBigUInt64BE(from + length - 8));
  const digits = header.toString("latin1", from, from + length).replace(/[\0 ]+$/, "").trim();
  if (!/^[0-7]*$/.test(digits)) throw new Error(`a number of the header before byte ${at} is none`);
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** Records "LENGTH KEY=VALUE\n". @param {Buffer} body */
function paxRecords(body) {
  /** @type {Record<string, string>} */
  const records = {};
  for (let at = 0; at < body.length; ) {
    const length = Number.parseInt(body.toString("latin1", at, at + 20), 10);
    const record = body.toString("utf8", at, at + length);
    const match = /^\d+ ([^=]+)=([^]*)\n$/.exec(record);
    if (!(length > 0) || match === null) throw new Error("a pax record is damaged");
    if (match[1] === "path" || match[1] === "linkpath") records[match[1]] = match[2] ?? "";
    at += length;
  }
  return records;
}
