// What TypeScript draws (servers/lib/ts/draw.ts, font.ts) is what C draws, pixel for pixel, with any numbers and any bytes for a font; and keys write the same in both.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keyCharacter } from "../../servers/lib/ts/window.ts";
import { type Area, canvasPart, copyCanvas, createCanvas, fillArea, outlineArea } from "../../servers/lib/ts/draw.ts";
import { drawText, openFont, textWidth } from "../../servers/lib/ts/font.ts";
import { findPlaces } from "../../servers/operator/setup/places.mjs";
import { compileNative, type Native } from "../support/native.ts";

let program: Native;
beforeAll(() => void (program = compileNative([join("test", "integration", "draw", "repeat.c")], ["draw", "font", "keys"])));
afterAll(() => program[Symbol.dispose]());

interface Step {
  readonly kind: number;
  readonly part: Area;
  readonly where: Area;
  readonly value: number;
  readonly colour: number;
  readonly background: number;
  readonly text: Uint8Array;
}
interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly more: number;
  readonly font: Uint8Array;
  readonly steps: readonly Step[];
}

const number = fc.oneof({ weight: 5, arbitrary: fc.integer({ min: -15, max: 50 }) }, { weight: 1, arbitrary: fc.constantFrom(-(2 ** 31), -(2 ** 31) + 1, 2 ** 31 - 1, 2 ** 31 - 2) });
const side = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 70 }) }, { weight: 1, arbitrary: number });
const area: fc.Arbitrary<Area> = fc.record({ x: number, y: number, width: side, height: side });
const most = fc.constant<Area>({ x: 0, y: 0, width: 2 ** 31 - 1, height: 2 ** 31 - 1 });
const colour = fc.integer({ min: 0, max: 0xffffffff });
const utf8 = fc.string({ unit: "binary", maxLength: 12 }).map((text) => new Uint8Array(Buffer.from(text)));
const text = fc.oneof(fc.string({ maxLength: 20 }).map((ascii) => new Uint8Array(Buffer.from(ascii))), utf8, fc.uint8Array({ maxLength: 20 }));

const shipped = existsSync(findPlaces(process.env).font) ? [new Uint8Array(readFileSync(join(findPlaces(process.env).font, "terminus16.psf")))] : [];
const u32 = (...values: number[]): number[] => Array.from(new Uint8Array(Uint32Array.from(values).buffer));
/** Tables with ends, sequences, and characters that the texts have. */
const entry1 = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) }, fc.constantFrom(0xffff, 0xffff, 0xfffe, 0xfffd, 0xe9, 0x20ac)).map((value) => [value & 255, value >> 8]);
const entry2 = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0x20, max: 0x7e }).map((value) => [value]) }, fc.constantFrom([0xff], [0xff], [0xfe], [0xc3, 0xa9], [0xef, 0xbf, 0xbd], [0xc3], [0x80]));
const glyphs = (bytes: number): fc.Arbitrary<number[]> => fc.integer().map((seed) => Array.from({ length: bytes }, (_, i) => (Math.imul(seed + i, 0x9e3779b1) >>> 13) & 255));
const psf1 = fc.integer({ min: 1, max: 20 }).chain((height) =>
  fc.constantFrom(0, 1, 2, 3).chain((mode) =>
    fc.tuple(glyphs((mode & 1 ? 512 : 256) * height), fc.array(entry1, { maxLength: 600, size: "max" })).map(([rows, table]) => [0x36, 4, mode, height, ...rows, ...table.flat()])),
);
const psf2 = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 90 }), fc.constantFrom(0, 1)).chain(([width, height, count, table]) => {
  const each = Math.ceil(width / 8) * height;
  return fc.tuple(glyphs(count * each), fc.array(entry2, { maxLength: 300, size: "max" })).map(([rows, entries]) => [...u32(0x864ab572, 0, 32, table, count, each, height, width), ...rows, ...entries.flat()]);
});
const whole = fc.oneof(psf1, psf2).map((bytes) => Uint8Array.from(bytes));
/** Right ones, some that were spoilt or cut short, and such as are none. */
const font = fc.oneof(
  { weight: 4, arbitrary: whole },
  { weight: 2, arbitrary: fc.tuple(whole, fc.nat(40), fc.nat(255)).map(([bytes, at, value]) => bytes.with(at % bytes.length, value)) },
  { weight: 1, arbitrary: fc.tuple(whole, fc.nat()).map(([bytes, count]) => bytes.slice(0, count % (bytes.length + 1))) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }) },
  ...(shipped.length > 0 ? [{ weight: 3, arbitrary: fc.constantFrom(...shipped) }] : []),
);
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(0, 1, 2, 3, 3), part: fc.oneof({ weight: 2, arbitrary: most }, { weight: 1, arbitrary: area }), where: area, value: number, colour, background: fc.oneof(fc.constant(0xff000000), colour), text,
});
const drawing: fc.Arbitrary<Drawing> = fc.record({ width: fc.integer({ min: 0, max: 70 }), height: fc.integer({ min: 0, max: 50 }), more: fc.integer({ min: 0, max: 5 }),
  font, steps: fc.array(step, { minLength: 1, maxLength: 12 }) });

