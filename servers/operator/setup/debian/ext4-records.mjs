// The records of an ext4 file system as bytes: superblock, group descriptor, inode, directory entries, the journal's superblock. Pure.
// Source: kernel documentation, filesystems/ext4 ("Super Block", "Block Group Descriptors", "Index Nodes", "Directory Entries", "Journal (jbd2)").

export const BLOCK = 4096;
export const INODE_BYTES = 256;
export const BLOCKS_PER_GROUP = 8 * BLOCK;
export const INODES_PER_GROUP = 8192;
export const GROUP_DESCRIPTOR_BYTES = 32;
/** Longest run of blocks that one extent describes, and how many of them an inode holds. */
export const EXTENT_BLOCKS = 32768;
export const EXTENTS = 4;
export const Inode = /** @type {const} */ ({ root: 2, journal: 8, first: 11 });
/** Bytes of a symbolic link's target that stand in the inode itself. */
export const FAST_LINK_BYTES = 59;

const EXTRA_BYTES = 32;
const EXTENTS_FLAG = 0x80000;
/** has_journal, ext_attr, dir_index; filetype, extents; sparse_super, large_file, dir_nlink, extra_isize. */
const FEATURES = /** @type {const} */ ({ compatible: 0x4 | 0x8 | 0x20, incompatible: 0x2 | 0x40, readOnlyCompatible: 0x1 | 0x2 | 0x20 | 0x40 });
/** Tells how hashes of names are computed: as if characters were unsigned. */
const UNSIGNED_HASH = 2;

export const FileType = /** @type {const} */ ({ file: { mode: 0o100000, entry: 1 }, directory: { mode: 0o040000, entry: 2 }, link: { mode: 0o120000, entry: 7 } });

/** @typedef {{ start: number, count: number }} Run  blocks that follow each other */

/**
 * @typedef {object} Geometry
 * @property {number} blocks
 * @property {number} groups
 * @property {number} freeBlocks
 * @property {number} freeInodes
 * @property {Buffer} uuid  16 bytes
 * @property {Buffer} hashSeed  16 bytes
 * @property {string} label  up to 16 characters of ASCII
 * @property {number} time  seconds since 1970
 * @property {Buffer} journalMap  i_block of the journal's inode, 60 bytes
 * @property {number} journalBytes
 */

/** @param {Geometry} geometry @param {number} group whose copy it is @returns {Buffer} 1024 bytes */
export function superblock({ blocks, groups, freeBlocks, freeInodes, uuid, hashSeed, label, time, journalMap, journalBytes }, group) {
  const bytes = Buffer.alloc(1024);
  const words = {
    0: groups * INODES_PER_GROUP, 4: blocks, 8: Math.floor(blocks / 20), 12: freeBlocks, 16: freeInodes, 20: 0,
    24: 2, 28: 2, 32: BLOCKS_PER_GROUP, 36: BLOCKS_PER_GROUP, 40: INODES_PER_GROUP, 48: time, 64: time, 76: 1, 84: Inode.first,
    92: FEATURES.compatible, 96: FEATURES.incompatible, 100: FEATURES.readOnlyCompatible, 224: Inode.journal, 256: 0xc, 264: time, 352: UNSIGNED_HASH,
    // A copy of the journal's place, should its inode be lost.
    332: journalBytes,
  };
  for (const [at, value] of Object.entries(words)) bytes.writeUInt32LE(value, Number(at));
  const halves = { 54: 0xffff, 56: 0xef53, 58: 1, 60: 1, 88: INODE_BYTES, 90: group, 348: EXTRA_BYTES, 350: EXTRA_BYTES };
  for (const [at, value] of Object.entries(halves)) bytes.writeUInt16LE(value, Number(at));
  uuid.copy(bytes, 104);
  bytes.write(label, 120, 16, "latin1");
  hashSeed.copy(bytes, 236);
  bytes[252] = 1; // half MD4
  bytes[253] = 1; // what stands at 268 is such a copy
  journalMap.copy(bytes, 268);
  return bytes;
}

