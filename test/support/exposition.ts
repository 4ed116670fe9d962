// Prometheus's text format 0.0.4, read strictly by its grammar: what a scraper would make of it.
// Source: prometheus.io/docs/instrumenting/exposition_formats, "Text format details".

export interface Scraped {
  readonly types: ReadonlyMap<string, string>;
  /** Values by name and labels: `name{a="x",b="y"}`, labels in their order, values as they were meant and as JSON. */
  readonly values: ReadonlyMap<string, number>;
}

const UNESCAPED: Readonly<Record<string, string>> = { "\\\\": "\\", '\\"': '"', "\\n": "\n" };
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"/y;

/** @throws Error at the first line that is none, a sample whose family was not declared before it or is not by itself, or one that was there already */
export function parseExposition(text: string): Scraped {
  const helps = new Set<string>(), types = new Map<string, string>(), values = new Map<string, number>();
  let family = "";
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  for (const line of text.slice(0, -1).split("\n")) {
    const fail = (why: string): never => {
      throw new Error(`${why}: ${JSON.stringify(line)}`);
    };
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind, name = "", rest = ""] = comment;
      if (kind === "HELP") {
        if (helps.has(name)) fail("a second HELP");
        helps.add(name);
        family = name;
      } else {
        if (types.has(name) || name !== family || !["counter", "gauge"].includes(rest)) fail("a TYPE out of place");
        types.set(name, rest);
      }
      continue;
    }
    const [, name = "", labels] = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? \S+$/su.exec(line) ?? fail("no sample");
    if (name !== family || !types.has(name)) fail("a sample out of place");
    const found: string[] = [];
    for (let at = 0; labels !== undefined && at < labels.length; ) {
      LABEL.lastIndex = at;
      const [whole = "", label = "", value = ""] = LABEL.exec(labels) ?? fail(`no label at ${at}`);
      found.push(`${label}=${JSON.stringify(value.replace(/\\[\\"n]/g, (escape) => UNESCAPED[escape]!))}`);
      at += whole.length;
      if (at < labels.length && labels[at++] !== ",") fail("no comma");
    }
    const value = line.slice(line.lastIndexOf(" ") + 1), key = found.length === 0 ? name : `${name}{${found.join(",")}}`;
    if (!/^\d+(\.\d+)?(e[+-]\d+)?$/.test(value)) fail("no number of ours");
    if (values.has(key)) fail("twice");
    values.set(key, Number(value));
  }
  return { types, values };
}
