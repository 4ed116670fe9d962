// Puts a guest's kernel, initramfs and device tree into its RAM.
// Source: Linux Documentation/arch/riscv/boot.rst: a0 = hart, a1 = device tree, satp = 0, kernel aligned to 2 MiB.
//
// RAM, from below: the kernel where its header wants it (the 2 MiB before it are firmware's on other machines, unused here); free memory; at the
// top the initramfs and, last, the device tree, page-aligned both, so that the kernel's own early memory does not run into them.
import type { Memory } from "../servers/lib/ts/sdk.ts";
import type { KernelImage } from "./image.ts";
import { MIB, PAGE, roundDown, roundUp, sizeText } from "./sizes.ts";
import { GuestMap } from "./spec.ts";

/** A file in the VMM's own address space. */
export interface LoadedFile {
  readonly address: number;
  readonly bytes: number;
}

/** Guest-physical addresses. */
export interface Layout {
  readonly kernel: number;
  readonly initrd: number;
  readonly tree: number;
}
export type LayoutCheck = ({ readonly ok: true } & Layout) | { readonly ok: false; readonly reason: string };

/** Second and later parts of an initramfs begin on this boundary, or Linux does not find them. */
const ARCHIVE_ALIGN = 4;

/** Bytes of all parts of an initramfs one after the other. */
export const initrdLength = (parts: readonly { readonly bytes: number }[]): number => parts.reduce((length, part) => roundUp(length, ARCHIVE_ALIGN) + part.bytes, 0);

/** @param treeBytes an upper bound of the device tree's length. */
export function planLayout(ramBytes: number, kernel: KernelImage, initrdBytes: number, treeBytes: number): LayoutCheck {
  const kernelEnd = kernel.textOffset + kernel.memoryBytes;
  const needed = roundUp(roundUp(kernelEnd, PAGE) + roundUp(initrdBytes, PAGE) + roundUp(treeBytes, PAGE), 2 * MIB);
  if (needed > ramBytes) {
    const what = kernelEnd + roundUp(treeBytes, PAGE) > ramBytes ? `a kernel of ${sizeText(kernel.memoryBytes)}` : `an initramfs of ${sizeText(initrdBytes)}, beside a kernel of ${sizeText(kernel.memoryBytes)},`;
    return { ok: false, reason: `${what} does not fit in ${sizeText(ramBytes)} of RAM: needs at least ${sizeText(needed)}` };
  }
  const { base } = GuestMap.RAM;
  const tree = roundDown(ramBytes - treeBytes, PAGE);
  return { ok: true, kernel: base + kernel.textOffset, initrd: base + roundDown(tree - initrdBytes, PAGE), tree: base + tree };
}

/** Copies everything to its place. @param ram where the guest's RAM begins in the VMM's address space. */
export function place(mem: Memory, ram: number, layout: Layout, kernel: LoadedFile, initrd: readonly LoadedFile[], tree: Uint8Array): void {
  const host = (guestPhysical: number): number => ram + (guestPhysical - GuestMap.RAM.base);
  if (kernel.bytes > 0) mem.copy(host(layout.kernel), kernel.address, kernel.bytes);
  let at = layout.initrd;
  for (const part of initrd) {
    at = roundUp(at, ARCHIVE_ALIGN);
    mem.copy(host(at), part.address, part.bytes);
    at += part.bytes;
  }
  mem.write(host(layout.tree), tree);
}
