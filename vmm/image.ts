// Whether a file is a kernel that can be started: the RISC-V boot image header, and the PE header inside it that tells whether the file is whole.
// Sources: Linux Documentation/arch/riscv/boot-image-header.rst; Microsoft PE Format, "COFF File Header", "Section Table".
import { MIB } from "./sizes.ts";

export interface KernelImage {
  /** Where it wants to be, in bytes from the start of RAM; a multiple of 2 MiB. */
  readonly textOffset: number;
  /** Bytes of memory it takes, zero-initialised data included. */
  readonly memoryBytes: number;
}
export type KernelCheck = ({ readonly ok: true } & KernelImage) | { readonly ok: false; readonly reason: string };

/** Bytes of the file that are looked at. */
export const IMAGE_HEAD_BYTES = 4096;
const HEADER_BYTES = 64;
const KERNEL_ALIGN = 2 * MIB;
const MAGIC2 = 0x0543_5352; // "RSC\x05"
const BIG_ENDIAN = 1;
const PE_SIGNATURE = 0x0000_4550; // "PE"
const Pe = { SECTIONS: 6, OPTIONAL_SIZE: 20, HEADER_BYTES: 24, SECTION_BYTES: 40, RAW_SIZE: 16, RAW_AT: 20 } as const;

/** @param head the file's first 4096 bytes, or all of a shorter one. @param fileBytes the file's length. */
export function checkKernel(head: Uint8Array, fileBytes: number): KernelCheck {
  const bad = (reason: string): KernelCheck => ({ ok: false, reason });
  if (fileBytes === 0) return bad("the kernel image is empty");
  if (head.length < HEADER_BYTES) return bad(`the kernel image has only ${fileBytes} bytes`);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint16(0, true) === 0x8b1f) return bad("the kernel image is gzip-compressed: unpack it first");
  if (view.getUint32(56, true) !== MAGIC2) return bad("the kernel image is damaged or not one for RISC-V: no boot image header");
  if (view.getUint32(24, true) & BIG_ENDIAN) return bad("the kernel image is for a big-endian machine");
  const textOffset = toNumber(view, 8);
  const imageSize = toNumber(view, 16);
  if (textOffset % KERNEL_ALIGN !== 0) return bad(`the kernel image is damaged: text offset 0x${textOffset.toString(16)} is not a multiple of 2 MiB`);
  const wanted = neededBytes(view);
  if (wanted > fileBytes) return bad(`the kernel image is cut off: it has ${fileBytes} bytes of at least ${wanted}`);
  // Old images say 0.
  const memoryBytes = imageSize === 0 ? fileBytes : imageSize;
  if (memoryBytes < fileBytes) return bad(`the kernel image is damaged: its header says ${imageSize} bytes, the file has ${fileBytes}`);
  return { ok: true, textOffset, memoryBytes };
}

const toNumber = (view: DataView, at: number): number => view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);

/** Where the last PE section ends in the file; 0 when the image has no (readable) PE header. */
function neededBytes(view: DataView): number {
  const at = view.getUint32(60, true);
  const inside = (offset: number): boolean => offset <= view.byteLength;
  if (at < HEADER_BYTES || !inside(at + Pe.HEADER_BYTES) || view.getUint32(at, true) !== PE_SIGNATURE) return 0;
  let table = at + Pe.HEADER_BYTES + view.getUint16(at + Pe.OPTIONAL_SIZE, true);
  let end = 0;
  for (let left = view.getUint16(at + Pe.SECTIONS, true); left > 0 && inside(table + Pe.SECTION_BYTES); left--, table += Pe.SECTION_BYTES) {
    end = Math.max(end, view.getUint32(table + Pe.RAW_AT, true) + view.getUint32(table + Pe.RAW_SIZE, true));
  }
  return end;
}
