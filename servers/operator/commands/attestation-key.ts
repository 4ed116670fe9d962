// bailiwick attestation-key: the public key that this platform's statements are checked with.
import { dirname } from "node:path";
import { findManifest } from "../load.ts";
import { attestationKey, platformSecret } from "../platform-key.ts";
import { toHex } from "../../../caps/image/measurements.ts";
import { onlyTarget, parseOptions, type Command } from "./command.ts";

export const attestationKeyCommand: Command = {
  summary: "print the public key of what this platform attests",
  help: `Usage: bailiwick attestation-key [--platform-key FILE] [DIR | MANIFEST]

The key that 'bailiwick verify-attestation' takes. It follows from the platform's
secret: FILE's 32 bytes, or those of DIR/.bailiwick/platform.key, which is made when it
is not there. Give it to verifiers before the appliance is where you do not trust it.`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { "platform-key": { type: "string" } });
    const named = values["platform-key"];
    const folder = named !== undefined && positionals.length === 0 ? "." : dirname(findManifest(onlyTarget(positionals)));
    process.stdout.write(`${toHex(await attestationKey(platformSecret(folder, named)))}\n`);
    return 0;
  },
};
