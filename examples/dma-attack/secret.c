/* Somebody's secret: made when the program runs, so that it is in this program's memory and nowhere else. Then it only waits. */
#include <bailiwick.h>

static volatile uint64_t secret[4096 / 8] __attribute__((aligned(4096)));

int main(void) {
    for (uint32_t i = 0; i < 512; i++) secret[i] = 0x5ec2e75ec2e7ULL * (i + 1) ^ 0xa5a5a5a5a5a5a5a5ULL;
    bw_signal(BW_SLOT_NOTIFICATION);
    for (;;) bw_wait(BW_SLOT_NOTIFICATION);
}
