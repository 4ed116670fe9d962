// Tokens: random secrets of 256 bits, each with what its holder may do (rights.ts). Who holds one with the right `tokens` makes others from it.
//
//   T1  Of a secret only its SHA-256 is kept, here and in the file; it is told once, to who has it made, and stands in no message. It is random, so its hash needs no salt.
//   T2  What is revoked or over is gone with all that was made from it.
//   T3  There are at most MOST_TOKENS. The file, where there is one, is whole: what could not be written has not come about; what is revoked is so at once, even if that cannot be written.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { FailureCode, failure, textOf } from "../failure.ts";
import { Refused, type Caller } from "./caller.ts";
import { attenuated, RIGHTS, type Grant, type Right, type Wanted } from "./rights.ts";

export const MOST_TOKENS = 256;
/** So that it is known for what it is where it should not be. */
const PREFIX = "bailiwick_";
const SECRET_BYTES = 32;
const SECRET = /^bailiwick_[A-Za-z0-9_-]{43}$/;

const rights = z.array(z.enum(Object.keys(RIGHTS) as [Right, ...Right[]])).min(1).max(64);
const guests = z.array(z.string().min(1).max(64)).max(64);
const label = z.string().regex(/^[^\p{Cc}]{0,80}$/u, "at most 80 characters, and none that controls a terminal");

/** What is asked for when one is made, as the API takes it. */
export const wantedSchema = z.strictObject({
  may: rights.meta({ description: "rights; no others than its maker has" }),
  guests: guests.optional().meta({ description: "for which guests; by default all that its maker's is for" }),
  until: z.iso.datetime().optional().meta({ description: "when it ends; by default when its maker's does" }),
  below: z.string().min(1).max(4096).optional().meta({ description: "absolute path of the folder in which it may make snapshots, which must be there; by default it may make none" }),
  label: label.optional().meta({ description: "for people" }),
});
export type WantedToken = z.infer<typeof wantedSchema>;

export const tokenSchema = z
  .strictObject({
    id: z.string(),
    label,
    may: rights,
    guests: guests.optional().meta({ description: "absent: all" }),
    until: z.string().optional().meta({ description: "absent: as long as the run, or its machine's folder" }),
    below: z.string().optional(),
    made: z.string().meta({ description: "ISO 8601" }),
    from: z.string().optional().meta({ description: "the token that it was made from; absent: the owner made it" }),
  })
  .meta({ id: "Token" });
export type TokenInfo = z.infer<typeof tokenSchema>;

const heldSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{12}$/),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  label,
  made: z.string(),
  from: z.string().nullable(),
  grant: z.strictObject({ may: rights, guests: guests.nullable(), until: z.number().nullable(), below: z.string().nullable() }),
});
const fileSchema = z.strictObject({ format: z.literal(1), tokens: z.array(heldSchema).max(MOST_TOKENS) });
export type Held = z.infer<typeof heldSchema>;

const hashOf = (secret: string): Buffer => createHash("sha256").update(secret).digest();

export class Tokens {
  readonly #file: string | undefined;
  /** In the order in which they were made: what one is made from stands before it. */
  #held: readonly Held[] = [];

  /** @param file where they outlive the run. @throws Failure when it is there and is none */
  constructor(file?: string) {
    this.#file = file;
    if (file === undefined || !existsSync(file)) return;
    try {
      this.#held = fileSchema.parse(JSON.parse(readFileSync(file, "utf8"))).tokens;
    } catch (error) {
      throw failure(FailureCode.control, `the tokens in ${file} cannot be read`, { cause: textOf(error), fix: "delete the file: all tokens are revoked by that" });
    }
  }

