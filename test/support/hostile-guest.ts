// Builds guests for the hostile tests: C sources of test/security/guests, or a few lines of assembly, as flat images that the VMM's loader takes.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPackage } from "../../servers/operator/package.ts";
import { assemble } from "./assemble.ts";

/** Also where this is part of a bundle. */
const ROOT = findPackage().root;
const SOURCES = join(ROOT, "test", "security", "guests");
const TOOL = "riscv64-unknown-elf-";
const FLAGS = ["-std=c11", "-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany", "-O2", "-ffreestanding", "-fno-tree-loop-distribute-patterns", "-Wall", "-Wextra", "-Werror"];
/** Where the kernel's image begins in the guest's memory: 2 MiB above the start of RAM. */
const ENTRY = 0x8020_0000;

/** The guest `NAME.c`, which says its lines as NAME. @param defines by name: whole numbers @param from its folder, where it is not a hostile one */
export function compileGuest(name: string, defines: Readonly<Record<string, number>> = {}, from = SOURCES): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-hostile-"));
  try {
    const [elf, image] = [join(folder, "guest.elf"), join(folder, "guest.image")];
    const sources = [join(SOURCES, "start.S"), join(SOURCES, "hostile.c"), join(from, `${name}.c`)];
    execFileSync(`${TOOL}gcc`, [...FLAGS, "-I", SOURCES, `-DGUEST_NAME="${name}"`, ...Object.entries(defines).map(([key, value]) => `-D${key}=${value}UL`), "-nostdlib", "-static", "-Wl,--build-id=none", "-T", join(ROOT, "guests", "bare", "guest.ld"), "-o", elf, ...sources], { stdio: "pipe" });
    execFileSync(`${TOOL}objcopy`, ["-O", "binary", elf, image]);
    return readFileSync(image);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A guest of a few instructions, behind the header that makes it an image. */
export function assembleGuest(instructions: string): Uint8Array {
  const { bytes } = assemble(`
    .option push
    .option norvc
    j 1f
    .option pop
    .balign 8
    .quad 0x200000, 0x100000, 0
    .word 2, 0
    .quad 0
    .ascii "RISCV\\0\\0\\0RSC\\x05"
    .word 0
1:  ${instructions}
  `, ENTRY);
  return bytes;
}
