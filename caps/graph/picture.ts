// What a picture of a system shows: the authority graph in boxes and wires, the worst case's classes, and the ways that break claims. Where it goes on
// paper, and how it looks, is the operator's business (servers/operator/graph).
//
// PICTURE-1  Each capability of the graph is in exactly one wire, each wire is drawn or told in a line of its holder's box, and those of a broken way are drawn.
import type { ResolvedComponent, ResolvedSystem } from "../image/system.ts";
import { checkAssertions, describeClaim, rightNames, type Broken, type Step } from "./assertions.ts";
import { authorityGraph, type Authority } from "./authority.ts";
import { linksOf, worstCase } from "./closure.ts";

export type BoxKind = "machine" | "hosted" | "guest" | "device" | "program";

export interface Box {
  /** A component, `platform.DEVICE`, or `programs.PROGRAM`. */
  readonly name: string;
  readonly kind: BoxKind;
  readonly essential: boolean;
  /** It is taken to do as its protocols say, in all of the picture. */
  readonly trusted: boolean;
  /** Claims, by their index, that trust it. */
  readonly trustedBy: readonly number[];
  /** Components with a capability to it; many: their wires are folded. */
  readonly clients: number;
  /** Claims, by their index, on whose broken way it is. */
  readonly broken: readonly number[];
}

/** All that a holder has of one server or device, or (no items) that two may come to share what they have. */
export interface Wire {
  readonly from: string;
  readonly to: string;
  readonly items: readonly Item[];
  /** Capabilities can go along with a message, with an answer (GRAPH-2). */
  readonly toServer: boolean;
  readonly toClient: boolean;
  /** Told in the holder's box, not drawn. */
  readonly folded: boolean;
  /** Claims, by their index, on whose broken way it is. */
  readonly broken: readonly number[];
}

export interface Item {
  readonly thing: string;
  /** The part of the name that the wire's end does not say. */
  readonly short: string;
  /** As rightNames says it; empty where there are none to choose from. */
  readonly rights: string;
  readonly broken: boolean;
}

export interface PicturedClaim {
  readonly says: string;
  readonly broken?: Broken;
}

export interface Picture {
  readonly title: string;
  /** Components in the order of the system, then devices and programs. */
  readonly boxes: readonly Box[];
  readonly wires: readonly Wire[];
  /** Two and more who may come to hold the same, in the worst case. */
  readonly classes: readonly (readonly string[])[];
  /** Boxes that drawn wires or a class join, in the order of their first. */
  readonly islands: readonly (readonly string[])[];
  readonly claims: readonly PicturedClaim[];
}

/** A server with more clients has no wire drawn for each: nobody could follow them. */
const MOST_CLIENTS = 8;
/** In an island of more, only those between components are drawn that capabilities can go by. */
const MOST_WIRES = 80;

/** @param trusting components that are taken to do as their protocols say; claims are tried with those that they name themselves */
export function pictureOf(system: ResolvedSystem, trusting: readonly string[] = []): Picture {
  const graph = authorityGraph(system), trusted = new Set(trusting);
  const found = new Map(checkAssertions(graph, system.assertions).map((broken) => [broken.index, broken]));
  const claims = system.assertions.map((claim, index): PicturedClaim => {
    const broken = found.get(index);
    return { says: describeClaim(claim), ...(broken === undefined ? {} : { broken }) };
  });
  const ways = waysOf([...found.values()]);
  const links = new Map(linksOf(graph).map((link) => [link.authority, link]));

  const bundles = new Map<string, Authority[]>();
  for (const authority of graph.authorities) {
    const to = endOf(authority);
    if (to === authority.holder) continue;
    const key = `${authority.holder} ${to}`;
    (bundles.get(key) ?? bundles.set(key, []).get(key))?.push(authority);
  }
  const clients = new Map<string, number>();
  for (const [first] of bundles.values()) if (first !== undefined) clients.set(endOf(first), (clients.get(endOf(first)) ?? 0) + 1);

  const wires = [...bundles.values()].flatMap((all): Wire[] => {
    const [first] = all;
    if (first === undefined) return [];
    const from = first.holder, to = endOf(first);
    const broken = union(all.map((authority) => ways.things.get(`${authority.holder} ${authority.thing}`)));
    return [
      {
        from,
        to,
        items: all.map((authority) => toItem(authority, to, ways.things.has(`${from} ${authority.thing}`))),
        toServer: all.some((authority) => links.get(authority)?.toServer === true),
        toClient: all.some((authority) => links.get(authority)?.toClient === true),
        folded: broken.length === 0 && (clients.get(to) ?? 0) > MOST_CLIENTS,
        broken,
      },
    ];
  });
  const shared = [...ways.shared].map(([{ from, to }, broken]): Wire => ({ from, to, items: [], toServer: false, toClient: false, folded: false, broken }));

  const trustedBy = new Map<string, number[]>();
  system.assertions.forEach((claim, index) => {
    for (const name of claim.trusting) (trustedBy.get(name) ?? trustedBy.set(name, []).get(name))?.push(index);
  });
  const box = (name: string, kind: BoxKind, essential: boolean): Box => ({
    name, kind, essential, trusted: trusted.has(name), trustedBy: trustedBy.get(name) ?? [], clients: clients.get(name) ?? 0, broken: [...(ways.places.get(name) ?? [])],
  });
  const known = new Set(graph.components);
  const others = [...clients.keys()].filter((name) => !known.has(name)).sort();
  const closure = worstCase(graph, trusted);
  const classes = graph.components.map((name) => closure.membersOf(name)).filter((members, index) => members.length > 1 && members[0] === graph.components[index]);
  const places = [...graph.components, ...others];
  const sparse = thinned([...wires, ...shared], known, islandsOf(places, [...wires, ...shared], classes));
  return {
    title: `${system.name} ${system.version}`,
    boxes: [...system.components.map((component) => box(component.name, kindOf(component), component.essential)), ...others.map((name) => box(name, name.startsWith("programs.") ? "program" : "device", false))],
    wires: sparse,
    classes,
    islands: islandsOf(places, sparse, classes),
    claims,
  };
}

