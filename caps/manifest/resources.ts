// What a manifest may name besides its own parts: the boards, servers, protocols and guest images of this kit. The caller of the resolver knows them.
import type { JsonValue, Program } from "../image/system.ts";
import type { QuotaKeeping } from "../protocol/protocol.ts";

export interface Resources {
  readonly boards: ReadonlyMap<string, Board>;
  /** Servers shipped with the kit, by what their program is. */
  readonly servers: ReadonlyMap<string, Program["kind"]>;
  /** Protocols shipped with the kit. A manifest may name others, of its own programs. */
  readonly protocols: ReadonlyMap<string, ProtocolFacts>;
  /** Guests shipped with the kit. */
  readonly guests: ReadonlyMap<string, GuestFacts>;
}

export interface Board {
  /** Devices that components may be given. */
  readonly devices: ReadonlyMap<string, Device>;
  /** Devices that a disk image can be put behind; without one they are not there. */
  readonly disks: readonly string[];
  /** Devices that a network can be put behind; without one they are not there. */
  readonly networks: readonly string[];
  /** Devices that the terminal can be put behind, the usual one first. */
  readonly terminals: readonly string[];
  /** Devices that are there when the platform has a display. */
  readonly display: readonly string[];
  /** RAM in bytes: least and most. */
  readonly minMemory: number;
  readonly maxMemory: number;
  /** Bytes of RAM that the kernel and the root server keep. */
  readonly reserved: number;
}

export interface Device {
  /** Physical address and bytes of its registers, multiples of 4096. */
  readonly physical: number;
  readonly bytes: number;
  /** Its interrupt, if it raises one. */
  readonly irq?: number;
  /** It reaches memory: it has an I/O space of its own, which maps nothing at first. */
  readonly dma: boolean;
}

export interface ProtocolFacts {
  /** Some of its requests send capabilities along, so its clients need the right to. */
  readonly sendsCapabilities: boolean;
  /** Some of its answers bring capabilities, so its server needs the right to send them. */
  readonly gives: boolean;
  /** Its purpose is to hand on capabilities that others have made. */
  readonly passes: boolean;
  /** Absent: no server keeps a quota for its clients. */
  readonly quota?: QuotaKeeping;
}

export interface GuestFacts {
  /** The kernel's command line when the manifest gives none. */
  readonly cmdline: string;
  /** There is an initial RAM disk beside the kernel. */
  readonly initrd: boolean;
  /** It starts in firmware of its own. */
  readonly firmware?: boolean;
  /** Only firmware can do without. By default there is one. */
  readonly kernel?: boolean;
}

/** What the VMM finds in env.args. */
export type VmmArgs = { readonly name: string; readonly ramBytes: number; readonly cmdline: string } & { readonly [name: string]: JsonValue };
