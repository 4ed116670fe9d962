// A measurement and its peer, and how both are reported.
//
// Every figure compares what was measured side by side: round i of the kit is divided by round i of the peer, and the median of these ratios is the
// figure's ratio. A disturbance of this machine that lasts longer than a round falls on both, and one that does not falls on few rounds.

export interface Figure {
  readonly name: string;
  readonly unit: "ns" | "us" | "ms" | "KiB" | "%" | "a second" | "an entry" | "a request" | "a packet" | "an update";
  /** The kit's rounds, in order. */
  readonly values: readonly number[];
  /** The peer's, as many. null: there is none, or it is not on this machine. */
  readonly peers: readonly number[] | null;
  /** What the peer is; why it is missing. */
  readonly against: string;
  /** Greatest ratio that is good enough. */
  readonly aim?: number;
  /** Greatest value that is good enough, whatever the peer's. */
  readonly limit?: number;
}

export interface Summary {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly peer: number | null;
  readonly ratio: number | null;
}

/** @param values at least one */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** @param values all above 0 */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

const ratios = ({ values, peers }: Figure): readonly number[] | null => peers === null ? null : values.map((value, i) => value / peers[i]!);

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

/** A line of `--json`. */
export function summarize(figure: Figure): Summary {
  const all = ratios(figure);
  return {
    name: figure.name,
    value: rounded(median(figure.values), 1),
    unit: figure.unit,
    peer: figure.peers === null ? null : rounded(median(figure.peers), 1),
    ratio: all === null ? null : rounded(median(all), 3),
  };
}

/** Whether aim and limit are met; undefined when there is neither, or nothing to compare with. */
export function meetsAim({ aim, limit, ...figure }: Figure): boolean | undefined {
  const { value, ratio } = summarize(figure);
  const met = [...(aim === undefined || ratio === null ? [] : [ratio <= aim]), ...(limit === undefined ? [] : [value <= limit])];
  return met.length === 0 ? undefined : met.every(Boolean);
}

const aimText = ({ aim, limit, unit }: Figure): string =>
  [...(aim === undefined ? [] : [`<= ${aim.toFixed(2)}`]), ...(limit === undefined ? [] : [`<= ${limit} ${unit}`])].join(", ");

const range = (values: readonly number[] | null, digits: number): string => (values === null ? "" : `${Math.min(...values).toFixed(digits)}..${Math.max(...values).toFixed(digits)}`);
const digitsOf = (value: number): number => (value < 100 ? 1 : 0);

/** The figures as an aligned table, one line each under a heading. */
export function table(figures: readonly Figure[]): string {
  const heading = ["", "kit", "(range)", "peer", "(range)", "ratio", "(range)", "aim", "", "against"];
  const rows = figures.map((figure) => {
    const { name, value, unit, peer, ratio } = summarize(figure);
    const met = meetsAim(figure);
    return [
      name,
      `${value.toFixed(digitsOf(value))} ${unit}`,
      range(figure.values, digitsOf(value)),
      peer === null ? "-" : `${peer.toFixed(digitsOf(peer))} ${unit}`,
      range(figure.peers, digitsOf(peer ?? 0)),
      ratio === null ? "-" : ratio.toFixed(2),
      range(ratios(figure), 2),
      aimText(figure),
      met === undefined ? "" : met ? "met" : "missed",
      figure.against,
    ];
  });
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const left = (column: number): boolean => column === 0 || column >= heading.length - 2;
  return all.map((row) => row.map((cell, column) => (left(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join("  ").trimEnd()).join("\n");
}
