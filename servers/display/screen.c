/*
 * screen.c: see screen.h. Each pixel of an area is drawn once, by whoever is uppermost there. What lay below the pointer is kept and put back, so that moving it reads
 * no surface: what a client has drawn and not flushed is not seen by that.
 */
#include <bailiwick.h>
#include <bailiwick/displaydriver.h>
#include <bailiwick/terminus16.h>

#include "screen.h"

BW_USED(gpu);

enum {
    DESK = 0x26303c,
    BAR_GROUND = 0x141a21, BAR_TEXT = 0xffffff, BAR_HINT = 0x8b98a8, GOLD = 0xe0b040,
    TITLE_GROUND = 0x3a4654, TITLE_TEXT = 0xb6c0cc, FOCUSED_GROUND = 0x2c5d8f, FOCUSED_TEXT = 0xffffff,
    MARGIN = 8, LINE = 2, TEXT_TOP = 3,
};
enum { POINTER_WIDTH = 12, POINTER_HEIGHT = 19 };
static const char pointer_rows[POINTER_HEIGHT][POINTER_WIDTH + 1] = {
    "#           ", "##          ", "#.#         ", "#..#        ", "#...#       ", "#....#      ", "#.....#     ", "#......#    ", "#.......#   ", "#........#  ",
    "#.........# ", "#......#####", "#...#..#    ", "#..##..#    ", "#.#  #..#   ", "##   #..#   ", "#     #..#  ", "      #..#  ", "       ##   ",
};

struct screen screen;
static struct bw_font font;
static uint32_t pointer_pixels[POINTER_WIDTH * POINTER_HEIGHT];
static const struct bw_canvas below_pointer = {pointer_pixels, POINTER_WIDTH, POINTER_HEIGHT, POINTER_WIDTH};
/* Empty: there is none yet. */
static struct bw_area pointer;

static struct bw_area all(void) { return (struct bw_area){0, 0, (int32_t)screen.canvas.width, (int32_t)screen.canvas.height}; }

static void show(struct bw_area a) {
    a = bw_area_common(a, all());
    if (area_empty(a)) return;
    const struct bw_msg m = bw_call(bw_use_gpu.cap, bw_info(DISPLAY_DRIVER_FLUSH, 4, 0), (uint64_t)a.x, (uint64_t)a.y, (uint64_t)a.width, (uint64_t)a.height);
    if (bw_error(&m) != 0 || bw_label(&m) != 0) bw_log("the display's driver does not show what it is given");
}

static void put_pointer(void) {
    if (area_empty(pointer)) return;
    const struct bw_canvas place = bw_canvas_part(&screen.canvas, pointer);
    bw_copy(&below_pointer, 0, 0, &place);
    for (int32_t y = 0; y < POINTER_HEIGHT; y++) {
        for (int32_t x = 0; x < POINTER_WIDTH; x++) {
            if (pointer_rows[y][x] != ' ') bw_fill(&screen.canvas, (struct bw_area){pointer.x + x, pointer.y + y, 1, 1}, pointer_rows[y][x] == '#' ? 0 : 0xffffff);
        }
    }
}

static void lift_pointer(void) {
    /* Less of it than is kept, where it reaches beyond the edge. */
    const struct bw_canvas place = bw_canvas_part(&screen.canvas, pointer);
    bw_copy(&place, 0, 0, &below_pointer);
}

/* A text in a part of the screen, cut where it does not fit: then two dots say so. */
static void label(const struct bw_canvas *part, struct bw_area at, const char *text, uint32_t colour) {
    const struct bw_canvas room = bw_canvas_part(part, at);
    const size_t fits = at.width <= 0 ? 0 : (size_t)at.width / font.width, length = strlen(text);
    const size_t shown = length <= fits ? length : fits < 2 ? 0 : fits - 2;
    /* The part may begin within the text. */
    const int32_t left = at.x < 0 ? at.x : 0, top = at.y < 0 ? at.y : 0;
    const int64_t end = bw_text(&room, &font, left, top, text, shown, colour, BW_CLEAR);
    if (shown < length) (void)bw_text(&room, &font, (int32_t)end, top, "..", 2, colour, BW_CLEAR);
}

static void draw_frame(const struct bw_canvas *part, struct bw_area frame, uint32_t number) {
    const bool focused = windows_focused(&screen.windows) == number;
    bw_outline(part, frame, EDGE, focused ? FOCUSED_GROUND : TITLE_GROUND);
    bw_fill(part, (struct bw_area){frame.x, frame.y, frame.width, TITLE}, focused ? FOCUSED_GROUND : TITLE_GROUND);
    if (focused) bw_fill(part, (struct bw_area){frame.x, frame.y + TITLE - LINE, frame.width, LINE}, GOLD);
    label(part, (struct bw_area){frame.x + MARGIN, frame.y + LINE, frame.width - 2 * MARGIN, (int32_t)font.height}, screen.names[number], focused ? FOCUSED_TEXT : TITLE_TEXT);
}

