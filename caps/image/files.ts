// The boot image as it lies in RAM: named files, each in frames of one size. What the boot maps for the root server follows from a file's length alone.
import { BIG_FILE_BYTES, type ResolvedSystem } from "./system.ts";

export const SMALL_FRAME_BITS = 12;
export const BIG_FRAME_BITS = 21;
/** Bytes of a file's name in bootinfo, without a terminator. */
export const MAX_FILE_NAME = 48;

/** The boot file of a program that is no component, but read by some, and its name back: undefined for another file. */
export const carriedFile = (name: string): string => `program/${name}.elf`;
export const carriedName = (file: string): string | undefined => /^program\/(.+)\.elf$/.exec(file)?.[1];

/** log2 of the size of the frames that a file of this length lies in. */
export const frameBits = (bytes: number): number => (bytes >= BIG_FILE_BYTES ? BIG_FRAME_BITS : SMALL_FRAME_BITS);

/** Bytes of RAM a file takes: whole frames, at least one. */
export function footprint(bytes: number): number {
  const frame = 2 ** frameBits(bytes);
  return Math.max(1, Math.ceil(bytes / frame)) * frame;
}

/** Bytes of RAM that the components and guests of a system take, without files and kernel. */
export function systemBytes(system: ResolvedSystem): number {
  let sum = 0;
  for (const { memory, uses } of system.components) {
    sum += memory;
    for (const use of uses) if (use.kind === "ram") sum += use.bytes;
  }
  return sum;
}
