// What tcpdump makes of frames: another's eye on what our own code makes and takes apart. The set-up sees to it where there is a Debian mirror (step `tcpdump`).
import { pcapHeader, pcapRecord } from "../../core/host/pcap.ts";
import { outsideTool } from "./outside.ts";

const TCPDUMP = outsideTool("tcpdump", "--version");

export const hasTcpdump = (): boolean => TCPDUMP.there;

/** A line for each frame. */
export const describeFrames = (frames: readonly Uint8Array[]): string[] => describeCapture(Buffer.concat([pcapHeader(), ...frames.map((frame) => pcapRecord(frame, 0))]));

/** The same of a file of frames. @throws when tcpdump finds it no whole file */
export function describeCapture(file: Uint8Array): string[] {
  // -vv checks checksums; one line for each, since the details begin with blanks. It says on standard error where it reads from, and nothing else when all is well.
  const { stdout, status, stderr } = TCPDUMP.run(["-r", "-", "-n", "-t", "-vv", ...(process.getuid?.() === 0 ? ["-Z", "root"] : [])], { input: file });
  if (status !== 0 || stderr.trimEnd().split("\n").length > 1) throw new Error(`tcpdump: ${stderr}`);
  return stdout.replace(/\n[ \t]+/g, " ").split("\n").filter(Boolean);
}

/** Of what is not as it should be: cut short, a wrong checksum or length, nothing that it knows. */
/** Words only: a checksum of 0x4bad is as good as any. */
export const isWrong = (line: string): boolean => /\bbad\b|wrong|incorrect|truncated|unknown|\[\||invalid|> ip length|malformed|ERR/i.test(line);
