/* Writes random bytes over the whole page, and rings, for ever; opens anew now and then, for an end is for good. */
#include "attack.h"

int main(void) {
    for (;;) {
        if (!open_channel()) return 1;
        volatile uint64_t *page = (volatile uint64_t *)BW_ADDRESS_OWN;
        for (unsigned round = 0; round < 20; round++) {
            for (unsigned i = 0; i < 4096 / 8; i++) page[i] = chance();
            ring();
            /* Numbers that can be, too: or all ended at the first look. */
            for (unsigned i = 0; i < 2000; i++) {
                to_victim()->sent = channel.out.end.own + (uint32_t)(chance() % (CAPACITY + 1));
                from_victim()->taken = BW_RING_FIRST + (uint32_t)(chance() % 4);
                to_victim()->sender_wake = (uint32_t)chance();
                from_victim()->receiver_wake = (uint32_t)chance();
                if (i % 64 == 0) ring();
            }
        }
        bw_log("again");
        bw_channel_close(&channel);
    }
}
