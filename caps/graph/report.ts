// What a system comes to, for people who must decide whether to run it: of each component what it holds, what it could come to hold if every program were hostile, and what it
// costs; and the claims that hold all the same. It follows from the system alone, so whoever has the system can make it again and see that nobody has made it look better.
import { systemBytes } from "../image/files.ts";
import type { JsonValue, ResolvedSystem, ResolvedUse } from "../image/system.ts";
import { formatQuota } from "../manifest/units.ts";
import { describeClaim, rightNames } from "./assertions.ts";
import { authorityGraph, type Authority } from "./authority.ts";
import { worstCase } from "./closure.ts";

export const REPORT_FORMAT = "bailiwick-report/1";

export interface Held {
  readonly thing: string;
  /** As text, such as [call]; for what is no endpoint, what one can do with it anyway. */
  readonly rights: string;
  /** How much of it, where its server was told so. */
  readonly quota?: string;
}

export interface ComponentReport {
  readonly name: string;
  readonly kind: "machine program" | "hosted program" | "guest";
  /** Its boot file. */
  readonly program: string;
  readonly memory: number;
  /** A guest's RAM, which is apart. */
  readonly guestMemory: number;
  readonly slots: number;
  readonly priority: number;
  /** Microseconds of CPU in each so many. */
  readonly cpu: readonly [budget: number, period: number];
  readonly essential: boolean;
  /** Without a guest's seed, which each run draws. */
  readonly args: JsonValue;
  readonly offers: readonly { readonly name: string; readonly protocol: string; readonly gives: boolean }[];
  readonly holds: readonly Held[];
  /** What it could come to hold beside that, with every program hostile. */
  readonly worstCase: readonly Held[];
  /** With whom it could come to share all that both hold. */
  readonly couldShareWith: readonly string[];
}

/** What one may do with it, and how much of it, in words. */
export const extentOf = ({ rights, quota }: Held): string => (quota === undefined ? rights : `${rights}, at most ${quota}`);

export interface SystemReport {
  readonly format: typeof REPORT_FORMAT;
  readonly name: string;
  readonly version: string;
  readonly board: string;
  /** Of the machine, and what of it the components and guests take. */
  readonly memory: number;
  readonly memoryUsed: number;
  readonly components: readonly ComponentReport[];
  readonly claims: readonly string[];
}

export function systemReport(system: ResolvedSystem): SystemReport {
  const graph = authorityGraph(system), closure = worstCase(graph);
  return {
    format: REPORT_FORMAT,
    name: system.name,
    version: system.version,
    board: system.board,
    memory: system.memory,
    memoryUsed: systemBytes(system),
    components: system.components.map(({ name, program, memory, slots, cpu, essential, args, offers, uses, guest }): ComponentReport => {
      const own = graph.byHolder.get(name) ?? [], holds = withQuotas(joined(own.filter(({ server }) => server !== name)), uses, system);
      return {
        name,
        kind: guest !== undefined ? "guest" : program.kind === "machine" ? "machine program" : "hosted program",
        program: program.file,
        memory,
        guestMemory: uses.reduce((sum, use) => sum + (use.kind === "ram" ? use.bytes : 0), 0),
        slots,
        priority: cpu.priority,
        cpu: [cpu.budget, cpu.period],
        essential,
        args,
        offers: offers.map((offer) => ({ name: offer.name, protocol: offer.protocol, gives: offer.gives })),
        holds,
        worstCase: joined(closure.mayHold(name).filter(({ server }) => server !== name)).filter((may) => !holds.some((has) => has.thing === may.thing && has.rights === may.rights)),
        couldShareWith: closure.membersOf(name).filter((other) => other !== name),
      };
    }),
    claims: system.assertions.map(describeClaim),
  };
}

/** Each thing once, with all rights to it, by name. */
function joined(authorities: readonly Authority[]): readonly Held[] {
  const rights = new Map<string, number>();
  for (const { thing, rights: more } of authorities) rights.set(thing, (rights.get(thing) ?? 0) | more);
  const servers = new Set(authorities.filter(({ server }) => server !== undefined).map(({ thing }) => thing));
  return [...rights].sort(([a], [b]) => (a < b ? -1 : 1)).map(([thing, bits]) => ({ thing, rights: servers.has(thing) ? rightNames(bits) : "use" }));
}

/** Of what a component holds, how much of it its server lets it have. */
function withQuotas(holds: readonly Held[], uses: readonly ResolvedUse[], { components }: ResolvedSystem): readonly Held[] {
  const quotas = new Map<string, string>();
  for (const use of uses) {
    if (use.kind !== "endpoint" || use.quota === undefined) continue;
    const offer = components.find(({ name }) => name === use.from)?.offers[use.offer];
    if (offer !== undefined) quotas.set(`${use.from}.${offer.name}`, formatQuota(use.quota));
  }
  return quotas.size === 0 ? holds : holds.map((held) => (quotas.has(held.thing) ? { ...held, quota: quotas.get(held.thing) ?? "" } : held));
}
