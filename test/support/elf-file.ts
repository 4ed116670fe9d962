// Writes an ELF file of segments, for tests that need a machine program without a linker.

export interface WrittenSegment {
  readonly address: number;
  /** PF_X 1, PF_W 2, PF_R 4. */
  readonly rights: number;
  readonly bytes: Uint8Array;
  /** In memory; default: as many as in the file. */
  readonly memory?: number;
}

/** An rv64 executable with this entry point. Segments' bytes follow the headers. */
export function writeElf(entry: number, segments: readonly WrittenSegment[]): Uint8Array {
  const headers = 64 + 56 * segments.length;
  const file = new Uint8Array(headers + segments.reduce((sum, s) => sum + s.bytes.length, 0));
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 243, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(entry), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  view.setUint16(58, 64, true);
  let offset = headers;
  segments.forEach(({ address, rights, bytes, memory = bytes.length }, i) => {
    const at = 64 + 56 * i;
    view.setUint32(at, 1, true);
    view.setUint32(at + 4, rights, true);
    [offset, address, address, bytes.length, memory, 4096].forEach((value, field) => view.setBigUint64(at + 8 + 8 * field, BigInt(value), true));
    file.set(bytes, offset);
    offset += bytes.length;
  });
  return file;
}
