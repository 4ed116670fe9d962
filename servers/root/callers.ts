// Callers whose answer takes a while: each is moved out of the way to a reply object of its own (ReplySave), and answered from there, once.
//
//   CALLERS-1  Each capability has places of its own: who fills his takes nobody else's.
//   CALLERS-2  A caller that is gone holds its place until it would have been answered; answering nobody is no error.
import { InitSlot } from "../../caps/abi/numbers.ts";
import { replySave } from "../lib/ts/objects.ts";
import { type Response, toReply } from "../lib/ts/serve.ts";
import type { Op } from "../lib/ts/sdk.ts";
import type { RootSpace } from "./space.ts";

/** Reply objects in all, which ROOT_BYTES has room for; and of one capability at most. */
const PLACES = 64, PLACES_EACH = 4;

/** Who waits: a reply object's slot. */
export type Place = number & { readonly place: unique symbol };

export class Callers {
  readonly #space: RootSpace;
  readonly #free: ReadonlyMap<number, Place[]>;
  readonly #badgeOf = new Map<Place, number>();

  private constructor(space: RootSpace, free: ReadonlyMap<number, Place[]>) {
    this.#space = space;
    this.#free = free;
  }

  /** @param badges of the capabilities, 1 to PLACES of them */
  static *make(space: RootSpace, badges: readonly number[]): Op<Callers> {
    const each = Math.max(1, Math.min(PLACES_EACH, Math.floor(PLACES / badges.length)));
    const free = new Map<number, Place[]>();
    for (const badge of badges) {
      const places: Place[] = [];
      for (let i = 0; i < each; i++) places.push((yield* space.makeOwn("Reply", 0)) as Place);
      free.set(badge, places);
    }
    return new Callers(space, free);
  }

  /** Has the one that is being served wait. Undefined: this capability's places are taken, or nobody waits for an answer (a Send). */
  *keep(badge: number): Op<Place | undefined> {
    const places = this.#free.get(badge), place = places?.at(-1);
    if (places === undefined || place === undefined || (yield* replySave(this.#space.sys, InitSlot.Reply, place)).error) return undefined;
    places.pop();
    this.#badgeOf.set(place, badge);
    return place;
  }

  /** Nothing else is to be done with the place. */
  *answer(place: Place, response: Response): Op<void> {
    const { label, words } = toReply(response);
    yield* this.#space.sys.send(place, label, words);
    this.#free.get(this.#badgeOf.get(place) ?? 0)?.push(place);
    this.#badgeOf.delete(place);
  }
}
