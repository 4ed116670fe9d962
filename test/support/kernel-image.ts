// Files that look like a RISC-V kernel: a boot image header, a PE header inside, and nothing that could run.

export interface ImageShape {
  readonly textOffset?: number;
  readonly imageSize?: number;
  readonly flags?: number;
  readonly fileBytes?: number;
  /** Where the last PE section ends; no PE header without it. */
  readonly sectionsEnd?: number;
}

export function linuxImage({ textOffset = 0x20_0000, imageSize, flags = 0, fileBytes = 8192, sectionsEnd }: ImageShape = {}): Uint8Array {
  const file = new Uint8Array(fileBytes);
  const view = new DataView(file.buffer);
  view.setBigUint64(8, BigInt(textOffset), true);
  view.setBigUint64(16, BigInt(imageSize ?? Math.max(fileBytes, sectionsEnd ?? 0)), true);
  view.setUint32(24, flags, true);
  file.set(new TextEncoder().encode("RISCV\0\0\0RSC\x05"), 48);
  if (sectionsEnd !== undefined) {
    const pe = 64;
    view.setUint32(60, pe, true);
    file.set(new TextEncoder().encode("PE\0\0"), pe);
    view.setUint16(pe + 6, 2, true);
    view.setUint16(pe + 20, 112, true);
    const sections = pe + 24 + 112;
    view.setUint32(sections + 16, 100, true);
    view.setUint32(sections + 20, 4096, true);
    view.setUint32(sections + 40 + 16, sectionsEnd - 4196, true);
    view.setUint32(sections + 40 + 20, 4196, true);
  }
  return file;
}
