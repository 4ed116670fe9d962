// ELF files of machine programs: checked, read, and told what they were given. Pure, and total: any bytes give a value or a named error.
//
// Invariants of a program that parseElf lets through:
//   E1  every byte of a segment comes from inside the file.
//   E2  segments lie in [AddressMap.TEXT, AddressMap.ENVIRONMENT), in ascending order, and no two share a page of 4 KiB.
//   E3  no segment is writable and executable; the entry point lies in an executable one.
// Source: System V ABI, chapters 4 and 5; RISC-V ELF psABI specification 1.0.
import { AddressMap, type UseRecord } from "./system.ts";

/** Rights of a segment, as in ELF's p_flags. */
export const SegmentRight = { Execute: 1, Write: 2, Read: 4 } as const;

/** A part of the program in memory: `fileBytes` bytes from `offset` of the file, then zeros up to `bytes`. */
export interface Segment {
  /** Virtual address, any alignment. */
  readonly address: number;
  /** In memory, at least 1 and at least fileBytes. */
  readonly bytes: number;
  readonly offset: number;
  readonly fileBytes: number;
  /** SegmentRight bits. */
  readonly rights: number;
}

export interface Section {
  readonly name: string;
  readonly address: number;
  readonly offset: number;
  readonly bytes: number;
}

export interface Elf {
  readonly entry: number;
  readonly segments: readonly Segment[];
  /** Sections that have bytes in the file; none when the file was stripped of its section table. */
  readonly sections: readonly Section[];
}

export type ElfErrorCode =
  | "notElf" | "truncated" | "not64Bit" | "bigEndian" | "wrongMachine" | "notExecutable" | "dynamic" | "badHeader" | "noSegments"
  | "segmentOutsideFile" | "segmentsOverlap" | "writableExecutable" | "outsideUserHalf" | "belowProgram" | "reservedAddress"
  | "badEntry" | "badSections" | "badUses" | "unwired" | "badRecord";

export interface ElfError {
  readonly code: ElfErrorCode;
  /** One sentence that names the values. */
  readonly message: string;
}

export type ElfResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ElfError };

const ok = <T>(value: T): ElfResult<T> => ({ ok: true, value });
const err = (code: ElfErrorCode, message: string): { readonly ok: false; readonly error: ElfError } => ({ ok: false, error: { code, message } });
const hex = (value: number): string => `0x${value.toString(16)}`;

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
const PAGE = 4096;
/** Sv39: user addresses have 38 bits. */
const USER_END = 2 ** 38;

/** e_ident and header values. */
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const TYPE_EXECUTABLE = 2;
const TYPES: Readonly<Record<number, string>> = { 0: "no type", 1: "an object file that was not linked", 3: "a shared object or position-independent executable", 4: "a core file" };
const MACHINE_RISCV = 243;
const MACHINES: Readonly<Record<number, string>> = { 2: "SPARC", 3: "x86", 8: "MIPS", 20: "PowerPC", 21: "PowerPC 64", 22: "S390", 40: "Arm", 43: "SPARC V9", 62: "x86-64", 183: "AArch64", 258: "LoongArch" };
const SEGMENT_LOAD = 1;
const SEGMENT_DYNAMIC = 2;
const SEGMENT_INTERPRETER = 3;
const SECTION_NO_BITS = 8;
const SECTION_NULL = 0;

/** A 64-bit field: values that no file can hold become Infinity, which fails every range check. */
function wide(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  return high >= 2 ** 20 ? Infinity : high * 2 ** 32 + view.getUint32(at, true);
}

/** Whether [offset, offset + bytes) lies inside `length` bytes. */
const within = (offset: number, bytes: number, length: number): boolean => offset <= length && bytes <= length - offset;

/** The program in an ELF file, checked (E1-E3). The file's bytes are looked at, not kept. */
export function parseElf(bytes: Uint8Array): ElfResult<Elf> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = checkHeader(view);
  if (!header.ok) return header;
  const segments = readSegments(view);
  if (!segments.ok) return segments;
  const entry = wide(view, 24);
  const home = segments.value.find(({ address, bytes: size }) => entry >= address && entry < address + size);
  if (home === undefined || (home.rights & SegmentRight.Execute) === 0 || entry % 2 !== 0) {
    return err("badEntry", `the entry point ${hex(entry)} is not an instruction in an executable segment`);
  }
  const sections = readSections(bytes, view);
  if (!sections.ok) return sections;
  return ok({ entry, segments: segments.value, sections: sections.value });
}

