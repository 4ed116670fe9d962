// An appliance with a display, run for a test of the display server: what its programs said, what is seen, and hands that type and point.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import type { InputBackend } from "../../../core/host/backend.ts";
import { parseInputScript, playInputScript } from "../../../core/host/input-script.ts";
import { createPicture } from "../../../core/host/picture.ts";
import { findPlaces } from "../../../servers/operator/setup/places.mjs";
import { applianceFolder, Line, pause, type Run, runAppliance, until } from "../../support/appliance-run.ts";

export const FOLDER = "test/integration/display";
export const SIZE = { width: 640, height: 480 };
/** Heights of the bar and of a title; the width of an edge. */
export const [BAR, TITLE, EDGE] = [24, 22, 1];
export const [RED, GREEN] = [0xff0000, 0x00ff00];
/** Where no Debian mirror is in reach there is no font for the bar, and the set-up has said so. */
export const withFont = test.skipIf(!existsSync(findPlaces(process.env).font));

export const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
/** The manifest of the tests, with other windows than full ones. */
export const withWindows = (windows: string): string => read("appliance.yaml").replace(/    args: \{ windows: .*\n/, windows === "" ? "" : `    args: { windows: ${windows} }\n`);
/** The manifest with another program of this component. */
export const withProgram = (manifest: string, component: string, file: string): string => manifest.replace(new RegExp(`(?<=^  ${component}:\\n    image: \\{ c: )[^ ]+`, "m"), file);

export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
export const BELOW: Area = { x: 0, y: BAR, width: SIZE.width, height: SIZE.height - BAR };

export class Desk {
  readonly picture;
  readonly line = new Line();
  readonly #size: typeof SIZE;
  #send: Parameters<InputBackend["onInput"]>[0] = () => {};

  constructor(size: typeof SIZE = SIZE) {
    this.#size = size;
    this.picture = createPicture(size.width, size.height);
  }

  /** What a part of the screen looks like, to be compared. */
  look({ x, y, width, height }: Area): string {
    const pixels: number[] = [];
    for (let row = y; row < y + height; row++) for (let column = x; column < x + width; column++) pixels.push(this.picture.at(column, row));
    return pixels.join();
  }
  colours({ x, y, width, height }: Area): Set<number> {
    const seen = new Set<number>();
    for (let row = y; row < y + height; row++) for (let column = x; column < x + width; column++) seen.add(this.picture.at(column, row));
    return seen;
  }
  bar(): string {
    return this.look({ x: 0, y: 0, width: SIZE.width, height: BAR });
  }
  script(text: string): void {
    playInputScript(parseInputScript(text, this.#size)).onInput((device, events) => this.#send(device, events));
  }
  said(text: string): Promise<void> {
    return until(text, () => this.line.output.includes(text));
  }
  /** All that this program said. */
  of(name: string): string[] {
    return this.line.output.split("\n").map((text) => text.trim()).filter((text) => text.includes(`${name}:`)).map((text) => text.slice(text.indexOf(`${name}:`)));
  }
  /** Nothing is drawn any more. */
  async still(): Promise<void> {
    for (let before = -1; before !== this.picture.changes; await pause(100)) before = this.picture.changes;
  }

  async run(files: string | Readonly<Record<string, string>>, during: (ended: () => Promise<void>) => Promise<void>): Promise<Run> {
    using folder = typeof files === "string" ? undefined : applianceFolder(files);
    const input: InputBackend = { onInput: (callback) => void (this.#send = callback) };
    return await runAppliance(typeof files === "string" ? files : folder!.path, { picture: this.picture, line: this.line, input, during: (_system, _line, ended) => during(ended) });
  }
}
