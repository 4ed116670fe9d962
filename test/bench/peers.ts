// What the IPC and process figures are compared with: native processes of Linux, measured by a program of its own (peers.c) that the system's C compiler builds
// each time.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPackage } from "../../servers/operator/package.ts";

/** What each does, in the words of a figure. */
export const PEERS = {
  pipe: "Linux pipe, two processes on one CPU",
  long: "Linux pipe, 960 bytes each way",
  rights: "Unix socket, three descriptors passed and closed",
  signal: "eventfd there and back, two processes on one CPU",
  spawn: "posix_spawn and waitpid of a static program",
} as const;
export type PeerKind = keyof typeof PEERS;

export interface Peers {
  /** @returns nanoseconds a round trip (spawn: a process), of so many */
  round(kind: PeerKind, roundTrips: number): number;
  close(): void;
}

/** @returns why there are no such peers here, in words */
export function buildPeers(): Peers | string {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-peers-"));
  const close = (): void => rmSync(folder, { recursive: true, force: true });
  const program = join(folder, "peers");
  try {
    const source = join(findPackage().root, "test", "bench", "peers.c");
    execFileSync("cc", ["-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o", program, source], { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    close();
    return `no native program to compare with: cc failed (${error instanceof Error ? error.message.trim() : String(error)})`;
  }
  return {
    round(kind, roundTrips) {
      const ns = Number(execFileSync(program, [kind, String(roundTrips)], { encoding: "utf8" }));
      if (!(ns > 0)) throw new Error(`${kind}: no time came out of it`);
      return ns;
    },
    close,
  };
}
