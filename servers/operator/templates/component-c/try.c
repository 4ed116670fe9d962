/* try.c: a client. What it uses is named here and decided in the manifest; there is no other way out of it. */
#include <bailiwick.h>
#include <bailiwick/console.h>

#include "protocol.h"

BW_USE(console);
BW_USE(tally);

static void add(uint64_t amount) {
    const struct bw_msg m = bw_call(bw_use_tally.cap, bw_info(TALLY_ADD, 1, 0), amount, 0, 0, 0);
    /* An error is the kernel's (the server is gone); a label that is not 0 is the server's refusal. */
    if (bw_error(&m) != 0) bw_printf("add %lu: error %s\n", amount, bw_error_name(bw_error(&m)));
    else if (bw_label(&m) != 0) bw_printf("add %lu: refused (%u)\n", amount, bw_label(&m));
    else bw_printf("add %lu: the total is %lu\n", amount, m.w[0]);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    add(5);
    add(37);
    add(UINT32_MAX);
    return 0;
}
