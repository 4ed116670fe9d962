// What a page of the reference says of an object and of each operation on it: data, from which markdown.ts makes the pages.
//
// REF-1  Every kind, invocation, system call, fault, error, exit and slot of caps/abi/numbers.ts is described: mapped types ask the compiler.
// REF-2  Every error and every success of an operation names a test that shows it; test/unit/reference.test.ts asks for the tests.
import type { ErrorName, Invocation, KindName, Right } from "../numbers.ts";

export type InvocationName = keyof typeof Invocation;
export type RightName = keyof typeof Right;
/** Every kind but that of an empty slot. */
export type ObjectName = Exclude<KindName, "Null">;
/** The invocations of a kind begin with its name. */
export type OperationsOf<K extends ObjectName> = Extract<InvocationName, `${K}${string}`>;

/** Of a test in test/unit/kernel: its describe and its number, as in `CNODE-COPY-003`. */
export type TestId = string;

/** A word of a message. */
export interface Word {
  /** Where it stands: "w0", "w1.lo", "w3.hi", "w1.." for this one and those behind it. */
  readonly at: string;
  readonly name: string;
  /** What it is, its unit and range. */
  readonly what: string;
}

export interface Refusal {
  readonly error: ErrorName;
  /** The number that the error's first word tells; null where it tells none. */
  readonly argument: number | null;
  /** When exactly. */
  readonly when: string;
  readonly tests: readonly TestId[];
}

export interface Operation {
  readonly does: string;
  readonly words: readonly Word[];
  /** Rights that the invoked capability must have, and those among the arguments. */
  readonly rights: string;
  /** Words of the answer; label 0 unless `does` says otherwise. */
  readonly answer: readonly Word[];
  /** Tests that show it succeed. */
  readonly tests: readonly TestId[];
  /** In the order in which they are looked for, as far as one can tell. */
  readonly refusals: readonly Refusal[];
  /** What its work grows with, and the most that is done in one entry into the kernel. */
  readonly bound: string;
  readonly source: string;
}

export interface ObjectPage<K extends ObjectName> {
  readonly is: string;
  readonly source: string;
  /** What each right of a capability to it allows. A right that is left out means nothing here. */
  readonly rights: { readonly [R in RightName]?: string };
  /** Copies, badges, guards, mappings: what is particular about its capabilities. */
  readonly capabilities: string;
  /** What becomes of it, and of who waits for it, when its last capability is gone; and how much work that is. */
  readonly end: string;
  readonly endTests: readonly TestId[];
  /** Tests that a label which is none of its operations is an IllegalOperation. */
  readonly otherLabels: readonly TestId[];
  readonly operations: { readonly [I in OperationsOf<K>]: Operation };
}

export const word = (at: string, name: string, what: string): Word => ({ at, name, what });

export const refusal = (error: ErrorName, argument: number | null, when: string, ...tests: TestId[]): Refusal => ({ error, argument, when, tests });

export const truncated = (words: number, ...tests: TestId[]): Refusal => refusal("TruncatedMessage", null, `fewer than ${words} word${words === 1 ? "" : "s"}`, ...tests);

/** The two ways in which a CPtr argument does not name what it should. */
export function cptr(argument: number, what: string, wrong: readonly TestId[], missing: readonly TestId[]): Refusal[] {
  return [
    refusal("FailedLookup", argument, "the CPtr leads to no slot of the caller's CSpace", ...missing),
    refusal("InvalidCapability", argument, `the slot is empty, or holds something that is not ${what}`, ...wrong),
  ];
}

/** The ways in which a slot word (index, depth) names no slot. */
export function slotWord(argument: number, range: readonly TestId[], missing: readonly TestId[]): Refusal[] {
  return [
    refusal("RangeError", argument, "a depth that is not 1..32", ...range),
    refusal("FailedLookup", argument, "(index, depth) leads to no slot: a guard does not match, the walk ends early, or bits are left over", ...missing),
  ];
}

/** Bytes: as KiB and MiB where those are whole. */
export function bytes(n: number): string {
  if (n >= 2 ** 30 && n % 2 ** 30 === 0) return `${n / 2 ** 30} GiB`;
  if (n >= 2 ** 20 && n % 2 ** 20 === 0) return `${n / 2 ** 20} MiB`;
  return n >= 2 ** 10 && n % 2 ** 10 === 0 ? `${n / 2 ** 10} KiB` : `${n} bytes`;
}

