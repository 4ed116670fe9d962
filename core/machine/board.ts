// The board "virt-rv64": what devices the machine has, where, and on which interrupt lines.

export const BOARD = "virt-rv64";
export const RAM_BASE = 0x8000_0000;

/** The interrupt line of the IOMMU: the kernel's own. */
export const IOMMU_LINE = 31;

/** Bytes of a device's register window. */
export const DEVICE_BYTES = 4096;

export interface BoardDevice {
  readonly name: string;
  /** Physical address of its registers: one page. */
  readonly physical: number;
  readonly irq: number;
  /** It reaches memory by itself, so it has an IOSpace. */
  readonly dma: boolean;
}

export const BOARD_DEVICES = [
  { name: "uart0", physical: 0x1000_0000, irq: 10, dma: false },
  { name: "rng0", physical: 0x1000_1000, irq: 1, dma: true },
  /** Disks: each is there when the manifest puts an image behind it. */
  { name: "blk0", physical: 0x1000_3000, irq: 2, dma: true },
  { name: "blk1", physical: 0x1000_4000, irq: 3, dma: true },
  { name: "blk2", physical: 0x1000_5000, irq: 4, dma: true },
  { name: "blk3", physical: 0x1000_6000, irq: 5, dma: true },
  /** Clocks with an alarm each: one counts from power-on, the other shows the time of day. */
  { name: "alarm0", physical: 0x1000_7000, irq: 11, dma: false },
  { name: "rtc0", physical: 0x1000_8000, irq: 12, dma: false },
  /** A virtio console: a faster way to the terminal than the 16550, when the manifest gives it that. */
  { name: "con0", physical: 0x1000_9000, irq: 6, dma: true },
  /** Network cards: each is there when something is behind it. */
  { name: "net0", physical: 0x1000_a000, irq: 7, dma: true },
  { name: "net1", physical: 0x1000_b000, irq: 8, dma: true },
  /** A display, a keyboard and a tablet, when the manifest says platform.display. */
  { name: "gpu0", physical: 0x1000_c000, irq: 13, dma: true },
  { name: "kbd0", physical: 0x1000_d000, irq: 14, dma: true },
  { name: "tab0", physical: 0x1000_e000, irq: 15, dma: true },
  /** The operator's channel: lines of JSON, both ways. The root server's alone. */
  { name: "ctl0", physical: 0x1000_2000, irq: 9, dma: false },
] as const satisfies readonly BoardDevice[];

/** Devices that a disk image can be put behind. */
export const DISK_DEVICES = ["blk0", "blk1", "blk2", "blk3"] as const satisfies readonly (typeof BOARD_DEVICES)[number]["name"][];
export type DiskDevice = (typeof DISK_DEVICES)[number];

/** Devices that a network can be put behind. */
export const NET_DEVICES = ["net0", "net1"] as const satisfies readonly (typeof BOARD_DEVICES)[number]["name"][];
export type NetDevice = (typeof NET_DEVICES)[number];
/** Devices that are there when the machine has a display. */
export const DISPLAY_DEVICES = ["gpu0", "kbd0", "tab0"] as const satisfies readonly (typeof BOARD_DEVICES)[number]["name"][];

/** Devices that the host's terminal can be put behind, the usual one first. Behind the other there is nobody: what it sends is lost. */
export const TERMINAL_DEVICES = ["uart0", "con0"] as const satisfies readonly (typeof BOARD_DEVICES)[number]["name"][];
export type TerminalDevice = (typeof TERMINAL_DEVICES)[number];

export type BoardDeviceName = (typeof BOARD_DEVICES)[number]["name"];
