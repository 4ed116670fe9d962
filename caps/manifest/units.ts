// Sizes, durations and quotas as the manifest and the command line write them. A unit is always given: a bare number is read differently by everybody.
import type { Quota, QuotaKind } from "../protocol/protocol.ts";

const SIZES: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const DURATIONS: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

export const SIZE_PATTERN = /^[1-9][0-9]{0,5}(KiB|MiB|GiB)$/;
export const DURATION_PATTERN = /^[1-9][0-9]{0,8}(us|ms|s)$/;
/** One of a quota's: so many a second, so many bytes a second, so many bytes. Of what, says the protocol. */
export const SHARE_PATTERN = /^[1-9][0-9]{0,5}(\/s|(KiB|MiB|GiB)(\/s)?)$/;

/** Bytes of a text like "512MiB"; undefined if it is not one. */
export const parseSize = (text: string): number | undefined => (SIZE_PATTERN.test(text) ? convert(text, SIZES) : undefined);

/** Microseconds of a text like "10ms"; undefined if it is not one. */
export const parseDuration = (text: string): number | undefined => (DURATION_PATTERN.test(text) ? convert(text, DURATIONS) : undefined);

export interface Share {
  readonly kind: QuotaKind;
  readonly amount: number;
}

/** A text like "100/s", "2MiB/s" or "64MiB"; undefined if it is none. */
export function parseShare(text: string): Share | undefined {
  if (!SHARE_PATTERN.test(text)) return undefined;
  const flows = text.endsWith("/s"), bytes = parseSize(flows ? text.slice(0, -2) : text);
  if (bytes === undefined) return { kind: "perSecond", amount: Number.parseInt(text, 10) };
  return { kind: flows ? "bytesPerSecond" : "bytes", amount: bytes };
}

/** A quota for people. */
export function formatQuota({ perSecond, bytesPerSecond, bytes }: Quota): string {
  return [
    ...(perSecond === undefined ? [] : [`${perSecond}/s`]),
    ...(bytesPerSecond === undefined ? [] : [`${formatSize(bytesPerSecond)}/s`]),
    ...(bytes === undefined ? [] : [formatSize(bytes)]),
  ].join(", ");
}

function convert(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const digits = /^[0-9]+/.exec(text)?.[0] ?? "";
  const unit = units[text.slice(digits.length)];
  return unit === undefined ? undefined : Number(digits) * unit;
}

/** A size for people: whole units where it is exact, else one decimal. */
export function formatSize(bytes: number): string {
  for (const unit of ["GiB", "MiB", "KiB"] as const) {
    const size = SIZES[unit] ?? 1;
    if (bytes >= size) return `${bytes % size === 0 ? bytes / size : (bytes / size).toFixed(1)} ${unit}`;
  }
  return `${bytes} bytes`;
}
