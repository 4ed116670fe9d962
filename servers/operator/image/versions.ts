// The newest version of each image that was run, by whose key had signed it: an older one that was signed once stays signed for ever, and may have the fault that the newer one mends.
// A version is a file of its own, empty: so two runs at once cannot lose one, and nothing has to be read but names.
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { keyIdText, type PublicKey } from "../../../caps/image/minisign.ts";
import { toHex } from "../../../caps/image/measurements.ts";
import { compareVersions } from "../../../caps/image/version.ts";
import { VERSION_PATTERN } from "../../../caps/manifest/schema.ts";
import { ExitStatus, FailureCode, failure, textOf } from "../failure.ts";
import type { SignedImage } from "./signatures.ts";

/** By whose key, then by name. */
const placeOf = (name: string, { key }: PublicKey, env: NodeJS.ProcessEnv): string => join(env["XDG_STATE_HOME"] || join(homedir(), ".local", "state"), "bailiwick", "versions", toHex(key), name);

/** The newest that was run; undefined: none. */
export function newestRun(name: string, key: PublicKey, env: NodeJS.ProcessEnv = process.env): string | undefined {
  let found: readonly string[] = [];
  try {
    found = readdirSync(placeOf(name, key, env));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw failure(FailureCode.rollback, "what was run before cannot be read", { cause: textOf(error) });
  }
  return found.filter((entry) => VERSION_PATTERN.test(entry)).sort(compareVersions).at(-1);
}

/** Refuses an image that is older than one of its name that any of its signers' keys had signed; otherwise remembers it. Throws Failure. */
export function admitVersion({ name, version, signers }: Pick<SignedImage, "name" | "version" | "signers">, allowRollback: boolean, env: NodeJS.ProcessEnv = process.env): void {
  for (const key of signers) {
    const newest = newestRun(name, key, env);
    if (allowRollback || newest === undefined || compareVersions(version, newest) >= 0) continue;
    throw failure(FailureCode.rollback, `${name} ${version} is older than ${newest}, which was run here before`, {
      cause: `both are signed by key ${keyIdText(key.id)}; an old version may have faults that the newer one mends`,
      fix: "run the newer one, or, if the older one is what you want: --allow-rollback",
      status: ExitStatus.denied,
    });
  }
  for (const key of signers) {
    try {
      mkdirSync(placeOf(name, key, env), { recursive: true });
      writeFileSync(join(placeOf(name, key, env), version), "");
    } catch (error) {
      throw failure(FailureCode.rollback, "it cannot be remembered which version was run", { cause: textOf(error), fix: "name a folder that can be written: XDG_STATE_HOME" });
    }
  }
}
