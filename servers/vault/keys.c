/* keys.c: the tables behind badges. A minted badge: bit 31, 22 bits of how often the place was used, 9 of its number. */
#include "keys.h"

#include <bailiwick.h>
#include <sodium/crypto_sign_ed25519.h>
#include <sodium/utils.h>

#define MINTED (1ULL << 31)
#define NUMBER_BITS 9U
#define MOST_TIMES ((1U << (31U - NUMBER_BITS)) - 1U)
_Static_assert(CLIENTS * HANDLES_EACH <= 1U << NUMBER_BITS, "a number for each handle");
_Static_assert(crypto_sign_ed25519_SEEDBYTES == SECRET_BYTES && crypto_sign_ed25519_PUBLICKEYBYTES == PUBLIC_BYTES && crypto_sign_ed25519_SECRETKEYBYTES == SECRET_BYTES + PUBLIC_BYTES, "a key's bytes are libsodium's");

struct client clients[CLIENTS];
uint32_t offers[OFFERS];

uint32_t find_client(uint64_t badge, uint32_t may) {
    const uint64_t offer = badge >> 16, number = badge & 0xffff;
    if ((badge & MINTED) != 0 || offer >= OFFERS || (offers[offer] & may) != may || number == 0 || number > CLIENTS) return 0;
    return (uint32_t)number;
}

struct handle *find_handle(uint64_t badge) {
    const uint32_t number = badge & ((1U << NUMBER_BITS) - 1), times = (uint32_t)(badge & ~MINTED) >> NUMBER_BITS;
    if ((badge & MINTED) == 0 || badge > UINT32_MAX || number >= CLIENTS * HANDLES_EACH) return NULL;
    struct handle *handle = &clients[number / HANDLES_EACH].handles[number % HANDLES_EACH];
    return handle->key != NULL && handle->times == times ? handle : NULL;
}

struct client *client_of_handle(const struct handle *handle) { return &clients[((uint64_t)handle - (uint64_t)clients) / sizeof *clients]; }

uint32_t rights_of_kind(uint32_t kind) {
    switch (kind) {
    case KEY_SYMMETRIC: return KEY_SEAL | KEY_UNSEAL | KEY_DERIVE | KEY_DESTROY;
    case KEY_SIGNING: return KEY_SIGN | KEY_VERIFY | KEY_DESTROY;
    default: return 0;
    }
}

uint64_t make_handle(struct client *client, struct key *key, uint32_t rights) {
    for (uint32_t i = 0; i < HANDLES_EACH; i++) {
        struct handle *handle = &client->handles[i];
        /* One that was used too often is used no more. */
        if (handle->key != NULL || handle->times == MOST_TIMES) continue;
        *handle = (struct handle){.key = key, .rights = rights & rights_of_kind(key->kind), .times = handle->times + 1};
        key->handles++;
        return MINTED | (uint64_t)handle->times << NUMBER_BITS | ((uint64_t)(client - clients) * HANDLES_EACH + i);
    }
    return 0;
}

uint64_t make_key(struct client *client, uint32_t kind, uint32_t rights, const uint8_t secret[SECRET_BYTES]) {
    for (uint32_t i = 0; i < KEYS_EACH; i++) {
        struct key *key = &client->keys[i];
        if (key->kind != KEY_NONE) continue;
        key->kind = kind;
        const uint64_t badge = make_handle(client, key, rights);
        if (badge == 0) {
            key->kind = KEY_NONE;
            return 0;
        }
        if (kind == KEY_SIGNING) (void)crypto_sign_ed25519_seed_keypair(key->bytes + SECRET_BYTES, key->bytes, secret);
        else memcpy(key->bytes, secret, SECRET_BYTES);
        return badge;
    }
    return 0;
}

void close_handle(struct handle *handle) {
    struct key *key = handle->key;
    handle->key = NULL;
    if (--key->handles == 0) sodium_memzero(key, sizeof *key);
}

void destroy_key(struct client *client, struct key *key) {
    for (uint32_t i = 0; i < HANDLES_EACH; i++) if (client->handles[i].key == key) close_handle(&client->handles[i]);
}
