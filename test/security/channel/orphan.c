/* Its server ends; it looks at the ring. */
#include "attack.h"

int main(void) {
    uint64_t word = 1;
    if (!open_channel()) return 1;
    (void)bw_try_send(&channel.out, &word);
    for (;;) {
        (void)bw_try_receive(&channel.in, &word);
        bw_yield();
    }
}
