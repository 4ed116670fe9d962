// The resolved description of a system: what `system.json` in the boot image holds, and all that the root server is told beside bootinfo.
// The resolver (caps/manifest/resolve.ts) makes it from a manifest, `placeUses` below gives every mapped thing its address, the image builder writes
// the same numbers into the programs, and the root server carries it out without a decision of its own.
//
// Invariants, kept by the resolver:
//   S1  components stand in start order: what a component uses of another stands before it.
//   S2  component `number`s are 1, 2, ... in that order; names are distinct.
//   S3  uses[i] belongs in slot InitSlot.First + i of the component's CSpace.
//   S4  a device's registers, interrupt and I/O space are each used by at most one component.
//   S5  mapped uses of a component do not overlap; each begins on a 2 MiB boundary.
//   S6  a use of a guest names one that there is, wherever it stands; its badge is no other's; there are at most MOST_GUEST_USES.
// It is plain JSON: every number is a safe integer.
import { InitSlot } from "../abi/numbers.ts";
import type { Quota } from "../protocol/protocol.ts";
import type { Assertion } from "./assertion.ts";
import type { Faculty } from "./faculties.ts";

export const SYSTEM_FORMAT = "bailiwick-system/1";
/** Names of boot files that the boot itself looks for. */
export const SYSTEM_FILE = "system.json";
export const ROOT_FILE = "root.js";

/** Virtual addresses of a component, machine and hosted program alike. */
export const AddressMap = {
  /** Lowest address of a program: where ELF files are linked and the text of hosted programs is mapped (read-only, executable). */
  TEXT: 0x1_0000,
  /** Hosted programs: their environment as JSON, read-only. */
  ENVIRONMENT: 0x3000_0000,
  /** The stack ends here and grows down; below it is an unmapped guard page. sp at entry. Machine programs only. */
  STACK_TOP: 0x4000_0000,
  IPC_BUFFER: 0x4000_1000,
  /** Machine programs: what they are told, as strings, read-only, up to 64 KiB; in the buffer's 2 MiB, so that it costs a page and no page table. Between: buffers of more threads. */
  ARGUMENTS: 0x401f_0000,
  /** Device registers and small boot files, each on a 2 MiB boundary. */
  REGIONS: 0x5000_0000,
  /** From here to 0x8000_0000 nothing is mapped: what a program maps itself (channels) has room here. */
  OWN: 0x6000_0000,
  /** Guest RAM and boot files of 1 MiB and more, each on a 2 MiB boundary. */
  BIG_REGIONS: 0x10_0000_0000,
} as const;

export const REGION_ALIGN = 0x20_0000;
/** Boot files from this size on lie in 2 MiB frames, smaller ones in 4 KiB frames. */
export const BIG_FILE_BYTES = 0x10_0000;
/** Most `use` entries of a component: slots 16..127 of its CSpace; all from 128 on are the program's own. */
export const MAX_USES = 112;
/** Slots of a component's CSpace: a power of two in these bounds, 32 bytes of its memory each. */
export const MIN_SLOTS = 256;
export const MAX_SLOTS = 2 ** 18;
/** The first badge bit of interrupts; client badges stay below. Badges are exact numbers, so bit 52 is the last. */
export const FIRST_SIGNAL_BIT = 32;
export const MAX_SIGNALS = 53 - FIRST_SIGNAL_BIT;

/** The bit of a VMM's notification by which the root server says that there is an order (Parent.order): below those of interrupts. */
export const ORDER_BIT = 2 ** 31;

/** Badges of capabilities over guests (protocol Guest), which lead to the root server: this and a number from 0, another for each use. Below are those of Parent, above those of keepers. */
export const GUEST_BADGE = 0x4000_0000;
/** In a system: each has places of its own for callers that wait (servers/root/callers.ts). */
export const MOST_GUEST_USES = 64;
/** What a component may do with a guest: see how it is; or also pause it, have it go on, end it, begin it anew. */
export const GUEST_FACETS = ["view", "control"] as const;
export type GuestFacet = (typeof GUEST_FACETS)[number];

