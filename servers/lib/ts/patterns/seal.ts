// Sealers and unsealers. What is put into a box by a brand's sealer comes out by the unsealer of that brand and by nothing else; a box itself does nothing. Both
// are capabilities of the program that keeps the boxes, and so is a box: a badge of its endpoint, which nobody else can make.
//
//   S1  What is in a box is answered to the unsealer of its brand only; to that it proves that the sealer was used.
//   S2  A box is known by its badge, which the kernel tells when the box is sent to its own endpoint. Anything else that is sent is no box. A badge is never given twice.
//   S3  A brand has `each` boxes at most. A box whose capability is gone is free again.
//
// Source: Morris, "Protection in Programming Languages" (1973); Miller, "Robust Composition". Protocol: caps/protocol/patterns.ts.
import { InitSlot, Kind, Right } from "../../../../caps/abi/numbers.ts";
import { Patterns } from "../../../../caps/protocol/patterns.ts";
import { cnodeDelete, cnodeMint, cnodeMove, discrimClassify } from "../objects.ts";
import type { Response } from "../serve.ts";
import type { Message, Op } from "../sdk.ts";
import { arrivals, own, type Arrived, type Own } from "./own.ts";

const { methods, refusals } = Patterns;

const BRANDS = 2 ** 16;
const BOXES = 2 ** 24;
/** Badges of the sealers, unsealers and boxes, from `badgeFirst` on. */
export const SEAL_BADGES = 2 * BRANDS + BOXES;

export interface SealsOptions {
  /** The program's, without a badge, with all rights: InitSlot.Service unless given. */
  readonly endpoint?: number;
  /** From 2^31 on. */
  readonly badgeFirst: number;
  /** A slot for each box, from `slots` on, and one for the capability that an answer brings. All empty. */
  readonly boxes: number;
  readonly slots: number;
  readonly made: number;
  /** Most boxes of a brand. */
  readonly each: number;
  /** Where the program receives capabilities. */
  readonly receive: number;
}

interface Box {
  readonly serial: number;
  readonly brand: number;
}

export class Seals {
  readonly #env: Own;
  readonly #options: SealsOptions;
  readonly #boxes: (Box | undefined)[];
  #last = 0;

  constructor(env: Own, options: SealsOptions) {
    this.#env = env;
    this.#options = options;
    this.#boxes = Array.from({ length: options.boxes }, () => undefined);
  }

  /** To mint what is given away, with Write, GrantReply and Grant. brand: 0..65535. */
  sealerBadge(brand: number): number {
    if (!Number.isInteger(brand) || brand < 0 || brand >= BRANDS) throw new RangeError(`brands are numbered from 0 to ${BRANDS - 1}, not ${brand}`);
    return this.#options.badgeFirst + 2 * brand;
  }
  unsealerBadge(brand: number): number {
    return this.sealerBadge(brand) + 1;
  }
  #boxBadge(serial: number): number {
    return this.#options.badgeFirst + 2 * BRANDS + serial;
  }

  /** Whether a request with this badge came by a sealer, an unsealer or a box. */
  knows(badge: number): boolean {
    return badge >= this.#options.badgeFirst && badge < this.#options.badgeFirst + SEAL_BADGES;
  }

  *handle(message: Message): Op<Response> {
    const { sys, mem } = this.#env;
    const came = arrivals(message, mem, this.#options.receive);
    const response = yield* this.#answer(message.badge - this.#options.badgeFirst, message.label, came);
    for (const cap of came) if ("slot" in cap) yield* cnodeDelete(sys, own(cap.slot));
    return response;
  }

  *#answer(number: number, label: number, came: readonly Arrived[]): Op<Response> {
    const brand = Math.floor(number / 2), isSealer = number % 2 === 0, cap = came[0];
    const known = isSealer ? label === methods.seal.label : label === methods.unseal.label || label === methods.discard.label;
    // A box does nothing.
    if (brand >= BRANDS || !known) return { label: refusals.badRequest };
    if (isSealer) return came.length !== 1 || cap === undefined ? { label: refusals.badRequest } : yield* this.#seal(cap, brand);
    if (came.length !== 1 || cap === undefined || "slot" in cap) return { label: refusals.noBox };
    const index = yield* this.#find(cap.badge, brand);
    if (typeof index !== "number") return index;
    if (label === methods.unseal.label) return { caps: [this.#options.slots + index] };
    yield* this.#empty(index);
    return {};
  }

  *#seal(cap: Arrived, brand: number): Op<Response> {
    const { sys } = this.#env, { endpoint = InitSlot.Service, made, slots } = this.#options;
    // One of this program's own came as its badge: with which rights is not known, so it cannot be made again.
    if ("badge" in cap) return { label: refusals.cannotPass };
    const index = yield* this.#free(brand);
    if (index === undefined) return { label: refusals.full };
    const serial = this.#last + 1;
    yield* cnodeDelete(sys, own(made));
    // A box can be handed on and sent to its unsealer; it answers nothing.
    const box = yield* cnodeMint(sys, own(made), own(endpoint), Right.Write | Right.GrantReply, this.#boxBadge(serial));
    const kept = box.error ? box : yield* cnodeMove(sys, own(slots + index), own(cap.slot));
    if (kept.error) return { label: refusals.cannotPass };
    this.#last = serial;
    this.#boxes[index] = { serial, brand };
    return { caps: [made] };
  }

  /** S3. */
  *#free(brand: number): Op<number | undefined> {
    for (const [index, box] of this.#boxes.entries()) if (box !== undefined && !(yield* this.#isThere(index))) yield* this.#empty(index);
    if (this.#boxes.filter((box) => box?.brand === brand).length >= this.#options.each || this.#last + 1 >= BOXES) return undefined;
    const index = this.#boxes.indexOf(undefined);
    return index < 0 ? undefined : index;
  }

  /** S2. */
  *#find(badge: number, brand: number): Op<number | Response> {
    if (badge <= this.#boxBadge(0) || badge > this.#boxBadge(this.#last)) return { label: refusals.noBox };
    const index = this.#boxes.findIndex((box) => box !== undefined && this.#boxBadge(box.serial) === badge);
    if (index < 0) return { label: refusals.gone };
    if (this.#boxes[index]?.brand !== brand) return { label: refusals.otherBrand };
    return (yield* this.#isThere(index)) ? index : { label: refusals.gone };
  }

  /** Its object may be gone, and took the capability along. */
  *#isThere(index: number): Op<boolean> {
    const what = yield* discrimClassify(this.#env.sys, InitSlot.Discrim, this.#options.slots + index);
    return !what.error && what.word(0) !== Kind.Null;
  }

  *#empty(index: number): Op<void> {
    yield* cnodeDelete(this.#env.sys, own(this.#options.slots + index));
    this.#boxes[index] = undefined;
  }
}
