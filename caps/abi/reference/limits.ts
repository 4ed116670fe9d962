// The limits that the pages tell. The kernel has each where it is kept; test/unit/reference.test.ts says whether the two agree.

export const Limit = {
  /** Slots emptied, waiting threads released or looked at, in one entry into the kernel (core/kernel/capabilities.ts). */
  PIECE: 64,
  /** Objects made by one Retype, and bytes cleared in one entry into the kernel (objects/untyped.ts). */
  MAX_RETYPE: 256,
  CLEAR_PIECE: 2 ** 18,
  /** One past the highest address of a program, of a guest's memory, of a device's (objects/vspace.ts, vcpu.ts, iospace.ts). */
  USER_TOP: 2 ** 38,
  GUEST_TOP: 2 ** 38,
  IO_TOP: 2 ** 39,
  IOSPACE_MAPPINGS: 1024,
  /** Refused accesses of a device that are kept (core/machine/iommu.ts). */
  IOSPACE_FAULTS: 16,
  /** Runs of consecutive frames, and windows of devices, of one VCPU (objects/vcpu.ts). */
  MAX_REGIONS: 8,
  MAX_DEVICES: 32,
  /** Harts of one guest (objects/hart.ts). */
  MAX_HARTS: 8,
  /** Bytes of a hosted program's text (objects/hosted.ts). */
  MAX_TEXT: 16 * 2 ** 20,
  /** Pieces in which used time comes back (time.ts). */
  MOST_REFILLS: 8,
  PRIORITIES: 256,
} as const;
