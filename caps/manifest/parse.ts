// Text of a manifest → Manifest, or every error in it with its place. YAML 1.2, one document, unique keys.
// Limits against hostile files: 1 MiB of text, 100 alias expansions, and nesting as deep as the parser's stack (refused, not crashed).
import { isScalar, LineCounter, parseDocument, visit, type Document, type YAMLParseError, type YAMLWarning } from "yaml";
import type { z } from "zod";
import { documentData } from "./data.ts";
import { DiagnosticCode, type Diagnostic, type Result } from "./diagnostic.ts";
import { nearest, suggest } from "./nearest.ts";
import { manifestJsonSchema, manifestSchema, type Manifest } from "./schema.ts";
import { createSource, type Path, type Source } from "./source.ts";

export const MAX_TEXT = 1024 ** 2;
const MAX_ALIASES = 100;

export interface ParsedManifest {
  readonly manifest: Manifest;
  /** For the places of errors found later. */
  readonly source: Source;
}

/** @param file the name shown in errors */
export function parseManifest(text: string, file: string): Result<ParsedManifest> {
  if (text.length > MAX_TEXT) return refuse(file, DiagnosticCode.tooLarge, "the manifest is too large", `${text.length} characters, at most ${MAX_TEXT}`);
  const lines = new LineCounter();
  let document: Document;
  try {
    document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false, stringKeys: true });
  } catch (error) {
    return refuse(file, DiagnosticCode.tooLarge, "the manifest cannot be read", depthOr(error));
  }
  const source = createSource(text, file, document, lines);
  // A warning is a tag that YAML does not know: it would be read as something else than was meant.
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) return { ok: false, diagnostics: faults.map((fault) => yamlDiagnostic(fault, source)) };
  if (document.contents === null) return refuse(file, DiagnosticCode.missingKey, "the manifest is empty", "nothing stands here", "begin with: apiVersion: bailiwick/1");
  try {
    const unsafe = protoKeys(text, document, source);
    if (unsafe.length > 0) return { ok: false, diagnostics: unsafe };
    const data: unknown = documentData(document, MAX_ALIASES);
    const parsed = manifestSchema.safeParse(data, { reportInput: true });
    if (parsed.success) return { ok: true, value: { manifest: parsed.data, source } };
    return { ok: false, diagnostics: withoutEchoes(parsed.error.issues.flatMap((issue) => issueDiagnostics(issue, [], source))) };
  } catch (error) {
    // yaml throws ReferenceError for too many aliases; any recursion here can end the stack on a file nested deep enough.
    if (error instanceof ReferenceError) return refuse(file, DiagnosticCode.tooLarge, "the manifest repeats too much by aliases", `more than ${MAX_ALIASES} expansions`);
    return refuse(file, DiagnosticCode.tooLarge, "the manifest cannot be read", depthOr(error));
  }
}

/** What to say of a stack that ended; any other error is ours and goes on. */
function depthOr(error: unknown): string {
  if (error instanceof RangeError) return "it is nested too deeply";
  throw error;
}

function refuse(file: string, code: DiagnosticCode, message: string, cause: string, fix?: string): Result<never> {
  const span = { file, line: 1, column: 1, length: 1, text: "" };
  return { ok: false, diagnostics: [{ code, message, span, cause, ...(fix === undefined ? {} : { fix }) }] };
}

/** The one key that validation would pass over in silence, wherever it stands. It is written as it is, or with an escape. */
function protoKeys(text: string, document: Document, source: Source): Diagnostic[] {
  const found: Diagnostic[] = [];
  if (!text.includes("__proto__") && !text.includes("\\")) return found;
  visit(document, {
    Pair: (_, { key }) => {
      if (!isScalar(key) || key.value !== "__proto__" || !key.range) return;
      found.push({ code: DiagnosticCode.badName, message: "'__proto__' cannot be a name here", span: source.span(key.range[0], key.range[1]), cause: "is never a name" });
    },
  });
  return found;
}

function yamlDiagnostic(error: YAMLParseError | YAMLWarning, source: Source): Diagnostic {
  const span = source.span(error.pos[0], error.pos[1]);
  if (error.code === "DUPLICATE_KEY") return { code: DiagnosticCode.duplicateKey, message: "a key stands twice", span, cause: "it stands above already", fix: "keep one of them" };
  return { code: DiagnosticCode.notYaml, message: "the manifest is not correct YAML", span, cause: firstSentence(error.message) };
}

const firstSentence = (text: string): string => (text.split("\n", 1)[0] ?? "").replace(/[.:]$/, "");

type Issue = z.core.$ZodIssue;

/** `missing`: the path of the key that is not there. `wrong`: of the value that cannot be. `meant`: of the key that a misspelt one is nearest to, `under`: of the map it stands in. */
interface Finding {
  readonly diagnostic: Diagnostic;
  readonly missing?: string;
  readonly wrong?: string;
  readonly meant?: string;
  readonly under?: string;
}

