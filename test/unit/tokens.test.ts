// TOKENS-*: tokens by themselves: that none may more than what it was made from, by chains made at random; that revoking is complete; secrets, time, number, the file.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Caller, OWNER } from "../../servers/operator/vm/caller.ts";
import { attenuated, RIGHTS, type Grant, type Right } from "../../servers/operator/vm/rights.ts";
import { MOST_TOKENS, Tokens, type WantedToken } from "../../servers/operator/vm/tokens.ts";

const NAMES = Object.keys(RIGHTS) as Right[], GUESTS = ["a", "b", "c"], TIMES = [10, 20, 30].map((years) => new Date(Date.now() + years * 365 * 86_400_000).toISOString());
let folder: string, FOLDERS: readonly string[];
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "bailiwick-tokens-")));
  FOLDERS = ["one", "two"].map((name) => join(folder, name));
  for (const each of FOLDERS) mkdirSync(each);
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

/** All that a token lets one do, spelled out: which right, to which guest (or to what concerns all), at which time, into which folder. */
function powers(grant: Grant | null): Set<string> {
  const found = new Set<string>();
  for (const right of NAMES) for (const guest of [...GUESTS, "another", "*"]) for (const at of [0, ...TIMES.map(Date.parse), Infinity]) for (const into of [...FOLDERS, "elsewhere"]) {
    const may = grant === null || (grant.may.includes(right) && (grant.guests === null || grant.guests.includes(guest)) && (grant.until === null || at < grant.until) && (right !== "snapshot" || grant.below === into));
    if (may) found.add([right, guest, at, into].join());
  }
  return found;
}
const within = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => [...a].every((each) => b.has(each));
const callerOf = (tokens: Tokens, secret: string): Caller | undefined => {
  const held = tokens.find(secret);
  return held === undefined ? undefined : new Caller(held);
};
const status = (work: () => unknown): unknown => {
  try {
    work();
    return 0;
  } catch (error) {
    return (error as { readonly status?: number }).status;
  }
};

const wanted = (): fc.Arbitrary<WantedToken> =>
  fc.record(
    { may: fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1 }).map((may): Right[] => [...may, "snapshot", "tokens"]), guests: fc.subarray(GUESTS, { minLength: 1 }), until: fc.constantFrom(...TIMES), below: fc.constantFrom(...FOLDERS) },
    { requiredKeys: ["may"] },
  );

