// bailiwick verify: whether an image is whole and signed by whom it should be. Nothing is run.
import { keyIdText } from "../../../caps/image/minisign.ts";
import { ExitStatus, usageError } from "../failure.ts";
import { openImage } from "../image/open.ts";
import { parseOptions, type Command } from "./command.ts";
import { listKeys, SIGNER_HELP, SIGNER_OPTIONS, signersOf } from "./signers.ts";

export const verify: Command = {
  summary: "check that an image is whole, and signed by whom it should be",
  help: `Usage: bailiwick verify IMAGE --key PUB [--key PUB...] [--require N] [--json]

${SIGNER_HELP}
  --json          what was found, as JSON

Exit status: 0 it is what was signed; 3 it is not: no signature, a wrong one, too few, an
altered, truncated or missing part, each of which is named; 4 it claims what does not hold.`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { ...SIGNER_OPTIONS, json: { type: "boolean" } });
    const [folder, ...more] = positionals;
    if (folder === undefined) throw usageError("verify needs an image");
    if (more.length > 0) throw usageError(`'${more[0]}' is one argument too many`);
    const { keys, required } = signersOf(values);
    if (keys.length === 0) throw usageError("verify needs the signer's public key: --key PUB");
    const { digest, description: { name, version }, signed } = await openImage(folder, keys, required);
    const signers = signed?.signers ?? [];
    if (values.json === true) process.stdout.write(`${JSON.stringify({ name, version, digest, signers: signers.map(({ id }) => keyIdText(id)) })}\n`);
    else process.stdout.write(`${name} ${version} is whole, and signed by ${listKeys(signers)}\n${digest}\n`);
    return ExitStatus.ok;
  },
};
