/*
 * display.h: a client of the display server: its window. What is drawn on the canvas (draw.h) is seen once it is flushed; events come in the order in which they happened,
 * but for keys and the pointer, which have two drivers. Protocol: servers/display/protocol.ts.
 *
 * The window's memory is the server's: when the server ends, the next look at it is a VM fault.
 */
#pragma once
#include <bailiwick/channel.h>
#include <bailiwick/draw.h>

/* Frames of 2 MiB that a surface takes at most. */
#define BW_WINDOW_FRAMES 4U
/* Frames of its events' channel. */
#define BW_WINDOW_PAGES 3U
#define BW_WINDOW_SLOTS (BW_WINDOW_FRAMES + BW_CHANNEL_TABLES + BW_CHANNEL_SLOTS(BW_WINDOW_PAGES))
#define BW_WINDOW_BYTES ((BW_WINDOW_FRAMES + 1UL) << 21)

struct bw_window_wish {
    bw_cptr display;
    /* First of BW_WINDOW_SLOTS empty slots, and of BW_WINDOW_BYTES free addresses, at a multiple of 2 MiB (BW_ADDRESS_OWN and up). */
    bw_cptr slots;
    uint64_t address;
    /* The bit of BW_SLOT_NOTIFICATION that the server rings, as in channel.h. */
    uint64_t bit;
};

struct bw_window {
    struct bw_canvas canvas;
    bool focused;
    /* The pointer, in pixels of the canvas, where it was last; and its buttons that are down, bit n for BW_BUTTON_LEFT + n. */
    int32_t x, y;
    uint32_t buttons;
    bool shift, control;
    /* The library's. */
    struct bw_channel channel;
    bw_cptr display;
    bool moved;
};

enum { BW_WINDOW_KEY, BW_WINDOW_MOVE, BW_WINDOW_BUTTON, BW_WINDOW_WHEEL, BW_WINDOW_FOCUS, BW_WINDOW_LOST };
struct bw_window_event {
    /* LOST: events are missing. What was held is held no more, in the window's fields too. */
    uint32_t kind;
    /* A key's, or a button's (input.h). */
    uint32_t code;
    /* 1 pressed, 0 released; of FOCUS: the window has it, has it not; of WHEEL: how far. */
    int32_t value;
    /* Of a key that is pressed: what it writes on a US keyboard, '\n' and '\t' among it; 0: nothing, as with Control. */
    char character;
};

/* 0, or DISPLAY_E_... (display-protocol.h), or BW_WINDOW_GONE: the kernel refused something, or the server gave what a server does not give. The slots are empty then. */
uint32_t bw_window_open(struct bw_window *window, const struct bw_window_wish *wish);
#define BW_WINDOW_GONE UINT32_MAX
/* Shows this part of the canvas; what lies beyond its edges is left out. 0, DISPLAY_E_..., BW_WINDOW_GONE. */
uint32_t bw_window_flush(const struct bw_window *window, struct bw_area area);
uint32_t bw_window_flush_all(const struct bw_window *window);
/* The next event, waited for. False: there will be none. */
bool bw_window_next(struct bw_window *window, struct bw_window_event *event);
/* The same, and does not wait: false if there is none now. */
bool bw_window_try_next(struct bw_window *window, struct bw_window_event *event);
