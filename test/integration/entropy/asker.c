/* Asks for args.bytes bytes, args.times times or without end, and says how it goes whenever that changes. */
#include <bailiwick.h>
#include <bailiwick/entropy.h>

BW_USE(console);
BW_USE(entropy);

int main(void) {
    bw_console_open(bw_use_console.cap);
    const uint64_t most = bw_arg_number("times", UINT64_MAX), bytes = bw_arg_number("bytes", 32);
    uint32_t labels[4] = {0}, last = 99;
    for (uint64_t i = 0; i < most; i++) {
        for (uint64_t n = bw_arg_number("rest", 0); n > 0; n--) bw_yield();
        const struct bw_msg m = bw_call(bw_use_entropy.cap, bw_info(ENTROPY_READ, 1, 0), bytes, 0, 0, 0);
        const uint32_t label = bw_error(&m) != 0 ? 3 : bw_label(&m);
        labels[label & 3]++;
        if (label != last) bw_printf("%s: %u\n", bw_name(), label);
        last = label;
    }
    bw_printf("%s is done\n", bw_name());
    return 0;
}
