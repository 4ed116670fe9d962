// The keys of a keyboard with the US layout: their codes (linux/input-event-codes.h), and which of them make a character.
import { KEY_ROWS } from "../../caps/abi/input.ts";

/** Codes by name, for keys that have no character of their own. */
const NAMED = {
  escape: 1, backspace: 14, tab: 15, enter: 28, ctrl: 29, shift: 42, alt: 56, space: 57, capslock: 58,
  f1: 59, f2: 60, f3: 61, f4: 62, f5: 63, f6: 64, f7: 65, f8: 66, f9: 67, f10: 68, f11: 87, f12: 88,
  rightctrl: 97, rightalt: 100, rightshift: 54, home: 102, up: 103, pageup: 104, left: 105, right: 106, end: 107, down: 108, pagedown: 109, insert: 110, delete: 111, meta: 125,
} as const;

/** What else has a character, on a terminal. */
const CONTROLS = [[NAMED.backspace, "\b", ""], [NAMED.escape, "\u001b", ""]] as const;

export interface Stroke {
  readonly code: number;
  readonly shift: boolean;
}

export const SHIFT = NAMED.shift;
export const CTRL = NAMED.ctrl;

const STROKES: ReadonlyMap<string, Stroke> = new Map(
  // Without Shift where it makes no difference: the last one counts.
  [...KEY_ROWS, ...CONTROLS].flatMap(([first, plain, shifted]) => [shifted, plain].flatMap((row, i) =>
    Array.from(row, (letter, n): [string, Stroke] => [letter, { code: first + n, shift: i === 0 }]))),
);

/** Which key writes this character; undefined: none does. */
export const strokeOf = (character: string): Stroke | undefined => STROKES.get(character);

/** The code of a key by its name (`enter`, `f1`) or by what it writes without Shift (`a`, `-`). */
export function keyCode(name: string): number | undefined {
  if (Object.hasOwn(NAMED, name)) return NAMED[name as keyof typeof NAMED];
  const stroke = STROKES.get(name);
  return stroke === undefined || stroke.shift || name < " " ? undefined : stroke.code;
}

export const keyNames = (): string[] => [...Object.keys(NAMED), ...[...STROKES].filter(([letter, { shift }]) => !shift && letter > " ").map(([letter]) => letter)];

/** Keys as browsers call them, by their place on the keyboard: those that are not called KeyA, Digit1 or F1. Source: UI Events KeyboardEvent code Values, W3C. */
const BROWSER: Readonly<Record<string, string>> = {
  Minus: "-", Equal: "=", BracketLeft: "[", BracketRight: "]", Semicolon: ";", Quote: "'", Backquote: "`", Backslash: "\\", Comma: ",", Period: ".", Slash: "/",
  Space: "space", Enter: "enter", Tab: "tab", Backspace: "backspace", Escape: "escape", CapsLock: "capslock", ShiftLeft: "shift", ShiftRight: "rightshift", ControlLeft: "ctrl",
  ControlRight: "rightctrl", AltLeft: "alt", AltRight: "rightalt", MetaLeft: "meta", ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right", Home: "home", End: "end",
  PageUp: "pageup", PageDown: "pagedown", Insert: "insert", Delete: "delete",
};

/** The code of a key by its name in a browser; undefined: the keyboard here has none such. */
export function browserKeyCode(name: string): number | undefined {
  const own = /^(?:Key([A-Z])|Digit([0-9])|(F(?:[1-9]|1[0-2])))$/.exec(name)?.slice(1).find((part) => part !== undefined) ?? (Object.hasOwn(BROWSER, name) ? BROWSER[name] : undefined);
  return own === undefined ? undefined : keyCode(own.toLowerCase());
}
