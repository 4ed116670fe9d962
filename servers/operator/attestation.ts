// A statement of the vault's (servers/vault/attest.c), checked: who signed it, for whom, and whether what it says was loaded is what was meant to be. Nothing of it
// is believed, or even looked at, before its signature is right.
import { z } from "zod";
import { chainOf, fromHex, HASH_BYTES, type Measurement, type Measurements } from "../../caps/image/measurements.ts";
import { loadHash, loadSodium } from "./sodium.ts";

const FORMAT = "bailiwick-attestation/1";
const BEGINNING = `{"format":"bailiwick-attestation/`;
const SIGNATURE_BYTES = 64;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const statementShape = z.strictObject({
  format: z.literal(FORMAT),
  nonce: hash,
  image: z.strictObject({ name: z.string(), version: z.string() }),
  chain: hash,
  measurements: z.array(z.strictObject({ name: z.string(), hash })),
  components: z.array(z.strictObject({ name: z.string(), program: z.union([hash, z.literal("")]), state: z.enum(["running", "exited", "faulted"]) })),
  time: z.union([z.null(), z.string().regex(/^\d+$/)]),
});

export type Statement = z.infer<typeof statementShape>;

export interface Expectation {
  /** 32 bytes that the verifier has made up. */
  readonly nonce: Uint8Array;
  readonly key: Uint8Array;
  /** What should have been loaded. */
  readonly image?: Measurements;
}

/** All that does not hold, in words; none: everything does. */
export type Verdict = { readonly statement: Statement; readonly wrong: readonly string[] } | { readonly statement?: undefined; readonly wrong: readonly [string, ...string[]] };

export async function verifyAttestation(document: Uint8Array, { nonce, key, image }: Expectation): Promise<Verdict> {
  const found = findStatement(document);
  if (typeof found === "string") return { wrong: [found] };
  const { crypto_sign_verify_detached } = await loadSodium();
  if (!crypto_sign_verify_detached(found.signature, found.bytes, key)) {
    return { wrong: ["the signature is not this key's for this statement: the statement or the signature was altered, or another platform made it"] };
  }
  const statement = parseStatement(found.bytes);
  if (typeof statement === "string") return { wrong: [statement] };
  const wrong: string[] = [];
  const wanted = Buffer.from(nonce).toString("hex");
  if (statement.nonce !== wanted) wrong.push(`it was made for another nonce, ${statement.nonce}: it may be an old one that is shown again`);
  if (chainOf(statement.image, statement.measurements, await loadHash()) !== statement.chain) wrong.push("its chain does not follow from its measurements");
  for (const { name, program } of statement.components) {
    if (!statement.measurements.some((file) => file.hash === program)) wrong.push(`the program of component '${name}' is not among what was measured`);
  }
  if (image !== undefined) wrong.push(...differences(statement, image));
  return { statement, wrong };
}

/** The line that is a statement, and the line of its signature; or why there is none. What stands before may be a console's other output. */
function findStatement(document: Uint8Array): { readonly bytes: Uint8Array; readonly signature: Uint8Array } | string {
  const lines = Buffer.from(document).toString("latin1").split("\n").map((line) => line.replace(/\r$/, ""));
  const at = lines.findIndex((line) => line.startsWith(BEGINNING));
  const line = lines[at];
  if (line === undefined) return "there is no statement in the file: a line that begins with " + BEGINNING;
  const written = /^signature ([0-9a-f]*)$/.exec(lines[at + 1] ?? "")?.[1];
  const signature = written === undefined ? undefined : fromHex(written, SIGNATURE_BYTES);
  if (signature === undefined) return `the line after the statement is not its signature: 'signature' and ${SIGNATURE_BYTES} bytes in hexadecimal`;
  return { bytes: Buffer.from(line, "latin1"), signature };
}

function parseStatement(bytes: Uint8Array): Statement | string {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return "what is signed is not JSON";
  }
  const parsed = statementShape.safeParse(value);
  return parsed.success ? parsed.data : `what is signed is not a statement of the format ${FORMAT}: ${parsed.error.issues[0]?.path.join(".") ?? ""}`;
}

/** What was loaded beside what should have been, a line for each file that differs. */
function differences({ image, chain, measurements }: Statement, wanted: Measurements): string[] {
  const lines: string[] = [];
  const show = ({ name, version }: Measurements["image"]): string => `${name} ${version}`;
  if (show(image) !== show(wanted.image)) lines.push(`the image is ${show(image)}, not ${show(wanted.image)}`);
  const loaded = new Map(measurements.map(({ name, hash: value }) => [name, value]));
  for (const { name, hash: value } of wanted.files) {
    const other = loaded.get(name);
    if (other === undefined) lines.push(`${name} was not loaded`);
    else if (other !== value) lines.push(`${name} is another: loaded was ${short(other)}, the image has ${short(value)}`);
  }
  const known = new Set(wanted.files.map(({ name }) => name));
  for (const { name } of measurements) if (!known.has(name)) lines.push(`${name} was loaded and is not in the image`);
  if (lines.length === 0 && chain !== wanted.chain) lines.push(`the files were loaded in another order: ${order(measurements)}`);
  return lines;
}

const short = (text: string): string => `${text.slice(0, 2 * HASH_BYTES / 4)}…`;
const order = (files: readonly Measurement[]): string => files.map(({ name }) => name).join(", ");
