// The arithmetic of the figures: what is printed is what was measured.
import { describe, expect, test } from "vitest";
import { residents } from "./footprint.ts";
import { geometricMean, median, meetsAim, summarize, table, type Figure } from "./figure.ts";

const figure = (given: Partial<Figure> = {}): Figure => ({ name: "x", unit: "ns", values: [10, 40, 20], peers: [100, 100, 100], against: "peer", ...given });

describe("statistics", () => {
  test("the median is the middle value, or the mean of the two", () => {
    expect(median([5])).toBe(5);
    expect(median([9, 1, 5])).toBe(5);
    expect(median([100, 2, 9, 1])).toBe(5.5);
  });

  test("values are compared as numbers", () => expect(median([10, 9, 100])).toBe(10));

  test("the geometric mean of ratios is 1 when they cancel out", () => {
    expect(geometricMean([4, 0.25])).toBeCloseTo(1, 12);
    expect(geometricMean([2, 8])).toBeCloseTo(4, 12);
  });
});

describe("a figure", () => {
  test("has the median of its rounds", () => expect(summarize(figure())).toEqual({ name: "x", value: 20, unit: "ns", peer: 100, ratio: 0.2 }));

  test("is divided round by round: what disturbs one round of both sides does not move the ratio", () => {
    const disturbed = figure({ values: [10, 20, 1000], peers: [100, 200, 10_000] });
    expect(summarize(disturbed).ratio).toBe(0.1);
  });

  test("without a peer has neither peer nor ratio, nor is an aim met or missed", () => {
    const alone = figure({ peers: null, aim: 0.25 });
    expect(summarize(alone)).toMatchObject({ value: 20, peer: null, ratio: null });
    expect(meetsAim(alone)).toBeUndefined();
  });

  test("has a limit of its own beside the peer: both must be kept", () => {
    expect(meetsAim(figure({ limit: 20 }))).toBe(true);
    expect(meetsAim(figure({ limit: 19.9 }))).toBe(false);
    expect(meetsAim(figure({ limit: 20, peers: null }))).toBe(true);
    expect(meetsAim(figure({ limit: 20, aim: 0.19 }))).toBe(false);
    expect(meetsAim(figure({ limit: 19, aim: 0.2 }))).toBe(false);
  });

  test("meets its aim at the aim, and misses it above", () => {
    expect(meetsAim(figure({ aim: 0.2 }))).toBe(true);
    expect(meetsAim(figure({ aim: 0.19 }))).toBe(false);
    expect(meetsAim(figure())).toBeUndefined();
  });
});

describe("the table", () => {
  test("has a line for each figure, with range, aim and whether it is met", () => {
    const text = table([figure({ aim: 0.25 }), figure({ name: "alone", peers: null, against: "nothing here" })]);
    const [heading, first, second, ...more] = text.split("\n");
    expect(more).toEqual([]);
    expect(heading).toMatch(/kit .*peer .*ratio .*aim .*against$/);
    expect(first).toMatch(/^x +20\.0 ns +10\.0\.\.40\.0 +100 ns +100\.\.100 +0\.20 +0\.10\.\.0\.40 +<= 0\.25 +met +peer$/);
    expect(second).toMatch(/^alone +20\.0 ns +10\.0\.\.40\.0 +- +- +nothing here$/);
  });

  test("shows a limit in its unit", () => expect(table([figure({ unit: "KiB", limit: 16, peers: null })])).toMatch(/20\.0 KiB .* <= 16 KiB +missed/));

  test("has its columns aligned", () => {
    const lines = table([figure({ name: "a", against: "against it" }), figure({ name: "a-long-name", values: [123_456], against: "against all" })]).split("\n");
    expect(new Set(lines.map((line) => line.indexOf("against"))).size).toBe(1);
  });
});

describe("memory that is there", () => {
  const mapping = (size: number, rss: number): string => `7f00-7f01 rw-p 00000000 00:00 0\nSize:           ${String(size).padStart(8)} kB\nKernelPageSize:        4 kB\nRss:            ${String(rss).padStart(8)} kB\nPss: 1 kB\n`;

  test("is told apart: the machine's RAM, by its size, and all", () => expect(residents(mapping(40, 10) + mapping(4096, 300) + mapping(8, 8), 4096)).toEqual({ all: 318, ram: 300 }));

  test("is not guessed when no mapping, or more than one, has that size", () => {
    expect(() => residents(mapping(40, 10), 4096)).toThrow("0 mappings");
    expect(() => residents(mapping(40, 10) + mapping(40, 10), 40)).toThrow("2 mappings");
  });
});
