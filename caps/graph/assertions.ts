// Claims about a system, and whether they hold in the worst case: every program hostile but those that a claim trusts by name.
import { Right } from "../abi/numbers.ts";
import type { Assertion } from "../image/assertion.ts";
import { isOf, type Authority, type AuthorityGraph } from "./authority.ts";
import { linksByEnd, worstCase, type Closure, type Link, type Links } from "./closure.ts";
import { dataFlows, directFlows, type DirectFlows, type Flow, type Flows } from "./flows.ts";

/** A step of a way that breaks a claim, for people and pictures. */
export interface Step {
  readonly from: string;
  readonly to: string;
  /** The capability that makes the step: its holder and name; undefined: they share what they have. */
  readonly by?: { readonly holder: string; readonly thing: string };
  readonly says: string;
}

export interface Broken {
  /** Index among the assertions. */
  readonly index: number;
  /** What is the case instead, in one line. */
  readonly says: string;
  /** The shortest way there is. */
  readonly path: readonly Step[];
}

export function checkAssertions(graph: AuthorityGraph, assertions: readonly Assertion[]): readonly Broken[] {
  const context = contextOf(graph);
  return assertions.flatMap((assertion, index) => {
    const broken = checkOne(context, assertion);
    return broken === undefined ? [] : [{ index, ...broken }];
  });
}

/** What claims have in common: the graph, and for each set of trusted components what follows from it. */
interface Context {
  readonly graph: AuthorityGraph;
  closureFor(trusting: readonly string[]): Closure;
  flowsFor(trusting: readonly string[]): Flows;
  /** All capabilities to a thing, or to what is of it; to a guest's component, those over the guest. */
  capabilitiesTo(name: string): readonly Authority[];
}

function contextOf(graph: AuthorityGraph): Context {
  const closures = new Map<string, Closure>(), keyOf = (trusting: readonly string[]): string => [...trusting].sort().join();
  let links: Links | undefined, direct: DirectFlows | undefined, things: ReadonlyMap<string, readonly Authority[]> | undefined;
  const closureFor = (trusting: readonly string[]): Closure => {
    const key = keyOf(trusting), known = closures.get(key) ?? worstCase(graph, new Set(trusting), (links ??= linksByEnd(graph)));
    closures.set(key, known);
    return known;
  };
  return {
    graph,
    closureFor,
    flowsFor: (trusting) => dataFlows(graph, closureFor(trusting), (direct ??= directFlows(graph))),
    capabilitiesTo: (name) => [...(things ??= byThing(graph))].flatMap(([thing, all]) => (isOf(thing, name) || all[0]?.over === name ? all : [])),
  };
}

function byThing({ authorities }: AuthorityGraph): ReadonlyMap<string, readonly Authority[]> {
  const things = new Map<string, Authority[]>();
  for (const authority of authorities) (things.get(authority.thing) ?? things.set(authority.thing, []).get(authority.thing))?.push(authority);
  return things;
}

type Found = Omit<Broken, "index"> | undefined;

function checkOne({ graph, closureFor, flowsFor, capabilitiesTo }: Context, assertion: Assertion): Found {
  switch (assertion.kind) {
    case "no-path":
      return reach(capabilitiesTo(assertion.to), closureFor(assertion.trusting), assertion.from);
    case "only-holders": {
      const may = new Set(assertion.are);
      const others = graph.components.filter((name) => !may.has(name) && !isOf(assertion.of, name));
      return reach(capabilitiesTo(assertion.of), closureFor(assertion.trusting), others);
    }
    case "confined":
      return checkConfined(graph, assertion.component, assertion.holes, closureFor(assertion.trusting));
    case "max-rights":
      return checkRights(capabilitiesTo(assertion.on), assertion, closureFor(assertion.trusting));
    case "flows-only-via": {
      const { from, to, via, trusting } = assertion;
      const path = flowsFor([...trusting, ...via]).path(from, to, new Set(via));
      return path === undefined ? undefined : { says: `data gets from ${from} to ${to} without ${via.length === 0 ? "anything between" : via.join(" or ")}`, path: path.map(flowStep) };
    }
  }
}

/** Whether one of `from` may come to hold one of these capabilities, or to share all that the server has; the shortest way. */
function reach(ends: readonly Authority[], closure: Closure, from: readonly string[]): Found {
  return nearest(closure, from, ends, (who, { thing }) => `${who} can come to hold ${thing}`, ({ holder, thing, server }) => (holder === server ? undefined : `${holder} has ${thing}`));
}

