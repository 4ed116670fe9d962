// What is wrong with a manifest, as data, and how it is shown: code, place, the line itself with a caret, cause, fix.
// Invariant: whatever a manifest holds, the shown text has no control characters but its own newlines (a hostile file must not drive the terminal).

/** Every code that a manifest can be refused with. The numbers are stable: messages may be reworded, codes may not be reused. */
export const DiagnosticCode = {
  notYaml: "BW0101",
  duplicateKey: "BW0102",
  tooLarge: "BW0103",
  unknownKey: "BW0110",
  missingKey: "BW0111",
  wrongValue: "BW0112",
  badName: "BW0113",
  unknownName: "BW0201",
  usedTwice: "BW0202",
  rightNotOffered: "BW0203",
  cycle: "BW0204",
  doesNotFit: "BW0205",
  neverEnds: "BW0206",
  wrongProtocol: "BW0207",
  tooMany: "BW0208",
  broken: "BW0209",
  noQuota: "BW0220",
} as const;
export type DiagnosticCode = (typeof DiagnosticCode)[keyof typeof DiagnosticCode];

/** A stretch of a file. `line` and `column` count from 1; `length` is in UTF-16 units, at least 1, and stays on the line. */
export interface Span {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly length: number;
  /** The whole line, without its newline. */
  readonly text: string;
}

export interface Diagnostic {
  readonly code: DiagnosticCode;
  /** What is wrong, in one line without a full stop. */
  readonly message: string;
  readonly span: Span;
  /** The cause, shown beside the caret. */
  readonly cause: string;
  /** What to change, when that can be said. */
  readonly fix?: string;
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Widest piece of a source line that is shown, in characters. */
const SHOWN_COLUMNS = 100;

/** One character for one, so that columns stay right: control characters and bidirectional overrides become U+FFFD, tabs a space. */
const printable = (text: string): string => text.replace(/\t/g, " ").replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");

/** Several lines, no newline at the end. */
export function formatDiagnostic({ code, message, span, cause, fix }: Diagnostic): string {
  const number = String(span.line);
  const gutter = " ".repeat(number.length);
  const from = Math.max(0, Math.min(span.column - 1 - SHOWN_COLUMNS / 2, span.text.length - SHOWN_COLUMNS));
  const shown = span.text.slice(from, from + SHOWN_COLUMNS);
  const indent = span.column - 1 - from;
  const carets = "^".repeat(Math.max(1, Math.min(span.length, shown.length - indent)));
  const lines = [
    `error[${code}]: ${printable(message)}`,
    `${gutter}--> ${printable(span.file)}:${span.line}:${span.column}`,
    `${gutter} |`,
    `${number} | ${printable(shown).trimEnd()}`,
    `${gutter} | ${" ".repeat(indent)}${carets} ${printable(cause)}`,
  ];
  if (fix !== undefined) lines.push(`${gutter} = fix: ${printable(fix)}`);
  return lines.join("\n");
}

/** All of them, in the order of the file, with an empty line between. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const ordered = [...diagnostics].sort((a, b) => a.span.line - b.span.line || a.span.column - b.span.column);
  return ordered.map(formatDiagnostic).join("\n\n");
}
