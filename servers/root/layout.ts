// What a component's address space holds and which kernel objects it takes, decided before anything is made. Pure.
import { parseElf, SegmentRight } from "../../caps/image/elf.ts";
import { AddressMap, type ResolvedComponent, type ResolvedUse, useRecords } from "../../caps/image/system.ts";
import { MapRights } from "../lib/ts/objects.ts";
import type { BootFileEntry } from "./bootinfo.ts";
import { argumentStrings, type ClientName } from "./arguments.ts";
import { StartFailure } from "./failure.ts";
import type { Need } from "./memory.ts";

export const PAGE = 4096;
export const LARGE = 0x20_0000;
const GIGA = 2 ** 30;
/** Room for a machine program's arguments, up to the end of their 2 MiB. */
const ARGUMENT_BYTES = LARGE - (AddressMap.ARGUMENTS % LARGE);
/** log2 of the slots of a component's CSpace. */
export const cspaceBits = ({ slots }: ResolvedComponent): number => Math.log2(slots);

/** Fresh 4 KiB frames; what is not filled is zero. */
export interface Area {
  readonly address: number;
  readonly pages: number;
  /** One of MapRights. */
  readonly rights: number;
  /** Bytes of a boot file (an address in the root server's VSpace) or of this program's, to stand `offset` bytes into the area. */
  readonly fill?: { readonly offset: number } & ({ readonly from: number; readonly bytes: number } | { readonly data: Uint8Array });
}

/** A boot file's own frames, mapped once more. */
export interface Shared {
  readonly address: number;
  readonly file: BootFileEntry;
  readonly rights: number;
}

export type Start = { readonly kind: "machine"; readonly entry: number } | { readonly kind: "hosted"; readonly text: number; readonly textBytes: number; readonly environmentBytes: number };

export interface Layout {
  readonly start: Start;
  readonly areas: readonly Area[];
  readonly shared: readonly Shared[];
  /** Addresses to map page tables at, one table each, in this order. */
  readonly tables: readonly number[];
  /** Objects taken from the component's memory. */
  readonly needs: readonly Need[];
}

const pagesFor = (bytes: number): number => Math.ceil(bytes / PAGE);

/**
 * @param files the boot's files by name
 * @param read the bytes of one
 * @param clients who uses what the component offers
 * @throws StartFailure when a file is missing or is no program
 */
export function layOut(component: ResolvedComponent, files: ReadonlyMap<string, BootFileEntry>, read: (file: BootFileEntry) => Uint8Array, clients: readonly ClientName[] = []): Layout {
  const find = (name: string): BootFileEntry => {
    const file = files.get(name);
    if (file === undefined) throw new StartFailure(`component ${component.name}: the boot image has no file ${name}`);
    return file;
  };
  const program = find(component.program.file);
  const areas: Area[] = [{ address: AddressMap.IPC_BUFFER, pages: 1, rights: MapRights.ReadWrite }];
  const shared: Shared[] = [];
  const start = component.program.kind === "machine" ? layOutMachine(component, program, read(program), areas, clients) : layOutHosted(component, program, areas, shared);
  for (const use of component.uses) {
    if (use.kind === "file" && use.bytes > 0) shared.push({ address: use.address, file: find(use.file), rights: MapRights.Read });
  }
  const tables = tablesFor([...mappings(component.uses), ...areas.map(({ address, pages }) => ({ address, bytes: pages * PAGE, large: false })), ...shared.map(toMapping)]);
  return { start, areas, shared, tables, needs: needsOf(component, areas, tables.length) };
}

function layOutMachine(component: ResolvedComponent, file: BootFileEntry, bytes: Uint8Array, areas: Area[], clients: readonly ClientName[]): Start {
  const elf = parseElf(bytes);
  if (!elf.ok) throw new StartFailure(`component ${component.name}: ${file.name} is not a program of this machine: ${elf.error.message}`);
  for (const segment of elf.value.segments) {
    const offset = segment.address % PAGE;
    const rights = (segment.rights & SegmentRight.Execute) !== 0 ? MapRights.ReadExecute : (segment.rights & SegmentRight.Write) !== 0 ? MapRights.ReadWrite : MapRights.Read;
    const fill = segment.fileBytes > 0 ? { fill: { offset, from: file.address + segment.offset, bytes: segment.fileBytes } } : {};
    areas.push({ address: segment.address - offset, pages: pagesFor(offset + segment.bytes), rights, ...fill });
  }
  const stack = pagesFor(component.stack);
  areas.push({ address: AddressMap.STACK_TOP - stack * PAGE, pages: stack, rights: MapRights.ReadWrite });
  const data = argumentStrings(component, clients);
  if (data.length > ARGUMENT_BYTES) throw new StartFailure(`component ${component.name}: its args are ${data.length} bytes long as strings; a machine program takes ${ARGUMENT_BYTES}`);
  areas.push({ address: AddressMap.ARGUMENTS, pages: pagesFor(data.length), rights: MapRights.Read, fill: { offset: 0, data } });
  return { kind: "machine", entry: elf.value.entry };
}

