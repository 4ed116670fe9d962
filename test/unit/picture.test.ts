// The picture of a display and its PNG.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPicture, encodePng, writePicture } from "../../core/host/picture.ts";
import { decodePng } from "../support/png.ts";

describe("a picture", () => {
  it("is what was drawn, of the size that was set last", () => {
    const picture = createPicture(32, 16);
    picture.size(20, 10);
    const pixels = Uint8Array.from({ length: 4 * 4 * 3 }, (_, i) => i);
    picture.draw({ x: 5, y: 6, width: 2, height: 2 }, pixels, 4, 16);
    expect([picture.at(5, 6), picture.at(6, 7), picture.at(7, 7), picture.shown]).toEqual([0x060504, 0x1a1918, 0, { width: 20, height: 10 }]);
    expect(() => picture.at(20, 0)).toThrow(/no pixel 20, 0 in a picture of 20 x 10/);
    picture.size(0, 0);
    expect([picture.shown, picture.at(5, 6), picture.changes]).toEqual([{ width: 32, height: 16 }, 0, 3]);
  });
  it("has sides that can be", () => {
    for (const [width, height] of [[15, 16], [16, 4097], [16.5, 16], [Number.NaN, 16]] as const) expect(() => createPicture(width, height)).toThrow(/each side is 16\.\.4096/);
  });
  it("is in its PNG, whatever it is", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), fc.infiniteStream(fc.integer({ min: 0, max: 0xff_ffff })), (width, height, colours) => {
        const words = Uint32Array.from({ length: width * height }, () => colours.next().value as number);
        const png = decodePng(encodePng(width, height, new Uint8Array(words.buffer)));
        return png.width === width && png.height === height && words.every((colour, i) => png.at(i % width, Math.floor(i / width)) === colour);
      }),
    );
  });
  it("comes into its file whole, or not at all", () => {
    const folder = mkdtempSync(join(tmpdir(), "bailiwick-picture-"));
    try {
      const picture = createPicture(16, 16);
      writePicture(picture, join(folder, "a.png"));
      expect(decodePng(readFileSync(join(folder, "a.png"))).width).toBe(16);
      expect(() => writePicture({ png: () => { throw new Error("no"); } }, join(folder, "a.png"))).toThrow("no");
      expect(() => writePicture(picture, join(folder, "none", "a.png"))).toThrow(/ENOENT/);
      expect(readdirSync(folder)).toEqual(["a.png"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
