// What a device model is: registers, an interrupt line, a DMA port, a backend. Nothing else reaches it: no clock, no random source, no host.
// The same models serve the machine itself and the guests that a VMM hosts.
//
// Invariants, for every model:
//   D1  Whatever the software that drives a device does, the model neither throws nor hangs: what makes no sense reads as 0 or is ignored.
//   D2  All state is in save(); a model restored from it goes on exactly as the one that was saved.
//   D3  Memory is reached through the DMA port alone, and each value fetched from it is fetched once, then checked.

/**
 * A device's window of registers. `State` is plain data (JSON).
 * Offsets are bytes from the window's start; read and write are called by `readDevice` and `writeDevice` only, with 0 <= offset,
 * offset + size <= bytes and size 1, 2 or 4, and offset a multiple of size.
 */
export interface Device<State = unknown> {
  /** Size of the window. */
  readonly bytes: number;
  /** As after power-on. The interrupt line goes low. */
  reset(): void;
  /** The value, 0..2^(8*size)-1. Registers that do not exist, or not with this width, read as 0. */
  read(offset: number, size: number): number;
  /** value: 0..2^(8*size)-1. Writes to registers that do not exist, or not with this width, are ignored. */
  write(offset: number, size: number, value: number): void;
  save(): State;
  /** Takes what save() gave, and drives the interrupt line accordingly. */
  restore(state: State): void;
}

/** An interrupt line, level-triggered. Called at changes, and with the same level again at reset and restore. */
export type IrqLine = (level: boolean) => void;

/** A DMA access that was refused. Addresses are the device's own (I/O addresses under an IOMMU, physical ones without). */
export interface DmaFault {
  readonly address: number;
  readonly bytes: number;
  readonly direction: "read" | "write";
}

/**
 * A device's way to memory. Each access is allowed and done as a whole or refused as a whole; a refusal is a value, since it is the driver that chose the
 * address. Addresses are any number >= 0: those beyond 2^53 arrive rounded, where no memory is. Values are little-endian and need no alignment.
 */
export interface DmaPort {
  load16(address: number): number | DmaFault;
  load32(address: number): number | DmaFault;
  store16(address: number, value: number): DmaFault | null;
  store32(address: number, value: number): DmaFault | null;
  /** Copies as many bytes as `into` has. When it is refused, what is in `into` is unspecified. */
  readInto(address: number, into: Uint8Array): DmaFault | null;
  /** A copy of `bytes` bytes. */
  read(address: number, bytes: number): Uint8Array | DmaFault;
  write(address: number, bytes: Uint8Array): DmaFault | null;
  /**
   * Has `bytes` bytes of memory written in place: `fill` gets the memory itself, for the time of its call, and says whether it wrote it. False also when that memory is not one piece, or may not be
   * written: then nothing happened, and `write` says why. Absent: nothing is written so.
   */
  fill?(address: number, bytes: number, fill: (memory: Uint8Array) => boolean): boolean;
}

/** The outside of a serial device. The device calls `output` only while `ready()`; whoever made it unready calls the device's `drained()` later. */
export interface SerialBackend<Output> {
  ready(): boolean;
  output(data: Output): void;
  /** The device can take input: again, after receive() accepted less than it was given, or because its driver has begun to look for some. */
  room(): void;
}

const accessible = (device: Device, offset: number, size: number): boolean =>
  offset >= 0 && offset + size <= device.bytes && offset % size === 0 && (size === 1 || size === 2 || size === 4 || size === 8);

/**
 * A load by the processor of 1, 2, 4 or 8 bytes. Eight bytes are two accesses of four, the lower half first: no register here is wider than 32 bits.
 * Unaligned accesses, other sizes and accesses that leave the window read as 0. The result is unsigned, a bigint only where a number cannot hold it.
 */
export function readDevice(device: Device, offset: number, size: number): number | bigint {
  if (!accessible(device, offset, size)) return 0;
  if (size < 8) return device.read(offset, size);
  const lo = device.read(offset, 4);
  const hi = device.read(offset + 4, 4);
  return hi < 0x20_0000 ? hi * 0x1_0000_0000 + lo : (BigInt(hi) << 32n) | BigInt(lo);
}

/** A store by the processor, as readDevice. `lo` and `hi` are the value's halves, of either sign; bits beyond `size` are cut off. */
export function writeDevice(device: Device, offset: number, size: number, lo: number, hi: number): void {
  if (!accessible(device, offset, size)) return;
  if (size === 8) {
    device.write(offset, 4, lo >>> 0);
    device.write(offset + 4, 4, hi >>> 0);
  } else {
    device.write(offset, size, size === 4 ? lo >>> 0 : lo & (size === 2 ? 0xffff : 0xff));
  }
}
