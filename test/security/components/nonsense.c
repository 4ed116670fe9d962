/* Sends the console driver what is in no protocol: labels, lengths, counts and capabilities of every sort, asking for an answer or not. */
#include <bailiwick.h>
#include <bailiwick/console.h>

BW_USE(console);

enum { MESSAGES = 30000, ENDPOINT = 128 };

static uint64_t chance(void) {
    static uint64_t state = 88172645463325252UL;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

int main(void) {
    uint64_t answered = 0, refused = 0, errors = 0;
    struct bw_ipc *buffer = bw_ipc();
    (void)bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, ENDPOINT);
    for (unsigned i = 0; i < MESSAGES; i++) {
        uint32_t label = chance() & 1 ? (uint32_t)chance() % 6 : (uint32_t)chance();
        uint32_t length = chance() & 1 ? (uint32_t)chance() % 8 : (uint32_t)chance() % 128;
        uint64_t count = chance() & 1 ? chance() % 2000 : chance();
        /* What would be printed must not stand in the way of what the test reads. */
        if (label == CONSOLE_WRITE && length > 0 && count <= (length - 1) * sizeof(uint64_t) && count <= 944) count = 0;
        for (unsigned c = 0; c < BW_MAX_CAPS; c++) buffer->caps[c] = chance() & 1 ? chance() % 256 : (chance() & 1 ? ENDPOINT : chance());
        const uint64_t info = bw_info(label, length, (uint32_t)chance() & 3) | (chance() & 7) << 9 | (chance() & 1) << 31 | (chance() & 3 ? 0 : chance() << 32);
        if ((chance() & 15) == 0) {
            (void)bw_nb_send(bw_use_console.cap, info, count, chance(), chance(), chance());
            continue;
        }
        const struct bw_msg m = bw_call(bw_use_console.cap, info, count, chance(), chance(), chance());
        if (bw_error(&m) != 0) errors++;
        else if (bw_label(&m) != 0) refused++;
        else answered++;
    }
    bw_console_open(bw_use_console.cap);
    bw_printf("nonsense: %s answered, %s refused, %lu errors\n", answered > 0 ? "some" : "none", refused > MESSAGES / 2 ? "most" : "few", errors);
    return 0;
}
