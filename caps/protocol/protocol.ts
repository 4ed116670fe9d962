// Protocols are declared once, as data, in a server's `protocol.ts`; TypeScript infers its types from the declaration
// and the C header is generated from it, so the two sides cannot disagree about a label.

/** One request: its label (1..0x7fff), its words in order, and the words of the answer. `bytes` packs a byte string after the words of the request, of the answer, or of both, 8 to a word, little-endian. */
export interface Method {
  readonly label: number;
  readonly doc: string;
  readonly words: readonly string[];
  readonly returns: readonly string[];
  readonly bytes?: "in" | "out" | "both";
  /** Capabilities sent along, in order. */
  readonly caps?: readonly string[];
}

/** The kinds of a quota: so many a second, so many bytes a second, so many bytes that are kept. */
export const QUOTA_KINDS = ["perSecond", "bytesPerSecond", "bytes"] as const;
export type QuotaKind = (typeof QUOTA_KINDS)[number];
/** How much of each kind; at least one. */
export type Quota = { readonly [K in QuotaKind]?: number };
/** Who keeps to quotas of a protocol, and which. */
export interface QuotaKeeping {
  /** Servers of the kit. */
  readonly by: readonly string[];
  /** What is counted, of each kind that is kept: "lines". */
  readonly counts: { readonly [K in QuotaKind]?: string };
  /** The use without which the server can keep none, where it can do without it else: its clock. */
  readonly clock?: string;
}

export interface Protocol {
  readonly name: string;
  /** Some answers bring capabilities: a server that offers it may send them. One that offers nothing of the kind gets an endpoint with which it cannot. */
  readonly gives?: true;
  /** Its purpose is to hand on capabilities that others have made: a name server, a powerbox. */
  readonly passes?: true;
  /** What a client's quota in the manifest counts, and which of the kit's servers keep to it: `bw_quota`. */
  readonly quota?: QuotaKeeping;
  readonly methods: Readonly<Record<string, Method>>;
  /** Answers other than 0: labels of refusals, by name. 0 is success. */
  readonly refusals: Readonly<Record<string, number>>;
}

/** Declares a protocol; checks that labels are distinct. Throws TypeError naming the clash: a mistake of the programmer, found at load. */
export function protocol<const P extends Protocol>(p: P): P {
  const seen = new Map<number, string>();
  for (const [name, method] of Object.entries(p.methods)) {
    const other = seen.get(method.label);
    if (other !== undefined) throw new TypeError(`protocol ${p.name}: ${name} and ${other} have label ${method.label}`);
    seen.set(method.label, name);
  }
  return p;
}

const upper = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase();

/** The C header of a protocol: one enumerator a method and a refusal. */
export function protocolHeader(p: Protocol): string {
  const prefix = upper(p.name);
  const lines = [`/* Generated from the protocol "${p.name}". Do not edit. */`, "#pragma once", "enum {"];
  for (const [name, m] of Object.entries(p.methods)) {
    lines.push(`    /* ${m.doc} (${m.words.join(", ")}) -> (${m.returns.join(", ")}) */`, `    ${prefix}_${upper(name)} = ${m.label},`);
  }
  for (const [name, code] of Object.entries(p.refusals)) lines.push(`    ${prefix}_E_${upper(name)} = ${code},`);
  lines.push("};", "");
  return lines.join("\n");
}
