/*
 * A client of the display that works: it draws and flushes a small square a number of times, and says when it has done so many; then again when a key is pressed.
 */
#include <bailiwick.h>
#include <bailiwick/display.h>

BW_USE(console);
BW_USE(display);

int main(void) {
    bw_console_open(bw_use_console.cap);
    static struct bw_window window;
    const struct bw_window_wish wish = {.display = bw_use_display.cap, .slots = 130, .address = BW_ADDRESS_OWN, .bit = 1ULL << 52};
    if (bw_window_open(&window, &wish) != 0) return 1;
    bw_printf("%s: ready\n", bw_name());
    struct bw_window_event e;
    for (uint32_t done = 0; bw_window_next(&window, &e);) {
        if (e.kind != BW_WINDOW_KEY || e.value == 0) continue;
        for (uint32_t i = 0; i < 2000; i++) {
            const struct bw_area square = {(int32_t)(i % 100), (int32_t)(i % 90), 32, 32};
            bw_fill(&window.canvas, square, i);
            (void)bw_window_flush(&window, square);
        }
        bw_printf("%s: done %u\n", bw_name(), ++done);
    }
    return 1;
}
