// A program's own names for the capabilities that it holds, so that its user knows which is which, whatever others call them.
//
//   N1  One to one: a petname belongs to one capability, and a capability (by Discrim's `same`: object and badge) has one petname.
//   N2  What a capability calls itself, or somebody calls it (its nickname), is kept apart and is never taken for a petname.
//   N3  Two petnames never look alike: their skeletons differ.
//
// A petname is 1 to 32 bytes, ' ' to '~', without spaces at its ends or two in a row. Its skeleton, what the eye sees at a glance: capitals as small letters; 0 as o;
// 1, l, i, | and ! as one; 5 and $ as s; 2 as z; 8 as b; 6 and 9 as g; rn as m, vv as w, cl as d; without spaces, '-', '_', '.', ',', ''', '`', ':' and ';'. One without a skeleton is refused. Other
// scripts have look-alikes without end, and are refused altogether.
// Source: Stiegler, "An Introduction to Petname Systems" (2005); the rule is a small one after Unicode TS 39, "Confusable Detection".
import type { Op, Sys } from "../sdk.ts";
import { isSame } from "./own.ts";

export const PETNAME_MOST = 32;

const SEEN: Readonly<Record<string, string>> = { "0": "o", "1": "l", i: "l", "|": "l", "!": "l", "5": "s", $: "s", "2": "z", "8": "b", "6": "g", "9": "g" };

/** What a name looks like; "" for nothing at all. */
export function skeleton(name: string): string {
  const letters = [...name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())].filter((letter) => !" -_.,'`:;".includes(letter)).map((letter) => SEEN[letter] ?? letter);
  return letters.join("").replaceAll("rn", "m").replaceAll("vv", "w").replaceAll("cl", "d");
}

export const isPetname = (name: string): boolean =>
  name.length <= PETNAME_MOST && /^[!-~]+( [!-~]+)*$/.test(name) && skeleton(name) !== "";

export interface Named {
  readonly petname: string;
  /** As it was given, cut to 64 letters; shown, never looked up. */
  readonly nickname: string;
  readonly cap: number;
}

/** taken: another has this very name. lookAlike: one has a name that looks like it. hasOne: the capability has a name. */
export type PetnameRefusal = "badName" | "taken" | "lookAlike" | "hasOne" | "nothing" | "full";
export type PetnameResult = { readonly ok: true } | { readonly ok: false; readonly refusal: PetnameRefusal; /** Which petname is in the way. */ readonly by?: string };

const refused = (refusal: PetnameRefusal, by?: string): PetnameResult => ({ ok: false, refusal, ...(by === undefined ? {} : { by }) });

export class Petnames {
  readonly #sys: Sys;
  readonly #most: number;
  readonly #named: Named[] = [];

  /** @param most how many names there may be: who can make the program add names uses up no more */
  constructor(sys: Sys, most: number) {
    this.#sys = sys;
    this.#most = most;
  }

  all(): readonly Named[] {
    return this.#named;
  }

  /** Names the capability in the program's slot `cap`, which stays there as long as the name does. */
  *add(petname: string, cap: number, nickname = ""): Op<PetnameResult> {
    const wrong = this.#judge(petname);
    if (wrong !== undefined) return wrong;
    if (yield* this.#isNothing(cap)) return refused("nothing");
    const has = yield* this.nameOf(cap);
    if (has !== undefined) return refused("hasOne", has.petname);
    if (this.#named.length >= this.#most) return refused("full");
    this.#named.push({ petname, nickname: nickname.slice(0, 64), cap });
    return { ok: true };
  }

  /** Gives what is called `petname` another name. */
  rename(petname: string, to: string): PetnameResult {
    const index = this.#named.findIndex((each) => each.petname === petname);
    const old = this.#named[index];
    if (old === undefined) return refused("nothing");
    const wrong = this.#judge(to, old);
    if (wrong !== undefined) return wrong;
    this.#named[index] = { ...old, petname: to };
    return { ok: true };
  }

  #judge(petname: string, except?: Named): PetnameResult | undefined {
    if (!isPetname(petname)) return refused("badName");
    const others = this.#named.filter((each) => each !== except);
    if (others.some((each) => each.petname === petname)) return refused("taken", petname);
    const alike = this.like(petname, except);
    return alike === undefined ? undefined : refused("lookAlike", alike.petname);
  }

  /** The capability with exactly this name. */
  capOf(petname: string): number | undefined {
    return this.#named.find((each) => each.petname === petname)?.cap;
  }

  /** Slot 0 is always empty. Empty slots are all the same, so that nothing would have the name of whatever is gone. */
  *#isNothing(cap: number): Op<boolean> {
    return cap === 0 || (yield* isSame(this.#sys, cap, 0));
  }

  /** What this capability is called here, whatever it calls itself. */
  *nameOf(cap: number): Op<Named | undefined> {
    if (yield* this.#isNothing(cap)) return undefined;
    for (const each of this.#named) if (yield* isSame(this.#sys, cap, each.cap)) return each;
    return undefined;
  }

  /** Whose petname this text looks like: of a nickname that somebody claims, before it is shown. */
  like(text: string, except?: Named): Named | undefined {
    const seen = skeleton(text);
    return this.#named.find((each) => each !== except && skeleton(each.petname) === seen);
  }

  /** The name is free again; the capability stays in its slot. */
  remove(petname: string): boolean {
    const index = this.#named.findIndex((each) => each.petname === petname);
    if (index >= 0) this.#named.splice(index, 1);
    return index >= 0;
  }
}
