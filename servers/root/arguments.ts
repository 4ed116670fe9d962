// What a machine program is told in its memory: strings `key=value`, each ended by a 0, and an empty one behind the last. The keys are `name`, `slots`,
// `offer.0`.., `client.` and a badge for each client, `quota.`, a badge and a kind for those who have one, and a path for everything under the manifest's `args`: `args.partitions.0.name`.
import type { JsonValue, ResolvedComponent, ResolvedSystem } from "../../caps/image/system.ts";
import type { Quota } from "../../caps/protocol/protocol.ts";

/** A client of a component's: the badge it is known by, and its name. */
export interface ClientName {
  readonly badge: number;
  readonly name: string;
  readonly quota?: Quota;
}

export const clientsOf = ({ components }: ResolvedSystem, server: string): ClientName[] =>
  components.flatMap(({ name, uses }) =>
    uses.flatMap((use) => {
      if (use.kind !== "endpoint" || use.from !== server) return [];
      return [{ badge: use.badge, name, ...(use.quota === undefined ? {} : { quota: use.quota }) }];
    }),
  );

export function argumentStrings({ name, slots, offers, args }: ResolvedComponent, clients: readonly ClientName[]): Uint8Array {
  const entries = [
    ...flatten("name", name),
    ...flatten("slots", slots),
    ...offers.flatMap((offer, i) => flatten(`offer.${i}`, offer.name)),
    ...clients.flatMap((client) => flatten(`client.${client.badge}`, client.name)),
    ...clients.flatMap(({ badge, quota }) => (quota === undefined ? [] : flatten(`quota.${badge}`, { ...quota }))),
    ...flatten("args", args),
  ];
  return new TextEncoder().encode([...entries, ""].map((entry) => `${entry}\0`).join(""));
}

/** A 0 in a string would end it for a C program anyway. */
function flatten(key: string, value: JsonValue): string[] {
  if (value === null) return [];
  if (typeof value !== "object") return [`${key}=${value}`.replaceAll("\0", " ")];
  return Object.entries(value).flatMap(([name, inner]) => flatten(`${key}.${name}`, inner as JsonValue));
}
