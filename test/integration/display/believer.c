/* Opens a window at a server that lies, again and again with the same slots and addresses, and says what came of it. */
#include <bailiwick.h>
#include <bailiwick/display.h>

BW_USE(console);
BW_USE(display);

int main(void) {
    bw_console_open(bw_use_console.cap);
    const struct bw_window_wish wish = {.display = bw_use_display.cap, .slots = 130, .address = BW_ADDRESS_OWN, .bit = 1ULL << 52};
    for (uint32_t i = 0; i < 14; i++) {
        static struct bw_window window;
        const uint32_t refusal = bw_window_open(&window, &wish);
        if (refusal == BW_WINDOW_GONE) bw_printf("c: gone\n");
        else bw_printf("c: %u\n", refusal);
    }
    return 0;
}
