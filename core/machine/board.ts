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
  /** 0: it raises none. */
  readonly irq: number;
  /** It reaches memory by itself, so it has an IOSpace. */
  readonly dma: boolean;
}

export const BOARD_DEVICES = [
  { name: "uart0", physical: 0x1000_0000, irq: 10, dma: false },
  { name: "rng0", physical: 0x1000_1000, irq: 1, dma: true },
  /** The operator's channel: bytes stored at offset 0 make lines of JSON. The root server's alone. */
  { name: "ctl0", physical: 0x1000_2000, irq: 0, dma: false },
] as const satisfies readonly BoardDevice[];

export type BoardDeviceName = (typeof BOARD_DEVICES)[number]["name"];
