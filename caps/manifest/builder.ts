// A manifest as TypeScript: the same data that is written in YAML, put together by calls whose arguments an editor completes. What comes out is text for
// `bailiwick run`, to be read and kept as any manifest is: no command runs anybody's TypeScript to find out what an appliance is.
//
// Each call looks at its part by the parser itself, so a mistake is an exception where it was made. Whether names of other parts exist is seen when the
// whole is checked (`bailiwick check`).
import { stringify } from "yaml";
import type { z } from "zod";
import type { GuestFacet } from "../image/system.ts";
import { MAX_TEXT, parseManifest } from "./parse.ts";
import type { manifestSchema } from "./schema.ts";

/** What may be written in a manifest. */
export type ManifestInput = z.input<typeof manifestSchema>;
export type ComponentInput = NonNullable<ManifestInput["components"]>[string];
export type GuestInput = NonNullable<ManifestInput["guests"]>[string];
export type ProgramInput = NonNullable<ManifestInput["programs"]>[string];
export type OfferInput = NonNullable<ComponentInput["offer"]>[string];
export type ClaimInput = NonNullable<ManifestInput["assert"]>[number];
/** What an appliance is called, its machine, and what its operator may do. */
export type Head = Pick<ManifestInput, "name" | "version" | "platform" | "operator">;

/** A component that was added. `offers.NAME` is what another's `use` says for it: "COMPONENT.NAME". */
export interface Part<N extends string, O extends string> {
  readonly name: N;
  readonly offers: { readonly [K in O]: `${N}.${K}` };
}

export interface Appliance {
  /** Adds a component, and says how others name what it offers. @throws ManifestError */
  component<N extends string, O extends Readonly<Record<string, OfferInput>> = Record<never, OfferInput>>(
    name: N,
    component: Omit<ComponentInput, "offer"> & { readonly offer?: O },
  ): Part<N, Extract<keyof O, string>>;
  /** Adds a program that components may read; the answer is what a `use` says for it. @throws ManifestError */
  program<N extends string>(name: N, program: ProgramInput): `programs.${N}`;
  /** Adds a guest, and says how others name its life: `view`, `control`. @throws ManifestError */
  guest<N extends string>(name: N, guest: GuestInput): Part<N, never> & { readonly [F in GuestFacet]: `guests.${N}.${F}` };
  /** Adds a claim. @throws ManifestError */
  assert(claim: ClaimInput): void;
  /** All of it, as plain data of the caller's own. */
  toManifest(): ManifestInput;
  /** The same as the text of a manifest. @throws ManifestError if it is longer than one may be */
  toYaml(): string;
}

/** A part is not what it may be; the message says each mistake with its cause and fix. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

type Maps = { readonly [K in "components" | "programs" | "guests"]: Map<string, unknown> };

/** Begins an appliance. @throws ManifestError */
export function appliance(head: Head): Appliance {
  const top = { apiVersion: "bailiwick/1", kind: "Appliance", ...copied(head) };
  const maps: Maps = { components: new Map(), programs: new Map(), guests: new Map() };
  const claims: unknown[] = [];
  check(top);

  const add = (where: keyof Maps, name: string, given: object): void => {
    const part = copied(given);
    if (maps[where].has(name)) throw new ManifestError(`there is a '${name}' in ${where} already`);
    check({ ...top, [where]: { [name]: part } });
    maps[where].set(name, part);
  };
  const toManifest = (): ManifestInput => {
    const parts = Object.entries(maps).flatMap(([where, map]) => (map.size === 0 ? [] : [[where, Object.fromEntries(map)]]));
    return copied({ ...top, ...Object.fromEntries(parts), ...(claims.length === 0 ? {} : { assert: claims }) }) as ManifestInput;
  };

  return {
    component(name, component) {
      add("components", name, component);
      const offers = Object.keys(component.offer ?? {}).map((offer) => [offer, `${name}.${offer}`]);
      return { name, offers: Object.fromEntries(offers) };
    },
    program(name, program) {
      add("programs", name, program);
      return `programs.${name}`;
    },
    guest(name, guest) {
      add("guests", name, guest);
      return { name, offers: {}, view: `guests.${name}.view`, control: `guests.${name}.control` };
    },
    assert(claim) {
      const copy = copied(claim);
      check({ ...top, assert: [copy] });
      claims.push(copy);
    },
    toManifest,
    toYaml() {
      const text = stringify(toManifest(), { aliasDuplicateObjects: false, lineWidth: 0 });
      if (text.length > MAX_TEXT) throw new ManifestError(`the manifest is ${text.length} characters long, and may be ${MAX_TEXT}`);
      return text;
    },
  };
}

/** What the caller changes later is not changed here. What JSON has no word for (a function, NaN) would become something else in silence. */
function copied(value: object): object {
  const lost = (_: string, inner: unknown): unknown => {
    if (typeof inner === "number" && !Number.isFinite(inner)) throw new ManifestError(`a manifest cannot hold ${inner}`);
    if (["function", "symbol", "bigint"].includes(typeof inner)) throw new ManifestError(`a manifest cannot hold a ${typeof inner}`);
    return inner;
  };
  return JSON.parse(JSON.stringify(value, lost)) as object;
}

function check(data: object): void {
  const parsed = parseManifest(stringify(data), "");
  if (!parsed.ok) throw new ManifestError(parsed.diagnostics.map(({ message, cause, fix }) => `${message}: ${cause}${fix === undefined ? "" : ` (${fix})`}`).join("\n"));
}
