// bailiwick new: a folder of one's own from a template of the kit's. A template is an appliance that runs as it stands (servers/operator/templates).
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { suggest } from "../../../caps/manifest/nearest.ts";
import { manifestSchemaText } from "../../../caps/manifest/schema.ts";
import { MANIFEST_NAME } from "../load.ts";
import { FailureCode, failure, textOf, usageError } from "../failure.ts";
import { findPackage } from "../package.ts";
import { parseOptions, type Command } from "./command.ts";

/** By name, as `help` lists them; each is a folder of templates/. */
const TEMPLATES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "component-c": "a component in C that serves a protocol of its own, and a client that tries it",
    "component-ts": "the same in TypeScript",
    appliance: "servers of the kit's and programs of your own, wired together",
    guest: "Linux as a guest",
  }),
);
const SCHEMA_NAME = "appliance.schema.json";

export const newCommand: Command = {
  summary: "begin an appliance of your own from a template",
  help: `Usage: bailiwick new [--json] TEMPLATE [DIR]

Makes DIR (by default a folder named like the template), which builds and runs as it is:
  bailiwick run DIR

${[...TEMPLATES].map(([name, says]) => `  ${name.padEnd(13)} ${says}`).join("\n")}

Nothing is overwritten: when a file of the template's is in DIR already, nothing is made.
${SCHEMA_NAME} is for editors (bailiwick schema).`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { json: { type: "boolean" } });
    const [template, named, more] = positionals;
    if (template === undefined) throw usageError("new needs a template", `one of: ${[...TEMPLATES.keys()].join(", ")}`);
    if (!TEMPLATES.has(template)) throw usageError(`there is no template '${template}'`, suggest(template, TEMPLATES.keys()));
    if (more !== undefined) throw usageError(`'${more}' is one argument too many`);
    const folder = resolve(named ?? template);
    const made = write(folder, filesOf(template, nameFor(folder, template)));
    const shown = relative(process.cwd(), folder) || ".";
    if (values.json === true) {
      process.stdout.write(`${JSON.stringify({ folder: shown, template, files: made })}\n`);
      return 0;
    }
    process.stdout.write(`${made.map((file) => `  ${join(shown, file)}`).join("\n")}\nNext: bailiwick run ${shown}\n`);
    return 0;
  },
};

/** The template's files by name, with the appliance's own name in the manifest. */
function filesOf(template: string, name: string): ReadonlyMap<string, string> {
  const from = join(findPackage().root, "servers", "operator", "templates", template);
  const files = readdirSync(from).filter((file) => !file.startsWith(".")).sort().map((file): [string, string] => [file, readFileSync(join(from, file), "utf8")]);
  const text = new Map([...files, [SCHEMA_NAME, manifestSchemaText()]]);
  return text.set(MANIFEST_NAME, (text.get(MANIFEST_NAME) ?? "").replace(/^name: .*$/m, `name: ${name}`));
}

/** The folder's name as a manifest may have it; the template's where nothing of it is left. */
function nameFor(folder: string, template: string): string {
  const name = basename(folder).toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^[^a-z]+/, "").slice(0, 23).replace(/-+$/, "");
  return name === "" ? template : name;
}

/** All or none: looked at first, and then made so that what appears in between is not overwritten either. Their names. @throws Failure */
function write(folder: string, files: ReadonlyMap<string, string>): string[] {
  const refuse = (cause: string) => failure(FailureCode.exists, `nothing was made in ${folder}`, { cause, fix: "name another folder" });
  const there = [...files.keys()].filter((file) => existsSync(join(folder, file)));
  if (there.length > 0) throw refuse(`${there.join(", ")} ${there.length === 1 ? "is" : "are"} there already`);
  try {
    mkdirSync(folder, { recursive: true });
    for (const [file, text] of files) writeFileSync(join(folder, file), text, { flag: "wx" });
  } catch (error) {
    throw refuse(textOf(error));
  }
  return [...files.keys()];
}