/** The way to the nearest holder of one of these, and the last step, which that one takes: a server that is come to needs to take none. */
function nearest(closure: Closure, from: readonly string[], ends: readonly Authority[], says: (who: string, end: Authority) => string, lastSays: (end: Authority) => string | undefined): Found {
  const wayTo = (some: readonly Authority[]): Found => {
    const way = closure.path(from, new Set(some.map(({ holder }) => holder)));
    const end = some.find(({ holder }) => holder === way?.end);
    if (way === undefined || end === undefined) return undefined;
    const { holder, thing } = end, last = lastSays(end);
    return { says: says(way.start, end), path: [...linkSteps(way.start, way.links), ...(last === undefined ? [] : [{ from: holder, to: thing, by: { holder, thing }, says: last }])] };
  };
  const all = wayTo(ends), served = all === undefined ? undefined : wayTo(ends.filter((end) => lastSays(end) === undefined));
  return all !== undefined && served !== undefined && served.path.length < all.path.length ? served : all;
}

function checkConfined(graph: AuthorityGraph, component: string, holes: readonly string[], closure: Closure): Found {
  const isHole = (thing: string): boolean => holes.some((hole) => isOf(thing, hole));
  const inside = new Set(closure.membersOf(component));
  /** By the member at which something leads out, or in, the first that does. */
  const leads = new Map<string, { readonly authority: Authority; readonly says: string }>();
  for (const authority of graph.authorities) {
    const { holder, thing, server, over } = authority;
    if (holder === server) continue;
    const out = inside.has(holder), member = out ? holder : (server ?? over);
    if (member === undefined || !inside.has(member) || leads.has(member) || isHole(thing) || isOf(thing, "programs")) continue;
    leads.set(member, { authority, says: out ? `${component} can speak to ${server ?? over ?? thing} by ${thing}` : `${holder} can speak to ${component} by ${thing}` });
  }
  const way = closure.path([component], new Set(leads.keys())), found = leads.get(way?.end ?? "");
  if (way === undefined || found === undefined) return undefined;
  const { holder, thing, over = thing, server = over } = found.authority;
  return { says: found.says, path: [...linkSteps(component, way.links), { from: holder, to: server, by: { holder, thing }, says: `${holder} has ${thing}` }] };
}

function checkRights(ends: readonly Authority[], { of, rights }: Extract<Assertion, { kind: "max-rights" }>, closure: Closure): Found {
  const more = ends.filter(({ rights: has }) => (has & ~rights) !== 0);
  return nearest(closure, [of], more, (who, { thing, rights: has }) => `${who} can come to have ${rightNames(has)} on ${thing}`, ({ holder, thing, rights: has }) => `${holder} has ${rightNames(has)} on ${thing}`);
}

function linkSteps(start: string, links: readonly Link[]): Step[] {
  let at = start;
  return links.map((link): Step => {
    const { authority, client, server, toServer, toClient } = link;
    const other = client === at ? server : client;
    const how = client === at ? (toClient ? `${server} can answer ${client} with capabilities` : `${client} can send ${server} capabilities`) : toServer ? `${client} can send ${server} capabilities` : `${server} can answer ${client} with capabilities`;
    const step = { from: at, to: other, by: { holder: client, thing: authority.thing }, says: `${how} (${authority.thing})` };
    at = other;
    return step;
  });
}

function flowStep({ from, to, by }: Flow): Step {
  if (by === undefined) return { from, to, says: `${from} and ${to} can come to share memory` };
  const { holder, thing } = by;
  return { from, to, by: { holder, thing }, says: holder === from ? `${from} writes to ${to} (${thing})` : `${from} answers ${to} (${thing})` };
}

const NAMES: readonly (readonly [bit: number, name: string])[] = [[Right.Read, "receive"], [Right.Write, "send"], [Right.GrantReply, "call"], [Right.Grant, "grant"]];

export function rightNames(rights: number): string {
  const names = NAMES.filter(([bit]) => (rights & bit) !== 0).map(([, name]) => name);
  // Who may call may send.
  return `[${names.filter((name) => name !== "send" || !names.includes("call")).join(", ")}]`;
}

/** A claim in a line, as one that holds. */
export function describeClaim(claim: Assertion): string {
  const trusting = claim.trusting.length === 0 ? "" : `, trusting ${claim.trusting.join(", ")}`;
  switch (claim.kind) {
    case "no-path":
      return `no path from ${claim.from.join(", ")} to ${claim.to}${trusting}`;
    case "only-holders":
      return `only ${claim.are.join(", ") || "its server"} can hold ${claim.of}${trusting}`;
    case "confined":
      return `${claim.component} is confined${claim.holes.length === 0 ? "" : ` but for ${claim.holes.join(", ")}`}${trusting}`;
    case "max-rights":
      return `${claim.of} has at most ${rightNames(claim.rights)} on ${claim.on}${trusting}`;
    case "flows-only-via":
      return `data goes from ${claim.from} to ${claim.to} only via ${claim.via.join(", ") || "nothing"}${trusting}`;
  }
}
