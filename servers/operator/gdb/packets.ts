// Packets of gdb's remote serial protocol: `$` body `#` checksum, with escapes and run lengths. Pure; what comes in may be anything.
//
// P1  No bytes, however they are cut into pieces, throw or make the reader keep more than MOST_BYTES of them.
// P2  What is encoded is read back as it was.
// Source: "Debugging with GDB", appendix E, "Overview" and "Packets".

/** Longest body of a packet, in bytes, as it is told to gdb. */
export const MOST_BYTES = 0x4000;

export type Piece =
  | { readonly kind: "packet"; readonly body: Uint8Array }
  /** A packet whose checksum is wrong, or that is too long: to be asked for again. */
  | { readonly kind: "damaged" }
  | { readonly kind: "ack" | "nack" | "interrupt" };

const [DOLLAR, HASH, STAR, ESCAPE, PLUS, MINUS, INTERRUPT] = [0x24, 0x23, 0x2a, 0x7d, 0x2b, 0x2d, 0x03] as const;
const ESCAPED = 0x20;
/** A run length n is written as the character n + 29. */
const RUN_BASE = 29, SHORTEST_RUN = 3, LONGEST_RUN = 97;

export class PacketReader {
  /** Null between packets. */
  #body: number[] | null = null;
  #tooLong = false;
  /** The body is over; so many digits of the checksum are there. */
  #digits = -1;
  #checksum = "";
  #sum = 0;

  /** The pieces that end in these bytes. What is between packets and means nothing is left out. */
  read(bytes: Uint8Array): Piece[] {
    const pieces: Piece[] = [];
    for (const byte of bytes) {
      const piece = this.#body === null ? this.#between(byte) : this.#digits >= 0 ? this.#inChecksum(byte) : this.#inBody(byte);
      if (piece !== undefined) pieces.push(piece);
    }
    return pieces;
  }

  #between(byte: number): Piece | undefined {
    if (byte === DOLLAR) this.#begin();
    else if (byte === PLUS) return { kind: "ack" };
    else if (byte === MINUS) return { kind: "nack" };
    else if (byte === INTERRUPT) return { kind: "interrupt" };
    return undefined;
  }

  #begin(): undefined {
    this.#body = [];
    this.#tooLong = false;
    this.#digits = -1;
    this.#checksum = "";
    this.#sum = 0;
  }

  #inBody(byte: number): undefined {
    // A packet whose end was lost.
    if (byte === DOLLAR) return this.#begin();
    if (byte === HASH) {
      this.#digits = 0;
      return;
    }
    this.#sum = (this.#sum + byte) & 0xff;
    if (this.#body!.length >= 2 * MOST_BYTES) this.#tooLong = true;
    else this.#body!.push(byte);
  }

  #inChecksum(byte: number): Piece | undefined {
    this.#checksum += String.fromCharCode(byte);
    if (++this.#digits < 2) return undefined;
    const raw = this.#body!, right = /^[0-9a-f]{2}$/i.test(this.#checksum) && Number.parseInt(this.#checksum, 16) === this.#sum;
    this.#body = null;
    const body = right && !this.#tooLong ? unescape(raw) : undefined;
    return body === undefined ? { kind: "damaged" } : { kind: "packet", body };
  }
}

/** Without escapes and run lengths; undefined when they make no sense, or when it is too long then. */
function unescape(raw: readonly number[]): Uint8Array | undefined {
  const body: number[] = [];
  for (let i = 0; i < raw.length; i++) {
    const byte = raw[i]!;
    if (byte === ESCAPE) {
      if (++i === raw.length) return undefined;
      body.push(raw[i]! ^ ESCAPED);
    } else if (byte === STAR) {
      const last = body.at(-1), count = (raw[++i] ?? 0) - RUN_BASE;
      if (last === undefined || count < SHORTEST_RUN || count > LONGEST_RUN) return undefined;
      for (let n = 0; n < count; n++) body.push(last);
    } else body.push(byte);
    if (body.length > MOST_BYTES) return undefined;
  }
  return Uint8Array.from(body);
}

/** A packet with this body. Text is taken as its bytes. */
export function encodePacket(body: string | Uint8Array): Uint8Array {
  const bytes = typeof body === "string" ? Buffer.from(body, "latin1") : body, out: number[] = [DOLLAR];
  let sum = 0;
  const put = (byte: number): void => {
    out.push(byte);
    sum = (sum + byte) & 0xff;
  };
  for (let i = 0; i < bytes.length; ) {
    const byte = bytes[i]!;
    if (byte === DOLLAR || byte === HASH || byte === STAR || byte === ESCAPE) {
      put(ESCAPE);
      put(byte ^ ESCAPED);
      i++;
      continue;
    }
    put(byte);
    let run = 0;
    while (run < LONGEST_RUN && bytes[i + 1 + run] === byte) run++;
    // Lengths that would be written as characters with a meaning of their own are shortened.
    while (run >= SHORTEST_RUN && [DOLLAR, HASH, PLUS, MINUS].includes((run + RUN_BASE) as typeof DOLLAR)) run--;
    if (run >= SHORTEST_RUN) {
      put(STAR);
      put(run + RUN_BASE);
      i += run;
    }
    i++;
  }
  out.push(HASH, ...Buffer.from(sum.toString(16).padStart(2, "0")));
  return Uint8Array.from(out);
}
