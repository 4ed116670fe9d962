/* Ends in the middle of a message: put in half, told of whole, its bell and its memory gone with it. */
#include "attack.h"

int main(void) {
    uint64_t word = 1;
    if (!open_channel()) return 1;
    for (unsigned i = 0; i < 5; i++) (void)bw_try_send(&channel.out, &word);
    to_victim()->sent = channel.out.end.own + 3;
    /* The victim wants to ring as soon as it answers. */
    from_victim()->receiver_wake = BW_RING_FIRST + 7;
    ring();
    return *(volatile int *)0x2000;
}
