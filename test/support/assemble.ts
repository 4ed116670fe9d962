/**
 * Assembles rv64gc snippets for tests with the cross toolchain that the set-up installs (gcc-riscv64-unknown-elf).
 * The text is linked at the address it will run at, without relaxation, so that what is written is what runs.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Assembled {
  readonly bytes: Uint8Array;
  /** Address of a label. Throws when there is none of that name. */
  label(name: string): number;
}

const TOOL = "riscv64-unknown-elf-";
const done = new Map<string, Assembled>();

/** `at` is the address of the first instruction, below 2^53. Throws with the assembler's words when the source is wrong. */
export function assemble(source: string, at: number): Assembled {
  const key = `${at} ${source}`;
  const known = done.get(key);
  if (known) return known;
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-assemble-"));
  try {
    const [text, elf, binary] = ["t.s", "t.elf", "t.bin"].map((name) => join(folder, name)) as [string, string, string];
    writeFileSync(text, `.option norelax\n.text\n.globl _start\n_start:\n${source}\n`);
    execFileSync(`${TOOL}gcc`, ["-march=rv64gc", "-mabi=lp64d", "-mno-relax", "-nostdlib", "-static", `-Wl,-Ttext=0x${at.toString(16)}`, "-Wl,--no-relax,-N,-m,elf64lriscv", "-o", elf, text], { stdio: "pipe" });
    execFileSync(`${TOOL}objcopy`, ["-O", "binary", elf, binary]);
    const labels = new Map(
      execFileSync(`${TOOL}nm`, [elf], { encoding: "utf8" })
        .split("\n")
        .map((line) => line.split(" "))
        .map(([address, , name]) => [name ?? "", Number.parseInt(address ?? "", 16)] as const),
    );
    const result: Assembled = {
      bytes: new Uint8Array(readFileSync(binary)),
      label: (name) => {
        const address = labels.get(name);
        if (address === undefined) throw new Error(`no label ${name}`);
        return address;
      },
    };
    done.set(key, result);
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
