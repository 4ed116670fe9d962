// Prometheus's text format, version 0.0.4: written, and read as far as `bailiwick vm top` needs it.
// Source: prometheus.io/docs/instrumenting/exposition_formats, "Text-based format".
//
//   P1  Whatever stands in label values, the text is well formed, and no two samples have the same name and labels: of two, the first counts.

export const EXPOSITION_TYPE = "text/plain; version=0.0.4";

export interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge";
  /** One line. */
  readonly help: string;
}

/** Names as the format has them; values are anybody's. */
export type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export class Exposition {
  readonly #families = new Map<Family, Map<string, Sample>>();

  /** @param value finite; of a counter, never less than before */
  add(family: Family, labels: Labels, value: number): void {
    const samples = this.#families.get(family) ?? new Map<string, Sample>();
    this.#families.set(family, samples);
    const key = Object.entries(labels).map(([name, text]) => `${name}="${escaped(text)}"`).join(",");
    if (!samples.has(key)) samples.set(key, { labels, value });
  }

  /** Families in the order in which they came. @param keep by labels, what is told */
  text(keep: (labels: Labels) => boolean = () => true): string {
    return [...this.#families].map(([{ name, type, help }, samples]) => {
      const lines = [...samples].flatMap(([key, { labels, value }]) => (keep(labels) ? [`${name}${key === "" ? "" : `{${key}}`} ${value}\n`] : []));
      return lines.length === 0 ? "" : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
    }).join("");
  }
}

/** What is no Unicode, and control characters but the newline, which the format escapes, become U+FFFD. */
const escaped = (text: string): string => text.replace(/[^\P{Cc}\n]|\p{Cs}/gu, "\ufffd").replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');

/** The sum over all labels, by name. */
export function sums(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [, name = "", value] of text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(?:[^"\n]|"(?:[^"\\\n]|\\.)*")*\})? (\S+)$/gm)) found.set(name, (found.get(name) ?? 0) + Number(value));
  return found;
}
