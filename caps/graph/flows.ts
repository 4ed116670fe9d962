// Where data can go: the closure's capabilities, read as ways for bytes. A message with Write goes to the server; whoever may be answered hears back; whoever
// may hand something over can hand over memory or a bell, so bytes go both ways. Who controls a guest writes to it; who views it reads. Trusted components pass data on like all others: what they filter is not known here.
import { Right } from "../abi/numbers.ts";
import type { Authority, AuthorityGraph } from "./authority.ts";
import { worstCase, type Closure } from "./closure.ts";

/** A step of a way: from component or `platform.DEVICE` to another, and by what. */
export interface Flow {
  readonly from: string;
  readonly to: string;
  /** The capability; undefined: they may come to share what they have. */
  readonly by?: Authority;
}

export interface Flows {
  /** The shortest way, none of whose inner places is in `without`; undefined when there is none. Ends may be components, `platform.DEVICE` or `platform`. */
  path(from: string, to: string, without?: ReadonlySet<string>): readonly Flow[] | undefined;
}

/** `platform.net0` of `platform.net0.regs`; a program that is read is data that everybody has seen. */
function placeOf({ thing, server, over }: Authority): string | undefined {
  if (server !== undefined || over !== undefined) return server ?? over;
  const [first, second] = thing.split(".");
  return first === "platform" ? `${first}.${second}` : undefined;
}

/** What only tells its reader something. */
const READ_FROM = new Set(["platform.measurements", "platform.secret"]);
/** Time to hand out: nothing is written there, though it can be felt. */
const SILENT = new Set(["platform.cpu"]);

/** By where they begin. */
export type DirectFlows = ReadonlyMap<string, readonly Flow[]>;

/** Those that there are at the start; they do not depend on who is trusted. */
export function directFlows(graph: AuthorityGraph): DirectFlows {
  const out = new Map<string, Flow[]>();
  const add = (flow: Flow): void => void (out.get(flow.from) ?? out.set(flow.from, []).get(flow.from))?.push(flow);
  for (const authority of graph.authorities) {
    const { holder, rights, server } = authority;
    const place = placeOf(authority);
    if (place === undefined || place === holder || SILENT.has(place)) continue;
    const answered = server === undefined || (rights & (Right.Grant | Right.GrantReply)) !== 0;
    if ((rights & Right.Write) !== 0 && !READ_FROM.has(place)) add({ from: holder, to: place, by: authority });
    if (answered) add({ from: place, to: holder, by: authority });
  }
  return out;
}

export function dataFlows(graph: AuthorityGraph, closure: Closure = worstCase(graph), direct: DirectFlows = directFlows(graph)): Flows {
  // A class is a star: a way through it is one step in and one out.
  const hubs = new Map<string, readonly string[]>(), shared = new Map<string, readonly Flow[]>();
  for (const name of graph.components) {
    const members = closure.membersOf(name);
    if (members.length < 2 || members[0] !== name) continue;
    const hub = `class of ${name}`;
    hubs.set(hub, members);
    shared.set(hub, members.map((to) => ({ from: hub, to })));
    for (const member of members) shared.set(member, [{ from: member, to: hub }]);
  }
  return {
    path(from, to, without = new Set()) {
      const isEnd = (place: string): boolean => place === to || (to === "platform" && place.startsWith("platform."));
      const starts = from === "platform" ? [...direct.keys()].filter((place) => place.startsWith("platform.")) : [from];
      const came = new Map<string, Flow | undefined>(starts.map((start) => [start, undefined]));
      let end: string | undefined;
      for (const place of came.keys()) {
        if (isEnd(place) && !starts.includes(place)) {
          end = place;
          break;
        }
        if (without.has(place) && !starts.includes(place)) continue;
        for (const flow of direct.get(place) ?? []) if (!came.has(flow.to)) came.set(flow.to, flow);
        for (const flow of shared.get(place) ?? []) if (!came.has(flow.to)) came.set(flow.to, flow);
      }
      if (end === undefined) return undefined;
      const path: Flow[] = [];
      for (let at = end, flow = came.get(at); flow !== undefined; flow = came.get(at)) {
        path.unshift(flow);
        at = flow.from;
      }
      return withoutHubs(path, hubs);
    },
  };
}

function withoutHubs(path: readonly Flow[], hubs: ReadonlyMap<string, unknown>): readonly Flow[] {
  return path.flatMap((flow, i): Flow[] => {
    if (hubs.has(flow.to)) return [];
    return hubs.has(flow.from) ? [{ from: path[i - 1]?.from ?? flow.from, to: flow.to }] : [flow];
  });
}
