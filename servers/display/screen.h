/*
 * screen.h: the picture: windows with their titles, the bar and the pointer, in the memory that the display's driver shows. Who draws here is this server alone;
 * of a client it reads the surface, which it checks nothing of: a surface is pixels, whatever is in it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/draw.h>

#include "windows.h"

struct screen {
    struct bw_canvas canvas;
    struct windows windows;
    struct bw_canvas surfaces[WINDOWS_MOST];
    const char *names[WINDOWS_MOST];
};
extern struct screen screen;

/* False: the font is none. */
bool screen_init(void);
/* All of it, or this part of it, drawn anew and shown. */
void screen_draw(struct bw_area area);
/* The bar, which names who has the keyboard. */
void screen_draw_bar(void);
/* What the client's surface has there (from the surface's corner, within it): as much as no other window covers, and no more work than that. */
void screen_update(uint32_t number, struct bw_area area);
/* The pointer there, from now on; it is seen since the first call. */
void screen_point(int32_t x, int32_t y);
