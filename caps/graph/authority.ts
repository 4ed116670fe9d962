// The authority graph of a resolved system: which component holds which capability at the start. What may become of it is in closure.ts.
//
// Things are named as a manifest names them: `server.offer`, `platform.net0.regs`, `platform.cpu.time`, `platform.secret`, `programs.tool`, `guests.web.control`.
// Not in it: what a component makes of its own memory (that is its own until it hands it on), the root server and the operator (every component may
// tell them something, and they hand out nothing), and time: that a program can be seen to be busy is no authority (CAVEATS.md has the covert channels).
import { Right } from "../abi/numbers.ts";
import { carriedName } from "../image/files.ts";
import { MEASUREMENTS_FILE, SECRET_FILE } from "../image/measurements.ts";
import { mayGive, type GuestFacet, type ResolvedSystem, type ResolvedUse } from "../image/system.ts";

export interface Authority {
  readonly holder: string;
  readonly thing: string;
  /** Of an endpoint, the component that serves it; absent: the thing is the platform's, or a program to read. */
  readonly server?: string;
  /** Of a capability over a guest, the component that hosts it. It serves nothing: who carries out what is asked is the root server. */
  readonly over?: string;
  /** Right bits, of an endpoint; of a view of a guest Read alone. */
  readonly rights: number;
}

export interface AuthorityGraph {
  readonly components: readonly string[];
  /** In the order of the system. What a component serves it holds with all rights. */
  readonly authorities: readonly Authority[];
  readonly byHolder: ReadonlyMap<string, readonly Authority[]>;
  /** Answers of these may bring capabilities: the kernel lets no others through. */
  readonly gives: ReadonlySet<string>;
  /** What these are for is to hand capabilities on, of their clients' or their own: trusting them changes nothing. */
  readonly passes: ReadonlySet<string>;
}

const ALL = Right.Read | Right.Write | Right.Grant | Right.GrantReply;
export const READ_ONLY = Right.Read;

export function authorityGraph({ components }: ResolvedSystem): AuthorityGraph {
  const offers = new Map(components.map((component) => [component.name, component.offers]));
  const hosts = new Map(components.flatMap(({ name, guest }) => (guest === undefined ? [] : [[guest, name]])));
  const authorities = components.flatMap(({ name, uses, offers: own }) => [
    ...own.map((offer) => ({ holder: name, thing: `${name}.${offer.name}`, server: name, rights: ALL })),
    ...uses.flatMap((use): Authority[] => {
      if (use.kind === "guest") return [overGuest(name, use, hosts.get(use.guest) ?? use.guest)];
      const thing = thingOf(use, offers);
      if (thing === undefined) return [];
      return [use.kind === "endpoint" ? { holder: name, thing, server: use.from, rights: use.rights } : { holder: name, thing, rights: use.kind === "file" ? READ_ONLY : ALL }];
    }),
  ]);
  return {
    components: components.map(({ name }) => name),
    authorities,
    byHolder: heldBy(components.map(({ name }) => name), authorities),
    gives: new Set(components.filter(mayGive).map(({ name }) => name)),
    passes: new Set(components.filter((component) => component.offers.some(({ passes }) => passes)).map(({ name }) => name)),
  };
}

/** Whoever controls a guest tells it something, if only by when it stands; both facets tell their holder something of the guest's. No capability goes either way. */
export const overGuest = (holder: string, { guest, facet }: { readonly guest: string; readonly facet: GuestFacet }, host: string): Authority => ({ holder, thing: `guests.${guest}.${facet}`, over: host, rights: facet === "control" ? ALL : READ_ONLY });

/** The graph with more than there was at the start. */
export function withAuthorities(graph: AuthorityGraph, more: readonly Authority[]): AuthorityGraph {
  const authorities = [...graph.authorities, ...more];
  return { ...graph, authorities, byHolder: heldBy(graph.components, authorities) };
}

function heldBy(components: readonly string[], authorities: readonly Authority[]): ReadonlyMap<string, readonly Authority[]> {
  const by = new Map<string, Authority[]>(components.map((name) => [name, []]));
  for (const authority of authorities) by.get(authority.holder)?.push(authority);
  return by;
}

/** What a use names; undefined for what is the component's own: its guest's RAM, its VCPU, its guest's files. */
function thingOf(use: Exclude<ResolvedUse, { kind: "guest" }>, offers: ReadonlyMap<string, readonly { readonly name: string }[]>): string | undefined {
  switch (use.kind) {
    case "endpoint":
      return `${use.from}.${offers.get(use.from)?.[use.offer]?.name ?? use.offer}`;
    case "device":
      return `platform.${use.device}.regs`;
    case "irq":
    case "iospace":
      return `platform.${use.device}.${use.kind}`;
    case "schedcontrol":
      return "platform.cpu.time";
    case "file": {
      if (use.file === MEASUREMENTS_FILE) return "platform.measurements";
      if (use.file === SECRET_FILE) return "platform.secret";
      const program = carriedName(use.file);
      return program === undefined ? undefined : `programs.${program}`;
    }
    case "ram":
    case "vcpu":
      return undefined;
  }
}

/** Whether `name` is the thing, or a part of what it is of: `platform.net0` is of `platform.net0.regs`, `nic` of `nic.card`. */
export const isOf = (thing: string, name: string): boolean => thing.startsWith(name) && (thing.length === name.length || thing[name.length] === ".");