/** Badge of a component's keeper capability: this and its number. The root server alone has such. */
export const KEEPER_BADGE = 0x8000_0000;

export interface ResolvedSystem {
  readonly format: typeof SYSTEM_FORMAT;
  /** The appliance's name and version. */
  readonly name: string;
  readonly version: string;
  readonly board: string;
  /** Bytes of machine RAM. */
  readonly memory: number;
  readonly components: readonly ResolvedComponent[];
  /** What the manifest claims of it. The root server does not look at them. */
  readonly assertions: readonly Assertion[];
  /** What its operator may not do. Absent: he may do all. The root server does not look at it: he stands outside. */
  readonly denied?: readonly Faculty[];
}

export interface ResolvedComponent {
  readonly name: string;
  /** Badge of its Parent capability. */
  readonly number: number;
  readonly program: Program;
  /** Bytes it may spend in all: image, stack, page tables, objects; the rest becomes its Untyped. A power of two is taken, so this is rounded up to one. */
  readonly memory: number;
  /** Bytes of stack, a multiple of 4096. Machine programs only; 0 for hosted ones. */
  readonly stack: number;
  /** Of its CSpace, a power of two, MIN_SLOTS..MAX_SLOTS: slot n is CPtr n. */
  readonly slots: number;
  readonly cpu: Cpu;
  /** In slot order (S3). */
  readonly uses: readonly ResolvedUse[];
  /** In index order: a client of offers[i] has the badge i << 16 | its client number. Empty: the component serves nobody. */
  readonly offers: readonly ResolvedOffer[];
  /** Passed to hosted programs as env.args, to machine programs as strings (servers/root/arguments.ts); null when the manifest gives none. */
  readonly args: JsonValue;
  /** The appliance ends when this component exits (with its status) or faults for good (with status 70). */
  readonly essential: boolean;
  /** Whether it is started again when it has ended; absent: never. Only then is it said that it has ended for good. */
  readonly restart?: Restart;
  /** The guest that this component hosts, for components made from the manifest's `guests`. */
  readonly guest?: string;
}

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/** Times in microseconds. */
export interface Restart {
  /** `order`: no end, but when a component that controls the guest wants it. */
  readonly on: "fault" | "exit" | "always" | "order";
  /** So many restarts in any time of `window`; the next end is for good. */
  readonly max: number;
  readonly window: number;
  /** From the end to the first restart; twice as long to each further one in `window`. */
  readonly backoff: number;
}

/** The boot file that holds the program: an rv64 ELF whose uses are patched in, or JavaScript text defining `program.default`. */
export interface Program {
  readonly kind: "machine" | "hosted";
  readonly file: string;
}

/** priority 0..254 (255 is the root server's), budget and period in microseconds, 10 <= budget <= period. */
export interface Cpu {
  readonly priority: number;
  readonly budget: number;
  readonly period: number;
}

export interface ResolvedOffer {
  readonly name: string;
  readonly protocol: string;
  /** Its answers may bring capabilities. */
  readonly gives: boolean;
  /** What it is for is to hand capabilities on, its clients' or such as it was given itself. */
  readonly passes: boolean;
}

/** Whether a component's Service capability has Grant, without which no answer brings a capability. One that serves nobody may keep what is its own. */
export const mayGive = ({ offers }: ResolvedComponent): boolean => offers.length === 0 || offers.some(({ gives }) => gives);

/** `name` is what the program calls it. */
export type ResolvedUse = { readonly name: string } & UseKind;

