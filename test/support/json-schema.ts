// A validator for the part of JSON Schema (draft 2020-12) that the manifest's schema uses: not the library that made the schema. A keyword that it does not know
// is an error, so that nothing in the schema is passed over.
type Schema = Readonly<Record<string, unknown>>;
type Check = (value: unknown, operand: never, schema: Schema, root: Schema) => boolean;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
  object: isObject,
  array: (value) => Array.isArray(value),
};
const ifNumber = (holds: (value: number, operand: number) => boolean): Check => (value, operand) => typeof value !== "number" || holds(value, operand);
const ifText = (holds: (value: string, operand: number & string) => boolean): Check => (value, operand) => typeof value !== "string" || holds(value, operand);
const ifList = (holds: (value: unknown[], operand: number) => boolean): Check => (value, operand) => !Array.isArray(value) || holds(value, operand);
const ifMap = (holds: (value: Record<string, unknown>, operand: never, schema: Schema, root: Schema) => boolean): Check => (value, operand, schema, root) => !isObject(value) || holds(value, operand, schema, root);
const annotation: Check = () => true;

const KEYWORDS: Readonly<Record<string, Check>> = {
  $schema: annotation, $defs: annotation, title: annotation, description: annotation, default: annotation,
  $ref: (value, ref: string, _, root) => accepts(((root["$defs"] ?? {}) as Record<string, Schema>)[ref.replace("#/$defs/", "")]!, value, root),
  type: (value, type: string) => TYPES[type]!(value),
  const: (value, only) => value === only,
  enum: (value, all: readonly unknown[]) => all.includes(value),
  anyOf: (value, all: readonly Schema[], _, root) => all.some((schema) => accepts(schema, value, root)),
  pattern: ifText((text, pattern) => new RegExp(pattern).test(text)),
  minLength: ifText((text, least) => text.length >= least),
  maxLength: ifText((text, most) => text.length <= most),
  minimum: ifNumber((n, least) => n >= least),
  maximum: ifNumber((n, most) => n <= most),
  minItems: ifList((list, least) => list.length >= least),
  maxItems: ifList((list, most) => list.length <= most),
  items: (value, schema: Schema, _, root) => !Array.isArray(value) || value.every((item) => accepts(schema, item, root)),
  minProperties: ifMap((map, least) => Object.keys(map).length >= least),
  maxProperties: ifMap((map, most) => Object.keys(map).length <= most),
  required: ifMap((map, names: readonly string[]) => names.every((name) => Object.hasOwn(map, name))),
  propertyNames: ifMap((map, names: Schema, _, root) => Object.keys(map).every((name) => accepts(names, name, root))),
  properties: ifMap((map, known: Readonly<Record<string, Schema>>, _, root) => Object.entries(known).every(([name, schema]) => !Object.hasOwn(map, name) || accepts(schema, map[name], root))),
  additionalProperties: ifMap((map, others: Schema | boolean, schema, root) =>
    Object.entries(map).every(([name, value]) => Object.hasOwn(schema["properties"] ?? {}, name) || (typeof others === "boolean" ? others : accepts(others, value, root))),
  ),
};

/** Whether the schema accepts the value. @throws Error on a keyword that is not known here */
export function accepts(schema: Schema, value: unknown, root: Schema = schema): boolean {
  return Object.entries(schema).every(([keyword, operand]) => {
    const check = KEYWORDS[keyword];
    if (check === undefined) throw new Error(`the validator does not know '${keyword}'`);
    return check(value, operand as never, schema, root);
  });
}
