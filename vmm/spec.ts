// What the VMM and those who describe its guests agree on: the guest's memory map, what a VMM is told, how a guest can end.
// guests/ and the operator may import this file.

/** Guest-physical addresses and interrupt numbers: the layout of QEMU's `virt` board, which every rv64 system knows. */
export const GuestMap = {
  /** Of guests with firmware of their own, as is the CLINT, which the kernel has. */
  POWER: { base: 0x10_0000, bytes: 0x1000 },
  CLINT: { base: 0x200_0000, bytes: 0x1_0000 },
  RTC: { base: 0x10_1000, bytes: 0x1000, irq: 11 },
  GENERATION: { base: 0x10_2000, bytes: 0x1000, irq: 28 },
  PLIC: { base: 0x0c00_0000, bytes: 0x60_0000 },
  UART: { base: 0x1000_0000, bytes: 0x1000, irq: 10 },
  /** Slot n is at base + n * stride; its interrupt is virtioIrq(n). */
  VIRTIO: { base: 0x1000_1000, stride: 0x1000, slots: 25 },
  RAM: { base: 0x8000_0000 },
} as const;

/** What stands in the virtio slots. A Linux guest calls the two consoles hvc0 and hvc1, in this order, and disks vda, vdb ... in theirs. */
export const VirtioSlot = { console: 0, control: 1, rng: 2, balloon: 3, disks: 4, ports: 12, gpu: 16, keyboard: 17, tablet: 18, passed: 19, power: 24 } as const;
/** As many disks and network cards have slots of their own. */
export const MOST_DISKS = 8;
export const MOST_PORTS = 4;
/** Devices of the machine itself. */
export const MOST_PASSED = 5;

/** 1..8 for the first eight slots, as on the board; then those behind the serial port's and the clock's; the last behind the generation counter's. */
export const virtioIrq = (slot: number): number => (slot < 8 ? 1 + slot : slot < VirtioSlot.power ? 4 + slot : 5 + slot);

/** Harts that a guest can have: the kernel's limit. */
export const MOST_HARTS = 8;

/** Ticks of the guest's clock a second. */
export const TIMEBASE = 10_000_000;

/** What a VMM finds in env.args. */
export interface GuestArgs {
  readonly name: string;
  /** A multiple of 2 MiB. */
  readonly ramBytes: number;
  /** The kernel's command line. */
  readonly cmdline: string;
  /** Harts, 1 to 8. Default 1. */
  readonly cpus?: number;
  /** 32 bytes, 0..255 each. All randomness that the guest gets comes from them; without them it has no rng device and no seed. */
  readonly seed?: readonly number[];
  /** Its disks, in order: what the guest reads as the serial number of each, at most 20 characters. VMM's uses disk0, disk1 ... (protocol Block). */
  readonly disks?: readonly string[];
  /** Its network cards, in order: what the operator calls each. The VMM's uses port0, port1 ... (protocol NicDriver). */
  readonly ports?: readonly string[];
  /** Devices of the machine that are its own, in order: what the operator calls each. The VMM's uses passed0regs, passed0irq, passed1regs ... */
  readonly passed?: readonly string[];
  /** What its memory balloon should hold, in bytes: a multiple of 4096, at most ramBytes. Without it there is no balloon. */
  readonly balloon?: number;
  /** false: nothing typed is for this guest. A guest that waits for ever is then known to be stuck. Default true. */
  readonly input?: boolean;
  /** A component leads it (servers/root/guests.ts): orders can come at any time. It is then not known to be stuck. */
  readonly led?: boolean;
  /** It goes on from a snapshot, which it is given when it says `restoring` (life.ts). */
  readonly restore?: boolean;
}

/** How a guest ended, and the exit status of its VMM then. An `exit` has the status that the guest's init gave (0..255). */
export const EndingStatus = {
  poweroff: 0,
  /** It could not be started: no kernel, a damaged one, too little memory. */
  unbootable: 80,
  /** It asked for a reset that was no panic. */
  reboot: 81,
  /** It reset or powered off after its kernel panicked. */
  panic: 82,
  /** It waits for an interrupt that nothing can raise. */
  stuck: 83,
  /** It broke its machine: an access or an instruction that the engine cannot go on from. */
  broken: 84,
} as const;
export type EndingKind = keyof typeof EndingStatus;

/** What the root server is told of a guest (`Parent.guest`), as JSON. */
export interface GuestReport {
  /**
   * `running`: started. `ready`: user space is up. `balloon`: its balloon holds what it should. `exit`: the guest's init said so; it powers off next. `restoring`: it waits for its snapshot (life.ts).
   * `paused`, `resumed`, `saved`, `taken`, `stats`, `counted`, `refused`: answers to orders. The others are endings.
   */
  readonly state: "running" | "ready" | "balloon" | "exit" | "restoring" | "paused" | "resumed" | "saved" | "taken" | "stats" | "counted" | "refused" | EndingKind;
  /** With answers: the order's number. */
  readonly order?: number;
  /** With `saved` and `stats`: a part of the state, or of what was counted, as text; the how manieth, from 0, of how many. */
  readonly part?: number;
  readonly parts?: number;
  readonly data?: string;
  /** With `counted`: what its devices have done, in sum (machine.ts, totals). */
  readonly counts?: readonly number[];
  /** With `exit` and with endings. */
  readonly status?: number;
  /** One line that says more. */
  readonly detail?: string;
  /** With `balloon`: bytes in it, and what the guest says of its memory, in bytes: all that it counts as its own, and what is free of it. */
  readonly balloon?: number;
  readonly total?: number;
  readonly free?: number;
  /** With endings other than poweroff: the last lines of the guest's console, as many of the last 20 as one message holds. */
  readonly console?: readonly string[];
}
