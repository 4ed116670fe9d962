// What tcpdump, where it is installed, makes of frames: another's eye on what our tests' own code makes and takes apart.
import { spawnSync } from "node:child_process";

export const hasTcpdump = (): boolean => spawnSync("tcpdump", ["--version"], { stdio: "ignore" }).status === 0;

/** A line for each frame. Source: the pcap file format, libpcap's pcap-savefile(5). */
export function describeFrames(frames: readonly Uint8Array[]): string[] {
  const header = Buffer.alloc(24);
  [0xa1b2c3d4, 0x0004_0002, 0, 0, 65_535, 1].forEach((word, i) => header.writeUInt32LE(word, 4 * i));
  const records = frames.flatMap((frame) => {
    const record = Buffer.alloc(16);
    [0, 0, frame.length, frame.length].forEach((word, i) => record.writeUInt32LE(word, 4 * i));
    return [record, frame];
  });
  // -vv checks checksums; one line for each, since the details begin with blanks.
  const { stdout, status, stderr } = spawnSync("tcpdump", ["-r", "-", "-n", "-t", "-vv", ...(process.getuid?.() === 0 ? ["-Z", "root"] : [])], { input: Buffer.concat([header, ...records]), encoding: "utf8" });
  if (status !== 0) throw new Error(`tcpdump: ${stderr}`);
  return stdout.replace(/\n[ \t]+/g, " ").split("\n").filter(Boolean);
}
