// Byte strings in messages: 8 bytes a word, little-endian, after the message's own words.
import { IpcBuffer, MAX_WORDS, REGISTER_WORDS } from "../../../caps/abi/message.ts";
import { IPC_BUFFER, type Memory, type Message } from "./sdk.ts";

/** Most bytes beside `words` words. */
export const roomBeside = (words: number): number => 8 * (MAX_WORDS - words);

export function packBytes(bytes: Uint8Array): bigint[] {
  const words: bigint[] = [];
  const whole = bytes.length - (bytes.length % 8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < whole; at += 8) words.push(view.getBigUint64(at, true));
  if (whole < bytes.length) {
    let last = 0n;
    for (let at = bytes.length - 1; at >= whole; at--) last = (last << 8n) | BigInt(bytes[at]!);
    words.push(last);
  }
  return words;
}

/** The `count` bytes from word `first` on; before the next system call. null when the message is too short for them: the sender's mistake. */
export function unpackBytes(message: Message, mem: Memory, first: number, count: number): Uint8Array | null {
  if (!Number.isInteger(count) || count < 0 || first + Math.ceil(count / 8) > message.length) return null;
  const bytes = new Uint8Array(count);
  let done = 0;
  for (let word = first; word < REGISTER_WORDS && done < count; word++) {
    for (let i = 0; i < 8 && done < count; i++) bytes[done++] = (i < 4 ? message.lo(word) : message.hi(word)) >>> (8 * (i & 3));
  }
  if (done < count) bytes.set(mem.read(IPC_BUFFER + 8 * (IpcBuffer.WORDS + Math.max(first, REGISTER_WORDS)), count - done), done);
  return bytes;
}
