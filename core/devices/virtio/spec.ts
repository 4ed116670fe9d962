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

export const DeviceId = { NONE: 0, NETWORK: 1, BLOCK: 2, CONSOLE: 3, ENTROPY: 4, BALLOON: 5, GPU: 16, INPUT: 18 } as const;

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

/** Feature bits of a balloon (5.5.3), offsets in its configuration space (5.5.4), tags of its statistics (5.5.6.4). */
export const BalloonFeature = { MUST_TELL_HOST: 0, STATS_VQ: 1, DEFLATE_ON_OOM: 2 } as const;
export const BalloonConfig = { NUM_PAGES: 0, ACTUAL: 4 } as const;
export const BalloonStat = { FREE: 4, TOTAL: 5, AVAILABLE: 6 } as const;

/** Feature bits of a network card (5.1.3). */
export const NetFeature = { CSUM: 0, MTU: 3, MAC: 5, STATUS: 16 } as const;
/** Offsets in a network card's configuration space (5.1.4). */
export const NetConfig = { MAC: 0, STATUS: 6, MOST_PAIRS: 8, MTU: 10, BYTES: 12 } as const;
export const NetStatus = { LINK_UP: 1 } as const;
/** Offsets in the header before each frame, and what stands there (5.1.6). */
export const NetHeader = { FLAGS: 0, GSO_TYPE: 1, CSUM_START: 6, CSUM_OFFSET: 8, NUM_BUFFERS: 10, NEEDS_CSUM: 1, GSO_NONE: 0 } as const;
export const NET_HEADER_BYTES = 12;

/** Offsets in a GPU's configuration space (5.7.4). */
export const GpuConfig = { EVENTS_READ: 0, EVENTS_CLEAR: 4, NUM_SCANOUTS: 8, NUM_CAPSETS: 12, BYTES: 16 } as const;
/** What a request to a GPU asks for (5.7.6.7). */
export const GpuCommand = {
  GET_DISPLAY_INFO: 0x100, RESOURCE_CREATE_2D: 0x101, RESOURCE_UNREF: 0x102, SET_SCANOUT: 0x103, RESOURCE_FLUSH: 0x104, TRANSFER_TO_HOST_2D: 0x105,
  RESOURCE_ATTACH_BACKING: 0x106, RESOURCE_DETACH_BACKING: 0x107, UPDATE_CURSOR: 0x300, MOVE_CURSOR: 0x301,
} as const;
/** How it ended. */
export const GpuResponse = {
  OK_NODATA: 0x1100, OK_DISPLAY_INFO: 0x1101,
  ERR_UNSPEC: 0x1200, ERR_OUT_OF_MEMORY: 0x1201, ERR_INVALID_SCANOUT_ID: 0x1202, ERR_INVALID_RESOURCE_ID: 0x1203, ERR_INVALID_PARAMETER: 0x1205,
} as const;
export const GPU_HEADER_BYTES = 24;
export const GPU_FLAG_FENCE = 1;
/** The answer to GET_DISPLAY_INFO has room for so many displays, of 24 bytes each. */
export const GPU_SCANOUTS = 16;
/** Where the bytes of blue, green and red are in a pixel of four, by format (5.7.6.7). */
export const GPU_FORMATS: ReadonlyMap<number, readonly [blue: number, green: number, red: number]> = new Map([
  [1, [0, 1, 2]], [2, [0, 1, 2]], [3, [3, 2, 1]], [4, [3, 2, 1]], [67, [2, 1, 0]], [68, [1, 2, 3]], [121, [1, 2, 3]], [134, [2, 1, 0]],
]);

/** Offsets in an input device's configuration space, and what it can be asked for by SELECT (5.8.4). */
export const InputConfig = { SELECT: 0, SUBSEL: 1, SIZE: 2, DATA: 8, DATA_BYTES: 128, BYTES: 136 } as const;
export const InputSelect = { ID_NAME: 0x01, ID_SERIAL: 0x02, ID_DEVIDS: 0x03, PROP_BITS: 0x10, EV_BITS: 0x11, ABS_INFO: 0x12 } as const;
export const INPUT_EVENT_BYTES = 8;
