/*
 * draw.h: rectangles and text in memory of pixels, as displays show it: four bytes each, blue, green, red and one without meaning, so 0xrrggbb in a word.
 *
 * Whatever numbers these functions are given, nothing is written outside of the canvas: what lies beyond its edges is left out. Nothing is allocated,
 * nothing is kept. A font is a console font of Linux (PSF, version 1 or 2), and may come from anybody: one that is none is refused when it is opened.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bw_canvas {
    uint32_t *pixels;
    /* In pixels; each row begins `stride` pixels after the one before it, stride >= width. */
    uint32_t width;
    uint32_t height;
    uint32_t stride;
};

/* Its left upper corner may be anywhere; a width or height below 1 is nothing. */
struct bw_area {
    int32_t x, y, width, height;
};

/* The part of both. */
struct bw_area bw_area_common(struct bw_area a, struct bw_area b);
/* The part of the canvas that `area` covers, as a canvas of its own, which nothing drawn on it leaves: a window, a clip. */
struct bw_canvas bw_canvas_part(const struct bw_canvas *canvas, struct bw_area area);

void bw_fill(const struct bw_canvas *canvas, struct bw_area area, uint32_t colour);
/* The edge of it, `thickness` pixels inwards. */
void bw_outline(const struct bw_canvas *canvas, struct bw_area area, int32_t thickness, uint32_t colour);
/* Another canvas's pixels to x, y. Both may be the same memory when the parts do not overlap. */
void bw_copy(const struct bw_canvas *canvas, int32_t x, int32_t y, const struct bw_canvas *from);

struct bw_font {
    /* Pixels of each character. */
    uint32_t width;
    uint32_t height;
    /* The rest is the library's. */
    const uint8_t *glyphs;
    uint32_t count;
    uint32_t glyph_bytes;
    const uint8_t *table;
    size_t table_bytes;
    bool wide_table;
    /* The glyph of each character up to 255; of one that the font has not, of '?'. */
    uint16_t first[256];
};

/* The bytes stay the font's. False: they are no PSF font, or one that is cut short. */
bool bw_font_open(struct bw_font *font, const uint8_t *bytes, size_t count);

/* Pixels of a text in one line: UTF-8, of which a byte that makes no sense is U+FFFD. What the font has not is a '?'. */
uint64_t bw_text_width(const struct bw_font *font, const char *text, size_t bytes);
/* Draws it with its left upper corner at x, y; the background too when it is a colour, BW_CLEAR: not. Answers where the next character would begin. */
int64_t bw_text(const struct bw_canvas *canvas, const struct bw_font *font, int32_t x, int32_t y, const char *text, size_t bytes, uint32_t colour, uint32_t background);
#define BW_CLEAR 0xff000000U
