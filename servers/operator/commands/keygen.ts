// bailiwick keygen: a pair of keys for images.
import { keyIdText } from "../../../caps/image/minisign.ts";
import { ExitStatus, usageError } from "../failure.ts";
import { makeKeyPair, writeKeyPair } from "../image/keys.ts";
import { newPassword } from "../image/password.ts";
import { parseOptions, type Command } from "./command.ts";

export const keygen: Command = {
  summary: "make a pair of keys that images are signed and checked with",
  help: `Usage: bailiwick keygen [--no-password] [--json] NAME

Writes NAME.key, which signs and is yours alone, and NAME.pub, which you give to those who
run your images. Both are minisign's: minisign signs with the one and checks with the other.

  --no-password  the secret key is not hidden: for a machine that signs unattended
  --json         the key's id and its files, as JSON

The password is asked for, or taken from BAILIWICK_PASSWORD.`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { "no-password": { type: "boolean" }, json: { type: "boolean" } });
    const [name, ...more] = positionals;
    if (name === undefined) throw usageError("keygen needs a name for the two files");
    if (more.length > 0) throw usageError(`'${more[0]}' is one argument too many`);
    const files = { public: `${name}.pub`, secret: `${name}.key` };
    const password = values["no-password"] === true ? undefined : await newPassword();
    const pair = await makeKeyPair();
    await writeKeyPair(pair, files, password);
    const id = keyIdText(pair.public.id);
    process.stdout.write(values.json === true ? `${JSON.stringify({ id, ...files })}\n` : `key ${id}: ${files.secret} signs and is to be kept, ${files.public} is to be given away\n`);
    return ExitStatus.ok;
  },
};
