// `npm run reference`: writes the pages of the kernel's API into caps/abi/reference, and removes those that there are no more.
// The pages are made by caps/abi/reference/markdown.ts, which is bundled for that, since Node 20 does not run TypeScript.
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "caps", "abi", "reference");
const { outputFiles } = await build({ entryPoints: [join(folder, "markdown.ts")], bundle: true, write: false, format: "esm", platform: "neutral" });
/** @type {{ referencePages(): ReadonlyMap<string, string> }} */
const { referencePages } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? "")}`);
const pages = referencePages();
for (const [name, text] of pages) writeFileSync(join(folder, name), text);
for (const name of readdirSync(folder)) if (name.endsWith(".md") && !pages.has(name)) rmSync(join(folder, name));
console.log(`${pages.size} pages in caps/abi/reference`);
