/* random.c: see random.h. Source of the construction: libsodium's randombytes_internal (ChaCha20, the key replaced by the first bytes of its own stream). */
#include "random.h"

#include <bailiwick.h>
#include <bailiwick/entropy.h>
#include <sodium/crypto_generichash_blake2b.h>
#include <sodium/crypto_stream_chacha20.h>
#include <sodium/utils.h>

BW_USE(entropy);

enum { KEY = crypto_stream_chacha20_KEYBYTES, PIECE = 256, TRIES = 10000, FRESH_EVERY = 64 };
_Static_assert(KEY == 32, "a hash is a key");

static uint8_t key[KEY];
static uint32_t uses;

static bool read_entropy(uint8_t bytes[KEY]) {
    const struct bw_msg m = bw_call(bw_use_entropy.cap, bw_info(ENTROPY_READ, 1, 0), KEY, 0, 0, 0);
    if (bw_error(&m) != 0 || bw_label(&m) != 0 || m.w[0] != KEY) return false;
    for (uint32_t i = 1; i < BW_REGISTER_WORDS; i++) bw_ipc()->words[i] = m.w[i];
    memcpy(bytes, &bw_ipc()->words[1], KEY);
    sodium_memzero(&bw_ipc()->words[1], KEY);
    return true;
}

bool random_begin(void) {
    for (uint32_t i = 0; i < TRIES; i++) {
        if (read_entropy(key)) return true;
        bw_yield();
    }
    return false;
}

/* What the device gives now and what was there before: neither alone tells the new key. */
static void freshen(void) {
    uint8_t fresh[KEY], next[KEY];
    if (!read_entropy(fresh)) return;
    (void)crypto_generichash_blake2b(next, KEY, fresh, KEY, key, KEY);
    memcpy(key, next, KEY);
    sodium_memzero(fresh, KEY);
    sodium_memzero(next, KEY);
}

void random_bytes(void *bytes, size_t count) {
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    static uint8_t stream[KEY + PIECE];
    if (uses++ % FRESH_EVERY == FRESH_EVERY - 1) freshen();
    for (uint8_t *to = bytes; count > 0;) {
        const size_t piece = count < PIECE ? count : PIECE;
        (void)crypto_stream_chacha20(stream, KEY + piece, nonce, key);
        memcpy(key, stream, KEY);
        memcpy(to, stream + KEY, piece);
        sodium_memzero(stream, KEY + piece);
        to += piece, count -= piece;
    }
}
