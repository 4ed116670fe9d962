/*
 * Draws rectangles and text into the display's picture, at the edges and beyond them too, shows it, and says what it measured.
 */
#include <bailiwick.h>
#include <bailiwick/displaydriver.h>
#include <bailiwick/draw.h>
#include <bailiwick/terminus16.h>

BW_USE(console);
BW_USE(display);

enum { SLOT_FRAME = 130, SLOT_LENT, BLUE = 0x2040a0, WHITE = 0xffffff, GOLD = 0xe0b040 };
#define DATA 0x60200000UL

static void must(bw_err error, const char *what) {
    if (error == 0) return;
    bw_printf("%s: %s\n", what, bw_error_name(error));
    bw_exit(1);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    const struct bw_msg info = bw_call(bw_use_display.cap, bw_info(DISPLAY_DRIVER_INFO, 0, 0), 0, 0, 0, 0);
    must(bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, SLOT_FRAME), "frame");
    must(bw_frame_map(SLOT_FRAME, DATA, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE), "map");
    must(bw_cnode_copy(BW_SLOT_CNODE, SLOT_LENT, BW_SLOT_CNODE, SLOT_FRAME, BW_RIGHT_READ), "copy");
    bw_ipc()->caps[0] = SLOT_LENT;
    const struct bw_msg lent = bw_call(bw_use_display.cap, bw_info(DISPLAY_DRIVER_WINDOW, 1, 1), 0, 0, 0, 0);
    must(bw_error(&lent), "window");

    const struct bw_canvas all = {(uint32_t *)DATA, (uint32_t)info.w[0], (uint32_t)info.w[1], (uint32_t)info.w[0]};
    const int32_t width = (int32_t)all.width, height = (int32_t)all.height;
    static struct bw_font font;
    bw_printf("font: %u, cut short: %u\n", bw_font_open(&font, bw_terminus16, sizeof bw_terminus16), bw_font_open(&font, bw_terminus16, 4099));
    (void)bw_font_open(&font, bw_terminus16, sizeof bw_terminus16);
    bw_fill(&all, (struct bw_area){0, 0, width, height}, BLUE);
    bw_outline(&all, (struct bw_area){10, 10, 100, 50}, 2, GOLD);
    bw_fill(&all, (struct bw_area){width - 5, height - 5, 100, 100}, GOLD);
    bw_fill(&all, (struct bw_area){-10, -10, 15, 15}, WHITE);
    static const char text[] = "Gr\xc3\xbc\xc3\x9f\x65, \xe2\x82\xac 5 \xf0\x9f\x98\x80 \xff!";
    const int64_t end = bw_text(&all, &font, 20, 100, text, sizeof text - 1, WHITE, BW_CLEAR);
    bw_printf("%lu characters, to %ld\n", bw_text_width(&font, text, sizeof text - 1) / font.width, end);
    (void)bw_text(&all, &font, -4, 130, "left", 4, GOLD, 0);
    (void)bw_text(&all, &font, width - 12, height - 8, "right", 5, GOLD, 0);
    const struct bw_canvas part = bw_canvas_part(&all, (struct bw_area){200, 20, 30, 10});
    bw_fill(&part, (struct bw_area){INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX}, GOLD);
    bw_fill(&part, (struct bw_area){0, 0, INT32_MAX, INT32_MAX}, WHITE);
    (void)bw_text(&part, &font, 0, 0, "clip", 4, 0, GOLD);
    bw_copy(&all, 300, 20, &part);
    bw_copy(&all, -15, 60, &part);
    const struct bw_msg shown = bw_call(bw_use_display.cap, bw_info(DISPLAY_DRIVER_FLUSH, 4, 0), 0, 0, info.w[0], info.w[1]);
    bw_printf("shown: %u\n", bw_label(&shown));
    return 0;
}