  /** Whose secret it is. All are compared with it, each in constant time. */
  find(secret: string): Held | undefined {
    if (!SECRET.test(secret)) return undefined;
    this.#forget();
    const hash = hashOf(secret);
    let found: Held | undefined;
    for (const held of this.#held) if (timingSafeEqual(hash, Buffer.from(held.hash, "hex"))) found = held;
    return found;
  }

  /** @throws Refused when the caller may not make such a one, or it makes no sense; Failure when there are too many, or it cannot be kept */
  make(caller: Caller, { may, guests: named, until, below, label: text = "" }: WantedToken): { readonly token: string } & TokenInfo {
    this.#forget();
    if (caller.token !== null && !this.#held.some(({ id }) => id === caller.token)) throw new Refused(401, "the token has been revoked");
    const ends = until === undefined ? undefined : Date.parse(until);
    if (ends !== undefined && !(ends > Date.now())) throw new Refused(400, "until: it is over already");
    if (below !== undefined && !may.includes("snapshot")) throw new Refused(400, "below: it is for the right 'snapshot'");
    // Of the host's folders whoever has a token learns nothing: his own is compared as it stands.
    const wanted: Wanted = { may, guests: named, until: ends, below: below === undefined || caller.grant !== null ? below : realFolder(below) };
    const grant = attenuated(wanted, caller.grant);
    if (typeof grant === "string") throw new Refused(403, `the token cannot make one that may more: ${grant}`);
    if (this.#held.length >= MOST_TOKENS) throw failure(FailureCode.control, `there are ${MOST_TOKENS} tokens, and no more can be made`, { fix: "revoke what nobody uses" });
    const token = `${PREFIX}${randomBytes(SECRET_BYTES).toString("base64url")}`;
    const held: Held = { id: randomBytes(6).toString("hex"), hash: hashOf(token).toString("hex"), label: text, made: new Date().toISOString(), from: caller.token, grant: mutable(grant) };
    this.#write([...this.#held, held]);
    this.#held = [...this.#held, held];
    return { token, ...infoOf(held) };
  }

  /** The owner sees all, the holder of a token his own and what was made from it. */
  list(caller: Caller): readonly TokenInfo[] {
    this.#forget();
    return this.#of(caller.token).map(infoOf);
  }

  /** And all that was made from it. @throws Failure when the caller sees none of that number, or it could not be written that it is gone */
  revoke(caller: Caller, id: string): void {
    this.#forget();
    if (!this.#of(caller.token).some((held) => held.id === id)) throw failure(FailureCode.control, "there is no such token here");
    this.#held = without(this.#held, new Set([id]));
    this.#write(this.#held);
  }

  #of(id: string | null): readonly Held[] {
    if (id === null) return this.#held;
    const kept = new Set(without(this.#held, new Set([id])));
    return this.#held.filter((held) => !kept.has(held));
  }

  /** Those whose time is over. What was made from one ends no later. */
  #forget(): void {
    const now = Date.now();
    this.#held = this.#held.filter(({ grant: { until } }) => until === null || until > now);
  }

  /** @throws Failure */
  #write(tokens: readonly Held[]): void {
    if (this.#file === undefined) return;
    const beside = `${this.#file}.new`;
    try {
      rmSync(beside, { force: true });
      writeFileSync(beside, `${JSON.stringify({ format: 1, tokens })}\n`, { mode: 0o600, flag: "wx", flush: true });
      renameSync(beside, this.#file);
    } catch (error) {
      throw failure(FailureCode.control, `the tokens cannot be written to ${this.#file}`, { cause: textOf(error) });
    }
  }
}

/** Those that are left when some, and what was made from them, are gone. */
function without(all: readonly Held[], gone: Set<string>): readonly Held[] {
  return all.filter(({ id, from }) => {
    if (from !== null && gone.has(from)) gone.add(id);
    return !gone.has(id);
  });
}

/** @throws Refused (400) */
function realFolder(path: string): string {
  try {
    const real = path.startsWith("/") ? realpathSync(path) : undefined;
    if (real !== undefined && statSync(real).isDirectory()) return real;
  } catch {
    // As below.
  }
  throw new Refused(400, "below: it is no absolute path of a folder that is there");
}

const mutable = ({ may, guests: named, until, below }: Grant): Held["grant"] => ({ may: [...may], guests: named === null ? null : [...named], until, below });

function infoOf({ id, label: text, made, from, grant: { may, guests: named, until, below } }: Held): TokenInfo {
  return { id, label: text, may, ...(named === null ? {} : { guests: named }), ...(until === null ? {} : { until: new Date(until).toISOString() }), ...(below === null ? {} : { below }), made, ...(from === null ? {} : { from }) };
}
