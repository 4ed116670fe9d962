// Sizes and durations as the manifest and the command line write them. A unit is always given: a bare number is read differently by everybody.

const SIZES: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const DURATIONS: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

export const SIZE_PATTERN = /^[1-9][0-9]{0,5}(KiB|MiB|GiB)$/;
export const DURATION_PATTERN = /^[1-9][0-9]{0,8}(us|ms|s)$/;
/** So many a second: of what, says the protocol. */
export const RATE_PATTERN = /^[1-9][0-9]{0,5}\/s$/;

/** Bytes of a text like "512MiB"; undefined if it is not one. */
export const parseSize = (text: string): number | undefined => (SIZE_PATTERN.test(text) ? convert(text, SIZES) : undefined);

/** Microseconds of a text like "10ms"; undefined if it is not one. */
export const parseDuration = (text: string): number | undefined => (DURATION_PATTERN.test(text) ? convert(text, DURATIONS) : undefined);

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