function islandsOf(places: readonly string[], wires: readonly Wire[], classes: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const near = new Map<string, string[]>(places.map((name) => [name, []]));
  const join = (a: string, b: string): void => {
    near.get(a)?.push(b);
    near.get(b)?.push(a);
  };
  for (const { from, to, folded } of wires) if (!folded) join(from, to);
  for (const [first = "", ...others] of classes) for (const other of others) join(first, other);
  const seen = new Set<string>();
  return places.flatMap((name) => {
    if (seen.has(name)) return [];
    const island = new Set([name]);
    for (const member of island) for (const other of near.get(member) ?? []) island.add(other);
    for (const member of island) seen.add(member);
    return [[...island]];
  });
}

function thinned(wires: readonly Wire[], components: ReadonlySet<string>, islands: readonly (readonly string[])[]): readonly Wire[] {
  const islandOf = new Map(islands.flatMap((names, index) => names.map((name) => [name, index])));
  const drawn = new Map<number | undefined, number>();
  for (const { from, folded } of wires) if (!folded) drawn.set(islandOf.get(from), (drawn.get(islandOf.get(from)) ?? 0) + 1);
  const isMinor = ({ to, toServer, toClient, broken }: Wire): boolean => components.has(to) && !toServer && !toClient && broken.length === 0;
  return wires.map((wire) => (isMinor(wire) && (drawn.get(islandOf.get(wire.from)) ?? 0) > MOST_WIRES ? { ...wire, folded: true } : wire));
}

const kindOf = ({ guest, program }: ResolvedComponent): BoxKind => (guest === undefined ? program.kind : "guest");

/** The box that a thing is in, by its name. */
function boxOf(thing: string): string {
  const [first = "", second] = thing.split(".");
  if (first === "guests") return second ?? first;
  return first === "platform" || first === "programs" ? `${first}.${second}` : first;
}

const endOf = ({ thing, server, over }: Authority): string => server ?? over ?? boxOf(thing);

function toItem({ thing, server, over, rights }: Authority, to: string, broken: boolean): Item {
  return { thing, short: thing === to ? "" : thing.slice((over === undefined ? to : `guests.${to}`).length + 1), rights: server === undefined ? "" : rightNames(rights), broken };
}

interface Ways {
  /** Claims by `holder thing`, and by box. */
  readonly things: ReadonlyMap<string, ReadonlySet<number>>;
  readonly places: ReadonlyMap<string, ReadonlySet<number>>;
  /** Steps without a capability of their own. */
  readonly shared: readonly (readonly [Step, readonly number[]])[];
}

/** What the broken ways lead over. */
function waysOf(all: readonly Broken[]): Ways {
  const things = new Map<string, Set<number>>(), places = new Map<string, Set<number>>(), shared = new Map<string, [Step, number[]]>();
  const add = (to: Map<string, Set<number>>, key: string, index: number): void => void (to.get(key) ?? to.set(key, new Set()).get(key))?.add(index);
  for (const { index, path } of all) {
    for (const step of path) {
      add(places, boxOf(step.from), index);
      add(places, boxOf(step.to), index);
      const key = `${step.from} ${step.to}`;
      if (step.by !== undefined) add(things, `${step.by.holder} ${step.by.thing}`, index);
      else (shared.get(key) ?? shared.set(key, [step, []]).get(key))?.[1].push(index);
    }
  }
  return { things, places, shared: [...shared.values()] };
}

const union = (sets: readonly (ReadonlySet<number> | undefined)[]): readonly number[] => [...new Set(sets.flatMap((set) => [...(set ?? [])]))].sort((a, b) => a - b);
