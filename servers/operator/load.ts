// Reading a manifest: from a name on the command line to what it comes to. Nothing is built here, and what building takes is not loaded.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { DiagnosticCode, formatDiagnostics, type Diagnostic } from "../../caps/manifest/diagnostic.ts";
import { parseManifest } from "../../caps/manifest/parse.ts";
import { resolveManifest, type Resolution } from "../../caps/manifest/resolve.ts";
import { ExitStatus, Failure, FailureCode, failure } from "./failure.ts";
import { findGuests, type GuestShelf } from "./guests.ts";
import { findPackage, type Package } from "./package.ts";
import { kitResources } from "./resources.ts";

export const MANIFEST_NAME = "appliance.yaml";

export interface LoadedManifest {
  readonly path: string;
  readonly resolution: Resolution;
  readonly kit: Package;
  readonly shelf: GuestShelf;
}

/**
 * Reads, parses and resolves; throws Failure with every error in it.
 * @param target a manifest, or the folder of one
 * @param resolveParsed resolveSystem, for a look at a system whose claims may not hold
 */
export function loadManifest(target: string, resolveParsed = resolveManifest): LoadedManifest {
  const path = findManifest(target);
  const kit = findPackage();
  const shelf = findGuests(kit);
  const shown = relative(process.cwd(), path);
  const parsed = parseManifest(readFileSync(path, "utf8"), shown === "" || shown.startsWith("..") ? path : shown);
  if (!parsed.ok) throw refused(parsed.diagnostics);
  const facts = new Map([...shelf.images].map(([name, image]) => [name, image.facts]));
  const resolution = resolveParsed(parsed.value, kitResources(kit, facts));
  if (!resolution.ok) throw refused(resolution.diagnostics);
  return { path, resolution: resolution.value, kit, shelf };
}

/** A manifest that is right but for a claim that does not hold was denied by policy. */
const refused = (diagnostics: readonly Diagnostic[]): Failure =>
  new Failure(formatDiagnostics(diagnostics), diagnostics.every(({ code }) => code === DiagnosticCode.broken) ? ExitStatus.denied : ExitStatus.failed, diagnostics[0]?.code);

/** The manifest's file; throws Failure. */
export function findManifest(target: string): string {
  const path = resolve(target);
  if (!existsSync(path)) throw failure(FailureCode.noManifest, `there is no manifest '${target}'`, { cause: "no such file or folder" });
  if (!statSync(path).isDirectory()) return path;
  const inside = join(path, MANIFEST_NAME);
  if (!existsSync(inside)) throw failure(FailureCode.noManifest, `there is no manifest in '${target}'`, { cause: `no ${MANIFEST_NAME} in it`, fix: "name the manifest's file" });
  return inside;
}
