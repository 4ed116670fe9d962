// bailiwick vm token, tokens, revoke: what other programs may do with a machine. Of one that runs its control socket is asked; of one that is stopped its file is read and written here.
import { resolve } from "node:path";
import { FailureCode, failure, usageError } from "../failure.ts";
import { showable } from "../events.ts";
import { OWNER, Refused } from "../vm/caller.ts";
import { ask } from "../vm/client.ts";
import { RIGHTS, type Right } from "../vm/rights.ts";
import { isAnswered } from "../vm/socket.ts";
import type { Vm } from "../vm/store.ts";
import { Tokens, wantedSchema, type TokenInfo, type WantedToken } from "../vm/tokens.ts";
import { suggest } from "../../../caps/manifest/nearest.ts";
import { table } from "./table.ts";

interface Given {
  readonly may?: string | undefined;
  readonly guest?: readonly string[] | undefined;
  readonly for?: string | undefined;
  readonly below?: string | undefined;
  readonly label?: string | undefined;
}

/** In words or as JSON: the secret, too. */
export async function makeToken(vm: Vm, given: Given, json: boolean): Promise<unknown> {
  const wanted = wantedOf(given);
  const made = (await isAnswered(vm.control)) ? ((await ask(vm.control, "POST", "/tokens", wanted)) as ReturnType<Tokens["make"]>) : offline(vm, (tokens) => tokens.make(OWNER, wanted));
  return json ? made : made.token;
}

export async function tokensOf(vm: Vm, json: boolean): Promise<unknown> {
  const all = (await isAnswered(vm.control)) ? ((await ask(vm.control, "GET", "/tokens")) as readonly TokenInfo[]) : offline(vm, (tokens) => tokens.list(OWNER));
  if (json) return all;
  return table(["ID", "MAY", "GUESTS", "UNTIL", "BELOW", "FROM", "LABEL"], all.map(({ id, may, guests, until, below, from, label }) => [id, may.join(","), guests?.join(",") ?? "all", until ?? "", below ?? "", from ?? "", label].map(showable)));
}

export async function revokeToken(vm: Vm, id: string): Promise<undefined> {
  // What is no number of a token's may be its secret, and goes nowhere.
  if (!/^[0-9a-f]{12}$/.test(id)) throw usageError("a token is revoked by its ID", `bailiwick vm tokens ${vm.name}`);
  if (await isAnswered(vm.control)) await ask(vm.control, "DELETE", `/tokens/${id}`);
  else offline(vm, (tokens) => tokens.revoke(OWNER, id));
}

function offline<T>(vm: Vm, work: (tokens: Tokens) => T): T {
  try {
    return work(new Tokens(vm.tokens));
  } catch (error) {
    if (error instanceof Refused) throw failure(FailureCode.control, error.message);
    throw error;
  }
}

function wantedOf({ may = "view", guest, for: age, below, label }: Given): WantedToken {
  const known = Object.keys(RIGHTS), rights = may.split(",");
  for (const right of rights) if (!known.includes(right)) throw usageError(`--may: there is no right '${right}'`, suggest(right, known));
  if (rights.includes("snapshot") !== (below !== undefined)) throw usageError("who may make snapshots may make them in one folder", "--may snapshot and --below DIR go together");
  const wanted = { may: rights as Right[], ...(guest === undefined ? {} : { guests: [...guest] }), ...(age === undefined ? {} : { until: new Date(Date.now() + parseAge(age)).toISOString() }), ...(below === undefined ? {} : { below: resolve(below) }), ...(label === undefined ? {} : { label }) };
  const parsed = wantedSchema.safeParse(wanted);
  if (!parsed.success) throw usageError(parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
  return parsed.data;
}

/** Milliseconds. */
const AGES: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function parseAge(text: string): number {
  const [, number, unit] = /^([1-9]\d{0,4})([smhd])$/.exec(text) ?? [];
  if (number === undefined || unit === undefined) throw usageError(`--for ${text} is no time`, "such as 30m, 12h or 7d");
  return Number(number) * AGES[unit]!;
}
