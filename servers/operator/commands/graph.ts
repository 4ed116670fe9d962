// bailiwick graph: a picture of who holds what, and of the ways that break claims.
import { writeFileSync } from "node:fs";
import { pictureOf } from "../../../caps/graph/picture.ts";
import { resolveSystem } from "../../../caps/manifest/resolve.ts";
import { suggest } from "../../../caps/manifest/nearest.ts";
import { loadManifest } from "../load.ts";
import { failure, FailureCode, textOf, usageError } from "../failure.ts";
import { dotOf } from "../graph/dot.ts";
import { onlyTarget, parseOptions, type Command } from "./command.ts";

const OPTIONS = { svg: { type: "boolean" }, dot: { type: "boolean" }, html: { type: "boolean" }, output: { type: "string", short: "o" }, trusting: { type: "string" } } as const;

export const graph: Command = {
  summary: "draw who holds which capability, and what breaks a claim",
  help: `Usage: bailiwick graph [--svg | --dot | --html] [-o FILE] [--trusting NAME,...] [DIR | MANIFEST]

Draws the components of a manifest with what each holds at the start, and what those could
come to hold that pass capabilities on. Claims of the manifest that do not hold are drawn,
with the shortest way that breaks each in red. Nothing is built or started.

  --svg            a picture (the default)
  --html           one page, for a browser, without a server: search, who can come to hold
                   what, and each claim's way
  --dot            text for Graphviz
  -o, --output F   write to F, and not to standard output
  --trusting N,... components that are taken to do as their protocols say, as in a claim;
                   claims are tried with those that they name themselves

Exit status: 0 also when claims do not hold ('bailiwick check' says it); 1 the manifest is
wrong, or the file cannot be written; 2 usage.`,
  async run(args) {
    const { values, positionals } = parseOptions(args, OPTIONS);
    const { svg, dot, html, output, trusting = "" } = values;
    if ([svg, dot, html].filter((form) => form === true).length > 1) throw usageError("one of --svg, --dot and --html at a time");
    const { system } = loadManifest(onlyTarget(positionals), resolveSystem).resolution;
    const trusted = trusting.split(",").filter((name) => name !== ""), names = system.components.map(({ name }) => name);
    const unknown = trusted.find((name) => !names.includes(name));
    if (unknown !== undefined) throw usageError(`there is no component '${unknown}' to be trusted`, suggest(unknown, names));
    const picture = pictureOf(system, trusted);
    const text = dot === true ? dotOf(picture) : await drawn(html === true ? "html" : "svg");
    if (output === undefined) process.stdout.write(text);
    else writeOut(output, text);
    return 0;

    /** Graphviz is loaded only when it is needed. */
    async function drawn(form: "svg" | "html"): Promise<string> {
      const [{ layoutOf }, { svgOf }, { pageOf }] = await Promise.all([import("../graph/layout.ts"), import("../graph/svg.ts"), import("../graph/page.ts")]);
      const layout = await layoutOf(picture);
      return form === "svg" ? svgOf(picture, layout) : pageOf(picture, layout);
    }
  },
};

function writeOut(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw failure(FailureCode.output, `the picture cannot be written to '${file}'`, { cause: textOf(error) });
  }
}
