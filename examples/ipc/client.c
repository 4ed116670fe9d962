/* client.c: a client in C. It cannot tell in what language its server is written, except by asking. */
#include <bailiwick.h>

#include "protocol.h"

BW_USE(console);
BW_USE(counter);
BW_USE(next);

#define CALLS 1000U

static void add(uint64_t amount) {
    const struct bw_msg m = bw_call(bw_use_counter.cap, bw_info(COUNTER_ADD, 1, 0), amount, 0, 0, 0);
    if (bw_error(&m) != 0) bw_printf("  add %lu: error %s\n", amount, bw_error_name(bw_error(&m)));
    else if (bw_label(&m) == COUNTER_E_OVERFLOW) bw_printf("  add %lu: refused, overflow\n", amount);
    else if (bw_label(&m) != 0) bw_printf("  add %lu: refusal %u\n", amount, bw_label(&m));
    else bw_printf("  add %lu: %lu\n", amount, m.w[0]);
}

static bool describe(void) {
    const struct bw_msg m = bw_call_buffer(bw_use_counter.cap, COUNTER_DESCRIBE, 0, 0);
    const uint64_t *words = bw_ipc()->words;
    if (bw_error(&m) != 0 || bw_label(&m) != 0 || bw_length(&m) < 2 || words[1] > (bw_length(&m) - 2U) * sizeof(uint64_t)) return false;
    /* Out of the buffer before the next call. */
    char text[65] = {0};
    const uint64_t client = words[0], count = words[1] < sizeof text ? words[1] : sizeof text - 1;
    memcpy(text, &words[2], count);
    bw_printf("client in C, server: %s (I am its client %lu)\n", text, client);
    return true;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    if (!describe()) return 1;
    add(5);
    add(37);
    add(UINT32_MAX);
    uint64_t done = 0;
    for (; done < CALLS; done++) {
        const struct bw_msg m = bw_call(bw_use_counter.cap, bw_info(COUNTER_ADD, 1, 0), 1, 0, 0, 0);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) break;
    }
    const struct bw_msg m = bw_call(bw_use_counter.cap, bw_info(COUNTER_TOTAL, 0, 0), 0, 0, 0, 0);
    if (bw_error(&m) != 0 || bw_label(&m) != 0) return 1;
    bw_printf("  after %lu more calls: total %lu, %lu requests\n", done, m.w[0], m.w[1]);
    bw_flush();
    (void)bw_call(bw_use_next.cap, bw_info(TURN_TAKE, 0, 0), 0, 0, 0, 0);
    return 0;
}