static void draw_window(void *context, struct bw_area a) {
    const uint32_t number = *(const uint32_t *)context;
    const struct window *its = &screen.windows.all[number];
    const struct bw_canvas part = bw_canvas_part(&screen.canvas, a);
    if (!its->full) draw_frame(&part, (struct bw_area){its->frame.x - a.x, its->frame.y - a.y, its->frame.width, its->frame.height}, number);
    bw_copy(&part, its->content.x - a.x, its->content.y - a.y, &screen.surfaces[number]);
}

static void draw_desk(void *context, struct bw_area a) {
    (void)context;
    bw_fill(&screen.canvas, a, DESK);
}

static void draw_bar(void) {
    const struct bw_canvas *c = &screen.canvas;
    static const char whose[] = "keyboard:", hint[] = "F12: next window";
    const int32_t width = (int32_t)c->width, text_height = (int32_t)font.height, name_at = MARGIN + (int32_t)(sizeof whose * font.width);
    const int32_t hint_at = width - MARGIN - (int32_t)((sizeof hint - 1) * font.width);
    bw_fill(c, (struct bw_area){0, 0, width, BAR}, BAR_GROUND);
    bw_fill(c, (struct bw_area){0, BAR - LINE, width, LINE}, GOLD);
    label(c, (struct bw_area){MARGIN, TEXT_TOP, width - 2 * MARGIN, text_height}, whose, BAR_HINT);
    /* The name comes first; the hint is there where there is room for both. */
    const char *name = screen.names[windows_focused(&screen.windows)];
    const bool hinted = screen.windows.count > 1 && name_at + (int32_t)((strlen(name) + 2) * font.width) < hint_at;
    label(c, (struct bw_area){name_at, TEXT_TOP, width - MARGIN - name_at, text_height}, name, BAR_TEXT);
    if (hinted) label(c, (struct bw_area){hint_at, TEXT_TOP, width, text_height}, hint, BAR_HINT);
}

bool screen_init(void) { return bw_font_open(&font, bw_terminus16, sizeof bw_terminus16); }

void screen_draw(struct bw_area area) {
    const struct windows *w = &screen.windows;
    area = bw_area_common(area, all());
    lift_pointer();
    if (area.y < BAR) draw_bar();
    for (uint32_t i = w->count; i-- > 0;) {
        uint32_t number = w->order[i];
        windows_visible(w, bw_area_common(area, w->all[number].frame), i + 1, draw_window, &number);
    }
    windows_visible(w, bw_area_common(area, w->desk), 0, draw_desk, NULL);
    put_pointer();
    show(area);
}

void screen_draw_bar(void) { screen_draw((struct bw_area){0, 0, (int32_t)screen.canvas.width, BAR}); }

/* Where an update draws, and around what: so that what is shown is no more than was drawn. */
struct update {
    const struct window *window;
    const struct bw_canvas *surface;
    struct bw_area drawn;
};

static struct bw_area around(struct bw_area a, struct bw_area b) {
    if (area_empty(a)) return b;
    const int32_t x = a.x < b.x ? a.x : b.x, y = a.y < b.y ? a.y : b.y;
    const int32_t right_a = a.x + a.width, right_b = b.x + b.width, bottom_a = a.y + a.height, bottom_b = b.y + b.height;
    return (struct bw_area){x, y, (right_a > right_b ? right_a : right_b) - x, (bottom_a > bottom_b ? bottom_a : bottom_b) - y};
}

static void update_piece(void *context, struct bw_area a) {
    struct update *u = context;
    const struct bw_canvas part = bw_canvas_part(&screen.canvas, a);
    bw_copy(&part, u->window->content.x - a.x, u->window->content.y - a.y, u->surface);
    u->drawn = around(u->drawn, a);
}

void screen_update(uint32_t number, struct bw_area area) {
    const struct windows *w = &screen.windows;
    struct update u = {.window = &w->all[number], .surface = &screen.surfaces[number]};
    uint32_t place = 0;
    while (w->order[place] != number) place++;
    area.x += u.window->content.x, area.y += u.window->content.y;
    area = bw_area_common(area, u.window->content);
    const bool pointed = !area_empty(bw_area_common(area, pointer));
    if (pointed) lift_pointer();
    windows_visible(w, area, place + 1, update_piece, &u);
    if (pointed) put_pointer();
    show(u.drawn);
}

void screen_point(int32_t x, int32_t y) {
    const struct bw_area old = pointer;
    lift_pointer();
    pointer = (struct bw_area){x, y, POINTER_WIDTH, POINTER_HEIGHT};
    put_pointer();
    const struct bw_area both = around(old, pointer);
    /* Far from each other, all that lies between is not shown for their sake. */
    if (both.width * both.height <= 4 * POINTER_WIDTH * POINTER_HEIGHT) {
        show(both);
        return;
    }
    show(old);
    show(pointer);
}
