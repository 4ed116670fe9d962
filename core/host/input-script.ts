// Input from a script: who types and points, when nobody does. One step a line, done in order; what is behind a # is for people.
//
//   type "hello\n"        each character's key, with Shift where it takes it; the text is JSON's
//   key ctrl+c            presses the keys in this order, then releases them in the opposite one
//   press shift           and `release shift`
//   move 100 50           the pointer to this pixel of the display
//   click left            or right, middle; `press left` and `release left` for dragging
//   wheel -1
//   wait 200ms            from the step before
//   at 2s                 waits until then, from the start of the script; the past is now
//   after "ready"         waits until the machine's terminal has shown this since the last such line
import type { InputEvent, InputKind } from "../devices/virtio/input.ts";
import type { InputBackend } from "./backend.ts";
import { buttonMoment, BUTTONS, keyMoment, pointerMoment, wheelMoment, type Moment } from "./input-events.ts";
import { keyCode, keyNames, SHIFT, strokeOf } from "./keys.ts";

/** A script that makes no sense: which line, why, and what would. */
export class ScriptError extends Error {
  readonly line: number;
  constructor(line: number, what: string, fix: string) {
    super(`line ${line}: ${what}\nfix: ${fix}`);
    this.name = "ScriptError";
    this.line = line;
  }
}

export type Step =
  | ({ readonly kind: "input" } & Moment)
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "at"; readonly ms: number }
  | { readonly kind: "after"; readonly text: string };

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000 };
/** A longer text is no step of a person. */
const MOST_TEXT = 4096;
const MOST_WAIT_MS = 24 * 3600 * 1000;

/** @param size the display's, in pixels: positions are in it. @throws ScriptError for the first line that makes no sense */
export function parseInputScript(text: string, size: { readonly width: number; readonly height: number }): Step[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const words = /^\s*([a-z]+)(?:\s+(.*?))?\s*$/.exec(withoutComment(line));
    if (words === null) {
      if (withoutComment(line).trim() === "") return [];
      throw new ScriptError(index + 1, `'${line.trim()}' begins with no step`, `one of: ${Object.keys(STEPS).join(", ")}`);
    }
    const [, name = "", rest = ""] = words;
    const step = Object.hasOwn(STEPS, name) ? STEPS[name] : undefined;
    if (step === undefined) throw new ScriptError(index + 1, `there is no step '${name}'`, `one of: ${Object.keys(STEPS).join(", ")}`);
    return step({ line: index + 1, rest, size });
  });
}

