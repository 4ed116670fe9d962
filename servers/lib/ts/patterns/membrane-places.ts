// The table of a membrane (membrane.ts): who has which place. It makes no system call; what is compared with what is the membrane's affair.
//
//   P1  A place in use has a serial number that no other place had before: so a badge that is known still means what it meant, or nothing.
//   P2  A side has `each` places at most.
//   P3  A bit of the notification is used once: what was signalled by a former holder reaches nobody else.

export type Side = "inner" | "outer";
export const otherSide = (side: Side): Side => (side === "inner" ? "outer" : "inner");

export interface Taken {
  readonly index: number;
  readonly serial: number;
  readonly side: Side;
  readonly kind: number;
  readonly rights: number;
  /** Of the notification; null for an endpoint. */
  readonly bit: number | null;
}

export class Places {
  readonly #taken: (Taken | undefined)[];
  readonly #each: number;
  readonly #serials: number;
  readonly #bits: { next: number; readonly end: number };
  #last = 0;

  /** @param serials how many there are; then it is full for good */
  constructor(count: number, each: number, serials: number, firstBit = 0, bits = 0) {
    this.#taken = Array.from({ length: count }, () => undefined);
    this.#each = each;
    this.#serials = serials;
    this.#bits = { next: firstBit, end: firstBit + bits };
  }

  /** Those in use. */
  all(): readonly Taken[] {
    return this.#taken.filter((place) => place !== undefined);
  }

  bySerial(serial: number): Taken | undefined {
    return this.#taken.find((place) => place?.serial === serial);
  }

  /** undefined: none is free for this side. */
  claim(side: Side, kind: number, rights: number, signals: boolean): Taken | undefined {
    const index = this.#taken.findIndex((place) => place === undefined);
    const has = this.all().filter((place) => place.side === side).length;
    if (index < 0 || has >= this.#each || this.#last >= this.#serials || (signals && this.#bits.next >= this.#bits.end)) return undefined;
    const place: Taken = { index, serial: ++this.#last, side, kind, rights, bit: signals ? this.#bits.next++ : null };
    this.#taken[index] = place;
    return place;
  }

  free({ index, serial }: Taken): void {
    if (this.#taken[index]?.serial === serial) this.#taken[index] = undefined;
  }
}
