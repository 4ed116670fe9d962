// A terminal as a keyboard: the bytes that it sends for keys, as the keys that were pressed. Source: ECMA-48; XTerm Control Sequences.
// A terminal tells of characters, not of keys: each is pressed and released at once, and what no key writes is left out.
import type { InputEvent, InputKind } from "../devices/virtio/input.ts";
import type { InputBackend } from "./backend.ts";
import { keyMoment } from "./input-events.ts";
import { CTRL, keyCode, SHIFT, strokeOf } from "./keys.ts";

/** What comes behind ESC [ or ESC O, with its parameter where it ends in ~. */
const SEQUENCES: Readonly<Record<string, string>> = {
  A: "up", B: "down", C: "right", D: "left", H: "home", F: "end", P: "f1", Q: "f2", R: "f3", S: "f4",
  "1~": "home", "2~": "insert", "3~": "delete", "4~": "end", "5~": "pageup", "6~": "pagedown",
  "11~": "f1", "12~": "f2", "13~": "f3", "14~": "f4", "15~": "f5", "17~": "f6", "18~": "f7", "19~": "f8", "20~": "f9", "21~": "f10", "23~": "f11", "24~": "f12",
};
const ESCAPE = "\u001b";
const ALT = keyCode("alt")!;

/** Which keys were pressed, each with those that are held meanwhile before it. A sequence comes in one piece: an ESC that ends one is the Escape key. */
export function keysOf(bytes: Uint8Array): number[][] {
  const text = Buffer.from(bytes).toString("latin1");
  const keys: number[][] = [];
  for (let at = 0; at < text.length; ) {
    const sequence = text[at] === ESCAPE ? /^[[O](?:(\d{0,2})(?:;(\d))?(~)|(?:1;(\d))?([A-Z]))/.exec(text.slice(at + 1, at + 8)) : null;
    if (sequence !== null) {
      const [whole, number = "", held = "", tilde, heldLetter = "", letter] = sequence;
      const name = SEQUENCES[tilde === undefined ? (letter ?? "") : `${number}~`];
      const code = name === undefined ? undefined : keyCode(name);
      if (code !== undefined) keys.push([...modifiers(Number(held || heldLetter || "1")), code]);
      at += 1 + whole.length;
      continue;
    }
    const alt = text[at] === ESCAPE && at + 1 < text.length && text[at + 1] !== ESCAPE;
    if (alt) at++;
    const pressed = characterKeys(text.charCodeAt(at));
    if (pressed.length > 0) keys.push(alt ? [ALT, ...pressed] : pressed);
    at++;
  }
  return keys;
}

/** XTerm's parameter: one more than the sum of 1 for Shift, 2 for Alt, 4 for Ctrl. */
const modifiers = (parameter: number): number[] => [[1, SHIFT], [2, ALT], [4, CTRL]].flatMap(([bit, code]) => ((parameter - 1) & bit! ? [code!] : []));

function characterKeys(byte: number): number[] {
  const plain = byte === 0x0d ? "\n" : byte === 0x7f ? "\b" : String.fromCharCode(byte);
  const stroke = strokeOf(plain);
  if (stroke !== undefined) return stroke.shift ? [SHIFT, stroke.code] : [stroke.code];
  const letter = byte >= 1 && byte <= 26 ? strokeOf(String.fromCharCode(byte + 0x60)) : undefined;
  return letter === undefined ? [] : [CTRL, letter.code];
}

/** What `hear` is given is typed. */
export function typedKeys(): InputBackend & { hear(bytes: Uint8Array): void } {
  const callbacks: ((device: InputKind, events: readonly InputEvent[]) => void)[] = [];
  const key = (code: number, down: boolean): void => {
    const { device, events } = keyMoment(code, down);
    for (const callback of callbacks) callback(device, events);
  };
  return {
    onInput: (callback) => void callbacks.push(callback),
    hear(bytes) {
      for (const codes of keysOf(bytes)) {
        for (const code of codes) key(code, true);
        for (const code of codes.toReversed()) key(code, false);
      }
    },
  };
}
