// Instructions of a machine program that read a clock: rdcycle, rdtime, rdinstret, the performance counters, in every form of csrr*. Who runs without
// them has no clock but what somebody's messages tell. Pure, and total: any bytes give a list or a named error.
//
//   CLK-1  Executable bytes are read at every address that an instruction can have, which is every even one: a jump may land in the middle of an instruction.
//          So constants among the instructions, and halves of two instructions that stand beside each other, are taken for what they would be.
// It says nothing of code that a program with memory to spare makes at run time.
// Source: RISC-V unprivileged ISA, chapters "Zicsr" and "Zicntr and Zihpm"; numbers of CSRs from the privileged ISA, table of unprivileged CSRs.
import { type Elf, type ElfResult, parseElf, type Section, SegmentRight } from "./elf.ts";

export interface ClockInstruction {
  readonly address: number;
  /** As an assembler has it, without the register that it goes to: rdcycle, csrr hpmcounter3, csrrw time. */
  readonly name: string;
  /** cycle, time, instret, hpmcounter3..31; with h behind it: the upper half of one, which a 64-bit machine does not have. */
  readonly counter: string;
}

const SYSTEM_OPCODE = 0x73;
/** By funct3; the two that are missing are no access to a CSR. */
const CSR_OPERATIONS = ["", "csrrw", "csrrs", "csrrc", "", "csrrwi", "csrrsi", "csrrci"] as const;
const COUNTERS = ["cycle", "time", "instret"] as const;

/** The name of the counter that is this CSR: 0xc00..0xc1f, and 0xc80..0xc9f for the upper halves. */
function counterName(csr: number): string | undefined {
  if ((csr & 0xf60) !== 0xc00) return undefined;
  const number = csr & 0x1f;
  return `${COUNTERS[number] ?? `hpmcounter${number}`}${(csr & 0x80) === 0 ? "" : "h"}`;
}

/** What the word is as an instruction, if it reads a counter. */
function decode(word: number): Omit<ClockInstruction, "address"> | undefined {
  if ((word & 0x7f) !== SYSTEM_OPCODE) return undefined;
  const operation = CSR_OPERATIONS[(word >>> 12) & 7] ?? "";
  if (operation === "") return undefined;
  const counter = counterName(word >>> 20);
  if (counter === undefined) return undefined;
  // csrrs with x0 only reads, and has names of its own.
  if (operation !== "csrrs" || ((word >>> 15) & 31) !== 0) return { name: `${operation} ${counter}`, counter };
  return { name: counter.startsWith("hpm") ? `csrr ${counter}` : `rd${counter}`, counter };
}

/** All of them in a program, in ascending order (CLK-1). Errors: those of parseElf. */
export function clockInstructions(bytes: Uint8Array): ElfResult<ClockInstruction[]> {
  const elf = parseElf(bytes);
  if (!elf.ok) return elf;
  const found: ClockInstruction[] = [];
  const look = (address: number, word: number): void => {
    const instruction = decode(word);
    if (instruction !== undefined) found.push({ address, ...instruction });
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** Where the last executable segment ends whose bytes all stand in the file, and its last two bytes. */
  let last = { end: -1, half: 0 };
  for (const { address, bytes: size, offset, fileBytes, rights } of elf.value.segments) {
    if ((rights & SegmentRight.Execute) === 0) continue;
    // An instruction may begin in one segment and end in the next. No two share a page, so segments that touch do it at an even address.
    if (address === last.end && fileBytes >= 2) look(address - 2, last.half + view.getUint16(offset, true) * 2 ** 16);
    for (let at = address % 2; at + 4 <= fileBytes; at += 2) look(address + at, view.getUint32(offset + at, true));
    // Zeros behind what the file has end no instruction that matters, as its upper half names the counter.
    last = fileBytes === size && size >= 2 ? { end: address + size, half: view.getUint16(offset + size - 2, true) } : { end: -1, half: 0 };
  }
  return { ok: true, value: found };
}

/** Where in a program an address is, as far as the file says. */
export interface Whereabouts {
  readonly section?: string;
  /** The function that it is in. */
  readonly symbol?: string;
  /** Read from the function's beginning, no instruction begins there: it is a piece of one, or of two. */
  readonly midway: boolean;
}

const SYMBOL_BYTES = 24;
const SYMBOL_FUNCTION = 2;
/** Names are shown to people: none that could drive a terminal. */
const SHOWN = /^[\w.$@-]{1,64}$/;

export function whereabouts(bytes: Uint8Array, elf: Elf, address: number): Whereabouts {
  const holds = (section: Section): boolean => section.address > 0 && address >= section.address && address < section.address + section.bytes;
  const section = elf.sections.find(holds);
  const shown = section !== undefined && SHOWN.test(section.name) ? { section: section.name } : {};
  const symbol = functionAt(bytes, elf, address);
  if (symbol === undefined) return { ...shown, midway: false };
  const midway = section !== undefined && symbol.address >= section.address && !beginsAt(bytes, section, symbol.address, address);
  return { ...shown, ...(SHOWN.test(symbol.name) ? { symbol: symbol.name } : {}), midway };
}

/** By the symbol table, whose entries are `st_name, st_info, st_other, st_shndx, st_value, st_size`. */
function functionAt(bytes: Uint8Array, elf: Elf, address: number): { readonly name: string; readonly address: number } | undefined {
  const [table, names] = [".symtab", ".strtab"].map((name) => elf.sections.find((section) => section.name === name));
  if (table === undefined || names === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = table.offset; at + SYMBOL_BYTES <= table.offset + table.bytes; at += SYMBOL_BYTES) {
    const [value, size] = [view.getBigUint64(at + 8, true), view.getBigUint64(at + 16, true)];
    if ((view.getUint8(at + 4) & 15) !== SYMBOL_FUNCTION || BigInt(address) < value || BigInt(address) >= value + size) continue;
    const nameAt = view.getUint32(at, true);
    const name = bytes.subarray(names.offset, names.offset + names.bytes).subarray(nameAt, nameAt + 65);
    const end = name.indexOf(0);
    return { name: String.fromCharCode(...name.subarray(0, end < 0 ? name.length : end)), address: Number(value) };
  }
  return undefined;
}

/** Whether an instruction begins at `address` when those from `from` on are read one after another. */
function beginsAt(bytes: Uint8Array, section: Section, from: number, address: number): boolean {
  let at = from;
  // The two low bits say how long one is.
  while (at < address) at += (bytes[section.offset + at - section.address]! & 3) === 3 ? 4 : 2;
  return at === address;
}
