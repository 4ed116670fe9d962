// The display driver on the real machine: what its client flushes is what the PNG shows, and nothing else is.
import { expect, test } from "vitest";
import { decodePng } from "../support/png.ts";
import { runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const FOLDER = "test/integration/gpu";
const pattern = (x: number, y: number): number => ((x & 0xff) << 16) | ((y & 0xff) << 8) | ((x >> 8) << 4) | (y >> 8);

test("what is flushed is shown, pixel by pixel, and what makes no sense is refused", LIMIT, async () => {
  const { output, status, picture, events } = await runAppliance(FOLDER);
  expect(output.split("\n")).toEqual([
    "display of 1024 x 768 in 2 windows", "before a window is lent: 4", "one window: 0", "in it: 0, beyond it: 4", "across two: 0", "the last pixel: 0", "nonsense: 1 1 1 1 1 1",
    "window 16: 1, an endpoint: 2, not to be read: 2", "no method: 1", "a small window: 0, within: 0, beyond: 5", "taken back: 5", "lent again: 0, shown: 0", "",
  ]);
  expect(status).toBe(0);
  const png = decodePng(picture!.png());
  expect([png.width, png.height]).toEqual([1024, 768]);
  const flushed = [[0, 0, 20, 10], [100, 500, 50, 30], [1023, 767, 1, 1], [0, 20, 5, 5]] as const;
  let wrong = 0, lit = 0;
  for (let y = 0; y < 768; y++) {
    for (let x = 0; x < 1024; x++) {
      const small = x < 8 && y === 0; // the small window, all zero
      const seen = !small && flushed.some(([left, top, width, height]) => x >= left && x < left + width && y >= top && y < top + height);
      if (png.at(x, y) !== (seen ? pattern(x, y) : 0)) wrong++;
      if (seen) lit++;
    }
  }
  expect([wrong, lit]).toEqual([0, 20 * 10 - 8 + 50 * 30 + 1 + 25]);
  expect(events.some(({ event }) => event === "dma-fault")).toBe(true);
});
