// A guest that brings its own firmware: it starts in machine mode, at the start of RAM, as QEMU's virt board starts one.
// Source: OpenSBI include/sbi/fw_dynamic.h (version 2) for what a2 points to; U-Boot doc/board/emulation/qemu-riscv.rst for who starts whom.
//
// RAM, from below: the firmware; 2 MiB further on what it starts (a boot loader, or a kernel where its header wants it); then as without firmware (loader.ts), the device tree with room to grow.
import type { Memory } from "../servers/lib/ts/sdk.ts";
import { checkKernel, IMAGE_HEAD_BYTES, type KernelCheck } from "./image.ts";
import type { Layout, LoadedFile } from "./loader.ts";
import { MIB, roundUp, sizeText } from "./sizes.ts";
import { GuestMap } from "./spec.ts";

/** The next stage begins here, from the start of RAM; the firmware lies below. */
export const NEXT_OFFSET = 2 * MIB;
/** Firmware writes into the device tree what it keeps for itself. */
const TREE_GROWTH = 64 * 1024;
const INFO_BYTES = 48;
/** Of a boot loader, beside its file: what it clears for itself. */
const LOADER_SLACK = 2 * MIB;
const INFO_MAGIC = 0x4942_534fn;
const INFO_VERSION = 2n;
const SUPERVISOR = 1n;

/** Room for a device tree of so many bytes, and what follows it. */
export const treeRoom = (treeBytes: number): number => treeBytes + TREE_GROWTH + 8 + INFO_BYTES;

/** What the firmware is to start: a kernel, any flat file, or nothing (then it is a boot loader itself). */
export function checkNextStage(mem: Memory, firmware: LoadedFile, next: LoadedFile | undefined): KernelCheck {
  if (next === undefined || next.bytes === 0) return { ok: true, textOffset: 0, memoryBytes: firmware.bytes + LOADER_SLACK };
  if (firmware.bytes > NEXT_OFFSET) return { ok: false, reason: `firmware of ${sizeText(firmware.bytes)} does not fit below what it starts, at ${sizeText(NEXT_OFFSET)}` };
  const image = checkKernel(mem.read(next.address, Math.min(next.bytes, IMAGE_HEAD_BYTES)), next.bytes);
  return image.ok && image.textOffset >= NEXT_OFFSET ? image : { ok: true, textOffset: NEXT_OFFSET, memoryBytes: next.bytes + LOADER_SLACK };
}

/** Puts the firmware in its place, and what it is told of the next stage behind the tree. The address of that, for a2. */
export function placeFirmware(mem: Memory, ram: number, layout: Layout, firmware: LoadedFile, treeBytes: number): number {
  mem.copy(ram, firmware.address, firmware.bytes);
  const at = roundUp(layout.tree + treeBytes + TREE_GROWTH, 8);
  // Magic, version, where and in which mode the next stage starts, no options, the hart that does it.
  const info = BigUint64Array.of(INFO_MAGIC, INFO_VERSION, BigInt(layout.kernel), SUPERVISOR, 0n, 0n);
  mem.write(ram + (at - GuestMap.RAM.base), new Uint8Array(info.buffer));
  return at;
}
