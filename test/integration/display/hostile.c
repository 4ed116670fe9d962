/*
 * A client of the display that spoils what it can: its ring, its requests, what is around its window (by drawing beyond its surface), and the others' time. It looks for
 * pixels that it did not draw, says what came of it, and floods.
 */
#include <bailiwick.h>
#include <bailiwick/channel.h>
#include <bailiwick/display-protocol.h>
#include <bailiwick/input.h>

BW_USE(console);
BW_USE(display);

enum { SLOT_FRAME = 130, SLOT_BELL = 139, SLOT_CHANNEL = 140, PIXELS = (2 << 20) / 4 };
#define DATA 0x60400000UL

static uint32_t call(uint32_t label, uint64_t a, uint64_t b, uint64_t c, uint64_t d, bw_cptr cap) {
    bw_ipc()->caps[0] = cap;
    const struct bw_msg m = bw_call(bw_use_display.cap, bw_info(label, 4, cap != 0), a, b, c, d);
    return bw_error(&m) != 0 ? 1000 + bw_error(&m) : bw_label(&m);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 1ULL << 52);
    bw_printf("%s: %u %u %u, ", bw_name(), call(99, 0, 0, 0, 0, 0), call(DISPLAY_MEMORY, 0, 0, 0, 0, 0), call(DISPLAY_SURFACE, ~0UL, 0, 0, 0, 0));
    bw_printf("open %u %u %u %u %u\n", call(DISPLAY_OPEN, 0, 0, 32, 16, 0), call(DISPLAY_OPEN, 0, 0, 32, 16, bw_use_console.cap), call(DISPLAY_OPEN, 4, 16, 32, 16, SLOT_BELL),
              call(DISPLAY_OPEN, 0, 0, 1024, 16, SLOT_BELL), call(DISPLAY_OPEN, 0, 0, 32, 48, SLOT_BELL));
    static struct bw_channel channel;
    const struct bw_channel_wish wish = {.from_server = {32, sizeof(struct bw_input_event)}, .slots = SLOT_CHANNEL, .address = BW_ADDRESS_OWN, .bit = 1ULL << 52};
    uint32_t refusal = 0;
    (void)bw_channel_open(&channel, bw_use_display.cap, &wish, &refusal);
    struct bw_ring_memory *memory = channel.in.end.memory;
    __atomic_store_n(&memory->taken, 0x7fffffffU, __ATOMIC_SEQ_CST);
    bw_receive_slots(SLOT_FRAME, 1);
    const struct bw_msg m = bw_call(bw_use_display.cap, bw_info(DISPLAY_SURFACE, 1, 0), 0, 0, 0, 0);
    (void)bw_frame_map(SLOT_FRAME, DATA, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    /* The whole frame, also what is behind the surface. */
    volatile uint32_t *const pixels = (volatile uint32_t *)DATA;
    uint32_t foreign = 0, frames = 0;
    for (uint64_t i = 0; i < PIXELS; i++) foreign += pixels[i] != 0, pixels[i] = 0xff0000;
    bw_receive_slots(0, 0);
    for (uint64_t i = 1; i < 64; i++) frames += call(DISPLAY_SURFACE, i, 0, 0, 0, 0) == 0;
    bw_printf("%s: %u pixels and %u frames that are not its own; floods\n", bw_name(), foreign, frames);
    for (uint64_t i = 0;; i++) {
        (void)call(DISPLAY_FLUSH, i % 7, i % 5, m.w[0] - i % 7, m.w[1] - i % 5, 0);
        (void)call((uint32_t)i, i * i, ~i, i << 60, i, 0);
        if (pixels[i * 7919 % PIXELS] != 0xff0000 && foreign++ == 0) bw_printf("%s: another's pixel\n", bw_name());
        __atomic_store_n(&memory->sent, (uint32_t)i, __ATOMIC_SEQ_CST);
    }
}
