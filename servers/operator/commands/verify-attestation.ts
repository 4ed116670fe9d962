// bailiwick verify-attestation: a statement that somebody else's appliance gave, checked against a nonce, a key, and what should have been loaded.
import { prepareAppliance, type Appliance } from "../appliance.ts";
import { verifyAttestation, type Statement } from "../attestation.ts";
import { fromHex } from "../../../caps/image/measurements.ts";
import { showable } from "../events.ts";
import { ExitStatus, FailureCode, failure, usageError } from "../failure.ts";
import { isImage } from "../image/layout.ts";
import { applianceOf, openImage } from "../image/open.ts";
import { readUserFile } from "../user-files.ts";
import { parseOptions, type Command } from "./command.ts";

const OPTIONS = { nonce: { type: "string" }, key: { type: "string" }, image: { type: "string" }, "all-running": { type: "boolean" }, json: { type: "boolean" } } as const;
const BYTES = 32;

export const verifyAttestationCommand: Command = {
  summary: "check what an appliance says of what it loaded and runs",
  help: `Usage: bailiwick verify-attestation STATEMENT --nonce HEX --key PUBLICKEY [OPTIONS]

STATEMENT is a file with a statement of the vault's (servers/vault), a line of JSON,
and the line of its signature behind it. It holds if the key has signed it, if it was
made for this nonce, and if its chain follows from its measurements.

  --nonce HEX     the 32 bytes that the appliance was asked with: fresh ones each time
  --key HEX       the platform's public key: 'bailiwick attestation-key', from a channel
                  that is trusted, not from the appliance
  --image TARGET  what should have been loaded: an image, whose signatures are not looked
                  at here ('bailiwick verify'), or a manifest or its folder, which is
                  built here. Each file that differs is named
  --all-running   each component must be running
  --json          print the statement as JSON, when it holds

Exit status: 0 everything holds; 3 something does not, each thing in a line; 1 the
file or the image cannot be had; 2 usage.`,
  async run(args) {
    const { values, positionals } = parseOptions(args, OPTIONS);
    const [file, ...more] = positionals;
    if (file === undefined) throw usageError("verify-attestation needs the file of a statement");
    if (more.length > 0) throw usageError(`'${more[0]}' is one argument too many`);
    const expectation = { nonce: hexOf("nonce", values.nonce), key: hexOf("key", values.key) };
    const document = readUserFile(file, "the statement");
    const image = values.image === undefined ? undefined : await (await expected(values.image)).measure();
    const { statement, wrong } = await verifyAttestation(document, { ...expectation, ...(image === undefined ? {} : { image }) });
    const idle = values["all-running"] === true ? (statement?.components ?? []).filter(({ state }) => state !== "running").map(({ name, state }) => `component '${name}' is not running: it has ${state}`) : [];
    const all = [...wrong, ...idle];
    if (statement === undefined || all.length > 0) {
      throw failure(FailureCode.attestation, "the statement does not hold", { cause: showable(all.join("\n")), fix: "do not trust what this appliance says or sends", status: ExitStatus.verification });
    }
    process.stdout.write(values.json === true ? `${JSON.stringify(statement)}\n` : describe(statement, image !== undefined));
    return ExitStatus.ok;
  },
};

async function expected(target: string): Promise<Appliance> {
  const options = { deterministic: true };
  return isImage(target) ? applianceOf(await openImage(target, []), new Map(), options) : prepareAppliance(target, options);
}

function hexOf(option: string, value: string | undefined): Uint8Array {
  const bytes = value === undefined ? undefined : fromHex(value, BYTES);
  if (bytes === undefined) throw usageError(value === undefined ? `verify-attestation needs --${option}` : `--${option} is not ${BYTES} bytes in hexadecimal`);
  return bytes;
}

function describe({ image, chain, components, time }: Statement, compared: boolean): string {
  const width = Math.max(0, ...components.map(({ name }) => name.length));
  return [
    `the statement holds: ${image.name} ${image.version}${compared ? ", all that was loaded is the image's" : " (what was loaded was compared with no image: --image)"}`,
    `chain ${chain}`,
    ...(time === null ? [] : [`time ${time} ns, of the vault's clock`]),
    ...components.map(({ name, program, state }) => `  ${name.padEnd(width)}  ${state.padEnd(7)}  ${program}`),
    "",
  ].join("\n");
}
