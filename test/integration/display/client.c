/*
 * A client of the display: fills its window with its colour, asks for what makes no sense, and prints each key that is pressed, where each button went down and up, and
 * whether it has the focus. Escape ends it. With the argument `late` it takes no event until its ring has been full for a while.
 */
#include <bailiwick.h>
#include <bailiwick/display-protocol.h>
#include <bailiwick/display.h>
#include <bailiwick/input.h>

BW_USE(console);
BW_USE(display);

static struct bw_window window;

static uint32_t flush(uint64_t x, uint64_t y, uint64_t width, uint64_t height) {
    const struct bw_msg m = bw_call(bw_use_display.cap, bw_info(DISPLAY_FLUSH, 4, 0), x, y, width, height);
    return bw_error(&m) != 0 ? 1000 : bw_label(&m);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    const struct bw_window_wish wish = {.display = bw_use_display.cap, .slots = 130, .address = BW_ADDRESS_OWN, .bit = 1ULL << 52};
    const uint32_t refusal = bw_window_open(&window, &wish);
    const uint32_t width = window.canvas.width, height = window.canvas.height;
    bw_printf("%s: %u, %u x %u\n", bw_name(), refusal, width, height);
    if (refusal != 0) return 1;
    bw_fill(&window.canvas, (struct bw_area){0, 0, (int32_t)width, (int32_t)height}, (uint32_t)bw_arg_number("colour", 0));
    const struct bw_msg beyond = bw_call(bw_use_display.cap, bw_info(DISPLAY_SURFACE, 1, 0), 1, 0, 0, 0);
    const uint32_t whole = bw_window_flush_all(&window);
    bw_printf("%s: %u, nonsense: %u %u %u %u, %u\n", bw_name(), whole, flush(0, 0, 0, 1), flush(0, height, 1, 1), flush(1, 0, width, 1), flush(~0UL, ~0UL, 2, 2), bw_label(&beyond));
    bw_printf("%s: ready\n", bw_name());
    if (bw_arg("late") != NULL) {
        while (bw_receivable(&window.channel.in) < 512) bw_yield();
        for (uint32_t i = 0; i < 100000; i++) bw_yield();
        bw_printf("%s: late\n", bw_name());
    }
    struct bw_window_event e;
    while (bw_window_next(&window, &e)) {
        if (e.kind == BW_WINDOW_FOCUS) bw_printf("%s: %s\n", bw_name(), e.value != 0 ? "focus" : "no focus");
        if (e.kind == BW_WINDOW_LOST) bw_printf("%s: lost\n", bw_name());
        if (e.kind == BW_WINDOW_WHEEL) bw_printf("%s: wheel %d\n", bw_name(), e.value);
        if (e.kind == BW_WINDOW_BUTTON) bw_printf("%s: %s %d %d\n", bw_name(), e.value != 0 ? "down" : "up", window.x, window.y);
        if (e.kind == BW_WINDOW_KEY) bw_printf("%s: key %u %s\n", bw_name(), e.code, e.value != 0 ? "down" : "up");
        if (e.kind == BW_WINDOW_KEY && e.code == BW_KEY_ESCAPE && e.value != 0) break;
    }
    return 0;
}
