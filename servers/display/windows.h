/*
 * windows.h: where the windows are and which lies over which. Arithmetic only: nothing is drawn here, and nobody is told anything.
 *
 * Invariants
 *   W1  A window lies on the desk, whole: the screen below the bar. So no window reaches the bar, and each title can be seen where no other window covers it.
 *   W2  A window's content lies in its frame and touches the title nowhere; a full one has no frame, and its content is the desk.
 *   W3  `order` holds each window once, the lowest first. The last one has the keyboard.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/draw.h>

enum { WINDOWS_MOST = 8, BAR = 24, TITLE = 22, EDGE = 1, LEAST_SIDE = 64, NOBODY = UINT32_MAX };

struct window {
    /* On the screen: with the title and the edges, and what the client draws. */
    struct bw_area frame;
    struct bw_area content;
    bool full;
};

struct windows {
    struct bw_area desk;
    struct window all[WINDOWS_MOST];
    uint32_t order[WINDOWS_MOST];
    uint32_t count;
};

/* A window of the manifest: "full", or "X,Y WIDTHxHEIGHT" of the frame, from the desk's corner. False: it says none, or one that W1 forbids. */
bool window_parse(const char *text, struct bw_area desk, struct window *window);
/* Place `index` of `count` tiles; one alone is full. */
struct window window_tile(struct bw_area desk, uint32_t index, uint32_t count);

static inline uint32_t windows_focused(const struct windows *w) { return w->order[w->count - 1]; }
void windows_raise(struct windows *w, uint32_t number);
/* With the corner of its frame as near to x, y as W1 allows. False: it is there already. */
bool windows_move(struct windows *w, uint32_t number, int32_t x, int32_t y);
/* The uppermost window there, NOBODY: none. */
uint32_t windows_at(const struct windows *w, int32_t x, int32_t y);
/* Calls for the pieces of `area` that no window from place `above` of the order on covers: each pixel once. */
void windows_visible(const struct windows *w, struct bw_area area, uint32_t above, void (*piece)(void *context, struct bw_area area), void *context);

static inline bool area_has(struct bw_area a, int32_t x, int32_t y) { return x >= a.x && y >= a.y && x - a.x < a.width && y - a.y < a.height; }
static inline bool area_empty(struct bw_area a) { return a.width <= 0 || a.height <= 0; }
