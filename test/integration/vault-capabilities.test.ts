// Capabilities as bytes: who has them, until when, and what others make of the bytes.
import { expect, test } from "vitest";
import { answerIn, hasVault, runVault } from "./vault/world.ts";

const LIMIT = { timeout: 180_000 };
const vault = test.skipIf(!hasVault);

vault("the client that it was sealed for has the capability, whoever carried the bytes, and no other client", LIMIT, async () => {
  const { said } = await runVault({
    a: { does: ["give 1 b", "give 2 c", "give 3 a", "take 1", "take 3", "signal 9", "stay"] },
    b: { does: ["take 1", "take 1", "take 2", "take 3"] },
    c: { does: ["take 1", "take 2", "spoiltoken 2", "spoiltoken 1", "give 4 nobody", "give 4 console", `give 4 ${"x".repeat(64)}`, `give 4 ${"x".repeat(70)}`] },
  });
  expect(said).toEqual([
    "a: give 1 b: done", "a: give 2 c: done", "a: give 3 a: done", "a: take 1: notForYou", "a: take 3: done, rings: none",
    "b: take 1: done, rings: none", "b: take 1: done, rings: none", "b: take 2: notForYou", "b: take 3: notForYou",
    "c: take 1: notForYou", "c: take 2: done, rings: none",
    // Every bit flipped, every other length; as it is, the last time.
    `c: spoiltoken 2: done x1 notAuthentic x${64 * 8 + 10} `, `c: spoiltoken 1: notAuthentic x${64 * 8 + 10} notForYou x1 `,
    "c: give 4 nobody: unknownClient", "c: give 4 console: unknownClient", `c: give 4 ${"x".repeat(64)}: unknownClient`, `c: give 4 ${"x".repeat(70)}: unknownClient`,
  ]);
});

vault("until it expires by the vault's clock", LIMIT, async () => {
  const { said } = await runVault({
    a: { does: ["give 1 b 5000000000", "give 2 b 60000000000", "givetill 3 b 1", "stay"] },
    b: { does: ["take 1", "take 2", "take 3", "sleep 5500000000", "take 1", "take 2", "take 1"] },
    c: { does: ["sleep 6000000000", "take 1"] },
  });
  expect(said).toEqual([
    "a: give 1 b 5000000000: done", "a: give 2 b 60000000000: done", "a: givetill 3 b 1: done",
    "b: take 1: done, rings: none", "b: take 2: done, rings: none", "b: take 3: expired", "b: take 1: expired", "b: take 2: done, rings: none", "b: take 1: expired",
    "c: take 1: notForYou",
  ]);
});

vault("until who sealed it forgets it, takes back what it is of, or ends", LIMIT, async () => {
  const { said } = await runVault({
    a: { does: ["give 1 b", "give 2 b", "signal 9", "wait 10", "forget 1", "forget 1", "signal 11", "wait 12", "revoke", "signal 13", "wait 14"] },
    b: { does: ["wait 9", "take 1", "forget 1", "take 1", "signal 10", "wait 11", "take 1", "take 2", "signal 12", "wait 13", "take 2", "signal 14"] },
  });
  expect(said).toEqual([
    "a: give 1 b: done", "a: give 2 b: done",
    // A copy that was taken stays whoever forgets the bytes; only the one who sealed it can.
    "b: take 1: done, rings: none", "b: forget 1: gone", "b: take 1: done, rings: none",
    "a: forget 1: done", "a: forget 1: gone",
    "b: take 1: gone", "b: take 2: done, rings: none", "b: take 2: gone",
  ]);
});

vault("a key's capability too, with the rights it has; when the key is destroyed the bytes are nothing", LIMIT, async () => {
  const { said } = await runVault({
    a: { does: ["generate 0 1", "restrict 1 0 2", "seal 0 - secret", "givekey 1 b 1", "givekey 2 b 0", "givevault 3 b", "givenothing 4 b", "signal 9", "wait 10", "destroy 0", "generate 0 1", "signal 11", "stay"] },
    b: { does: ["wait 9", "takekey 1 5", "info 5", "seal 5 - x", "destroy 5", "takekey 2 6", "info 6", "signal 10", "wait 11", "info 5", "takekey 1 5", "takekey 2 6", "info 6"] },
  });
  expect(said.filter((_, i) => i !== 2).map(answerIn)).toEqual([
    "done", "done", "done", "done", "noCapability", "noCapability",
    "done", "kind 1 rights 2 done", "notAllowed", "notAllowed", "done", "kind 1 rights 51 done",
    "done", "done",
    "gone", "gone", "gone", "GONE",
  ]);
});

vault("who seals all he can takes no place of another's; what is over holds none", LIMIT, async () => {
  const { said } = await runVault({
    greedy: { does: ["giveall 1 b", "forget 1", "give 1 b", "give 2 b", "stay"] },
    b: { does: ["giveall 3 greedy", "give 3 b"] },
    c: { does: ["give 4 c 1", "give 4 c 1", "giveall 5 b", "sleep 1000000", "giveall 5 b"] },
  });
  expect(said).toEqual([
    "greedy: giveall 1 b: 16, then full", "greedy: forget 1: done", "greedy: give 1 b: done", "greedy: give 2 b: full",
    "b: giveall 3 greedy: 16, then full", "b: give 3 b: full",
    "c: give 4 c 1: done", "c: give 4 c 1: done", "c: giveall 5 b: 16, then full", "c: giveall 5 b: 0, then full",
  ]);
});
