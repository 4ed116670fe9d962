// How a message looks: the info word, the registers, the IPC buffer. Source: seL4 manual, "Message Passing";
// ours differs in one point: bit 31 of the info word is an error flag that only the kernel sets.

/** Words of a message that travel in registers a2..a5. */
export const REGISTER_WORDS = 4;
/** Most words of a message. */
export const MAX_WORDS = 120;
/** Most capabilities in a message. */
export const MAX_CAPS = 3;

/**
 * Info word (a1), 32 bits used, the rest 0:
 * length 0..120 in bits 0-6; capabilities 0..3 in bits 7-8; unwrapped mask in bits 9-11; label 0..2^19-1 in bits 12-30; error flag in bit 31.
 */
export const Info = {
  CAPS_SHIFT: 7,
  UNWRAPPED_SHIFT: 9,
  LABEL_SHIFT: 12,
  LENGTH_MASK: 0x7f,
  CAPS_MASK: 3,
  LABEL_MASK: 0x7ffff,
  ERROR: 0x8000_0000 | 0,
} as const;

/** An info word as a signed 32-bit number. Label 0..2^19-1, words 0..120, caps 0..3: higher bits are cut off. */
export function toInfo(label: number, words: number, caps = 0): number {
  return ((label & Info.LABEL_MASK) << Info.LABEL_SHIFT) | (caps << Info.CAPS_SHIFT) | words;
}
export const infoLabel = (info: number): number => (info >>> Info.LABEL_SHIFT) & Info.LABEL_MASK;
export const infoLength = (info: number): number => info & Info.LENGTH_MASK;
export const infoCaps = (info: number): number => (info >>> Info.CAPS_SHIFT) & Info.CAPS_MASK;
export const infoIsError = (info: number): boolean => info < 0;

/** The IPC buffer: 1 KiB of a frame, aligned to 1 KiB, in 64-bit words. */
export const IpcBuffer = {
  BYTES: 1024,
  /** How many slots from receiveIndex on may take received capabilities, 0..3 (seL4 has the tag here). */
  RECEIVE_COUNT: 0,
  /** Word n of the message, for n >= 4, stands at index WORDS + n. */
  WORDS: 1,
  USER_DATA: 121,
  /** Three CPtrs to send; on receipt, the badges of the unwrapped ones. */
  CAPS: 122,
  /** CPtr of the CNode, then index and depth in it, of the first receive slot. */
  RECEIVE_CNODE: 125,
  RECEIVE_INDEX: 126,
  RECEIVE_DEPTH: 127,
} as const;

/** Registers of a system call by number (RISC-V psABI: a0 is x10). */
export const Reg = {
  sp: 2,
  tp: 4,
  /** In: CPtr. Out: badge. */
  a0: 10,
  /** In and out: info word. */
  a1: 11,
  /** First of four message words. */
  a2: 12,
  /** In: CPtr of the reply object (Recv, NBRecv, ReplyRecv), 0 for none. */
  a6: 16,
  /** In: system call number. */
  a7: 17,
} as const;

/** Trap frames, shared by kernel and engines: pc in word 0, x1..x31, f0..f31, fcsr, then the engine's own. */
export const Frame = {
  BYTES: 704,
  WORDS: 88,
  PC: 0,
  F0: 32,
  FCSR: 64,
  SPACE: 65,
  CAUSE: 66,
  TVAL: 67,
  /** DebugBit; 0 for threads that nobody debugs. */
  DEBUG: 68,
  /** 0 as long as f0..f31 have never been anything but zero. Whoever writes into them sets it. */
  FLOATS: 69,
  /** From here on the kernel's own record of the thread (core/kernel/records.ts). */
  KERNEL: 72,
} as const;

/** The debug word of a trap frame. */
export const DebugBit = {
  Step: 1,
  Breakpoints: 2,
  /** The instruction at pc is executed even if a breakpoint stands there. The machine clears it. */
  Pass: 4,
  /** Memory that the operator's debugger watches. */
  Watch: 8,
} as const;
