// What the holder of a token may do, as data; and that a token made from another is never more than it.
//
//   R1  attenuated(_, maker) is allowed nothing that `maker` is not: no right, guest, time or folder more.
export const RIGHTS = {
  view: "see the appliance and the states of its guests",
  metrics: "read metrics",
  life: "pause guests and let them go on",
  snapshot: "write guests down, with all that they have in memory, directly in the folder that the token names",
  stop: "ask guests to shut down; and where the token is for all guests, end the run",
  tokens: "make tokens of what it has itself; list and revoke those",
} as const;
export type Right = keyof typeof RIGHTS;

export interface Grant {
  readonly may: readonly Right[];
  /** null: all. */
  readonly guests: readonly string[] | null;
  /** Milliseconds since 1970 at which it ends; null: never. */
  readonly until: number | null;
  /** Real path of the folder in which it may make snapshots; null: nowhere. */
  readonly below: string | null;
}

/** What is asked for; where something is absent it is what the maker has, and `below` nothing. */
export interface Wanted {
  readonly may: readonly Right[];
  readonly guests?: readonly string[] | undefined;
  readonly until?: number | undefined;
  readonly below?: string | undefined;
}

/** @param maker null: the owner, who may all. @returns what comes of it; or, in words, what the maker has not himself */
export function attenuated(wanted: Wanted, maker: Grant | null): Grant | string {
  const grant: Grant = { may: [...new Set(wanted.may)], guests: wanted.guests === undefined ? (maker?.guests ?? null) : [...new Set(wanted.guests)], until: wanted.until ?? maker?.until ?? null, below: wanted.below ?? null };
  if (maker === null) return grant;
  const right = grant.may.find((each) => !maker.may.includes(each));
  if (right !== undefined) return `it has not the right '${right}' itself`;
  const guest = maker.guests === null ? undefined : grant.guests!.find((each) => !maker.guests!.includes(each));
  if (guest !== undefined) return `it is not for guest ${guest} itself`;
  if (maker.until !== null && grant.until! > maker.until) return `it ends at ${new Date(maker.until).toISOString()} itself`;
  if (grant.below !== null && grant.below !== maker.below) return `${maker.below === null ? "it has no folder for snapshots itself" : `its own folder for snapshots is ${maker.below}`}`;
  return grant;
}
