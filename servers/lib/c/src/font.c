/*
 * font.c: console fonts and text; see draw.h. Source: the headers of PSF, versions 1 and 2 (kbd, "psf.h").
 *
 * PSF 1: 4 bytes of header; 256 or 512 glyphs, 8 pixels wide; then, for each, characters as 16-bit numbers up to 0xffff; 0xfffe begins sequences.
 * PSF 2: a header of 32-bit numbers; glyphs of any width, rows of whole bytes; then, for each, characters in UTF-8 up to 0xff; 0xfe begins sequences.
 * Sequences of several characters are left out.
 */
#include <bailiwick/draw.h>

enum { MODE_512 = 1, MODE_TABLE = 2, FLAG_TABLE = 1, MOST_SIDE = 64, MOST_GLYPHS = 65535, NONE = 0xffffff };
#define MAGIC2 0x864ab572U

static uint32_t word(const uint8_t *bytes) { return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24; }

/* The character at *at, which moves on; U+FFFD for a byte that makes no sense, of which one is taken. */
static uint32_t decode(const uint8_t *bytes, size_t count, size_t *at) {
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    const uint8_t first = bytes[(*at)++];
    if (first < 0x80) return first;
    const uint32_t more = first >= 0xf8 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    uint32_t code = first & (0x3fU >> more);
    if (more == 0 || count - *at < more) return 0xfffd;
    for (uint32_t i = 0; i < more; i++) {
        const uint8_t next = bytes[*at + i];
        if ((next & 0xc0) != 0x80) return 0xfffd;
        code = code << 6 | (next & 0x3f);
    }
    if (code < smallest[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return 0xfffd;
    *at += more;
    return code;
}

/* The table's next entry: a character; NONE + 1 at the end of a glyph's, NONE + 2 where sequences begin. */
static uint32_t entry(const struct bw_font *font, size_t *at) {
    if (font->wide_table) {
        const uint32_t value = font->table[*at] | (uint32_t)font->table[*at + 1] << 8;
        *at += 2;
        return value == 0xffff ? NONE + 1 : value == 0xfffe ? NONE + 2 : value;
    }
    if (font->table[*at] < 0xfe) return decode(font->table, font->table_bytes, at);
    return font->table[(*at)++] == 0xff ? NONE + 1 : NONE + 2;
}

/* Calls for each character of the table; or, with `wanted`, says which glyph has it, NONE if none has. */
static uint32_t look(struct bw_font *fill, const struct bw_font *font, uint32_t wanted) {
    const size_t unit = font->wide_table ? 2 : 1;
    uint32_t glyph = 0;
    bool sequences = false;
    for (size_t at = 0; at + unit <= font->table_bytes && glyph < font->count;) {
        const uint32_t value = entry(font, &at);
        if (value == NONE + 1) glyph++;
        if (value > NONE) sequences = value == NONE + 2;
        if (value > NONE || sequences) continue;
        if (value == wanted) return glyph;
        if (fill != NULL && value < 256) fill->first[value] = (uint16_t)glyph;
    }
    return NONE;
}

static bool read_header(struct bw_font *font, const uint8_t *bytes, size_t count, size_t *header, bool *table) {
    if (count >= 4 && bytes[0] == 0x36 && bytes[1] == 0x04) {
        font->width = 8;
        font->height = font->glyph_bytes = bytes[3];
        font->count = (bytes[2] & MODE_512) != 0 ? 512 : 256;
        font->wide_table = true;
        *header = 4;
        *table = (bytes[2] & MODE_TABLE) != 0;
    } else if (count >= 32 && word(bytes) == MAGIC2 && word(bytes + 4) == 0) {
        font->count = word(bytes + 16);
        font->glyph_bytes = word(bytes + 20);
        font->height = word(bytes + 24);
        font->width = word(bytes + 28);
        *header = word(bytes + 8);
        *table = (word(bytes + 12) & FLAG_TABLE) != 0;
        if (*header < 32) return false;
    } else {
        return false;
    }
    if (font->width == 0 || font->height == 0 || font->width > MOST_SIDE || font->height > MOST_SIDE || font->count == 0 || font->count > MOST_GLYPHS) return false;
    return font->glyph_bytes == (font->width + 7) / 8 * font->height && *header <= count && (count - *header) / font->glyph_bytes >= font->count;
}

bool bw_font_open(struct bw_font *font, const uint8_t *bytes, size_t count) {
    size_t header = 0;
    bool table = false;
    *font = (struct bw_font){0};
    if (!read_header(font, bytes, count, &header, &table)) return false;
    const size_t end = header + (size_t)font->count * font->glyph_bytes;
    font->glyphs = bytes + header;
    font->table = bytes + end;
    font->table_bytes = table ? count - end : 0;
    uint32_t unknown = table ? look(NULL, font, '?') : '?';
    if (unknown >= font->count) unknown = 0;
    for (uint32_t i = 0; i < 256; i++) font->first[i] = (uint16_t)(table || i >= font->count ? unknown : i);
    (void)look(font, font, NONE);
    return true;
}

static uint32_t glyph_of(const struct bw_font *font, uint32_t character) {
    if (character < 256) return font->first[character];
    const uint32_t glyph = look(NULL, font, character);
    return glyph == NONE ? font->first['?'] : glyph;
}

uint64_t bw_text_width(const struct bw_font *font, const char *text, size_t bytes) {
    uint64_t characters = 0;
    for (size_t at = 0; at < bytes; characters++) (void)decode((const uint8_t *)text, bytes, &at);
    return characters * font->width;
}

static void draw_glyph(const struct bw_canvas *canvas, const struct bw_font *font, int64_t left, int64_t top, uint32_t glyph, uint32_t colour, uint32_t background) {
    const uint32_t row_bytes = (font->width + 7) / 8;
    const uint8_t *rows = font->glyphs + (size_t)glyph * font->glyph_bytes;
    for (uint32_t y = 0; y < font->height; y++) {
        if (top + y < 0 || top + y >= canvas->height) continue;
        uint32_t *row = canvas->pixels + (size_t)(top + y) * canvas->stride;
        for (uint32_t x = 0; x < font->width; x++) {
            if (left + x < 0 || left + x >= canvas->width) continue;
            const bool set = (rows[y * row_bytes + x / 8] >> (7 - x % 8) & 1) != 0;
            if (set) row[left + x] = colour;
            else if (background != BW_CLEAR) row[left + x] = background;
        }
    }
}

int64_t bw_text(const struct bw_canvas *canvas, const struct bw_font *font, int32_t x, int32_t y, const char *text, size_t bytes, uint32_t colour, uint32_t background) {
    int64_t left = x;
    for (size_t at = 0; at < bytes; left += font->width) {
        const uint32_t character = decode((const uint8_t *)text, bytes, &at);
        /* Beyond the right edge nothing is seen, and looking characters up takes time. */
        if (left < canvas->width && left + font->width > 0) draw_glyph(canvas, font, left, y, glyph_of(font, character), colour, background);
    }
    return left;
}
