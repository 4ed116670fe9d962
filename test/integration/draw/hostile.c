/*
 * Draws with fonts and numbers drawn from a seed, on canvases whose memory ends where they end: the sanitizers end it at the first access beyond.
 * Usage: hostile ROUNDS SEED
 */
#include <bailiwick/draw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;
static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}
static uint32_t below(uint32_t most) { return next() % most; }

static int32_t number(void) {
    static const int32_t edges[] = {INT32_MIN, INT32_MIN + 1, INT32_MAX, INT32_MAX - 1, 0, -1, 1};
    return below(4) == 0 ? edges[below(7)] : (int32_t)below(200) - 80;
}
static struct bw_area area(void) { return (struct bw_area){number(), number(), number(), number()}; }

static void put(uint8_t *at, uint32_t value) { memcpy(at, &value, 4); }

/* A font that is right, or nearly: some of its bytes are spoilt, and it may be cut short. */
static uint8_t *font_bytes(size_t *count) {
    const uint32_t kind = below(3), glyphs = kind == 0 ? 256 : 1 + below(300), width = kind == 0 ? 8 : 1 + below(40), height = 1 + below(30);
    const uint32_t each = (width + 7) / 8 * height, header = kind == 0 ? 4 : 32, table = below(3000);
    *count = header + glyphs * each + table;
    uint8_t *bytes = malloc(*count);
    for (size_t i = 0; i < *count; i++) bytes[i] = (uint8_t)(below(3) == 0 ? 0xff - below(3) : below(256));
    if (kind == 0) memcpy(bytes, (uint8_t[]){0x36, 0x04, 2, (uint8_t)height}, 4);
    else {
        put(bytes, 0x864ab572U), put(bytes + 4, 0), put(bytes + 8, header), put(bytes + 12, 1);
        put(bytes + 16, glyphs), put(bytes + 20, each), put(bytes + 24, height), put(bytes + 28, width);
    }
    if (below(3) == 0) bytes[below(header)] = (uint8_t)next();
    if (below(3) == 0) {
        *count = below((uint32_t)*count + 1);
        uint8_t *shorter = malloc(*count + (*count == 0));
        memcpy(shorter, bytes, *count);
        free(bytes);
        return shorter;
    }
    return bytes;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    const uint64_t rounds = strtoull(argv[1], NULL, 10);
    state = strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15U + 1;
    uint64_t opened = 0, drawn = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        const uint32_t width = below(100), height = below(60), stride = width + below(10);
        const size_t pixels = height == 0 ? 0 : (size_t)(height - 1) * stride + width;
        uint32_t *memory = calloc(pixels + (pixels == 0), 4);
        const struct bw_canvas all = {memory, width, height, stride};
        struct bw_canvas canvas = below(2) == 0 ? all : bw_canvas_part(&all, area());
        bw_fill(&canvas, area(), 1);
        bw_outline(&canvas, area(), number(), 1);
        const struct bw_canvas part = bw_canvas_part(&canvas, area());
        uint32_t other[20 * 10];
        memset(other, 1, sizeof other);
        const struct bw_canvas from = {other, 20, 10, 20};
        bw_copy(&part, number(), number(), &from);
        size_t count = 0;
        uint8_t *bytes = font_bytes(&count);
        static struct bw_font font;
        if (bw_font_open(&font, bytes, count)) {
            opened++;
            char *text = malloc(30);
            for (int i = 0; i < 30; i++) text[i] = (char)next();
            const size_t length = below(31);
            const uint64_t wide = bw_text_width(&font, text, length);
            const int32_t x = number();
            if (bw_text(&canvas, &font, x, number(), text, length, 1, below(2) == 0 ? BW_CLEAR : 1) != (int64_t)x + (int64_t)wide) return 3;
            free(text);
        }
        free(bytes);
        for (size_t i = 0; i < pixels; i++) drawn += memory[i] != 0;
        free(memory);
    }
    printf("%" PRIu64 " rounds, %" PRIu64 " fonts opened, %" PRIu64 " pixels drawn\n", rounds, opened, drawn);
    return 0;
}