/** @param {{ blockBitmap: number, inodeBitmap: number, inodeTable: number, freeBlocks: number, freeInodes: number, folders: number }} group @returns {Buffer} */
export function groupDescriptor({ blockBitmap, inodeBitmap, inodeTable, freeBlocks, freeInodes, folders }) {
  const bytes = Buffer.alloc(GROUP_DESCRIPTOR_BYTES);
  for (const [index, value] of [blockBitmap, inodeBitmap, inodeTable].entries()) bytes.writeUInt32LE(value, index * 4);
  for (const [index, value] of [freeBlocks, freeInodes, folders].entries()) bytes.writeUInt16LE(value, 12 + index * 2);
  return bytes;
}

/**
 * @param {{ mode: number, uid: number, gid: number, mtime: number, links: number, size: number, runs: readonly Run[], inline?: Buffer }} node
 *   mode with its type; inline: a short link's target, in place of runs
 * @returns {Buffer}
 */
export function inodeRecord({ mode, uid, gid, mtime, links, size, runs, inline }) {
  const bytes = Buffer.alloc(INODE_BYTES);
  bytes.writeUInt16LE(mode, 0);
  bytes.writeUInt16LE(uid & 0xffff, 2);
  bytes.writeUInt32LE(size % 2 ** 32, 4);
  for (const at of [8, 12, 16]) bytes.writeUInt32LE(mtime, at);
  bytes.writeUInt16LE(gid & 0xffff, 24);
  bytes.writeUInt16LE(links, 26);
  bytes.writeUInt32LE(runs.reduce((sum, { count }) => sum + count, 0) * (BLOCK / 512), 28);
  if (inline === undefined) bytes.writeUInt32LE(EXTENTS_FLAG, 32);
  (inline ?? blockMap(runs)).copy(bytes, 40);
  bytes.writeUInt32LE(Math.floor(size / 2 ** 32), 108);
  bytes.writeUInt16LE(uid >>> 16, 120);
  bytes.writeUInt16LE(gid >>> 16, 122);
  bytes.writeUInt16LE(EXTRA_BYTES, 128);
  bytes.writeUInt32LE(mtime, 144); // when it was made
  return bytes;
}

/** An extent tree that is one leaf. @param {readonly Run[]} runs up to four @returns {Buffer} 60 bytes */
export function blockMap(runs) {
  const bytes = Buffer.alloc(60);
  for (const [index, value] of [0xf30a, runs.length, EXTENTS, 0].entries()) bytes.writeUInt16LE(value, index * 2);
  let logical = 0;
  for (const [index, { start, count }] of runs.entries()) {
    const at = 12 + index * 12;
    bytes.writeUInt32LE(logical, at);
    bytes.writeUInt16LE(count, at + 4);
    bytes.writeUInt32LE(start, at + 8);
    logical += count;
  }
  return bytes;
}

/** @param {readonly { name: string, inode: number, type: number }[]} entries with `.` and `..` @returns {Buffer} whole blocks */
export function directoryBlocks(entries) {
  /** @type {Buffer[]} */
  const blocks = [];
  let block = Buffer.alloc(BLOCK), at = 0, last = 0;
  for (const { name, inode, type } of entries) {
    const text = Buffer.from(name), length = (8 + text.length + 3) & ~3;
    if (at + length > BLOCK) {
      block.writeUInt16LE(BLOCK - last, last + 4);
      blocks.push(block);
      block = Buffer.alloc(BLOCK);
      at = 0;
    }
    block.writeUInt32LE(inode, at);
    block.writeUInt16LE(length, at + 4);
    block[at + 6] = text.length;
    block[at + 7] = type;
    text.copy(block, at + 8);
    last = at;
    at += length;
  }
  block.writeUInt16LE(BLOCK - last, last + 4);
  return Buffer.concat([...blocks, block]);
}

/** The first block of an empty journal; its numbers are big-endian. @param {number} blocks @param {Buffer} uuid @returns {Buffer} */
export function journalSuperblock(blocks, uuid) {
  const bytes = Buffer.alloc(1024);
  for (const [index, value] of [0xc03b3998, 4, 0, BLOCK, blocks, 1, 1, 0].entries()) bytes.writeUInt32BE(value, index * 4);
  uuid.copy(bytes, 48);
  bytes.writeUInt32BE(1, 64);
  return bytes;
}
