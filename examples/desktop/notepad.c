/*
 * notepad.c: a page to type on. It knows of nobody else on the screen: it draws on its canvas, and hears what is done to its window. Arrows, Home, End and a click move the
 * cursor; Escape ends it.
 */
#include <bailiwick.h>
#include <bailiwick/display.h>
#include <bailiwick/input.h>
#include <bailiwick/terminus16.h>

BW_USE(console);
BW_USE(display);

enum { MOST = 2000, MARGIN = 20, TOP = 10, LEADING = 4, STATUS = 24, PAD = 8 };
enum { PAPER = 0xf8f5ec, RULE = 0xdfe3e6, EDGE = 0xe6b8b0, INK = 0x26303c, CURSOR = 0xc08a1c, STATUS_GROUND = 0xe9e4d6, STATUS_INK = 0x7a7466 };

static struct bw_window window;
static struct bw_font font;
static char text[MOST];
static size_t length, cursor;

/* Where a character is, in columns and rows of the page. */
struct place {
    uint32_t column, row;
};

static uint32_t columns(void) { return (window.canvas.width - 2 * MARGIN) / font.width; }
static uint32_t line_height(void) { return font.height + LEADING; }

/* Behind this one. */
static struct place after(struct place at, char character) {
    return character == '\n' || at.column + 1 == columns() ? (struct place){0, at.row + 1} : (struct place){at.column + 1, at.row};
}

static struct place place_of(size_t index) {
    struct place at = {0, 0};
    for (size_t i = 0; i < index; i++) at = after(at, text[i]);
    return at;
}

/* The character there, or the last one before it in its row. */
static size_t index_of(struct place wanted) {
    size_t found = 0;
    struct place at = {0, 0};
    for (size_t i = 0; at.row < wanted.row || (at.row == wanted.row && at.column <= wanted.column); i++) {
        found = i;
        if (i == length) break;
        at = after(at, text[i]);
    }
    return found;
}

static void insert(char character) {
    if (length == MOST) return;
    memmove(&text[cursor + 1], &text[cursor], length - cursor);
    text[cursor++] = character;
    length++;
}

/* The one before the cursor. */
static void delete_character(void) {
    if (cursor == 0) return;
    memmove(&text[cursor - 1], &text[cursor], length - cursor);
    cursor--, length--;
}

static int32_t x_of(struct place at) { return (int32_t)(MARGIN + at.column * font.width); }
static int32_t y_of(struct place at) { return (int32_t)(TOP + at.row * line_height()); }

static void draw_page(const struct bw_canvas *page) {
    const int32_t width = (int32_t)page->width;
    bw_fill(page, (struct bw_area){0, 0, width, (int32_t)page->height}, PAPER);
    for (struct place at = {0, 1}; y_of(at) < (int32_t)page->height; at.row++) bw_fill(page, (struct bw_area){0, y_of(at) - LEADING / 2, width, 1}, RULE);
    bw_fill(page, (struct bw_area){MARGIN - PAD, 0, 1, (int32_t)page->height}, EDGE);
    struct place at = {0, 0};
    for (size_t i = 0; i < length; at = after(at, text[i++])) {
        if (text[i] != '\n') (void)bw_text(page, &font, x_of(at), y_of(at), &text[i], 1, INK, BW_CLEAR);
    }
    at = place_of(cursor);
    bw_fill(page, (struct bw_area){x_of(at) - 1, y_of(at) - 1, 2, (int32_t)font.height + 2}, CURSOR);
}

static void draw(void) {
    const struct bw_canvas *c = &window.canvas;
    const int32_t width = (int32_t)c->width, top = (int32_t)c->height - STATUS;
    const struct bw_canvas page = bw_canvas_part(c, (struct bw_area){0, 0, width, top});
    draw_page(&page);
    static const char hint[] = "Esc: quit";
    const struct place at = place_of(cursor);
    const char *status = bw_formatted("row %u, column %u", at.row + 1, at.column + 1);
    bw_fill(c, (struct bw_area){0, top, width, STATUS}, STATUS_GROUND);
    (void)bw_text(c, &font, PAD, top + LEADING, status, strlen(status), STATUS_INK, BW_CLEAR);
    (void)bw_text(c, &font, width - PAD - (int32_t)bw_text_width(&font, hint, sizeof hint - 1), top + LEADING, hint, sizeof hint - 1, STATUS_INK, BW_CLEAR);
    (void)bw_window_flush_all(&window);
}

static void key(const struct bw_window_event *e) {
    struct place at = place_of(cursor);
    switch (e->code) {
    case BW_KEY_BACKSPACE: delete_character(); return;
    case BW_KEY_LEFT: if (cursor > 0) cursor--; return;
    case BW_KEY_RIGHT: if (cursor < length) cursor++; return;
    case BW_KEY_UP: if (at.row > 0) at.row--, cursor = index_of(at); return;
    case BW_KEY_DOWN: at.row++, cursor = index_of(at); return;
    case BW_KEY_HOME: at.column = 0, cursor = index_of(at); return;
    case BW_KEY_END: at.column = columns(), cursor = index_of(at); return;
    default: if (e->character != 0) insert(e->character); return;
    }
}

static void click(void) {
    const int32_t column = window.x - MARGIN + (int32_t)font.width / 2, row = window.y - TOP;
    cursor = index_of((struct place){column < 0 ? 0 : (uint32_t)column / font.width, row < 0 ? 0 : (uint32_t)row / line_height()});
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    const struct bw_window_wish wish = {.display = bw_use_display.cap, .slots = 128, .address = BW_ADDRESS_OWN, .bit = 1ULL << 52};
    if (!bw_font_open(&font, bw_terminus16, sizeof bw_terminus16) || bw_window_open(&window, &wish) != 0) return 1;
    draw();
    bw_puts("notepad: ready");
    struct bw_window_event e;
    while (bw_window_next(&window, &e)) {
        /* What has come meanwhile is drawn at once. */
        do {
            if (e.kind == BW_WINDOW_KEY && e.value != 0 && e.code == BW_KEY_ESCAPE) return 0;
            if (e.kind == BW_WINDOW_KEY && e.value != 0) key(&e);
            if (e.kind == BW_WINDOW_BUTTON && e.value != 0) click();
        } while (bw_window_try_next(&window, &e));
        draw();
    }
    return 1;
}
