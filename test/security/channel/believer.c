/* A client of the false server: says what it makes of the answer. */
#include <bailiwick.h>

BW_USE(victim);

int main(void) {
    static struct bw_channel channel;
    const struct bw_channel_wish wish = {.to_server = {512, 8}, .from_server = {512, 8}, .slots = 128, .address = BW_ADDRESS_OWN, .bit = 1UL << 52};
    uint32_t refusal = 0;
    uint64_t word = 1;
    const bw_err error = bw_channel_open(&channel, bw_use_victim.cap, &wish, &refusal);
    if (error != 0) {
        bw_log(bw_error_name(error));
        return (int)refusal;
    }
    (void)bw_send_message(&channel.out, &word);
    bw_log(bw_ring_name(bw_receive_message(&channel.in, &word)));
    return 0;
}
