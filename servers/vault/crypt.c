/*
 * crypt.c: a key at work. What is sealed begins with its nonce, which is drawn at random: with 24 bytes none comes twice. Nothing of what was sealed is given
 * before all of it is known to be authentic.
 */
#include "keys.h"
#include "random.h"
#include "request.h"

#include <sodium/crypto_aead_xchacha20poly1305.h>
#include <sodium/crypto_sign_ed25519.h>
#include <sodium/utils.h>

enum { NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES, SIGNATURE = crypto_sign_ed25519_BYTES };
/* What is sealed comes back in a request that is no longer than the one that brought it. */
enum { MOST_SEALED = MESSAGE_BYTES - 8 - NONCE - TAG, MOST_SIGNED = 880, MOST_RANDOM = 256 };
_Static_assert(NONCE == 24 && TAG == 16 && SIGNATURE == 64 && MOST_SEALED == 904 && MOST_SIGNED + SIGNATURE <= MESSAGE_BYTES, "as the protocol says");

static uint8_t given[MESSAGE_BYTES], made[MESSAGE_BYTES];

/* What a request leaves here is wiped with its answer. */
static uint32_t done(uint32_t label) {
    sodium_memzero(given, sizeof given);
    sodium_memzero(made, sizeof made);
    wipe_stack();
    return label;
}

uint32_t do_random(struct bw_request *r) {
    if (find_client(r->badge, MAY_KEYS) == 0) return VAULT_E_NOT_ALLOWED;
    const uint64_t count = r->w[0];
    if (count == 0 || count > MOST_RANDOM) return VAULT_E_BAD_REQUEST;
    random_bytes(made, count);
    answer_bytes(r, 0, made, count);
    return done(0);
}

/* The associated bytes, and behind them those that are to be worked on. */
struct parts {
    size_t associated, count;
    const uint8_t *bytes;
};

static bool take_parts(struct bw_request *r, size_t most, struct parts *parts) {
    if (r->w[1] > most || r->w[0] > r->w[1] || !take_bytes(r, 2, r->w[1], given, sizeof given)) return false;
    *parts = (struct parts){.associated = r->w[0], .count = r->w[1] - r->w[0], .bytes = given + r->w[0]};
    return true;
}

uint32_t do_seal(struct bw_request *r) {
    struct handle *handle;
    struct parts parts;
    unsigned long long count = 0;
    const uint32_t refusal = handle_for(r, KEY_SEAL, &handle);
    if (refusal != 0) return refusal;
    if (!take_parts(r, MOST_SEALED, &parts)) return VAULT_E_BAD_REQUEST;
    random_bytes(made, NONCE);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(made + NONCE, &count, parts.bytes, parts.count, given, parts.associated, NULL, made, handle->key->bytes);
    answer_bytes(r, 0, made, NONCE + count);
    return done(0);
}

uint32_t do_unseal(struct bw_request *r) {
    struct handle *handle;
    struct parts parts;
    unsigned long long count = 0;
    const uint32_t refusal = handle_for(r, KEY_UNSEAL, &handle);
    if (refusal != 0) return refusal;
    if (!take_parts(r, MOST_SEALED + NONCE + TAG, &parts)) return VAULT_E_BAD_REQUEST;
    if (parts.count < NONCE + TAG) return done(VAULT_E_NOT_AUTHENTIC);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(made, &count, NULL, parts.bytes + NONCE, parts.count - NONCE, given, parts.associated, parts.bytes, handle->key->bytes) != 0) return done(VAULT_E_NOT_AUTHENTIC);
    answer_bytes(r, 0, made, count);
    return done(0);
}

uint32_t do_sign(struct bw_request *r) {
    struct handle *handle;
    const uint32_t refusal = handle_for(r, KEY_SIGN, &handle);
    if (refusal != 0) return refusal;
    if (!take_bytes(r, 1, r->w[0], given, MOST_SIGNED)) return VAULT_E_BAD_REQUEST;
    (void)crypto_sign_ed25519_detached(made, NULL, given, r->w[0], handle->key->bytes);
    answer_bytes(r, 0, made, SIGNATURE);
    return done(0);
}

uint32_t do_verify(struct bw_request *r) {
    struct handle *handle;
    const uint32_t refusal = handle_for(r, KEY_VERIFY, &handle);
    if (refusal != 0) return refusal;
    if (!take_bytes(r, 1, r->w[0], given, sizeof given)) return VAULT_E_BAD_REQUEST;
    if (r->w[0] < SIGNATURE) return done(VAULT_E_NOT_AUTHENTIC);
    return done(crypto_sign_ed25519_verify_detached(given, given + SIGNATURE, r->w[0] - SIGNATURE, handle->key->bytes + SECRET_BYTES) == 0 ? 0 : VAULT_E_NOT_AUTHENTIC);
}

uint32_t do_public_key(struct bw_request *r) {
    struct handle *handle;
    const uint32_t refusal = handle_for(r, KEY_VERIFY, &handle);
    if (refusal == 0) answer_bytes(r, 0, handle->key->bytes + SECRET_BYTES, PUBLIC_BYTES);
    return refusal;
}
