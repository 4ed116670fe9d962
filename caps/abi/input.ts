// Events of keyboards and tablets, as devices, drivers and the display server say them, and what keys write. In C: <bailiwick/input.h>.
// Source: Linux, linux/input-event-codes.h. Events up to a SYN_REPORT belong to one moment; after a SYN_DROPPED some are missing.

/** FOCUS is the display server's own: 1, the window has the keyboard; 0, it has not, and what was held down is held no more. */
export const EventType = { SYN: 0, KEY: 1, REL: 2, ABS: 3, FOCUS: 64 } as const;
export const SYN_REPORT = 0;
export const SYN_DROPPED = 3;
export const Button = { LEFT: 0x110, RIGHT: 0x111, MIDDLE: 0x112 } as const;
export const Axis = { X: 0, Y: 1 } as const;
export const REL_WHEEL = 8;
export const KeyCode = {
  ESCAPE: 1, BACKSPACE: 14, TAB: 15, ENTER: 28, CONTROL: 29, SHIFT: 42, RIGHT_SHIFT: 54, RIGHT_CONTROL: 97, HOME: 102, UP: 103, LEFT: 105, RIGHT: 106, END: 107, DOWN: 108, DELETE: 111,
} as const;

/** A message of a ring of events: type and code (16 bits each), value (32, with a sign), and the event's number (64). */
export const INPUT_MESSAGE_BYTES = 16;

/** Rows of a keyboard with the US layout: code of the first key, what they write, what they write with Shift. */
export const KEY_ROWS = [
  [2, "1234567890-=", "!@#$%^&*()_+"],
  [15, "\t", "\t"],
  [16, "qwertyuiop[]\n", "QWERTYUIOP{}\n"],
  [30, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [43, "\\zxcvbnm,./", "|ZXCVBNM<>?"],
  [57, " ", " "],
] as const;
