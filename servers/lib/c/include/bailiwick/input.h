/*
 * input.h: events of keyboards and tablets, as they go through a channel's ring. Types and codes are those of Linux (linux/input-event-codes.h).
 * Events up to a BW_EVENT_REPORT belong to one moment. After a BW_EVENT_DROPPED some are missing: what was held down may be held no more.
 */
#pragma once
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

enum { BW_EVENT_SYN = 0, BW_EVENT_KEY = 1, BW_EVENT_RELATIVE = 2, BW_EVENT_ABSOLUTE = 3 };
/* Codes of BW_EVENT_SYN. */
enum { BW_EVENT_REPORT = 0, BW_EVENT_DROPPED = 3 };
enum { BW_BUTTON_LEFT = 0x110, BW_BUTTON_RIGHT = 0x111, BW_BUTTON_MIDDLE = 0x112 };
enum { BW_AXIS_X = 0, BW_AXIS_Y = 1, BW_WHEEL = 8 };
