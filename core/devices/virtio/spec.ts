// Numbers of virtio, as they stand in the specification. Source: Virtual I/O Device (VIRTIO) Version 1.2, OASIS, sections 2, 4.2, 5.

/** Registers of the MMIO transport (4.2.2). Configuration space begins at CONFIG. */
export const Mmio = {
  MAGIC: 0x000,
  VERSION: 0x004,
  DEVICE_ID: 0x008,
  VENDOR_ID: 0x00c,
  DEVICE_FEATURES: 0x010,
  DEVICE_FEATURES_SEL: 0x014,
  DRIVER_FEATURES: 0x020,
  DRIVER_FEATURES_SEL: 0x024,
  QUEUE_SEL: 0x030,
  QUEUE_NUM_MAX: 0x034,
  QUEUE_NUM: 0x038,
  QUEUE_READY: 0x044,
  QUEUE_NOTIFY: 0x050,
  INTERRUPT_STATUS: 0x060,
  INTERRUPT_ACK: 0x064,
  STATUS: 0x070,
  QUEUE_DESC_LOW: 0x080,
  QUEUE_DESC_HIGH: 0x084,
  QUEUE_DRIVER_LOW: 0x090,
  QUEUE_DRIVER_HIGH: 0x094,
  QUEUE_DEVICE_LOW: 0x0a0,
  QUEUE_DEVICE_HIGH: 0x0a4,
  SHM_LEN_LOW: 0x0b0,
  SHM_LEN_HIGH: 0x0b4,
  SHM_BASE_LOW: 0x0b8,
  SHM_BASE_HIGH: 0x0bc,
  CONFIG_GENERATION: 0x0fc,
  CONFIG: 0x100,
} as const;

export const MAGIC = 0x7472_6976; // "virt"
export const MMIO_VERSION = 2;
export const VENDOR = 0x4b57_4c42; // "BLWK"

export const Status = { ACKNOWLEDGE: 1, DRIVER: 2, DRIVER_OK: 4, FEATURES_OK: 8, NEEDS_RESET: 64, FAILED: 128 } as const;

export const InterruptStatus = { USED: 1, CONFIG: 2 } as const;

/** Feature bits common to all devices; numbers 0..63. */
export const Feature = { INDIRECT_DESC: 28, EVENT_IDX: 29, VERSION_1: 32 } as const;

export const DescFlag = { NEXT: 1, WRITE: 2, INDIRECT: 4 } as const;
/** In the driver area: "do not interrupt me". */
export const AVAIL_NO_INTERRUPT = 1;

export const DESC_BYTES = 16;
export const MAX_QUEUE_SIZE = 32768;

export const DeviceId = { NONE: 0, NETWORK: 1, BLOCK: 2, CONSOLE: 3, ENTROPY: 4 } as const;

/** Feature bits of a block device (5.2.3). */
export const BlkFeature = { SIZE_MAX: 1, SEG_MAX: 2, RO: 5, BLK_SIZE: 6, FLUSH: 9 } as const;
/** Offsets in a block device's configuration space (5.2.4). */
export const BlkConfig = { CAPACITY: 0, SIZE_MAX: 8, SEG_MAX: 12, BLK_SIZE: 20, BYTES: 24 } as const;
/** What a request asks for, and how it ended (5.2.6). */
export const BlkType = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8 } as const;
export const BlkStatus = { OK: 0, IOERR: 1, UNSUPP: 2 } as const;
export const BLK_HEADER_BYTES = 16;
export const BLK_ID_BYTES = 20;
export const SECTOR_BYTES = 512;

/** Feature bits of a network card (5.1.3). */
export const NetFeature = { CSUM: 0, MTU: 3, MAC: 5, STATUS: 16 } as const;
/** Offsets in a network card's configuration space (5.1.4). */
export const NetConfig = { MAC: 0, STATUS: 6, MOST_PAIRS: 8, MTU: 10, BYTES: 12 } as const;
export const NetStatus = { LINK_UP: 1 } as const;
/** Offsets in the header before each frame, and what stands there (5.1.6). */
export const NetHeader = { FLAGS: 0, GSO_TYPE: 1, CSUM_START: 6, CSUM_OFFSET: 8, NUM_BUFFERS: 10, NEEDS_CSUM: 1, GSO_NONE: 0 } as const;
export const NET_HEADER_BYTES = 12;
