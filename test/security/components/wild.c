/* Random system calls with hardly a guard, until it has ended itself. Its client number is the seed. */
#include "fuzz.h"

BW_USE(console);

int main(void) {
    fuzz_state = bw_use_console.badge * 0x9e3779b97f4a7c15UL + 1;
    for (unsigned i = 0; i < 300000; i++) {
        const struct fuzz_call c = some_call();
        /* What it would print could look like what the test reads. */
        if (i % 10000 == 0) bw_log("still here");
        if (c.cap == bw_use_console.cap || waits_for_itself(&c) || (harms_itself(&c) && below(200) != 0)) continue;
        (void)make(&c);
    }
    return 0;
}
