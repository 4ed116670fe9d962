// The peer of the IPC figures: a native Linux pipe, measured by a program of its own (pipe.c) that the system's C compiler builds each time.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Pipe {
  /** @returns nanoseconds a round trip, of so many */
  round(roundTrips: number): number;
  close(): void;
}

/** @param source path of pipe.c. @returns why there is no such peer here, in words */
export function buildPipe(source: string): Pipe | string {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-pipe-"));
  const close = (): void => rmSync(folder, { recursive: true, force: true });
  const program = join(folder, "pipe");
  try {
    execFileSync("cc", ["-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source], { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    close();
    return `no pipe to compare with: cc failed (${error instanceof Error ? error.message.trim() : String(error)})`;
  }
  return {
    round(roundTrips) {
      const ns = Number(execFileSync(program, [String(roundTrips)], { encoding: "utf8" }));
      if (!(ns > 0)) throw new Error("pipe: no time came out of it");
      return ns;
    },
    close,
  };
}
