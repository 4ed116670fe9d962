// Two sides that reach each other through this program only. What one side passes to the other, in a request or an answer, arrives wrapped: it leads through the
// membrane too, and so on for whatever passes by that. One call takes all of it back.
//
//   M1  Over the membrane goes no capability but wrappers of what the other side passed, and one's own that come home: an original reaches no side but its own.
//   M2  What is wrapped is an endpoint or a notification, with no more rights than it came with, and never Read: nobody receives through a membrane. All else is
//       refused and counted: CNodes, Untypeds, threads, and frames, since the kernel could not take back a copy of one (lend.ts).
//   M3  The same capability has the same wrapper as long as that is in use, and one that comes back to its side arrives as what it was.
//   M4  After `revoke` no wrapper leads anywhere, whoever has it. A badge is never given twice.
//   M5  A side has `each` places at most: one that passes without end takes none from the other. A place whose original is gone is free again.
//
// A side is who holds the capability: whoever is given what one side received is on that side, and can unwrap what passes. A wrapper is to be kept as the original
// would be. The target sees this program as its client. A Send is carried out as a Call whose answer nobody gets.
//
// A hosted program has one thread, which is inside the target until that answers. A target that calls back through the membrane before it answers waits for ever, and with it
// everybody on both sides: where targets call back, the membrane is to be one in C with threads (bailiwick/patterns/membrane.h).
// Source: Miller, "Robust Composition", 9 (membrane); the unwrapping is the kernel's (a badge of one's own endpoint), the comparison Discrim's.
import { MAX_CAPS } from "../../../../caps/abi/message.ts";
import { ALL_RIGHTS, InitSlot, Kind, Right } from "../../../../caps/abi/numbers.ts";
import { Patterns } from "../../../../caps/protocol/patterns.ts";
import { cnodeCopy, cnodeDelete, cnodeMint, cnodeRevoke, discrimClassify } from "../objects.ts";
import type { Response } from "../serve.ts";
import type { Message, Op } from "../sdk.ts";
import { otherSide, Places, type Side, type Taken } from "./membrane-places.ts";
import { arrivals, isSame, isSameObject, own, receiveAt, wordsOf, type Arrived, type Own } from "./own.ts";

const { refusals } = Patterns;

/** So many wrappers have badges of their own, after `badgeFirst`, in a membrane's life; then it is full for good. */
export const MEMBRANE_BADGES = 2 ** 24;

export interface MembraneOptions {
  /** This program's, without a badge, with all rights: InitSlot.Service unless given. */
  readonly endpoint?: number;
  /** From 2^31 on; MEMBRANE_BADGES of them are the membrane's. */
  readonly badgeFirst: number;
  /** Places for what passed: two empty slots each, from `slots` on. */
  readonly places: number;
  readonly slots: number;
  /** Most places of a side; half of them unless given. */
  readonly each?: number;
  /** Where the program receives capabilities: three slots, and three more behind them for those of answers. */
  readonly receive: number;
  /** A notification without a badge whose signals the program hands to `notified`, and the bits of it (below 53) that are the membrane's. Absent: none passes. */
  readonly signals?: { readonly notification: number; readonly firstBit: number; readonly bits: number };
}

type Passed = { readonly caps: readonly number[] } | { readonly refusal: number };

export class Membrane {
  /** Calls that reached a target; that the membrane refused, or whose answer it did. */
  passed = 0;
  refused = 0;
  /** Capabilities that were wrapped, that came home, that were refused; signals passed on. */
  wrapped = 0;
  unwrapped = 0;
  capabilitiesRefused = 0;
  signals = 0;
  readonly #env: Own;
  readonly #options: MembraneOptions;
  readonly #endpoint: number;
  readonly #places: Places;
  /** Places whose slots the message in hand names: so long they are nobody else's. */
  readonly #pinned = new Set<Taken>();

  constructor(env: Own, options: MembraneOptions) {
    this.#env = env;
    this.#options = options;
    this.#endpoint = options.endpoint ?? InitSlot.Service;
    this.#places = new Places(options.places, options.each ?? options.places >> 1, MEMBRANE_BADGES - 1, options.signals?.firstBit, options.signals?.bits);
  }

