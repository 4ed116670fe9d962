// The input drivers on the real machine: what a script types and points at comes to their client as evdev codes, whole and in order.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseInputScript, playInputScript } from "../../core/host/input-script.ts";
import { applianceFolder, Line, runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const FOLDER = "test/integration/input";
const SIZE = { width: 1024, height: 768 };
const HEAD = ["device 0: 0, keyboard 1, axes 0 0", "device 1: 0, keyboard 0, axes 32767 32767", "ready"];
const stroke = (code: number): string[] => [`1 ${code} 1`, "0 0 0", `1 ${code} 0`, "0 0 0"];
const shifted = (code: number): string[] => ["1 42 1", "0 0 0", ...stroke(code), "1 42 0", "0 0 0"];

/** A terminal that the script hears. */
class Heard extends Line {
  hear: (bytes: Uint8Array) => void = () => {};
  override write(bytes: Uint8Array): void {
    super.write(bytes);
    this.hear(bytes);
  }
}

test.each([["while the client waits", 'after "ready"\n'], ["before there is a driver", ""]])("a script's input comes in order, %s", LIMIT, async (_when, begin) => {
  const script = `${begin}# a comment
type "Hi-!\\n"   # and # another
key ctrl+c
move 0 0
move 1023 767
move 512 384
click left
wheel -2
wait 20ms
press shift
at 1ms
key a
release shift
key escape
click middle
`;
  const input = playInputScript(parseInputScript(script, SIZE));
  const line = new Heard();
  line.hear = (bytes) => input.output(bytes);
  const { output, status } = await runAppliance(FOLDER, { input, line });
  const keys = [...shifted(35), ...stroke(23), ...stroke(12), ...shifted(2), ...stroke(28), "1 29 1", "0 0 0", "1 46 1", "0 0 0", "1 46 0", "0 0 0", "1 29 0", "0 0 0", "1 42 1", "0 0 0", ...stroke(30), "1 42 0", "0 0 0", "1 1 1"];
  const tablet = ["3 0 0", "3 1 0", "0 0 0", "3 0 32767", "3 1 32767", "0 0 0", "3 0 16400", "3 1 16405", "0 0 0", ...stroke(0x110), "2 8 -2", "0 0 0", "1 274 1", "0 0 0", "1 274 0"];
  expect(output.split("\n")).toEqual([...HEAD, ...keys, `${keys.length} events`, ...tablet, `${tablet.length} events`, ""]);
  expect(status).toBe(0);
  expect(input.finished).toBe(true);
});

test("a flood of keys comes whole as far as it is kept, and the client is told of the rest", LIMIT, async () => {
  const input = playInputScript(parseInputScript(`${'type "abcdefghijklmnopqrstuvwxyz"\n'.repeat(100)}key escape\nclick middle\n`, SIZE));
  const { output, status } = await runAppliance(FOLDER, { input, limitMs: 40_000 });
  expect(status).toBe(0);
  const lines = output.split("\n");
  expect(lines[3]).toBe("0 3 0");
  expect(lines).not.toContainEqual(expect.stringMatching(/missing/));
  // Of 5202 moments the newest 4095 and the notice; the last of them, Escape's release, is not waited for.
  expect(lines.indexOf("1 1 1") - 2).toBe(2 * 4096 - 3);
});

test("a client that asks nonsense and spoils its ring harms itself only, and is served again when it begins anew", LIMIT, async () => {
  const manifest = readFileSync(join(FOLDER, "appliance.yaml"), "utf8");
  const others = manifest.slice(0, manifest.indexOf("  client:"));
  using folder = applianceFolder({
    "appliance.yaml": `${others}  hostile:
    image: { c: hostile.c }
    use: { console: console.console, keyboard: keyboard.input }
    essential: true
`,
    "hostile.c": readFileSync(join(FOLDER, "hostile.c")),
  });
  const input = playInputScript(parseInputScript('type "ab\\n"\nafter "spoilt"\ntype "cd"\nafter "still there"\ntype "e\\n"\nafter "opened anew"\ntype "f\\n"', SIZE));
  const line = new Heard();
  line.hear = (bytes) => input.output(bytes);
  const { output, status, events } = await runAppliance(folder.path, { input, line });
  const lines = output.split("\n");
  expect(lines.slice(0, 6)).toEqual([
    "no method 1, no words 1, memory of no channel 1", "no bell 2, an endpoint for one 2", "other messages 1, too many 4 1, no number of them 1", "first: 30 48 28", "spoilt", "still there: 0",
  ]);
  // What was not taken from the driver, or had not come to it, is there for the new channel; Enter ends it.
  expect(lines[6]).toMatch(/^second:( 46)?( 32)? 18 28$/);
  expect(lines.slice(7)).toEqual(["opened anew", "third: 33 28", ""]);
  expect(status).toBe(0);
  expect(events.filter(({ event }) => event === "fault" || event === "dma-fault")).toEqual([]);
});
