// TypeScript → the one text of a hosted program: a script that defines `program`, whose `default` is the generator to run.
// The program has the language and its capabilities: whatever it would need of the host is refused here, by name, before it runs.
import { existsSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { BuildFailure, Message, Plugin } from "esbuild";
import { findPlaces } from "./setup/places.mjs";

export interface BundleOptions {
  /** Absolute path of the source whose default export is the program. */
  readonly entry: string;
  /** Root of this package, for "bailiwick/sdk". */
  readonly root: string;
}

export type BundleResult = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly error: string };

/** Name of the text that takes the default export, in esbuild's messages. */
const ENTRY = "<entry>";
const BUILTIN = new Set(builtinModules);

export async function bundleProgram({ entry, root }: BundleOptions): Promise<BundleResult> {
  if (!existsSync(entry)) return { ok: false, error: `${entry}: no such file` };
  // Loaded when something is bundled, which most commands do not.
  const { build } = await import("esbuild");
  try {
    const { outputFiles } = await build({
      // Only the default export is taken, so that a file without one is an error here and not when it is started.
      stdin: { contents: `export { default } from ${JSON.stringify(entry)};`, resolveDir: dirname(entry), sourcefile: ENTRY },
      bundle: true,
      write: false,
      // Where the files stand must not show in what is made of them: without blanks there are no comments that name them, and other names are relative to the program.
      absWorkingDir: dirname(entry),
      minifyWhitespace: true,
      format: "iife",
      globalName: "program",
      platform: "neutral",
      mainFields: ["module", "main"],
      target: "es2022",
      charset: "utf8",
      legalComments: "none",
      logLevel: "silent",
      plugins: [confine(root)],
    });
    return { ok: true, text: outputFiles[0]?.text ?? "" };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    return { ok: false, error: error.errors.map((message) => describe(message, entry)).join("\n") };
  }
}

const isBuildFailure = (error: unknown): error is BuildFailure => error instanceof Error && "errors" in error && Array.isArray(error.errors);

function describe({ text, location }: Message, entry: string): string {
  if (location?.file.endsWith(ENTRY)) return `${entry}: it has no default export; a program is 'export default function* (env) { ... }'`;
  return location === null ? text : `${shown(resolve(dirname(entry), location.file))}:${location.line}:${location.column + 1}: ${text}`;
}

/** As the user would name it from where he is. */
function shown(file: string): string {
  const name = relative(process.cwd(), file);
  return name.startsWith("..") ? file : name;
}

/** The bytes of the console font, which the set-up fetches: servers/lib/ts/terminus16.d.ts. */
const FONT = "bailiwick/terminus16";

/** Resolves the SDK and the font to this package's own, and refuses what only a host has. */
function confine(root: string): Plugin {
  return {
    name: "confine",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^bailiwick\/sdk$/ }, () => {
        const source = join(root, "servers", "operator", "sdk.ts");
        return { path: existsSync(source) ? source : join(root, "dist", "sdk.js") };
      });
      onResolve({ filter: /^bailiwick\/terminus16$/ }, () => ({ path: FONT, namespace: FONT }));
      onLoad({ filter: /^/, namespace: FONT }, () => {
        const file = join(findPlaces(process.env).font, "terminus16.psf");
        const missing = "the console font is not on this machine: the set-up could not fetch it, or was not run; `npm run setup -- --retry`, with a Debian mirror in reach";
        if (!existsSync(file)) return { errors: [{ text: missing }] };
        return { contents: `export const terminus16 = Uint8Array.of(${readFileSync(file).join()});` };
      });
      onResolve({ filter: /^(node:|[a-z])/ }, ({ path, importer }) => {
        if (!path.startsWith("node:") && !BUILTIN.has(path)) return undefined;
        return { errors: [{ text: `a hosted program has no '${path}': it can do what its capabilities let it, and nothing of the host's (imported by ${basename(importer)})` }] };
      });
    },
  };
}
