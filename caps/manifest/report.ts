// How the parts of the resolver say what is wrong: each names the place by its path in the manifest.
import { DiagnosticCode, type Diagnostic } from "./diagnostic.ts";
import { suggest } from "./nearest.ts";
import type { Path, Source } from "./source.ts";

export interface Finding {
  readonly code: DiagnosticCode;
  readonly at: Path;
  /** Which end of the path the caret points to. */
  readonly part?: "key" | "value";
  readonly message: string;
  readonly cause: string;
  readonly fix?: string;
}

export interface Report {
  readonly diagnostics: readonly Diagnostic[];
  add(finding: Finding): void;
  /** A name that does not exist, with the nearest that does. */
  unknown(at: Path, what: string, name: string, known: Iterable<string>): void;
}

export function createReport(source: Source): Report {
  const diagnostics: Diagnostic[] = [];
  const add = ({ code, at, part = "value", message, cause, fix }: Finding): void => {
    diagnostics.push({ code, message, span: source.locate(at, part), cause, ...(fix === undefined ? {} : { fix }) });
  };
  return {
    diagnostics,
    add,
    unknown: (at, what, name, known) => add({ code: DiagnosticCode.unknownName, at, message: `there is no ${what} '${name}'`, cause: `no such ${what}`, fix: suggest(name, known) }),
  };
}
