// A document as plain data (caps/manifest/data.ts), against the library's own reading of it.
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDocument, stringify } from "yaml";
import { documentData } from "../../caps/manifest/data.ts";

const read = (text: string) => parseDocument(text, { uniqueKeys: true, prettyErrors: false, stringKeys: true });
function same(text: string): void {
  expect(JSON.stringify(documentData(read(text), 100))).toBe(JSON.stringify(read(text).toJS({ maxAliasCount: 100 })));
}

test("is what the library reads", () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => same(stringify(value))), { numRuns: 500 });
});

test("of aliases, empty values, tags and texts of every kind, too", () => {
  for (const text of ["", "a:", "- \n- ~", "a: &x { b: [1, 2] }\nc: *x", "- &x 1\n- [*x, { y: *x }]", "a: !!str 12\nb: 0x10\nc: 1.5\n? d\n: |\n  e\n  f", "'1': { '2': \"\\u0041\" }", "constructor: 1\ntoString: [x]"]) same(text);
});

test("a name that objects have anyway is a key like all others, and aliases are followed so often and no more", () => {
  expect(Object.keys(documentData(read("__proto__: { a: 1 }\nb: 2"), 1) as object)).toEqual(["__proto__", "b"]);
  expect(() => documentData(read(`a: &a [1]\nb: &b [*a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c, *c]`), 10)).toThrow(ReferenceError);
});
