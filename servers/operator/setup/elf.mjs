// What an ELF file asks for: the shared libraries of a program, the other modules of a kernel module. Pure. Source: System V ABI, chapters 4
// and 5 (64-bit, little-endian); for modules the .modinfo section, a run of NUL-ended `name=value` strings.

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;

/**
 * @param {Buffer} bytes
 * @returns {{ interpreter: string | undefined, libraries: string[] }} nothing for a static program
 */
export function neededLibraries(bytes) {
  if (bytes.toString("latin1", 0, 4) !== "\x7fELF" || bytes[4] !== 2 || bytes[5] !== 1) throw new Error("not a 64-bit little-endian ELF file");
  const table = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  const segments = Array.from({ length: bytes.readUInt16LE(56) }, (_, index) => {
    const at = table + index * size;
    return {
      type: bytes.readUInt32LE(at),
      offset: Number(bytes.readBigUInt64LE(at + 8)),
      address: Number(bytes.readBigUInt64LE(at + 16)),
      length: Number(bytes.readBigUInt64LE(at + 32)),
    };
  });
  const text = (/** @type {number} */ at) => bytes.toString("latin1", at, bytes.indexOf(0, at));
  const interpreter = segments.find(({ type }) => type === PT_INTERP);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  /** @type {number[]} */
  const names = [];
  let strings = 0;
  for (let at = dynamic?.offset ?? 0; dynamic !== undefined && at < dynamic.offset + dynamic.length; at += 16) {
    const tag = bytes.readBigUInt64LE(at);
    const value = Number(bytes.readBigUInt64LE(at + 8));
    if (tag === DT_NEEDED) names.push(value);
    if (tag === DT_STRTAB) {
      const segment = segments.find(({ type, address, length }) => type === PT_LOAD && value >= address && value < address + length);
      strings = segment === undefined ? 0 : value - segment.address + segment.offset;
    }
  }
  return { interpreter: interpreter && text(interpreter.offset), libraries: names.map((name) => text(strings + name)) };
}

/**
 * @param {Buffer} bytes a kernel module, not compressed
 * @returns {string[]} names of the modules that must be loaded before it
 * @throws {Error} when it is none
 */
export function moduleDependencies(bytes) {
  const at = bytes.indexOf("\0depends=");
  if (at < 0) throw new Error("not a kernel module: no `depends` in its .modinfo");
  const start = at + "\0depends=".length;
  return bytes.toString("latin1", start, bytes.indexOf(0, start)).split(",").filter(Boolean);
}

/** A module's name as the kernel says it: file names may have hyphens. @param {string} name */
export function moduleName(name) {
  return name.replaceAll("-", "_");
}