function checkHeader(view: DataView): ElfResult<null> {
  if (view.byteLength < 4 || view.getUint32(0) !== 0x7f45_4c46) return err("notElf", "it does not begin with ELF's magic number");
  if (view.byteLength < HEADER_BYTES) return err("truncated", `it ends inside the ELF header: ${view.byteLength} of ${HEADER_BYTES} bytes`);
  if (view.getUint8(4) !== CLASS_64) return err("not64Bit", "it is not a 64-bit ELF file");
  if (view.getUint8(5) !== LITTLE_ENDIAN) return err("bigEndian", "it is not little-endian");
  const machine = view.getUint16(18, true);
  if (machine !== MACHINE_RISCV) return err("wrongMachine", `it is for another machine (${MACHINES[machine] ?? `number ${machine}`}), not 64-bit RISC-V`);
  const type = view.getUint16(16, true);
  if (type !== TYPE_EXECUTABLE) return err("notExecutable", `it is ${TYPES[type] ?? `of type ${type}`}, not a static executable`);
  if (view.getUint16(54, true) !== PROGRAM_HEADER_BYTES) return err("badHeader", `its program headers have ${view.getUint16(54, true)} bytes instead of ${PROGRAM_HEADER_BYTES}`);
  return ok(null);
}

function readSegments(view: DataView): ElfResult<Segment[]> {
  const table = wide(view, 32);
  const count = view.getUint16(56, true);
  if (!within(table, count * PROGRAM_HEADER_BYTES, view.byteLength)) return err("truncated", `its ${count} program headers reach past the end of the file`);
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const at = table + i * PROGRAM_HEADER_BYTES;
    const type = view.getUint32(at, true);
    if (type === SEGMENT_INTERPRETER || type === SEGMENT_DYNAMIC) return err("dynamic", "it is dynamically linked; link it with -static");
    if (type !== SEGMENT_LOAD || wide(view, at + 40) === 0) continue;
    const segment = {
      rights: view.getUint32(at + 4, true) & 7,
      offset: wide(view, at + 8),
      address: wide(view, at + 16),
      fileBytes: wide(view, at + 32),
      bytes: wide(view, at + 40),
    };
    const problem = checkSegment(segment, i, view.byteLength);
    if (problem !== undefined) return problem;
    segments.push(segment);
  }
  if (segments.length === 0) return err("noSegments", "it has nothing to load");
  segments.sort((a, b) => a.address - b.address);
  for (let i = 1; i < segments.length; i++) {
    const [below, above] = [segments[i - 1]!, segments[i]!];
    if (Math.floor((below.address + below.bytes - 1) / PAGE) >= Math.floor(above.address / PAGE)) {
      return err("segmentsOverlap", `the segments at ${hex(below.address)} (${below.bytes} bytes) and ${hex(above.address)} share a page of ${PAGE} bytes`);
    }
  }
  return ok(segments);
}

function checkSegment(segment: Segment, index: number, fileLength: number): ReturnType<typeof err> | undefined {
  const { address, bytes, offset, fileBytes, rights } = segment;
  const name = `segment ${index} at ${hex(address)}`;
  if (fileBytes > bytes) return err("badHeader", `${name} has more bytes in the file than in memory`);
  if (!within(offset, fileBytes, fileLength)) return err("segmentOutsideFile", `${name} reaches past the end of the file`);
  if ((rights & SegmentRight.Write) !== 0 && (rights & SegmentRight.Execute) !== 0) return err("writableExecutable", `${name} is writable and executable`);
  if (!(address + bytes <= USER_END)) return err("outsideUserHalf", `${name} reaches beyond the ${hex(USER_END)} bytes a program can address`);
  if (address < AddressMap.TEXT) return err("belowProgram", `${name} lies below ${hex(AddressMap.TEXT)}, where programs begin`);
  if (address + bytes > AddressMap.ENVIRONMENT) return err("reservedAddress", `${name} reaches into the addresses from ${hex(AddressMap.ENVIRONMENT)} on, which are the stack's, the IPC buffer's and the devices'`);
  return undefined;
}

function readSections(bytes: Uint8Array, view: DataView): ElfResult<Section[]> {
  const table = wide(view, 40);
  const count = view.getUint16(60, true);
  if (table === 0 || count === 0) return ok([]);
  const bad = (what: string) => err("badSections", `its section table is damaged: ${what}`);
  if (view.getUint16(58, true) !== SECTION_HEADER_BYTES) return bad(`entries of ${view.getUint16(58, true)} bytes`);
  if (!within(table, count * SECTION_HEADER_BYTES, view.byteLength)) return bad("it reaches past the end of the file");
  const namesIndex = view.getUint16(62, true);
  if (namesIndex >= count) return bad("there is no table of names");
  const namesAt = wide(view, table + namesIndex * SECTION_HEADER_BYTES + 24);
  const namesBytes = wide(view, table + namesIndex * SECTION_HEADER_BYTES + 32);
  if (!within(namesAt, namesBytes, view.byteLength)) return bad("its names lie outside the file");
  const names = bytes.subarray(namesAt, namesAt + namesBytes);
  const sections: Section[] = [];
  for (let i = 0; i < count; i++) {
    const at = table + i * SECTION_HEADER_BYTES;
    const type = view.getUint32(at + 4, true);
    if (type === SECTION_NULL || type === SECTION_NO_BITS) continue;
    const nameAt = view.getUint32(at, true);
    const section = { name: text(names, nameAt, names.length), address: wide(view, at + 16), offset: wide(view, at + 24), bytes: wide(view, at + 32) };
    if (nameAt >= names.length) return bad(`section ${i} has no name`);
    if (!within(section.offset, section.bytes, view.byteLength)) return bad(`section ${i} (${section.name}) reaches past the end of the file`);
    sections.push(section);
  }
  return ok(sections);
}

