// The vault on the real machine: what it seals and signs against libsodium on the host, and clients that want more than they were given.
import { readFileSync } from "node:fs";
import sodium from "libsodium-wrappers";
import { beforeAll, expect, test } from "vitest";
import { machineSource } from "../../servers/operator/package.ts";
import { applianceFolder, manifestWith, type Run, runAppliance, type RunOptions } from "../support/appliance-run.ts";

const LIMIT = { timeout: 120_000 };
const FILES = { "client.c": readFileSync("test/integration/vault/client.c"), "mailbox.c": readFileSync("test/integration/vault/mailbox.c") };
/** Without libsodium's sources there is no vault to test. */
const hasVault = machineSource("servers/vault", "vault").missing === undefined;

beforeAll(() => sodium.ready);

export interface Party {
  readonly does: readonly string[];
  readonly offer?: string;
  readonly priority?: number;
}

interface World {
  readonly offers?: string;
  readonly args?: string;
  readonly platform?: boolean;
  readonly clock?: boolean;
  readonly options?: RunOptions;
}

/** Each client has done what it does, or waits, before the next one begins; the last one's end is the appliance's. */
async function run(parties: Readonly<Record<string, Party>>, { offers = "{ vault: Vault }", args = "{}", platform = false, clock = true, options = {} }: World = {}): Promise<{ readonly said: readonly string[]; readonly events: Run["events"] }> {
  const names = Object.keys(parties);
  const components = Object.entries(parties).map(([name, { does, offer = "vault", priority }], i) => [
    name,
    `{ image: { c: client.c }, use: { console: console.console, vault: vault.${offer}, mail: mailbox.mail, timer: timer.timer }, args: { do: ${JSON.stringify(does)} }, cpu: { priority: ${priority ?? 150 - i} }${i === names.length - 1 ? ", essential: true" : ""} }`,
  ]);
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({
      entropy: "{ image: { server: entropy }, cpu: { priority: 210 }, use: { regs: platform.rng0.regs, irq: platform.rng0.irq, iospace: platform.rng0.iospace }, offer: { entropy: Entropy } }",
      timer: "{ image: { server: timer }, cpu: { priority: 211 }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }",
      vault: `{ image: { server: vault }, memory: 2MiB, cpu: { priority: 180 }, use: { entropy: entropy.entropy${clock ? ", timer: timer.timer" : ""}${platform ? ", measurements: platform.measurements, secret: platform.secret" : ""} }, offer: ${offers}, args: ${args} }`,
      mailbox: "{ image: { c: mailbox.c }, cpu: { priority: 181 }, offer: { mail: Mail } }",
      ...Object.fromEntries(components),
    }),
    ...FILES,
  });
  const { output, events } = await runAppliance(folder.path, { limitMs: 60_000, ...options });
  expect(events.filter(({ event }) => event === "fault" || event === "error")).toEqual([]);
  return { said: output.trimEnd().split("\n"), events };
}

const afterColon = (line: string | undefined): string => line?.split(": ").at(-1) ?? "";
const bytesIn = (line: string | undefined): Uint8Array => Buffer.from(afterColon(line).replace("done ", ""), "hex");

test.skipIf(!hasVault)("what is signed verifies on the host, and what is sealed comes back", LIMIT, async () => {
  const { said } = await run({
    a: { does: ["generate 0 2", "public 0", "sign 0 hello", "generate 1 1", "seal 1 page-1 secret", "info 0", "info 1", "random 16", "random 300", "sealmuch 1 904", "sealmuch 1 0", "sealmuch 1 905", "sign 0 -"] },
  });
  expect(said[0]).toBe("a: generate 0 2: done");
  expect(sodium.crypto_sign_verify_detached(bytesIn(said[2]), "hello", bytesIn(said[1]))).toBe(true);
  expect(bytesIn(said[4])).toHaveLength("secret".length + 40);
  expect(said.slice(5, 7)).toEqual(["a: info 0: kind 2 rights 44 done", "a: info 1: kind 1 rights 51 done"]);
  expect(bytesIn(said[7])).toHaveLength(16);
  expect(new Set(bytesIn(said[8])).size).toBeGreaterThan(100);
  expect(said.slice(9, 12).map(afterColon)).toEqual(["done 904 same", "done 0 same", "badRequest 0 same"]);
  expect(sodium.crypto_sign_verify_detached(bytesIn(said[12]), "", bytesIn(said[1]))).toBe(true);
});
