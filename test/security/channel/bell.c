/* Rings without end, with nothing in the ring. */
#include "attack.h"

int main(void) {
    if (!open_channel()) return 1;
    for (uint64_t i = 0;; i++) {
        ring();
        if (i % 10000 == 0) bw_log("rang");
    }
}
