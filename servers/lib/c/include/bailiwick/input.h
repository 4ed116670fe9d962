/*
 * input.h: events of keyboards and tablets, as they go through a channel's ring. Types and codes are those of Linux (linux/input-event-codes.h).
 * Events up to a BW_EVENT_REPORT belong to one moment. After a BW_EVENT_DROPPED some are missing: what was held down may be held no more.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct bw_input_event {
    uint16_t type;
    uint16_t code;
    /* A key: 1 pressed, 0 released. An axis: the position. A wheel: how far. */
    int32_t value;
    /* Counts the device's events, from 1. */
    uint64_t number;
};
_Static_assert(sizeof(struct bw_input_event) == 16, "a message of the ring");

/* FOCUS is the display server's own: 1, the window has the keyboard; 0, it has not, and what was held down is held no more. */
enum { BW_EVENT_SYN = 0, BW_EVENT_KEY = 1, BW_EVENT_RELATIVE = 2, BW_EVENT_ABSOLUTE = 3, BW_EVENT_FOCUS = 64 };
/* Codes of BW_EVENT_SYN. */
enum { BW_EVENT_REPORT = 0, BW_EVENT_DROPPED = 3 };
enum { BW_BUTTON_LEFT = 0x110, BW_BUTTON_RIGHT = 0x111, BW_BUTTON_MIDDLE = 0x112 };
enum { BW_AXIS_X = 0, BW_AXIS_Y = 1, BW_WHEEL = 8 };
enum { BW_KEY_ESCAPE = 1, BW_KEY_BACKSPACE = 14, BW_KEY_TAB = 15, BW_KEY_ENTER = 28, BW_KEY_CONTROL = 29, BW_KEY_SHIFT = 42, BW_KEY_RIGHT_SHIFT = 54, BW_KEY_RIGHT_CONTROL = 97 };
enum { BW_KEY_HOME = 102, BW_KEY_UP = 103, BW_KEY_LEFT = 105, BW_KEY_RIGHT = 106, BW_KEY_END = 107, BW_KEY_DOWN = 108, BW_KEY_DELETE = 111 };

/* What a key writes on a US keyboard, '\n' and '\t' among it; 0: nothing. */
char bw_key_character(uint32_t code, bool shift);
