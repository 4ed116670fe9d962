/* A million random system calls that its caller outlives. */
#include "fuzz.h"

BW_USE(console);

enum { CALLS = 1000000 };

int main(void) {
    uint64_t errors = 0, done = 0;
    fuzz_state = 88172645463325252UL;
    for (unsigned i = 0; i < CALLS;) {
        const struct fuzz_call c = some_call();
        if (harms_itself(&c) || (c.cap == bw_use_console.cap && (c.info >> BW_INFO_LABEL_SHIFT & BW_INFO_LABEL_MASK) < 4)) continue;
        i++;
        const struct bw_msg m = make(&c);
        if (bw_error(&m) != 0) errors++;
        else done++;
    }
    bw_console_open(bw_use_console.cap);
    bw_printf("million: %s were done, %s were errors\n", done > CALLS / 100 ? "many" : "few", errors > CALLS / 10 ? "many" : "few");
    return 0;
}
