// The display server on the real machine: each client sees and hears what is its own, the bar says who is seen, and no client can change that.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseInputScript, playInputScript } from "../../core/host/input-script.ts";
import type { InputBackend } from "../../core/host/backend.ts";
import { createPicture, type Picture } from "../../core/host/picture.ts";
import { findPlaces } from "../../servers/operator/setup/places.mjs";
import { applianceFolder, Line, pause, runAppliance, until } from "../support/appliance-run.ts";

const LIMIT = { timeout: 60_000 };
const FOLDER = "test/integration/display";
const SIZE = { width: 640, height: 480 };
const [RED, GREEN, BAR] = [0xff0000, 0x00ff00, 24];
/** Where no Debian mirror is in reach there is no font for the bar, and the set-up has said so. */
const withFont = test.skipIf(!existsSync(findPlaces(process.env).font));

const below = (picture: Picture): Set<number> => {
  const colours = new Set<number>();
  for (let y = BAR; y < SIZE.height; y++) for (let x = 0; x < SIZE.width; x++) colours.add(picture.at(x, y));
  return colours;
};
const bar = (picture: Picture): string => {
  const rows: string[] = [];
  for (let y = 0; y < BAR; y++) rows.push(Array.from({ length: 120 }, (_, x) => picture.at(x, y)).join());
  return rows.join("\n");
};

withFont("one client is seen, under its name, and has the input; a key and a click into the bar show the next", LIMIT, async () => {
  const picture = createPicture(SIZE.width, SIZE.height), line = new Line();
  const script = (text: string): void => playInputScript(parseInputScript(text, SIZE)).onInput((device, events) => send(device, events));
  let send: Parameters<InputBackend["onInput"]>[0] = () => {};
  const said = (text: string): Promise<void> => until(text, () => line.output.includes(text));
  const { output, status } = await runAppliance(FOLDER, {
    picture,
    line,
    input: { onInput: (callback) => void (send = callback) },
    async during(_system, _line, ended) {
      await said("red: ready");
      await said("green: ready");
      await until("red is seen", () => below(picture).has(RED));
      expect(below(picture)).toEqual(new Set([RED]));
      const redBar = bar(picture);
      script("key a\nkey f12");
      await said("red: key 30");
      await until("green is seen", () => below(picture).has(GREEN));
      expect(below(picture)).toEqual(new Set([GREEN]));
      expect(bar(picture)).not.toBe(redBar);
      await said("red: forget");
      script("key b\nmove 100 200\nclick left\nmove 639 479\nclick right");
      await said("green: click 639 455");
      script("move 5 5\nclick left");
      await until("red is seen again", () => below(picture).has(RED));
      expect(bar(picture)).toBe(redBar);
      script("key c\nkey escape");
      await ended();
    },
  });
  expect(status).toBe(0);
  const lines = output.split("\n").map((text) => text.replace(/^\S*\s*\| /, "").trim());
  const of = (name: string): string[] => lines.filter((text) => text.includes(`${name}:`)).map((text) => text.slice(text.indexOf(`${name}:`)));
  expect(of("red")).toEqual(["red: 640 x 456, 1 frame, 1 caps, none", "red: 0, nonsense: 1 1 1 1, 1", "red: ready none 0", "red: key 30", "red: forget", "red: key 46", "red: key 1"]);
  expect(of("green").slice(0, 6)).toEqual(["green: 640 x 456, 1 frame, 1 caps, none", "green: 0, nonsense: 1 1 1 1, 1", "green: ready none 0", "green: key 48", "green: click 100 176", "green: click 639 455"]);
});

withFont("a client that spoils its ring, asks nonsense and floods changes neither the bar nor what others see and hear", LIMIT, async () => {
  const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
  using folder = applianceFolder({
    "appliance.yaml": read("appliance.yaml").replace("  red:\n    image: { c: client.c }", "  red:\n    image: { c: hostile.c }\n    cpu: { priority: 90 }").replace("args: { colour: 16711680 }\n    essential: true", "essential: false"),
    "client.c": read("client.c"),
    "hostile.c": read("hostile.c"),
  });
  const picture = createPicture(SIZE.width, SIZE.height), line = new Line();
  let send: Parameters<InputBackend["onInput"]>[0] = () => {};
  const script = (text: string): void => playInputScript(parseInputScript(text, SIZE)).onInput((device, events) => send(device, events));
  const said = (text: string): Promise<void> => until(text, () => line.output.includes(text));
  const { output, status, events } = await runAppliance(folder.path, {
    picture,
    line,
    input: { onInput: (callback) => void (send = callback) },
    async during(_system, _line, ended) {
      await said("red: floods");
      await said("green: ready");
      await until("red is seen", () => below(picture).has(RED));
      const redBar = bar(picture);
      script('type "not for green"\nmove 20 30\nclick left');
      expect(bar(picture)).toBe(redBar);
      await pause(300); // the click has another way than the key
      script("key f12");
      await until("green is seen", () => !below(picture).has(RED));
      for (let i = 0; i < 20; i++) {
        await pause(10);
        expect(below(picture)).toEqual(new Set([GREEN]));
      }
      expect(bar(picture)).not.toBe(redBar);
      script("key a\nmove 100 200\nclick left\nkey escape");
      await ended();
    },
  });
  expect(status).toBe(0);
  const of = (name: string): string[] => output.split("\n").filter((text) => text.includes(`${name}:`)).map((text) => text.slice(text.indexOf(`${name}:`)));
  expect(of("red")).toEqual(["red: 1 1 1, open 2 2 1 1 1", "red: floods"]);
  // Keys and clicks come by two rings: Escape may come before the click.
  expect(of("green").slice(2, 4)).toEqual(["green: ready none 0", "green: key 30"]);
  expect(of("green").slice(4).filter((text) => text !== "green: click 100 176")).toEqual(["green: key 1"]);
  expect(events.filter(({ event }) => event === "fault" || event === "dma-fault")).toEqual([]);
});