  #original({ index }: Taken): number {
    return this.#options.slots + 2 * index;
  }
  #wrapper({ index }: Taken): number {
    return this.#options.slots + 2 * index + 1;
  }
  #byBadge(badge: number): Taken | undefined {
    return this.#places.bySerial(badge - this.#options.badgeFirst);
  }

  /** Whether a request with this badge is the membrane's. */
  knows(badge: number): boolean {
    return badge >= this.#options.badgeFirst && badge < this.#options.badgeFirst + MEMBRANE_BADGES;
  }

  /** Carries out a request that came by a wrapper: the answer. */
  *handle(message: Message): Op<Response> {
    const { sys, mem } = this.#env, { receive } = this.#options;
    const words = wordsOf(message), came = arrivals(message, mem, receive);
    const target = this.#byBadge(message.badge);
    if (target === undefined || target.kind !== Kind.Endpoint) {
      yield* this.#drop(came);
      return this.#refuse(refusals.revoked);
    }
    this.#pinned.clear();
    this.#pinned.add(target);
    const there = yield* this.#passAll(came, target.side);
    if ("refusal" in there) return this.#refuse(there.refusal);
    receiveAt(sys, receive + MAX_CAPS);
    const answer = yield* sys.call(this.#original(target), message.label, words, there.caps);
    const back = wordsOf(answer), brought = arrivals(answer, mem, receive + MAX_CAPS);
    receiveAt(sys, receive);
    if (answer.error) return this.#refuse(refusals.gone, [answer.label]);
    this.passed++;
    const here = yield* this.#passAll(brought, otherSide(target.side));
    return "refusal" in here ? this.#refuse(here.refusal) : { label: answer.label, words: back, caps: here.caps };
  }

  #refuse(label: number, words: readonly number[] = []): Response {
    this.refused++;
    return { label, words };
  }

  *#drop(came: readonly Arrived[]): Op<void> {
    for (const cap of came) if ("slot" in cap) yield* cnodeDelete(this.#env.sys, own(cap.slot));
  }

  /** All capabilities of a message, as the side `to` may have them (M1). None is in its slot afterwards. */
  *#passAll(came: readonly Arrived[], to: Side): Op<Passed> {
    const caps: number[] = [];
    let refusal = 0;
    for (const cap of came) {
      if (refusal !== 0) break;
      const place = "badge" in cap ? (this.#byBadge(cap.badge) ?? this.#reject(refusals.cannotPass)) : yield* this.#admit(otherSide(to), cap.slot);
      if (typeof place === "number") refusal = place;
      else {
        const home = place.side === to;
        this.#pinned.add(place);
        if (home) this.unwrapped++;
        caps.push(home ? this.#original(place) : this.#wrapper(place));
      }
    }
    yield* this.#drop(came);
    return refusal === 0 ? { caps } : { refusal };
  }

  #reject(refusal: number): number {
    this.capabilitiesRefused++;
    return refusal;
  }

  /** The place of the capability in `slot`, which `side` passes: that whose wrapper it is, the one it has, or a new one with a copy of it. Else the refusal. */
  *#admit(side: Side, slot: number): Op<Taken | number> {
    const { sys } = this.#env, { signals } = this.#options;
    const what = yield* discrimClassify(sys, InitSlot.Discrim, slot);
    const kind = what.error ? Kind.Null : what.word(0);
    if (kind !== Kind.Endpoint && kind !== Kind.Notification) return this.#reject(refusals.cannotPass);
    if (kind === Kind.Notification && signals === undefined) return this.#reject(refusals.cannotPass);
    if (yield* isSameObject(sys, slot, kind === Kind.Endpoint || signals === undefined ? this.#endpoint : signals.notification)) {
      // One of this program's own: a wrapper, or what stays here.
      for (const place of this.#places.all()) if (yield* isSame(sys, slot, this.#wrapper(place))) return place;
      return this.#reject(refusals.cannotPass);
    }
    // M2: what it could do to the wrapper it could do to the original, and it never receives.
    const rights = what.word(1) & ALL_RIGHTS & ~Right.Read;
    for (const place of this.#places.all()) {
      if (place.side === side && place.kind === kind && place.rights === rights && (yield* isSame(sys, slot, this.#original(place)))) return place;
    }
    return (yield* this.#keep(side, kind, rights, slot)) ?? this.#reject(refusals.full);
  }

  *#keep(side: Side, kind: number, rights: number, slot: number): Op<Taken | undefined> {
    const { sys } = this.#env, { badgeFirst, signals } = this.#options;
    let place = this.#places.claim(side, kind, rights, kind === Kind.Notification);
    if (place === undefined) {
      yield* this.#sweep();
      place = this.#places.claim(side, kind, rights, kind === Kind.Notification);
    }
    if (place === undefined) return undefined;
    const kept = yield* cnodeCopy(sys, own(this.#original(place)), own(slot), ALL_RIGHTS);
    const [from, badge] = place.bit === null || signals === undefined ? [this.#endpoint, badgeFirst + place.serial] : [signals.notification, 2 ** place.bit];
    const made = yield* cnodeMint(sys, own(this.#wrapper(place)), own(from), rights, badge);
    if (kept.error || made.error) {
      yield* this.#empty(place);
      return undefined;
    }
    this.wrapped++;
    return place;
  }

  /** M5: the original was deleted with its object, so nothing is behind the wrapper. */
  *#sweep(): Op<void> {
    for (const place of this.#places.all()) {
      if (this.#pinned.has(place)) continue;
      const what = yield* discrimClassify(this.#env.sys, InitSlot.Discrim, this.#original(place));
      if (!what.error && what.word(0) === Kind.Null) yield* this.#empty(place);
    }
  }

  /** Nobody has its wrapper any more. */
  *#empty(place: Taken): Op<void> {
    const { sys } = this.#env;
    yield* cnodeRevoke(sys, own(this.#wrapper(place)));
    yield* cnodeDelete(sys, own(this.#wrapper(place)));
    yield* cnodeDelete(sys, own(this.#original(place)));
    this.#places.free(place);
  }

  /** Passes signals on: called with the word of `signals.notification`. */
  *notified(word: number): Op<void> {
    for (const place of this.#places.all()) {
      if (place.bit === null || Math.floor(word / 2 ** place.bit) % 2 === 0) continue;
      this.signals++;
      yield* this.#env.sys.signal(this.#original(place));
    }
  }

  /** The CPtr of the wrapper that is to be given to the other side, for a copy of the capability `cap`, which is of this side. Else the label of a refusal. */
  *wrap(side: Side, cap: number): Op<{ readonly ok: true; readonly cap: number } | { readonly ok: false; readonly label: number }> {
    const place = yield* this.#admit(side, cap);
    return typeof place === "number" ? { ok: false, label: place } : { ok: true, cap: this.#wrapper(place) };
  }

  /** Takes everything back. What is wrapped afterwards is new. */
  *revoke(): Op<void> {
    this.#pinned.clear();
    for (const place of this.#places.all()) yield* this.#empty(place);
  }
}
