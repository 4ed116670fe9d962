/*
 * A client of the display: fills its surface with its colour, asks for what makes no sense, and prints each key that is pressed and where each click was.
 * Escape ends it.
 */
#include <bailiwick.h>
#include <bailiwick/channel.h>
#include <bailiwick/display.h>
#include <bailiwick/input.h>

BW_USE(console);
BW_USE(display);

enum { SLOT_FRAME = 130, SLOT_CHANNEL = 140 };
#define DATA 0x60400000UL

static uint32_t flush(uint64_t x, uint64_t y, uint64_t width, uint64_t height) {
    const struct bw_msg m = bw_call(bw_use_display.cap, bw_info(DISPLAY_FLUSH, 4, 0), x, y, width, height);
    return bw_error(&m) != 0 ? 1000 : bw_label(&m);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_receive_slots(SLOT_FRAME, 1);
    const struct bw_msg m = bw_call(bw_use_display.cap, bw_info(DISPLAY_SURFACE, 1, 0), 0, 0, 0, 0);
    const bw_err mapped = bw_frame_map(SLOT_FRAME, DATA, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    bw_printf("%s: %lu x %lu, %lu frame, %u caps, %s\n", bw_name(), m.w[0], m.w[1], m.w[2], bw_caps(&m), bw_error_name(mapped));
    uint32_t *pixels = (uint32_t *)DATA;
    for (uint64_t i = 0; i < m.w[0] * m.w[1]; i++) pixels[i] = (uint32_t)bw_arg_number("colour", 0);
    const struct bw_msg beyond = bw_call(bw_use_display.cap, bw_info(DISPLAY_SURFACE, 1, 0), 1, 0, 0, 0);
    bw_printf("%s: %u, nonsense: %u %u %u %u, %u\n", bw_name(), flush(0, 0, m.w[0], m.w[1]), flush(0, 0, 0, 1), flush(0, m.w[1], 1, 1), flush(1, 0, m.w[0], 1), flush(~0UL, ~0UL, 2, 2), bw_label(&beyond));
    static struct bw_channel channel;
    const struct bw_channel_wish wish = {.from_server = {32, sizeof(struct bw_input_event)}, .slots = SLOT_CHANNEL, .address = BW_ADDRESS_OWN, .bit = 1ULL << 52};
    uint32_t refusal = 0;
    const bw_err error = bw_channel_open(&channel, bw_use_display.cap, &wish, &refusal);
    bw_printf("%s: ready %s %u\n", bw_name(), bw_error_name(error), refusal);
    struct bw_input_event event = {0};
    int32_t position[2] = {0, 0};
    while (event.type != BW_EVENT_KEY || event.code != 1) {
        if (bw_receive_message(&channel.in, &event) != BW_RING_DONE) break;
        if (event.type == BW_EVENT_ABSOLUTE && event.code < 2) position[event.code] = event.value;
        if (event.type == BW_EVENT_SYN && event.code == BW_EVENT_DROPPED) bw_printf("%s: forget\n", bw_name());
        if (event.type != BW_EVENT_KEY || event.value != 1) continue;
        if (event.code < 256) bw_printf("%s: key %u\n", bw_name(), event.code);
        else bw_printf("%s: click %d %d\n", bw_name(), position[0], position[1]);
    }
    return 0;
}
