// Writes an ext4 file system with all its files into an image: the same tree, the same bytes, whichever e2fsprogs a machine has, or none. No rights are needed, and
// owners are the tree's.
//
// It is what mke2fs would make without checksums of metadata and without room reserved for more group descriptors; the kernel can still grow it to 16 GiB, as one block
// of descriptors is enough until there. Everything is laid out in the order of paths: a file's blocks follow each other, but where a group's own blocks lie between.
import { createHash } from "node:crypto";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { SetupFailure } from "../failure.mjs";
import {
  BLOCK, BLOCKS_PER_GROUP, blockMap, directoryBlocks, EXTENT_BLOCKS, EXTENTS, FAST_LINK_BYTES, FileType, GROUP_DESCRIPTOR_BYTES, groupDescriptor, Inode, INODE_BYTES, inodeRecord,
  INODES_PER_GROUP, journalSuperblock, superblock,
} from "./ext4-records.mjs";

/**
 * @typedef {object} TreeNode
 * @property {"file" | "directory" | "link"} kind
 * @property {number} mode  the 12 permission bits
 * @property {number} uid
 * @property {number} gid
 * @property {number} mtime  seconds since 1970
 * @property {Buffer} body  of a file; of a link its target
 * @property {string} [sameAs]  the path of a file, not itself such: another name of it (a hard link)
 * @typedef {Map<string, TreeNode>} Tree  by absolute path, "" for the root; every folder is there
 */

const JOURNAL_BLOCKS = 8192;
const TABLE_BLOCKS = INODES_PER_GROUP * INODE_BYTES / BLOCK;

/**
 * @param {string} file to write; what it held is gone
 * @param {Tree} tree
 * @param {{ bytes: number, time: number, label: string, name: string }} options bytes: of the image, a multiple of 4096, 64 MiB to 16 GiB; time: seconds since 1970, for the
 *   file system itself; label: 16 characters; name: anything that its identifiers follow from
 * @throws {SetupFailure} when the tree does not fit, has what cannot be described, or the host's disk is full
 */
