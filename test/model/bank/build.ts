// Builds the bank's memory.c and banks.c for this machine, over the kernel of this folder, and talks to it: a command a line, an answer a line (main.c).
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { protocolHeader } from "../../../caps/protocol/protocol.ts";
import { Bank } from "../../../servers/bank/protocol.ts";
import { runProgram } from "../../support/fs-build.ts";

const SOURCE = "servers/bank", HOST = "test/model/bank";
const FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/** A mistake put into one of the two files: this text in place of that, which stands there once. */
export interface Mistake {
  readonly file: "memory.c" | "banks.c";
  readonly instead: string;
  readonly of: string;
}

export interface Built {
  readonly program: string;
  [Symbol.dispose](): void;
}

/** @throws Error what the compiler said; that the text of a mistake is not there once */
export async function buildBank(mistake?: Mistake): Promise<Built> {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-bank-"));
  const program = join(folder, "bank");
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    writeFileSync(join(folder, "protocol.h"), protocolHeader(Bank));
    for (const file of ["memory.c", "banks.c"] as const) {
      const text = readFileSync(join(SOURCE, file), "utf8");
      if (file !== mistake?.file) {
        writeFileSync(join(folder, file), text);
        continue;
      }
      if (text.split(mistake.of).length !== 2) throw new Error(`${SOURCE}/${file} does not have this once, so the mistake cannot be put into it: ${mistake.of}`);
      writeFileSync(join(folder, file), text.replace(mistake.of, () => mistake.instead));
    }
    const sources = [join(folder, "memory.c"), join(folder, "banks.c"), ...["kernel.c", "check.c", "main.c"].map((file) => join(HOST, file))];
    const { status, output } = await runProgram("cc", [...FLAGS, `-I${folder}`, `-I${SOURCE}`, `-I${HOST}`, ...sources, "-o", program]);
    if (status !== 0) throw new Error(`the bank does not compile for this machine:\n${output}`);
  } catch (error) {
    remove();
    throw error;
  }
  return { program, [Symbol.dispose]: remove };
}

/** What one bank comes to, by its own books. */
export interface Books {
  readonly used: number;
  readonly peak: number;
  readonly blocks: number;
  readonly banks: number;
  readonly closing: boolean;
}

export interface Answer {
  readonly result: readonly number[];
  readonly banks: ReadonlyMap<number, Books>;
}

/** A bank that runs: one for each sequence. */
export class RunningBank {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #errors = "";

  constructor(program: string) {
    this.#child = spawn(program, [], { stdio: "pipe" });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
    // Writing to one that has ended is told when it is read from.
    this.#child.stdin.on("error", () => undefined);
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** @throws Error which invariants do not hold; that it has ended, and why */
  async answer(): Promise<Answer> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error(`the bank ended: ${this.#errors}`);
    const [result, state, broken] = next.value.split("|").map((part) => part.trim()) as [string, string, string];
    if (broken !== "") throw new Error(`broken: ${broken}`);
    if (/[A-Z]/.test(result)) throw new Error(`what was bought is no memory: ${result}`);
    const banks = new Map(state.split(" ").map((entry) => {
      const [bank, used, peak, blocks, under, closing] = entry.split(":").map(Number) as [number, number, number, number, number, number];
      return [bank, { used, peak, blocks, banks: under, closing: closing === 1 }];
    }));
    return { result: result === "" ? [] : result.split(" ").map(Number), banks };
  }

  say(command: string): Promise<Answer> {
    this.#child.stdin.write(`${command}\n`);
    return this.answer();
  }

  end(): void {
    this.#child.kill();
  }
}
