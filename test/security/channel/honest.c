/* Uses the victim by ring and counts along. Says how far it has come; the first wrong answer is the last thing it says. */
#include <bailiwick.h>

BW_USE(console);
BW_USE(victim);

enum { ROUND = 1000, SLOTS = 128 };

int main(void) {
    static struct bw_channel channel;
    const struct bw_channel_wish wish = {.to_server = {16, 8}, .from_server = {16, 8}, .slots = SLOTS, .address = BW_ADDRESS_OWN, .bit = 1UL << 52};
    uint64_t sent = 0, taken = 0, number;
    uint32_t refusal;
    bw_console_open(bw_use_console.cap);
    if (bw_channel_open(&channel, bw_use_victim.cap, &wish, &refusal) != 0) {
        bw_puts("honest: WRONG, not opened");
        return 1;
    }
    for (;;) {
        while (bw_try_send(&channel.out, &sent) == BW_RING_DONE) sent++;
        const bw_ring_result result = bw_receive_message(&channel.in, &number);
        if (result != BW_RING_DONE || number != 2 * taken) {
            bw_printf("honest: WRONG, message %lu: %s, %lu\n", taken, bw_ring_name(result), number);
            return 1;
        }
        if (++taken % ROUND == 0) bw_printf("honest: %lu exact\n", taken / ROUND);
    }
}