export function writeExt4(file, tree, { bytes, time, label, name }) {
  const blocks = bytes / BLOCK;
  const groups = Math.ceil(blocks / BLOCKS_PER_GROUP);
  if (!Number.isInteger(blocks) || bytes < 64 * 2 ** 20 || groups * GROUP_DESCRIPTOR_BYTES > BLOCK) throw new SetupFailure(`a file system of ${bytes} bytes cannot be made here`);
  const identifier = (/** @type {string} */ what) => createHash("sha256").update(`${what} ${name}`).digest().subarray(0, 16);
  const uuid = identifier("uuid");
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x40;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;

  /** @param {number} group */
  const isBackup = (group) => group < 2 || [3, 5, 7].some((base) => Number.isInteger(+(Math.log(group) / Math.log(base)).toFixed(9)));
  /** First block behind what is the group's own. @param {number} group */
  const head = (group) => group * BLOCKS_PER_GROUP + (isBackup(group) ? 2 : 0);
  /** @param {number} group */
  const dataStart = (group) => head(group) + 2 + TABLE_BLOCKS;
  if (dataStart(groups - 1) >= blocks) throw new SetupFailure(`a file system of ${bytes} bytes ends within a group's own blocks: take some MiB more or less`);

  const output = openSync(file, "w", 0o644);
  let next = dataStart(0);
  const usedBlocks = new Array(groups).fill(0), folders = new Array(groups).fill(0);
  /** @param {Buffer} data @param {number} block */
  const put = (data, block, offset = 0) => {
    for (let done = 0; done < data.length; ) done += writeSync(output, data, done, data.length - done, block * BLOCK + offset + done);
  };
  /** @param {number} count @param {string} path @returns {import("./ext4-records.mjs").Run[]} */
  const take = (count, path) => {
    const runs = [];
    for (let left = count; left > 0; ) {
      let group = Math.floor(next / BLOCKS_PER_GROUP);
      if (group < groups && next < dataStart(group)) next = dataStart(group);
      const end = Math.min((group + 1) * BLOCKS_PER_GROUP, blocks);
      if (next >= blocks) throw new SetupFailure(`the file system of ${bytes} bytes is too small: ${path} does not fit`);
      const run = { start: next, count: Math.min(left, end - next, EXTENT_BLOCKS) };
      runs.push(run);
      usedBlocks[group] += run.count;
      next += run.count;
      left -= run.count;
    }
    if (runs.length > EXTENTS) throw new SetupFailure(`${path} is too large: it would take ${runs.length} runs of blocks`);
    return runs;
  };
  /** @param {Buffer} data @param {string} path */
  const store = (data, path) => {
    const runs = take(Math.ceil(data.length / BLOCK), path);
    let at = 0;
    for (const { start, count } of runs) {
      put(data.subarray(at, at + count * BLOCK), start);
      at += count * BLOCK;
    }
    return runs;
  };
  /** @param {number} inode @param {Parameters<typeof inodeRecord>[0]} node */
  const putInode = (inode, node) => {
    const index = (inode - 1) % INODES_PER_GROUP, group = Math.floor((inode - 1) / INODES_PER_GROUP);
    put(inodeRecord(node), head(group) + 2, index * INODE_BYTES);
  };

  try {
    ftruncateSync(output, bytes);
    const journal = take(JOURNAL_BLOCKS, "its journal");
    put(journalSuperblock(JOURNAL_BLOCKS, uuid), journal[0]?.start ?? 0);
    putInode(Inode.journal, { mode: FileType.file.mode | 0o600, uid: 0, gid: 0, mtime: time, links: 1, size: JOURNAL_BLOCKS * BLOCK, runs: journal });

    const whole = withLostAndFound(tree, time);
    const { inodes, children, links, lastInode } = arrange(whole);
    if (lastInode > groups * INODES_PER_GROUP) throw new SetupFailure(`the file system of ${bytes} bytes is too small: it has no room for ${lastInode} files`);
    for (const [path, node] of whole) {
      const inode = inodes.get(path);
      if (inode === undefined) throw new SetupFailure(`the tree lacks what ${path} is another name of`);
      if (node.sameAs !== undefined) continue;
      const { uid, gid, mtime } = node, mode = FileType[node.kind].mode | node.mode;
      if (node.kind === "directory") {
        folders[Math.floor((inode - 1) / INODES_PER_GROUP)]++;
        const list = (children.get(path) ?? []).map((child) => {
          return { name: child.slice(path.length + 1), inode: inodes.get(child) ?? 0, type: FileType[whole.get(child)?.kind ?? "file"].entry };
        });
        const parent = inodes.get(parentOf(path)) ?? Inode.root;
        const data = directoryBlocks([{ name: ".", inode, type: 2 }, { name: "..", inode: parent, type: 2 }, ...list]);
        putInode(inode, { mode, uid, gid, mtime, size: data.length, links: 2 + list.filter(({ type }) => type === 2).length, runs: store(data, path) });
      } else if (node.kind === "link" && node.body.length <= FAST_LINK_BYTES) {
        putInode(inode, { mode, uid, gid, mtime, size: node.body.length, links: 1, runs: [], inline: node.body });
      } else {
        putInode(inode, { mode, uid, gid, mtime, size: node.body.length, links: links.get(path) ?? 1, runs: store(node.body, path) });
      }
    }
    finish(lastInode, journal);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOSPC") throw new SetupFailure(`the disk is full: ${file} cannot be written`, "make room, or set BAILIWICK_CACHE to a folder elsewhere");
    throw error;
  } finally {
    closeSync(output);
  }

  /** Bitmaps, descriptors, superblocks. @param {number} lastInode @param {import("./ext4-records.mjs").Run[]} journal */
  function finish(lastInode, journal) {
    const descriptors = Buffer.alloc(BLOCK);
    let freeBlocks = 0, freeInodes = 0;
    for (let group = 0; group < groups; group++) {
      const start = group * BLOCKS_PER_GROUP, size = Math.min(BLOCKS_PER_GROUP, blocks - start);
      const used = dataStart(group) - start + usedBlocks[group];
      const usedInodes = Math.min(Math.max(lastInode - group * INODES_PER_GROUP, 0), INODES_PER_GROUP);
      put(bitmap(used, size), head(group));
      put(bitmap(usedInodes, INODES_PER_GROUP), head(group) + 1);
      groupDescriptor({
        blockBitmap: head(group), inodeBitmap: head(group) + 1, inodeTable: head(group) + 2, freeBlocks: size - used, freeInodes: INODES_PER_GROUP - usedInodes, folders: folders[group],
      }).copy(descriptors, group * GROUP_DESCRIPTOR_BYTES);
      freeBlocks += size - used;
      freeInodes += INODES_PER_GROUP - usedInodes;
    }
    const hashSeed = identifier("hash seed"), journalMap = blockMap(journal), journalBytes = JOURNAL_BLOCKS * BLOCK;
    const geometry = { blocks, groups, freeBlocks, freeInodes, uuid, hashSeed, label, time, journalMap, journalBytes };
    for (let group = 0; group < groups; group++) {
      if (!isBackup(group)) continue;
      put(superblock(geometry, group), group * BLOCKS_PER_GROUP, group === 0 ? 1024 : 0);
      put(descriptors, group * BLOCKS_PER_GROUP + 1);
    }
  }
}

