/* Takes its own bell away while the victim has it, and goes on sending. */
#include "attack.h"

int main(void) {
    uint64_t word = 1;
    if (!open_channel()) return 1;
    (void)bw_cnode_revoke(BW_SLOT_CNODE, SLOTS + BW_CHANNEL_TABLES);
    for (unsigned i = 0; i < 8; i++) (void)bw_try_send(&channel.out, &word);
    /* A server answers; whom it cannot ring is gone. */
    for (unsigned i = 0; i < 200; i++) {
        from_victim()->receiver_wake = BW_RING_FIRST + 8 + i;
        (void)bw_try_send(&channel.out, &word);
        while (bw_try_receive(&channel.in, &word) == BW_RING_DONE) continue;
        ring();
        bw_yield();
    }
    return 7;
}
