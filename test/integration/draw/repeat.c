/*
 * Draws what it is told on its input, and prints the pixels; 32-bit numbers, the machine's own order. First width, height and stride of the canvas, then a font's bytes;
 * then for each step: kind, part of the canvas (x y width height), area, a number, a colour, a background, and a text's bytes. Bytes come behind their number.
 * Behind the pixels, for each text: 1 if the font is one, its width, and where the next character would begin.
 */
#include <bailiwick/draw.h>
#include <bailiwick/input.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int32_t number(void) {
    int32_t value = 0;
    if (fread(&value, sizeof value, 1, stdin) != 1) exit(feof(stdin) ? 3 : 4);
    return value;
}

static uint8_t *bytes(size_t *count) {
    *count = (size_t)number();
    uint8_t *read = malloc(*count + (*count == 0));
    if (fread(read, 1, *count, stdin) != *count) exit(5);
    return read;
}

static struct bw_area area(void) {
    const int32_t x = number(), y = number(), width = number(), height = number();
    return (struct bw_area){x, y, width, height};
}

static int keys(void) {
    for (uint32_t code = 0; code < 768; code++) printf("%d %d\n", bw_key_character(code, false), bw_key_character(code, true));
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "keys") == 0) return keys();
    const uint32_t width = (uint32_t)number(), height = (uint32_t)number(), stride = (uint32_t)number();
    uint32_t *pixels = calloc((size_t)stride * height, sizeof *pixels);
    const struct bw_canvas canvas = {pixels, width, height, stride};
    size_t count = 0;
    uint8_t *font_bytes = bytes(&count);
    static struct bw_font font;
    const bool has_font = bw_font_open(&font, font_bytes, count);
    int64_t texts[64][3];
    size_t text_count = 0;
    for (int32_t steps = number(); steps > 0; steps--) {
        const int32_t kind = number();
        const struct bw_canvas part = bw_canvas_part(&canvas, area());
        const struct bw_area where = area();
        const int32_t value = number();
        const uint32_t colour = (uint32_t)number(), background = (uint32_t)number();
        uint8_t *text = bytes(&count);
        if (kind == 0) bw_fill(&part, where, colour);
        if (kind == 1) bw_outline(&part, where, value, colour);
        if (kind == 2) {
            uint32_t other[7 * 5];
            for (uint32_t i = 0; i < 35; i++) other[i] = colour + i;
            const struct bw_canvas from = {other, 7, 5, 7};
            bw_copy(&part, where.x, where.y, &from);
        }
        if (kind == 3 && text_count < 64) {
            int64_t *said = texts[text_count++];
            said[0] = has_font, said[1] = said[2] = 0;
            if (has_font) said[1] = (int64_t)bw_text_width(&font, (char *)text, count), said[2] = bw_text(&part, &font, where.x, where.y, (char *)text, count, colour, background);
        }
        free(text);
    }
    fwrite(pixels, sizeof *pixels, (size_t)stride * height, stdout);
    fwrite(texts, sizeof *texts, text_count, stdout);
    free(pixels);
    free(font_bytes);
    return 0;
}
