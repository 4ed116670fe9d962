// What goes over a network device, as tcpdump and Wireshark read it. Source: pcap-savefile(5), the form with nanoseconds.
import type { NetBackend } from "./backend.ts";
import { MAX_FRAME } from "./network.ts";

const MAGIC = 0xa1b2_3c4d;
const ETHERNET = 1;

/** The beginning of a file. */
export const pcapHeader = (): Uint8Array => words(MAGIC, 0x0004_0002, 0, 0, MAX_FRAME, ETHERNET);

/** @param ms when it went, milliseconds since 1970, with fractions */
export function pcapRecord(frame: Uint8Array, ms: number): Uint8Array {
  const seconds = Math.floor(ms / 1000);
  return Buffer.concat([words(seconds, Math.floor((ms - seconds * 1000) * 1e6), frame.length, frame.length), frame]);
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, i) => bytes.setUint32(i * 4, value, true));
  return new Uint8Array(bytes.buffer);
}

/** The network itself; `seen` is shown each frame either way, before it goes on, and must not keep it. */
export const watchFrames = (network: NetBackend, seen: (frame: Uint8Array) => void): NetBackend => ({
  send(frame) {
    seen(frame);
    network.send(frame);
  },
  onFrame: (callback) =>
    network.onFrame((frame) => {
      seen(frame);
      callback(frame);
    }),
  close: () => network.close(),
});