/** A block whose first `used` bits are set, and those that stand for nothing. @param {number} used @param {number} size */
function bitmap(used, size) {
  const bytes = Buffer.alloc(BLOCK);
  for (let bit = 0; bit < BLOCK * 8; bit++) if (bit < used || bit >= size) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7));
  return bytes;
}

/** @param {string} path */
const parentOf = (path) => path.slice(0, Math.max(path.lastIndexOf("/"), 0));

/** In the order of paths, by code units, with the folder that fsck puts into what it finds. @param {Tree} tree @param {number} time @returns {Tree} */
function withLostAndFound(tree, time) {
  /** @type {Tree} */
  const whole = new Map(tree);
  whole.set("/lost+found", { kind: "directory", mode: 0o700, uid: 0, gid: 0, mtime: time, body: Buffer.alloc(0) });
  return new Map([...whole].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Numbers, and who is in whose folder.
 * @param {Tree} tree in order
 * @throws {SetupFailure} for a tree that is none
 */
function arrange(tree) {
  /** @type {Map<string, number>} */
  const inodes = new Map([["", Inode.root]]);
  /** @type {Map<string, string[]>} */
  const children = new Map();
  /** @type {Map<string, number>} */
  const links = new Map();
  // The first that is not reserved is lost+found's, as everywhere.
  let lastInode = Inode.first;
  inodes.set("/lost+found", lastInode);
  if (tree.get("")?.kind !== "directory") throw new SetupFailure("the tree has no root");
  for (const [path, node] of tree) {
    if (path !== "") {
      const parent = parentOf(path);
      if (tree.get(parent)?.kind !== "directory") throw new SetupFailure(`the tree has ${path} in no folder`);
      if (Buffer.byteLength(path) - Buffer.byteLength(parent) - 1 > 255) throw new SetupFailure(`the name of ${path} is too long`);
      const siblings = children.get(parent) ?? [];
      siblings.push(path);
      children.set(parent, siblings);
    }
    if (node.sameAs === undefined && !inodes.has(path)) inodes.set(path, ++lastInode);
  }
  for (const [path, { kind, sameAs }] of tree) {
    if (sameAs === undefined) continue;
    const inode = inodes.get(sameAs);
    if (kind !== "file" || inode === undefined || tree.get(sameAs)?.kind !== "file") throw new SetupFailure(`the tree lacks what ${path} is another name of`);
    inodes.set(path, inode);
    links.set(sameAs, (links.get(sameAs) ?? 1) + 1);
  }
  return { inodes, children, links, lastInode };
}
