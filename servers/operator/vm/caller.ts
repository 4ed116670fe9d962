// Who asks something of the control socket: its owner, or the holder of a token; and what of it is refused him.
import { realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Grant, Right } from "./rights.ts";

/** A request that is not carried out. */
export class Refused extends Error {
  readonly status: number;
  /** What would have been needed, if that is why. */
  readonly right: Right | undefined;
  constructor(status: number, message: string, right?: Right) {
    super(message);
    this.status = status;
    this.right = right;
  }
}

export class Caller {
  /** The token's; null: the owner. */
  readonly token: string | null;
  readonly grant: Grant | null;

  constructor(held: { readonly id: string; readonly grant: Grant } | null) {
    this.token = held?.id ?? null;
    this.grant = held?.grant ?? null;
  }

  /** @throws Refused (403) */
  must(right: Right): void {
    if (this.grant !== null && !this.grant.may.includes(right)) throw new Refused(403, `the token has not the right '${right}'`, right);
  }

  sees(guest: string): boolean {
    return this.grant === null || this.grant.guests === null || this.grant.guests.includes(guest);
  }

  /** Whether there is such a guest is not told. @throws Refused (403) */
  mustSee(guest: string): void {
    if (!this.sees(guest)) throw new Refused(403, `the token is not for guest ${guest}`);
  }

  /** @throws Refused (403) */
  mustSeeAll(): void {
    if (this.grant !== null && this.grant.guests !== null) throw new Refused(403, `the token is for ${this.grant.guests.length === 0 ? "no guest" : `guest ${this.grant.guests.join(", ")}`} alone, and this concerns all`);
  }

  /**
   * Where a snapshot may be written: by the owner anywhere, with a token directly in its folder. That has been resolved when the token was made, and what is asked for is compared with it as text, so neither
   * `..` nor a link leads out of it; should the folder itself have become a link since, it is no longer the one that was meant.
   * @throws Refused (403), which tells nothing of what is where
   */
  async mustWrite(folder: string): Promise<void> {
    if (this.grant === null) return;
    const { below } = this.grant;
    if (below === null) throw new Refused(403, "the token names no folder in which it may make snapshots", "snapshot");
    const isIn = folder === join(below, basename(folder)) && folder !== below && !folder.includes("\0");
    if (!isIn || (await realpath(below).catch(() => undefined)) !== below) throw new Refused(403, `the token may make snapshots directly in ${below}, such as ${join(below, "NAME")}, and nowhere else`, "snapshot");
  }
}

export const OWNER = new Caller(null);
