// Rectangles in memory of pixels, as displays show it: four bytes each, blue, green, red and one without meaning, so 0xrrggbb in a word. Text is in font.ts. The same in
// C, pixel for pixel, is servers/lib/c/src/draw.c.
//
// Whatever integers these functions are given, nothing is written outside of the canvas: what lies beyond its edges is left out.

export interface Canvas {
  readonly pixels: Uint32Array;
  /** Where its first pixel is. */
  readonly offset: number;
  readonly width: number;
  readonly height: number;
  /** Each row begins this many pixels after the one before it, at least `width`. */
  readonly stride: number;
}

/** Its left upper corner may be anywhere; a width or height below 1 is nothing. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const NOTHING: Area = { x: 0, y: 0, width: 0, height: 0 };

/** A canvas with memory of its own, black. */
export const createCanvas = (width: number, height: number): Canvas => ({ pixels: new Uint32Array(width * height), offset: 0, width, height, stride: width });

const wholeOf = ({ width, height }: { readonly width: number; readonly height: number }): Area => ({ x: 0, y: 0, width, height });

/** The part of both. */
export function commonArea(a: Area, b: Area): Area {
  const x = Math.max(a.x, b.x), y = Math.max(a.y, b.y);
  const right = Math.min(a.x + a.width, b.x + b.width), bottom = Math.min(a.y + a.height, b.y + b.height);
  return right <= x || bottom <= y ? NOTHING : { x, y, width: right - x, height: bottom - y };
}

/** The part of the canvas that `area` covers, as a canvas of its own, which nothing drawn on it leaves: a window, a clip. */
export function canvasPart(canvas: Canvas, area: Area): Canvas {
  const { x, y, width, height } = commonArea(area, wholeOf(canvas));
  return { pixels: canvas.pixels, offset: canvas.offset + y * canvas.stride + x, width, height, stride: canvas.stride };
}

export function fillArea(canvas: Canvas, area: Area, colour: number): void {
  const { pixels, offset, width, height, stride } = canvasPart(canvas, area);
  for (let y = 0; y < height; y++) pixels.fill(colour, offset + y * stride, offset + y * stride + width);
}

/** The edge of it, `thickness` pixels inwards. */
export function outlineArea(canvas: Canvas, { x, y, width, height }: Area, thickness: number, colour: number): void {
  if (thickness <= 0 || width <= 0 || height <= 0) return;
  const across = Math.min(thickness, width), down = Math.min(thickness, height);
  fillArea(canvas, { x, y, width, height: down }, colour);
  fillArea(canvas, { x, y, width: across, height }, colour);
  fillArea(canvas, { x, y: y + height - down, width, height: down }, colour);
  fillArea(canvas, { x: x + width - across, y, width: across, height }, colour);
}

/** Another canvas's pixels to x, y. Both may be the same memory when the parts do not overlap. */
export function copyCanvas(canvas: Canvas, x: number, y: number, from: Canvas): void {
  const part = commonArea({ x, y, width: from.width, height: from.height }, wholeOf(canvas));
  for (let row = part.y; row < part.y + part.height; row++) {
    const source = from.offset + (row - y) * from.stride + part.x - x;
    canvas.pixels.set(from.pixels.subarray(source, source + part.width), canvas.offset + row * canvas.stride + part.x);
  }
}