describe("TOKENS", () => {
  test("001 however a chain is made, each is within what it was made from; and what is within is not refused", () => {
    fc.assert(
      fc.property(wanted(), wanted(), wanted(), (...chain) => {
        let maker: Grant | null = null;
        for (const { until, ...more } of chain) {
          const asked = { ...more, until: until === undefined ? undefined : Date.parse(until) };
          const grant = attenuated(asked, maker);
          const literally = powers({ may: asked.may, guests: asked.guests ?? maker?.guests ?? null, until: asked.until ?? maker?.until ?? null, below: asked.below ?? null });
          if (typeof grant === "string") {
            expect(within(literally, powers(maker)), grant).toBe(false);
            return;
          }
          expect(within(powers(grant), powers(maker))).toBe(true);
          expect(powers(grant)).toEqual(literally);
          maker = grant;
        }
      }),
      { numRuns: 300 },
    );
  });

  test("002 by makers and revocations at random: none ever may more than any it came from, and what is revoked is gone with all that came from it, at once and in the file", () => {
    const step = fc.oneof({ weight: 3, arbitrary: fc.record({ by: fc.nat(), make: wanted() }) }, { weight: 1, arbitrary: fc.record({ by: fc.nat(), revoke: fc.nat() }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const file = join(folder, "tokens.json");
        rmSync(file, { force: true });
        const tokens = new Tokens(file);
        interface Known { readonly id: string; readonly secret: string; readonly from: Known | undefined; revoked: boolean }
        const all: Known[] = [];
        const isGone = (of: Known | undefined): boolean => of !== undefined && (of.revoked || isGone(of.from));
        const isFrom = (of: Known | undefined, root: Known | undefined): boolean => root === undefined || (of !== undefined && (of === root || isFrom(of.from, root)));
        for (const each of steps) {
          const maker = [undefined, ...all][each.by % (all.length + 1)], caller = maker === undefined ? OWNER : callerOf(tokens, maker.secret);
          expect(caller === undefined).toBe(isGone(maker));
          if (caller === undefined) continue;
          if ("make" in each) {
            try {
              const { id, token: secret } = tokens.make(caller, each.make);
              all.push({ id, secret, from: maker, revoked: false });
            } catch (error) {
              expect((error as { readonly status: number }).status).toBe(403);
            }
          } else if (all.length > 0) {
            const victim = all[each.revoke % all.length]!, allowed = !isGone(victim) && isFrom(victim, maker);
            expect(status(() => tokens.revoke(caller, victim.id)) === 0).toBe(allowed);
            if (allowed) victim.revoked = true;
          }
        }
        for (const store of [tokens, new Tokens(file)]) {
          for (const known of all) {
            const held = store.find(known.secret);
            expect(held?.id).toBe(isGone(known) ? undefined : known.id);
            for (let up = known.from; held !== undefined && up !== undefined; up = up.from) expect(within(powers(held.grant), powers(store.find(up.secret)!.grant))).toBe(true);
            if (held !== undefined) expect(new Set(store.list(new Caller(held)).map(({ id }) => id))).toEqual(new Set(all.filter((other) => !isGone(other) && isFrom(other, known)).map(({ id }) => id)));
          }
          expect(store.list(OWNER).length).toBe(all.filter((known) => !isGone(known)).length);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("003 a secret is random, told once, and kept nowhere; nothing that resembles it is taken for it", () => {
    const file = join(folder, "tokens.json"), tokens = new Tokens(file), made = Array.from({ length: 20 }, () => tokens.make(OWNER, { may: ["view"], label: "x" }).token);
    expect(new Set(made).size).toBe(20);
    const kept = readFileSync(file, "latin1") + JSON.stringify(tokens.list(OWNER));
    for (const secret of made) {
      expect(secret).toMatch(/^bailiwick_[\w-]{43}$/);
      expect(kept).not.toContain(secret.slice(10));
      const held = JSON.parse(readFileSync(file, "utf8")) as { readonly tokens: readonly { readonly hash: string }[] };
      for (const wrong of [secret.slice(0, -1), `${secret}A`, secret.slice(10), `${secret.slice(0, 30)}${secret[30] === "A" ? "B" : "A"}${secret.slice(31)}`, "", "bailiwick_", ...held.tokens.map(({ hash }) => hash), ...tokens.list(OWNER).map(({ id }) => id)]) expect(tokens.find(wrong)).toBeUndefined();
      expect(tokens.find(secret)).toBeDefined();
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("004 one whose time is over is unknown, with what was made from it; there are no more than so many, and then there is room again", () => {
    vi.useFakeTimers({ now: Date.parse("2026-01-01T00:00:00Z") });
    const tokens = new Tokens(), short = tokens.make(OWNER, { may: ["view", "tokens"], until: "2026-01-01T00:01:00Z" });
    const child = tokens.make(callerOf(tokens, short.token)!, { may: ["view"] });
    expect(child.until).toBe("2026-01-01T00:01:00.000Z");
    expect(status(() => tokens.make(callerOf(tokens, short.token)!, { may: ["view"], until: "2026-01-01T00:01:01Z" }))).toBe(403);
    expect(status(() => tokens.make(OWNER, { may: ["view"], until: "2026-01-01T00:00:00Z" }))).toBe(400);
    for (let i = 2; i < MOST_TOKENS; i++) tokens.make(OWNER, { may: ["view"] });
    expect(() => tokens.make(OWNER, { may: ["view"] })).toThrow(/there are 256 tokens, and no more can be made/);
    vi.setSystemTime(Date.parse("2026-01-01T00:00:59.999Z"));
    expect([tokens.find(short.token)?.id, tokens.find(child.token)?.id]).toEqual([short.id, child.id]);
    vi.setSystemTime(Date.parse("2026-01-01T00:01:00Z"));
    expect([tokens.find(short.token), tokens.find(child.token)]).toEqual([undefined, undefined]);
    expect(tokens.list(OWNER).length).toBe(MOST_TOKENS - 2);
    tokens.make(OWNER, { may: ["view"] });
  });

  test("005 a maker that was revoked meanwhile makes none; what cannot be written has not come about, and what is revoked is so all the same", () => {
    const file = join(folder, "t", "tokens.json");
    mkdirSync(join(folder, "t"));
    const tokens = new Tokens(file), maker = tokens.make(OWNER, { may: ["view", "tokens"] }), caller = callerOf(tokens, maker.token)!;
    rmSync(join(folder, "t"), { recursive: true });
    expect(() => tokens.make(caller, { may: ["view"] })).toThrow(/cannot be written/);
    expect(tokens.list(OWNER).length).toBe(1);
    expect(() => tokens.revoke(OWNER, maker.id)).toThrow(/cannot be written/);
    expect(tokens.find(maker.token)).toBeUndefined();
    expect(status(() => tokens.make(caller, { may: ["view"] }))).toBe(401);
  });

  test("006 a file that is none is not taken, and stays; a link or a file beside it is not written through", () => {
    const file = join(folder, "tokens.json");
    for (const text of ["", "{", "[]", '{"format":2,"tokens":[]}', '{"format":1,"tokens":[{"id":"x"}]}']) {
      writeFileSync(file, text);
      expect(() => new Tokens(file)).toThrow(/cannot be read[^]*delete the file: all tokens are revoked by that/);
      expect(readFileSync(file, "utf8")).toBe(text);
    }
    rmSync(file);
    writeFileSync(join(folder, "other"), "kept");
    chmodSync(join(folder, "other"), 0o644);
    symlinkSync(join(folder, "other"), `${file}.new`);
    new Tokens(file).make(OWNER, { may: ["view"] });
    expect(readFileSync(join(folder, "other"), "utf8")).toBe("kept");
    expect([statSync(file).mode & 0o777, existsSync(`${file}.new`)]).toEqual([0o600, false]);
  });

  test("007 a token's folder is what the owner's name for it leads to; its holder is told of no other", async () => {
    symlinkSync(FOLDERS[0]!, join(folder, "link"));
    writeFileSync(join(folder, "file"), "");
    const tokens = new Tokens(), make = (below: string) => tokens.make(OWNER, { may: ["snapshot", "tokens"], below });
    const made = make(join(folder, "link"));
    expect(made.below).toBe(FOLDERS[0]);
    for (const wrong of ["relative", join(folder, "none"), join(folder, "file"), "/\0"]) expect(status(() => make(wrong)), wrong).toBe(400);
    expect(status(() => tokens.make(OWNER, { may: ["view"], below: FOLDERS[0]! }))).toBe(400);
    const caller = callerOf(tokens, made.token)!;
    // The same refusal, whether there is something or not.
    for (const wrong of [FOLDERS[1]!, join(folder, "none"), join(folder, "link"), join(FOLDERS[0]!, "sub")]) expect(() => tokens.make(caller, { may: ["snapshot"], below: wrong })).toThrow(`its own folder for snapshots is ${FOLDERS[0]!}`);

    const may = (at: string): Promise<boolean> => caller.mustWrite(at).then(() => true, () => false);
    const own = FOLDERS[0]!;
    symlinkSync(FOLDERS[1]!, join(own, "out"));
    expect(await may(join(own, "s"))).toBe(true);
    for (const wrong of [own, `${own}/`, `${own}/.`, `${own}/..`, `${own}/../two/s`, `${own}/../one/s`, `${own}//s`, `${own}/s/`, `${own}/out/s`, `${own}/sub/s`, `${own}2/s`, "s", "./s", "", "/", "/s", `${own}/s\0`, join(folder, "link", "s")]) expect(await may(wrong), wrong).toBe(false);
    // The folder itself becomes a link to elsewhere.
    rmSync(own, { recursive: true });
    symlinkSync(FOLDERS[1]!, own);
    expect(await may(join(own, "s"))).toBe(false);
    expect(await new Caller({ id: "x", grant: { may: ["snapshot"], guests: null, until: null, below: null } }).mustWrite(join(FOLDERS[1]!, "s")).then(() => true, (error: Error) => error.message)).toMatch(/names no folder/);
    await OWNER.mustWrite("/anywhere");
  });
});