export type UseKind =
  /** A copy of the service endpoint of component `from`, minted with `badge` and `rights` (Right bits of caps/abi/numbers.ts). `quota`: what the server is told to let the client have. */
  | { readonly kind: "endpoint"; readonly from: string; readonly offer: number; readonly badge: number; readonly rights: number; readonly quota?: Quota }
  /** A device's registers: physical address and bytes (multiples of 4096), mapped read-write at `address`. The slot holds its Frame; devices have one page each or a run of 4 KiB frames of which the slot holds the first. */
  | { readonly kind: "device"; readonly device: string; readonly physical: number; readonly address: number; readonly bytes: number }
  /** An IRQHandler for interrupt `irq`, its notification set to the component's own, badged with `badge` (one bit, 2^32..2^52). */
  | { readonly kind: "irq"; readonly device: string; readonly irq: number; readonly badge: number }
  /** The root server's capability over guest `guest` (protocol Guest), badged with `badge`: it leads to what the guest is then, however often it is begun anew. */
  | { readonly kind: "guest"; readonly guest: string; readonly facet: GuestFacet; readonly badge: number }
  /** SchedControl: the right to say how much CPU time anybody has. */
  | { readonly kind: "schedcontrol" }
  /** The device's IOSpace capability, by the name bootinfo gives it. */
  | { readonly kind: "iospace"; readonly device: string }
  /** A guest's RAM: frames of 2 MiB paid for apart from the component's memory, mapped read-write at `address` and into the component's VCPU from guest-physical `guestPhysical` on. The slot stays empty. */
  | { readonly kind: "ram"; readonly bytes: number; readonly address: number; readonly guestPhysical: number }
  /** A VCPU, made from the component's memory: one for each such use. The component's guest's RAM is the first one's. */
  | { readonly kind: "vcpu" }
  /** A boot file, mapped read-only at `address`; `bytes` is its true length. The slot stays empty. */
  | { readonly kind: "file"; readonly file: string; readonly address: number; readonly bytes: number };

/** What a program is told of a use: what `struct bw_use` holds and a hosted program finds in env.use. `cap` is 0 where the slot stays empty. */
export interface UseRecord {
  readonly cap: number;
  readonly address: number;
  readonly bytes: number;
  readonly badge: number;
}

/** `uses` by name as the program sees them. */
export function useRecords(uses: readonly ResolvedUse[]): Record<string, UseRecord> {
  return Object.fromEntries(uses.map((use, index) => [use.name, toRecord(use, InitSlot.First + index)]));
}

function toRecord(use: ResolvedUse, slot: number): UseRecord {
  switch (use.kind) {
    case "endpoint":
    case "irq":
    case "guest":
      return { cap: slot, address: 0, bytes: 0, badge: use.badge };
    case "device":
      return { cap: slot, address: use.address, bytes: use.bytes, badge: 0 };
    case "ram":
    case "file":
      return { cap: 0, address: use.address, bytes: use.bytes, badge: 0 };
    case "iospace":
    case "schedcontrol":
    case "vcpu":
      return { cap: slot, address: 0, bytes: 0, badge: 0 };
  }
}

/**
 * The system with every mapped use at its address (S5) and the length of every file filled in, in order of declaration: small things from
 * AddressMap.REGIONS up, guest RAM and big files from AddressMap.BIG_REGIONS up. Deterministic.
 * @param sizeOf bytes of a boot file; undefined when there is no such file: the file use then keeps length 0 and is mapped nowhere.
 */
export function placeUses(system: ResolvedSystem, sizeOf: (file: string) => number | undefined): ResolvedSystem {
  return { ...system, components: system.components.map((component) => ({ ...component, uses: place(component.uses, sizeOf) })) };
}

function place(uses: readonly ResolvedUse[], sizeOf: (file: string) => number | undefined): ResolvedUse[] {
  let small: number = AddressMap.REGIONS;
  let big: number = AddressMap.BIG_REGIONS;
  const take = (bytes: number, isBig: boolean): number => {
    const address = isBig ? big : small;
    const next = address + Math.ceil(bytes / REGION_ALIGN) * REGION_ALIGN;
    if (isBig) big = next;
    else small = next;
    return address;
  };
  return uses.map((use) => {
    switch (use.kind) {
      case "device":
        return { ...use, address: take(use.bytes, false) };
      case "ram":
        return { ...use, address: take(use.bytes, true) };
      case "file": {
        const bytes = sizeOf(use.file) ?? 0;
        return bytes === 0 ? { ...use, bytes, address: 0 } : { ...use, bytes, address: take(bytes, bytes >= BIG_FILE_BYTES) };
      }
      default:
        return use;
    }
  });
}
