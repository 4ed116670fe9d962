/* random.c: see random.h. */
#include "random.h"

#include <bailiwick.h>
#include <bailiwick/entropy.h>

#include "clock.h"

BW_USE_OPTIONAL(entropy);

static uint64_t key[2], drawn;

static uint64_t turned(uint64_t x, uint32_t bits) { return x << bits | x >> (64 - bits); }

static void rounds(uint64_t v[4], uint32_t count) {
    while (count-- > 0) {
        v[0] += v[1], v[1] = turned(v[1], 13) ^ v[0], v[0] = turned(v[0], 32);
        v[2] += v[3], v[3] = turned(v[3], 16) ^ v[2];
        v[0] += v[3], v[3] = turned(v[3], 21) ^ v[0];
        v[2] += v[1], v[1] = turned(v[1], 17) ^ v[2], v[2] = turned(v[2], 32);
    }
}

/* Of 16 bytes. */
static uint64_t hash(uint64_t a, uint64_t b) {
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
    const uint64_t blocks[] = {a, b, 16ULL << 56};
    for (uint32_t i = 0; i < 3; i++) v[3] ^= blocks[i], rounds(v, 2), v[0] ^= blocks[i];
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void random_begin(uint64_t clock) {
    if (bw_use_entropy.cap != 0) {
        const struct bw_msg m = bw_call(bw_use_entropy.cap, bw_info(ENTROPY_READ, 1, 0), sizeof key, 0, 0, 0);
        if (bw_error(&m) == 0 && bw_label(&m) == 0 && m.w[0] == sizeof key) {
            key[0] = m.w[1], key[1] = m.w[2];
            return;
        }
    }
    bw_log("no entropy: sequence numbers and the numbers of name requests follow from the clock, and can be guessed (use: { entropy: ... })");
    key[0] = clock * 0x9e3779b97f4a7c15, key[1] = hash(clock, bw_use_entropy.badge);
}

uint32_t net_random(void) { return (uint32_t)hash(drawn++, 1); }

uint32_t net_first_sequence(uint32_t own_address, uint16_t own_port, uint32_t address, uint16_t port) {
    /* RFC 6528's clock of 4 us, beside what is the connection's own. */
    return (uint32_t)hash((uint64_t)own_address << 32 | address, (uint64_t)own_port << 32 | (uint64_t)port << 8 | 2) + (uint32_t)(clock_now() / 4000);
}
