/*
 * The client of `npm run bench -- display`: says that all of its surface is to be seen, or a small part, again and again. What is in it does not matter: every update goes all the way.
 * args: full, small: updates of each kind.
 */
#include <bailiwick.h>
#include <bailiwick/display.h>

BW_USE(display);

/* A line of text is about so large. */
enum { SLOT_WINDOW = 128, SMALL_WIDTH = 64, SMALL_HEIGHT = 16 };

static struct bw_window window;

static void measure(const char *name, struct bw_area area, uint64_t count) {
    bw_log(name);
    for (uint64_t i = 0; i < count; i++) {
        if (bw_window_flush(&window, area) == 0) continue;
        bw_log("failed: an update was refused");
        bw_exit(1);
    }
    bw_log("end");
}

int main(void) {
    const uint64_t full = bw_arg_number("full", 4), small = bw_arg_number("small", 4);
    const struct bw_window_wish wish = {.display = bw_use_display.cap, .slots = SLOT_WINDOW, .address = BW_ADDRESS_OWN, .bit = 1ULL << 52};
    if (bw_window_open(&window, &wish) != 0) {
        bw_log("failed: there is no window");
        return 1;
    }
    const struct bw_area all = {0, 0, (int32_t)window.canvas.width, (int32_t)window.canvas.height};
    measure("warm", all, full);
    measure("full", all, full);
    measure("small", (struct bw_area){0, 0, SMALL_WIDTH, SMALL_HEIGHT}, small);
    return 0;
}
