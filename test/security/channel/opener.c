/* Opens its channel again and again, with things that are no bells in between, and looks for what another client has left in the memory. */
#include "attack.h"

int main(void) {
    for (unsigned i = 0;; i++) {
        if (!open_channel()) return 1;
        const uint64_t *page = (const uint64_t *)BW_ADDRESS_OWN;
        for (unsigned n = BW_RING_AT_MESSAGES / 8; n < 256 / 8; n++) {
            if (page[n] != 0) return 2;
        }
        uint64_t word = chance();
        for (unsigned n = 0; n < chance() % 20; n++) (void)bw_try_send(&channel.out, &word);
        if (i % 100 == 0) bw_log("opened");
        /* Without a word of farewell, half of the time. */
        if (chance() % 2 == 0) channel.out.end.closed = channel.in.end.closed = true;
        bw_ipc()->caps[0] = chance() % 256;
        bw_channel_close(&channel);
        bw_ipc()->caps[0] = chance() % 256;
        (void)bw_call(bw_use_victim.cap, bw_info(CHANNEL_OPEN, 4, 1), chance() % 40, chance() % 40, chance() % 40, chance() % 40);
    }
}
