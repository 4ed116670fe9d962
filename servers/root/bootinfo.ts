// What the kernel tells the root server, read once. Layout: caps/abi/bootinfo.ts.
import { BOOTINFO_MAGIC, BOOTINFO_VERSION, BootInfo, FILE_NAME_BYTES, FILE_WORDS, IOSPACE_WORDS, UNTYPED_WORDS } from "../../caps/abi/bootinfo.ts";
import type { Memory } from "../lib/ts/sdk.ts";

export interface BootUntyped {
  readonly slot: number;
  readonly physical: number;
  readonly bits: number;
  readonly device: boolean;
}

/** A boot file, mapped read-only in the root server's VSpace. */
export interface BootFileEntry {
  readonly name: string;
  readonly address: number;
  readonly bytes: number;
  /** Its frames are in `frames` slots from `slot` on, 2^bits bytes each. */
  readonly slot: number;
  readonly frames: number;
  readonly bits: number;
}

export interface Boot {
  readonly cnodeBits: number;
  readonly emptyFirst: number;
  readonly emptyCount: number;
  readonly untypeds: readonly BootUntyped[];
  readonly files: ReadonlyMap<string, BootFileEntry>;
  /** Slots by device name. */
  readonly ioSpaces: ReadonlyMap<string, number>;
}

/** @throws Error when it is not the bootinfo of a kernel this root server knows. */
export function readBootinfo(mem: Memory, address: number): Boot {
  const word = (index: number): number => Number(mem.load64(address + 8 * index));
  const text = (index: number, most: number): string => {
    const bytes = mem.read(address + 8 * index, most);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  };
  if (word(BootInfo.MAGIC) !== BOOTINFO_MAGIC) throw new Error("bootinfo does not begin with its magic number");
  if (word(BootInfo.VERSION) !== BOOTINFO_VERSION) throw new Error(`bootinfo has version ${word(BootInfo.VERSION)}, not ${BOOTINFO_VERSION}`);
  let at: number = BootInfo.ENTRIES;
  const entries = <T>(count: number, words: number, read: (at: number) => T): T[] =>
    Array.from({ length: count }, () => {
      const entry = read(at);
      at += words;
      return entry;
    });
  const untypeds = entries(word(BootInfo.UNTYPED_COUNT), UNTYPED_WORDS, (i) => ({ slot: word(i), physical: word(i + 1), bits: word(i + 2), device: word(i + 3) === 1 }));
  const files = entries(word(BootInfo.FILE_COUNT), FILE_WORDS, (i) => ({
    address: word(i), bytes: word(i + 1), slot: word(i + 2), frames: word(i + 3), bits: word(i + 4), name: text(i + 5, FILE_NAME_BYTES),
  }));
  const ioSpaces = entries(word(BootInfo.IOSPACE_COUNT), IOSPACE_WORDS, (i) => ({ slot: word(i), name: text(i + 1, 8 * (IOSPACE_WORDS - 1)) }));
  return {
    cnodeBits: word(BootInfo.CNODE_BITS),
    emptyFirst: word(BootInfo.EMPTY_FIRST),
    emptyCount: word(BootInfo.EMPTY_COUNT),
    untypeds,
    files: new Map(files.map((file) => [file.name, file])),
    ioSpaces: new Map(ioSpaces.map((space) => [space.name, space.slot])),
  };
}
