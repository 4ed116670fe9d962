// Appliances with a vault and clients that do what a test says (client.c), a line each, one after the other.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sodium from "libsodium-wrappers";
import { prepareAppliance } from "../../../servers/operator/appliance.ts";
import { machineSource } from "../../../servers/operator/package.ts";
import { compileC } from "../../../servers/operator/toolchain.ts";
import { applianceFolder, manifestWith, TEST_SECRET, type Run, runAppliance, type RunOptions } from "../../support/appliance-run.ts";

async function compiled(name: string): Promise<Uint8Array> {
  const outDir = mkdtempSync(join(tmpdir(), "bailiwick-vault-"));
  try {
    const done = await compileC({ name, sources: [`test/integration/vault/${name}.c`], outDir });
    if (!done.ok) throw new Error(done.error.message);
    return readFileSync(done.value.elf);
  } finally {
    rmSync(outDir, { recursive: true });
  }
}

/** Once for all tests of a file: they differ in what the client is told to do. */
const FILES = { "client.elf": await compiled("client"), "mailbox.elf": await compiled("mailbox") };
/** Without libsodium's sources there is no vault to test. */
export const hasVault = machineSource("servers/vault", "vault").missing === undefined;

export interface Party {
  readonly does: readonly string[];
  readonly offer?: string;
}

export interface World {
  readonly offers?: string;
  readonly args?: string;
  /** The vault has the measurements and the platform's secret. */
  readonly platform?: boolean;
  readonly clock?: boolean;
  /** Of the vault. */
  readonly memory?: string;
  readonly more?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly options?: RunOptions;
}

export function vaultFolder(parties: Readonly<Record<string, Party>>, { offers = "{ vault: Vault }", args = "{}", platform = false, clock = true, memory = "2MiB", more = {}, files = {} }: World = {}): ReturnType<typeof applianceFolder> {
  const names = Object.keys(parties);
  const components = Object.entries(parties).map(([name, { does, offer = "vault" }], i) => [
    name,
    `{ image: { elf: client.elf }, use: { console: console.console, vault: vault.${offer}, mail: mailbox.mail, timer: timer.timer }, args: { do: ${JSON.stringify(does)} }, cpu: { priority: ${150 - i} }${i === names.length - 1 ? ", essential: true" : ""} }`,
  ]);
  const given = `entropy: entropy.entropy${clock ? ", timer: timer.timer" : ""}${platform ? ", measurements: platform.measurements, secret: platform.secret" : ""}`;
  return applianceFolder({
    "appliance.yaml": manifestWith({
      entropy: "{ image: { server: entropy }, cpu: { priority: 210 }, use: { regs: platform.rng0.regs, irq: platform.rng0.irq, iospace: platform.rng0.iospace }, offer: { entropy: Entropy } }",
      timer: "{ image: { server: timer }, cpu: { priority: 211 }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }",
      vault: `{ image: { server: vault }, memory: ${memory}, cpu: { priority: 180 }, use: { ${given} }, offer: ${offers}, args: ${args} }`,
      mailbox: "{ image: { elf: mailbox.elf }, cpu: { priority: 181 }, offer: { mail: Mail } }",
      ...more,
      ...Object.fromEntries(components),
    }),
    ...FILES,
    ...files,
  });
}

/** The chain that its measurements will have. */
export async function chainFor(...given: Parameters<typeof vaultFolder>): Promise<string> {
  using folder = vaultFolder(...given);
  return (await (await prepareAppliance(folder.path)).measure()).chain;
}

/** Each client has done what it does, or waits, before the next one begins; the last one's end is the appliance's. */
export async function runVault(parties: Readonly<Record<string, Party>>, world: World = {}): Promise<{ readonly said: readonly string[]; readonly events: Run["events"] }> {
  using folder = vaultFolder(parties, world);
  const { output, events } = await runAppliance(folder.path, { limitMs: 90_000, ...world.options });
  return { said: output.trimEnd().split("\n"), events };
}

/** What was said behind the last colon. */
export const answerIn = (line: string | undefined): string => line?.split(": ").at(-1) ?? "";
/** The bytes that a command gave. */
export const bytesIn = (line: string | undefined): Uint8Array => Buffer.from(answerIn(line).replace("done ", ""), "hex");

/** A storage key as servers/vault/platform.c and main.c derive it. */
export function storageKey(chain: string, client: string, number: number, context: string, secret: Uint8Array = TEST_SECRET): Uint8Array {
  const under = sodium.crypto_kdf_derive_from_key(32, 1, "bwstores", secret);
  const root = sodium.crypto_generichash(32, Buffer.from(chain, "hex"), under);
  return sodium.crypto_kdf_derive_from_key(32, number, context, sodium.crypto_generichash(32, client, root));
}
