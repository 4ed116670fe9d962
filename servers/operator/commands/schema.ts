// bailiwick schema: the manifest's JSON Schema, for editors.
import { manifestSchemaText } from "../../../caps/manifest/schema.ts";
import { usageError } from "../failure.ts";
import { parseOptions, type Command } from "./command.ts";

export const schema: Command = {
  summary: "print the manifest's JSON Schema, for editors",
  help: `Usage: bailiwick schema > appliance.schema.json

Then begin a manifest with this line, and an editor with YAML support completes it:
  # yaml-language-server: $schema=./appliance.schema.json
'bailiwick new' does both. The same text is in the package: caps/manifest/appliance.schema.json.`,
  async run(args) {
    const { positionals } = parseOptions(args, {});
    if (positionals.length > 0) throw usageError("schema takes no arguments");
    process.stdout.write(manifestSchemaText());
    return 0;
  },
};
