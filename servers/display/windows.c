/* windows.c: see windows.h. */
#include "windows.h"

#include <bailiwick/string.h>
#include <stddef.h>

enum { GAP = 8, MOST_NUMBER = 9999 };

static int32_t between(int32_t least, int32_t value, int32_t most) { return value < least ? least : value > most ? most : value; }

static struct window framed(struct bw_area frame) {
    return (struct window){.frame = frame, .content = {frame.x + EDGE, frame.y + TITLE, frame.width - 2 * EDGE, frame.height - TITLE - EDGE}};
}

static struct window full(struct bw_area desk) { return (struct window){.frame = desk, .content = desk, .full = true}; }

/* A number and the character behind it; where the text goes on, NULL: it does not begin so. */
static const char *number(const char *text, char behind, int32_t *value) {
    *value = 0;
    const char *at = text;
    for (; at != NULL && *at >= '0' && *at <= '9' && *value <= MOST_NUMBER; at++) *value = *value * 10 + (*at - '0');
    if (at == NULL || at == text || *at != behind || *value > MOST_NUMBER) return NULL;
    return behind == 0 ? at : at + 1;
}

bool window_parse(const char *text, struct bw_area desk, struct window *window) {
    if (strcmp(text, "full") == 0) {
        *window = full(desk);
        return true;
    }
    struct bw_area a;
    if (number(number(number(number(text, ',', &a.x), ' ', &a.y), 'x', &a.width), 0, &a.height) == NULL) return false;
    if (a.width < LEAST_SIDE || a.height < LEAST_SIDE || a.x > desk.width - a.width || a.y > desk.height - a.height) return false;
    a.x += desk.x, a.y += desk.y;
    *window = framed(a);
    return true;
}

struct window window_tile(struct bw_area desk, uint32_t index, uint32_t count) {
    if (count == 1) return full(desk);
    int32_t across = 1;
    while ((uint32_t)(across * across) < count) across++;
    const int32_t rows = ((int32_t)count + across - 1) / across, row = (int32_t)index / across, column = (int32_t)index % across;
    /* The last row may have fewer, which are wider then. */
    const int32_t columns = row == rows - 1 ? (int32_t)count - row * across : across;
    const int32_t left = (desk.width - GAP) * column / columns, right = (desk.width - GAP) * (column + 1) / columns;
    const int32_t top = (desk.height - GAP) * row / rows, bottom = (desk.height - GAP) * (row + 1) / rows;
    return framed((struct bw_area){desk.x + left + GAP, desk.y + top + GAP, right - left - GAP, bottom - top - GAP});
}

void windows_raise(struct windows *w, uint32_t number) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->count; i++) if (w->order[i] != number) w->order[kept++] = w->order[i];
    w->order[kept] = number;
}

bool windows_move(struct windows *w, uint32_t number, int32_t x, int32_t y) {
    struct window *its = &w->all[number];
    struct bw_area frame = its->frame;
    frame.x = between(w->desk.x, x, w->desk.x + w->desk.width - frame.width);
    frame.y = between(w->desk.y, y, w->desk.y + w->desk.height - frame.height);
    if (its->full || (frame.x == its->frame.x && frame.y == its->frame.y)) return false;
    *its = framed(frame);
    return true;
}

uint32_t windows_at(const struct windows *w, int32_t x, int32_t y) {
    for (uint32_t i = w->count; i-- > 0;) if (area_has(w->all[w->order[i]].frame, x, y)) return w->order[i];
    return NOBODY;
}

void windows_visible(const struct windows *w, struct bw_area area, uint32_t above, void (*piece)(void *context, struct bw_area area), void *context) {
    if (area_empty(area)) return;
    for (; above < w->count; above++) {
        const struct bw_area hole = bw_area_common(area, w->all[w->order[above]].frame);
        if (area_empty(hole)) continue;
        /* What is left of it: above the hole, below it, and at its sides. */
        const int32_t bottom = hole.y + hole.height, right = hole.x + hole.width;
        const struct bw_area left[] = {
            {area.x, area.y, area.width, hole.y - area.y},
            {area.x, bottom, area.width, area.y + area.height - bottom},
            {area.x, hole.y, hole.x - area.x, hole.height},
            {right, hole.y, area.x + area.width - right, hole.height},
        };
        for (size_t i = 0; i < sizeof left / sizeof *left; i++) windows_visible(w, left[i], above + 1, piece, context);
        return;
    }
    piece(context, area);
}