/** A # in a text in quotes is part of it. */
function withoutComment(line: string): string {
  return /^(?:[^"#]|"(?:[^"\\]|\\.)*"?)*/.exec(line)?.[0] ?? "";
}

interface Line {
  readonly line: number;
  readonly rest: string;
  readonly size: { readonly width: number; readonly height: number };
}

const input = (moment: Moment): Step => ({ kind: "input", ...moment });
const key = (code: number, value: 0 | 1): Step => input(keyMoment(code, value === 1));
const button = (code: number, value: 0 | 1): Step => input(buttonMoment(code, value === 1));

const STEPS: Readonly<Record<string, (line: Line) => Step[]>> = {
  type: (line) =>
    Array.from(quoted(line), (character) => {
      const stroke = strokeOf(character);
      if (stroke === undefined) throw new ScriptError(line.line, `no key writes '${character}'`, "characters of ASCII, \\n, \\t");
      const strokes = [key(stroke.code, 1), key(stroke.code, 0)];
      return stroke.shift ? [key(SHIFT, 1), ...strokes, key(SHIFT, 0)] : strokes;
    }).flat(),
  key: (line) => {
    const codes = line.rest.split("+").map((name) => codeOf(line, name));
    return [...codes.map((code) => key(code, 1)), ...codes.toReversed().map((code) => key(code, 0))];
  },
  press: (line) => [Object.hasOwn(BUTTONS, line.rest) ? button(BUTTONS[line.rest]!, 1) : key(codeOf(line, line.rest), 1)],
  release: (line) => [Object.hasOwn(BUTTONS, line.rest) ? button(BUTTONS[line.rest]!, 0) : key(codeOf(line, line.rest), 0)],
  move: (line) => {
    const [, x, y] = /^(\d{1,5})\s+(\d{1,5})$/.exec(line.rest)?.map(Number) ?? [];
    const { width, height } = line.size;
    if (x === undefined || y === undefined || x >= width || y >= height) throw new ScriptError(line.line, `move ${line.rest} is no place on the display`, `two numbers: 0 to ${width - 1}, then 0 to ${height - 1}`);
    return [input(pointerMoment(x / (width - 1), y / (height - 1)))];
  },
  click: (line) => {
    const code = Object.hasOwn(BUTTONS, line.rest) ? BUTTONS[line.rest] : undefined;
    if (code === undefined) throw new ScriptError(line.line, `there is no button '${line.rest}'`, `one of: ${Object.keys(BUTTONS).join(", ")}`);
    return [button(code, 1), button(code, 0)];
  },
  wheel: (line) => {
    if (!/^[+-]?[1-9]\d{0,2}$/.test(line.rest)) throw new ScriptError(line.line, `wheel ${line.rest} is no way to turn it`, "a number such as 1 or -1");
    return [input(wheelMoment(Number(line.rest)))];
  },
  wait: (line) => [{ kind: "wait", ms: duration(line) }],
  at: (line) => [{ kind: "at", ms: duration(line) }],
  // As the terminal shows it: in bytes.
  after: (line) => [{ kind: "after", text: Buffer.from(quoted(line)).toString("latin1") }],
};

function codeOf({ line }: Line, name: string): number {
  const code = keyCode(name);
  if (code === undefined) throw new ScriptError(line, `there is no key '${name}'`, `one of: ${keyNames().join(" ")}`);
  return code;
}

function quoted({ line, rest }: Line): string {
  let text: unknown;
  try {
    text = JSON.parse(rest);
  } catch {
    // answered below
  }
  if (typeof text !== "string" || text === "") throw new ScriptError(line, `${rest === "" ? "there is no text" : `${rest} is no text`}`, 'a text in double quotes, such as "hello\\n"');
  if (text.length > MOST_TEXT) throw new ScriptError(line, `a text of ${text.length} characters`, `at most ${MOST_TEXT}: cut it in two`);
  return text;
}

function duration({ line, rest }: Line): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|min)$/.exec(rest) ?? [];
  const ms = Number(number) * (UNITS[unit] ?? Number.NaN);
  if (!(ms <= MOST_WAIT_MS)) throw new ScriptError(line, `'${rest}' is no time to wait`, "a time with its unit, such as 200ms, 2s or 1min");
  return ms;
}

export interface ScriptedInput extends InputBackend {
  /** What the machine's terminal has shown. */
  output(bytes: Uint8Array): void;
  /** All steps are done. */
  readonly finished: boolean;
  /** Does no more of them. */
  close(): void;
}

/** Begins when the machine asks for input. Nothing that it waits for keeps the process alive. */
export function playInputScript(steps: readonly Step[]): ScriptedInput {
  let callback: ((device: InputKind, events: readonly InputEvent[]) => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  let next = 0, start = 0, closed = false, seen = "", awaited: string | undefined;
  const longest = Math.max(0, ...steps.map((step) => (step.kind === "after" ? step.text.length : 0)));

  const pause = (ms: number): void => {
    timer = setTimeout(go, ms);
    timer.unref();
  };
  const go = (): void => {
    timer = undefined;
    while (!closed && next < steps.length) {
      const step = steps[next]!;
      if (step.kind === "after") {
        awaited = step.text;
        const at = seen.indexOf(step.text);
        if (at < 0) {
          seen = longest > 1 ? seen.slice(1 - longest) : "";
          return;
        }
        seen = seen.slice(at + step.text.length);
        awaited = undefined;
      }
      next++;
      if (step.kind === "input") callback?.(step.device, step.events);
      else if (step.kind === "wait") return pause(step.ms);
      else if (step.kind === "at") return pause(Math.max(0, start + step.ms - performance.now()));
    }
  };
  return {
    onInput(given) {
      callback = given;
      start = performance.now();
      go();
    },
    output(bytes) {
      if (longest === 0 || closed) return;
      // What is shown before it is waited for counts, too; not without limit.
      seen = (seen + Buffer.from(bytes).toString("latin1")).slice(-MOST_SEEN);
      if (awaited !== undefined && timer === undefined) go();
    },
    get finished() {
      return next >= steps.length;
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

const MOST_SEEN = 64 * 1024;
