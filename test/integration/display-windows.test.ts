// Where the display server's windows are and what of them is seen, compiled for this machine, against a naive reading of it.
import { join } from "node:path";
import { expect, test } from "vitest";
import { compileNative } from "../support/native.ts";

const SOURCES = [join("test", "integration", "display", "windows.c"), join("servers", "display", "windows.c")];

test("each pixel is drawn once, by the uppermost window there, and no window leaves the desk", { timeout: 180_000 }, () => {
  using program = compileNative(SOURCES, ["draw"]);
  expect(program.run(["1500", "1"]).toString()).toBe("1500 rounds, windows moved 1\n");
});

test("windows of a manifest", () => {
  using program = compileNative(SOURCES, ["draw"]);
  const texts = ["full", "0,0 640x456", "10,20 64x64", "0,0 640x457", "1,0 640x100", "0,0 63x100", "0,0 100x63", "0,0 99999999999x100",
    "-1,0 100x100", "0,0 100x100 ", "0,0 100", "", "full screen", "0 0 100x100", "9999,9999 9999x9999"];
  expect(program.run(["parse", ...texts]).toString().split("\n")).toEqual([
    "0 24 640 456, 0 24 640 456, full", "0 24 640 456, 1 46 638 433", "10 44 64 64, 11 66 62 41", ...new Array<string>(12).fill("none"), "",
  ]);
});
