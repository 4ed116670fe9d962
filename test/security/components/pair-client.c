/* Its client: counts along, and says how far they have come. The first wrong answer is the last thing it says. */
#include <bailiwick.h>

BW_USE(console);
BW_USE(pair);

enum { ROUNDS = 1000 };

int main(void) {
    uint64_t total = 0;
    bw_console_open(bw_use_console.cap);
    for (uint64_t round = 1;; round++) {
        for (uint64_t i = 1; i <= ROUNDS; i++) {
            const struct bw_msg m = bw_call(bw_use_pair.cap, bw_info(1, 1, 0), i * round, 0, 0, 0);
            total += i * round;
            if (bw_error(&m) != 0 || bw_label(&m) != 0 || bw_length(&m) != 2 || m.w[0] != total || m.w[1] != ~total) {
                bw_printf("pair: WRONG in round %lu\n", round);
                return 1;
            }
        }
        bw_printf("pair: %lu exact\n", round);
    }
}
