// Input scripts, and a terminal as a keyboard: what becomes of each line and byte, and what is said of one that makes no sense.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseInputScript, playInputScript, ScriptError, type Step } from "../../core/host/input-script.ts";
import { keyCode, keyNames, strokeOf } from "../../core/host/keys.ts";
import { keysOf, typedKeys } from "../../core/host/terminal-keys.ts";
import { pause, until } from "../support/appliance-run.ts";

const SIZE = { width: 640, height: 480 };
const codes = (steps: readonly Step[]): number[][] => steps.map((step) => (step.kind === "input" ? [step.events[0]!.code, step.events[0]!.value] : []));

describe("an input script", () => {
  it.each([
    ["jump", 1, "there is no step 'jump'", "one of: type, key, press"],
    ["\n\n!", 3, "'!' begins with no step", "one of: type"],
    ['type hello', 1, "hello is no text", "in double quotes"],
    ['type "é"', 1, "no key writes 'é'", "ASCII"],
    ["type", 1, "there is no text", "in double quotes"],
    [`type "${"a".repeat(4097)}"`, 1, "4097 characters", "cut it in two"],
    ["key ctrl+hyper", 1, "there is no key 'hyper'", "enter"],
    ["key A", 1, "there is no key 'A'", " a "],
    ["press constructor", 1, "there is no key 'constructor'", "escape"],
    ["toString", 1, "begins with no step", "one of"],
    ["valueof", 1, "there is no step 'valueof'", "one of"],
    ["move 640 0", 1, "move 640 0 is no place on the display", "0 to 639, then 0 to 479"],
    ["move 5", 1, "move 5 is no place", "two numbers"],
    ["click", 1, "there is no button ''", "left, right, middle"],
    ["click constructor", 1, "there is no button 'constructor'", "left, right, middle"],
    ["wheel 0", 1, "wheel 0", "-1"],
    ["wait 5", 1, "'5' is no time to wait", "200ms"],
    ["at 25000min", 1, "is no time", "200ms"],
    ['key a\nafter ""', 2, "is no text", "quotes"],
  ])("that says %j is refused with its line, the cause and what would do", (text, line, cause, fix) => {
    const error = (() => {
      try {
        return parseInputScript(text, SIZE);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(ScriptError);
    expect((error as ScriptError).line).toBe(line);
    expect((error as ScriptError).message.split("\nfix: ")).toEqual([expect.stringContaining(cause), expect.stringContaining(fix)]);
  });
  it("is steps, whose keys are released as they were pressed", () => {
    expect(codes(parseInputScript('key ctrl+alt+delete # all three\ntype "#A"\npress left', SIZE))).toEqual([
      [29, 1], [56, 1], [111, 1], [111, 0], [56, 0], [29, 0], [42, 1], [4, 1], [4, 0], [42, 0], [42, 1], [30, 1], [30, 0], [42, 0], [0x110, 1],
    ]);
    for (const name of keyNames()) expect(keyCode(name)).toBeGreaterThan(0);
    for (let byte = 0x20; byte < 0x7f; byte++) expect(strokeOf(String.fromCharCode(byte)), String.fromCharCode(byte)).toBeDefined();
  });
  it("is refused or read, whatever it says", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), fc.constantFrom("type ", "key ", "move ", "after ", "wait ", ""), (text, begin) => {
        try {
          return Array.isArray(parseInputScript(begin + text, SIZE));
        } catch (error) {
          return error instanceof ScriptError;
        }
      }),
    );
  });
  it("waits for times and for what is shown, also in pieces or too early, and ends when it is closed", async () => {
    const script = playInputScript(parseInputScript('after "rea"\nkey a\nafter "dy"\nkey b\nat 60ms\nwait 20ms\nkey c\nafter "never"\nkey d', SIZE));
    const seen: number[] = [];
    const start = performance.now();
    script.onInput((_device, [event]) => void (event!.value === 1 && seen.push(event!.code)));
    script.output(Buffer.from("xr"));
    expect(seen).toEqual([]);
    script.output(Buffer.from("eady"));
    expect(seen).toEqual([30, 48]);
    await until("the third key", () => seen.length === 3);
    expect(performance.now() - start).toBeGreaterThan(75);
    expect([seen[2], script.finished]).toEqual([46, false]);
    script.close();
    script.output(Buffer.from("never"));
    await pause(5);
    expect(seen.length).toBe(3);
  });
});

describe("a terminal as a keyboard", () => {
  it.each([
    ["a", [[30]]], ["A", [[42, 30]]], ["\r", [[28]]], ["\n", [[28]]], ["\t", [[15]]], ["\x7f", [[14]]], ["\x03", [[29, 46]]], ["\x1b", [[1]]], ["\x1b\x1b", [[1], [1]]],
    ["\x1bx", [[56, 45]]], ["\x1b[A\x1b[B", [[103], [108]]], ["\x1bOP", [[59]]], ["\x1b[3~q", [[111], [16]]], ["\x1b[24~", [[88]]], ["\x1b[1;5C", [[29, 106]]], ["\x1b[3;2~", [[42, 111]]],
    ["\x1b[Z", []], ["\x1b[99~", []], ["é", []], ["\0", []],
  ] as const)("%j are keys", (text, keys) => {
    expect(keysOf(Buffer.from(text))).toEqual(keys);
  });
  it("presses and releases", () => {
    const typed = typedKeys(), seen: number[][] = [];
    typed.onInput((device, events) => seen.push([device === "keyboard" ? 1 : 0, events[0]!.code, events[0]!.value, events.length]));
    typed.hear(Buffer.from("A"));
    expect(seen).toEqual([[1, 42, 1, 2], [1, 30, 1, 2], [1, 30, 0, 2], [1, 42, 0, 2]]);
  });
  it("reads whatever comes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => keysOf(bytes).every((codes) => codes.length > 0 && codes.every((code) => code > 0 && code < 128))));
  });
});
