// <bailiwick/draw.h> on the real machine, against a picture that is worked out here from the font's file; and, compiled for this machine with every check that
// the compiler has, against fonts and numbers that make no sense.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findPlaces } from "../../servers/operator/setup/places.mjs";
import { compileNative } from "../support/native.ts";
import { decodePng } from "../support/png.ts";
import { runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const { font: FONT } = findPlaces(process.env);
const [BLUE, WHITE, GOLD] = [0x2040a0, 0xffffff, 0xe0b040];
const [WIDTH, HEIGHT] = [640, 400];

/** Rows of a character of a PSF 1 font, found by its table. */
function reader(psf: Buffer): (character: string) => Buffer {
  const height = psf[3]!, count = psf[2]! & 1 ? 512 : 256;
  const of = new Map<string, number>();
  for (let at = 4 + count * height, glyph = 0, plain = true; at + 1 < psf.length; at += 2) {
    const value = psf.readUInt16LE(at);
    if (value === 0xffff) [glyph, plain] = [glyph + 1, true];
    else if (value === 0xfffe) plain = false;
    else if (plain) of.set(String.fromCharCode(value), glyph);
  }
  return (character) => {
    const glyph = of.get(character) ?? of.get("?")!;
    return psf.subarray(4 + glyph * height, 4 + (glyph + 1) * height);
  };
}

function expected(): Uint32Array {
  const pixels = new Uint32Array(WIDTH * HEIGHT).fill(BLUE);
  const glyph = reader(readFileSync(join(FONT, "terminus16.psf")));
  const inside = (x: number, y: number): boolean => x >= 0 && x < WIDTH && y >= 0 && y < HEIGHT;
  const set = (x: number, y: number, colour: number, clip = inside): void => void (clip(x, y) && (pixels[y * WIDTH + x] = colour));
  const fill = (left: number, top: number, width: number, height: number, colour: number): void => {
    for (let y = top; y < top + height; y++) for (let x = left; x < left + width; x++) set(x, y, colour);
  };
  const text = (left: number, top: number, what: readonly string[], colour: number, ground: number | undefined, clip = inside): void =>
    what.forEach((character, i) => glyph(character).forEach((row, y) => {
      for (let x = 0; x < 8; x++) {
        const on = (row >> (7 - x)) & 1;
        if (on || ground !== undefined) set(left + 8 * i + x, top + y, on ? colour : ground!, clip);
      }
    }));
  fill(10, 10, 100, 50, GOLD);
  fill(12, 12, 96, 46, BLUE);
  fill(WIDTH - 5, HEIGHT - 5, 5, 5, GOLD);
  fill(0, 0, 5, 5, WHITE);
  text(20, 100, [..."Grüße, € 5 ", "?", " ", "\ufffd", "!"], WHITE, undefined);
  text(-4, 130, [..."left"], GOLD, 0);
  text(WIDTH - 12, HEIGHT - 8, [..."right"], GOLD, 0);
  fill(200, 20, 30, 10, WHITE);
  text(200, 20, [..."clip"], 0, GOLD, (x, y) => x >= 200 && x < 230 && y >= 20 && y < 30);
  for (let y = 0; y < 10; y++) for (let x = 0; x < 30; x++) for (const [left, top] of [[300, 20], [-15, 60]] as const) set(left + x, top + y, pixels[(20 + y) * WIDTH + 200 + x]!);
  return pixels;
}

// Where no Debian mirror is in reach there is no font to draw with, and the set-up has said so.
test.skipIf(!existsSync(FONT))("rectangles and text are where they should be, and nowhere else", LIMIT, async () => {
  const { output, status, picture } = await runAppliance("test/integration/draw");
  expect(output.split("\n")).toEqual(["font: 1, cut short: 0", "15 characters, to 140", "shown: 0", ""]);
  expect(status).toBe(0);
  const png = decodePng(picture!.png());
  expect([png.width, png.height]).toEqual([WIDTH, HEIGHT]);
  const wrong = Array.from(expected(), (colour, i) => ({ x: i % WIDTH, y: Math.floor(i / WIDTH), colour })).filter(({ x, y, colour }) => png.at(x, y) !== colour);
  expect(wrong.slice(0, 5)).toEqual([]);
});

test("fonts that are none and numbers that make no sense write nothing outside of the canvas", LIMIT, () => {
  using program = compileNative([join("test", "integration", "draw", "hostile.c")], ["draw", "font"]);
  expect(program.run(["20000", "1"]).toString()).toMatch(/^20000 rounds, [1-9]\d{3,} fonts opened, [1-9]\d* pixels drawn\n$/);
});