/** The text is the boot file itself, executable where it is mapped; only a file of large frames, which fit nowhere else, is copied. */
function layOutHosted(component: ResolvedComponent, file: BootFileEntry, areas: Area[], shared: Shared[]): Start {
  if (AddressMap.TEXT + file.bytes > AddressMap.ENVIRONMENT) throw new StartFailure(`component ${component.name}: the text of ${file.name} is too long`);
  if (file.bits === 12) shared.push({ address: AddressMap.TEXT, file, rights: MapRights.ReadExecute });
  else areas.push({ address: AddressMap.TEXT, pages: pagesFor(file.bytes), rights: MapRights.ReadExecute, fill: { offset: 0, from: file.address, bytes: file.bytes } });
  const data = environment(component);
  areas.push({ address: AddressMap.ENVIRONMENT, pages: pagesFor(data.length), rights: MapRights.Read, fill: { offset: 0, data } });
  return { kind: "hosted", text: AddressMap.TEXT, textBytes: file.bytes, environmentBytes: data.length };
}

/** What a hosted program finds as `env`, beside its system calls: JSON in UTF-8 (caps/abi/hosted.ts, HostedEnvironment). */
export function environment(component: ResolvedComponent): Uint8Array {
  const { name, slots, uses, offers, args } = component;
  return new TextEncoder().encode(JSON.stringify({ name, slots, use: useRecords(uses), offers: offers.map((offer) => offer.name), args }));
}

interface Mapping {
  readonly address: number;
  readonly bytes: number;
  /** In frames of 2 MiB. */
  readonly large: boolean;
}

const toMapping = ({ address, file }: Shared): Mapping => ({ address, bytes: file.frames * 2 ** file.bits, large: file.bits !== 12 });

function mappings(uses: readonly ResolvedUse[]): Mapping[] {
  return uses.flatMap((use): Mapping[] => {
    if (use.kind === "device") return [{ address: use.address, bytes: use.bytes, large: false }];
    if (use.kind === "ram") return [{ address: use.address, bytes: use.bytes, large: true }];
    return [];
  });
}

/** One table for each GiB touched, then one for each 2 MiB mapped in 4 KiB pages: the order the kernel puts them in. */
function tablesFor(all: readonly Mapping[]): number[] {
  const multiples = (mapping: Mapping, unit: number): number[] => {
    const first = Math.floor(mapping.address / unit);
    const last = Math.floor((mapping.address + mapping.bytes - 1) / unit);
    return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * unit);
  };
  const unique = (addresses: number[]): number[] => [...new Set(addresses)].sort((a, b) => a - b);
  const touched = all.filter(({ bytes }) => bytes > 0);
  return [...unique(touched.flatMap((m) => multiples(m, GIGA))), ...unique(touched.filter((m) => !m.large).flatMap((m) => multiples(m, LARGE)))];
}

function needsOf(component: ResolvedComponent, areas: readonly Area[], tables: number): Need[] {
  const one = (kind: Need["kind"], sizeBits = 0): Need => ({ kind, sizeBits, count: 1 });
  return [
    one("CNode", cspaceBits(component)), one("TCB"), one("VSpace"), one("SchedContext"), one("Reply"), one("Endpoint"), one("Notification"),
    { kind: "PageTable", sizeBits: 0, count: tables },
    { kind: "Frame", sizeBits: 12, count: areas.reduce((sum, area) => sum + area.pages, 0) },
    // The kernel makes one at a time.
    ...component.uses.filter((use) => use.kind === "vcpu").map(() => one("VCPU")),
  ];
}