const words = (values: readonly number[]): Buffer => Buffer.from(Int32Array.from(values).buffer);
const ofArea = ({ x, y, width, height }: Area): number[] => [x, y, width, height];

function inC({ width, height, more, font: bytes, steps }: Drawing): { pixels: Uint32Array; texts: number[] } {
  const stride = width + more;
  const said = program.run([], Buffer.concat([
    words([width, height, stride, bytes.length]), bytes, words([steps.length]),
    ...steps.flatMap((s) => [words([s.kind, ...ofArea(s.part), ...ofArea(s.where), s.value, s.colour, s.background, s.text.length]), s.text]),
  ]));
  const at = 4 * stride * height, numbers = said.subarray(at);
  return { pixels: new Uint32Array(Uint8Array.from(said.subarray(0, at)).buffer), texts: Array.from({ length: numbers.length / 8 }, (_, i) => Number(numbers.readBigInt64LE(8 * i))) };
}

function inTypeScript({ width, height, more, font: bytes, steps }: Drawing): { pixels: Uint32Array; texts: number[] } {
  const canvas = canvasPart(createCanvas(width + more, height), { x: 0, y: 0, width, height });
  const opened = openFont(bytes);
  const texts: number[] = [];
  for (const { kind, part, where, value, colour: of, background, text: what } of steps) {
    const on = canvasPart({ ...canvas, width, height, stride: width + more }, part);
    if (kind === 0) fillArea(on, where, of);
    if (kind === 1) outlineArea(on, where, value, of);
    if (kind === 2) copyCanvas(on, where.x, where.y, { pixels: Uint32Array.from({ length: 35 }, (_, i) => of + i), offset: 0, width: 7, height: 5, stride: 7 });
    if (kind === 3) texts.push(...(opened === null ? [0, 0, 0] : [1, textWidth(opened, what), drawText(on, opened, where.x, where.y, what, of, background)]));
  }
  return { pixels: canvas.pixels, texts };
}

test("the same pixels, and as many characters", { timeout: 180_000 }, () => {
  const seen = { fonts: 0, drawn: 0 };
  fc.assert(
    fc.property(drawing, (given) => {
      const mine = inTypeScript(given);
      expect(mine).toEqual(inC(given));
      seen.fonts += mine.texts.includes(1) ? 1 : 0;
      seen.drawn += mine.pixels.some((pixel) => pixel !== 0) ? 1 : 0;
    }),
    { numRuns: 500 },
  );
  // Else it was compared for nothing.
  expect(seen.fonts, "fonts").toBeGreaterThan(150);
  expect(seen.drawn, "drawn").toBeGreaterThan(150);
});

test("a string is its UTF-8", () => {
  const opened = openFont(Uint8Array.from([0x36, 4, 0, 1, ...Array.from({ length: 256 }, (_, i) => i)]))!;
  for (const what of ["abc", "Grüße, €", "\u{1f600}", "\ud800"]) {
    const [a, b] = [createCanvas(80, 1), createCanvas(80, 1)];
    expect(drawText(a, opened, 0, 0, what, 1)).toBe(drawText(b, opened, 0, 0, new TextEncoder().encode(what), 1));
    expect(a.pixels).toEqual(b.pixels);
    expect(a.pixels.some((pixel) => pixel !== 0)).toBe(true);
  }
});

test("keys write the same", () => {
  const lines = program.run(["keys"]).toString().trimEnd().split("\n");
  expect(lines).toHaveLength(768);
  const mine = lines.map((_, code) => [false, true].map((shift) => keyCharacter(code, shift)?.charCodeAt(0) ?? 0).join(" "));
  expect(mine).toEqual(lines);
  expect(mine.filter((line) => line !== "0 0")).toHaveLength(50);
});
