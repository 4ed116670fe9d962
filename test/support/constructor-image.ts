// Builds what the constructor reads ELF files with (servers/constructor/image.c) for this machine, with the sanitizers, and asks it: a file in, a line out.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { abiHeader } from "../../caps/abi/header.ts";
import { compileC } from "../../servers/operator/toolchain.ts";
import { runProgram } from "./fs-build.ts";

const FOLDER = "servers/constructor";
const FLAGS = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

export class ImageReader {
  readonly #folder: string;
  readonly #program: string;
  #child: ChildProcessByStdio<Writable, Readable, Readable> | undefined;
  #said = "";
  #wrong = "";
  #waiting: { readonly done: (line: string) => void; readonly fail: (error: Error) => void } | undefined;

  private constructor(folder: string, program: string) {
    this.#folder = folder;
    this.#program = program;
  }

  static async build(): Promise<ImageReader> {
    const folder = mkdtempSync(join(tmpdir(), "bailiwick-image-")), program = join(folder, "image-test");
    mkdirSync(join(folder, "bailiwick"));
    writeFileSync(join(folder, "bailiwick", "abi.h"), abiHeader());
    // Of the library nothing but what is on both machines.
    const includes = ["-I", join(FOLDER, "test", "host"), "-I", folder, "-I", "servers/lib/c/include"];
    const { status, output } = await runProgram("cc", [...FLAGS, ...includes, join(FOLDER, "image.c"), join(FOLDER, "test", "image-test.c"), "-o", program]);
    if (status !== 0) throw new Error(`image-test does not compile:\n${output}`);
    return new ImageReader(folder, program);
  }

  /** What image.c says of the file. @throws what does not hold, with the sanitizer's text. */
  ask(file: Uint8Array): Promise<string> {
    const child = (this.#child ??= this.#start());
    return new Promise((done, fail) => {
      this.#waiting = { done, fail };
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, file.length, true);
      child.stdin.write(length);
      child.stdin.write(file);
    });
  }

  /** An ELF file for the constructor, linked as the kit links programs. */
  async compile(name: string, source: string): Promise<Uint8Array<ArrayBuffer>> {
    const file = join(this.#folder, `${name}.c`);
    writeFileSync(file, source);
    const result = await compileC({ name, sources: [file], outDir: join(this.#folder, "build") });
    if (!result.ok) throw new Error(result.error.message);
    return new Uint8Array(readFileSync(result.value.elf));
  }

  close(): void {
    this.#child?.stdin.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #start(): ChildProcessByStdio<Writable, Readable, Readable> {
    const child = spawn(this.#program, [], { stdio: ["pipe", "pipe", "pipe"] });
    this.#said = "";
    this.#wrong = "";
    child.stdin.on("error", () => undefined);
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      this.#said += text;
      const end = this.#said.indexOf("\n");
      if (end < 0) return;
      const line = this.#said.slice(0, end);
      this.#said = this.#said.slice(end + 1);
      this.#settle()?.done(line);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#wrong += text));
    child.on("close", () => {
      if (this.#child === child) this.#child = undefined;
      this.#settle()?.fail(new Error(this.#wrong === "" ? "it ended" : this.#wrong));
    });
    return child;
  }

  #settle() {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }
}
