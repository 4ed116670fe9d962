/* Fills its ring, takes no answer, never rings again and never ends. */
#include "attack.h"

int main(void) {
    uint64_t word = 1;
    if (!open_channel()) return 1;
    for (unsigned i = 0; i < 100; i++) (void)bw_try_send(&channel.out, &word);
    bw_log("filled");
    (void)bw_wait(BW_SLOT_NOTIFICATION);
    for (unsigned i = 0; i < 100; i++) (void)bw_try_send(&channel.out, &word);
    bw_log("filled again");
    for (;;) (void)bw_wait(BW_SLOT_NOTIFICATION);
}
