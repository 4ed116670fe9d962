// What hostile programs can come to hold: the transitive closure of every transfer that the kernel would let through.
//
// GRAPH-1  Two untrusted components between whom a capability can go, in whichever direction, hold the same in the end: the one that may send makes an
//          endpoint of its own memory and sends that, and through it anything goes both ways. So the closure is a partition into classes, and no more
//          than a union of the links that there are at the start: what comes from elsewhere only repeats links of the same class.
// GRAPH-2  A link is a capability to a server's endpoint with Write and either Grant (things go to the server), or a right to be answered when the
//          server's own capability has Grant (things come back): core/kernel/ipc.ts, IPC-CAPS-002 and -009.
// GRAPH-3  A trusted component hands on nothing but capabilities to itself and to its own memory, as its protocol says: it joins no class. Where the
//          protocol's purpose is to hand on others' (`passes`), trust changes nothing.
// Source: the take-grant model (Lipton and Snyder 1977; Elkaduwe, Klein and Elphinstone 2008 for seL4's), where the same symmetry holds.
import { Right } from "../abi/numbers.ts";
import type { Authority, AuthorityGraph } from "./authority.ts";

/** A capability through which others may go, between its holder and its server. */
export interface Link {
  readonly authority: Authority;
  readonly client: string;
  readonly server: string;
  /** To the server by a message, to the client by an answer. */
  readonly toServer: boolean;
  readonly toClient: boolean;
}

export interface Closure {
  /** All with whom a component may come to share what it has, itself among them, in the order of the system. */
  membersOf(component: string): readonly string[];
  /** Every capability that it may come to hold, by what its class held at the start. */
  mayHold(component: string): readonly Authority[];
  /** The fewest links from one of `from` to one of `to`; undefined when no class has one of both. Each link is looked at once. */
  path(from: readonly string[], to: ReadonlySet<string>): { readonly start: string; readonly end: string; readonly links: readonly Link[] } | undefined;
}

/** By either end. */
export type Links = ReadonlyMap<string, readonly Link[]>;

export function linksOf({ authorities, gives }: AuthorityGraph): readonly Link[] {
  return authorities.flatMap((authority): Link[] => {
    const { holder: client, server, rights } = authority;
    if (server === undefined || server === client || (rights & Right.Write) === 0) return [];
    const toServer = (rights & Right.Grant) !== 0;
    const toClient = (rights & (Right.Grant | Right.GrantReply)) !== 0 && gives.has(server);
    return toServer || toClient ? [{ authority, client, server, toServer, toClient }] : [];
  });
}

const across = (link: Link, from: string): string => (link.client === from ? link.server : link.client);

/** They do not depend on who is trusted: whoever asks for many closures makes them once. */
export function linksByEnd(graph: AuthorityGraph): Links {
  const near = new Map<string, Link[]>(graph.components.map((name) => [name, []]));
  for (const link of linksOf(graph)) {
    near.get(link.client)?.push(link);
    near.get(link.server)?.push(link);
  }
  return near;
}

/** Back from the end by the link over which each was first come to. */
function wayTo(end: string, came: ReadonlyMap<string, Link | undefined>): { readonly start: string; readonly links: readonly Link[] } {
  const links: Link[] = [];
  let start = end;
  for (let link = came.get(start); link !== undefined; link = came.get(start)) {
    links.unshift(link);
    start = across(link, start);
  }
  return { start, links };
}

/** @param trusted components that do as their protocols say (GRAPH-3) */
export function worstCase(graph: AuthorityGraph, trusted: ReadonlySet<string> = new Set(), near: Links = linksByEnd(graph)): Closure {
  const joins = (name: string): boolean => !trusted.has(name) || graph.passes.has(name);
  /** Over each link that there is from one who joins to another. */
  const reach = (name: string, visit: (other: string, link: Link) => void): void => {
    if (!joins(name)) return;
    for (const link of near.get(name) ?? []) {
      const other = across(link, name);
      if (joins(other)) visit(other, link);
    }
  };
  let known: ReadonlyMap<string, readonly string[]> | undefined;
  const membersOf = (component: string): readonly string[] => (known ??= classesOf(graph, reach)).get(component) ?? [];
  return {
    membersOf,
    mayHold: (component) => membersOf(component).flatMap((member) => graph.byHolder.get(member) ?? []),
    path(from, to) {
      const came = new Map<string, Link | undefined>();
      for (const start of from) came.set(start, undefined);
      for (const end of came.keys()) {
        if (to.has(end)) return { end, ...wayTo(end, came) };
        reach(end, (other, link) => void (came.has(other) || came.set(other, link)));
      }
      return undefined;
    },
  };
}

function classesOf({ components }: AuthorityGraph, reach: (name: string, visit: (other: string) => void) => void): ReadonlyMap<string, readonly string[]> {
  const classes = new Map<string, readonly string[]>(), order = new Map(components.map((name, index) => [name, index]));
  for (const name of components) {
    if (classes.has(name)) continue;
    const found = new Set([name]);
    for (const member of found) reach(member, (other) => void found.add(other));
    const members = [...found].sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
    for (const member of members) classes.set(member, members);
  }
  return classes;
}
