/* platform.c: the list (caps/image/measurements.ts) read and checked, and what follows from the secret. */
#include "platform.h"

#include <bailiwick.h>
#include <sodium/crypto_generichash_blake2b.h>
#include <sodium/crypto_kdf_blake2b.h>
#include <sodium/crypto_sign_ed25519.h>
#include <sodium/utils.h>

BW_USE_OPTIONAL(measurements);
BW_USE_OPTIONAL(secret);

#define FORMAT "bailiwick-measurements/1"
/* Contexts of what is derived from the secret, and their numbers. */
#define ATTESTATION "bwattest"
#define STORAGE "bwstores"
enum { NUMBER = 1, HEX = 2 * HASH_BYTES };

struct measurement measurements[FILES];
uint32_t measurements_count;
struct text image;
uint8_t chain[HASH_BYTES];
bool is_measured, has_secret;
uint8_t attestation_key[64];
uint8_t storage_root[32];

static int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

static bool read_hash(const char *text, uint8_t hash[HASH_BYTES]) {
    for (uint32_t i = 0; i < HASH_BYTES; i++) {
        const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        hash[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* The line that begins here, without its end; what follows it. False: there is none. */
static bool next_line(struct text *rest, struct text *line) {
    for (size_t i = 0; i < rest->count; i++) {
        if (rest->at[i] != '\n') continue;
        *line = (struct text){rest->at, i};
        *rest = (struct text){rest->at + i + 1, rest->count - i - 1};
        return true;
    }
    return false;
}

static bool begins_with(struct text text, const char *with) { return text.count >= strlen(with) && memcmp(text.at, with, strlen(with)) == 0; }

/* Of what stands in a statement as it is. */
static bool is_plain(struct text text, const char *not) {
    for (size_t i = 0; i < text.count; i++) {
        if (text.at[i] < '!' || text.at[i] > '~') return false;
        for (const char *c = not; *c != 0; c++) if (text.at[i] == *c) return false;
    }
    return true;
}

static void extend(const uint8_t hash[HASH_BYTES], struct text name) {
    crypto_generichash_blake2b_state state;
    (void)crypto_generichash_blake2b_init(&state, NULL, 0, HASH_BYTES);
    (void)crypto_generichash_blake2b_update(&state, chain, HASH_BYTES);
    (void)crypto_generichash_blake2b_update(&state, hash, HASH_BYTES);
    (void)crypto_generichash_blake2b_update(&state, (const uint8_t *)name.at, name.count);
    (void)crypto_generichash_blake2b_final(&state, chain, HASH_BYTES);
}

static bool read_measurements(struct text rest) {
    const char *begin = rest.at;
    struct text line;
    uint8_t hash[HASH_BYTES];
    if (!next_line(&rest, &line) || line.count != strlen(FORMAT) || !begins_with(line, FORMAT)) return false;
    if (!next_line(&rest, &image) || !begins_with(image, "{\"name\":\"") || !is_plain(image, "\\")) return false;
    (void)crypto_generichash_blake2b(chain, HASH_BYTES, (const uint8_t *)begin, (size_t)(rest.at - begin), NULL, 0);
    while (next_line(&rest, &line) && !begins_with(line, "chain ")) {
        if (measurements_count == FILES || line.count < HEX + 2 || line.at[HEX] != ' ' || !read_hash(line.at, hash)) return false;
        const struct measurement m = {.hash = {line.at, HEX}, .name = {line.at + HEX + 1, line.count - HEX - 1}};
        if (!is_plain(m.name, "\"\\")) return false;
        extend(hash, m.name);
        measurements[measurements_count++] = m;
    }
    return rest.count == 0 && line.count == HEX + 6 && begins_with(line, "chain ") && read_hash(line.at + 6, hash) && memcmp(hash, chain, HASH_BYTES) == 0;
}

/* The storage root is a hash of the chain's value under a key of the secret's: neither alone tells it. */
static void derive(const uint8_t *secret) {
    uint8_t key[32], public[32];
    (void)crypto_kdf_blake2b_derive_from_key(key, sizeof key, NUMBER, ATTESTATION, secret);
    (void)crypto_sign_ed25519_seed_keypair(public, attestation_key, key);
    (void)crypto_kdf_blake2b_derive_from_key(key, sizeof key, NUMBER, STORAGE, secret);
    (void)crypto_generichash_blake2b(storage_root, sizeof storage_root, chain, HASH_BYTES, key, sizeof key);
    sodium_memzero(key, sizeof key);
}

bool platform_begin(void) {
    is_measured = bw_use_measurements.address != 0;
    has_secret = is_measured && bw_use_secret.address != 0;
    if (is_measured && !read_measurements((struct text){(const char *)bw_use_measurements.address, bw_use_measurements.bytes})) {
        bw_log("the list of what was loaded (platform.measurements) is not as it should be, or has more than 256 files");
        return false;
    }
    if (bw_use_secret.address != 0 && (!is_measured || bw_use_secret.bytes != crypto_kdf_blake2b_KEYBYTES)) {
        bw_log("platform.secret is 32 bytes, and is of use with platform.measurements only");
        return false;
    }
    if (has_secret) derive((const uint8_t *)bw_use_secret.address);
    return true;
}