/** The bytes up to the first zero, as Latin-1. */
function text(bytes: Uint8Array, from: number, to: number): string {
  const end = bytes.indexOf(0, from);
  return String.fromCharCode(...bytes.subarray(from, end < 0 || end > to ? to : end).subarray(0, 256));
}

// What a program declares with BW_USE, in section .bw_uses: entries of `struct bw_use` (servers/lib/c/include/bailiwick/program.h).

const USES_SECTION = ".bw_uses";
const USE_BYTES = 56;
const USE_NAME_BYTES = 24;
/** What a use that may be left out has before its name (BW_USE_OPTIONAL). */
const OPTIONAL = "?";
const USE_NUMBERS = ["cap", "address", "bytes", "badge"] as const satisfies readonly (keyof UseRecord)[];

/** Names of the uses a program declares, and where their entries are in the file, in the file's order: the compiler's, not the source's. */
function uses(bytes: Uint8Array): ElfResult<{ name: string; at: number; optional: boolean }[]> {
  const elf = parseElf(bytes);
  if (!elf.ok) return elf;
  const entries: { name: string; at: number; optional: boolean }[] = [];
  for (const section of elf.value.sections.filter(({ name }) => name === USES_SECTION)) {
    if (section.bytes % USE_BYTES !== 0) return err("badUses", `${USES_SECTION} has ${section.bytes} bytes, not a multiple of ${USE_BYTES}`);
    // Patching must reach what is loaded, and the program must find it where it was linked.
    const loaded = elf.value.segments.some(({ offset, fileBytes, address }) => section.offset >= offset && section.offset + section.bytes <= offset + fileBytes && section.offset - offset === section.address - address);
    if (!loaded && section.bytes > 0) return err("badUses", `${USES_SECTION} is not part of what is loaded`);
    for (let at = section.offset; at < section.offset + section.bytes; at += USE_BYTES) {
      const written = text(bytes, at, at + USE_NAME_BYTES);
      const optional = written.startsWith(OPTIONAL);
      const name = optional ? written.slice(OPTIONAL.length) : written;
      if (!/^[A-Za-z_][A-Za-z0-9_]{0,22}$/.test(name)) return err("badUses", `${USES_SECTION} has an entry without a proper name: ${JSON.stringify(written)}`);
      entries.push({ name, at, optional });
    }
  }
  return ok(entries);
}

/** Names of the uses a program declares, in the file's order, each once. */
export function declaredUses(bytes: Uint8Array): ElfResult<string[]> {
  const entries = uses(bytes);
  return entries.ok ? ok([...new Set(entries.value.map(({ name }) => name))]) : entries;
}

const isRecordNumber = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/**
 * A copy of the file with each declared use filled in from `wired`, by name. Entries of `wired` that the program does not declare are left out;
 * of uses that may be left out, those that `wired` lacks stay zero. Errors: `unwired` names every other declared use that `wired` lacks.
 */
export function patchUses(bytes: Uint8Array, wired: Readonly<Record<string, UseRecord>>): ElfResult<Uint8Array> {
  const entries = uses(bytes);
  if (!entries.ok) return entries;
  const byName = new Map(Object.entries(wired));
  const missing = entries.value.filter(({ name, optional }) => !optional && !byName.has(name)).map(({ name }) => name);
  if (missing.length > 0) return err("unwired", `the program uses ${missing.join(", ")}, which the manifest does not give it`);
  // A Buffer's own slice would be a view of the same memory.
  const patched = new Uint8Array(bytes);
  const view = new DataView(patched.buffer);
  for (const { name, at } of entries.value) {
    const record = byName.get(name);
    if (record === undefined) continue;
    for (const [i, field] of USE_NUMBERS.entries()) {
      if (!isRecordNumber(record[field])) return err("badRecord", `${field} of use ${name} is ${record[field]}, not an unsigned safe integer`);
      view.setBigUint64(at + USE_NAME_BYTES + 8 * i, BigInt(record[field]), true);
    }
  }
  return ok(patched);
}
