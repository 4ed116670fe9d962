// What a machine program is told in its memory: strings `key=value`, each ended by a 0, and an empty one behind the last. The keys are `name`, `offer.0`..,
// and a path for everything under the manifest's `args`: `args.partitions.0.name`.
import type { JsonValue, ResolvedComponent } from "../../caps/image/system.ts";

export function argumentStrings({ name, offers, args }: ResolvedComponent): Uint8Array {
  const entries = [...flatten("name", name), ...offers.flatMap((offer, i) => flatten(`offer.${i}`, offer.name)), ...flatten("args", args)];
  return new TextEncoder().encode([...entries, ""].map((entry) => `${entry}\0`).join(""));
}

/** A 0 in a string would end it for a C program anyway. */
function flatten(key: string, value: JsonValue): string[] {
  if (value === null) return [];
  if (typeof value !== "object") return [`${key}=${value}`.replaceAll("\0", " ")];
  return Object.entries(value).flatMap(([name, inner]) => flatten(`${key}.${name}`, inner as JsonValue));
}
