/* Reads in several sizes, and says what came. */
#include <bailiwick.h>
#include <bailiwick/entropy.h>

BW_USE(console);
BW_USE(entropy);

static struct bw_msg ask(uint64_t count) { return bw_call(bw_use_entropy.cap, bw_info(ENTROPY_READ, 1, 0), count, 0, 0, 0); }

/* The label of the answer; what came, in `bytes`. */
static uint32_t read_bytes(uint8_t *bytes, uint64_t count) {
    const struct bw_msg m = ask(count);
    if (bw_error(&m) != 0 || bw_label(&m) != 0 || m.w[0] != count || bw_length(&m) != 1 + (count + 7) / 8) return bw_label(&m) == 0 ? 99 : bw_label(&m);
    for (uint32_t i = 1; i < BW_REGISTER_WORDS; i++) bw_ipc()->words[i] = m.w[i];
    memcpy(bytes, &bw_ipc()->words[1], count);
    return 0;
}

int main(void) {
    static uint8_t a[256], b[256];
    bw_console_open(bw_use_console.cap);
    bw_printf("nothing: %u, too much: %u, ", bw_label(&(struct bw_msg){.info = ask(0).info}), bw_label(&(struct bw_msg){.info = ask(257).info}));
    const struct bw_msg none = bw_call(bw_use_entropy.cap, bw_info(ENTROPY_READ, 0, 0), 0, 0, 0, 0);
    bw_printf("no count: %u\n", bw_label(&none));
    uint32_t wrong = 0, same = 0, ones = 0;
    for (uint32_t n = 1; n <= 256; n++) {
        wrong += read_bytes(a, n) != 0;
        for (uint32_t i = 0; n == 256 && i < n; i++) ones += (uint32_t)__builtin_popcount(a[i]);
    }
    wrong += read_bytes(b, 256) != 0;
    for (uint32_t i = 0; i < 256; i++) same += a[i] == b[i];
    bw_printf("wrong: %u, like bits that are tossed: %u, twice the same: %u\n", wrong, ones > 800 && ones < 1250, same > 20);
    return 0;
}
