/* revoker.c: has the owner revoke its membrane, now and then, as often as args.times says. */
#include <bailiwick.h>

#include "protocol.h"

BW_USE(host);

int main(void) {
    const uint64_t times = bw_arg_number("times", 0);
    for (uint64_t i = 0; i < times; i++) {
        const struct bw_msg m = bw_call(bw_use_host.cap, bw_info(HOST_REVOKE, 1, 0), 0, 0, 0, 0);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) return 1;
        /* Until its budget is used up: the others go on where they are. */
        for (uint64_t spin = 0; spin < 200 * (i % 40); spin++) __asm__ volatile("");
    }
    return 0;
}
