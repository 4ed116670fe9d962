/* Sends without end, and takes all answers: the ring is never empty. */
#include "attack.h"

int main(void) {
    uint64_t number = 0, word;
    if (!open_channel()) return 1;
    for (;; number++) {
        if (bw_try_send(&channel.out, &number) != BW_RING_DONE) (void)bw_receive_message(&channel.in, &word);
        if (number % 10000 == 0) bw_log("sent");
    }
}
