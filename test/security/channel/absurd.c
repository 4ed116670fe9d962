/* Claims numbers that cannot be, one for each channel it opens. */
#include "attack.h"

int main(void) {
    static const uint32_t numbers[] = {BW_RING_FIRST + CAPACITY + 1, BW_RING_FIRST - 1, 0, 1U << 31, UINT32_MAX};
    for (unsigned i = 0; i < 2 * sizeof numbers / sizeof numbers[0]; i++) {
        uint64_t word = 1;
        if (!open_channel()) return 1;
        if (i % 2 == 0) to_victim()->sent = numbers[i / 2];
        else {
            /* The victim has sent one answer, of which so many are said to be taken. */
            (void)bw_try_send(&channel.out, &word);
            (void)bw_receive_message(&channel.in, &word);
            from_victim()->taken = numbers[i / 2];
        }
        ring();
        bw_ring_result result;
        while ((result = bw_receive_message(&channel.in, &word)) == BW_RING_DONE) continue;
        if (result != BW_RING_CLOSED) return 2;
        bw_channel_close(&channel);
    }
    return 7;
}
