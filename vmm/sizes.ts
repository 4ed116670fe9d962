// Sizes, and how they are said.
export const KIB = 1024;
export const MIB = 1024 * KIB;
export const PAGE = 4 * KIB;

/** `to` is a power of two. */
export const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;
export const roundDown = (value: number, to: number): number => Math.floor(value / to) * to;
/** "31 MiB", rounded up; below 1 MiB "200 KiB". */
export const sizeText = (bytes: number): string => (bytes >= MIB ? `${Math.ceil(bytes / MIB)} MiB` : `${Math.ceil(bytes / KIB)} KiB`);
