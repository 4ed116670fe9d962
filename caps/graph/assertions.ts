// Claims about a system, and whether they hold in the worst case: every program hostile but those that a claim trusts by name.
import { Right } from "../abi/numbers.ts";
import type { Assertion } from "../image/assertion.ts";
import { isOf, type Authority, type AuthorityGraph } from "./authority.ts";
import { worstCase, type Closure, type Link } from "./closure.ts";
import { dataFlows, type Flow } from "./flows.ts";

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
  const closures = new Map<string, Closure>();
  const closureFor = (trusting: readonly string[]): Closure => {
    const key = [...trusting].sort().join();
    const known = closures.get(key) ?? worstCase(graph, new Set(trusting));
    closures.set(key, known);
    return known;
  };
  return assertions.flatMap((assertion, index) => {
    const broken = checkOne(graph, assertion, closureFor);
    return broken === undefined ? [] : [{ index, ...broken }];
  });
}

type Found = Omit<Broken, "index"> | undefined;

function checkOne(graph: AuthorityGraph, assertion: Assertion, closureFor: (trusting: readonly string[]) => Closure): Found {
  switch (assertion.kind) {
    case "no-path":
      return shortest(assertion.from.map((from) => reach(closureFor(assertion.trusting), from, assertion.to)));
    case "only-holders": {
      const closure = closureFor(assertion.trusting);
      const others = graph.components.filter((name) => !assertion.are.includes(name) && !isOf(assertion.of, name));
      return shortest(others.map((name) => reach(closure, name, assertion.of)));
    }
    case "confined":
      return checkConfined(graph, assertion.component, assertion.holes, closureFor(assertion.trusting));
    case "max-rights":
      return checkRights(assertion, closureFor(assertion.trusting));
    case "flows-only-via": {
      const { from, to, via, trusting } = assertion;
      const path = dataFlows(graph, new Set([...trusting, ...via])).path(from, to, new Set(via));
      return path === undefined ? undefined : { says: `data gets from ${from} to ${to} without ${via.length === 0 ? "anything between" : via.join(" or ")}`, path: path.map(flowStep) };
    }
  }
}

const shortest = (found: readonly Found[]): Found => found.reduce((best, next) => (best === undefined || (next !== undefined && next.path.length < best.path.length) ? next : best), undefined);

/** Whether a component may come to hold a capability to a thing, or to share all that the thing's server has; the shortest way. */
function reach(closure: Closure, from: string, to: string): Found {
  const ends = closure.mayHold(from).filter(({ thing, server }) => isOf(thing, to) || server === to);
  return nearest(closure, from, ends, ({ thing }) => `${from} can come to hold ${thing}`, ({ holder, thing, server }) => (holder === server ? undefined : `${holder} has ${thing}`));
}

/** The way to the nearest holder of one of these, and the last step, which that one takes. */
function nearest(closure: Closure, from: string, ends: readonly Authority[], says: (end: Authority) => string, lastSays: (end: Authority) => string | undefined): Found {
  const way = closure.path(from, new Set(ends.map(({ holder }) => holder)));
  const end = ends.find(({ holder }) => holder === way?.end);
  if (way === undefined || end === undefined) return undefined;
  const { holder, thing } = end, last = lastSays(end);
  return { says: says(end), path: [...linkSteps(from, way.links), ...(last === undefined ? [] : [{ from: holder, to: thing, by: { holder, thing }, says: last }])] };
}

function checkConfined(graph: AuthorityGraph, component: string, holes: readonly string[], closure: Closure): Found {
  const isHole = (thing: string): boolean => holes.some((hole) => isOf(thing, hole));
  const inside = new Set(closure.membersOf(component));
  const leads = (authority: Authority): string | undefined => {
    const { holder, thing, server } = authority;
    if (isHole(thing) || holder === server || isOf(thing, "programs")) return undefined;
    if (inside.has(holder)) return `${component} can speak to ${server ?? thing} by ${thing}`;
    return server !== undefined && inside.has(server) ? `${holder} can speak to ${component} by ${thing}` : undefined;
  };
  return shortest(
    graph.authorities.map((authority): Found => {
      const says = leads(authority);
      if (says === undefined) return undefined;
      const { holder, thing, server = thing } = authority;
      const way = closure.path(component, new Set([inside.has(holder) ? holder : server]));
      const step: Step = { from: holder, to: server, by: { holder, thing }, says: `${holder} has ${thing}` };
      return { says, path: [...linkSteps(component, way?.links ?? []), step] };
    }),
  );
}

function checkRights({ of, on, rights }: Extract<Assertion, { kind: "max-rights" }>, closure: Closure): Found {
  const more = closure.mayHold(of).filter(({ thing, rights: has }) => isOf(thing, on) && (has & ~rights) !== 0);
  return nearest(closure, of, more, ({ thing, rights: has }) => `${of} can come to have ${rightNames(has)} on ${thing}`, ({ holder, thing, rights: has }) => `${holder} has ${rightNames(has)} on ${thing}`);
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
