/* Sends to the echo server without waiting for each answer, takes the answers, and Calls it in between. Says what it found. */
#include <bailiwick.h>

BW_USE(console);
BW_USE(echo);

enum { MESSAGES = 20000, SLOTS = 128, WORDS = 64 };

static struct bw_channel channel;
static uint64_t state = 1;
static uint64_t below(uint64_t most) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % most;
}

/* One course with rings of these shapes; how many exact answers. */
static uint64_t course(uint32_t capacity, uint32_t back, uint32_t words) {
    const struct bw_channel_wish wish = {
        .to_server = {capacity, 8 * words}, .from_server = {back, 8 * words}, .slots = SLOTS, .address = BW_ADDRESS_OWN, .bit = 1UL << 52};
    uint64_t message[WORDS], sent = 0, taken = 0;
    uint32_t refusal;
    const bw_err error = bw_channel_open(&channel, bw_use_echo.cap, &wish, &refusal);
    if (error != 0) {
        bw_printf("not opened: %s, %u\n", bw_error_name(error), refusal);
        return 0;
    }
    while (taken < MESSAGES) {
        /* As much as there is room for, then what has come; to wait for room alone could wait for ever, for the server waits for room too. */
        for (uint64_t burst = below(2 * capacity); burst > 0 && sent < MESSAGES; burst--) {
            for (uint32_t i = 0; i < words; i++) message[i] = sent + i;
            if (bw_try_send(&channel.out, message) != BW_RING_DONE) break;
            sent++;
        }
        if (below(50) == 0) {
            const struct bw_msg m = bw_call(bw_use_echo.cap, bw_info(1, 1, 0), sent, 0, 0, 0);
            if (bw_error(&m) != 0 || bw_label(&m) != 0 || m.w[0] != ~sent) return taken;
        }
        if (sent == taken) continue;
        if (bw_receive_message(&channel.in, message) != BW_RING_DONE || message[0] != 7 * taken) return taken;
        for (uint32_t i = 1; i < words; i++) {
            if (message[i] != taken + i) return taken;
        }
        taken++;
    }
    bw_channel_close(&channel);
    return taken;
}

int main(void) {
    static const struct {
        uint32_t capacity, back, words;
    } shapes[] = {{1, 1, 1}, {64, 64, 2}, {256, 8, 3}, {4, 128, 64 / 8}, {16, 16, 64}};
    bw_console_open(bw_use_console.cap);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const uint64_t exact = course(shapes[i].capacity, shapes[i].back, shapes[i].words);
        bw_printf("%u and %u messages of %u words: %lu exact\n", shapes[i].capacity, shapes[i].back, shapes[i].words, exact);
        if (exact != MESSAGES) return 1;
    }
    return 0;
}
