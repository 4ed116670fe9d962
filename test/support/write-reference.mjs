// `npm run reference`: writes the pages of the kernel's API into caps/abi/reference, and removes those that there are no more; and the manifest's
// JSON Schema. They are made by caps/abi/reference/markdown.ts and caps/manifest/schema.ts, which are bundled for that, since Node 20 does not run TypeScript.
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const caps = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "caps");
const folder = join(caps, "abi", "reference");
/** @param {string} entry */
const load = async (entry) => {
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, format: "esm", platform: "neutral", mainFields: ["module", "main"] });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? "")}`);
};

/** @type {{ referencePages(): ReadonlyMap<string, string> }} */
const { referencePages } = await load(join(folder, "markdown.ts"));
const pages = referencePages();
for (const [name, text] of pages) writeFileSync(join(folder, name), text);
for (const name of readdirSync(folder)) if (name.endsWith(".md") && !pages.has(name)) rmSync(join(folder, name));
console.log(`${pages.size} pages in caps/abi/reference`);

/** @type {{ manifestSchemaText(): string }} */
const { manifestSchemaText } = await load(join(caps, "manifest", "schema.ts"));
writeFileSync(join(caps, "manifest", "appliance.schema.json"), manifestSchemaText());
console.log("caps/manifest/appliance.schema.json");
