/*
 * A client of the display driver: fills its picture with a pattern, flushes parts of it, asks for what makes no sense, and says what came of it.
 */
#include <bailiwick.h>
#include <bailiwick/displaydriver.h>

BW_USE(console);
BW_USE(display);

enum { SLOT_FRAMES = 130, SLOT_LENT = 140, SLOT_SMALL = 150, WINDOW = 2 << 20 };
#define DATA 0x60200000UL

static void must(bw_err error, const char *what) {
    if (error == 0) return;
    bw_printf("%s: %s\n", what, bw_error_name(error));
    bw_exit(1);
}

static uint32_t lend(uint64_t number, bw_cptr frame, uint32_t rights) {
    must(bw_cnode_copy(BW_SLOT_CNODE, SLOT_LENT, BW_SLOT_CNODE, frame, rights), "copy");
    bw_ipc()->caps[0] = SLOT_LENT;
    const struct bw_msg m = bw_call(bw_use_display.cap, bw_info(DISPLAY_DRIVER_WINDOW, 1, 1), number, 0, 0, 0);
    must(bw_error(&m), "window");
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_LENT);
    return bw_label(&m);
}

static uint32_t flush(uint64_t x, uint64_t y, uint64_t width, uint64_t height) {
    const struct bw_msg m = bw_call(bw_use_display.cap, bw_info(DISPLAY_DRIVER_FLUSH, 4, 0), x, y, width, height);
    must(bw_error(&m), "flush");
    return bw_label(&m);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    const struct bw_msg info = bw_call(bw_use_display.cap, bw_info(DISPLAY_DRIVER_INFO, 0, 0), 0, 0, 0, 0);
    if (bw_label(&info) != 0) {
        bw_printf("no display: %u\n", bw_label(&info));
        return 0;
    }
    const uint64_t width = info.w[0], height = info.w[1], windows = info.w[2];
    bw_printf("display of %lu x %lu in %lu windows\n", width, height, windows);
    bw_printf("before a window is lent: %u\n", flush(0, 0, width, height));
    uint32_t *pixels = (uint32_t *)DATA;
    for (uint64_t i = 0; i < windows; i++) {
        must(bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, SLOT_FRAMES + i), "frame");
        must(bw_frame_map(SLOT_FRAMES + i, DATA + i * WINDOW, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE), "map");
    }
    for (uint64_t y = 0; y < height; y++) for (uint64_t x = 0; x < width; x++) pixels[y * width + x] = (uint32_t)(x & 0xff) << 16 | (uint32_t)(y & 0xff) << 8 | (uint32_t)(x >> 8 << 4 | y >> 8);
    bw_printf("one window: %u\n", lend(0, SLOT_FRAMES, BW_RIGHT_READ | BW_RIGHT_WRITE));
    bw_printf("in it: %u, beyond it: %u\n", flush(0, 0, 20, 10), flush(0, 0, width, height));
    for (uint64_t i = 1; i < windows; i++) if (lend(i, SLOT_FRAMES + i, BW_RIGHT_READ) != 0) bw_printf("window %lu was refused\n", i);
    bw_printf("across two: %u\n", flush(100, 500, 50, 30));
    bw_printf("the last pixel: %u\n", flush(width - 1, height - 1, 1, 1));
    bw_printf("nonsense: %u %u %u %u %u %u\n", flush(0, 0, 0, 1), flush(width, 0, 1, 1), flush(1, 0, width, 1), flush(0, 1, 1, height), flush(1UL << 63, 0, 1, 1), flush(1, 1, ~0UL, ~0UL));
    bw_printf("window 16: %u, an endpoint: %u, not to be read: %u\n", lend(16, SLOT_FRAMES, BW_RIGHT_READ), lend(0, bw_use_console.cap, BW_RIGHT_WRITE), lend(0, SLOT_FRAMES, BW_RIGHT_WRITE));
    const struct bw_msg unknown = bw_call(bw_use_display.cap, bw_info(99, 0, 0), 0, 0, 0, 0);
    bw_printf("no method: %u\n", bw_label(&unknown));
    /* A window that is smaller than it should be, then one that is taken back. */
    must(bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, SLOT_SMALL), "small frame");
    bw_printf("a small window: %u, within: %u, beyond: %u\n", lend(0, SLOT_SMALL, BW_RIGHT_READ), flush(0, 0, 8, 1), flush(0, 0, 8, 8));
    (void)bw_cnode_revoke(BW_SLOT_CNODE, SLOT_SMALL);
    bw_printf("taken back: %u\n", flush(0, 0, 8, 1));
    bw_printf("lent again: %u, shown: %u\n", lend(0, SLOT_FRAMES, BW_RIGHT_READ), flush(0, 20, 5, 5));
    return 0;
}
