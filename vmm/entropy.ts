// Random bytes for a guest, all from one seed: the key stream of ChaCha20 (RFC 8439, 2.3-2.4; 64-bit counter, nonce 0). It is as unpredictable as the seed,
// and the same seed gives the same bytes, which record and replay need.
import type { EntropySource } from "../core/devices/virtio/rng.ts";

export const SEED_BYTES = 32;
const BLOCK_BYTES = 64;
const SIGMA = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574] as const; // "expand 32-byte k"

export class SeededEntropy implements EntropySource {
  readonly #input = new Uint32Array(16);
  readonly #block = new Uint32Array(16);

  /** @param seed 32 bytes. */
  constructor(seed: Uint8Array) {
    this.#input.set(SIGMA);
    const view = new DataView(seed.buffer, seed.byteOffset, seed.byteLength);
    for (let i = 0; i < 8; i++) this.#input[4 + i] = view.getUint32(4 * i, true);
  }

  /** Exactly `most` bytes. What is left of the last block is dropped. */
  take(most: number): Uint8Array {
    const out = new Uint8Array(most);
    for (let done = 0; done < most; done += BLOCK_BYTES) {
      this.#next();
      for (let i = 0; i < Math.min(BLOCK_BYTES, most - done); i++) out[done + i] = this.#block[i >>> 2]! >>> (8 * (i & 3));
    }
    return out;
  }

  #next(): void {
    const x = this.#block;
    const input = this.#input;
    x.set(input);
    for (let round = 0; round < 10; round++) {
      quarter(x, 0, 4, 8, 12);
      quarter(x, 1, 5, 9, 13);
      quarter(x, 2, 6, 10, 14);
      quarter(x, 3, 7, 11, 15);
      quarter(x, 0, 5, 10, 15);
      quarter(x, 1, 6, 11, 12);
      quarter(x, 2, 7, 8, 13);
      quarter(x, 3, 4, 9, 14);
    }
    for (let i = 0; i < 16; i++) x[i] = x[i]! + input[i]!;
    input[12] = input[12]! + 1;
    if (input[12] === 0) input[13] = input[13]! + 1;
  }
}

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

function quarter(x: Uint32Array, a: number, b: number, c: number, d: number): void {
  x[a] = x[a]! + x[b]!;
  x[d] = rotate(x[d]! ^ x[a]!, 16);
  x[c] = x[c]! + x[d]!;
  x[b] = rotate(x[b]! ^ x[c]!, 12);
  x[a] = x[a]! + x[b]!;
  x[d] = rotate(x[d]! ^ x[a]!, 8);
  x[c] = x[c]! + x[d]!;
  x[b] = rotate(x[b]! ^ x[c]!, 7);
}
