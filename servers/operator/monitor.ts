// The manifest's claims while the appliance runs. When everything is built and nothing has run yet, the kernel's own tables are compared with the authority graph:
// what was analysed is what was booted. From then on each capability that comes to somebody who had none like it is added to the graph, and the claims are
// checked again: so a component that a claim trusts, and that hands on what it should not, is found out.
import { checkAssertions, rightNames, type Broken } from "../../caps/graph/assertions.ts";
import { authorityGraph, withAuthorities, type Authority, type AuthorityGraph } from "../../caps/graph/authority.ts";
import type { ResolvedSystem } from "../../caps/image/system.ts";
import type { Kernel } from "../../core/kernel/state.ts";
import { watchAuthority, type LiveAuthority } from "./authority.ts";

/** Capabilities can come by other ways than messages (a table that was handed over): all are looked for this often, in ticks of 100 ns. */
const LOOK_EVERY = 1_000_000;

export interface Monitor {
  /** When the first component is started: none has run. What differs from the graph, one line each; empty: nothing. */
  begin(k: Kernel): readonly string[];
  /** A component was built again, and has not run since. */
  rebuilt(name: string): void;
  /** Between two slices. Claims that do not hold any more, each told once, with what was handed over. */
  look(k: Kernel): readonly { readonly broken: Broken; readonly by: Authority }[];
}

export function createMonitor(system: ResolvedSystem): Monitor {
  let graph: AuthorityGraph = authorityGraph(system), live: LiveAuthority | undefined, looked = 0;
  const told = new Set<number>();
  const has = ({ holder, thing, rights }: Authority): boolean => (graph.byHolder.get(holder) ?? []).some((authority) => authority.thing === thing && (rights & ~authority.rights) === 0);

  return {
    begin(k) {
      live = watchAuthority(k, system);
      k.grants = [];
      const found = live.holdings();
      const isThere = ({ holder, thing, rights }: Authority): boolean => thing.startsWith("programs.") || isOfFirmware(thing) || found.some((other) => other.holder === holder && other.thing === thing && (rights & ~other.rights) === 0);
      return [
        ...found.filter((authority) => !has(authority)).map(({ holder, thing, rights }) => `${holder} holds ${thing} with ${rightNames(rights)}, which the manifest does not give it`),
        ...graph.authorities.filter((authority) => authority.holder !== authority.server && !isThere(authority)).map(({ holder, thing }) => `${holder} does not hold ${thing}, which the manifest gives it`),
      ];
    },
    rebuilt: (name) => live?.rebuilt(name),
    look(k) {
      if (live === undefined || k.grants === null) return [];
      const grants = k.grants.splice(0), now = k.machine.clock(), all = now - looked >= LOOK_EVERY;
      if (grants.length === 0 && !all) return [];
      if (all) looked = now;
      const news = [...live.granted(grants), ...(all ? live.holdings() : [])].filter((authority) => authority.holder !== authority.server && !has(authority));
      return news.flatMap((by) => {
        // The same was handed over many times in one slice: the claims are tried once.
        if (has(by)) return [];
        graph = withAuthorities(graph, [by]);
        const broken = checkAssertions(graph, system.assertions).filter(({ index }) => !told.has(index));
        for (const { index } of broken) told.add(index);
        return broken.map((one) => ({ broken: one, by }));
      });
    },
  };
}

/** Memory that is read: no slot of its holder's names it. */
const isOfFirmware = (thing: string): boolean => thing === "platform.measurements" || thing === "platform.secret";
