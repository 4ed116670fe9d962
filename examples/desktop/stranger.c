/*
 * stranger.c: a window that would be the other one. It draws a bar and a title like the real ones, with a question for a password; writes all of its frame, also what lies
 * behind its surface; looks for pixels that it did not draw; asks for frames that are not its own and to show what is not its window; listens; and flushes without pause.
 * What came of it stands in its window.
 */
#include <bailiwick.h>
#include <bailiwick/display-protocol.h>
#include <bailiwick/display.h>
#include <bailiwick/input.h>
#include <bailiwick/terminus16.h>

BW_USE(console);
BW_USE(display);

enum { PIXELS = (2 << 20) / 4, TRIES = 63, MOST_HEARD = 12, PAD = 12, LINE = 22, INNER = 328 };
/* Of the real bar, titles and page: anybody can see them. */
enum { BAR = 24, BAR_GROUND = 0x141a21, BAR_HINT = 0x8b98a8, GOLD = 0xe0b040, TITLE = 22, TITLE_GROUND = 0x2c5d8f, PAPER = 0xf8f5ec, INK = 0x26303c, WHITE = 0xffffff };
enum { GROUND = 0x33222a, LABEL = 0xb99aa6, RESULT = 0xf3e3e8, HEADING = 0xe58f9f };

static struct bw_window window;
static struct bw_font font;
static char heard[MOST_HEARD + 1];
static uint32_t heard_count;

static void write_at(int32_t x, int32_t y, const char *text, uint32_t colour) { (void)bw_text(&window.canvas, &font, x, y, text, strlen(text), colour, BW_CLEAR); }

static void draw_imitation(void) {
    const struct bw_canvas *c = &window.canvas;
    const int32_t width = (int32_t)c->width;
    bw_fill(c, (struct bw_area){0, 0, width, BAR}, BAR_GROUND);
    bw_fill(c, (struct bw_area){0, BAR - 2, width, 2}, GOLD);
    write_at(8, 3, "keyboard:", BAR_HINT);
    write_at(88, 3, "notepad", WHITE);
    const struct bw_area box = {PAD, BAR + PAD, INNER, 78};
    bw_fill(c, box, PAPER);
    bw_fill(c, (struct bw_area){box.x, box.y, box.width, TITLE}, TITLE_GROUND);
    bw_fill(c, (struct bw_area){box.x, box.y + TITLE - 2, box.width, 2}, GOLD);
    write_at(box.x + 8, box.y + 2, "notepad", WHITE);
    write_at(box.x + 16, box.y + 42, "Your password:", INK);
    bw_fill(c, (struct bw_area){box.x + 140, box.y + 38, box.width - 156, 24}, WHITE);
    bw_outline(c, (struct bw_area){box.x + 140, box.y + 38, box.width - 156, 24}, 1, BAR_HINT);
}

/* A line of the report, its result at the right edge. */
static void report(int32_t line, const char *what, const char *result) {
    const int32_t y = 170 + line * LINE, right = PAD + INNER;
    bw_fill(&window.canvas, (struct bw_area){PAD, y, right - PAD, (int32_t)font.height}, GROUND);
    write_at(PAD, y, what, LABEL);
    write_at(right - (int32_t)bw_text_width(&font, result, strlen(result)), y, result, RESULT);
}

static uint32_t call(uint32_t label, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    const struct bw_msg m = bw_call(bw_use_display.cap, bw_info(label, 4, 0), a, b, c, d);
    return bw_error(&m) == 0 && bw_label(&m) == 0;
}

/* What is shown in windows that are not its own: all refused, or it is in the picture. */
static uint32_t show_beyond(void) {
    const uint64_t width = window.canvas.width, height = window.canvas.height;
    return call(DISPLAY_FLUSH, 0, 0, width + 1, height) + call(DISPLAY_FLUSH, width, 0, 1, 1) + call(DISPLAY_FLUSH, ~0UL, ~0UL, 2, 2) + call(DISPLAY_FLUSH, 0, 1, width, height);
}

static void listen(void) {
    struct bw_window_event e;
    while (bw_window_try_next(&window, &e)) {
        if (e.kind == BW_WINDOW_FOCUS && e.value != 0) bw_puts("stranger: has the keyboard");
        if (e.kind != BW_WINDOW_KEY || e.character <= ' ' || heard_count == MOST_HEARD) continue;
        heard[heard_count++] = e.character;
        report(5, "keys heard", bw_formatted("\"%s\"", heard));
        bw_printf("stranger: heard %s\n", heard);
    }
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    const struct bw_window_wish wish = {.display = bw_use_display.cap, .slots = 128, .address = BW_ADDRESS_OWN, .bit = 1ULL << 52};
    if (!bw_font_open(&font, bw_terminus16, sizeof bw_terminus16) || bw_window_open(&window, &wish) != 0) return 1;
    uint32_t foreign = 0, frames = 0;
    for (uint32_t i = 0; i < PIXELS; i++) foreign += window.canvas.pixels[i] != 0, window.canvas.pixels[i] = GROUND;
    for (uint64_t i = 1; i <= TRIES; i++) frames += call(DISPLAY_SURFACE, i, 0, 0, 0);
    draw_imitation();
    write_at(PAD, 170 - LINE - 6, "What the stranger has got", HEADING);
    report(0, "its bar and title above", "seen here only");
    report(1, "pixels that others drew", bw_formatted("%u", foreign));
    report(2, "frames that are not its own", bw_formatted("%u of %u", frames, TRIES));
    report(3, "flushes beyond its surface", bw_formatted("%u of 4", show_beyond()));
    report(4, "flushes of its own", "without pause");
    report(5, "keys heard", "none");
    bw_puts("stranger: floods");
    for (;;) {
        listen();
        if (bw_window_flush_all(&window) != 0) return 1;
        if (show_beyond() != 0) bw_puts("stranger: shows what is not its own");
    }
}
