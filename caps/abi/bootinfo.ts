// What the kernel tells the root server: 64-bit words at the address in a0 when it starts.
// Everything that exists is named here by slot, and the root server holds all of it; there is nothing else to ask for.

export const BOOTINFO_MAGIC = 0x424c_574b; // "BLWK" in the low half of word 0
export const BOOTINFO_VERSION = 1;

/** Word offsets of the fixed part. */
export const BootInfo = {
  MAGIC: 0,
  VERSION: 1,
  /** log2 of the slots in the root CNode. Its guard makes CPtrs plain slot numbers. */
  CNODE_BITS: 2,
  EMPTY_FIRST: 3,
  EMPTY_COUNT: 4,
  UNTYPED_COUNT: 5,
  FILE_COUNT: 6,
  IOSPACE_COUNT: 7,
  /** Clock ticks a second. */
  TIMEBASE: 8,
  /** Entries follow, in this order: untypeds, files, I/O spaces. */
  ENTRIES: 16,
} as const;

/** An Untyped: slot, physical address, size in bits, 1 if device memory. */
export const UNTYPED_WORDS = 4;
/** A boot file: address where it is mapped read-only, bytes, first Frame slot, number of frames, frame size in bits, name (48 bytes, zero padded). */
export const FILE_WORDS = 11;
export const FILE_NAME_BYTES = 48;
/** An I/O space: slot, name of its device (24 bytes). */
export const IOSPACE_WORDS = 4;
