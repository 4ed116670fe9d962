// bailiwick sign: a signature beside an image.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyIdText } from "../../../caps/image/minisign.ts";
import { ExitStatus, usageError } from "../failure.ts";
import { readSecretKey } from "../image/keys.ts";
import { INDEX_FILE, indexBytes, LAYOUT_BYTES, LAYOUT_FILE } from "../image/oci.ts";
import { openImage } from "../image/open.ts";
import { askPassword } from "../image/password.ts";
import { signImage } from "../image/signatures.ts";
import { parseOptions, type Command } from "./command.ts";

export const sign: Command = {
  summary: "sign an image",
  help: `Usage: bailiwick sign IMAGE --key FILE [--json]

Checks the image, and signs it: IMAGE/signatures/KEYID.minisig. Several keys may sign one
image, and whoever runs it says how many of them it takes.

  --key FILE  the secret key, of 'bailiwick keygen' or minisign. Its password is asked
              for, or taken from BAILIWICK_PASSWORD
  --json      what was signed, as JSON

The signature is over the image's manifest, which has the digests of everything else. minisign
checks it, too: minisign -Vm IMAGE/blobs/sha256/DIGEST -x IMAGE/signatures/KEYID.minisig -p PUB`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { key: { type: "string" }, json: { type: "boolean" } });
    const [folder, ...more] = positionals;
    if (folder === undefined) throw usageError("sign needs an image", "bailiwick build makes one");
    if (more.length > 0) throw usageError(`'${more[0]}' is one argument too many`);
    if (values.key === undefined) throw usageError("sign needs the secret key: --key FILE");
    const { digest, manifest, description: { name, version } } = await openImage(folder, []);
    const secret = await readSecretKey(values.key, () => askPassword("Password of the secret key"));
    // Where another tool has copied the image, it has written these two in its own way.
    writeFileSync(join(folder, LAYOUT_FILE), LAYOUT_BYTES);
    writeFileSync(join(folder, INDEX_FILE), indexBytes({ version, manifest: { digest, size: manifest.length } }));
    const file = await signImage(folder, { name, version, digest }, manifest, secret);
    const id = keyIdText(secret.id);
    process.stdout.write(values.json === true ? `${JSON.stringify({ name, version, digest, key: id, signature: file })}\n` : `${name} ${version} is signed by key ${id}: ${file}\n`);
    return ExitStatus.ok;
  },
};
