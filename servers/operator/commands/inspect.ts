// bailiwick inspect: what is in an image, and what it may do, without running it.
import { keyIdText } from "../../../caps/image/minisign.ts";
import { extentOf, type ComponentReport } from "../../../caps/graph/report.ts";
import { formatSize } from "../../../caps/manifest/units.ts";
import { showable } from "../events.ts";
import { ExitStatus, usageError } from "../failure.ts";
import { openImage, type OpenedImage } from "../image/open.ts";
import { claimedSigners } from "../image/signatures.ts";
import { parseOptions, type Command } from "./command.ts";
import { listKeys, SIGNER_HELP, SIGNER_OPTIONS, signersOf } from "./signers.ts";

export const inspect: Command = {
  summary: "show what is in an image, who signed it and what it may do",
  help: `Usage: bailiwick inspect IMAGE [--key PUB...] [--require N] [--json]

Of each component: what it holds, and what it could come to hold if every program were
hostile; the image's claims; what of this computer it is connected to; its files.

${SIGNER_HELP}
                  Without a key, nobody vouches for what is shown
  --json          all of it, with the bill of materials (SPDX), as JSON`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { ...SIGNER_OPTIONS, json: { type: "boolean" } });
    const [folder, ...more] = positionals;
    if (folder === undefined) throw usageError("inspect needs an image");
    if (more.length > 0) throw usageError(`'${more[0]}' is one argument too many`);
    const { keys, required } = signersOf(values);
    const image = await openImage(folder, keys, required);
    if (values.json === true) {
      const { digest, description, report, sbom, layers, signed } = image;
      const signatures = { checked: (signed?.signers ?? []).map(({ id }) => keyIdText(id)), claimed: claimedSigners(folder) };
      process.stdout.write(`${JSON.stringify({ digest, signatures, description, report, layers, sbom }, undefined, 2)}\n`);
    } else process.stdout.write(showable(`${describe(image).join("\n")}\n`));
    return ExitStatus.ok;
  },
};

function describe({ folder, digest, description, report, signed }: OpenedImage): string[] {
  const claimed = claimedSigners(folder);
  return [
    `${report.name} ${report.version} on ${report.board}, ${formatSize(report.memory)}, built by bailiwick ${description.kit}`,
    digest,
    signed !== undefined ? `signed by ${listKeys(signed.signers)}` : claimed.length === 0 ? "not signed" : `signatures in the names of ${claimed.join(", ")}, which were not checked: --key PUB`,
    ...report.components.flatMap(describeComponent),
    ...report.claims.map((claim) => `claims: ${claim}`),
    ...description.disks.map(({ device, mode, file }) => `disk ${device}: ${mode === "memory" ? "in memory" : `${file} (${mode})`}`),
    ...description.networks.map(({ device, ...network }) => `network ${device}: ${JSON.stringify(network)}`),
    ...(description.display === undefined ? [] : [`display: ${description.display.width} x ${description.display.height}`]),
    ...description.files.map(({ name, bytes, sha256 }) => `file ${name}: ${bytes} bytes, ${sha256}`),
  ];
}

function describeComponent({ name, kind, memory, guestMemory, priority, essential, holds, worstCase, couldShareWith }: ComponentReport): string[] {
  const more = couldShareWith.length === 0 ? [] : [`    could come to share what it holds with ${couldShareWith.join(", ")}`];
  return [
    `  ${name}: ${kind}, ${formatSize(memory)}${guestMemory === 0 ? "" : ` and ${formatSize(guestMemory)} for its guest`}, priority ${priority}${essential ? ", essential" : ""}`,
    ...holds.map((held) => `    holds ${held.thing} ${extentOf(held)}`),
    ...worstCase.map(({ thing, rights }) => `    could come to hold ${thing} ${rights}`),
    ...more,
  ];
}
