// Byte strings in messages: eight to a word, little-endian, the last word padded with zeros (caps/protocol).
import { MAX_WORDS } from "../caps/abi/message.ts";
import type { Message, Word } from "../servers/lib/ts/sdk.ts";

/** Most bytes beside one leading word. */
export const MAX_BYTES = 8 * (MAX_WORDS - 2);

/** The bytes' number, then the bytes: a request with one word `count` and `bytes: "in"`. At most MAX_BYTES bytes. */
export function packCounted(bytes: Uint8Array, length: number): Word[] {
  const words: Word[] = [length];
  for (let at = 0; at < length; at += 8) {
    words.push((BigInt(quad(bytes, at + 4, length)) << 32n) | BigInt(quad(bytes, at, length)));
  }
  return words;
}

function quad(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let i = Math.min(3, end - 1 - at); i >= 0; i--) value = (value << 8) | bytes[at + i]!;
  return value >>> 0;
}

/** The answer of a request with `bytes: "out"`: word 0 = count, the bytes behind it. Never more than the message holds, whatever it says. */
export function unpackCounted(message: Message): Uint8Array {
  const count = Math.min(message.word(0), 8 * Math.max(0, message.length - 1));
  const bytes = new Uint8Array(count);
  for (let i = 0; i < count; i += 4) {
    const word = 1 + (i >>> 3);
    let value = i & 4 ? message.hi(word) : message.lo(word);
    for (let k = i; k < Math.min(i + 4, count); k++, value >>>= 8) bytes[k] = value;
  }
  return bytes;
}

/** ASCII; other characters become "?". There is no TextEncoder in a hosted program. */
export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    bytes[i] = code < 0x80 ? code : 0x3f;
  }
  return bytes;
}
