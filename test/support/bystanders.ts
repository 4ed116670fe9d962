// Neighbours for hostile tests: a client and a server that must go on with exact answers. test/security/components/pair-*.c
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findPackage } from "../../servers/operator/package.ts";

const SOURCES = join(findPackage().root, "test", "security", "components");

export const hostileSource = (name: string): string => readFileSync(join(SOURCES, name), "utf8");

/** For manifestWith. The pair is promised a fifth of the time; its server works on its client's. */
export const pairComponents = (): Record<string, string> => ({
  "pair-server": "{ image: { c: pair-server.c }, cpu: { priority: 150 }, offer: { pair: Pair } }",
  "pair-client": "{ image: { c: pair-client.c }, cpu: { priority: 150, budget: 2ms, period: 10ms }, use: { console: console.console, pair: pair-server.pair } }",
});
export const pairFiles = (): Record<string, string> => ({ "pair-server.c": hostileSource("pair-server.c"), "pair-client.c": hostileSource("pair-client.c") });

/** Rounds of 1000 exact answers so far. Throws when one was wrong. */
export function exactRounds(output: string): number {
  if (output.includes("WRONG")) throw new Error(output.slice(output.indexOf("WRONG") - 20));
  return Number([...output.matchAll(/pair: (\d+) exact\n/g)].at(-1)?.[1] ?? 0);
}