/** A misspelt key is one mistake: that the right one is missing, or the map not what it must be, need not be said as well. */
function withoutEchoes(findings: readonly Finding[]): Diagnostic[] {
  const meant = new Set(findings.map((finding) => finding.meant));
  const under = new Set(findings.map((finding) => finding.under));
  return findings.filter(({ missing, wrong }) => (missing === undefined || !meant.has(missing)) && (wrong === undefined || !under.has(wrong))).map(({ diagnostic }) => diagnostic);
}

function issueDiagnostics(issue: Issue, above: Path, source: Source): Finding[] {
  const path = [...above, ...issue.path];
  const where = path.map(String).join(".") || "the manifest";
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = knownKeys(path);
      return issue.keys.map((key) => ({
        diagnostic: {
          code: DiagnosticCode.unknownKey,
          message: `unknown key '${key}'${path.length > 0 ? ` in ${where}` : ""}`,
          span: source.locate([...path, key], "key"),
          cause: "there is no such key here",
          fix: suggest(key, known),
        },
        meant: [...path, nearest(key, known) ?? key].join("."),
        under: path.join("."),
      }));
    }
    case "invalid_key": {
      const key = String(path.at(-1));
      return [{ diagnostic: { code: DiagnosticCode.badName, message: `'${key}' cannot be a name here`, span: source.locate(path, "key"), cause: `must be ${issue.issues[0]?.message ?? "another"}` } }];
    }
    case "invalid_union": {
      // The branch that got furthest says best what is wrong: one that was not refused for its type at the top.
      const branch = issue.errors.find((issues) => issues.length > 0 && !issues.some((inner) => inner.code === "invalid_type" && inner.path.length === 0));
      if (branch !== undefined) return branch.flatMap((inner) => issueDiagnostics(inner, path, source));
      if (issue.input === undefined) return [missing(path, source)];
      const kinds = issue.errors.flatMap((issues) => issues.map((inner) => (inner.code === "invalid_type" ? kindName(inner.expected) : inner.message)));
      return [wrong(path, where, `must be ${[...new Set(kinds)].join(" or ")}`, source)];
    }
    case "invalid_type":
      if (issue.input === undefined) return [missing(path, source)];
      return [wrong(path, where, `must be ${issue.message.startsWith("Invalid input") ? kindName(issue.expected) : issue.message}`, source)];
    case "invalid_value": {
      if (issue.input === undefined) return [missing(path, source)];
      const values = issue.values.map(String);
      return [wrong(path, where, `must be ${values.join(" or ")}`, source, typeof issue.input === "string" ? suggest(issue.input, values) : undefined)];
    }
    case "too_big":
      return [wrong(path, where, bound(issue.message, `at most ${issue.maximum}`), source)];
    case "too_small":
      return [wrong(path, where, bound(issue.message, `at least ${issue.minimum}`), source)];
    default:
      return [wrong(path, where, `must be ${issue.message}`, source)];
  }
}

/** Our own words when the schema has them, else the plain bound. */
const bound = (message: string, plain: string): string => `must be ${message.startsWith("Too ") ? plain : message}`;

const wrong = (path: Path, where: string, cause: string, source: Source, fix?: string): Finding => ({
  diagnostic: { code: DiagnosticCode.wrongValue, message: `${where} has a value it cannot have`, span: source.locate(path, "value"), cause, ...(fix === undefined ? {} : { fix }) },
  wrong: path.join("."),
});

const missing = (path: Path, source: Source): Finding => ({
  diagnostic: {
    code: DiagnosticCode.missingKey,
    message: `${path.map(String).join(".")} is missing`,
    span: source.locate(path.slice(0, -1), "key"),
    cause: `this needs '${String(path.at(-1))}'`,
  },
  missing: path.join("."),
});

const KINDS: Readonly<Record<string, string>> = { object: "a map of keys", record: "a map of names", array: "a list", string: "a text", number: "a number", int: "a whole number", boolean: "true or false" };
const kindName = (expected: string): string => KINDS[expected] ?? expected;

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly anyOf?: readonly SchemaNode[];
  readonly items?: SchemaNode;
}

/** The keys that the schema knows at a path. */
function knownKeys(path: Path): string[] {
  let nodes: SchemaNode[] = [manifestJsonSchema()];
  const open = (node: SchemaNode): SchemaNode[] => [node, ...(node.anyOf ?? []).flatMap(open)];
  for (const step of path) {
    nodes = nodes.flatMap(open).flatMap((node) => {
      const next = node.properties?.[String(step)] ?? (typeof step === "number" ? node.items : typeof node.additionalProperties === "object" ? node.additionalProperties : undefined);
      return next === undefined ? [] : [next];
    });
  }
  return [...new Set(nodes.flatMap(open).flatMap((node) => Object.keys(node.properties ?? {})))];
}
