/*
 * The display server's arithmetic of windows (servers/display/windows.c) against a naive reading of its header, pixel by pixel, with windows drawn from a seed.
 * Usage: windows ROUNDS SEED; windows parse TEXT...: prints what each is, on a desk of 640 x 456 from 0, 24
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../servers/display/windows.h"

enum { SIDE = 200 };

static uint64_t state;
static uint32_t below(uint32_t most) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16) % most;
}

#define CHECK(what) do { if (!(what)) printf("round %" PRIu64 ": %s\n", round, #what), exit(1); } while (0)

static struct windows w;
static uint8_t seen[SIDE][SIDE];
static void piece(void *context, struct bw_area a) {
    (void)context;
    for (int32_t y = a.y; y < a.y + a.height; y++) for (int32_t x = a.x; x < a.x + a.width; x++) seen[y][x]++;
}

static bool inside(struct bw_area a, struct bw_area b) { return a.x >= b.x && a.y >= b.y && a.x + a.width <= b.x + b.width && a.y + a.height <= b.y + b.height; }

static void check_windows(uint64_t round) {
    uint32_t places = 0;
    for (uint32_t i = 0; i < w.count; i++) {
        const struct window *one = &w.all[i];
        CHECK(inside(one->frame, w.desk) && inside(one->content, one->frame));
        const bool framed = one->content.y == one->frame.y + TITLE && one->content.x > one->frame.x && one->content.x + one->content.width < one->frame.x + one->frame.width;
        CHECK(one->full ? one->content.height == w.desk.height : framed);
        places |= 1U << w.order[i];
    }
    CHECK(places == (1U << w.count) - 1);
}

static void check_visible(uint64_t round) {
    const uint32_t place = below(w.count + 1);
    struct bw_area area = {(int32_t)below(SIDE), (int32_t)below(SIDE), 0, 0};
    area.width = (int32_t)below(SIDE - (uint32_t)area.x + 1), area.height = (int32_t)below(SIDE - (uint32_t)area.y + 1);
    memset(seen, 0, sizeof seen);
    windows_visible(&w, area, place, piece, NULL);
    for (int32_t y = 0; y < SIDE; y++) {
        for (int32_t x = 0; x < SIDE; x++) {
            bool free = area_has(area, x, y);
            for (uint32_t i = place; i < w.count; i++) free = free && !area_has(w.all[w.order[i]].frame, x, y);
            CHECK(seen[y][x] == free);
        }
    }
}

static void rounds(uint64_t count) {
    uint64_t moved = 0;
    for (uint64_t round = 0; round < count; round++) {
        w = (struct windows){.desk = {0, BAR, SIDE, SIDE - BAR}, .count = 1 + below(WINDOWS_MOST)};
        for (uint32_t i = 0; i < w.count; i++) {
            char text[64] = "full";
            if (below(5) != 0) snprintf(text, sizeof text, "%u,%u %ux%u", below(SIDE), below(SIDE), below(SIDE), below(SIDE));
            if (!window_parse(text, w.desk, &w.all[i])) w.all[i] = window_tile((struct bw_area){0, BAR, SIDE, SIDE - BAR}, below(4), 4);
            w.order[i] = i;
        }
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t number = below(w.count);
            windows_raise(&w, number);
            CHECK(windows_focused(&w) == number);
            moved += windows_move(&w, below(w.count), (int32_t)below(3 * SIDE) - SIDE, (int32_t)below(3 * SIDE) - SIDE);
            check_windows(round);
            check_visible(round);
            const int32_t x = (int32_t)below(SIDE), y = (int32_t)below(SIDE);
            uint32_t there = NOBODY;
            for (uint32_t k = 0; k < w.count; k++) if (area_has(w.all[w.order[k]].frame, x, y)) there = w.order[k];
            CHECK(windows_at(&w, x, y) == there);
        }
        /* Tiles lie beside each other. */
        w.count = 1 + below(WINDOWS_MOST), w.desk = (struct bw_area){0, BAR, 2000, 1000};
        for (uint32_t i = 0; i < w.count; i++) w.all[i] = window_tile(w.desk, i, w.count), w.order[i] = i;
        check_windows(round);
        for (uint32_t i = 0; i < w.count; i++) for (uint32_t k = 0; k < i; k++) CHECK(area_empty(bw_area_common(w.all[i].frame, w.all[k].frame)));
    }
    printf("%" PRIu64 " rounds, windows moved %d\n", count, moved > count);
}

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "parse") == 0) {
        for (int i = 2; i < argc; i++) {
            struct window one = {0};
            if (!window_parse(argv[i], (struct bw_area){0, BAR, 640, 456}, &one)) printf("none\n");
            else {
                printf("%d %d %d %d, ", one.frame.x, one.frame.y, one.frame.width, one.frame.height);
                printf("%d %d %d %d%s\n", one.content.x, one.content.y, one.content.width, one.content.height, one.full ? ", full" : "");
            }
        }
        return 0;
    }
    if (argc != 3) return 2;
    state = strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15U + 1;
    rounds(strtoull(argv[1], NULL, 10));
    return 0;
}
