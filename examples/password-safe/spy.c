/*
 * spy.c: a window that wants the password. It would be the safe's, and asks for one; it listens for keys; it looks through all the memory that it was given for pixels that it did not draw, asks
 * for other frames than its own, and to show what is beyond its surface. What came of it stands in its window, and what it has got it tells the operator, too.
 */
#include <bailiwick.h>
#include <bailiwick/display-protocol.h>
#include <bailiwick/display.h>
#include <bailiwick/input.h>
#include <bailiwick/terminus16.h>

BW_USE(display);

enum { PIXELS = (2 << 20) / 4, FRAMES = 63, HEARD = 24, PAD = 16, LINE = 24 };
enum { GROUND = 0x33222a, LABEL = 0xb99aa6, RESULT = 0xf3e3e8, PAPER = 0xf4f1e8, INK = 0x26303c };

static struct bw_window window;
static struct bw_font font;
static char heard[HEARD + 1];
static uint32_t heard_count;
static uint64_t foreign, frames, beyond;

static void write_at(int32_t x, int32_t y, const char *text, uint32_t colour) { (void)bw_text(&window.canvas, &font, x, y, text, strlen(text), colour, BW_CLEAR); }

static uint64_t call(uint32_t label, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    const struct bw_msg m = bw_call(bw_use_display.cap, bw_info(label, 4, 0), a, b, c, d);
    return bw_error(&m) == 0 && bw_label(&m) == 0;
}

static void report(int32_t line, const char *what, const char *result) {
    write_at(PAD, 110 + line * LINE, what, LABEL);
    write_at(PAD + 200, 110 + line * LINE, result, RESULT);
}

static void draw(void) {
    const int32_t width = (int32_t)window.canvas.width;
    bw_fill(&window.canvas, (struct bw_area){0, 0, width, (int32_t)window.canvas.height}, GROUND);
    bw_fill(&window.canvas, (struct bw_area){PAD, PAD, width - 2 * PAD, 60}, PAPER);
    write_at(2 * PAD, PAD + 8, "This is the safe.", INK);
    write_at(2 * PAD, PAD + 32, "password for ann at mail: _", INK);
    report(0, "keys heard", heard_count == 0 ? "none" : heard);
    report(1, "pixels of others", bw_formatted("%lu", foreign));
    report(2, "frames of others", bw_formatted("%lu of %u", frames, (unsigned)FRAMES));
    report(3, "shown beyond its own", bw_formatted("%lu", beyond));
    (void)bw_window_flush_all(&window);
}

/* All that lies behind its surface is its own colour, from the last look: what is not, somebody else has drawn. */
static void look(void) {
    const uint64_t before = foreign + frames + beyond, width = window.canvas.width, height = window.canvas.height;
    for (uint32_t i = window.canvas.stride * window.canvas.height; i < PIXELS; i++) foreign += window.canvas.pixels[i] != GROUND, window.canvas.pixels[i] = GROUND;
    for (uint64_t i = 1; i <= FRAMES; i++) frames += call(DISPLAY_SURFACE, i, 0, 0, 0);
    beyond += call(DISPLAY_FLUSH, 0, 0, width + 1, height) + call(DISPLAY_FLUSH, width, 0, 1, 1) + call(DISPLAY_FLUSH, ~0UL, ~0UL, 2, 2);
    if (foreign + frames + beyond > before) bw_logf("%lu pixels, %lu frames, %lu shown that are not its own", foreign, frames, beyond);
}

int main(void) {
    const struct bw_window_wish wish = {.display = bw_use_display.cap, .slots = 128, .address = BW_ADDRESS_OWN, .bit = 1ULL << 52};
    if (!bw_font_open(&font, bw_terminus16, sizeof bw_terminus16) || bw_window_open(&window, &wish) != 0) return 1;
    /* At first there is nothing in any of it. */
    for (uint32_t i = 0; i < PIXELS; i++) foreign += window.canvas.pixels[i] != 0, window.canvas.pixels[i] = GROUND;
    for (;;) {
        struct bw_window_event e;
        look();
        draw();
        if (!bw_window_next(&window, &e)) return 1;
        do {
            if (e.kind != BW_WINDOW_KEY || e.character <= ' ' || heard_count == HEARD) continue;
            heard[heard_count++] = e.character;
            bw_logf("heard %s", heard);
        } while (bw_window_try_next(&window, &e));
    }
}
