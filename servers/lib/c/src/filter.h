/* filter.h: text out of what a client writes: no escape sequences, no control characters but newlines, tabs and backspaces, whole characters of UTF-8 only. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Where it is in what is not passed on. */
enum sequence { TEXT, AFTER_ESCAPE, CONTROL, STRING, STRING_ESCAPE };

struct filter {
    enum sequence sequence;
    /* The bytes of a character; not whole yet, or the one that passed. */
    uint8_t held[4];
    uint32_t held_count;
};

/* returns: carriage returns are text. True: a whole character is in `held`. */
bool bw_filter_passes(struct filter *filter, uint8_t byte, bool returns);
