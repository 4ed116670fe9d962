/* source.c: sends the same messages twice: each by a Call, and all through a ring. Then it asks the sink what came. */
#include <bailiwick.h>

#include "protocol.h"

BW_USE(console);
BW_USE(sink);
BW_USE(channel);
BW_USE(next);

enum { MESSAGES = 10000, CAPACITY = 256, SLOTS = 128 };

struct message {
    uint64_t number;
    uint64_t triple;
};

static bool report(const char *how, uint64_t *rung) {
    const struct bw_msg m = bw_call(bw_use_sink.cap, bw_info(SINK_REPORT, 0, 0), 0, 0, 0, 0);
    if (bw_error(&m) != 0 || bw_label(&m) != 0 || bw_length(&m) != 4) return false;
    bw_printf("  %s: %lu came, %lu wrong, sum %lu\n", how, m.w[0], m.w[2], m.w[1]);
    *rung = m.w[3];
    return true;
}

static bool send_by_call(void) {
    uint64_t rung;
    for (uint64_t n = 0; n < MESSAGES; n++) {
        const struct bw_msg m = bw_call(bw_use_sink.cap, bw_info(SINK_PUT, 2, 0), n, 3 * n, 0, 0);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) return false;
    }
    if (!report("by call", &rung)) return false;
    bw_printf("    %u calls\n", MESSAGES);
    return true;
}

static bool send_by_ring(void) {
    static struct bw_channel channel;
    const struct bw_channel_wish wish = {
        .to_server = {.capacity = CAPACITY, .bytes = sizeof(struct message)}, .slots = SLOTS, .address = BW_ADDRESS_OWN, .bit = 1UL << 52};
    uint32_t refusal;
    const bw_err error = bw_channel_open(&channel, bw_use_channel.cap, &wish, &refusal);
    if (error != 0) {
        bw_printf("  the channel cannot be opened: %s, refusal %u\n", bw_error_name(error), refusal);
        return false;
    }
    for (uint64_t n = 0; n < MESSAGES; n++) {
        const struct message m = {.number = n, .triple = 3 * n};
        const bw_ring_result result = bw_send_message(&channel.out, &m);
        if (result != BW_RING_DONE) {
            bw_printf("  message %lu: %s\n", n, bw_ring_name(result));
            return false;
        }
    }
    uint64_t rung;
    if (!report("by ring", &rung)) return false;
    bw_printf("    the source waited %lu times, and rang: %lu; the sink rang: %lu\n", channel.out.end.waited, channel.out.end.rung, rung);
    bw_channel_close(&channel);
    return true;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_puts("source in C, sink in TypeScript");
    if (!send_by_call() || !send_by_ring()) return 1;
    bw_flush();
    (void)bw_call(bw_use_next.cap, bw_info(TURN_TAKE, 0, 0), 0, 0, 0, 0);
    return 0;
}
