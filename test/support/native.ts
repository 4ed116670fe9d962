// C of the kit compiled for this machine, with every check that the compiler has: for tests that would take too long on an emulated one.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPlaces } from "../../servers/operator/setup/places.mjs";

export interface Native {
  /** What it prints; throws when it fails, or a sanitizer finds something. */
  run(args: readonly string[], input?: string | Uint8Array): Buffer;
  [Symbol.dispose](): void;
}

/** @param sources of the program, and names of the library's (`draw`) */
export function compileNative(sources: readonly string[], library: readonly string[]): Native {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-native-"));
  const root = join(findPlaces(process.env).root, "servers", "lib", "c");
  const program = join(folder, "program");
  execFileSync("cc", ["-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wall", "-Wextra", "-Werror", "-I", join(root, "include"), "-o", program,
    ...sources, ...library.map((name) => join(root, "src", `${name}.c`))]);
  return {
    run: (args, input = "") => execFileSync(program, args, { input, maxBuffer: 64 << 20 }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
